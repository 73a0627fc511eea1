"""Indexing by integer arrays: reading and writing, with adjoints that add up repeated positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.primitive import Primitive, size_of
from .broadcast import aligned, reshape, spread, sum_to
from .shape import permute

__all__ = ["gather", "index_put", "scatter_add", "take", "take_adjoint"]


class _AllFrom:
    """Every position from ``first`` on, as ``saves``."""

    def __init__(self, first: int) -> None:
        self.first = first

    def __contains__(self, position: Any) -> bool:
        return position >= self.first


def position_limits(indices: tuple[Any, ...], pattern: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """What each index array may hold: positions from 0, or from the end if they are negative."""
    named = sum(p is not None and p is not Ellipsis for p in pattern)
    axis, arrays, limits = 0, iter(indices), []
    for p in pattern:
        if isinstance(p, str):
            n = shape[axis]
            message = f"index: index {{value}} is out of bounds for axis {axis} with size {n}"
            limits.append((next(arrays), -n, n, IndexError, message))
        axis += len(shape) - named if p is Ellipsis else p is not None
    return limits


def _place_limits(name: str, index: Any, shape: tuple[int, ...], dim: int) -> Any:
    n = shape[dim] if shape else 1
    return ((index, 0, n, IndexError, f"{name}: index {{value}} is out of range for an axis of size {n}"),)


def fill(pattern: tuple[Any, ...], indices: tuple[Any, ...]) -> tuple[Any, ...]:
    """The index that ``pattern`` stands for: "array" marks the places of the index arrays."""
    arrays = iter(indices)
    return tuple(next(arrays) if isinstance(p, str) else p for p in pattern)


class BatchIndex:
    """An index with arrays, as one into a batch of values, and where its axes come out.

    Where no index array has a batch, the batch axis is a slice in front. Else an array of the samples' numbers stands
    there, so that all arrays together give first the batch axis and then their own. NumPy puts the axes of arrays
    that are not neighbours in front of all others: what comes out is ordered anew.

    Attributes:
        indices, pattern: the index, as ``take`` and the others want it.
        rank: the number of axes that the index gives for one sample.
        order: the axes of what NumPy gives, in the order (batch axis, axes of a sample).
    """

    def __init__(self, size: int, ndim: int, indices: Any, batched: Any, pattern: tuple[Any, ...]) -> None:
        rest = ndim - sum(p is not None and p is not Ellipsis for p in pattern)
        kept = [rest if p is Ellipsis else isinstance(p, slice) or p is None for p in pattern]
        arrays = [i for i, p in enumerate(pattern) if isinstance(p, (str, int))]
        adjacent = not arrays or arrays[-1] - arrays[0] + 1 == len(arrays)
        others = sum(kept) + (0 if Ellipsis in pattern else rest)
        before = sum(kept[: arrays[0]]) if arrays and adjacent else 0
        n = max((i.ndim - b for i, b in zip(indices, batched, strict=True)), default=0)
        self.rank = n + others
        self.order = tuple(range(self.rank + 1))
        if any(batched):
            samples = np.arange(size).reshape(size, *(1,) * n)
            self.indices = (samples, *(aligned(i, n) if b else i for i, b in zip(indices, batched, strict=True)))
            self.pattern: tuple[Any, ...] = ("array", *pattern)
            inner = [*range(n + 1, n + 1 + before), *range(1, n + 1), *range(n + 1 + before, self.rank + 1)]
            self.order = (0, *inner)
        else:
            self.indices = tuple(indices)
            self.pattern = (slice(None), *pattern)
            if not adjacent:
                self.order = (n, *range(n), *range(n + 1, self.rank + 1))

    def as_batch(self, y: Any) -> Any:
        """What the index gives, with the batch axis in front and each sample's axes in order."""
        return y if self.order == tuple(range(self.rank + 1)) else permute(y, dims=self.order)

    def as_laid_out(self, y: Any) -> Any:
        """The inverse of ``as_batch``."""
        inverse = sorted(range(self.rank + 1), key=self.order.__getitem__)
        return y if inverse == list(range(self.rank + 1)) else permute(y, dims=tuple(inverse))


class Take(Primitive):
    """x[index] with integer arrays among the indices; a copy.

    ``pattern`` is the index with "array" in the places of ``indices``; NumPy's rules on broadcasting and on the
    place of the result's axes hold, which are PyTorch's too.
    """

    linear = True
    arity = None
    outlines = True

    saves = _AllFrom(1)

    def forward(self, x: Any, *indices: Any, pattern: tuple[Any, ...]) -> Any:
        return x[fill(pattern, indices)]

    def shape(self, x: Any, *indices: Any, pattern: tuple[Any, ...]) -> tuple[int, ...]:
        probes = tuple(np.zeros(i.shape, np.int64) for i in indices)
        return tuple(np.broadcast_to(np.zeros((), bool), x.shape)[fill(pattern, probes)].shape)

    def limits(self, x: Any, *indices: Any, pattern: tuple[Any, ...]) -> Any:
        return position_limits(indices, pattern, x.shape)

    def batch(self, size: int, inputs: Any, batched: Any, pattern: tuple[Any, ...]) -> Any:
        x = spread(inputs[0], size, batched[0])
        lookup = BatchIndex(size, x.ndim - 1, inputs[1:], batched[1:], pattern)
        return lookup.as_batch(take(x, *lookup.indices, pattern=lookup.pattern))

    def pullback_0(self, dy: Any, y: Any, x: Any, *indices: Any, pattern: tuple[Any, ...]) -> Any:
        return take_adjoint(dy, *indices, pattern=pattern, shape=x.shape)

    def by_rows(self, x: Any, *indices: Any, pattern: tuple[Any, ...]) -> Any:
        one = len(indices) == 1 and indices[0].ndim > 0 and pattern[0] == "array"
        return ((False, True), {"pattern": pattern}) if one else None

    def lower(self, code: Any, x: Any, *indices: Any, pattern: tuple[Any, ...]) -> None:
        with code.selected(x, indices, pattern, code.out) as (place, part):
            code.copy(place, part)


# From how many elements, and how many in each row, adding up sorted rows is faster than np.add.at.
MANY, WIDE = 1 << 12, 16


def _add_rows(y: Any, index: Any, rows: Any) -> None:
    """Add ``rows`` to the rows of y that ``index`` names: those of one place next to each other, then all at once."""
    places = index.reshape(-1)
    places = np.where(places < 0, places + len(y), places)
    order = np.argsort(places, kind="stable")
    places = places[order]
    starts = np.flatnonzero(np.concatenate(([True], places[1:] != places[:-1])))
    y[places[starts]] = np.add.reduceat(rows.reshape(len(order), *y.shape[1:])[order], starts, axis=0)


class TakeAdjoint(Primitive):
    """Zeros of ``shape`` to which ``dy`` is added at the index; repeated positions add up."""

    linear = True
    arity = None
    saves = _AllFrom(1)

    def forward(self, dy: Any, *indices: Any, pattern: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
        y = np.zeros(shape, dy.dtype)
        if pattern == ("array",) and dy.size >= MANY and dy.size >= WIDE * indices[0].size:
            _add_rows(y, indices[0], dy)
        else:
            np.add.at(y, fill(pattern, indices), dy)
        return y

    def shape(self, dy: Any, *indices: Any, pattern: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return size_of(inputs[0])

    def limits(self, dy: Any, *indices: Any, pattern: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
        return position_limits(indices, pattern, shape)

    def batch(self, size: int, inputs: Any, batched: Any, pattern: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
        lookup = BatchIndex(size, len(shape), inputs[1:], batched[1:], pattern)
        dy = lookup.as_laid_out(spread(inputs[0], size, batched[0]))
        return take_adjoint(dy, *lookup.indices, pattern=lookup.pattern, shape=(size, *shape))

    def pullback_0(
        self, dz: Any, z: Any, dy: Any, *indices: Any, pattern: tuple[Any, ...], shape: tuple[int, ...]
    ) -> Any:
        return take(dz, *indices, pattern=pattern)

    def lower(self, code: Any, dy: Any, *indices: Any, pattern: tuple[Any, ...], shape: tuple[int, ...]) -> None:
        code.fill(code.out, 0)
        with code.selected(code.out, indices, pattern, dy) as (place, part):
            code.add(part, place)


class IndexPut(Primitive):
    """``x`` with ``value`` written (or added, with ``accumulate``) at an index with integer arrays."""

    linear = True
    arity = None
    outlines = True

    saves = _AllFrom(2)

    def forward(self, x: Any, value: Any, *indices: Any, pattern: tuple[Any, ...], accumulate: bool) -> Any:
        y = np.array(x, order="C")
        self.write(y, value, *indices, pattern=pattern, accumulate=accumulate)
        return y

    @staticmethod
    def write(y: Any, value: Any, *indices: Any, pattern: tuple[Any, ...], accumulate: bool) -> None:
        """The same in place."""
        where = fill(pattern, indices)
        if accumulate:
            np.add.at(y, where, value)
        else:
            y[where] = value

    def shape(self, x: Any, value: Any, *indices: Any, **params: Any) -> tuple[int, ...]:
        return tuple(x.shape)

    def flops(self, y: Any, x: Any, value: Any, *indices: Any, accumulate: bool, **params: Any) -> int:
        return size_of(value) if accumulate else 0

    def limits(self, x: Any, value: Any, *indices: Any, pattern: tuple[Any, ...], accumulate: bool) -> Any:
        return position_limits(indices, pattern, x.shape)

    def batch(self, size: int, inputs: Any, batched: Any, pattern: tuple[Any, ...], accumulate: bool) -> Any:
        x, value = spread(inputs[0], size, batched[0]), inputs[1]
        lookup = BatchIndex(size, x.ndim - 1, inputs[2:], batched[2:], pattern)
        if hasattr(value, "shape") and (batched[1] or lookup.order != tuple(range(lookup.rank + 1))):
            value = value if batched[1] else reshape(value, shape=(1, *value.shape))
            value = lookup.as_laid_out(aligned(value, lookup.rank))
        return index_put(x, value, *lookup.indices, pattern=lookup.pattern, accumulate=accumulate)

    def pullback_0(
        self, dy: Any, y: Any, x: Any, value: Any, *indices: Any, pattern: tuple[Any, ...], accumulate: bool
    ) -> Any:
        return dy if accumulate else index_put(dy, 0.0, *indices, pattern=pattern, accumulate=False)

    def pullback_1(
        self, dy: Any, y: Any, x: Any, value: Any, *indices: Any, pattern: tuple[Any, ...], accumulate: bool
    ) -> Any:
        return sum_to(take(dy, *indices, pattern=pattern), value.shape)

    def lower(self, code: Any, x: Any, value: Any, *indices: Any, pattern: tuple[Any, ...], accumulate: bool) -> None:
        code.copy(x, code.out)
        with code.selected(code.out, indices, pattern, value) as (place, part):
            (code.add if accumulate else code.copy)(part, place)


class Gather(Primitive):
    """y[i][j][k] = x[index[i][j][k]][j][k] for dim 0, and so for the others.

    index : as many axes as ``x``, no size larger except along ``dim``
    """

    linear = True
    arity = 2
    saves = (1,)
    outlines = True

    def forward(self, x: Any, index: Any, dim: int) -> Any:
        return x[along(index, dim)]

    def shape(self, x: Any, index: Any, dim: int) -> tuple[int, ...]:
        return tuple(index.shape)

    def limits(self, x: Any, index: Any, dim: int) -> Any:
        return _place_limits(self.name, index, x.shape, dim)

    def batch(self, size: int, inputs: Any, batched: Any, dim: int) -> Any:
        x, i = (spread(v, size, b) for v, b in zip(inputs, batched, strict=True))
        y = gather(as_vectors(x), as_vectors(i), dim=dim + 1)
        return reshape(y, shape=i.shape)

    def pullback_0(self, dy: Any, y: Any, x: Any, index: Any, dim: int) -> Any:
        zeros = np.zeros(x.shape, x.dtype)
        return scatter_add(zeros, index, dy, dim=dim)

    def by_rows(self, x: Any, index: Any, dim: int) -> Any:
        return ((True, True), {"dim": dim - 1}) if dim > 0 else None

    def lower(self, code: Any, x: Any, index: Any, dim: int) -> None:
        with code.each(index.shape) as position:
            place = place_of(code, x, index, position, dim)
            code.store(code.load(x, *place), code.out, *position)


class ScatterAdd(Primitive):
    """``x`` with src[i][j][k] added at [index[i][j][k]][j][k] for dim 0, and so for the others."""

    linear = True
    arity = 3
    saves = (1,)

    def forward(self, x: Any, index: Any, src: Any, dim: int) -> Any:
        y = np.array(x, order="C")
        where = along(index, dim)
        np.add.at(y, where, src[tuple(slice(0, n) for n in index.shape)])
        return y

    def shape(self, x: Any, index: Any, src: Any, dim: int) -> tuple[int, ...]:
        return tuple(x.shape)

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return size_of(inputs[2])

    def limits(self, x: Any, index: Any, src: Any, dim: int) -> Any:
        return _place_limits(self.name, index, x.shape, dim)

    def batch(self, size: int, inputs: Any, batched: Any, dim: int) -> Any:
        return scattered_batch(self, size, inputs, batched, dim=dim)

    def by_rows(self, x: Any, index: Any, src: Any, dim: int) -> Any:
        alike = dim > 0 and index.shape[0] == x.shape[0]
        return ((True, True, True), {"dim": dim - 1}) if alike else None

    def pullback_0(self, dy: Any, y: Any, x: Any, index: Any, src: Any, dim: int) -> Any:
        return dy

    def pullback_2(self, dy: Any, y: Any, x: Any, index: Any, src: Any, dim: int) -> Any:
        return gather(dy, index, dim=dim)

    def lower(self, code: Any, x: Any, index: Any, src: Any, dim: int) -> None:
        code.copy(x, code.out)
        with code.each(index.shape) as position:
            place = place_of(code, x, index, position, dim)
            code.store(code.emit.add(code.load(code.out, *place), code.load(src, *position)), code.out, *place)


def scattered_batch(primitive: Primitive, size: int, inputs: Any, batched: Any, dim: int, **params: Any) -> Any:
    """The batching rule of a scatter into x of src at index."""
    x, i, src = (spread(v, size, b) for v, b in zip(inputs, batched, strict=True))
    y = primitive(as_vectors(x), as_vectors(i), as_vectors(src), dim=dim + 1, **params)
    return reshape(y, shape=x.shape)


def as_vectors(x: Any) -> Any:
    """A batch in which numbers have become vectors of one element."""
    return reshape(x, shape=(x.shape[0], 1)) if x.ndim == 1 else x


def place_of(code: Any, x: Any, index: Any, position: Any, dim: int) -> Any:
    """Where an element of ``index`` leads, in native code."""
    if not x.shape:
        return ()
    return (*position[:dim], code.position(index, x.shape[dim], *position), *position[dim + 1 :])


def along(index: Any, dim: int) -> tuple[Any, ...]:
    """The index tuple that reads ``index`` along ``dim`` and the own position along the other axes."""
    if index.ndim == 2 and index.shape[1] == 1 and dim == 1:  # one class a row, the commonest
        return np.arange(index.shape[0])[:, None], index
    grids = np.ogrid[tuple(slice(0, n) for n in index.shape)]
    return tuple(index if i == dim else g for i, g in enumerate(grids))


take, take_adjoint, index_put = Take(), TakeAdjoint(), IndexPut()
gather, scatter_add = Gather(), ScatterAdd()
