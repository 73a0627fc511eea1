"""What a pass over the data reads, and what it returns."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.structure import mapped
from ..core.tensor import Tensor, wrap
from ..utils.data import DataLoader, Subset, TensorDataset
from ..utils.data.collate import default_collate
from ..utils.data.gather import reads_items

__all__ = ["Results", "Rows", "rows_of"]


class Rows:
    """Data in memory that is read by rows: tensors, and the order of an epoch."""

    def __init__(self, tensors: list[Tensor], single: bool, order: Any, batch_size: int, drop_last: bool) -> None:
        self.tensors = tensors
        self.single = single  # a batch is one tensor, not a list
        self.order = order
        self.batch_size = batch_size
        self.count = len(order) // batch_size  # whole batches
        self.rest = 0 if drop_last else len(order) % batch_size

    def batch(self, start: int, stop: int) -> Any:
        """The batch of some places of the order, as the loader would give it."""
        rows = self.order[start:stop]
        tensors = [wrap(x._value.take(rows, 0)) for x in self.tensors]
        return tensors[0] if self.single else tensors


def rows_of(loader: Any) -> Rows | None:
    """The rows that a loader reads, in the order of its next epoch, which is drawn; None if it is not of this kind."""
    if type(loader) is not DataLoader or loader.num_workers or loader.batch_size is None:
        return None
    if not loader._own_batches or loader.sampler is None or loader.collate_fn is not default_collate:
        return None
    found = in_memory(loader.dataset)
    if found is None:
        return None
    tensors, chosen = found
    order = loader.epoch_order()
    order = np.ascontiguousarray(order if chosen is None else chosen[order], np.int64)
    single = isinstance(loader.dataset, Tensor)
    return Rows(tensors, single, order, loader.batch_size, loader.drop_last)


def in_memory(dataset: Any) -> tuple[list[Tensor], Any] | None:
    """The tensors of a data set, and the rows of them that it consists of (None: all)."""
    if isinstance(dataset, Subset) and not reads_items(dataset, Subset):
        below = in_memory(dataset.dataset)
        if below is None:
            return None
        chosen = np.asarray(dataset.indices, np.int64)
        return below[0], chosen if below[1] is None else below[1][chosen]
    if isinstance(dataset, Tensor) and dataset._value.ndim:
        tensors = [dataset]
    elif isinstance(dataset, TensorDataset) and not reads_items(dataset, TensorDataset):
        tensors = list(dataset.tensors)
    else:
        return None
    for x in tensors:
        if x._node is not None or not x._value.flags.c_contiguous or not x._value.size:
            return None
    return tensors, None


class Results:
    """What the steps have returned, step after step: arrays of many steps, and single results."""

    def __init__(self) -> None:
        self.count = 0
        self.parts: list[tuple[int, Any]] = []  # how many steps, and their results stacked

    def add(self, result: Any) -> None:
        self.parts.append((1, mapped(unsqueezed, result)))
        self.count += 1

    def add_many(self, count: int, results: Any) -> None:
        self.parts.append((count, results))
        self.count += count

    def last(self) -> Any:
        """The latest results, stacked."""
        return self.parts[-1][1] if self.parts else None

    def stacked(self) -> Any:
        """All results, one entry for each step along a new first axis."""
        if not self.parts:
            return None
        return joined([part for _, part in self.parts])


def unsqueezed(x: Any) -> Any:
    """A tensor with a first axis of size 1; anything else as it is."""
    return wrap(x._value[None]) if isinstance(x, Tensor) else x


def joined(parts: list[Any]) -> Any:
    """Stacked results one after the other; where their shapes differ, a list of the single ones."""
    first = parts[0]
    if isinstance(first, Tensor):
        arrays = [x._value for x in parts]
        if len(arrays) == 1:
            return first
        if len({a.shape[1:] for a in arrays}) == 1:
            return wrap(np.concatenate(arrays))
        return [wrap(row) for a in arrays for row in a]
    if isinstance(first, dict):
        return {k: joined([p[k] for p in parts]) for k in first}
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(joined(list(p)) for p in zip(*parts, strict=True)))
    if isinstance(first, (list, tuple)):
        return type(first)(joined(list(p)) for p in zip(*parts, strict=True))
    return first
