"""Step sizes that are vectors and positive semi-definite matrices."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import optim
from thalweg.core.tensor import Tensor
from thalweg.errors import OptimizerError

rng = np.random.default_rng(0)
HALF = rng.standard_normal((7, 7))
H = HALF @ HALF.T + np.eye(7)
BOTTOM = rng.standard_normal(7)


def split(w: Any) -> list[Tensor]:
    """Seven numbers as parameters of the shapes (2, 2), () and (2,)."""
    return [tw.tensor(v.copy(), requires_grad=True) for v in (np.asarray(w[:4]).reshape(2, 2), np.asarray(w[4]), w[5:])]


def join(params: list[Tensor]) -> Any:
    return np.concatenate([p.detach().numpy().ravel() for p in params])


def pull(params: list[Tensor]) -> Any:
    """Set the gradients of 1/2 (w - b)^T H (w - b), and return them as one vector."""
    g = H @ (join(params) - BOTTOM)
    for p, q in zip(params, split(g), strict=True):
        p.grad = q.detach()
    return g


def test_the_inverse_hessian_reaches_the_minimum_in_one_step() -> None:
    params = split(np.zeros(7))
    optimizer = optim.SGD(params, lr=tw.tensor(np.linalg.inv(H)))
    pull(params)
    optimizer.step()
    np.testing.assert_allclose(join(params), BOTTOM, rtol=1e-10, atol=1e-12)


def test_vector_and_diagonal_matrix_are_the_same_step() -> None:
    eta = np.array([0.0, 0.1, 0.2, 0.3, 0.05, 0.6, 0.01])
    start = rng.standard_normal(7)
    for lr in (eta, tw.tensor(eta), np.diag(eta), tw.tensor(np.diag(eta))):
        params = split(start)
        optimizer = optim.SGD(params, lr=lr)
        expected = start
        for _ in range(3):
            g = pull(params)
            optimizer.step()
            expected = expected - eta * g
        np.testing.assert_allclose(join(params), expected, rtol=1e-12, atol=1e-12)


def test_constant_vector_is_the_number() -> None:
    one, two = split(BOTTOM + 1), split(BOTTOM + 1)
    a, b = optim.SGD(one, lr=0.125, momentum=0.5), optim.SGD(two, lr=np.full(7, 0.125), momentum=0.5)
    for _ in range(3):
        pull(one), pull(two)
        a.step(), b.step()
    assert join(one).tolist() == join(two).tolist()


def test_momentum_decay_and_maximize_act_before_the_matrix() -> None:
    eta = np.linalg.inv(H) / 2
    params = split(np.ones(7))
    optimizer = optim.SGD(params, lr=eta, momentum=0.5, weight_decay=0.1, nesterov=True, maximize=True)
    w, buffer = np.ones(7), None
    for _ in range(4):
        g = -pull(params) + 0.1 * w
        buffer = g if buffer is None else 0.5 * buffer + g
        w = w - eta @ (g + 0.5 * buffer)
        optimizer.step()
        np.testing.assert_allclose(join(params), w, rtol=1e-11)
    assert optimizer.state[params[0]]["momentum_buffer"].shape == (2, 2)


def test_one_parameter_of_two_dimensions() -> None:
    p = tw.tensor(np.arange(4.0).reshape(2, 2), requires_grad=True)
    eta = np.diag([1.0, 0.0, 0.0, 0.5])
    eta[0, 3] = eta[3, 0] = 0.25
    p.grad = tw.tensor([[1.0, 1.0], [1.0, 2.0]], dtype=tw.float64)
    optim.SGD([p], lr=eta).step()
    assert p.tolist() == [[0 - 1.5, 1.0], [2.0, 3 - 1.25]]


def test_every_group_has_its_own() -> None:
    x, y, z = (tw.ones(2, requires_grad=True) for _ in range(3))
    optimizer = optim.SGD(
        [
            {"params": [x], "lr": tw.tensor([0.5, 0.0])},
            {"params": [y], "lr": np.array([[1.0, 0.5], [0.5, 1.0]])},
            {"params": [z]},
        ],
        lr=0.25,
    )
    for p in (x, y, z):
        p.grad = tw.tensor([1.0, 2.0])
    optimizer.step()
    assert [p.tolist() for p in (x, y, z)] == [[0.5, 1.0], [-1.0, -1.5], [0.75, 0.5]]


def test_parameters_without_gradient_lose_their_rows_and_columns() -> None:
    eta = np.linalg.inv(H)
    params = split(np.ones(7))
    optimizer = optim.SGD(params, lr=eta)
    g = pull(params)
    params[1].grad = None
    optimizer.step()
    rows = [0, 1, 2, 3, 5, 6]
    expected = np.ones(7)
    expected[rows] -= eta[np.ix_(rows, rows)] @ g[rows]
    np.testing.assert_allclose(join(params), expected, rtol=1e-12)
    params[1].grad = tw.zeros((), dtype=tw.float64)
    pull(params)
    optimizer.step()  # and has them back when a gradient comes
    np.testing.assert_allclose(join(params), expected - eta @ (H @ (expected - BOTTOM)), rtol=1e-10)


def test_vectors_lose_the_entries() -> None:
    x, y = tw.ones(2, requires_grad=True), tw.ones(2, requires_grad=True)
    optimizer = optim.SGD([x, y], lr=tw.tensor([0.5, 0.25, 1.0, 2.0]))
    y.grad = tw.ones(2)
    optimizer.step()
    assert (x.tolist(), y.tolist()) == ([1.0, 1.0], [0.0, -1.0])


def test_the_matrix_is_copied_in_the_parameters_dtype() -> None:
    mine = np.eye(2)
    p = tw.ones(2, requires_grad=True)
    optimizer = optim.SGD([p], lr=mine)
    mine[:] = 0
    lr = optimizer.param_groups[0]["lr"]
    assert isinstance(lr, Tensor) and lr.dtype is tw.float32 and lr.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    p.grad = tw.ones(2)
    optimizer.step()
    assert p.tolist() == [0.0, 0.0] and optimizer.param_groups[0]["lr"] is lr


def test_setting_another_one_later_is_checked_at_the_next_step() -> None:
    p = tw.ones(2, requires_grad=True)
    optimizer = optim.SGD([p], lr=0.5)
    p.grad = tw.ones(2)
    optimizer.step()
    optimizer.param_groups[0]["lr"] = np.diag([1.0, 2.0])
    optimizer.step()
    assert p.tolist() == [-0.5, -1.5]
    optimizer.param_groups[0]["lr"] = np.diag([1.0, -2.0])
    with pytest.raises(OptimizerError, match="its smallest eigenvalue is -2"):
        optimizer.step()
    assert p.tolist() == [-0.5, -1.5]
    optimizer.param_groups[0]["lr"] = 0.25
    optimizer.step()
    assert p.tolist() == [-0.75, -1.75]


def test_round_trip_of_the_state() -> None:
    straight, broken = split(np.ones(7)), split(np.ones(7))
    eta = np.linalg.inv(H) / 4
    one, two = optim.SGD(straight, lr=eta, momentum=0.9), optim.SGD(broken, lr=eta, momentum=0.9)
    for _ in range(5):
        pull(straight)
        one.step()
    for _ in range(2):
        pull(broken)
        two.step()
    saved = copy.deepcopy(two.state_dict())
    np.testing.assert_array_equal(saved["param_groups"][0]["lr"].numpy(), eta)
    fresh = optim.SGD(broken, lr=1.0)
    fresh.load_state_dict(saved)
    for _ in range(3):
        pull(broken)
        fresh.step()
    assert join(straight).tolist() == join(broken).tolist()


BAD: list[tuple[Any, str]] = [
    (np.diag([1.0, -0.5]), "not positive semi-definite: its smallest eigenvalue is -0.5"),
    (np.array([[1.0, 2.0], [2.0, 1.0]]), "its smallest eigenvalue is -1"),
    (np.array([[1, 2], [2, 1]]), "its smallest eigenvalue is -1"),
    (np.array([[1.0, 0.5], [0.0, 1.0]]), r"not symmetric .* by up to 0\.5; .* smallest eigenvalue .* is 0\.75"),
    (np.array([[1.0, math.nan], [0.0, 1.0]]), "NaN or infinite"),
    (np.array([1.0, math.inf]), "NaN or infinite"),
    (np.array([1.0, -0.25]), r"entry 1 is -0\.25"),
    (np.ones(3), r"lr has shape \(3,\), but the parameters of the group have 2 elements"),
    (np.eye(3), r"shape \(3, 3\), .* a vector of 2 or a matrix of 2 x 2"),
    (np.ones((1, 2)), r"shape \(1, 2\)"),
    (np.ones((2, 2, 2)), r"shape \(2, 2, 2\)"),
    ([0.1, 0.2], "not list"),
]


@pytest.mark.parametrize(("lr", "message"), BAD)
def test_bad_step_sizes(lr: Any, message: str) -> None:
    p = tw.ones(2, dtype=tw.float64, requires_grad=True)
    with pytest.raises(OptimizerError, match=f"^SGD: .*{message}"):
        optim.SGD([p], lr=lr)
    with pytest.raises(OptimizerError, match=f"^SGD: .*{message}"):
        optim.SGD([{"params": [p], "lr": lr}])
    optimizer = optim.SGD([p])
    with pytest.raises(OptimizerError, match=message):
        optimizer.add_param_group({"params": [tw.ones(2, dtype=tw.float64, requires_grad=True)], "lr": lr})
    assert len(optimizer.param_groups) == 1


def test_rounding_is_forgiven() -> None:
    """A projection has eigenvalues 0, which come out as -1e-17 or so; a matrix of rank 1, too."""
    p = tw.ones(50, requires_grad=True)
    x = rng.standard_normal(50)
    for dtype in (np.float32, np.float64):
        optim.SGD([p], lr=np.outer(x, x).astype(dtype))
        optim.SGD([p], lr=np.eye(50, dtype=dtype) - np.outer(x, x).astype(dtype) / dtype(x @ x))
    optim.SGD([p], lr=np.zeros((50, 50)))


def test_dtypes_must_agree() -> None:
    p, q = tw.ones(1, requires_grad=True), tw.ones(1, dtype=tw.float64, requires_grad=True)
    with pytest.raises(OptimizerError, match="one dtype, here they have float32, float64"):
        optim.SGD([p, q], lr=tw.ones(2))


# -- schedules --------------------------------------------------------------------------------------------

MULTIPLYING = {
    "StepLR": {"step_size": 2, "gamma": 0.5},
    "MultiStepLR": {"milestones": [1, 3], "gamma": 0.5},
    "ConstantLR": {},
    "LinearLR": {},
    "ExponentialLR": {"gamma": 0.9},
    "PolynomialLR": {"total_iters": 8, "power": 2.0},
    "CosineAnnealingLR": {"T_max": 5},
    "CosineAnnealingWarmRestarts": {"T_0": 3},
    "LambdaLR": {"lr_lambda": lambda epoch: 1 / (1 + epoch)},
    "MultiplicativeLR": {"lr_lambda": lambda epoch: 0.7},
}


@pytest.mark.parametrize("kind", ["vector", "matrix"])
@pytest.mark.parametrize("name", list(MULTIPLYING))
def test_schedules_multiply(name: str, kind: str) -> None:
    """The rate is at all times the factor that a rate of 1.0 has, times the first rate."""
    eta = np.linalg.inv(H) if kind == "matrix" else np.arange(7.0)
    params, scalar = split(np.ones(7)), tw.ones(1, requires_grad=True)
    one, two = optim.SGD(params, lr=eta), optim.SGD([scalar], lr=1.0)
    schedule, factors = (getattr(optim.lr_scheduler, name)(o, **MULTIPLYING[name]) for o in (one, two))
    lr = one.param_groups[0]["lr"]
    for _ in range(8):
        (factor,) = factors.get_last_lr()
        np.testing.assert_allclose(schedule.get_last_lr()[0].numpy(), factor * eta, rtol=1e-12, atol=1e-14)
        g, before = pull(params), join(params)
        one.step(), two.step()
        step = factor * eta @ g if kind == "matrix" else factor * eta * g
        np.testing.assert_allclose(join(params), before - step, rtol=1e-11, atol=1e-12)
        schedule.step(), factors.step()
    assert one.param_groups[0]["lr"] is lr
    np.testing.assert_array_equal(one.param_groups[0]["initial_lr"].numpy(), eta)


def test_composed_schedules_multiply() -> None:
    eta = np.linalg.inv(H)
    params = split(np.ones(7))
    optimizer = optim.SGD(params, lr=eta)
    s = optim.lr_scheduler
    parts = [s.ConstantLR(optimizer, 0.5, 2), s.ExponentialLR(optimizer, 0.5)]
    sequence = s.SequentialLR(optimizer, parts, [2])
    found = []
    for _ in range(4):
        found.append(sequence.get_last_lr()[0].numpy()[0, 0] / eta[0, 0])
        optimizer.step()
        sequence.step()
    np.testing.assert_allclose(found, [0.5, 0.5, 1.0, 0.5])


def test_plateau_reduces_vectors_and_matrices() -> None:
    for eta in (np.eye(2), np.array([1.0, 0.25])):
        optimizer = optim.SGD([tw.ones(2, requires_grad=True)], lr=eta)
        schedule = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
        for loss in (1.0, 1.0, 1.0):
            schedule.step(loss)
        assert optimizer.param_groups[0]["lr"].tolist() == (eta / 4).tolist()
    bounded = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=0, min_lr=0.05)
    bounded.step(1.0)
    bounded.step(1.0)
    np.testing.assert_allclose(optimizer.param_groups[0]["lr"].numpy(), [0.05, 0.05], rtol=1e-6)
    before = optimizer.param_groups[0]["lr"].tolist()
    bounded.step(1.0)
    assert optimizer.param_groups[0]["lr"].tolist() == before


def test_a_floor_bends_vectors_entry_by_entry() -> None:
    optimizer = optim.SGD([tw.ones(2, dtype=tw.float64, requires_grad=True)], lr=np.array([1.0, 3.0]))
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2, eta_min=0.5)
    optimizer.step()
    schedule.step()
    np.testing.assert_allclose(schedule.get_last_lr()[0].numpy(), [0.75, 1.75])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("CosineAnnealingLR", {"T_max": 3, "eta_min": 0.1}),
        ("CosineAnnealingWarmRestarts", {"T_0": 3, "eta_min": 0.1}),
        ("ReduceLROnPlateau", {"min_lr": 0.1}),
        ("CyclicLR", {"base_lr": 0.1, "max_lr": 1.0, "cycle_momentum": False}),
        ("OneCycleLR", {"max_lr": 1.0, "total_steps": 9, "cycle_momentum": False}),
    ],
)
def test_schedules_that_can_not(name: str, options: dict[str, Any]) -> None:
    optimizer = optim.SGD([tw.ones(2, requires_grad=True)], lr=np.eye(2))
    with pytest.raises(OptimizerError, match=f"^{name}: the learning rate of parameter group 0 is a matrix"):
        getattr(optim.lr_scheduler, name)(optimizer, **options)
    assert "initial_lr" not in optimizer.param_groups[0]
