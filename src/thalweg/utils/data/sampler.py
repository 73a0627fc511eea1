"""The order in which the samples of a data set are read.

Random orders come from a ``Generator``: the one given, or the default generator that ``tw.manual_seed`` seeds. What
each sampler draws for one epoch is stated, since programs that run a whole epoch natively have to draw the same.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...core.tensor import Tensor, wrap
from ...errors import DataError
from ...ops.random import Generator, default_generator

__all__ = [
    "BatchSampler",
    "IndexSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

_PIECE = 2**20  # the most indices that are drawn at once with replacement

T_co = TypeVar("T_co", covariant=True)


class Sampler(Generic[T_co]):
    """Base of samplers: an iterable of indices (or of lists of them), new for each epoch."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")


class IndexSampler(Sampler[int]):
    """A sampler that knows the order of a whole epoch at once, as an array.

    Subclasses define ``order`` and ``__len__``. PyTorch has no such class; ``DataLoader`` slices the array instead
    of collecting the indices of a batch one at a time.
    """

    def order(self) -> NDArray[np.int64]:
        """The indices of the next epoch."""
        raise NotImplementedError(f"{type(self).__name__} must define order")

    def pieces(self) -> Iterator[NDArray[np.int64]]:
        """The indices of the next epoch, one after the other: all at once, unless the sampler says otherwise."""
        yield self.order()

    def begun(self) -> Iterator[NDArray[np.int64]]:
        """``pieces``, the first of which is drawn at once, and not when it is asked for."""
        pieces = self.pieces()
        first = next(pieces, np.empty(0, np.int64))
        return itertools.chain([first], pieces)

    def __iter__(self) -> Iterator[int]:
        return itertools.chain.from_iterable(piece.tolist() for piece in self.begun())


class SequentialSampler(IndexSampler):
    """0, 1, …, len(data_source) - 1. Draws nothing.

    >>> from thalweg.utils.data import SequentialSampler
    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def order(self) -> NDArray[np.int64]:
        return np.arange(len(self.data_source), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(IndexSampler):
    """A random order of 0 … n - 1, n = len(data_source); with ``replacement``, independent uniform indices.

    Args:
        data_source: only its length counts.
        replacement: draw each index independently of the others.
        num_samples: how many indices an epoch has; n if None.
        generator: where the order is drawn from; None is the default generator.

    An epoch draws, when it starts: without replacement, ``generator.permutation(n)``, once for each n samples begun
    (so exactly once by default); with replacement, ``generator.integers(0, n, (num_samples,))`` once. An epoch of
    more than 2**20 indices is drawn as it goes on: each permutation, or each 2**20 indices, when it is reached.
    PyTorch draws a seed for a generator of its own instead.

    >>> import thalweg as tw
    >>> from thalweg.utils.data import RandomSampler
    >>> g = tw.Generator().manual_seed(0)
    >>> order = list(RandomSampler(range(5), generator=g))
    >>> sorted(order), order == tw.Generator().manual_seed(0).permutation(5).tolist()
    ([0, 1, 2, 3, 4], True)
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        if not isinstance(replacement, bool):
            raise TypeError(f"RandomSampler: replacement must be a bool, not {replacement!r}")
        if num_samples is not None:
            _check_positive("RandomSampler", "num_samples", num_samples)
        self.data_source = data_source
        self.replacement = replacement
        self.generator = generator
        self._num_samples = num_samples

    @property
    def num_samples(self) -> int:
        """How many indices an epoch has. The data set may grow between epochs."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def order(self) -> NDArray[np.int64]:
        return _int64(np.concatenate(list(self._draws())))

    def pieces(self) -> Iterator[NDArray[np.int64]]:
        if self.num_samples <= _PIECE:
            yield self.order()
        else:  # "for ever", as scripts say that count steps: it may be far more than there is memory for
            yield from self._draws()

    def _draws(self) -> Iterator[NDArray[np.int64]]:
        n, left = len(self.data_source), self.num_samples
        if n == 0:
            yield _of_nothing("RandomSampler", left)
        generator = self.generator or default_generator
        while left > 0:
            if self.replacement:
                yield _int64(generator.integers(0, n, (min(left, _PIECE),)))
                left -= _PIECE
            else:
                yield _int64(generator.permutation(n)[:left])
                left -= n

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(IndexSampler):
    """The given indices in a random order, each once. An epoch draws ``generator.permutation(len(indices))``."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def order(self) -> NDArray[np.int64]:
        indices = index_array(self.indices, "SubsetRandomSampler: indices")
        return indices[(self.generator or default_generator).permutation(len(indices))]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(IndexSampler):
    """Indices 0 … n - 1 with probabilities proportional to n given weights, which need not add up to 1.

    Args:
        weights: n numbers ≥ 0, at least one of them positive.
        num_samples: how many indices an epoch has.
        replacement: if False, an index comes at most once, and the chance of each next one is proportional to its
            weight among those left.
        generator: where the indices are drawn from; None is the default generator.

    An epoch draws ``generator.uniform`` in float64 once: with replacement num_samples numbers u, read through the
    inverse of the cumulated weights; without, n numbers u, and the indices of the smallest -log(1 - u) / weight.
    Reference: Efraimidis & Spirakis (2006), Weighted random sampling with a reservoir.

    Raises:
        DataError: weights that are negative, not finite, all zero or not one-dimensional; num_samples not a
            positive int, or without replacement larger than the number of positive weights.

    >>> from thalweg.utils.data import WeightedRandomSampler
    >>> sorted(WeightedRandomSampler([0.5, 0.0, 2.0], 2, replacement=False))
    [0, 2]
    """

    weights: Tensor

    def __init__(
        self, weights: Any, num_samples: int, replacement: bool = True, generator: Generator | None = None
    ) -> None:
        _check_positive("WeightedRandomSampler", "num_samples", num_samples)
        if not isinstance(replacement, bool):
            raise TypeError(f"WeightedRandomSampler: replacement must be a bool, not {replacement!r}")
        array = np.array(weights, dtype=np.float64)
        if array.ndim != 1:
            raise DataError(f"WeightedRandomSampler: weights must be one-dimensional, got shape {array.shape}")
        if not np.isfinite(array).all() or (array < 0).any() or not array.sum() > 0:
            raise DataError(
                "WeightedRandomSampler: weights must be finite and ≥ 0 with at least one positive, "
                f"got {np.array2string(array, threshold=8)}"
            )
        if not replacement and num_samples > np.count_nonzero(array):
            raise DataError(
                f"WeightedRandomSampler: {num_samples} samples without replacement need as many positive weights, "
                f"there are {np.count_nonzero(array)}"
            )
        self.weights = wrap(array)
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def order(self) -> NDArray[np.int64]:
        generator = self.generator or default_generator
        weights = self.weights._value
        if self.replacement:
            bounds = np.cumsum(weights)
            u = generator.uniform((self.num_samples,), np.float64)
            return _int64(np.searchsorted(bounds / bounds[-1], u, side="right"))  # right: a weight of 0 is never hit
        u = generator.uniform(weights.shape, np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            keys = np.where(weights > 0, -np.log1p(-u) / weights, np.inf)
        return _int64(np.argsort(keys, kind="stable")[: self.num_samples])

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The indices of a sampler in lists of ``batch_size``; with ``drop_last`` a shorter last list is left out.

    >>> from thalweg.utils.data import BatchSampler, SequentialSampler
    >>> list(BatchSampler(SequentialSampler(range(5)), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        _check_positive("BatchSampler", "batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise TypeError(f"BatchSampler: drop_last must be a bool, not {drop_last!r}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        batch: list[int] = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        return num_batches(len(self.sampler), self.batch_size, self.drop_last)  # type: ignore[arg-type]


def num_batches(n: int, batch_size: int, drop_last: bool) -> int:
    """How many batches n samples make."""
    return n // batch_size if drop_last else -(-n // batch_size)


def index_array(indices: Any, what: str) -> NDArray[np.int64]:
    """A sequence of ints as an int64 array; DataError says which ``what`` holds something else."""
    array = np.asarray(indices)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        if array.size:
            raise DataError(f"{what} must be a sequence of ints, not {array.dtype} of shape {array.shape}")
        array = np.empty(0, np.int64)
    return array.astype(np.int64, copy=False)


def _int64(array: Any) -> NDArray[np.int64]:
    return np.asarray(array, np.int64)


def _of_nothing(name: str, count: int) -> NDArray[np.int64]:
    if count:
        raise DataError(f"{name}: {count} samples were asked of an empty data set")
    return np.empty(0, np.int64)


def _check_positive(name: str, argument: str, value: Any) -> None:
    try:
        valid = not isinstance(value, bool) and operator.index(value) > 0
    except TypeError:
        valid = False
    if not valid:
        raise DataError(f"{name}: {argument} must be a positive int, not {value!r}")
