"""The DataLoader: batches of a data set, epoch after epoch."""

from __future__ import annotations

import itertools
import operator
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...ops.random import Generator, default_generator
from .collate import default_collate, default_convert
from .dataset import IterableDataset, Source
from .fetch import EXHAUSTED, Fetcher, StreamFetcher
from .sampler import BatchSampler, IndexSampler, RandomSampler, SequentialSampler, num_batches
from .workers import Job, WorkerPool

__all__ = ["DataLoader"]

T_co = TypeVar("T_co", covariant=True)

_FIXED = frozenset({"batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"})


class DataLoader(Generic[T_co]):
    """Batches of ``dataset``; each ``iter(loader)`` is one epoch.

    Data in memory (a ``TensorDataset``, a ``Subset`` of one, a tensor, an array, a ``StackDataset`` of those) is
    gathered in one indexing call for each array. Everything else is read sample by sample and collated. Either way a
    batch is a copy: changing it in place leaves the data alone.

    **Random numbers.** An epoch with ``shuffle=True`` draws ``generator.permutation(len(dataset))`` from
    ``generator``, or from the default generator that ``tw.manual_seed`` seeds: exactly once, when ``iter`` is called.
    Sequential epochs draw nothing; other samplers what their docstrings say. With ``num_workers`` above 0 an epoch
    then draws one word more, the workers' seed. (PyTorch draws a seed in every epoch and shuffles by a generator
    made from it.)

    Args:
        dataset: what to read, by index or, for an ``IterableDataset``, by iteration.
        batch_size: samples in a batch; None gives the samples one by one, uncollated.
        shuffle: read in a random order, new in each epoch.
        sampler: the order, an iterable of indices, instead of ``shuffle``.
        batch_sampler: an iterable of lists of indices, instead of ``batch_size``, ``shuffle``, ``sampler`` and
            ``drop_last``.
        num_workers: processes that read ahead; worth it for data sets that read files. The order of the batches is
            the same for any number. Worker i seeds ``random``, ``numpy.random`` and thalweg with base seed + i; since
            batch k is read by worker k mod num_workers, random augmentation repeats with the seed.
        collate_fn: from the list of samples to the batch; ``default_collate`` if None.
        pin_memory: accepted, without effect: there is no other device.
        drop_last: leave out a last batch that is shorter than ``batch_size``.
        timeout: seconds to wait for a batch of a worker; 0 is no limit.
        worker_init_fn: called with its number in each worker before it reads.
        multiprocessing_context: "fork", "spawn", "forkserver" or a context of ``multiprocessing``; None is the
            platform's default.
        generator: where random orders and the workers' seed are drawn from.
        prefetch_factor: batches that each worker reads ahead; 2 if None.
        persistent_workers: keep the worker processes from epoch to epoch.
        pin_memory_device: accepted, without effect, as ``pin_memory``.
        in_order: accepted, without effect: batches always come in their order.

    Raises:
        DataError: arguments that exclude one another or are out of range.
        WorkerError: a worker died, or gave nothing within ``timeout``. An error within a worker is raised here as it
            is, with notes that name the index and the worker and show the worker's traceback.

    >>> import thalweg as tw
    >>> from thalweg.utils.data import DataLoader, TensorDataset
    >>> x, y = tw.arange(10).reshape(5, 2), tw.arange(5)
    >>> for xb, yb in DataLoader(TensorDataset(x, y), batch_size=2):
    ...     print(xb.tolist(), yb.tolist())
    [[0, 1], [2, 3]] [0, 1]
    [[4, 5], [6, 7]] [2, 3]
    [[8, 9]] [4]
    """

    dataset: Any
    batch_size: int | None
    drop_last: bool
    sampler: Any
    batch_sampler: Any
    collate_fn: Callable[[Any], Any]

    def __init__(
        self,
        dataset: Source[T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context)
        _check_order(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if prefetch_factor is None and num_workers else prefetch_factor
        self.pin_memory = pin_memory
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.persistent_workers = persistent_workers
        self.pin_memory_device = pin_memory_device
        self.in_order = in_order
        self.batch_size = None if batch_sampler is not None else batch_size
        self.drop_last = drop_last
        self.sampler = self._make_sampler(shuffle, sampler)
        self.batch_sampler = batch_sampler
        if self.batch_size is not None and self.sampler is not None:
            self.batch_sampler = BatchSampler(self.sampler, self.batch_size, drop_last)
        self._own_batches = batch_sampler is None
        batched = self.batch_size is not None or batch_sampler is not None
        self.collate_fn = collate_fn or (default_collate if batched else default_convert)
        self._pool: WorkerPool | None = None
        self._ready = True

    def _make_sampler(self, shuffle: bool | None, sampler: Iterable[Any] | None) -> Any:
        if sampler is not None or isinstance(self.dataset, IterableDataset):
            return sampler
        return RandomSampler(self.dataset, generator=self.generator) if shuffle else SequentialSampler(self.dataset)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and "_ready" in self.__dict__:
            raise DataError(f"DataLoader: {name} can't be changed after the loader is made; make a new one")
        super().__setattr__(name, value)

    def __len__(self) -> int:
        """The number of batches; of an IterableDataset what its own ``__len__`` makes of it."""
        if self.batch_sampler is not None:
            return len(self.batch_sampler)
        n = len(self.dataset) if self.sampler is None else len(self.sampler)
        return n if self.batch_size is None else num_batches(n, self.batch_size, self.drop_last)

    def epoch_order(self) -> NDArray[np.int64]:
        """The indices of the next epoch in the order of reading, as an int64 array.

        It stands for ``iter(loader)``: it draws the same random numbers, so a program that cuts this array into
        batches itself sees what the loader would have given.

        Raises:
            DataError: the loader has no single order: an IterableDataset, or a ``batch_sampler`` of the caller's.

        >>> import thalweg as tw
        >>> from thalweg.utils.data import DataLoader
        >>> loader = DataLoader(tw.arange(4), shuffle=True, generator=tw.Generator().manual_seed(3))
        >>> order = loader.epoch_order()
        >>> _ = loader.generator.manual_seed(3)
        >>> [x.item() for x in loader] == order.tolist()
        True
        """
        if self.sampler is None or not self._own_batches:
            raise DataError(
                "epoch_order: this loader has no single order of indices, since it "
                + ("reads an IterableDataset" if self.sampler is None else "was given a batch_sampler")
            )
        if _knows_order(self.sampler):
            return self.sampler.order()
        return np.fromiter(map(operator.index, self.sampler), np.int64)

    def __iter__(self) -> Iterator[Any]:
        """One epoch. Its random order is drawn here, before the first batch is asked for."""
        tasks = self._tasks()
        if self.num_workers:
            generator = self.generator or default_generator
            return self._with_workers(tasks, int(generator.words(1)[0] >> 1))
        return self._in_process(tasks)

    def _tasks(self) -> Iterator[Any]:
        """What to read for each batch: rows (slices or arrays, if the order is known at once), lists, or one index."""
        if self.sampler is None and self.batch_sampler is None:
            return itertools.repeat(None)
        if self.batch_size is None:
            return iter(self.sampler if self._own_batches else self.batch_sampler)
        if not _knows_order(self.sampler):
            return iter(self.batch_sampler)
        size = self.batch_size
        if type(self.sampler) is SequentialSampler:
            n = len(self.sampler)
            starts = range(0, n - n % size if self.drop_last else n, size)
            return (slice(start, min(start + size, n)) for start in starts)
        return _cut(self.sampler.begun(), size, self.drop_last)

    def _fetcher(self) -> Fetcher | StreamFetcher:
        if isinstance(self.dataset, IterableDataset):
            return StreamFetcher(self.dataset, self.collate_fn, self.batch_size, self.drop_last)
        return Fetcher(self.dataset, self.collate_fn, batched=self.batch_sampler is not None)

    def _in_process(self, tasks: Iterator[Any]) -> Iterator[Any]:
        fetch = self._fetcher()
        fetch.begin()
        for task in tasks:
            batch = fetch(task)
            if batch is EXHAUSTED:
                return
            yield batch

    def _with_workers(self, tasks: Iterator[Any], seed: int) -> Iterator[Any]:
        pool = self._pool or self._new_pool()
        finished = False
        try:
            yield from pool.batches(tasks, seed, self.prefetch_factor or 2)
            finished = True
        except GeneratorExit:  # left early, between two batches
            finished = self.persistent_workers
            raise
        finally:
            if not (finished and self.persistent_workers):
                self._pool = None
                pool.close(at_once=not finished)

    def _new_pool(self) -> WorkerPool:
        import multiprocessing  # here: it is slow to import, and few loaders need it

        context = self.multiprocessing_context
        if context is None or isinstance(context, str):
            context = multiprocessing.get_context(context)
        job = Job(self._fetcher(), self.num_workers, self.worker_init_fn)
        pool = WorkerPool(context, job, self.timeout)
        if self.persistent_workers:
            self._pool = pool
            weakref.finalize(self, pool.close, at_once=True)
        return pool


def _cut(pieces: Iterable[NDArray[np.int64]], size: int, drop_last: bool) -> Iterator[NDArray[np.int64]]:
    """Batches of ``size`` indices, across the ends of the pieces."""
    rest = np.empty(0, np.int64)
    for piece in pieces:
        order = np.concatenate([rest, piece]) if rest.size else piece
        end = order.size - order.size % size
        yield from (order[start : start + size] for start in range(0, end, size))
        rest = order[end:]
    if rest.size and not drop_last:
        yield rest


def _knows_order(sampler: Any) -> bool:
    """Whether ``order()`` gives what iterating would: not if a subclass iterates in its own way."""
    return isinstance(sampler, IndexSampler) and type(sampler).__iter__ is IndexSampler.__iter__


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool, context: Any
) -> None:
    if num_workers < 0:
        raise DataError(f"DataLoader: num_workers can't be negative, got {num_workers}")
    if timeout < 0:
        raise DataError(f"DataLoader: timeout can't be negative, got {timeout}")
    if prefetch_factor is not None and (num_workers == 0 or prefetch_factor < 1):
        raise DataError(
            f"DataLoader: prefetch_factor={prefetch_factor} needs num_workers above 0 and must be 1 or more"
        )
    if num_workers == 0 and persistent_workers:
        raise DataError("DataLoader: persistent_workers=True needs num_workers above 0")
    if num_workers == 0 and context is not None:
        raise DataError("DataLoader: multiprocessing_context needs num_workers above 0")


def _check_order(
    dataset: Any, batch_size: int | None, shuffle: bool | None, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    if isinstance(dataset, IterableDataset):
        for name, value in (("shuffle=True", shuffle), ("sampler", sampler), ("batch_sampler", batch_sampler)):
            if value is not None and value is not False:
                raise DataError(f"DataLoader: {name} can't be used with an IterableDataset, which has its own order")
    if sampler is not None and shuffle:
        raise DataError("DataLoader: sampler and shuffle=True exclude one another; let the sampler shuffle")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise DataError("DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last")
    if batch_size is None:
        if drop_last:
            raise DataError("DataLoader: drop_last=True needs a batch_size")
    elif isinstance(batch_size, bool) or operator.index(batch_size) < 1:
        raise DataError(f"DataLoader: batch_size must be a positive int or None, got {batch_size!r}")
