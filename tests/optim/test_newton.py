"""Newton's method in a trust region: problems whose minima, steps and decreases are known."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn, optim
from thalweg.core.tensor import Tensor
from thalweg.errors import OptimizerError, TraceError
from thalweg.optim.curvature import LossAtPoint
from thalweg.optim.trust_region import dense_step, gain_ratio, steihaug

SOLVERS = pytest.mark.parametrize("solver", ["dense", "cg"])


def leaf(*values: float) -> Tensor:
    return tw.tensor(list(values), dtype=tw.float64, requires_grad=True)


def rosenbrock(w: Tensor) -> Tensor:
    return (100 * (w[1:] - w[:-1] ** 2) ** 2 + (1 - w[:-1]) ** 2).sum()


def symmetric(values: list[float], seed: int = 0) -> Any:
    """A matrix with these eigenvalues, and its eigenvectors."""
    n = len(values)
    vectors = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]
    return vectors @ np.diag(values) @ vectors.T, vectors


# -- the model in the ball --------------------------------------------------------------------------------


def test_the_step_inside_is_newtons() -> None:
    matrix, _ = symmetric([1e-3, 1.0, 1e3])
    gradient = np.array([1.0, -2.0, 0.5])
    exact = -np.linalg.solve(matrix, gradient)
    for found in (
        dense_step(matrix, gradient, 1e6),
        steihaug(lambda v: matrix @ v, gradient, 1e6, 1e-9, 30),
    ):
        np.testing.assert_allclose(found.step, exact, rtol=1e-7)
        np.testing.assert_allclose(found.predicted, gradient @ np.linalg.solve(matrix, gradient) / 2, rtol=1e-9)
        assert not found.at_edge


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0], [-1.0, 0.5, 2.0], [-3.0, -2.0, -1.0], [0.0, 1.0, 2.0]])
def test_no_step_in_the_ball_is_better_than_the_dense_one(values: list[float]) -> None:
    matrix, _ = symmetric(values)
    gradient, radius = np.array([1.0, -2.0, 0.5]), 0.4
    found = dense_step(matrix, gradient, radius)
    assert found.at_edge
    np.testing.assert_allclose(np.linalg.norm(found.step), radius, rtol=1e-9)
    others = np.random.default_rng(1).standard_normal((20_000, 3))
    others *= radius / np.linalg.norm(others, axis=1, keepdims=True)
    falls = -(others @ gradient) - np.einsum("ki,ij,kj->k", others, matrix, others) / 2
    assert falls.max() <= found.predicted <= falls.max() + 1e-2
    rough = steihaug(lambda v: matrix @ v, gradient, radius, 1e-9, 10)
    np.testing.assert_allclose(np.linalg.norm(rough.step), radius, rtol=1e-9)
    along_gradient = -gradient * radius / np.linalg.norm(gradient)
    cauchy = -(along_gradient @ gradient) - along_gradient @ matrix @ along_gradient / 2
    assert cauchy - 1e-12 <= rough.predicted <= found.predicted + 1e-12


def test_the_hard_case_leaves_a_saddle() -> None:
    """The gradient has no part along the eigenvector of the lowest eigenvalue; it may even be 0."""
    matrix = np.diag([-2.0, 1.0])
    found = dense_step(matrix, np.array([0.0, 1.0]), 2.0)
    np.testing.assert_allclose(abs(found.step), [np.sqrt(4 - 1 / 9), 1 / 3], rtol=1e-6)
    at_saddle = dense_step(matrix, np.zeros(2), 2.0)
    np.testing.assert_allclose(abs(at_saddle.step), [2.0, 0.0], atol=1e-6)
    assert at_saddle.predicted == pytest.approx(4.0)
    flat = dense_step(np.zeros((2, 2)), np.zeros(2), 2.0)
    np.testing.assert_array_equal(flat.step, [0.0, 0.0])


def test_decreases_below_rounding_count_as_kept() -> None:
    assert gain_ratio(0.5, 1.0, 1.0, 1e-16) == pytest.approx(0.5)
    assert gain_ratio(-1e-17, 1e-18, 1.0, 2.2e-16) > 0.9
    assert gain_ratio(-1e-7, 2e-7, 1e-6, 1.2e-7) == pytest.approx(-0.5, abs=1e-3)  # a small loss is no rounding
    assert gain_ratio(0.0, 0.0, 0.0, 1e-16) == 1.0
    assert gain_ratio(float("nan"), 1.0, 1.0, 1e-16) == -float("inf")


def test_products_and_hessian_of_a_network() -> None:
    """Against the Hessian of ``func``, with parameters of several shapes, one of which the loss does not read."""
    tw.manual_seed(0)
    x, y = tw.randn(6, 3, dtype=tw.float64), tw.randn(6, 2, dtype=tw.float64)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).to(tw.float64)
    unused = leaf(1.0)
    params = [*model.parameters(), unused]
    point = LossAtPoint("Newton", ((model(x) - y) ** 2).mean(), params)
    values = {name: p.detach() for name, p in model.named_parameters()}
    nested = tw.func.hessian(lambda v: ((tw.func.functional_call(model, v, (x,)) - y) ** 2).mean())(values)
    size = {name: v.numel() for name, v in values.items()}
    blocks = [[nested[a][b].numpy().reshape(size[a], size[b]) for b in values] for a in values]
    expected = np.pad(np.block(blocks), (0, 1))
    np.testing.assert_allclose(point.hessian(), expected, atol=1e-12)


# -- the optimiser ----------------------------------------------------------------------------------------


@SOLVERS
def test_an_ill_conditioned_quadratic(solver: str) -> None:
    """Condition 1e6: one step if the ball is large enough, and the decrease got is the one predicted."""
    matrix, _ = symmetric([1e-3, 1e-1, 1.0, 1e2, 1e3])
    bottom, w, h = tw.arange(5, dtype=tw.float64), tw.zeros(5, dtype=tw.float64), tw.tensor(matrix)
    w.requires_grad_()
    optimizer = optim.Newton([w], radius=100.0, solver=solver)
    steps = 1 if solver == "dense" else 12  # conjugate gradients are stopped early
    for _ in range(steps):
        optimizer.step(lambda: 0.5 * (w - bottom) @ h @ (w - bottom))
        assert optimizer.last is not None
        assert optimizer.last.got == pytest.approx(optimizer.last.predicted, rel=1e-6, abs=1e-12)
    np.testing.assert_allclose(w.detach().numpy(), np.arange(5), atol=1e-6)


@SOLVERS
@pytest.mark.parametrize("start", [[-1.2, 1.0], [0.0] * 10])
def test_rosenbrock(solver: str, start: list[float]) -> None:
    w = leaf(*start)
    optimizer = optim.Newton([w], solver=solver)
    losses = [optimizer.step(lambda: rosenbrock(w)).item() for _ in range(80)]
    assert all(b <= a + 1e-12 for a, b in itertools.pairwise(losses))  # it never climbs
    assert losses[-1] < 1e-20
    np.testing.assert_allclose(w.detach().numpy(), np.ones(len(start)), atol=1e-9)


@SOLVERS
def test_it_leaves_a_region_of_negative_curvature(solver: str) -> None:
    """x^4/4 - x^2/2 + y^2 has a saddle at 0, where Newton's own step would lead."""
    w = leaf(0.1, 0.3)
    optimizer = optim.Newton([w], solver=solver)
    for _ in range(20):
        optimizer.step(lambda: w[0] ** 4 / 4 - w[0] ** 2 / 2 + w[1] ** 2)
    np.testing.assert_allclose(w.detach().numpy(), [1.0, 0.0], atol=1e-8)


def test_as_many_iterations_as_scipys() -> None:
    """SciPy's exact trust region method, from the same point with the same first radius."""
    scipy_optimize = pytest.importorskip("scipy.optimize")
    start = [-1.2, 1.0, 0.5, -0.5]
    theirs = scipy_optimize.minimize(
        scipy_optimize.rosen, start, jac=scipy_optimize.rosen_der, hess=scipy_optimize.rosen_hess,
        method="trust-exact", options={"initial_trust_radius": 1.0, "gtol": 1e-8},
    )  # fmt: skip
    w = leaf(*start)
    optimizer = optim.Newton([w])
    count = 0
    while optimizer.last is None or optimizer.last.gradient_norm > 1e-8:
        optimizer.step(lambda: rosenbrock(w))
        count += 1
    np.testing.assert_allclose(w.detach().numpy(), theirs.x, atol=1e-7)
    assert count <= 1.3 * theirs.nit


def test_a_step_is_taken_back_where_the_loss_rises_or_is_not_finite() -> None:
    """log has no value left of 0, where the first step would end; the closure sees each try."""
    w = leaf(5.0)
    seen: list[float] = []

    def closure() -> Tensor:
        seen.append(w.item())
        return w - 2 * w.log()

    optimizer = optim.Newton([w], radius=50.0)
    optimizer.step(closure)
    assert optimizer.last is not None and optimizer.last.accepted and optimizer.last.tries > 1
    assert seen[1] < 0 < seen[-1]
    assert w.item() == seen[-1]
    for _ in range(8):
        optimizer.step(closure)
    assert w.item() == pytest.approx(2.0)


def test_if_no_try_helps_the_parameters_stay() -> None:
    """A loss whose values contradict its gradient."""
    w = leaf(1.0)

    def closure() -> Tensor:
        return w.sum() if tw.is_grad_enabled() else w.sum() + 10

    optimizer = optim.Newton([w], max_tries=3)
    assert optimizer.step(closure).item() == 1.0
    assert w.item() == 1.0
    assert optimizer.last is not None
    assert not optimizer.last.accepted and optimizer.last.tries == 3 and optimizer.last.got < 0
    assert optimizer.state[w]["radius"] == pytest.approx(1 / 64)


def test_damping_shortens_the_step() -> None:
    w = leaf(1.0)
    optim.Newton([w], radius=100.0, damping=2.0).step(lambda: w.square().sum())
    assert w.item() == pytest.approx(0.5)  # 1 - 2 / (2 + 2)


@SOLVERS
def test_linear_losses_move_by_the_radius(solver: str) -> None:
    w = leaf(1.0, 1.0)
    optimizer = optim.Newton([w], radius=0.5, solver=solver)
    optimizer.step(lambda: w @ tw.tensor([3.0, 4.0], dtype=tw.float64))
    np.testing.assert_allclose(w.detach().numpy(), [0.7, 0.6], rtol=1e-9)
    assert optimizer.last is not None
    assert (optimizer.last.loss, optimizer.last.gradient_norm) == (7.0, 5.0)
    assert optimizer.last.predicted == pytest.approx(2.5)
    assert optimizer.state[w]["radius"] == 1.0  # doubled


def test_a_small_network_with_many_parameters() -> None:
    """A network of float32, by products only, fits its points better than Adam in as many evaluations of gradients."""
    tw.manual_seed(0)
    x = tw.linspace(-1, 1, 40).reshape(40, 1)
    y = tw.sin(5 * x)
    model = nn.Sequential(nn.Linear(1, 30), nn.Tanh(), nn.Linear(30, 1))
    start = copy.deepcopy(model.state_dict())
    optimizer, products = optim.Newton(model.parameters()), 0
    for _ in range(40):
        loss = optimizer.step(lambda: ((model(x) - y) ** 2).mean())
        assert optimizer.last is not None
        products += optimizer.last.products + 1
    model.load_state_dict(start)
    adam = optim.Adam(model.parameters(), lr=0.01)
    for _ in range(products):
        adam.zero_grad()
        other = ((model(x) - y) ** 2).mean()
        other.backward()
        adam.step()
    assert loss.item() < other.item()
    assert loss.item() < 1e-3


def test_a_loaded_state_goes_on_as_if_nothing_had_happened() -> None:
    def run(w: Tensor, optimizer: optim.Newton, steps: int) -> None:
        for _ in range(steps):
            optimizer.step(lambda: rosenbrock(w))

    w = leaf(-1.2, 1.0)
    optimizer = optim.Newton([w])
    run(w, optimizer, 6)
    saved, at = copy.deepcopy(optimizer.state_dict()), w.detach().clone()
    run(w, optimizer, 4)
    other = at.clone().requires_grad_()
    resumed = optim.Newton([other], radius=0.01)
    resumed.load_state_dict(saved)
    run(other, resumed, 4)
    assert other.tolist() == w.tolist()


OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"radius": 0.0}, "radius must be above 0"),
    ({"radius": 2.0, "max_radius": 1.0}, "radius must be above 0 and not above max_radius"),
    ({"accept": 0.25}, "accept must be below 1/4"),
    ({"damping": -1.0}, "damping must be a finite number"),
    ({"solver": "qr"}, "solver must be"),
    ({"max_iter": 0}, "max_iter must be"),
    ({"max_tries": 1.5}, "max_tries must be"),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS)
def test_options_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptimizerError, match=f"^Newton: {message}"):
        optim.Newton([leaf(1.0)], **options)


CLOSURES: list[tuple[Callable[[Tensor], Any], str]] = [
    (lambda w: w * 1.0, "must return the loss"),
    (lambda w: 1.0, "must return the loss"),
    (lambda w: w.sum().detach(), "has no graph"),
    (lambda w: w.sum() / 0.0, "the loss is inf"),
    (lambda w: (w - 1).abs().pow(0.5).sum() + w.sum(), "the gradient is not finite"),
]


@pytest.mark.parametrize(("closure", "message"), CLOSURES)
def test_closures_that_cannot_be_used(closure: Callable[[Tensor], Any], message: str) -> None:
    w = leaf(1.0, 2.0)
    with pytest.raises(OptimizerError, match=message):
        optim.Newton([w]).step(lambda: closure(w))


def test_what_it_is_not_for() -> None:
    w = leaf(1.0)
    with pytest.raises(OptimizerError, match="needs a closure"):
        optim.Newton([w]).step()
    with pytest.raises(OptimizerError, match="one group"):
        optim.Newton([{"params": [w]}, {"params": [leaf(2.0)]}])
    with pytest.raises(OptimizerError, match="requires a gradient"):
        optim.Newton([tw.zeros(2)])
    optimizer = optim.Newton([w])
    with pytest.raises(TraceError):
        tw.compile(lambda: optimizer.step(lambda: w.square().sum()))()
