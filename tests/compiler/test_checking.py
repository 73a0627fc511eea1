"""``check=True``: what the compiled function does wrong is found and named, and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn, optim
from thalweg.compiler import checking, compile
from thalweg.compiler.compiled import Compiled
from thalweg.compiler.graph import Graph
from thalweg.compiler.program import Interpreted
from thalweg.errors import CompileError, TargetError
from thalweg.optim.lr_scheduler import ExponentialLR
from thalweg.utils.data import DataLoader, TensorDataset

F = nn.functional


class Wrong(Compiled):
    """Compiled, but for outputs that ``spoil`` changes after each run; it gets their names."""

    def __init__(self, function: Any, spoil: Callable[[str, Any], None]) -> None:
        super().__init__(function, check=True)
        self.spoil = spoil

    def _executable(self, graph: Graph, updates: Any, fed: Any) -> Any:
        return Spoilt(graph, self.spoil)


class Spoilt(Interpreted):
    def __init__(self, graph: Graph, spoil: Callable[[str, Any], None]) -> None:
        super().__init__(graph)
        self.spoil = spoil

    def run(self, inputs: list[Any], outputs: list[Any]) -> None:
        super().run(inputs, outputs)
        for name, y in zip(self.graph.names, outputs, strict=True):
            self.spoil(name, y)


def spoiling(name: str, index: Any, value: float) -> Callable[[str, Any], None]:
    """Add ``value`` to one element of the outputs whose names begin so."""

    def spoil(output: str, y: Any) -> None:
        if output.startswith(name) and y.dtype.kind == "f":
            y[index] += value

    return spoil


class Job:
    """A step with dropout, an optimiser, a schedule, a running total, and random numbers."""

    def __init__(self, optimizer: Any = optim.Adam, make: Any = None, **options: Any) -> None:
        tw.manual_seed(4)
        self.model = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Dropout(0.4), nn.Linear(6, 3))
        self.optimizer = optimizer(self.model.parameters(), **options)
        self.schedule = ExponentialLR(self.optimizer, 0.9)
        self.total = tw.zeros(3)
        self.seen = tw.zeros((), dtype=tw.int64)
        rng = np.random.default_rng(1)
        self.x = tw.from_numpy(rng.standard_normal((8, 5)).astype(np.float32))
        self.y = tw.from_numpy(rng.integers(0, 3, 8))
        self.run = (make or compile)(self.step)

    def step(self, x: tw.Tensor, y: tw.Tensor) -> dict[str, tw.Tensor]:
        self.optimizer.zero_grad()
        out = self.model(x)
        loss = F.cross_entropy(out, y) + 0.01 * tw.rand(())
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        self.total.add_(out.detach().sum(0))
        self.seen.add_(8)
        return {"loss": loss.detach(), "classes": out.argmax(1)}

    def state(self) -> Any:
        tensors = [*self.model.state_dict().values(), self.total, self.seen]
        tensors += [x for entry in self.optimizer.state_dict()["state"].values() for x in entry.values()]
        rates = [group["lr"] for group in self.optimizer.param_groups]
        return [x.tolist() for x in tensors], rates, self.schedule.state_dict(), tw.get_rng_state().tolist()


def checked(function: Any) -> Compiled:
    return Compiled(function, check=True)


@pytest.mark.parametrize("optimizer", [optim.SGD, optim.Adam, optim.RMSprop, optim.Adagrad])
def test_the_effect_is_that_of_the_compiled_run(optimizer: Any) -> None:
    plain = Job(optimizer, lr=0.05)
    losses = [plain.run(plain.x, plain.y)["loss"].item() for _ in range(6)]
    state = copy.deepcopy(plain.state())
    other = Job(optimizer, checked, lr=0.05)
    assert [other.run(other.x, other.y)["loss"].item() for _ in range(6)] == losses
    assert other.state() == state
    assert sum(map(len, other.run._programs.values())) == sum(map(len, plain.run._programs.values()))


def test_a_wrong_result_is_named_with_its_place() -> None:
    job = Job(optim.SGD, lambda f: Wrong(f, spoiling("result", (), 0.25)), lr=0.1)
    with pytest.raises(
        CompileError, match=r"compiled differs from eager: result\.loss: largest difference 0\.25: eager"
    ):
        job.run(job.x, job.y)


def test_a_wrong_parameter_is_named_with_its_place() -> None:
    def spoil(name: str, y: Any) -> None:
        if y.shape == (6, 5):
            y[2, 1] -= 0.5

    job = Job(optim.SGD, lambda f: Wrong(f, spoil), lr=0.1)
    with pytest.raises(CompileError, match=r"self\.model\.0\.weight: largest difference 0\.5 at \[2, 1\]: eager"):
        job.run(job.x, job.y)


def test_integers_must_be_the_same() -> None:
    def spoil(name: str, y: Any) -> None:
        if y.dtype == np.int64 and y.shape == ():
            y += 1

    job = Job(optim.SGD, lambda f: Wrong(f, spoil), lr=0.1)
    with pytest.raises(CompileError, match=r"self\.seen: largest difference 1: eager 8, compiled 9"):
        job.run(job.x, job.y)


def test_a_wrong_gradient_is_named() -> None:
    w = tw.tensor([1.0, 2.0], requires_grad=True)

    def step(x: tw.Tensor) -> None:
        (w * x).sum().backward()

    right, wrong = checked(step), Wrong(step, spoiling("gradient", 1, 1.0))
    right(tw.ones(2))
    assert w.grad is not None
    assert w.grad.tolist() == [1.0, 1.0]
    w.grad = None
    with pytest.raises(CompileError, match=r"w\.grad: largest difference 1 at \[1\]: eager 4\.0, compiled 5\.0"):
        wrong(tw.tensor([3.0, 4.0]))


def test_wrong_infinities_and_numbers_that_are_none() -> None:
    def spoil_with(value: float) -> Any:
        def spoil(name: str, y: Any) -> None:
            y[1] = value

        return Wrong(lambda x: x * 1.5, spoil)

    x = tw.tensor([1.0, np.inf, np.nan])
    assert checked(lambda x: x * 1.5)(x).tolist()[:2] == [1.5, np.inf]
    for value in (np.nan, -np.inf, 3.0):
        with pytest.raises(CompileError, match=r"result: largest difference (inf|nan) at \[1\]: eager inf, compiled"):
            spoil_with(value)(x)


@pytest.mark.parametrize("size", [1e-4, 1e-8])
def test_differences_in_double_precision_are_found_where_they_are_no_rounding(size: float) -> None:
    with pytest.raises(CompileError, match="result: largest difference"):
        Wrong(lambda x: x.exp(), spoiling("result", 0, size))(tw.ones(3, dtype=tw.float64))
    Wrong(lambda x: x.exp(), spoiling("result", 0, 1e-15))(tw.ones(3, dtype=tw.float64))


def test_steps_made_of_rounding_errors_are_allowed_for() -> None:
    """The gradient of a shift before centring is 0 but for rounding, and Adam divides it by its own size."""
    shift = tw.zeros(4, requires_grad=True)
    optimizer = optim.Adam([shift], lr=0.1, eps=1e-12)

    def step(x: tw.Tensor) -> tw.Tensor:
        optimizer.zero_grad()
        y = x + shift
        loss = ((y - y.mean(0)) * x.sin()).pow(3).sum()
        loss.backward()
        optimizer.step()
        return loss.detach()

    compiled = checked(step)
    for i in range(5):
        compiled(tw.from_numpy(np.random.default_rng(i).standard_normal((50, 4)).astype(np.float32)))


def test_what_both_runs_raise_is_raised_and_nothing_is_changed() -> None:
    job = Job(make=checked)
    job.run(job.x, job.y)
    before = copy.deepcopy(job.state())
    with pytest.raises(TargetError):
        job.run(job.x, tw.full((8,), 3))
    assert job.state() == before


def test_what_only_the_eager_run_raises_is_told() -> None:
    outcomes = iter([False, True, False])

    def sometimes(x: tw.Tensor) -> tw.Tensor:
        if next(outcomes):  # an iterator moves on unseen
            raise ValueError("no")
        return x + 1.0

    compiled = checked(sometimes)
    with pytest.raises(
        CompileError, match=r"run eagerly, .*sometimes.* raises ValueError\('no'\); compiled, it does not"
    ):
        compiled(tw.ones(2))


def test_arguments_are_put_back_before_the_compiled_run() -> None:
    x = tw.tensor([1.0, 2.0])
    version = x._version[0]
    assert checked(lambda x: x.mul_(3.0))(x).tolist() == [3.0, 6.0]
    assert x.tolist() == [3.0, 6.0]
    assert x._version[0] > version


def test_histories_of_arguments_are_left_alone() -> None:
    a = tw.tensor([1.0, 2.0], requires_grad=True)
    y = a * 3.0
    assert checked(lambda x: (x * x).detach())(y).tolist() == [9.0, 36.0]
    y.sum().backward()
    assert a.grad is not None
    assert a.grad.tolist() == [3.0, 3.0]


def test_lists_and_random_generators_are_put_back() -> None:
    generator = tw.Generator().manual_seed(5)
    expected = [tw.rand(3, generator=tw.Generator().manual_seed(5)).tolist()]
    compiled = checked(lambda: tw.rand(3, generator=generator))
    assert compiled().tolist() == expected[0]
    twin = tw.Generator().manual_seed(5)
    tw.rand(3, generator=twin)
    assert compiled().tolist() == tw.rand(3, generator=twin).tolist()
    assert generator.get_state().tolist() == twin.get_state().tolist()


def test_every_batch_of_an_epoch_is_checked() -> None:
    data = TensorDataset(tw.arange(6.0).reshape(6, 1))
    assert checked(lambda x: x.sum()).epoch(DataLoader(data, batch_size=2)).tolist() == [1.0, 5.0, 9.0]
    calls = []

    def spoil(name: str, y: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            y += 1.0

    with pytest.raises(CompileError, match=r"result: largest difference 1: eager 9\.0, compiled 10\.0"):
        Wrong(lambda x: x.sum(), spoil).epoch(DataLoader(data, batch_size=2))


def test_the_option_of_compile() -> None:
    @compile(check=True)
    def twice(x: tw.Tensor) -> tw.Tensor:
        return x + x

    assert twice.check
    assert twice(tw.ones(1)).tolist() == [2.0]


# -- comparing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        (np.array([1.0, 2.0]), np.array([1.0, 2.5]), "largest difference 0.5 at [1]: eager 2.0, compiled 2.5"),
        (np.array(2**60), np.array(2**60 + 1), f"largest difference 1: eager {2**60}, compiled {2**60 + 1}"),
        (np.array([True]), np.array([False]), "largest difference 1 at [0]: eager True, compiled False"),
        (np.zeros(2), np.zeros(3), "eager float64 of shape (2,), compiled float64 of shape (3,)"),
        (np.zeros(2), np.zeros(2, np.float32), "eager float64 of shape (2,), compiled float32 of shape (2,)"),
        (0.1, 0.2, "largest difference 0.1: eager 0.1, compiled 0.2"),
        (np.array([np.nan, 1.0]), np.array([np.nan, 1.0]), None),
        (np.array([]), np.array([]), None),
        (1, 1.0, None),
        (np.array([1.0, 1000.0]), np.array([1.0000009, 1000.0]), None),  # 1e-9 of the largest beside it
    ],
)
def test_comparison_of_two_contents(x: Any, y: Any, text: str | None) -> None:
    assert checking._compared(x, y, 1e-9, 0.0) == text


def test_distance_of_contents() -> None:
    assert checking._distance(np.array([1.0, np.nan]), np.array([1.5, np.nan])) == 0.5
    assert checking._distance(np.array([1.0]), np.array([np.nan])) == np.inf
    assert checking._distance(np.zeros(0), np.zeros(0)) == 0.0
    assert checking._distance(3, 5) == 2.0


def test_what_is_there_only_once() -> None:
    one = {"a": np.zeros(1)}
    assert checking._difference(one, {}, set(), 0.0, {}) == "a is there only after the eager run"
    assert checking._difference({}, one, set(), 0.0, {}) == "a is there only after the compiled run"
    assert checking._difference(one, {}, {"a"}, 0.0, {}) is None
