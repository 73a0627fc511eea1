"""Jacobians and eigenvalues against matrices that are known, verdicts, and gaps against exact best responses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import func, games, nn
from thalweg.errors import ArgumentError

from .cases import Quadratic, quadratic


def test_the_jacobian_of_a_quadratic_game_is_its_matrix() -> None:
    game = quadratic()
    np.testing.assert_allclose(games.jacobian(game.costs, *game.players).detach().numpy(), game.jacobian, atol=1e-12)
    found = games.simultaneous_gradient(game.costs, *game.players)
    field = np.concatenate([v.detach().numpy() for v in found])
    np.testing.assert_allclose(field, game.jacobian @ game.place(), atol=1e-12)
    assert games.gradient_norm(game.costs, *game.players).item() == pytest.approx(np.linalg.norm(field))


def test_the_jacobian_of_networks_is_that_of_differences() -> None:
    tw.manual_seed(0)
    model, x = nn.Linear(2, 1, dtype=tw.float64), tw.randn(5, 2, dtype=tw.float64)
    params = {name: p.detach() for name, p in model.named_parameters()}
    y = tw.randn(5, 1, dtype=tw.float64)

    def costs(params, target):
        error = func.functional_call(model, params, x).tanh() - target
        return error.square().mean(), -(error**4).mean()

    def field(vector):
        parts = {"weight": tw.tensor(vector[:2].reshape(1, 2)), "bias": tw.tensor(vector[2:3])}
        first, second = games.simultaneous_gradient(costs, parts, tw.tensor(vector[3:].reshape(5, 1)))
        return np.concatenate([v.numpy().ravel() for v in (first["weight"], first["bias"], second)])

    vector = np.concatenate([v.numpy().ravel() for v in (params["weight"], params["bias"], y)])
    steps = 1e-6 * np.eye(8)
    differences = np.stack([(field(vector + h) - field(vector - h)) / 2e-6 for h in steps], axis=1)
    np.testing.assert_allclose(games.jacobian(costs, params, y).numpy(), differences, atol=1e-8)


VERDICTS: list[tuple[str, Any]] = [
    ("stable", [[1.0, 2.0], [-2.0, 1.0]]),
    ("stable", [[2.0, 1.0], [1.0, 3.0]]),
    ("unstable", [[-1.0, 5.0], [-5.0, -1.0]]),
    ("unstable", [[-1.0, 0.0], [0.0, 0.0]]),
    ("rotating", [[0.0, 3.0], [-3.0, 0.0]]),
    ("saddle", [[1.0, 0.0], [0.0, -1.0]]),
    ("saddle", [[1.0, 2.0], [2.0, 1.0]]),
    ("undecided", [[1.0, 0.0], [0.0, 0.0]]),
    ("undecided", [[0.0, 0.0], [0.0, 0.0]]),
]


@pytest.mark.parametrize(("verdict", "matrix"), VERDICTS)
def test_verdicts_of_known_matrices(verdict: str, matrix: Any) -> None:
    game = Quadratic(matrix, [1, 1], [0.0, 0.0])
    found = games.stability(game.costs, *game.players)
    assert found.verdict == verdict and str(found).startswith(f"{verdict}: 2 eigenvalues")
    expected = sorted(np.linalg.eigvals(np.array(matrix)), key=lambda z: (z.real, z.imag))
    np.testing.assert_allclose(found.eigenvalues, expected, atol=1e-12)
    assert found.rotates == any(abs(np.imag(expected)) > 1e-9)


def test_a_rotation_beside_a_stable_direction_is_a_rotation() -> None:
    matrix = [[0.0, 2.0, 0.0], [-2.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    game = Quadratic(matrix, [1, 1, 1], [0.0, 0.0, 0.0])
    assert games.stability(game.costs, *game.players).verdict == "rotating"


def test_step_sizes_below_the_largest_converge() -> None:
    game = Quadratic([[1.0, 2.0], [-2.0, 1.0]], [1, 1], [1.0, 1.0])
    found = games.stability(game.costs, *game.players)
    assert found.largest_lr == pytest.approx(2 / 5)  # 2 Re / |1 + 2 i|^2
    assert found.factor(0.39) < 1 < found.factor(0.41)
    optimizer = games.SimultaneousDescent(game.players, lr=0.3)
    for _ in range(10):
        optimizer.step(game)
    assert np.linalg.norm(game.place()) == pytest.approx(math.sqrt(2) * found.factor(0.3) ** 10)


def test_there_is_no_such_step_size_for_rotations() -> None:
    found = games.stability(lambda x, y: (x * y, -x * y), tw.tensor(0.0), tw.tensor(0.0))
    assert found.largest_lr == 0.0 and found.factor(0.1) == pytest.approx(math.sqrt(1.01))


def test_a_tolerance_of_the_user() -> None:
    game = Quadratic([[1e-3, 1.0], [-1.0, 1e-3]], [1, 1], [0.0, 0.0])
    assert games.stability(game.costs, *game.players).verdict == "stable"
    assert games.stability(game.costs, *game.players, tolerance=0.01).verdict == "rotating"


def test_gaps_are_those_of_exact_best_responses() -> None:
    """Each cost is a square: (x - y)^2 and (y + x - 2)^2. The best responses are y and 2 - x."""

    def costs(x, y):
        return (x - y) ** 2, (y + x - 2) ** 2

    x, y = tw.tensor(3.0, requires_grad=True), tw.tensor(1.0, requires_grad=True)
    gap = games.best_response_gap(costs, x, y, steps=200, lr=0.2)
    assert gap.costs == (4.0, 4.0) and gap.gains == pytest.approx((4.0, 4.0))
    assert gap.total == pytest.approx(8.0) and gap.largest == pytest.approx(4.0)
    assert (x.item(), y.item(), x.grad, y.grad) == (3.0, 1.0, None, None)
    at_equilibrium = games.best_response_gap(costs, tw.tensor(1.0), tw.tensor(1.0))
    assert at_equilibrium.total == pytest.approx(0.0, abs=1e-12)


def test_gaps_of_other_optimisers_and_structures() -> None:
    def costs(first, y):
        return ((first["a"] - y).square() + first["b"].square()).sum(), (y - 1).square().sum()

    first = {"a": tw.ones(2) * 3, "b": tw.ones(2)}
    gap = games.best_response_gap(
        costs, first, tw.ones(2), steps=400, optimizer=lambda w: tw.optim.Adam(w, lr=0.05)
    )  # fmt: skip
    assert gap.gains == pytest.approx((10.0, 0.0), abs=1e-3)
    assert first["a"].tolist() == [3.0, 3.0]


def test_gains_are_never_negative() -> None:
    """A step size that overshoots, and a player who can do nothing."""
    gap = games.best_response_gap(lambda x, y: (x * x, x * 1.0), tw.tensor(1.0), tw.tensor(1.0), lr=1.5, steps=30)
    assert gap.gains == (0.0, 0.0)


def test_a_bilinear_game_has_no_largest_gain() -> None:
    """Against y = 1, x lowers x y by lr in each step, as far as it goes."""
    gap = games.best_response_gap(lambda x, y: (x * y, -x * y), tw.tensor(0.0), tw.tensor(1.0), steps=50, lr=0.1)
    assert gap.gains == pytest.approx((5.0, 0.0))


def test_games_that_do_not_fit_are_refused() -> None:
    x = tw.tensor(1.0)
    with pytest.raises(ArgumentError, match="of 2 players must return a tuple of 2 costs, but it returned Tensor"):
        games.gradient_norm(lambda x, y: x * y, x, x)
    with pytest.raises(ArgumentError, match="Jacobian has entries that are not finite"):
        games.stability(lambda x: (x.sqrt(),), tw.tensor(0.0))
    with pytest.raises(ArgumentError, match="cost of player 1 must be a single number"):
        games.jacobian(lambda x, y: (x, tw.stack([x, y])), x, x)
    with pytest.raises(ArgumentError, match="needs players"):
        games.simultaneous_gradient(lambda: ())
    with pytest.raises(ArgumentError, match="needs players"):
        games.best_response_gap(lambda: ())
    with pytest.raises(ArgumentError, match="steps should not be negative"):
        games.best_response_gap(lambda x: (x,), x, steps=-1)
