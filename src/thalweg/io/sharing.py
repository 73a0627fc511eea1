"""Arrays cut into the pieces of memory that they share, so that tensors of one memory stay so in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.lib.stride_tricks import as_strided

from ..errors import SerializationError

__all__ = ["Place", "place_arrays", "row_major", "view_of"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Place:
    """Where an array lies: in which storage, from which element on, and with which strides, in elements."""

    storage: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def place_arrays(arrays: Sequence[Array]) -> tuple[list[Array], list[Place]]:
    """Storages (vectors) and the place of each array in them. Arrays that overlap in memory share a storage.

    A view that leaves gaps, such as every second element, is written without them unless it shares its memory.
    """
    storages: list[Array] = []
    places: list[Place | None] = [None] * len(arrays)
    for group in _overlapping(arrays):
        members = [arrays[i] for i in group]
        if _can_share(members):
            start, storage = _extent(members)
            for i in group:
                offset = (byte_bounds(arrays[i])[0] - start) // arrays[i].itemsize
                places[i] = Place(len(storages), offset, arrays[i].shape, _element_strides(arrays[i]))
            storages.append(storage)
            continue
        for i in group:
            whole = np.ascontiguousarray(arrays[i]).reshape(arrays[i].shape)
            places[i] = Place(len(storages), 0, whole.shape, row_major(whole.shape))
            storages.append(whole.reshape(-1))
    return storages, [place for place in places if place is not None]


def _overlapping(arrays: Sequence[Array]) -> list[list[int]]:
    """The indices of the arrays in groups whose pieces of memory overlap, in the order of the first of each."""
    bounds = [byte_bounds(a) if a.size else (-1, -1) for a in arrays]
    groups: list[list[int]] = []
    end = -1
    for i in sorted(range(len(arrays)), key=bounds.__getitem__):
        low, high = bounds[i]
        if low < end and arrays[i].size:
            groups[-1].append(i)
        else:
            groups.append([i])
        end = max(end, high)
    return sorted(map(sorted, groups))


def _can_share(members: list[Array]) -> bool:
    first = min(members, key=lambda a: byte_bounds(a)[0])
    start = byte_bounds(first)[0]
    for a in members:
        aligned = a.size and all(s >= 0 and s % a.itemsize == 0 for s in a.strides)
        if not aligned or a.dtype != first.dtype or (byte_bounds(a)[0] - start) % a.itemsize:
            return False
    low, high = byte_bounds(first)
    return len(members) > 1 or high - low <= first.nbytes  # alone and with gaps: it is written without them


def _extent(members: list[Array]) -> tuple[int, Array]:
    """The address where the members begin, and the memory from there to their end as a vector."""
    first = min(members, key=lambda a: byte_bounds(a)[0])
    start, end = byte_bounds(first)[0], max(byte_bounds(a)[1] for a in members)
    return start, as_strided(first, ((end - start) // first.itemsize,), (first.itemsize,))


def _element_strides(a: Array) -> tuple[int, ...]:
    return tuple(s // a.itemsize for s in a.strides)


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides, in elements, of an array without gaps."""
    strides = [1]
    for n in reversed(shape[1:]):
        strides.append(strides[-1] * n)
    return tuple(reversed(strides[: len(shape)]))


def view_of(storage: Array, offset: Any, shape: Sequence[Any], strides: Sequence[Any], what: str) -> Array:
    """The array at a place of a storage (a vector), once it is certain to lie within it.

    Raises:
        SerializationError: it does not; ``what`` is what the message calls it.
    """
    numbers = [offset, *shape, *strides]
    if len(shape) != len(strides) or not all(type(n) is int and 0 <= n < 2**62 for n in numbers):
        raise SerializationError(f"{what}: offset {offset}, shape {shape} and strides {strides} describe no tensor")
    count, last = 1, offset
    for n, stride in zip(shape, strides, strict=True):
        count *= n
        last += (n - 1) * stride
    if count and not last < storage.size:
        raise SerializationError(
            f"{what}: shape {tuple(shape)} with strides {tuple(strides)} from element {offset} on reaches beyond its "
            f"{storage.size} stored elements"
        )
    if count > 2**48:
        raise SerializationError(f"{what}: shape {tuple(shape)} has more elements than any machine could use")
    if not count:
        return np.empty(tuple(shape), storage.dtype)
    return as_strided(storage[offset:], tuple(shape), tuple(s * storage.itemsize for s in strides))
