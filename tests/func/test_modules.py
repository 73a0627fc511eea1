"""Modules as functions: functional_call, stacked models, gradients of samples, and the Jacobians of modules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.errors import ArgumentError, GradcheckError, StateDictError, TransformError
from thalweg.func import (
    functional_call,
    grad,
    module_jacobians,
    per_sample_grad,
    replace_all_batch_norm_modules_,
    stack_module_state,
    vmap,
)


def equal(a: Any, b: Any, tolerance: float = 1e-5) -> None:
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)


# -- functional_call ------------------------------------------------------------------------------------


def test_functional_call_replaces_and_restores():
    model, other = (nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2)) for _ in range(2))
    x = tw.randn(4, 3)
    before = dict(model.named_parameters())
    doubled = {n: p.detach() * 2 for n, p in before.items()}
    got = functional_call(model, doubled, (x,))
    for n, p in other.named_parameters():
        p.data = doubled[n]
    equal(got, other(x), 1e-4)
    assert all(p is before[n] for n, p in model.named_parameters())


def test_functional_call_is_differentiable_in_what_it_is_given():
    model, x = nn.Linear(3, 1), tw.randn(4, 3)
    params = {n: p.detach() for n, p in model.named_parameters()}
    g = grad(lambda p: functional_call(model, p, x).square().sum())(params)
    model(x).square().sum().backward()
    equal(g["weight"], model.weight.grad)
    equal(g["bias"], model.bias.grad)


def test_functional_call_restores_after_an_error():
    model = nn.Linear(3, 1)
    weight = model.weight
    with pytest.raises(RuntimeError):
        functional_call(model, {"weight": tw.zeros(5, 5)}, tw.zeros(2, 3))
    assert model.weight is weight


class Counter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", tw.tensor(0.0))

    def forward(self, x: Any, scale: float = 1.0) -> Any:
        self.count.add_(1)
        return x * scale + self.count


def test_buffers_and_keywords():
    model, own = Counter(), tw.tensor(5.0)
    assert functional_call(model, [{"count": own}, {}], (tw.tensor(1.0),), {"scale": 3.0}).item() == 9
    assert own.item() == 6  # a buffer that is given is changed
    assert model.count.item() == 0
    assert functional_call(model, {}, tw.tensor(1.0)).item() == 2


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
        self.b.weight = self.a.weight

    def forward(self, x: Any) -> Any:
        return self.a(x) + 10 * self.b(x)


def test_tied_weights():
    model, x, eye = Tied(), tw.ones(2), tw.eye(2)
    assert functional_call(model, {"a.weight": eye}, x).tolist() == [11.0, 11.0]
    untied = functional_call(model, {"a.weight": eye, "b.weight": eye * 0}, x, tie_weights=False)
    assert untied.tolist() == [1.0, 1.0]
    with pytest.raises(ArgumentError, match=r"a\.weight and b\.weight are one tensor"):
        functional_call(model, {"a.weight": eye, "b.weight": eye * 0}, x)
    assert functional_call(model, {"a.weight": eye}, x, strict=True).tolist() == [11.0, 11.0]


def test_refused_names():
    model = nn.Linear(2, 2)
    with pytest.raises(StateDictError, match="no wait"):
        functional_call(model, {"wait": tw.ones(2)}, tw.ones(2))
    with pytest.raises(StateDictError, match="missing bias"):
        functional_call(model, {"weight": tw.eye(2)}, tw.ones(2), strict=True)
    with pytest.raises(ArgumentError, match="bias is in more than one"):
        functional_call(model, ({"bias": tw.ones(2)}, {"bias": tw.ones(2)}), tw.ones(2))
    with pytest.raises(ArgumentError, match="expects a dictionary"):
        functional_call(model, 3, tw.ones(2))


# -- ensembles and samples ------------------------------------------------------------------------------


def test_stacked_models():
    models = [nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)) for _ in range(3)]
    params, buffers = stack_module_state(models)
    x = tw.randn(5, 3)
    out = vmap(lambda p, b, x: functional_call(models[0], (p, b), x), in_dims=(0, 0, None))(params, buffers, x)
    for i, model in enumerate(models):
        equal(out[i], model(x))
    out.square().sum().backward()
    for i, model in enumerate(models):
        model(x).square().sum().backward()
        for n, p in model.named_parameters():
            equal(params[n].grad[i], p.grad)
    assert all(p.is_leaf for p in params.values())


def test_stacked_models_with_batch_normalisation():
    models = [nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)) for _ in range(2)]
    x = tw.randn(5, 3)
    with pytest.raises(TransformError):
        vmap(lambda p: functional_call(models[0], p, x))(stack_module_state(models)[0])
    for model in models:
        assert replace_all_batch_norm_modules_(model) is model
    assert not dict(models[0].named_buffers())
    out = vmap(lambda p: functional_call(models[0], p, x))(stack_module_state(models)[0])
    for i, model in enumerate(models):
        equal(out[i], model(x))


def test_models_that_can_not_be_stacked():
    with pytest.raises(ArgumentError, match="at least one"):
        stack_module_state([])
    with pytest.raises(ArgumentError, match="one class"):
        stack_module_state([nn.Linear(1, 1), nn.Tanh()])
    with pytest.raises(ArgumentError, match="modes"):
        stack_module_state([nn.Linear(1, 1), nn.Linear(1, 1).eval()])
    with pytest.raises(ArgumentError, match="different names"):
        stack_module_state([nn.Linear(1, 1), nn.Linear(1, 1, bias=False)])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_gradients_of_samples_equal_a_loop(reduction):
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    model[0].bias.requires_grad_(False)
    loss = nn.CrossEntropyLoss(reduction=reduction)
    x, y = tw.randn(6, 3), tw.randint(0, 2, (6,))
    grads = per_sample_grad(model, loss)(x, y)
    assert "0.bias" not in grads
    for i in range(6):
        model.zero_grad()
        loss(model(x[i : i + 1]), y[i : i + 1]).sum().backward()
        for n, p in model.named_parameters():
            if p.requires_grad:
                equal(grads[n][i], p.grad)
    chunked = per_sample_grad(model, loss, chunk_size=4)(x, y)
    compiled = tw.compile(per_sample_grad(model, loss))(x, y)
    for n, g in grads.items():
        assert not g.requires_grad
        equal(chunked[n], g)
        equal(compiled[n], g)


def test_gradients_of_samples_with_dropout_and_without_targets():
    model = nn.Sequential(nn.Linear(3, 50, bias=False), nn.Dropout(0.5))
    grads = per_sample_grad(model, lambda out: out.sum())(tw.ones(2, 3))["0.weight"]
    assert not bool((grads[0] == grads[1]).all())
    same = per_sample_grad(model, lambda out: out.sum(), randomness="same")(tw.ones(2, 3))["0.weight"]
    assert bool((same[0] == same[1]).all())


def test_samples_that_a_layer_mixes_have_no_gradients():
    with pytest.raises(TransformError):
        per_sample_grad(_Running(), lambda out: out.sum())(tw.ones(2, 3))
    with pytest.raises(ArgumentError, match="none of the model's parameters"):
        per_sample_grad(nn.Tanh(), lambda out: out.sum())(tw.ones(2, 3))


class _Running(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(tw.tensor(1.0))
        self.register_buffer("average", tw.zeros(3))

    def forward(self, x: Any) -> Any:
        self.average.mul_(0.9).add_(x.mean(0))
        return x * self.scale


# -- Jacobians of modules -------------------------------------------------------------------------------


def test_matrices_of_a_sequence_are_those_of_the_lecture():
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1)).double()
    x = tw.randn(3, dtype=tw.float64)
    jacobians = module_jacobians(model, x)
    assert [e.name for e in jacobians] == ["0", "1", "2"]
    first, tanh, last = jacobians
    z = model[0](x)
    equal(first.state, model[0].weight)
    equal(first.weights["weight"], tw.cat([tw.cat([x, 0 * x]), tw.cat([0 * x, x])]).reshape(2, 6))
    equal(first.weights["bias"], tw.eye(2).double())
    equal(tanh.state, (1 - z.tanh() ** 2).diag())
    assert not tanh.weights
    assert list(first.weights) == ["weight", "bias"]
    row = tw.ones(1, 1, dtype=tw.float64)
    equal(row @ last.state @ tanh.state @ first.state, tw.autograd.grad(model(z := x.requires_grad_()), z)[0][None])
    assert jacobians.check(atol=1e-12, rtol=1e-12)
    assert (first.d_in, first.d_out) == (3, 2)
    assert str(first.weights) == "weights(weight, bias)"
    with pytest.raises(KeyError):
        first.weights["scale"]


def test_matrices_are_computed_when_they_are_asked_for(monkeypatch):
    model = nn.Sequential(nn.Linear(300, 200), nn.Linear(200, 100))
    jacobians = module_jacobians(model, tw.ones(300))
    text = repr(jacobians)
    assert text.splitlines()[1:] == [
        "   module    dz/dx        dz/dw",
        "0  0 Linear  [200 x 300]  weight [200 x 60000], bias [200 x 200]",
        "1  1 Linear  [100 x 200]  weight [100 x 20000], bias [100 x 100]",
    ]
    assert not jacobians[1].weights._found
    assert "state" not in vars(jacobians[1])
    assert jacobians[1].weights["bias"] is jacobians[1].weights["bias"]
    assert list(jacobians[1].weights._found) == ["bias"]


class Block(nn.Module):
    """A residual block: a module used twice, a branch, a parameter of its own, dropout, a change in place."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Bilinear(4, 4, 4)
        self.act, self.drop = nn.ReLU(inplace=True), nn.Dropout(0.5)
        self.scale = nn.Parameter(tw.tensor(2.0))

    def forward(self, x: Any) -> Any:
        h = self.act(self.a(x))
        h = self.drop(self.b(h, x)) + x * self.scale
        return self.a(h) + tw.cat([h[:, 2:], h[:, :2]], 1), h.sum()


def test_any_graph_of_modules():
    model, x = Block(), tw.randn(2, 4)
    tw.manual_seed(3)
    jacobians = module_jacobians(model, x)
    after = tw.get_rng_state()
    assert [e.name for e in jacobians] == ["a", "act", "b", "drop", "a"]
    assert jacobians[2].state.shape == (8, 16)
    assert jacobians.check()
    assert tw.get_rng_state().tolist() == after.tolist()
    found = jacobians.gradients(tw.ones(2, 4), tw.tensor(1.0))
    tw.manual_seed(3)
    x.requires_grad_()
    out = model(x)
    (out[0].sum() + out[1]).backward()
    for n, p in model.named_parameters():
        equal(found[n], p.grad)
    equal(found["input 0"], x.grad)


def test_a_batch_gives_block_diagonal_matrices():
    model, x = nn.Linear(3, 2), tw.randn(2, 3)
    state = module_jacobians(model, x)[0].state
    equal(state[:2, :3], model.weight)
    equal(state[2:, 3:], model.weight)
    assert state[:2, 3:].abs().sum().item() == 0


def test_buffers_modes_and_recurrences_are_left_alone():
    model = nn.Sequential(Counter(), nn.Dropout(0.3), nn.Linear(2, 2))
    jacobians = module_jacobians(model, tw.ones(2))
    count = model[0].count.item()
    model.eval()
    assert jacobians.check()
    assert model[0].count.item() == count == 1
    assert not model.training


def test_a_wrong_chain_is_noticed():
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    jacobians = module_jacobians(model, tw.ones(3))
    jacobians[1].state.mul_(1.5)
    with pytest.raises(GradcheckError, match=r"0\.weight"):
        jacobians.check()
    with pytest.raises(ArgumentError, match="1 floating-point outputs, 2 were given"):
        jacobians.gradients(tw.ones(2), tw.ones(2))
    with pytest.raises(ArgumentError, match="no floating-point tensor"):
        module_jacobians(_Positions(), tw.ones(3))


class _Positions(nn.Module):
    def forward(self, x: Any) -> Any:
        return x.argmax()
