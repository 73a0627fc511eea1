"""Data sets: sequences of samples, and iterables of them."""

from __future__ import annotations

import bisect
import itertools
import math
import operator
import warnings
from collections.abc import Iterable, Iterator, Sequence, Sized
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from ...core.tensor import Tensor
from ...errors import DataError, ShapeError
from ...ops.random import Generator, default_generator
from .gather import BatchGetter, batch_getter, gather_each, gather_named, gather_through, items_at, reads_items
from .sampler import index_array

__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "SizedSource",
    "Source",
    "StackDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Source(Protocol[T_co]):
    """What can be read by index: a ``Dataset``, a sequence, a tensor, an array."""

    def __getitem__(self, index: Any, /) -> T_co: ...


class SizedSource(Source[T_co], Sized, Protocol[T_co]):
    """A ``Source`` that knows its length."""


class Dataset(Generic[T_co]):
    """Base of data sets that are read by index: subclasses define ``__getitem__`` and ``__len__``.

    Two optional methods read many samples at once: PyTorch's ``__getitems__(indices)`` returns the list of samples,
    and thalweg's ``batch_getter()`` a function that returns the whole batch, already collated.

    >>> from thalweg.utils.data import DataLoader, Dataset
    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 5
    ...     def __getitem__(self, i):
    ...         return i * i
    >>> [x.tolist() for x in DataLoader(Squares(), batch_size=2)]
    [[0, 1], [4, 9], [16]]
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")

    def __add__(self, other: Dataset[Any]) -> Dataset[Any]:
        return ConcatDataset([self, other])

    def batch_getter(self) -> BatchGetter | None:
        """A function from rows (a slice or an int64 array) to their batch, collated; None to read item by item."""
        return None


class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """Base of data sets that are only iterated: subclasses define ``__iter__``, and ``__len__`` if it is known.

    With ``num_workers`` each worker iterates over its own copy; ``get_worker_info()`` tells it which part is its own.
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")

    def __add__(self, other: Dataset[Any]) -> Dataset[Any]:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Sample i is the tuple of the i-th rows of the tensors, which must have the same first size.

    A ``DataLoader`` gathers each batch in one indexing call for each tensor. Subclasses that define ``__getitem__``
    are read item by item, so that theirs is used.

    >>> import thalweg as tw
    >>> from thalweg.utils.data import TensorDataset
    >>> data = TensorDataset(tw.tensor([[1.0, 2.0], [3.0, 4.0]]), tw.tensor([0, 1]))
    >>> len(data), data[1]
    (2, (tensor([3., 4.]), tensor(1)))
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise DataError("TensorDataset: at least one tensor is needed")
        for tensor in tensors:
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    f"TensorDataset: expected tensors, got {type(tensor).__name__}; use tw.tensor or tw.from_numpy"
                )
        shapes = [tuple(tensor.shape) for tensor in tensors]
        if any(not shape or shape[0] != shapes[0][0] for shape in shapes):
            raise ShapeError(f"TensorDataset: the tensors must have the same first size, got the shapes {shapes}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])

    def batch_getter(self) -> BatchGetter | None:
        getters = None if reads_items(self, TensorDataset) else _getters(self.tensors)
        return None if getters is None else partial(gather_each, getters)


class StackDataset(Dataset[Any]):
    """Sample i is the tuple (or, given keywords, the dict) of the i-th samples of several data sets.

    The data sets may be plain sequences, tensors or arrays, of equal length.

    >>> import thalweg as tw
    >>> from thalweg.utils.data import StackDataset
    >>> StackDataset(x=tw.tensor([1.5, 2.5]), name=["a", "b"])[1]
    {'x': tensor(2.5000), 'name': 'b'}
    """

    datasets: Any  # a tuple of data sets, or a dict of them

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise DataError("StackDataset: give data sets either by position or by name")
        self.datasets = args or kwargs
        lengths = [len(dataset) for dataset in self._parts()]
        if len(set(lengths)) > 1:
            raise DataError(f"StackDataset: the data sets must have the same length, got {lengths}")
        self._length = lengths[0]

    def _parts(self) -> list[Any]:
        return list(self.datasets.values() if isinstance(self.datasets, dict) else self.datasets)

    def _combine(self, parts: Iterable[Any]) -> Any:
        return dict(zip(self.datasets, parts, strict=True)) if isinstance(self.datasets, dict) else tuple(parts)

    def __getitem__(self, index: Any) -> Any:
        return self._combine(dataset[index] for dataset in self._parts())

    def __getitems__(self, indices: Sequence[Any]) -> list[Any]:
        columns = [items_at(dataset, indices) for dataset in self._parts()]
        return [self._combine(sample) for sample in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return self._length

    def batch_getter(self) -> BatchGetter | None:
        getters = None if reads_items(self, StackDataset) else _getters(self._parts())
        if getters is None:
            return None
        if isinstance(self.datasets, dict):
            return partial(gather_named, dict(zip(self.datasets, getters, strict=True)))
        return partial(gather_each, getters)


class Subset(Dataset[T_co]):
    """Those samples of a data set that ``indices`` names, in its order.

    >>> from thalweg.utils.data import Subset
    >>> list(Subset("abcd", [3, 1]))
    ['d', 'b']
    """

    dataset: Any
    indices: Sequence[int]

    def __init__(self, dataset: Source[T_co], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[Any]) -> list[Any]:
        return items_at(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)

    def batch_getter(self) -> BatchGetter | None:
        get = None if reads_items(self, Subset) else batch_getter(self.dataset)
        return None if get is None else partial(gather_through, get, index_array(self.indices, "Subset: indices"))


class ConcatDataset(Dataset[T_co]):
    """Several data sets one after the other.

    >>> from thalweg.utils.data import ConcatDataset
    >>> joined = ConcatDataset(["ab", "cde"])
    >>> len(joined), joined[2], joined[-1]
    (5, 'c', 'e')
    """

    datasets: list[Any]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Source[T_co]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise DataError("ConcatDataset: at least one data set is needed")
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise DataError(
                    "ConcatDataset: an IterableDataset can't be read by index; use ChainDataset, or + between two"
                )
        self.cumulative_sizes = list(itertools.accumulate(map(len, self.datasets)))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: Any) -> Any:
        n = len(self)
        if not -n <= index < n:
            raise IndexError(f"ConcatDataset: index {index} is outside of its {n} samples")
        index = index + n if index < 0 else index
        part = bisect.bisect_right(self.cumulative_sizes, index)
        return self.datasets[part][index - (self.cumulative_sizes[part - 1] if part else 0)]


class ChainDataset(IterableDataset[Any]):
    """Several iterable data sets one after the other."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise TypeError(f"ChainDataset: expected IterableDatasets, got {type(dataset).__name__}")
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self.datasets)


def random_split(
    dataset: SizedSource[T], lengths: Sequence[int | float], generator: Generator | None = default_generator
) -> list[Subset[T]]:
    """The data set cut at random into non-overlapping subsets of the given lengths.

    Args:
        dataset: anything with a length and indices.
        lengths: ints that add up to ``len(dataset)``, or fractions that add up to 1. A fraction f of n gives
            floor(f n) samples; the few left over go one each to the first subsets.
        generator: draws ``generator.permutation(len(dataset))``, once.

    Raises:
        DataError: the lengths do not add up, or one is negative.

    >>> import thalweg as tw
    >>> from thalweg.utils.data import random_split
    >>> train, test = random_split(range(10), [0.75, 0.25], generator=tw.Generator().manual_seed(1))
    >>> len(train), len(test), sorted([*train, *test]) == list(range(10))
    (8, 2, True)
    """
    sizes = _split_sizes(list(lengths), len(dataset))
    order = (generator or default_generator).permutation(len(dataset)).tolist()
    stops = itertools.accumulate(sizes)
    return [Subset(dataset, order[stop - size : stop]) for size, stop in zip(sizes, stops, strict=True)]


def _split_sizes(lengths: list[int | float], n: int) -> list[int]:
    if any(not length >= 0 for length in lengths):
        raise DataError(f"random_split: lengths can't be negative, got {lengths}")
    total = sum(lengths)
    if math.isclose(total, 1):
        return _fractions(lengths, n)
    if total != n or any(isinstance(length, float) for length in lengths):
        raise DataError(
            f"random_split: lengths must be ints that add up to the {n} samples, or fractions that add up to 1; "
            f"{lengths} add up to {total}"
        )
    return [operator.index(length) for length in lengths]  # type: ignore[arg-type]


def _fractions(fractions: Sequence[float], n: int) -> list[int]:
    sizes = [math.floor(n * fraction) for fraction in fractions]
    for i in range(n - sum(sizes)):
        sizes[i % len(sizes)] += 1
    for i, size in enumerate(sizes):
        if size == 0:
            warnings.warn(f"random_split: subset {i} ({fractions[i]} of {n} samples) is empty", stacklevel=4)
    return sizes


def _getters(datasets: Iterable[Any]) -> list[BatchGetter] | None:
    """How to get batches of each data set; None if one of them has to be read item by item."""
    getters = [batch_getter(dataset) for dataset in datasets]
    found = [get for get in getters if get is not None]
    return found if len(found) == len(getters) else None
