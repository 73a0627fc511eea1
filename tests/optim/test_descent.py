"""The angle between steps and the steepest descent, and the decrease that they promise and bring."""

from __future__ import annotations

import math

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn, optim
from thalweg.core.tensor import Tensor
from thalweg.errors import ArgumentError, OptimizerError


def leaf(*values: float) -> Tensor:
    return tw.tensor(list(values), dtype=tw.float64, requires_grad=True)


@pytest.mark.parametrize(
    ("step", "expected"),
    [([-1.0, 0.0], 0.0), ([0.0, 3.0], 90.0), ([2.0, 0.0], 180.0), ([-1.0, 1e-9], math.degrees(1e-9))],
)
def test_angles(step: list[float], expected: float) -> None:
    gradient = tw.tensor([5.0, 0.0], dtype=tw.float64)
    angle = optim.steepest_descent_angle(tw.tensor(step, dtype=tw.float64), gradient)
    assert angle == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_several_tensors_count_as_one_vector() -> None:
    step, gradient = [tw.tensor([[-1.0]]), tw.tensor([0.0, 0.0])], [tw.tensor([[1.0]]), tw.tensor([1.0, 0.0])]
    assert optim.steepest_descent_angle(step, gradient) == pytest.approx(45.0)
    assert math.isnan(optim.steepest_descent_angle(tw.zeros(2), tw.ones(2)))
    with pytest.raises(ArgumentError, match="the step has 1 elements and the gradient 2"):
        optim.steepest_descent_angle(tw.ones(1), tw.ones(2))


H = np.diag([1.0, 1e6])


def test_newtons_matrix_turns_the_step_away_from_the_gradient() -> None:
    """For a quadratic, the decrease predicted to second order is the one got; the angle follows from H."""
    w, h = leaf(1.0, 1.0), tw.tensor(H)
    optimizer = optim.SGD([w], lr=tw.tensor(np.linalg.inv(H)))

    def loss() -> Tensor:
        return 0.5 * w @ h @ w

    loss().backward()
    with optim.measured_step(optimizer, loss) as descent:
        assert math.isnan(descent.got)
        optimizer.step()
    g = H @ np.ones(2)
    assert descent.angle == pytest.approx(math.degrees(math.acos(g.sum() / np.linalg.norm(g) / math.sqrt(2))))
    assert descent.first_order == pytest.approx(g.sum())
    assert descent.second_order == pytest.approx(g.sum() / 2)
    assert descent.got == pytest.approx(descent.second_order)
    assert (descent.loss, descent.step_norm) == (pytest.approx(g.sum() / 2), pytest.approx(math.sqrt(2)))
    assert descent.gradient_norm == pytest.approx(np.linalg.norm(g))
    assert w.grad is not None and w.grad.tolist() == g.tolist()


def test_a_step_that_is_too_long_climbs_although_it_starts_downhill() -> None:
    w = leaf(1.0)
    optimizer = optim.SGD([w], lr=3.0)
    (w**2).sum().backward()
    with optim.measured_step([w], lambda: (w**2).sum(), second_order=False) as descent:
        optimizer.step()
    assert (descent.angle, descent.first_order, descent.got) == (0.0, 12.0, -24.0)
    assert math.isnan(descent.second_order)


@pytest.mark.parametrize("name", ["Adam", "LBFGS", "Newton"])
def test_any_optimiser(name: str) -> None:
    """Small steps on a network: the second order comes nearer to what is got than the first."""
    tw.manual_seed(0)
    x, y = tw.randn(20, 3, dtype=tw.float64), tw.randn(20, 1, dtype=tw.float64)
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)).to(tw.float64)
    options = {"Adam": {"lr": 0.01}, "LBFGS": {"lr": 0.1, "max_iter": 2}, "Newton": {"radius": 0.1}}
    optimizer = getattr(optim, name)(model.parameters(), **options[name])

    def loss() -> Tensor:
        return ((model(x) - y) ** 2).mean()

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        if tw.is_grad_enabled() and name != "Newton":
            value.backward()
        return value

    before = loss().item()
    with optim.measured_step(optimizer, loss) as descent:
        optimizer.step(closure)
    assert descent.got == pytest.approx(before - loss().item(), rel=1e-12)
    assert 0 < descent.angle < 90
    assert abs(descent.second_order - descent.got) < 0.2 * abs(descent.first_order - descent.got)
    if name == "Newton":
        assert optimizer.last.predicted == pytest.approx(descent.second_order)
        assert optimizer.last.got == pytest.approx(descent.got)


def test_nothing_to_measure() -> None:
    data = tw.ones(1)
    with pytest.raises(OptimizerError, match="requires a gradient"), optim.measured_step([data], lambda: data):
        pass
