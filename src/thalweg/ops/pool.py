"""Pooling: the largest element, or the sum, of each window over the last axes of a tensor.

``kernel``, ``stride``, ``padding`` and ``dilation`` hold an int for each of the pooled axes, the last ones of the
tensor; ``counts`` is what their sizes become. Window i of an axis covers the positions
``i * stride - padding + j * dilation`` for j below ``kernel``; those outside the axis hold nothing. Several axes are
reduced one after the other, as both the largest element and the sum can be.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.dtypes import INT64
from ..core.primitive import Primitive, size_of
from ..errors import ShapeError
from .base import quiet, where
from .broadcast import expand, reshape
from .elementwise import maximum
from .index import gather, scatter_add
from .shape import embed, index, pad

__all__ = ["max_pool", "max_pool_adjoint", "max_pool_at", "max_pool_indices", "sum_pool", "sum_pool_adjoint"]

Sizes = tuple[int, ...]
Place = tuple[slice, slice]  # the windows that have a j-th element, and those elements


class _Windows(Primitive):
    """What all share: every leading axis is a batch already."""

    def batch(self, size: int, inputs: tuple[Any, ...], batched: tuple[bool, ...], **params: Any) -> Any:
        pairs = zip(inputs, batched, strict=True)
        return self(*(x if with_batch else expand(x, shape=(size, *x.shape)) for x, with_batch in pairs), **params)


class _Pool(_Windows):
    """What the primitives that make one element of each window share."""

    def shape(self, x: Any, counts: Sizes, **params: Any) -> tuple[int, ...]:
        lead = x.ndim - len(counts)
        if lead < 0:
            raise ShapeError(f"{self.name}: shape {tuple(x.shape)} does not have the {len(counts)} axes to pool over")
        return (*x.shape[:lead], *counts)

    def flops(self, y: Any, *inputs: Any, kernel: Sizes, **params: Any) -> int:
        return size_of(y) * math.prod(kernel)


class MaxPool(_Pool):
    """The largest element of each window; NaN if it holds one.

    x : (..., *sizes)  ->  (..., *counts)

    The cotangent goes to the first of equal largest elements, as in PyTorch.
    """

    saves = (0,)

    def forward(self, x: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, counts: Sizes) -> Any:
        for axis, n, places in _axes(x, kernel, stride, padding, dilation, counts):
            y = np.full((*x.shape[:axis], n, *x.shape[axis + 1 :]), _lowest(x.dtype), x.dtype)
            for windows, elements in places:
                at = _along(axis, windows)
                np.maximum(y[at], x[_along(axis, elements)], out=y[at])
            x = y
        return x

    def compose(self, x: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, counts: Sizes) -> Any:
        for axis, n, places in _axes(x, kernel, stride, padding, dilation, counts):
            y: Any = np.full((*x.shape[:axis], n, *x.shape[axis + 1 :]), _lowest(x.dtype), x.dtype)
            for place in places:
                y = maximum(y, _placed(x, axis, place, n, _lowest(x.dtype)))
            x = y
        return x

    def pullback_0(self, dy: Any, y: Any, x: Any, **params: Any) -> Any:
        return max_pool_adjoint(dy, x, **params)


class MaxPoolIndices(_Pool):
    """The place of each window's largest element among the elements of ``sizes``, counted in row-major order.

    x : (..., *sizes)  ->  (..., *counts) int64

    The first of equal ones, but the last of NaNs, as in PyTorch.
    """

    differentiable = False

    def forward(self, x: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, counts: Sizes) -> Any:
        step, found = 1, np.zeros((1,) * x.ndim, INT64)
        for axis, n, places in _axes(x, kernel, stride, padding, dilation, counts):
            size = x.shape[axis]
            position = np.arange(size).reshape(-1, *(1,) * (x.ndim - axis - 1)) * step
            x, found = _first_largest(x, np.broadcast_to(found + position, x.shape), axis, n, places)
            step *= size
        return found

    def dtype(self, *inputs: Any, **params: Any) -> Any:
        return INT64

    def compose(self, x: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, counts: Sizes) -> Any:
        step, found = 1, np.zeros(x.shape, INT64)
        for axis, n, places in _axes(x, kernel, stride, padding, dilation, counts):
            found = found + np.arange(x.shape[axis]).reshape(-1, *(1,) * (x.ndim - axis - 1)) * step
            step *= x.shape[axis]
            shape = (*x.shape[:axis], n, *x.shape[axis + 1 :])
            best: Any = np.full(shape, _lowest(x.dtype), x.dtype)
            at: Any = np.full(shape, -1, INT64)
            for place in places:
                value, position = _placed(x, axis, place, n, _lowest(x.dtype)), _placed(found, axis, place, n, -1)
                better = (value > best) | (value != value) | ((at < 0) & (position >= 0))
                best, at = where(better, value, best), where(better, position, at)
            x, found = best, at
        return found


class MaxPoolAt(_Pool):
    """The elements of ``v`` at the places where the windows of ``x`` have their largest elements.

    v, x : (..., *sizes)  ->  (..., *counts)
    """

    arity = 2
    saves = (1,)

    def forward(
        self, v: Any, x: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, counts: Sizes
    ) -> Any:
        return self._gathered(v, x, kernel=kernel, stride=stride, padding=padding, dilation=dilation, counts=counts)

    def compose(self, v: Any, x: Any, **params: Any) -> Any:
        return self._gathered(v, x, **params)

    @staticmethod
    def _gathered(v: Any, x: Any, **params: Any) -> Any:
        found = max_pool_indices(x, **params)
        shape, lead = tuple(found.shape), tuple(found.shape[: found.ndim - len(params["counts"])])
        flat = reshape(v, shape=(*lead, math.prod(v.shape[len(lead) :])))
        found = reshape(found, shape=(*lead, math.prod(params["counts"])))
        return reshape(gather(flat, found, dim=len(lead)), shape=shape)

    def shape(self, v: Any, x: Any, counts: Sizes, **params: Any) -> tuple[int, ...]:  # type: ignore[override]
        return super().shape(x, counts)

    def pullback_0(self, dy: Any, y: Any, v: Any, x: Any, **params: Any) -> Any:
        return max_pool_adjoint(dy, x, **params)


class MaxPoolAdjoint(_Windows):
    """Zeros like ``x``, to which ``dy`` is added where the windows of ``x`` have their largest elements.

    dy : (..., *counts), x : (..., *sizes)  ->  (..., *sizes)
    """

    arity = 2
    saves = (1,)

    def forward(
        self, dy: Any, x: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, counts: Sizes
    ) -> Any:
        found = max_pool_indices.forward(x, kernel, stride, padding, dilation, counts)
        lead = x.shape[: x.ndim - len(counts)]
        rows, size = math.prod(lead), math.prod(x.shape[len(lead) :])
        y = np.zeros(rows * size, dy.dtype)
        starts = np.arange(rows).reshape(*lead, *(1,) * len(counts)) * size
        places = (found + starts).reshape(-1)
        if all(k <= s for k, s in zip(kernel, stride, strict=True)) and set(dilation) <= {1}:
            y[places] = dy.reshape(-1)  # the windows don't overlap
        else:
            np.add.at(y, places, dy.reshape(-1))
        return y.reshape(x.shape)

    def shape(self, dy: Any, x: Any, **params: Any) -> tuple[int, ...]:
        return tuple(x.shape)

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return size_of(inputs[0]) * (math.prod(params["kernel"]) + 1)

    def compose(self, dy: Any, x: Any, **params: Any) -> Any:
        found = max_pool_indices(x, **params)
        lead = tuple(x.shape[: x.ndim - len(params["counts"])])
        count = math.prod(params["counts"])
        zeros = np.zeros((*lead, math.prod(x.shape[len(lead) :])), dy.dtype)
        found, dy = reshape(found, shape=(*lead, count)), reshape(dy, shape=(*lead, count))
        return reshape(scatter_add(zeros, found, dy, dim=len(lead)), shape=tuple(x.shape))

    def pullback_0(self, dz: Any, z: Any, dy: Any, x: Any, **params: Any) -> Any:
        return max_pool_at(dz, x, **params)


class SumPool(_Pool):
    """The sum of each window.

    x : (..., *sizes)  ->  (..., *counts)
    """

    outlines = True
    linear = True

    def forward(self, x: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, counts: Sizes) -> Any:
        for axis, n, places in _axes(x, kernel, stride, padding, dilation, counts):
            y = np.zeros((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype)
            for windows, elements in places:
                y[_along(axis, windows)] += x[_along(axis, elements)]
            x = y
        return x

    def compose(self, x: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, counts: Sizes) -> Any:
        for axis, n, places in _axes(x, kernel, stride, padding, dilation, counts):
            total: Any = None
            for place in places:
                part = _placed(x, axis, place, n, 0)
                total = part if total is None else total + part
            x = np.zeros((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype) if total is None else total
        return x

    def pullback_0(self, dy: Any, y: Any, x: Any, **params: Any) -> Any:
        return sum_pool_adjoint(dy, sizes=tuple(x.shape[x.ndim - len(params["counts"]) :]), **params)


class SumPoolAdjoint(_Windows):
    """For each element the sum of ``dy`` over the windows that it lies in.

    dy : (..., *counts)  ->  (..., *sizes)
    """

    linear = True

    def forward(
        self, dy: Any, sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, counts: Sizes
    ) -> Any:
        for axis, places in _back(dy, sizes, kernel, stride, padding, dilation, counts):
            y = np.zeros((*dy.shape[:axis], sizes[axis - dy.ndim + len(sizes)], *dy.shape[axis + 1 :]), dy.dtype)
            for windows, elements in places:
                y[_along(axis, elements)] += dy[_along(axis, windows)]
            dy = y
        return dy

    def shape(self, dy: Any, sizes: Sizes, **params: Any) -> tuple[int, ...]:
        return (*dy.shape[: dy.ndim - len(sizes)], *sizes)

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return size_of(inputs[0]) * math.prod(params["kernel"])

    def compose(
        self, dy: Any, sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, counts: Sizes
    ) -> Any:
        for axis, places in _back(dy, sizes, kernel, stride, padding, dilation, counts):
            shape = (*dy.shape[:axis], sizes[axis - dy.ndim + len(sizes)], *dy.shape[axis + 1 :])
            total: Any = None
            for windows, elements in places:
                part = index(dy, index=_along(axis, windows))
                part = embed(part, index=_along(axis, elements), shape=shape)
                total = part if total is None else total + part
            dy = np.zeros(shape, dy.dtype) if total is None else total
        return dy

    def pullback_0(self, dx: Any, x: Any, dy: Any, sizes: Sizes, **params: Any) -> Any:
        return sum_pool(dx, **params)


# -- windows ----------------------------------------------------------------------------------------------


def _places(size: int, kernel: int, stride: int, padding: int, dilation: int, counts: int) -> list[Place]:
    """For each j below ``kernel``, the windows of an axis whose j-th element exists, and where these stand."""
    places = []
    for j in range(kernel):
        offset = j * dilation - padding
        first = max(-(offset // stride), 0)
        last = min((size - 1 - offset) // stride, counts - 1) if size else -1
        if first <= last:
            start = first * stride + offset
            places.append((slice(first, last + 1), slice(start, last * stride + offset + 1, stride)))
    return places


def _axes(x: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, counts: Sizes) -> Iterator[Any]:
    """For each pooled axis, the last one first: (axis, size it becomes, places)."""
    lead = x.ndim - len(counts)
    for i in reversed(range(len(counts))):
        places = _places(x.shape[lead + i], kernel[i], stride[i], padding[i], dilation[i], counts[i])
        yield lead + i, counts[i], places


def _back(
    dy: Any, sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, counts: Sizes
) -> Iterator[Any]:
    """For each pooled axis (axis, places) of the tensor before it was pooled."""
    lead = dy.ndim - len(counts)
    for i in range(len(counts)):
        yield lead + i, _places(sizes[i], kernel[i], stride[i], padding[i], dilation[i], counts[i])


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    return (slice(None),) * axis + (part,)


def _placed(x: Any, axis: int, place: Place, n: int, value: Any) -> Any:
    """The j-th element of each of the n windows of an axis, ``value`` where there is none."""
    windows, elements = place
    part = index(x, index=_along(axis, elements))
    border = (windows.start, n - windows.stop)
    return pad(part, widths=tuple(border if i == axis else (0, 0) for i in range(part.ndim)), value=value)


def _lowest(dtype: Any) -> Any:
    return -math.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min


@quiet
def _first_largest(x: Any, found: Any, axis: int, n: int, places: list[Place]) -> tuple[Any, Any]:
    """The largest element of the windows of one axis, and the entry of ``found`` that stands at its place."""
    shape = (*x.shape[:axis], n, *x.shape[axis + 1 :])
    best, at = np.full(shape, _lowest(x.dtype), x.dtype), np.full(shape, -1, INT64)
    for windows, elements in places:
        there, here = _along(axis, windows), _along(axis, elements)
        value, top, place = x[here], best[there], at[there]
        better = (value > top) | (place < 0) | (value != value)
        np.copyto(top, value, where=better)
        np.copyto(place, found[here], where=better)
    return best, at


max_pool, max_pool_indices = MaxPool(), MaxPoolIndices()
max_pool_at, max_pool_adjoint = MaxPoolAt(), MaxPoolAdjoint()
sum_pool, sum_pool_adjoint = SumPool(), SumPoolAdjoint()
