"""Whole networks under transformations: convolutions, recurrences, attention, embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.func import functional_call, grad, jvp, module_jacobians, per_sample_grad


class LastStep(nn.Module):
    def __init__(self, rnn: nn.Module) -> None:
        super().__init__()
        self.rnn, self.out = rnn, nn.Linear(6, 3)

    def forward(self, x: Any) -> Any:
        return self.out(self.rnn(x)[0][:, -1])


class Averaged(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.out = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        return self.out(self.layer(x).mean(1))


def image_model() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), nn.GroupNorm(2, 6), nn.Tanh(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(24, 3),
    )  # fmt: skip


MODELS = {
    "convolutions": (image_model, (12, 12), "image"),
    "LSTM": (lambda: LastStep(nn.LSTM(4, 6, num_layers=2, batch_first=True)), (5, 4), ""),
    "GRU": (lambda: LastStep(nn.GRU(4, 6, batch_first=True)), (5, 4), ""),
    "attention": (Averaged, (5, 8), ""),
    "embedding": (lambda: nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 3)), (3,), "integers"),
    "normalised": (lambda: nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)).eval(), (4,), ""),
}


def made(name: str) -> tuple[nn.Module, Any, Any]:
    """A model in float64, three inputs and their classes."""
    tw.manual_seed(3)
    build, shape, kind = MODELS[name]
    shape = (3, 1, *shape) if kind == "image" else (3, *shape)
    x = tw.randint(0, 9, shape) if kind == "integers" else tw.randn(*shape, dtype=tw.float64)
    return build().double(), x, tw.tensor([0, 2, 1])


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", MODELS)
def test_gradients_of_samples(name):
    model, x, y = made(name)
    loss = nn.CrossEntropyLoss()
    grads = per_sample_grad(model, loss)(x, y)
    for i in range(3):
        model.zero_grad()
        loss(model(x[i : i + 1]), y[i : i + 1]).backward()
        for n, p in model.named_parameters():
            close(grads[n][i], p.grad)


@pytest.mark.parametrize("name", MODELS)
def test_hessian_vector_products_of_both_kinds_agree(name):
    model, x, y = made(name)
    params = {n: p.detach() for n, p in model.named_parameters()}
    v = {n: tw.randn_like(p) for n, p in params.items()}

    def loss(params: Any) -> Any:
        return nn.functional.cross_entropy(functional_call(model, params, (x,)), y)

    def slope(params: Any) -> Any:
        return sum(((g * v[n]).sum() for n, g in grad(loss)(params).items()), tw.tensor(0.0).double())

    forward, reverse = jvp(grad(loss), (params,), (v,))[1], grad(slope)(params)
    for n in params:
        close(forward[n], reverse[n])


@pytest.mark.parametrize("name", MODELS)
def test_the_chain_of_jacobians_is_backprop(name):
    model, x, _ = made(name)
    assert module_jacobians(model, x[:1]).check(atol=1e-9, rtol=1e-9)


def test_a_compiled_hessian_vector_product():
    model, x, y = made("attention")
    params = {n: p.detach() for n, p in model.named_parameters()}

    def product(params: Any, v: Any) -> Any:
        return jvp(grad(lambda p: nn.functional.cross_entropy(functional_call(model, p, (x,)), y)), (params,), (v,))[1]

    v = {n: tw.randn_like(p) for n, p in params.items()}
    eager, compiled = product(params, v), tw.compile(product)(params, v)
    for n in params:
        close(compiled[n], eager[n])
