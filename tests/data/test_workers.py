"""The loader with worker processes that read files."""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.datasets import ImageFolder
from thalweg.errors import WorkerError
from thalweg.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info

pytestmark = [
    pytest.mark.skipif(
        "fork" not in multiprocessing.get_all_start_methods(), reason="classes of a test can't be imported by workers"
    ),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),  # NumPy's BLAS has threads
]

N = 13


class Files(Dataset[Any]):
    """Sample i is read from a file; with it come random numbers, as augmentation would draw them."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Any:
        x = tw.from_numpy(np.load(self.paths[index]))
        return x, index, (random.random(), np.random.rand(), tw.rand(()))


class Broken(Files):
    """``trouble`` happens on reading sample 7."""

    def __init__(self, paths: list[Path], trouble: Callable[[], Any]) -> None:
        super().__init__(paths)
        self.trouble = trouble

    def __getitem__(self, index: int) -> Any:
        return self.trouble() if index == 7 else super().__getitem__(index)


class Stream(IterableDataset[int]):
    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Iterator[int]:
        info = get_worker_info()
        return iter(range(self.n)) if info is None else iter(range(info.id, self.n, info.num_workers))


class UnpicklableError(Exception):
    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


def fail(error: Exception) -> Any:
    raise error


def forked(dataset: Any, batch_size: int | None = 3, num_workers: int = 2, **options: Any) -> DataLoader[Any]:
    return DataLoader(dataset, batch_size, num_workers=num_workers, multiprocessing_context="fork", **options)


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[list[Path]]:
    files = [tmp_path / f"{i}.npy" for i in range(N)]
    for i, path in enumerate(files):
        np.save(path, np.full(2, i, np.float32))
    yield files
    assert multiprocessing.active_children() == []  # no test leaves a process


def numbers(batches: Any) -> list[list[int]]:
    return [batch[1].tolist() for batch in batches]


@pytest.mark.parametrize("num_workers", [1, 2, 5])
@pytest.mark.parametrize("shuffle", [False, True])
def test_the_order_is_that_of_one_process(paths: list[Path], num_workers: int, shuffle: bool) -> None:
    tw.manual_seed(3)
    alone = numbers(DataLoader(Files(paths), 3, shuffle=shuffle))
    tw.manual_seed(3)
    batches = list(forked(Files(paths), 3, num_workers, shuffle=shuffle))
    assert numbers(batches) == alone
    for x, index, _ in batches:
        np.testing.assert_array_equal(x.numpy(), np.repeat(index.numpy()[:, None], 2, axis=1).astype(np.float32))
        x.add_(1)  # what comes back may be changed


def test_random_augmentation_repeats_with_the_seed(paths: list[Path]) -> None:
    def draws() -> np.ndarray[Any, Any]:
        tw.manual_seed(5)
        loader = forked(Files(paths))
        return np.array([[np.concatenate([d.numpy() for d in b[2]]) for b in list(loader)[:4]] for _ in range(2)])

    first = draws()
    np.testing.assert_array_equal(draws(), first)
    assert len(np.unique(first)) == first.size  # no two workers, libraries or epochs draw the same


def test_with_workers_an_epoch_draws_one_word_more(paths: list[Path]) -> None:
    generator = tw.Generator().manual_seed(1)
    list(forked(Files(paths), shuffle=True, generator=generator))
    twin = tw.Generator().manual_seed(1)
    twin.permutation(N)
    twin.words(1)
    assert generator.get_state().tolist() == twin.get_state().tolist()


def test_samples_one_by_one_and_lists_of_indices(paths: list[Path]) -> None:
    assert [s[1] for s in forked(Files(paths), None)] == list(range(N))
    loader = DataLoader(
        Files(paths), batch_sampler=[[4, 2], [9]], num_workers=2, multiprocessing_context="fork", prefetch_factor=1
    )
    assert numbers(loader) == [[4, 2], [9]]


def test_gradients_do_not_travel() -> None:
    loader = forked(TensorDataset(tw.ones(4, 2, requires_grad=True)))
    assert [x.requires_grad for (x,) in loader] == [False, False]


def test_streams_are_shared_out() -> None:
    batches = [b.tolist() for b in forked(Stream(11))]
    assert batches == [[0, 2, 4], [1, 3, 5], [6, 8, 10], [7, 9]]
    assert [b.tolist() for b in forked(Stream(11), drop_last=True)] == batches[:3]
    assert list(forked(Stream(4), None, num_workers=3)) == [0, 1, 2, 3]
    assert list(forked(Stream(0))) == []


def test_worker_info(paths: list[Path]) -> None:
    class Who(Files):
        def __getitem__(self, index: int) -> Any:
            info = get_worker_info()
            assert info is not None
            assert info.dataset is self
            return index, (info.id, info.num_workers, info.seed)

    tw.manual_seed(2)
    ids, counts, seeds = zip(*(b[1] for b in forked(Who(paths), 7)), strict=True)
    assert [i.tolist() for i in ids] == [[0] * 7, [1] * 6]
    assert counts[0][0] == 2
    assert seeds[1][0] == seeds[0][0] + 1
    assert get_worker_info() is None


def test_worker_init_fn(paths: list[Path], tmp_path: Path) -> None:
    def note(worker: int) -> None:
        (tmp_path / f"worker {worker}").touch(exist_ok=False)

    loader = forked(Files(paths), worker_init_fn=note, persistent_workers=True)
    assert [len(list(loader)), len(list(loader))] == [5, 5]
    assert sorted(p.name for p in tmp_path.glob("worker *")) == ["worker 0", "worker 1"]
    with pytest.raises(ZeroDivisionError) as caught:
        list(forked(Files(paths), worker_init_fn=lambda worker: worker // 0))
    assert "in worker 0" in caught.value.__notes__[0]
    del loader


def test_an_error_comes_back_as_it_is_with_its_index_and_traceback(paths: list[Path]) -> None:
    paths[7].unlink()
    with pytest.raises(FileNotFoundError) as caught:
        list(forked(Files(paths)))
    assert caught.value.filename == str(paths[7])
    index, batch, worker = caught.value.__notes__
    assert index == "while reading index 7 of the Files"
    assert batch == "in the batch of the indices 6, 7, 8 of the Files"
    assert worker.startswith("in worker 0 of the DataLoader")
    assert "np.load(self.paths[index])" in worker


def test_an_error_that_can_t_be_pickled(paths: list[Path]) -> None:
    with pytest.raises(WorkerError, match="UnpicklableError: 1 and 2") as caught:
        list(forked(Broken(paths, lambda: fail(UnpicklableError(1, 2)))))
    assert "while reading index 7" in caught.value.__notes__[-1]


def test_a_batch_that_can_t_be_pickled(paths: list[Path]) -> None:
    with pytest.raises((AttributeError, TypeError), match="pickle"):
        list(forked(Files(paths), collate_fn=lambda samples: lambda: samples))


def test_a_worker_that_dies_is_named(paths: list[Path]) -> None:
    with pytest.raises(WorkerError, match=r"worker 0 \(process \d+\) ended with code 3"):
        list(forked(Broken(paths, lambda: os._exit(3))))
    with pytest.raises(WorkerError, match=r"was killed by signal 9 while .* out of memory"):
        list(forked(Broken(paths, lambda: os.kill(os.getpid(), signal.SIGKILL))))


def test_timeout(paths: list[Path]) -> None:
    with pytest.raises(WorkerError, match=r"worker 0 gave no batch within timeout=0.1 seconds"):
        list(forked(Broken(paths, lambda: time.sleep(60)), timeout=0.1))


def test_leaving_early_ends_the_workers_at_once(paths: list[Path]) -> None:
    start = time.monotonic()
    for batch in forked(Broken(paths, lambda: time.sleep(60))):
        assert batch[1].tolist() == [0, 1, 2]
        break
    assert multiprocessing.active_children() == []
    assert time.monotonic() - start < 5


def test_persistent_workers_stay_and_forget_what_was_not_taken(paths: list[Path]) -> None:
    loader = forked(Files(paths), persistent_workers=True)
    for _ in loader:
        break
    workers = {p.pid for p in multiprocessing.active_children()}
    assert len(workers) == 2
    assert numbers(loader) == numbers(DataLoader(Files(paths), 3))
    assert {p.pid for p in multiprocessing.active_children()} == workers
    first = iter(loader)
    next(first)
    assert len(list(loader)) == 5
    with pytest.raises(WorkerError, match="this pass is over"):
        next(first)
    assert len(list(loader)) == 5
    del first, loader
    assert multiprocessing.active_children() == []


def test_persistent_workers_start_anew_after_an_error(paths: list[Path]) -> None:
    hidden = paths[7].rename(paths[7].with_suffix(".hidden"))
    loader = forked(Files(paths), persistent_workers=True)
    with pytest.raises(FileNotFoundError):
        list(loader)
    hidden.rename(paths[7])
    assert len(list(loader)) == 5
    del loader
    gc.collect()  # the error's traceback holds the loader in a cycle


def test_batches_larger_than_a_pipe() -> None:
    data = np.arange(60_000.0).reshape(30_000, 2)
    loader = forked(data, 15_000, shuffle=True, prefetch_factor=3)
    assert sum(float(x.sum()) for x in loader) == data.sum()
    for _ in loader:
        break
    assert multiprocessing.active_children() == []


def test_images_by_spawned_workers(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    for name, value in (("a", 0), ("b", 255)):
        (tmp_path / name).mkdir()
        image.fromarray(np.full((2, 2), value, np.uint8)).save(tmp_path / name / "0.png")
    loader = DataLoader(ImageFolder(tmp_path, mode="L"), num_workers=1, multiprocessing_context="spawn")
    assert [(x.shape, x.mean().item(), y.item()) for x, y in loader] == [((1, 1, 2, 2), 0, 0), ((1, 1, 2, 2), 1, 1)]


def test_spawning_what_can_t_be_pickled_says_what_to_do(paths: list[Path]) -> None:
    loader = DataLoader([1], num_workers=1, multiprocessing_context="spawn", collate_fn=lambda samples: samples)
    with pytest.raises((AttributeError, TypeError), match="pickle") as caught:
        list(loader)
    assert "must be picklable" in caught.value.__notes__[-1]


SCRIPT = """
    import signal, time
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background
    from thalweg.utils.data import DataLoader, Dataset

    class Slow(Dataset):
        def __len__(self):
            return 1000
        def __getitem__(self, index):
            time.sleep(0.02)
            return index

    import multiprocessing, sys
    loader = DataLoader(Slow(), num_workers=2, multiprocessing_context="fork")
    for batch in loader:
        print(*[p.pid for p in multiprocessing.active_children()], flush=True)
"""


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_main_process(stop: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    command = [sys.executable, "-W", "ignore", str(script)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as main:
        assert main.stdout is not None
        workers = [int(pid) for pid in main.stdout.readline().split()]
        assert len(workers) == 2
        if stop == signal.SIGINT:
            os.killpg(main.pid, stop)  # as the terminal does: to all of them
        else:
            main.send_signal(stop)
        errors = main.communicate(timeout=20)[1]  # ends when the last of them has closed its end
    deadline = time.monotonic() + 10
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(is_running, workers))
    assert errors.count("Traceback") == (1 if stop == signal.SIGINT else 0)  # the main process's KeyboardInterrupt
