"""``step.epoch(loader)`` does what the eager loop does: batches, order, random numbers, last short batch, results."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.compiler import compile
from thalweg.utils.data import DataLoader, Dataset, Subset, TensorDataset

F = nn.functional


class Job:
    """A small classifier with plain gradient descent, eager or compiled."""

    def __init__(self, rows: int = 23, dropout: bool = False) -> None:
        rng = np.random.default_rng(5)
        self.x = tw.from_numpy(rng.standard_normal((rows, 6)).astype(np.float32))
        self.y = tw.from_numpy(rng.integers(0, 3, rows))
        tw.manual_seed(1)
        middle: list[nn.Module] = [nn.Dropout(0.5)] if dropout else []
        self.model = nn.Sequential(nn.Linear(6, 17), nn.Tanh(), *middle, nn.Linear(17, 3))
        self.weights = list(self.model.parameters())

    def step(self, x: Any, y: Any) -> Any:
        for p in self.weights:
            p.grad = None
        loss = F.cross_entropy(self.model(x), y)
        loss.backward()
        with tw.no_grad():
            for p in self.weights:
                p -= 0.1 * p.grad
        return loss.detach()

    def loader(self, **options: Any) -> DataLoader[Any]:
        return DataLoader(TensorDataset(self.x, self.y), **options)

    def agrees_with(self, other: Job) -> None:
        for p, q in zip(self.weights, other.weights, strict=True):
            np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=2e-5, atol=2e-6)


def run_both(first: Job, second: Job, **options: Any) -> tuple[Any, Any]:
    """Losses of the eager loop, and of the compiled epoch, from the same seed."""
    tw.manual_seed(11)
    eager = tw.stack([first.step(*batch) for batch in first.loader(**options)])
    after = tw.get_rng_state()
    tw.manual_seed(11)
    compiled = compile(second.step).epoch(second.loader(**options))
    assert tw.get_rng_state().tolist() == after.tolist()
    return eager, compiled


@pytest.mark.parametrize("batch_size", [1, 4, 23, 40])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
def test_losses_and_weights_are_those_of_the_eager_loop(batch_size: int, shuffle: bool, drop_last: bool) -> None:
    if drop_last and batch_size > 23:
        pytest.skip("there is no whole batch, and nothing to stack")
    first, second = Job(), Job()
    eager, compiled = run_both(first, second, batch_size=batch_size, shuffle=shuffle, drop_last=drop_last)
    assert eager.shape == compiled.shape
    np.testing.assert_allclose(compiled.numpy(), eager.numpy(), rtol=1e-5)
    second.agrees_with(first)


def test_dropout_draws_the_same_masks() -> None:
    first, second = Job(dropout=True), Job(dropout=True)
    eager, compiled = run_both(first, second, batch_size=4, shuffle=True)
    np.testing.assert_allclose(compiled.numpy(), eager.numpy(), rtol=1e-5)
    second.agrees_with(first)


def test_a_second_epoch_goes_on() -> None:
    first, second = Job(), Job()
    step = compile(second.step)
    tw.manual_seed(3)
    eager = [tw.stack([first.step(*b) for b in first.loader(batch_size=5, shuffle=True)]) for _ in range(3)]
    tw.manual_seed(3)
    loader = second.loader(batch_size=5, shuffle=True)
    for losses in eager:
        np.testing.assert_allclose(step.epoch(loader).numpy(), losses.numpy(), rtol=1e-5)


def test_subsets_are_read_in_place() -> None:
    first, second = Job(), Job()
    chosen = [20, 3, 3, 7, 11, 0]
    eager = [first.step(first.x[chosen[i : i + 2]], first.y[chosen[i : i + 2]]) for i in (0, 2, 4)]
    data = Subset(TensorDataset(second.x, second.y), chosen)
    losses = compile(second.step).epoch(DataLoader(data, batch_size=2))
    np.testing.assert_allclose(losses.numpy(), tw.stack(eager).numpy(), rtol=1e-5)


class Doubled(Dataset[Any]):
    """Read item by item: no native gathering."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def __getitem__(self, i: int) -> Any:
        return self.job.x[i] * 2, self.job.y[i]

    def __len__(self) -> int:
        return len(self.job.x)


def test_other_data_sets_and_iterables_take_one_call_a_batch() -> None:
    first, second, third = Job(), Job(), Job()
    loader = DataLoader(Doubled(first), batch_size=6)
    eager = tw.stack([first.step(*batch) for batch in loader]).numpy()
    np.testing.assert_allclose(compile(second.step).epoch(loader).numpy(), eager, rtol=1e-5)
    batches = [(third.x[i : i + 6] * 2, third.y[i : i + 6]) for i in range(0, 23, 6)]
    np.testing.assert_allclose(compile(third.step).epoch(iter(batches)).numpy(), eager, rtol=1e-5)


def test_results_keep_their_structure() -> None:
    step = compile(lambda x: {"sum": x.sum(), "rows": (x.sum(1), x.shape[0])})
    x = tw.arange(12.0).reshape(6, 2)
    results = step.epoch(DataLoader(x, batch_size=2))
    assert results["sum"].tolist() == [6.0, 22.0, 38.0]
    assert results["rows"][0].tolist() == [[1.0, 5.0], [9.0, 13.0], [17.0, 21.0]]
    ragged = step.epoch(DataLoader(x, batch_size=4))
    assert [r.tolist() for r in ragged["rows"][0]] == [[1.0, 5.0, 9.0, 13.0], [17.0, 21.0]]


def test_functions_that_change_their_argument_leave_the_data_alone() -> None:
    def step(x: Any) -> Any:
        x.mul_(2)
        return x.sum()

    data = tw.ones(7, 3)
    assert compile(step).epoch(DataLoader(data, batch_size=1)).tolist() == [6.0] * 7
    assert data.tolist() == [[1.0] * 3] * 7


def test_progress_is_told_and_can_stop() -> None:
    job = Job(rows=4000)
    step = compile(job.step)
    seen: list[tuple[int, Any]] = []

    def progress(done: int, total: Any, losses: Any) -> bool:
        seen.append((done, total))
        assert len(losses) >= 1
        return done >= 50

    losses = step.epoch(job.loader(batch_size=1), progress)
    assert seen[-1][0] == len(losses) >= 50
    assert len(losses) < 4000
    assert {total for _, total in seen} == {4000}


def test_an_empty_loader_gives_nothing() -> None:
    assert compile(lambda x: x.sum()).epoch([]) is None


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_stops_between_two_steps() -> None:
    rows = 200_000
    x = tw.ones(rows, 300)
    weight = tw.zeros(600, 300)
    count = tw.zeros((), dtype=tw.int64)

    def step(x: Any) -> Any:
        with tw.no_grad():
            count.add_(1)
            weight.add_(x.expand(600, 300))
        return x.sum()

    compiled = compile(step)
    compiled(x[:1])
    started = time.perf_counter()
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        for _ in range(100):
            compiled.epoch(DataLoader(x, batch_size=1))
    assert time.perf_counter() - started < 5
    done = int(count.item())
    assert done > 1
    np.testing.assert_array_equal(weight.numpy(), np.full((600, 300), float(done), np.float32))


def test_gradients_survive_as_after_single_calls() -> None:
    p, q = (nn.Parameter(tw.ones(3)) for _ in range(2))
    data = tw.arange(12.0).reshape(4, 3)

    def step(p: Any, x: Any) -> Any:
        loss = (p * x).sum()
        loss.backward()
        return loss.detach()

    for x in DataLoader(data, batch_size=1):
        step(p, x)
    compile(lambda x: step(q, x)).epoch(DataLoader(data, batch_size=1))
    assert q.grad is not None
    assert q.grad.tolist() == p.grad.tolist()  # type: ignore[union-attr]
