"""Every scheduler beside PyTorch's: the rates and momenta of fifty steps, and its state."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import optim

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

Make = Callable[[Any, Any], Any]  # (the module lr_scheduler, an optimiser) -> a scheduler


def halving(epoch: int) -> float:
    return 0.5 ** (epoch // 7)


def nearly_one(epoch: int) -> float:
    return 1 - 0.1 / (1 + epoch)


def shrinking(x: float) -> float:
    return 1 / (5 ** (x * 0.01))


def sequential(s: Any, o: Any) -> Any:
    parts = [s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.9), s.CosineAnnealingLR(o, 10), s.StepLR(o, 3)]
    return s.SequentialLR(o, parts, [4, 11, 30])


def chained(s: Any, o: Any) -> Any:
    return s.ChainedScheduler([s.LinearLR(o, 0.5), s.ExponentialLR(o, 0.97), s.MultiStepLR(o, [9, 20], 0.3)], o)


SCHEDULERS: dict[str, Make] = {
    "StepLR": lambda s, o: s.StepLR(o, 4, 0.7),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [3, 10, 10, 31], 0.3),
    "ConstantLR": lambda s, o: s.ConstantLR(o),
    "ConstantLR-0": lambda s, o: s.ConstantLR(o, 0.7, 0),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.3, 0.8, 17),
    "LinearLR-down": lambda s, o: s.LinearLR(o, 1.0, 0.0, 9),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.93),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 30, 1.7),
    "LambdaLR": lambda s, o: s.LambdaLR(o, halving),
    "LambdaLR-two": lambda s, o: s.LambdaLR(o, [halving, nearly_one]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, [halving, nearly_one]),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 12),
    "CosineAnnealingLR-floor": lambda s, o: s.CosineAnnealingLR(o, 13, 0.01),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 7),
    "CosineAnnealingWarmRestarts-2": lambda s, o: s.CosineAnnealingWarmRestarts(o, 4, 2, 0.02),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.01, 0.5, 5),
    "CyclicLR-2": lambda s, o: s.CyclicLR(o, [0.01, 0.1], [0.5, 0.2], 5, 3, "triangular2", base_momentum=0.1),
    "CyclicLR-exp": lambda s, o: s.CyclicLR(o, 0.01, 0.5, 5, 9, "exp_range", 0.95, cycle_momentum=False),
    "CyclicLR-own": lambda s, o: s.CyclicLR(o, 0.01, 0.5, 5, scale_fn=shrinking, scale_mode="iterations"),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.5, 50),
    "OneCycleLR-linear": lambda s, o: s.OneCycleLR(
        o, [0.5, 0.2], epochs=5, steps_per_epoch=11, pct_start=0.2, anneal_strategy="linear", div_factor=7.0
    ),
    "OneCycleLR-three": lambda s, o: s.OneCycleLR(o, 0.5, 60, three_phase=True, cycle_momentum=False),
    "SequentialLR": sequential,
    "ChainedScheduler": chained,
}
OPTIMIZERS: dict[str, dict[str, Any]] = {"SGD": {"momentum": 0.3}, "Adam": {}}


def groups(module: Any) -> list[dict[str, Any]]:
    first, second = (module.tensor([1.0], requires_grad=True) for _ in range(2))
    return [{"params": [first]}, {"params": [second], "lr": 0.3}]


def both(optimizer: str, make: Make) -> tuple[Any, Any, Any, Any]:
    options = {"lr": 0.2, **OPTIMIZERS[optimizer]}
    mine = getattr(optim, optimizer)(groups(tw), **options)
    other = getattr(torch.optim, optimizer)(groups(torch), **options)
    return mine, make(optim.lr_scheduler, mine), other, make(torch.optim.lr_scheduler, other)


def settings(optimizer: Any) -> list[float]:
    """The numbers that schedules change."""
    found = []
    for group in optimizer.param_groups:
        found += [group["lr"], group["initial_lr"], group.get("momentum", 0.0), *group.get("betas", ())]
    return found


def same(mine: Any, other: Any) -> bool:
    return bool(np.allclose(mine, other, rtol=1e-12, atol=1e-16))


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
@pytest.mark.parametrize("name", list(SCHEDULERS))
def test_fifty_steps(name: str, optimizer: str) -> None:
    mine, ours, other, theirs = both(optimizer, SCHEDULERS[name])
    for step in range(50):
        assert same(settings(mine), settings(other)), step
        assert same(ours.get_last_lr(), theirs.get_last_lr())
        mine.step(), ours.step()
        other.step(), theirs.step()
    assert same(settings(mine), settings(other))


CLOSED = ["StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR", "PolynomialLR", "CosineAnnealingLR-floor",
          "LambdaLR"]  # fmt: skip


@pytest.mark.parametrize("name", CLOSED)
def test_jump_to_an_epoch(name: str) -> None:
    mine, ours, other, theirs = both("SGD", SCHEDULERS[name])
    mine.step(), other.step()
    for epoch in (3, 11, 1, 40):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours.step(epoch)
            theirs.step(epoch)
        assert same(settings(mine), settings(other)), epoch


def test_warm_restarts_jump_to_fractions() -> None:
    for make in (SCHEDULERS["CosineAnnealingWarmRestarts"], SCHEDULERS["CosineAnnealingWarmRestarts-2"]):
        mine, ours, other, theirs = both("SGD", make)
        mine.step(), other.step()
        for epoch in (0.25, 3.5, 4.0, 11.9, 30.3, 2.0):
            ours.step(epoch)
            theirs.step(epoch)
            assert same(settings(mine), settings(other)), epoch


@pytest.mark.parametrize("name", list(SCHEDULERS))
def test_state_has_their_entries(name: str) -> None:
    mine, ours, other, theirs = both("SGD", SCHEDULERS[name])
    for _ in range(9):
        mine.step(), ours.step()
        other.step(), theirs.step()
    compare_states(ours.state_dict(), theirs.state_dict())


def compare_states(mine: dict[str, Any], other: dict[str, Any]) -> None:
    """The same entries with the same values; parts of composed schedulers too."""
    assert mine.keys() == other.keys()
    for key, value in other.items():
        if key == "_schedulers":
            for a, b in zip(mine[key], value, strict=True):
                compare_states(a, b)
        elif isinstance(value, float):
            assert math.isclose(mine[key], value, rel_tol=1e-12), key
        elif isinstance(value, list) and isinstance(value[0], float):
            assert same(mine[key], value), key
        else:
            assert mine[key] == value, key


@pytest.mark.parametrize("name", list(SCHEDULERS))
def test_their_state_continues_here(name: str) -> None:
    mine, ours, other, theirs = both("SGD", SCHEDULERS[name])
    for _ in range(9):
        other.step(), theirs.step()
    ours.load_state_dict(theirs.state_dict())
    mine.load_state_dict(other.state_dict())
    for _ in range(20):
        mine.step(), ours.step()
        other.step(), theirs.step()
        assert same(settings(mine), settings(other))


PLATEAU: list[dict[str, Any]] = [
    {"patience": 2},
    {"mode": "max", "patience": 1, "factor": 0.3, "threshold": 0.1},
    {"threshold_mode": "abs", "threshold": 0.5, "patience": 0, "cooldown": 3, "min_lr": [0.01, 0.05]},
    {"mode": "max", "threshold_mode": "abs", "patience": 1, "min_lr": 0.02, "eps": 0.05},
]


@pytest.mark.parametrize("options", PLATEAU)
def test_reduce_on_plateau(options: dict[str, Any]) -> None:
    mine, ours, other, theirs = both("SGD", lambda s, o: s.ReduceLROnPlateau(o, **options))
    rng = np.random.default_rng(0)
    for measure in [*rng.standard_normal(40).cumsum(), math.nan, math.inf, 3.0, 3.0]:
        ours.step(measure)
        theirs.step(measure)
        assert same(ours.get_last_lr(), theirs.get_last_lr())
        assert same([g["lr"] for g in mine.param_groups], [g["lr"] for g in other.param_groups])
    compare_states(ours.state_dict(), theirs.state_dict())


@pytest.mark.parametrize("name", list(optim.lr_scheduler.__all__))
def test_signature(name: str) -> None:
    mine = inspect.signature(getattr(optim.lr_scheduler, name))
    other = inspect.signature(getattr(torch.optim.lr_scheduler, name))
    assert [(p.name, p.kind, p.default) for p in mine.parameters.values()] == [
        (p.name, p.kind, p.default) for p in other.parameters.values()
    ]


def test_a_rate_that_is_a_tensor_is_changed_in_place() -> None:
    mine_lr, other_lr = tw.tensor(0.5), torch.tensor(0.5)
    mine = optim.SGD([tw.tensor([1.0], requires_grad=True)], lr=mine_lr)
    other = torch.optim.SGD([torch.tensor([1.0], requires_grad=True)], lr=other_lr)
    ours = optim.lr_scheduler.ExponentialLR(mine, 0.5)
    theirs = torch.optim.lr_scheduler.ExponentialLR(other, 0.5)
    for _ in range(3):
        mine.step(), ours.step()
        other.step(), theirs.step()
    assert mine.param_groups[0]["lr"] is mine_lr
    assert mine_lr.item() == other_lr.item() == 0.0625
    assert [x.item() for x in ours.get_last_lr()] == [x.item() for x in theirs.get_last_lr()]
