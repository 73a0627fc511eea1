"""Least squares: problems with known solutions, and SciPy's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn, optim
from thalweg.core.tensor import Tensor
from thalweg.errors import OptimizerError
from thalweg.optim.curvature import ResidualAtPoint

SOLVERS = pytest.mark.parametrize("solver", ["dense", "cg"])
T = np.linspace(0, 3, 25)
DATA = 2.5 * np.exp(-1.3 * T) + 0.5 + 0.05 * np.random.default_rng(0).standard_normal(25)


def leaf(*values: float) -> Tensor:
    return tw.tensor(list(values), dtype=tw.float64, requires_grad=True)


def decay(w: Any, exp: Any, t: Any, data: Any) -> Any:
    """The residuals of w0 exp(-w1 t) + w2."""
    return w[0] * exp(-w[1] * t) + w[2] - data


def rosenbrock(w: Tensor) -> Tensor:
    return tw.stack([10 * (w[1] - w[0] ** 2), 1 - w[0]])


def run(w: Tensor, residual: Callable[[Tensor], Tensor], steps: int, **options: Any) -> optim.LevenbergMarquardt:
    optimizer = optim.LevenbergMarquardt([w], **options)
    for _ in range(steps):
        optimizer.step(lambda: residual(w))
    return optimizer


# -- the Jacobian's products ------------------------------------------------------------------------------


@pytest.mark.parametrize("outputs", [2, 9])  # fewer and more residuals than parameters
def test_products_and_jacobian_of_a_network(outputs: int) -> None:
    """Against the Jacobian of ``func``; ReLU has kinks, and one parameter is not read."""
    tw.manual_seed(0)
    x = tw.randn(3, dtype=tw.float64)
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, outputs), nn.Sigmoid()).to(tw.float64)
    params = [*model.parameters(), leaf(1.0)]
    point = ResidualAtPoint("LevenbergMarquardt", model(x), params)
    values = {name: p.detach() for name, p in model.named_parameters()}
    nested = tw.func.jacrev(lambda v: tw.func.functional_call(model, v, (x,)))(values)
    blocks = [nested[name].numpy().reshape(outputs, -1) for name in values]
    expected = np.concatenate([*blocks, np.zeros((outputs, 1))], axis=1)
    rng = np.random.default_rng(0)
    u, v = rng.standard_normal(outputs), rng.standard_normal(expected.shape[1])
    np.testing.assert_allclose(point.jacobian(), expected, atol=1e-12)
    np.testing.assert_allclose(point.product(v), expected @ v, atol=1e-12)
    np.testing.assert_allclose(point.transposed_product(u), u @ expected, atol=1e-12)


def test_residuals_of_other_tensors_have_jacobian_zero() -> None:
    point = ResidualAtPoint("LevenbergMarquardt", leaf(1.0, 2.0) * 2, [leaf(1.0)])
    np.testing.assert_array_equal(point.product(np.ones(1)), [0.0, 0.0])
    np.testing.assert_array_equal(point.gradient, [0.0])


# -- the optimiser ----------------------------------------------------------------------------------------


def test_linear_least_squares_with_condition_1e6() -> None:
    """Condition 1e6 of A, so 1e12 of the normal equations; the answer is NumPy's."""
    rng = np.random.default_rng(0)
    left, right = np.linalg.qr(rng.standard_normal((20, 5)))[0], np.linalg.qr(rng.standard_normal((5, 5)))[0]
    matrix = left @ np.diag(np.logspace(-6, 0, 5)) @ right.T
    b = rng.standard_normal(20)
    w, a, target = leaf(*[0.0] * 5), tw.tensor(matrix), tw.tensor(b)
    run(w, lambda w: a @ w - target, 20, damping=1e-6)
    exact = np.linalg.lstsq(matrix, b, rcond=None)[0]
    np.testing.assert_allclose(w.detach().numpy(), exact, rtol=1e-5)


@SOLVERS
def test_the_first_step_solves_the_damped_equation(solver: str) -> None:
    matrix = np.array([[3.0, 1.0], [1.0, 2.0], [0.0, 1.0]])
    b, a = np.array([1.0, 2.0, 3.0]), tw.tensor(matrix)
    w = leaf(0.0, 0.0)
    optimizer = run(w, lambda w: a @ w - tw.tensor(b), 1, damping=0.5, solver=solver, tolerance=1e-14)
    gradient = -matrix.T @ b
    size = np.linalg.norm(gradient)
    scale = 10.0 if solver == "dense" else np.sum((matrix @ gradient / size) ** 2)  # 3^2 + 1^2
    expected = np.linalg.solve(matrix.T @ matrix + 0.5 * scale * np.eye(2), matrix.T @ b)
    np.testing.assert_allclose(w.detach().numpy(), expected, rtol=1e-9)
    last = optimizer.last
    assert last is not None
    assert last.control == pytest.approx(0.5 * scale)
    assert last.got == pytest.approx((b @ b - np.sum((matrix @ expected - b) ** 2)) / 2)
    assert last.predicted == pytest.approx(last.got) and last.ratio == pytest.approx(1.0)
    assert optimizer.state[w]["damping"] == pytest.approx(last.control / 3)


@SOLVERS
def test_an_exponential_decay_as_scipy_fits_it(solver: str) -> None:
    scipy_optimize = pytest.importorskip("scipy.optimize")
    theirs = scipy_optimize.least_squares(lambda w: decay(w, np.exp, T, DATA), [1.0, 0.5, 0.0], method="lm")
    w, t, data = leaf(1.0, 0.5, 0.0), tw.tensor(T), tw.tensor(DATA)
    optimizer = run(w, lambda w: decay(w, tw.exp, t, data), 15, solver=solver)
    np.testing.assert_allclose(w.detach().numpy(), theirs.x, rtol=1e-6)
    assert optimizer.last is not None
    assert optimizer.last.loss == pytest.approx(theirs.cost, rel=1e-9)


@SOLVERS
def test_rosenbrock_as_residuals(solver: str) -> None:
    w = leaf(-1.2, 1.0)
    run(w, rosenbrock, 30, solver=solver)
    np.testing.assert_allclose(w.detach().numpy(), [1.0, 1.0], atol=1e-8)


@SOLVERS
def test_powells_singular_function(solver: str) -> None:
    """The Jacobian loses rank at the solution, 0; convergence is linear there (Powell 1962)."""
    w = leaf(3.0, -1.0, 0.0, 1.0)

    def residual(w: Tensor) -> Tensor:
        return tw.stack(
            [w[0] + 10 * w[1], 5**0.5 * (w[2] - w[3]), (w[1] - 2 * w[2]) ** 2, 10**0.5 * (w[0] - w[3]) ** 2]
        )

    optimizer = run(w, residual, 40, solver=solver)
    assert optimizer.last is not None and optimizer.last.loss < 1e-16
    np.testing.assert_allclose(w.detach().numpy(), np.zeros(4), atol=1e-3)


def test_dampings_that_fail_grow_ever_faster() -> None:
    """Nielsen's factors 2, 4, 8; the parameters stay where they are if nothing helps."""
    w = leaf(1.0)

    def closure() -> Tensor:
        return w * 1.0 if tw.is_grad_enabled() else w * 1.0 + 10

    optimizer = optim.LevenbergMarquardt([w], damping=1.0, max_tries=3)
    assert optimizer.step(closure).item() == 0.5
    assert w.item() == 1.0
    assert optimizer.last is not None and not optimizer.last.accepted
    assert optimizer.state[w] == {"damping": 64.0, "factor": 16.0}


def test_a_network_by_products_fits_better_than_adam() -> None:
    tw.manual_seed(0)
    x = tw.linspace(-1, 1, 40).reshape(40, 1)
    y = tw.sin(5 * x)
    model = nn.Sequential(nn.Linear(1, 30), nn.Tanh(), nn.Linear(30, 1))
    start = copy.deepcopy(model.state_dict())
    optimizer, products = optim.LevenbergMarquardt(model.parameters(), solver="cg", max_iter=30), 0
    for _ in range(30):
        loss = optimizer.step(lambda: model(x) - y)
        assert optimizer.last is not None
        products += optimizer.last.products + 1
    model.load_state_dict(start)
    adam = optim.Adam(model.parameters(), lr=0.01)
    for _ in range(products):
        adam.zero_grad()
        other = ((model(x) - y) ** 2).sum() / 2
        other.backward()
        adam.step()
    assert loss.item() < 0.5 * other.item()


def test_a_loaded_state_goes_on_as_if_nothing_had_happened() -> None:
    w = leaf(-1.2, 1.0)
    optimizer = run(w, rosenbrock, 4)
    other = w.detach().clone().requires_grad_()
    resumed = optim.LevenbergMarquardt([other], damping=7.0)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for _ in range(4):
        optimizer.step(lambda: rosenbrock(w))
        resumed.step(lambda: rosenbrock(other))
    assert other.tolist() == w.tolist()


OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"damping": 0.0}, "damping must be above 0"),
    ({"tolerance": -1.0}, "tolerance must be a finite number"),
    ({"solver": "qr"}, "solver must be"),
    ({"max_iter": 0}, "max_iter must be"),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS)
def test_options_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptimizerError, match=f"^LevenbergMarquardt: {message}"):
        optim.LevenbergMarquardt([leaf(1.0)], **options)


CLOSURES: list[tuple[Callable[[Tensor], Any], str]] = [
    (lambda w: 1.0, "must return the residuals"),
    (lambda w: w.detach(), "must return the residuals"),
    (lambda w: w / 0.0, "a residual is not finite"),
]


@pytest.mark.parametrize(("closure", "message"), CLOSURES)
def test_closures_that_cannot_be_used(closure: Callable[[Tensor], Any], message: str) -> None:
    w = leaf(1.0, 2.0)
    with pytest.raises(OptimizerError, match=message):
        optim.LevenbergMarquardt([w]).step(lambda: closure(w))
    with pytest.raises(OptimizerError, match="needs a closure"):
        optim.LevenbergMarquardt([w]).step()
