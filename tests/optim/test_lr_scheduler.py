"""Schedules: numbers worked out by hand, their state, warnings, and what they refuse."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw
from thalweg import optim
from thalweg.errors import OptimizerError
from thalweg.optim import lr_scheduler as s


def adam() -> Any:
    return optim.Adam([tw.ones(1, requires_grad=True)], lr=1.0)


def sgd(*rates: float, **options: Any) -> Any:
    """An SGD with one group for each rate."""
    groups = [{"params": [tw.ones(1, requires_grad=True)], "lr": rate} for rate in rates or (1.0,)]
    return optim.SGD(groups, **options)


def rates_of(scheduler: Any, steps: int) -> list[float]:
    """The rates of the first group before each of ``steps`` steps."""
    found = []
    for _ in range(steps):
        found.append(scheduler.optimizer.param_groups[0]["lr"])
        assert scheduler.get_last_lr() == [g["lr"] for g in scheduler.optimizer.param_groups]
        scheduler.optimizer.step()
        scheduler.step()
    return found


def near(expected: list[float]) -> Any:
    return pytest.approx(expected, rel=1e-12, abs=1e-15)


PLAIN: dict[str, Any] = {
    "anneal_strategy": "linear", "cycle_momentum": False, "div_factor": 2.0, "final_div_factor": 2.0,
}  # fmt: skip
BY_HAND: list[tuple[Callable[[Any], Any], list[float]]] = [
    (lambda o: s.StepLR(o, 3, 0.5), [1, 1, 1, 0.5, 0.5, 0.5, 0.25]),
    (lambda o: s.MultiStepLR(o, [2, 2, 5], 0.5), [1, 1, 0.25, 0.25, 0.25, 0.125]),
    (lambda o: s.MultiStepLR(o, iter([]), 0.5), [1, 1, 1]),
    (lambda o: s.ConstantLR(o, 0.25, 2), [0.25, 0.25, 1, 1]),
    (lambda o: s.ConstantLR(o, 0.0, 2), [0, 0, 1, 1]),
    (lambda o: s.LinearLR(o, 0.5, 1.0, 4), [0.5, 0.625, 0.75, 0.875, 1, 1]),
    (lambda o: s.LinearLR(o, 1.0, 0.0, 2), [1, 0.5, 0, 0]),
    (lambda o: s.ExponentialLR(o, 0.5), [1, 0.5, 0.25, 0.125]),
    (lambda o: s.PolynomialLR(o, 4, 2.0), [1, 9 / 16, 4 / 16, 1 / 16, 0, 0]),
    (lambda o: s.LambdaLR(o, lambda t: 10 - t), [10, 9, 8]),
    (lambda o: s.MultiplicativeLR(o, lambda t: 1 / t), [1, 1, 1 / 2, 1 / 6, 1 / 24]),
    (lambda o: s.CosineAnnealingLR(o, 3, 0.5), [1, 0.875, 0.625, 0.5, 0.625, 0.875, 1, 0.875]),
    (lambda o: s.CosineAnnealingLR(o, 1), [1, 0, 1, 0]),
    (
        lambda o: s.CosineAnnealingWarmRestarts(o, 2, 2),
        [1, 0.5, 1, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2, 1],
    ),
    (lambda o: s.CyclicLR(o, 0.0, 1.0, 2, cycle_momentum=False), [0, 0.5, 1, 0.5, 0, 0.5]),
    (lambda o: s.CyclicLR(o, 0.0, 1.0, 1, 2, "triangular2", cycle_momentum=False), [0, 1, 0.5, 0, 0.5, 0.25, 0, 0.25]),
    (lambda o: s.CyclicLR(o, 0.0, 1.0, 1, 1, "exp_range", 0.5, cycle_momentum=False), [0, 0.5, 0, 0.125]),
    (
        lambda o: s.OneCycleLR(o, 1.0, 7, pct_start=3 / 7, **PLAIN),
        [0.5, 0.75, 1, 1 - 0.75 / 4, 1 - 1.5 / 4, 1 - 2.25 / 4, 0.25],
    ),
    (lambda o: s.OneCycleLR(o, 1.0, 5, pct_start=0.4, three_phase=True, **PLAIN), [0.5, 1, 0.5, 0.375, 0.25]),
]  # fmt: skip


@pytest.mark.parametrize(("make", "expected"), BY_HAND)
def test_by_hand(make: Callable[[Any], Any], expected: list[float]) -> None:
    assert rates_of(make(sgd()), len(expected)) == near(expected)


def test_groups_have_rates_of_their_own() -> None:
    scheduler = s.LambdaLR(sgd(1.0, 8.0), [lambda t: 0.5**t, lambda t: 0.25**t])
    rates_of(scheduler, 2)
    assert scheduler.get_last_lr() == [0.25, 0.5]
    assert [g["initial_lr"] for g in scheduler.optimizer.param_groups] == scheduler.base_lrs == [1.0, 8.0]


def test_two_schedulers_multiply_each_other() -> None:
    optimizer = sgd()
    first, second = s.ExponentialLR(optimizer, 0.5), s.StepLR(optimizer, 2, 0.1)
    found = []
    for _ in range(4):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step(), first.step(), second.step()
    assert found == near([1, 0.5, 0.025, 0.0125])


def test_the_rate_is_the_one_that_steps_use() -> None:
    w = tw.zeros(1, requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0)
    scheduler = s.ExponentialLR(optimizer, 0.5)
    for _ in range(3):
        w.grad = tw.ones(1)
        optimizer.step()
        scheduler.step()
    assert w.item() == -(1 + 0.5 + 0.25)


# -- momentum ---------------------------------------------------------------------------------------------


def test_one_cycle_moves_the_momentum_against_the_rate() -> None:
    optimizer = sgd(momentum=0.5)
    scheduler = s.OneCycleLR(optimizer, 1.0, 5, pct_start=0.6, base_momentum=0.8, max_momentum=1.0)
    momenta = []
    for _ in range(5):
        momenta.append(optimizer.param_groups[0]["momentum"])
        optimizer.step(), scheduler.step()
    assert momenta == near([1.0, 0.9, 0.8, 0.9, 1.0])


def test_one_cycle_moves_the_first_beta() -> None:
    optimizer = adam()
    scheduler = s.OneCycleLR(optimizer, 1.0, 5, pct_start=0.6)
    found = []
    for _ in range(5):
        found.append(optimizer.param_groups[0]["betas"])
        optimizer.step(), scheduler.step()
    assert [b for b, _ in found] == near([0.95, 0.9, 0.85, 0.9, 0.95])
    assert {b for _, b in found} == {0.999}


def test_cyclic_moves_the_momentum_of_each_group() -> None:
    optimizer = sgd(1.0, 1.0, momentum=0.5)
    scheduler = s.CyclicLR(optimizer, 0.0, [1.0, 2.0], 2, base_momentum=[0.5, 0.0], max_momentum=[0.75, 1.0])
    found = []
    for _ in range(3):
        found.append([(g["lr"], g["momentum"]) for g in optimizer.param_groups])
        optimizer.step(), scheduler.step()
    assert found == [[(0, 0.75), (0, 1.0)], [(0.5, 0.625), (1.0, 0.5)], [(1.0, 0.5), (2.0, 0.0)]]


# -- plateau ----------------------------------------------------------------------------------------------


def plateau(measures: list[float], **options: Any) -> list[float]:
    optimizer = sgd()
    scheduler = s.ReduceLROnPlateau(optimizer, factor=0.5, **options)
    found = []
    for measure in measures:
        scheduler.step(tw.tensor(measure))
        found.append(optimizer.param_groups[0]["lr"])
    return found


def test_plateau() -> None:
    assert plateau([3.0, 2.0, 2.0, 2.0, 2.0], patience=1) == [1, 1, 1, 0.5, 0.5]
    assert plateau([1.0, 2.0, 2.0, 3.0], patience=0, mode="max") == [1, 1, 0.5, 0.5]
    assert plateau([1.0, 0.95, 0.92, 0.85], patience=0, threshold=0.1) == [1, 0.5, 0.25, 0.25]
    assert plateau([1.0, 0.95, 0.85], patience=0, threshold=0.1, threshold_mode="abs") == [1, 0.5, 0.5]
    assert plateau([1.0] * 6, patience=0, cooldown=2) == [1, 0.5, 0.5, 0.5, 0.25, 0.25]
    assert plateau([1.0] * 4, patience=0, min_lr=0.3) == [1, 0.5, 0.3, 0.3]
    assert plateau([1.0] * 3, patience=0, eps=0.4) == [1, 0.5, 0.5]
    assert plateau([math.nan, math.nan, 1.0], patience=0) == [0.5, 0.25, 0.25]


# -- one after the other ----------------------------------------------------------------------------------


def test_sequence() -> None:
    optimizer = sgd()
    parts = [s.ConstantLR(optimizer, 0.5, 9), s.ExponentialLR(optimizer, 0.5), s.StepLR(optimizer, 2, 0.1)]
    assert rates_of(s.SequentialLR(optimizer, parts, [2, 4]), 8) == near([0.5, 0.5, 1, 0.5, 1, 1, 0.1, 0.1])


def test_a_sequence_inside_another_counts_from_its_own_start() -> None:
    optimizer = sgd()
    inner = s.SequentialLR(optimizer, [s.ConstantLR(optimizer, 0.5, 9), s.ExponentialLR(optimizer, 0.5)], [2])
    outer = s.SequentialLR(optimizer, [inner, s.ConstantLR(optimizer, 0.25, 9)], [4])
    assert rates_of(outer, 5) == near([0.5, 0.5, 1, 0.5, 0.25])


def test_a_chain_inside_a_sequence() -> None:
    optimizer = sgd()
    chain = s.ChainedScheduler([s.ConstantLR(optimizer, 0.5, 2), s.ExponentialLR(optimizer, 0.5)])
    sequence = s.SequentialLR(optimizer, [chain, s.StepLR(optimizer, 1, 0.1)], [3])
    assert rates_of(sequence, 5) == near([0.5, 0.25, 0.25, 1, 0.1])


# -- state ------------------------------------------------------------------------------------------------


class Slope:
    """A function with a memory."""

    def __init__(self, slope: float) -> None:
        self.slope = slope

    def __call__(self, t: float) -> float:
        return 1 - self.slope * t


def composed(o: Any) -> Any:
    parts = [s.LinearLR(o, 0.1, total_iters=4), s.ChainedScheduler([s.ExponentialLR(o, 0.9), s.StepLR(o, 2, 0.7)])]
    return s.SequentialLR(o, parts, [3])


STATEFUL: list[Callable[[Any], Any]] = [
    *(make for make, _ in BY_HAND),
    composed,
    lambda o: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.1),
    lambda o: s.OneCycleLR(o, 1.0, 20),
    lambda o: s.CyclicLR(o, 0.1, 1.0, 3, scale_fn=Slope(0.01)),
]


@pytest.mark.parametrize("make", STATEFUL)
def test_round_trip(make: Callable[[Any], Any]) -> None:
    one, two = sgd(momentum=0.5), sgd(momentum=0.5)
    straight, broken = make(one), make(two)
    first = rates_of(straight, 5)
    assert rates_of(broken, 3) == first[:3]
    saved = copy.deepcopy((broken.state_dict(), two.state_dict()))
    rates_of(broken, 1)
    fresh_optimizer = sgd(0.7, momentum=0.5)
    fresh = make(fresh_optimizer)
    fresh.load_state_dict(saved[0])
    fresh_optimizer.load_state_dict(saved[1])
    assert fresh.get_last_lr() == saved[0]["_last_lr"]
    assert rates_of(fresh, 2) == first[3:]


def test_functions_are_not_saved_but_objects_are() -> None:
    scheduler = s.LambdaLR(sgd(1.0, 1.0), [Slope(0.25), lambda t: 1.0])
    saved = scheduler.state_dict()
    assert saved["lr_lambdas"] == [{"slope": 0.25}, None]
    assert "optimizer" not in saved
    other = s.LambdaLR(sgd(1.0, 1.0), [Slope(0.5), lambda t: 2.0])
    other.load_state_dict(saved)
    other.optimizer.step(), other.step()
    assert other.get_last_lr() == [0.75, 2.0]


def test_plateau_round_trip() -> None:
    one, two = s.ReduceLROnPlateau(sgd(), patience=1), s.ReduceLROnPlateau(sgd(), "max", patience=7)
    for measure in (1.0, 2.0):
        one.step(measure)
    two.load_state_dict(one.state_dict())
    assert two.mode == "min" and two.best == 1.0 and two.num_bad_epochs == 1
    two.step(2.0)
    assert two.get_last_lr() == [0.1]


def test_resuming_in_the_midst() -> None:
    optimizer = sgd()
    with pytest.raises(KeyError, match="parameter group 0 has no 'initial_lr', which last_epoch=4 needs"):
        s.ExponentialLR(optimizer, 0.5, last_epoch=4)
    optimizer.param_groups[0].update(initial_lr=1.0, lr=0.5**5)
    scheduler = s.ExponentialLR(optimizer, 0.5, last_epoch=4)
    assert scheduler.last_epoch == 5
    assert rates_of(scheduler, 2) == near([0.5**5, 0.5**6])


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "ExponentialLR: the loaded state has no last_epoch"),
        (
            {"last_epoch": 3, "_last_lr": [1.0], "base_lrs": [1.0, 1.0]},
            "_last_lr of the loaded state has 1 entries",
        ),
        ({"last_epoch": 3, "_last_lr": [1.0, 1.0], "base_lrs": [1.0]}, "base_lrs .* 1 entries"),
    ],
)
def test_states_of_others_are_refused_whole(state: Any, message: str) -> None:
    scheduler = s.ExponentialLR(sgd(1.0, 2.0), 0.5)
    before = copy.deepcopy(scheduler.state_dict())
    with pytest.raises(OptimizerError, match=message):
        scheduler.load_state_dict(state)
    assert scheduler.state_dict() == before


def test_composed_states_must_have_as_many_parts() -> None:
    optimizer = sgd()
    one = s.ChainedScheduler([s.ExponentialLR(optimizer, 0.5)])
    two = s.ChainedScheduler([s.ExponentialLR(optimizer, 0.5), s.StepLR(optimizer, 1)])
    with pytest.raises(OptimizerError, match="the loaded state has 2 schedulers, this one has 1"):
        one.load_state_dict(two.state_dict())


# -- warnings and errors ----------------------------------------------------------------------------------


def test_the_wrong_order_warns_once_at_the_first_step() -> None:
    optimizer = sgd()
    scheduler = s.ExponentialLR(optimizer, 0.5)
    with pytest.warns(UserWarning, match=r"call optimizer\.step\(\) first"):
        scheduler.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.25]


def test_own_optimisers_count_as_stepped_too() -> None:
    class Still(optim.Optimizer):
        def step(self, closure: Any = None) -> None:
            pass

    optimizer = Still([tw.ones(1, requires_grad=True)], {"lr": 1.0})
    scheduler = s.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert "step" not in optimizer.__dict__ or optimizer.step() is None


def test_get_lr_outside_of_a_step_warns() -> None:
    scheduler = s.ExponentialLR(sgd(), 0.5)
    with pytest.warns(UserWarning, match=r"get_last_lr\(\)"):
        scheduler.get_lr()


def test_an_explicit_epoch_warns_and_jumps() -> None:
    optimizer = sgd()
    scheduler = s.StepLR(optimizer, 2, 0.5)
    optimizer.step()
    with pytest.warns(UserWarning, match="explicit epoch is deprecated"):
        scheduler.step(7)
    assert scheduler.get_last_lr() == [0.125]
    with pytest.warns(UserWarning, match="explicit epoch is deprecated"):
        s.ReduceLROnPlateau(optimizer).step(1.0, epoch=3)


def test_a_step_beyond_the_cycle() -> None:
    optimizer = sgd(momentum=0.5)
    scheduler = s.OneCycleLR(optimizer, 1.0, 3)
    rates_of(scheduler, 3)
    with pytest.raises(OptimizerError, match="this would be step 4, but the schedule ends after 3"):
        scheduler.step()


def test_groups_that_came_later() -> None:
    optimizer = sgd()
    scheduler = s.ExponentialLR(optimizer, 0.5)
    optimizer.add_param_group({"params": [tw.ones(1, requires_grad=True)]})
    optimizer.step()
    with pytest.raises(OptimizerError, match="make the scheduler after the last group was added"):
        s.LambdaLR.step(s_lambda(scheduler))
    listed = s.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.0, 0.0])
    optimizer.add_param_group({"params": [tw.ones(1, requires_grad=True)]})
    listed.step(1.0)
    with pytest.raises(OptimizerError, match="2 values of min_lr for 3 parameter groups"):
        listed.step(1.0)


def s_lambda(scheduler: Any) -> Any:
    """A scheduler that knows one group of an optimiser that has two."""
    group = scheduler.optimizer.param_groups.pop()
    late = s.LambdaLR(scheduler.optimizer, lambda t: 1.0)
    scheduler.optimizer.param_groups.append(group)
    return late


BAD: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    (lambda o: s.StepLR(o, 0), OptimizerError, "StepLR: step_size must be at least 1, got 0"),
    (lambda o: s.ConstantLR(o, 1.5), OptimizerError, "ConstantLR: factor must lie between 0 and 1, got 1.5"),
    (lambda o: s.LinearLR(o, 0.0), OptimizerError, "LinearLR: start_factor must be above 0"),
    (lambda o: s.LinearLR(o, 2.0), OptimizerError, "start_factor must lie between 0 and 1, got 2.0"),
    (lambda o: s.LinearLR(o, 0.5, -1.0), OptimizerError, "end_factor must lie between 0 and 1, got -1.0"),
    (lambda o: s.LinearLR(o, 0.5, total_iters=0), OptimizerError, "total_iters must be at least 1"),
    (lambda o: s.PolynomialLR(o, 0), OptimizerError, "PolynomialLR: total_iters must be at least 1"),
    (lambda o: s.CosineAnnealingLR(o, 0), OptimizerError, "T_max must be above 0, got 0"),
    (lambda o: s.CosineAnnealingWarmRestarts(o, 0), OptimizerError, "T_0 must be an integer above 0, got 0"),
    (lambda o: s.CosineAnnealingWarmRestarts(o, 2, 1.5), OptimizerError, "T_mult must be an integer above 0, got 1.5"),
    (lambda o: s.CosineAnnealingWarmRestarts(o, 2, 1, "x"), OptimizerError, "eta_min must be a number, not str"),
    (lambda o: s.CosineAnnealingWarmRestarts(o, 2).step(-1), OptimizerError, "epoch must not be negative, got -1"),
    (lambda o: s.LambdaLR(o, [lambda t: 1.0] * 2), OptimizerError, "lr_lambda: got 2 values for 1 parameter groups"),
    (lambda o: s.MultiplicativeLR(o, 0.5), TypeError, "lr_lambda must be a function of the epoch, not float"),
    (lambda o: s.ReduceLROnPlateau(o, factor=1.0), OptimizerError, r"factor must lie in \[0, 1\), got 1.0"),
    (lambda o: s.ReduceLROnPlateau(o, "up"), OptimizerError, "mode must be .* got 'up'"),
    (lambda o: s.ReduceLROnPlateau(o, threshold_mode="x"), OptimizerError, "threshold_mode must be .* got 'x'"),
    (lambda o: s.ReduceLROnPlateau(o, min_lr=[0.1, 0.1]), OptimizerError, "min_lr: got 2 values for 1"),
    (lambda o: s.CyclicLR(o, 0.1, 1.0, mode="x"), OptimizerError, "mode must be .* got 'x'"),
    (lambda o: s.CyclicLR(o, 0.1, 1.0, 0), OptimizerError, "step sizes must be above 0, got 0 up and 0 down"),
    (lambda o: s.OneCycleLR(o, 1.0), OptimizerError, "give total_steps, or both epochs and steps_per_epoch"),
    (lambda o: s.OneCycleLR(o, 1.0, 0), OptimizerError, "total_steps must be an integer above 0, got 0"),
    (lambda o: s.OneCycleLR(o, 1.0, epochs=2, steps_per_epoch=-1), OptimizerError, "steps_per_epoch must be"),
    (lambda o: s.OneCycleLR(o, 1.0, 9, pct_start=1.5), OptimizerError, "pct_start must lie between 0 and 1, got 1.5"),
    (lambda o: s.OneCycleLR(o, 1.0, 9, anneal_strategy="x"), OptimizerError, "anneal_strategy must be .* got 'x'"),
    (lambda o: s.SequentialLR(o, [], []), OptimizerError, "SequentialLR: needs at least one scheduler"),
    (lambda o: s.SequentialLR(o, [s.StepLR(o, 1)], [1]), OptimizerError, "1 schedulers need 0 milestones, got 1"),
    (lambda o: s.SequentialLR(o, [3], []), TypeError, "entry 0 is no scheduler but of type int"),
    (lambda o: s.ChainedScheduler([s.StepLR(sgd(), 1)], o), OptimizerError, r"entry 0 \(StepLR\) belongs to another"),
    (lambda o: s.ChainedScheduler([s.ReduceLROnPlateau(o)]), OptimizerError, "entry 0 is a ReduceLROnPlateau"),
]


@pytest.mark.parametrize(("make", "kind", "message"), BAD)
def test_what_is_refused(make: Callable[[Any], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        make(sgd(momentum=0.5))


@pytest.mark.parametrize("name", [n for n in s.__all__ if n not in ("ChainedScheduler", "SequentialLR", "LRScheduler")])
def test_something_else_than_an_optimizer(name: str) -> None:
    required = {
        "StepLR": [1], "MultiStepLR": [[1]], "ExponentialLR": [0.5], "CosineAnnealingLR": [3], "CyclicLR": [0.1, 1.0],
        "CosineAnnealingWarmRestarts": [3], "OneCycleLR": [1.0, 3], "LambdaLR": [abs], "MultiplicativeLR": [abs],
    }  # fmt: skip
    with pytest.raises(TypeError, match=f"{name}: needs an optimizer, not int"):
        getattr(s, name)(3, *required.get(name, []))


@pytest.mark.parametrize("name", ["CyclicLR", "OneCycleLR"])
def test_momentum_where_there_is_none(name: str) -> None:
    optimizer = optim.Adadelta([tw.ones(1, requires_grad=True)])
    options = {"base_lr": 0.1, "max_lr": 1.0} if name == "CyclicLR" else {"max_lr": 1.0, "total_steps": 9}
    with pytest.raises(OptimizerError, match="Adadelta has neither momentum nor betas; pass cycle_momentum=False"):
        getattr(s, name)(optimizer, **options)
    getattr(s, name)(optimizer, cycle_momentum=False, **options)


def test_phases_of_no_length() -> None:
    """With one step, or a rise that ends where it begins, there is nothing to divide by."""
    assert rates_of(s.OneCycleLR(sgd(), 1.0, 10, pct_start=0.1, cycle_momentum=False), 1) == [1.0]
    full = s.OneCycleLR(sgd(), 1.0, 3, pct_start=1.0, **PLAIN)
    assert rates_of(full, 3) == near([0.5, 0.75, 1.0])
    assert full.get_last_lr() == near([0.25])
