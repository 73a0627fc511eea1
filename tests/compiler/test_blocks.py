"""Single samples in blocks: the weights and losses of the loop over single steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn, optim
from thalweg.compiler import compile, slices
from thalweg.compiler.blocks import BLOCK, blocked
from thalweg.compiler.compiled import Compiled
from thalweg.compiler.simplify import simplify
from thalweg.errors import TargetError
from thalweg.utils.data import DataLoader, TensorDataset

F = nn.functional


@pytest.fixture(autouse=True)
def blocks_pay_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "WORTH_BLOCKS", 2)


class Job:
    """The lecture's network in small, and its training step."""

    def __init__(self, rows: int = 101, dtype: Any = tw.float64, scheduled: bool = False, hidden: int = 13) -> None:
        rng = np.random.default_rng(8)
        self.x = tw.from_numpy(rng.standard_normal((rows, 21))).to(dtype)
        self.y = tw.from_numpy(rng.integers(0, 4, rows))
        tw.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(21, hidden), nn.ReLU(), nn.Linear(hidden, 4)).to(dtype)
        self.optimizer = optim.SGD(self.model.parameters(), lr=0.05)
        self.scheduler = optim.lr_scheduler.ExponentialLR(self.optimizer, 0.99) if scheduled else None

    def step(self, x: Any, y: Any) -> Any:
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        if self.scheduler is not None:
            self.scheduler.step()
        return loss.detach()

    def loader(self) -> DataLoader[Any]:
        return DataLoader(TensorDataset(self.x, self.y), batch_size=1, shuffle=True)

    def weights(self) -> list[Any]:
        return [p.detach().numpy() for p in self.model.parameters()]


def has_blocks(step: Compiled) -> bool:
    return any(bool(p.blocked) for programs in step._programs.values() for p in programs)


@pytest.mark.parametrize("rows", [2, BLOCK, BLOCK + 1, 101])
@pytest.mark.parametrize("scheduled", [False, True])
def test_losses_and_weights_are_those_of_single_steps(rows: int, scheduled: bool) -> None:
    first, second = Job(rows, scheduled=scheduled), Job(rows, scheduled=scheduled)
    compiled = compile(second.step)
    for _ in range(3):
        tw.manual_seed(5)
        eager = np.array([first.step(*b).item() for b in first.loader()])
        tw.manual_seed(5)
        losses = compiled.epoch(second.loader()).numpy()
        np.testing.assert_allclose(losses, eager, rtol=1e-10)
    assert has_blocks(compiled) == (rows > 2)
    for p, q in zip(first.weights(), second.weights(), strict=True):
        np.testing.assert_allclose(q, p, rtol=1e-10, atol=1e-13)


def test_float32_agrees_to_rounding() -> None:
    first, second = Job(dtype=tw.float32), Job(dtype=tw.float32)
    tw.manual_seed(5)
    eager = np.array([first.step(*b).item() for b in first.loader()])
    tw.manual_seed(5)
    np.testing.assert_allclose(compile(second.step).epoch(second.loader()).numpy(), eager, rtol=1e-4)


def test_a_wrong_target_stops_with_the_steps_before_it_taken() -> None:
    first, second = Job(), Job()
    second.y[70] = first.y[70] = 9
    for i in range(70):
        first.step(first.x[i : i + 1], first.y[i : i + 1])
    compiled = compile(second.step)
    with pytest.raises(TargetError, match="9"):
        compiled.epoch(DataLoader(TensorDataset(second.x, second.y), batch_size=1))
    for p, q in zip(first.weights(), second.weights(), strict=True):
        np.testing.assert_allclose(q, p, rtol=1e-10, atol=1e-13)


def pattern_of(step: Any, *tensors: Any) -> Any:
    compiled = compile(step)
    compiled(*tensors)
    ((program,),) = compiled._programs.values()
    places = [i for i, s in program.moving if s.argument is not None]
    return blocked(simplify(program.recording.graph), program.recording.writes, places)


def test_the_first_weight_is_found() -> None:
    job = Job()
    found = pattern_of(job.step, job.x[:1], job.y[:1])
    assert found is not None
    assert found.size == (13, 21)
    found.graph.check()


def test_a_weight_with_another_use_is_left_alone() -> None:
    job = Job()

    def step(x: Any, y: Any) -> Any:
        job.optimizer.zero_grad()
        loss = F.cross_entropy(job.model(x), y) + 0.01 * job.model[0].weight.square().sum()
        loss.backward()
        job.optimizer.step()
        return loss.detach()

    assert pattern_of(step, job.x[:1], job.y[:1]) is None


def test_momentum_is_left_alone() -> None:
    job = Job()
    job.optimizer = optim.SGD(job.model.parameters(), lr=0.05, momentum=0.9)
    assert pattern_of(job.step, job.x[:1], job.y[:1]) is None
