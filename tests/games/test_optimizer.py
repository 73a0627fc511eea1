"""Players, groups, closures and states of the game optimisers; compiled steps against eager ones."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import games, nn
from thalweg.errors import OptimizerError
from thalweg.utils.data import DataLoader, TensorDataset

from .cases import OPTIMIZERS, Adversarial, Bilinear, Made, scalar

EACH = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)


def trained(make: Made, way: str, passes: int = 3) -> tuple[list[np.ndarray[Any, Any]], int]:
    """Costs, parameters and state after some passes over the data, and how many programs that took."""
    game = Adversarial()
    optimizer = make(game.players)

    def step(x):
        z = tw.randn(x.shape[0], 2)
        return tw.stack(optimizer.step(lambda: game.costs(x, z)))

    loader = DataLoader(TensorDataset(game.data), batch_size=4, shuffle=True)
    compiled = tw.compile(step)
    if way == "epoch":
        costs = tw.cat([compiled.epoch(loader) for _ in range(passes)])
    else:
        run = compiled if way == "compiled" else step
        costs = tw.stack([run(x) for _ in range(passes) for (x,) in loader])
    assert all(p.grad is None for p in game.parameters())
    states = [value for state in optimizer.state_dict()["state"].values() for value in state.values()]
    arrays = [x.detach().numpy() for x in (costs, *game.parameters(), *states)]
    return arrays, sum(map(len, compiled._programs.values()))


@EACH
def test_compiled_steps_are_those_of_eager_mode(make: Made) -> None:
    eager, _ = trained(make, "eager")
    for way in ("compiled", "epoch"):
        native, programs = trained(make, way)
        assert programs == 1
        for a, b in zip(eager, native, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", [games.AlternatingDescent, games.Extragradient])
def test_draws_inside_the_closure_are_those_of_eager_mode(kind: Any) -> None:
    """Each call of the closure draws anew, natively too."""
    ends = []
    for compiled in (False, True):
        tw.manual_seed(3)
        game = Bilinear()
        optimizer = kind(game.players, lr=0.1)

        def costs(game=game):
            noise = tw.randn((), dtype=tw.float64)
            return game.x * game.y + noise * game.x, -game.x * game.y + noise * game.y

        def step(optimizer=optimizer, costs=costs):
            return optimizer.step(costs)

        run = tw.compile(step) if compiled else step
        for _ in range(5):
            run()
        ends.append((game.x.item(), game.y.item(), tw.rand(1).item()))
    assert ends[1] == pytest.approx(ends[0], rel=1e-9)


class Momentum(games.GameOptimizer):
    """One that a user writes: simultaneous descent with a momentum, which may be negative."""

    arrays = ("velocity",)

    def __init__(self, players: Any, lr: float, momentum: float) -> None:
        super().__init__(players, {"lr": lr, "momentum": momentum})

    @staticmethod
    def rule(gradient: Any, parameter: Any, state: Any, hyper: Any) -> Any:
        velocity = hyper["momentum"] * state["velocity"] + gradient
        return hyper["lr"] * velocity, {"velocity": velocity}

    def play(self, closure: Any) -> Any:
        costs = self.costs(closure)
        self.descend(self.gradients(costs))
        return costs


@pytest.mark.parametrize("compiled", [False, True])
def test_users_write_their_own(compiled: bool) -> None:
    game, momentum, lr = Bilinear(), -0.3, 0.2
    optimizer = Momentum(game.players, lr, momentum)
    step = tw.compile(lambda: optimizer.step(game)) if compiled else lambda: optimizer.step(game)
    w, velocity, turn = np.array([0.6, 0.8]), np.zeros(2), np.array([[0.0, 1.0], [-1.0, 0.0]])
    for _ in range(5):
        velocity = momentum * velocity + turn @ w
        w = w - lr * velocity
        step()
    assert (game.x.item(), game.y.item()) == pytest.approx(tuple(w))


def test_a_compiled_step_reads_its_step_size_anew() -> None:
    game = Bilinear()
    optimizer = games.Consensus(game.players, lr=0.1, gamma=0.0)
    step = tw.compile(lambda: optimizer.step(game))
    for lr in (0.1, 0.2):
        for group in optimizer.param_groups:
            group["lr"] = lr
        before = game.distance()
        step()
        assert game.distance() / before == pytest.approx(np.hypot(1, lr))
    assert sum(map(len, step._programs.values())) == 1


def test_schedules_move_the_step_size() -> None:
    game = Bilinear()
    optimizer = games.SimultaneousDescent(game.players, lr=0.4)
    schedule = tw.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    for lr in (0.4, 0.2, 0.1):
        before = game.distance()
        optimizer.step(game)
        schedule.step()
        assert game.distance() / before == pytest.approx(np.hypot(1, lr))


@EACH
@pytest.mark.parametrize("compiled", [False, True])
def test_a_loaded_state_goes_on(make: Made, compiled: bool) -> None:
    def run(optimizer, game, steps):
        step = tw.compile(lambda: optimizer.step(game)) if compiled else lambda: optimizer.step(game)
        for _ in range(steps):
            step()

    whole = Bilinear()
    run(make(whole.players), whole, 8)
    first = Bilinear()
    optimizer = make(first.players)
    run(optimizer, first, 3)
    saved = copy.deepcopy(optimizer.state_dict())
    second = Bilinear(first.x.item(), first.y.item())
    other = make(second.players)
    run(other, Bilinear(), 0)
    other.load_state_dict(saved)
    run(other, second, 5)
    np.testing.assert_allclose([second.x.item(), second.y.item()], [whole.x.item(), whole.y.item()], rtol=1e-9)


@EACH
def test_state_is_there_from_the_beginning(make: Made) -> None:
    game = Bilinear()
    optimizer = make(game.players)
    names = {name for state in optimizer.state.values() for name in state}
    assert names >= {*optimizer.arrays, *optimizer.numbers} - {*optimizer.optional}


@EACH
def test_gradients_of_the_user_are_left_alone(make: Made) -> None:
    game = Bilinear()
    optimizer = make(game.players)
    game.x.grad = kept = tw.tensor(7.0, dtype=tw.float64)
    optimizer.step(game)
    assert game.x.grad is kept and kept.item() == 7.0 and game.y.grad is None


def test_groups_of_one_player_have_options_of_their_own() -> None:
    a, b, y = scalar(1.0), scalar(1.0), scalar(1.0)
    optimizer = games.SimultaneousDescent([[{"params": [a], "lr": 0.5}, {"params": [b]}], [y]], lr=0.1)
    assert [group["player"] for group in optimizer.param_groups] == [0, 0, 1]
    costs = optimizer.step(lambda: ((a + b) * y, y * y))
    assert [cost.item() for cost in costs] == [2.0, 1.0] and not costs[0].requires_grad
    assert (a.item(), b.item(), y.item()) == pytest.approx((0.5, 0.9, 0.8))


def test_strengths_are_of_each_group() -> None:
    """v = (y, -x) and J' v = (x, y): each player is drawn to zero by its own gamma."""
    game = Bilinear(1.0, 1.0)
    players = [{"params": [game.x], "gamma": 2.0}, {"params": [game.y], "gamma": 0.0}]
    games.Consensus(players, lr=0.1).step(game)
    assert (game.x.item(), game.y.item()) == pytest.approx((1 - 0.1 * (1 + 2), 1 + 0.1))


def test_a_player_can_be_added() -> None:
    x, y = scalar(1.0), scalar(1.0)
    optimizer = games.OptimisticGradient([x], lr=0.5)
    optimizer.add_param_group({"params": [y], "player": 1})
    optimizer.step(lambda: (x * y, -x * y))
    assert (x.item(), y.item()) == (0.0, 2.0)


def test_parameters_that_a_cost_does_not_use_stay() -> None:
    x, idle, frozen, y = scalar(1.0), scalar(5.0), scalar(6.0).requires_grad_(False), scalar(1.0)
    for make in OPTIMIZERS.values():
        make([[x, idle, frozen], y]).step(lambda: (x * y, -x * y))
    assert (idle.item(), frozen.item()) == (5.0, 6.0) and x.item() != 1.0


def test_a_parameter_moved_by_the_agreement_alone() -> None:
    """x is in the second player's gradient only, and consensus makes that small through x, too."""
    x, y = scalar(1.0), scalar(1.0)
    games.Consensus([x, y], lr=0.1, gamma=1.0).step(lambda: (y * y, x * y))
    assert x.item() == pytest.approx(0.9)  # v = (0, x), so that grad ||v||^2 / 2 = (x, 0)


def test_modules_in_training_and_pickles() -> None:
    game = Adversarial()
    optimizer = copy.deepcopy(games.OptimisticAdam(game.players, lr=0.1))
    assert len(optimizer.players()) == 2 and "previous" in next(iter(optimizer.state.values()))
    assert "player: 1" in repr(optimizer)


REFUSED = [
    (lambda: games.SimultaneousDescent([], lr=0.1), "no parameters"),
    (lambda: games.SimultaneousDescent([[scalar(1.0)], []], lr=0.1), "player 1 has no parameters"),
    (lambda: games.SimultaneousDescent([scalar(1.0)], lr=-1.0), "lr must be a finite number"),
    (lambda: games.SimultaneousDescent([{"params": [scalar(1.0)], "player": "x"}], lr=1.0), "player must be"),
    (lambda: games.Consensus([scalar(1.0)], gamma=-1.0), "gamma must be"),
    (lambda: games.OptimisticAdam([scalar(1.0)], betas=(1.0, 0.9)), "betas"),
    (lambda: games.SimultaneousDescent([scalar(1.0)]).step(), "needs a closure"),
    (lambda: games.SimultaneousDescent([scalar(1.0)]).step(lambda: scalar(1.0)), "returned Tensor"),
    (lambda: games.SimultaneousDescent([scalar(1.0)]).step(lambda: (scalar(1.0),) * 2), "returned 2 of them"),
    (lambda: games.SimultaneousDescent([scalar(1.0)]).step(lambda: [2.0]), "single number, not float"),
    (lambda: games.SimultaneousDescent([scalar(1.0)]).step(lambda: [tw.ones(2)]), "not a tensor of shape"),
    (lambda: games.SimultaneousDescent([scalar(1.0)]).step(lambda: [tw.ones(())]), "depends on no parameter"),
]


@pytest.mark.parametrize(("act", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_what_does_not_fit_is_refused(act: Any, words: str) -> None:
    with pytest.raises(OptimizerError, match=words):
        act()


def test_players_must_come_in_a_list_and_without_gaps() -> None:
    x = scalar(1.0)
    with pytest.raises(TypeError, match="list with the parameters of each player"):
        games.SimultaneousDescent(x)
    with pytest.raises(OptimizerError, match="in parameter group 0 already"):
        games.SimultaneousDescent([x, x])
    optimizer = games.SimultaneousDescent([x])
    optimizer.add_param_group({"params": [scalar(1.0)], "player": 2})
    with pytest.raises(OptimizerError, match="player 1 has no parameter group"):
        optimizer.step(lambda: (x, x))
    with pytest.raises(OptimizerError, match="does not give player"):
        optimizer.add_param_group({"params": [scalar(1.0)]})


def test_a_state_of_other_players_is_refused() -> None:
    first = games.SimultaneousDescent([[scalar(1.0)], [scalar(2.0)]])
    second = games.SimultaneousDescent([[{"params": [scalar(1.0)]}, {"params": [scalar(2.0)]}]])
    with pytest.raises(OptimizerError, match="group 1 of the loaded state is of player 1"):
        second.load_state_dict(first.state_dict())


def test_large_parameters_are_updated_in_blocks() -> None:
    """A weight that the rule sees in pieces: the step is that of the formula."""
    tw.manual_seed(0)
    model, y = nn.Linear(300, 100), scalar(1.0)
    before = model.weight.detach().clone()
    optimizer = games.OptimisticGradient([list(model.parameters()), y], lr=0.1)
    for _ in range(2):
        optimizer.step(lambda: (model.weight.square().sum() / 2 + model.bias.sum(), y * y))
    first = before * (1 - 2 * 0.1)
    second = first - 2 * 0.1 * first + 0.1 * before
    np.testing.assert_allclose(model.weight.detach().numpy(), second.numpy(), rtol=1e-5, atol=1e-7)
