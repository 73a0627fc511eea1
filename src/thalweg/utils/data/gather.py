"""Whole batches from data in memory: one indexing call for each array, whatever the batch's size.

A data set offers this by a method ``batch_getter()``. It is asked once an epoch and returns a function from rows (a
slice or an int64 array) to the batch as ``default_collate`` would have made it of the single samples, or None where
the samples have to be read one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.tensor import Tensor, wrap
from ...errors import DataError
from ...ops.creation import from_numpy

__all__ = [
    "BatchGetter",
    "Rows",
    "batch_getter",
    "gather_each",
    "gather_named",
    "gather_through",
    "items_at",
    "reads_items",
]

Rows = slice | NDArray[np.int64]
BatchGetter = Callable[[Rows], Any]


def batch_getter(dataset: Any) -> BatchGetter | None:
    """How to get whole batches of ``dataset``; None if it has to be read item by item.

    Tensors and NumPy arrays of numbers are data sets of their rows.
    """
    if isinstance(dataset, Tensor):
        return _tensor_rows(dataset) if dataset._value.ndim else None
    if isinstance(dataset, np.ndarray):
        return _tensor_rows(from_numpy(dataset)) if dataset.ndim and dataset.dtype.kind in "biuf" else None
    ask = getattr(dataset, "batch_getter", None)
    return None if ask is None else ask()


def reads_items(dataset: Any, base: type) -> bool:
    """Whether the class of ``dataset`` reads its items in another way than ``base``, from which it derives."""
    return any(
        getattr(type(dataset), name, None) is not getattr(base, name, None) for name in ("__getitem__", "__getitems__")
    )


def items_at(dataset: Any, indices: Sequence[Any]) -> list[Any]:
    """The samples at ``indices``, in one call where the data set has PyTorch's ``__getitems__``."""
    many = getattr(dataset, "__getitems__", None)
    if not callable(many):
        return [dataset[i] for i in indices]
    samples = list(many(indices))
    if len(samples) != len(indices):
        raise DataError(
            f"{type(dataset).__name__}.__getitems__ returned {len(samples)} samples for {len(indices)} indices"
        )
    return samples


def gather_each(getters: Sequence[BatchGetter], rows: Rows) -> list[Any]:
    """The batches of several data sets side by side."""
    return [get(rows) for get in getters]


def gather_named(getters: Mapping[str, BatchGetter], rows: Rows) -> dict[str, Any]:
    """The batches of several data sets by name."""
    return {name: get(rows) for name, get in getters.items()}


def gather_through(get: BatchGetter, indices: NDArray[np.int64], rows: Rows) -> Any:
    """The batch of those rows that ``indices`` names at ``rows``."""
    return get(indices[rows])


def _tensor_rows(tensor: Tensor) -> BatchGetter:
    if tensor.requires_grad:
        return tensor.__getitem__  # recorded, so that the batch's gradient reaches the data
    array = tensor._value
    return partial(_take if array.flags.c_contiguous else _index, array)


def _take(array: NDArray[Any], rows: Rows) -> Tensor:
    """Rows of an array that lies row after row."""
    return wrap(array[rows].copy() if type(rows) is slice else array.take(rows, 0))


def _index(array: NDArray[Any], rows: Rows) -> Tensor:
    """Rows of any array: ``take`` would first copy all of one that is not contiguous."""
    return wrap(np.ascontiguousarray(array[rows]) if type(rows) is not slice else array[rows].copy())
