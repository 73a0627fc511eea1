"""Games whose paths are known: spirals, circles, rates of convergence, and steps worked out with matrices."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import games

from .cases import Bilinear, Quadratic, quadratic, scalar

# -- min max x y ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lr", [0.01, 0.3, 1.0])
def test_simultaneous_descent_spirals_out_by_a_known_factor(lr: float) -> None:
    game = Bilinear()
    optimizer = games.SimultaneousDescent(game.players, lr=lr)
    for _ in range(20):
        before = game.distance()
        optimizer.step(game)
        assert game.distance() / before == pytest.approx(math.sqrt(1 + lr**2), rel=1e-12)


@pytest.mark.parametrize("lr", [0.1, 1.0, 1.9])
def test_alternating_descent_stays_on_an_ellipse(lr: float) -> None:
    """x^2 + y^2 - lr x y keeps its value: the map [[1, -lr], [lr, 1 - lr^2]] leaves it alone."""
    game = Bilinear()
    optimizer = games.AlternatingDescent(game.players, lr=lr)
    values = []
    for _ in range(300):
        x, y = game.x.item(), game.y.item()
        values.append(x * x + y * y - lr * x * y)
        optimizer.step(game)
    np.testing.assert_allclose(values, values[0], rtol=1e-9)


@pytest.mark.parametrize("lr", [0.1, 0.5, 0.9])
def test_extragradient_converges_at_its_rate(lr: float) -> None:
    game = Bilinear()
    optimizer = games.Extragradient(game.players, lr=lr)
    for _ in range(20):
        before = game.distance()
        optimizer.step(game)
        assert game.distance() / before == pytest.approx(math.sqrt(1 - lr**2 + lr**4), rel=1e-12)


@pytest.mark.parametrize("lr", [0.1, 0.3, 0.45])
def test_the_optimistic_gradient_converges_at_its_rate(lr: float) -> None:
    game = Bilinear()
    optimizer = games.OptimisticGradient(game.players, lr=lr)
    distances = []
    for _ in range(400):
        optimizer.step(game)
        distances.append(game.distance())
    rate = (distances[399] / distances[199]) ** (1 / 200)
    assert rate == pytest.approx(math.sqrt((1 + math.sqrt(1 - 4 * lr**2)) / 2), rel=1e-4)


@pytest.mark.parametrize(("lr", "converges"), [(0.57, True), (0.585, False)])
def test_the_optimistic_gradient_has_a_largest_step_size(lr: float, converges: bool) -> None:
    """It is 1 / sqrt(3) = 0.577."""
    game = Bilinear()
    optimizer = games.OptimisticGradient(game.players, lr=lr)
    for _ in range(600):
        optimizer.step(game)
    assert (game.distance() < 0.1) == converges


def test_popovs_method_takes_its_gradients_at_the_same_points() -> None:
    """x <- x - eta v(y), y <- x - eta v(y), with one gradient v(y) a step: the y are those of the optimistic method."""
    lr, turn = 0.2, np.array([[0.0, 1.0], [-1.0, 0.0]])
    game = Bilinear()
    optimizer = games.OptimisticGradient(game.players, lr=lr)
    x = y = np.array([0.6, 0.8])
    for _ in range(10):
        v = turn @ y
        x = x - lr * v
        y = x - lr * v
        optimizer.step(game)
        np.testing.assert_allclose([game.x.item(), game.y.item()], y, rtol=1e-12)


@pytest.mark.parametrize(("lr", "gamma"), [(0.1, 1.0), (0.5, 0.3)])
def test_consensus_converges_at_its_rate(lr: float, gamma: float) -> None:
    game = Bilinear()
    optimizer = games.Consensus(game.players, lr=lr, gamma=gamma)
    for _ in range(20):
        before = game.distance()
        optimizer.step(game)
        assert game.distance() / before == pytest.approx(math.hypot(1 - lr * gamma, lr), rel=1e-12)


@pytest.mark.parametrize("align", [True, False])
def test_the_symplectic_adjustment_converges_at_its_rate(align: bool) -> None:
    """A' v is the gradient of half the squared distance here, so that it is as in consensus."""
    lr, strength = 0.2, 1.5
    game = Bilinear()
    optimizer = games.SymplecticAdjustment(game.players, lr=lr, strength=strength, align=align)
    for _ in range(20):
        before = game.distance()
        optimizer.step(game)
        assert game.distance() / before == pytest.approx(math.hypot(1 - lr * strength, lr), rel=1e-12)


def test_optimistic_adam_settles_where_adam_goes_around() -> None:
    distances = {}
    for optimism in (0.0, 1.0):
        game = Bilinear()
        optimizer = games.OptimisticAdam(game.players, lr=0.02, betas=(0.0, 0.999), optimism=optimism)
        for _ in range(2000):
            optimizer.step(game)
        distances[optimism] = game.distance()
    assert distances[1.0] < 0.01 < 1 < distances[0.0]


def test_optimistic_adam_is_algorithm_1() -> None:
    """w <- w - 2 lr m / (sqrt(v) + eps) + lr m' / (sqrt(v') + eps), with averages that are freed of their bias."""
    lr, b1, b2, eps = 0.1, 0.5, 0.9, 1e-8
    game = Bilinear()
    optimizer = games.OptimisticAdam(game.players, lr=lr, betas=(b1, b2), eps=eps)
    w, m, v, before = np.array([0.6, 0.8]), np.zeros(2), np.zeros(2), np.zeros(2)
    for t in range(1, 8):
        g = np.array([w[1], -w[0]])
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        now = lr * m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + eps)
        w, before = w - 2 * now + before, now
        optimizer.step(game)
        np.testing.assert_allclose([game.x.item(), game.y.item()], w, rtol=1e-12)


def test_without_optimism_it_is_adam() -> None:
    game, w = Bilinear(), scalar(0.6)
    y = scalar(0.8)
    optimizer, plain = games.OptimisticAdam(game.players, lr=0.1, optimism=0.0), tw.optim.Adam([w, y], lr=0.1)
    for _ in range(6):
        optimizer.step(game)
        w.grad, y.grad = y.detach().clone(), -w.detach().clone()
        plain.step()
    assert (game.x.item(), game.y.item()) == (w.item(), y.item())


@pytest.mark.parametrize("kind", [games.SimultaneousDescent, games.Extragradient, games.OptimisticGradient])
def test_a_player_may_maximise(kind: Any) -> None:
    plain, other = Bilinear(), Bilinear()
    a = kind(plain.players, lr=0.1)
    b = kind([other.x, {"params": [other.y], "maximize": True}], lr=0.1)
    for _ in range(5):
        a.step(plain)
        b.step(lambda: (other.x * other.y,) * 2)
    assert (plain.x.item(), plain.y.item()) == pytest.approx((other.x.item(), other.y.item()), rel=1e-14)


@pytest.mark.parametrize("kind", [games.Consensus, games.SymplecticAdjustment])
def test_adjustments_know_who_maximises(kind: Any) -> None:
    plain, other = Bilinear(), Bilinear()
    a = kind(plain.players, lr=0.1)
    b = kind([other.x, {"params": [other.y], "maximize": True}], lr=0.1)
    for _ in range(5):
        a.step(plain)
        b.step(lambda: (other.x * other.y,) * 2)
    assert (plain.x.item(), plain.y.item()) == pytest.approx((other.x.item(), other.y.item()), rel=1e-14)


# -- fields that are a matrix, of three players -------------------------------------------------------------


def stepped(game: Quadratic, optimizer: Any) -> np.ndarray[Any, Any]:
    optimizer.step(game)
    return game.place()


def test_one_step_of_each_method_is_that_of_its_matrix() -> None:
    lr, c = 0.05, 0.7
    J = quadratic().jacobian
    one, antisymmetric = np.eye(6), (J - J.T) / 2
    w = quadratic().place()
    for kind, options, matrix in (
        (games.SimultaneousDescent, {}, one - lr * J),
        (games.Extragradient, {}, one - lr * J @ (one - lr * J)),
        (games.OptimisticGradient, {}, one - 2 * lr * J),
        (games.Consensus, {"gamma": c}, one - lr * (J + c * J.T @ J)),
        (games.SymplecticAdjustment, {"strength": c, "align": False}, one - lr * (J + c * antisymmetric.T @ J)),
    ):
        game = quadratic()
        np.testing.assert_allclose(stepped(game, kind(game.players, lr=lr, **options)), matrix @ w, rtol=1e-10)


def test_alternating_players_see_where_the_others_have_gone() -> None:
    game, lr = quadratic(), 0.05
    w = game.place()
    for a, b in pairwise(game.bounds):
        w[a:b] -= lr * game.jacobian[a:b] @ w
    np.testing.assert_allclose(stepped(game, games.AlternatingDescent(game.players, lr=lr)), w, rtol=1e-10)


@pytest.mark.parametrize("seed", range(6))
def test_the_sign_of_the_adjustment_is_that_of_algorithm_1(seed: int) -> None:
    game, lr = quadratic(seed), 0.05
    J, w = game.jacobian, game.place()
    v = J @ w
    pull, turned = J.T @ v, (J - J.T).T @ v / 2
    strength = np.sign((v @ pull) * (turned @ pull) / 6 + 0.1)
    moved = stepped(game, games.SymplecticAdjustment(game.players, lr=lr))
    np.testing.assert_allclose(moved, w - lr * (v + strength * turned), rtol=1e-10)


def test_both_signs_are_met() -> None:
    signs = set()
    for seed in range(6):
        game = quadratic(seed)
        J, v = game.jacobian, game.jacobian @ game.place()
        signs.add(np.sign((v @ J.T @ v) * (((J - J.T).T @ v / 2) @ J.T @ v) / 6 + 0.1))
    assert signs == {-1.0, 1.0}


# -- other games --------------------------------------------------------------------------------------------


def test_players_who_want_the_same_descend_as_one() -> None:
    """A game of one potential: its adjustment is zero, and simultaneous descent is gradient descent."""
    for kind in (games.SimultaneousDescent, games.SymplecticAdjustment):
        x, y, both = scalar(1.0), scalar(-2.0), tw.tensor([1.0, -2.0], dtype=tw.float64, requires_grad=True)
        optimizer, alone = kind([x, y], lr=0.1), tw.optim.SGD([both], lr=0.1)
        for _ in range(5):
            cost = x * x + x * y + 2 * y * y
            optimizer.step(lambda x=x, y=y: (x * x + x * y + 2 * y * y,) * 2)
            alone.zero_grad()
            (both[0] ** 2 + both[0] * both[1] + 2 * both[1] ** 2).backward()
            alone.step()
        assert cost.item() > 0
        np.testing.assert_allclose([x.item(), y.item()], both.detach().numpy(), rtol=1e-12)


def test_fields_that_are_constant_have_no_adjustment() -> None:
    for kind in (games.Consensus, games.SymplecticAdjustment):
        x, y = scalar(1.0), scalar(1.0)
        kind([x, y], lr=0.5).step(lambda x=x, y=y: (2 * x, -y))
        assert (x.item(), y.item()) == (0.0, 1.5)
