"""Shampoo: roots, its recurrence with eigenvalues in NumPy, and what it is good for."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn, optim
from thalweg.core.tensor import Tensor
from thalweg.errors import OptimizerError
from thalweg.optim.shampoo import inverse_root


def exact_root(matrix: Any, exponent: float) -> Any:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values**exponent) @ vectors.T


def symmetric(condition: float, n: int = 20) -> Any:
    vectors = np.linalg.qr(np.random.default_rng(0).standard_normal((n, n)))[0]
    return (vectors * np.logspace(-np.log10(condition), 0, n)) @ vectors.T


@pytest.mark.parametrize("order", [2, 4, 6, 8, 10, 12])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_inverse_roots(order: int, scale: float) -> None:
    matrix = scale * symmetric(1e6)
    exact = exact_root(matrix, -1 / order)
    np.testing.assert_allclose(inverse_root(matrix, order, 30), exact, atol=1e-7 * np.abs(exact).max())


@pytest.mark.parametrize("condition", [1e2, 1e4, 1e10, np.inf])
def test_inverse_roots_in_single_precision(condition: float) -> None:
    """Beyond its precision the root is too small along the lowest directions, but finite and of the right sign."""
    matrix = symmetric(1e2).astype(np.float32)
    if condition > 1e2:
        matrix = symmetric(condition).astype(np.float32) if np.isfinite(condition) else np.ones((20, 20), np.float32)
    root = inverse_root(matrix, 4, 30)
    assert root.dtype == np.float32
    assert np.linalg.eigvalsh(root)[0] > 0
    if condition <= 1e4:
        exact = exact_root(matrix.astype(float), -1 / 4)
        np.testing.assert_allclose(root, exact, atol=1e-2 * np.abs(exact).max())
    largest = np.linalg.eigvalsh(root)[-1] * np.linalg.norm(matrix) ** 0.25
    assert largest < 60  # (16 roundings)^(-1/4) is 27


def reference(start: Any, gradients: list[Any], lr: float, momentum: float, decay: float, eps: float) -> Any:
    """The algorithm of the paper, with a tensor product along each axis and roots from eigenvalues."""
    w, k, buffer = start.copy(), start.ndim, np.zeros_like(start)
    matrices = [eps * np.eye(n) for n in start.shape]
    for gradient in gradients:
        g = gradient + decay * w
        direction = g
        for axis in range(k):
            flat = np.moveaxis(g, axis, 0).reshape(g.shape[axis], -1)
            matrices[axis] = matrices[axis] + flat @ flat.T
            root = exact_root(matrices[axis], -1 / (2 * k))
            direction = np.moveaxis(np.tensordot(root, direction, (1, axis)), 0, axis)
        buffer = momentum * buffer + direction
        w = w - lr * buffer
    return w


@pytest.mark.parametrize("shape", [(5,), (4, 3), (3, 2, 4), (2, 3, 2, 2)])
def test_the_recurrence(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    start, gradients = rng.standard_normal(shape), [rng.standard_normal(shape) for _ in range(5)]
    w = tw.tensor(start, requires_grad=True)
    optimizer = optim.Shampoo([w], lr=0.3, momentum=0.5, weight_decay=0.1, eps=1e-2)
    for gradient in gradients:
        w.grad = tw.tensor(gradient)
        optimizer.step()
    np.testing.assert_allclose(w.detach().numpy(), reference(start, gradients, 0.3, 0.5, 0.1, 1e-2), atol=1e-9)


def test_long_axes_get_no_matrix() -> None:
    """Only the first axis has one: w changes by L^(-1/2) G; without any, by G."""
    gradient = np.random.default_rng(0).standard_normal((3, 7))
    w, free = (tw.zeros(3, 7, dtype=tw.float64, requires_grad=True) for _ in range(2))
    w.grad, free.grad = tw.tensor(gradient), tw.tensor(gradient)
    optimizer = optim.Shampoo([{"params": [w]}, {"params": [free], "max_size": 2}], lr=1.0, max_size=5)
    optimizer.step()
    expected = -exact_root(gradient @ gradient.T + 1e-4 * np.eye(3), -0.5) @ gradient
    np.testing.assert_allclose(w.detach().numpy(), expected, atol=1e-9)
    np.testing.assert_allclose(free.detach().numpy(), -gradient, rtol=1e-12)
    assert sorted(optimizer.state[w]) == ["momentum_buffer", "statistics_0"]
    scalar = tw.tensor(2.0, requires_grad=True)
    scalar.grad = tw.tensor(0.5)
    optim.Shampoo([scalar], lr=1.0).step()
    assert scalar.item() == 1.5


def test_an_ill_conditioned_quadratic() -> None:
    """1/2 |A (W - B) C|^2 with A and C of condition 1e3, so 1e12 for all: in 300 steps far below Adagrad's loss."""
    a, c = tw.tensor(symmetric(1e3, 6)), tw.tensor(symmetric(1e3, 4))
    b = tw.tensor(np.random.default_rng(1).standard_normal((6, 4)))
    losses = {}
    for name in ("Shampoo", "Adagrad"):
        w = tw.zeros(6, 4, dtype=tw.float64, requires_grad=True)
        optimizer = getattr(optim, name)([w], lr=0.5, **({"eps": 1e-12} if name == "Shampoo" else {}))
        for _ in range(300):
            optimizer.zero_grad()
            loss = (a @ (w - b) @ c).square().sum() / 2
            loss.backward()
            optimizer.step()
        losses[name] = loss.item()
    assert losses["Shampoo"] < 0.1 * losses["Adagrad"]


class Job:
    """A small network and its training step."""

    def __init__(self) -> None:
        tw.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).to(tw.float64)
        self.x, self.y = tw.randn(7, 3, dtype=tw.float64), tw.randn(7, 2, dtype=tw.float64)
        self.optimizer = optim.Shampoo(self.model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)

    def step(self) -> Tensor:
        self.optimizer.zero_grad()
        loss = ((self.model(self.x) - self.y) ** 2).mean()
        loss.backward()
        self.optimizer.step()
        return loss

    def values(self) -> Any:
        return np.concatenate([p.detach().numpy().ravel() for p in self.model.parameters()])


def test_compiled_as_eager() -> None:
    eager, compiled = Job(), Job()
    step = tw.compile(compiled.step)
    for _ in range(6):
        eager.step()
        step()
    np.testing.assert_allclose(compiled.values(), eager.values(), rtol=1e-9, atol=1e-12)


def test_a_loaded_state_goes_on_as_if_nothing_had_happened() -> None:
    whole, resumed = Job(), Job()
    for i in range(6):
        whole.step()
        if i == 3:
            saved = copy.deepcopy(resumed.optimizer.state_dict())
            resumed.optimizer = optim.Shampoo(resumed.model.parameters())
            resumed.optimizer.load_state_dict(saved)
        resumed.step()
    np.testing.assert_array_equal(resumed.values(), whole.values())


OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"eps": 0.0}, "eps must be above 0"),
    ({"lr": -1.0}, "lr must be a finite number"),
    ({"root_steps": 0}, "root_steps must be an integer"),
    ({"max_size": -1}, "max_size must be a finite number"),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS)
def test_options_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptimizerError, match=f"^Shampoo: {message}"):
        optim.Shampoo([tw.ones(2, requires_grad=True)], **options)


def test_parameters_and_states_that_do_not_fit() -> None:
    with pytest.raises(OptimizerError, match="parameter 0 has 7 axes"):
        optim.Shampoo([tw.ones(*[1] * 7, requires_grad=True)])
    w = tw.ones(2, 3, requires_grad=True)
    optimizer = optim.Shampoo([w])
    w.grad = tw.ones(2, 3)
    optimizer.step()
    other = optim.Shampoo([tw.ones(3, 2, requires_grad=True)])
    with pytest.raises(OptimizerError, match="of parameter 0 in the loaded state has shape"):
        other.load_state_dict(optimizer.state_dict())
