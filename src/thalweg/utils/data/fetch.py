"""Reading one batch: what the loader does in its own process, and each worker in its."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .collate import default_collate
from .gather import BatchGetter, Rows, batch_getter, items_at

__all__ = ["EXHAUSTED", "Fetcher", "StreamFetcher"]

_SHOWN = 10


class _Exhausted:
    """The answer of a stream that has no batch left; one object in each process."""

    def __reduce__(self) -> str:
        return "EXHAUSTED"


EXHAUSTED = _Exhausted()


class Fetcher:
    """Batches of a data set that is read by index.

    ``begin`` starts an epoch; then each call takes the rows of a batch (a slice, an int64 array or a list) or, if
    not ``batched``, one index. An error on the way gets a note that says at which index it happened.
    """

    def __init__(self, dataset: Any, collate_fn: Callable[[Any], Any], batched: bool) -> None:
        self.dataset = dataset
        self.collate_fn = collate_fn
        self.batched = batched
        self._get: BatchGetter | None = None

    def begin(self) -> None:
        whole = self.batched and self.collate_fn is default_collate
        self._get = batch_getter(self.dataset) if whole else None

    def __call__(self, task: Any) -> Any:
        if not self.batched:
            return self.collate_fn(self._sample(task))
        try:
            if self._get is not None:
                return self._get(_rows(task))
            return self.collate_fn(self._samples(_indices(task)))
        except Exception as error:
            error.add_note(f"in the batch of the indices {_shown(_indices(task))} of the {self._name()}")
            raise

    def _samples(self, indices: Sequence[Any]) -> list[Any]:
        if callable(getattr(self.dataset, "__getitems__", None)):
            return items_at(self.dataset, indices)
        return [self._sample(index) for index in indices]

    def _sample(self, index: Any) -> Any:
        try:
            return self.dataset[index]
        except Exception as error:
            error.add_note(f"while reading index {index!r} of the {self._name()}")
            raise

    def _name(self) -> str:
        return type(self.dataset).__name__


class StreamFetcher:
    """Batches of a data set that is only iterated: each call takes the next ``batch_size`` samples.

    With ``batch_size`` None each call gives one sample. At the end the answer is EXHAUSTED.
    """

    def __init__(self, dataset: Any, collate_fn: Callable[[Any], Any], batch_size: int | None, drop_last: bool) -> None:
        self.dataset = dataset
        self.collate_fn = collate_fn
        self.batch_size = batch_size
        self.drop_last = drop_last
        self._samples: Iterator[Any] = iter(())

    def begin(self) -> None:
        self._samples = iter(self.dataset)

    def __call__(self, task: Any = None) -> Any:
        if self.batch_size is None:
            sample = next(self._samples, EXHAUSTED)
            return sample if sample is EXHAUSTED else self.collate_fn(sample)
        samples = list(itertools.islice(self._samples, self.batch_size))
        if not samples or (self.drop_last and len(samples) < self.batch_size):
            return EXHAUSTED
        return self.collate_fn(samples)


def _rows(task: Rows | Sequence[Any]) -> Rows:
    if isinstance(task, (slice, np.ndarray)):
        return task
    return np.fromiter(map(operator.index, task), np.int64, len(task))


def _indices(task: Rows | Sequence[Any]) -> Sequence[Any]:
    """The Python ints that the rows of a batch stand for."""
    if isinstance(task, slice):
        return range(task.start, task.stop)
    return task.tolist() if isinstance(task, np.ndarray) else task


def _shown(indices: Sequence[Any]) -> str:
    return ", ".join(map(str, indices[:_SHOWN])) + (", …" if len(indices) > _SHOWN else "")
