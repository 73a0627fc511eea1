"""Many steps: memory stays what it is, and losses stay those of eager training."""

from __future__ import annotations

import gc
import sys
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn, optim
from thalweg.compiler import compile
from thalweg.utils.data import DataLoader, TensorDataset

F = nn.functional
OPTIMIZERS = [
    ("SGD", {"lr": 0.05}), ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}), ("Adam", {}), ("AdamW", {}),
    ("NAdam", {}), ("RAdam", {}), ("Adamax", {}), ("Adagrad", {}), ("Adadelta", {}), ("RMSprop", {"lr": 1e-3}),
    ("Rprop", {"lr": 1e-4, "step_sizes": (1e-6, 1e-3)}), ("ASGD", {}), ("Lion", {}),
]  # fmt: skip


class Training:
    """A small network, its optimiser, and the step of a user's script."""

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        tw.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(3, 18), nn.Tanh(), nn.Linear(18, 2)).double()
        self.optimizer = getattr(optim, name)(self.model.parameters(), **options)

    def step(self, x: Any, y: Any) -> Any:
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_two_hundred_steps_agree_with_eager(name: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    x = tw.from_numpy(rng.standard_normal((1600, 3)))
    y = tw.from_numpy((x.numpy()[:, 0] > 0).astype(np.int64))
    first, second = Training(name, options), Training(name, options)
    loader = DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True)
    tw.manual_seed(2)
    eager = np.array([first.step(*batch).item() for batch in loader])
    tw.manual_seed(2)
    compiled = compile(second.step).epoch(loader).numpy()
    assert len(eager) == 200
    np.testing.assert_allclose(compiled, eager, rtol=1e-7)
    for p, q in zip(first.model.parameters(), second.model.parameters(), strict=True):
        np.testing.assert_allclose(q.detach().numpy(), p.detach().numpy(), rtol=1e-7, atol=1e-10)


def resident() -> int:
    """Bytes of memory of this process."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_a_hundred_thousand_steps_leave_no_memory_behind() -> None:
    training = Training("Adam", {})
    step = compile(training.step)
    x, y = tw.randn(4, 3, dtype=tw.float64), tw.tensor([0, 1, 0, 1])
    loader = DataLoader(TensorDataset(x, y), batch_size=1)
    for _ in range(2000):
        step(x, y)
        step.epoch(loader)
    before = resident()
    for _ in range(100_000):
        step(x, y)
    for _ in range(2000):
        step.epoch(loader)
    assert resident() - before < 1_000_000
