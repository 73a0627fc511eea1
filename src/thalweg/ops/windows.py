"""The windows of an image laid out as columns, and the adjoint that adds columns up where they stand.

Convolutions are matrix products with them. ``kernel``, ``stride``, ``padding`` and ``dilation`` hold one entry for each
of the spatial axes, of which there may be any number; an entry of ``padding`` is a pair (before, after). Element j of
window i lies at ``i * stride + j * dilation - before``; outside the image it counts as 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.primitive import Primitive, size_of
from .broadcast import reshape

__all__ = ["output_sizes", "padded_windows", "windows", "windows_adjoint"]

Sizes = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]


def output_sizes(sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Padding, dilation: Sizes) -> Sizes:
    """How many windows there are along each axis; a number may be negative where the kernel does not fit."""
    return tuple(
        (n + before + after - d * (k - 1) - 1) // s + 1
        for n, k, s, (before, after), d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    )


class _Windows(Primitive):
    linear = True
    outlines = True

    def by_rows(self, x: Any, **params: Any) -> Any:
        return (True,), params

    def batch(self, size: int, inputs: tuple[Any, ...], batched: tuple[bool, ...], **params: Any) -> Any:
        (x,) = inputs
        y = self(reshape(x, shape=(size * x.shape[1], *x.shape[2:])), **params)
        return reshape(y, shape=(size, x.shape[1], *y.shape[1:]))


class Windows(_Windows):
    """The elements of every window.

    x : (N, C, *sizes)  ->  (N, C, *kernel, *out)
    """

    def forward(self, x: Any, kernel: Sizes, stride: Sizes, padding: Padding, dilation: Sizes) -> Any:
        return np.ascontiguousarray(padded_windows(x, kernel, stride, padding, dilation))

    def shape(self, x: Any, kernel: Sizes, stride: Sizes, padding: Padding, dilation: Sizes) -> Sizes:
        out = output_sizes(x.shape[2:], kernel, stride, padding, dilation)
        return (*x.shape[:2], *kernel, *(max(n, 0) for n in out))

    def pullback_0(self, dy: Any, y: Any, x: Any, **params: Any) -> Any:
        return windows_adjoint(dy, sizes=tuple(x.shape[2:]), **params)

    def lower(self, code: Any, x: Any, kernel: Sizes, stride: Sizes, padding: Padding, dilation: Sizes) -> None:
        rank, out = len(kernel), code.out
        if not any(map(any, padding)):
            code.copy(x.windows(kernel, out.shape[1 + rank :], stride, dilation), out)
            return
        for place in itertools.product(*map(range, kernel)):
            there = out.part(slice(None), *place)
            inside = _inside(place, x.shape[1:], there.shape[1:], stride, padding, dilation)
            for axis, (first, last, _) in enumerate(inside):  # the borders that no axis before has filled
                inner = [slice(a, b) for a, b, _ in inside[:axis]]
                code.fill(there.part(slice(None), *inner, slice(0, first)), 0)
                code.fill(there.part(slice(None), *inner, slice(last, None)), 0)
            source, target = _parts(x, there, inside)
            code.copy(source, target)


class WindowsAdjoint(_Windows):
    """For each element of the image the sum of ``dy`` over the windows that it lies in.

    dy : (N, C, *kernel, *out)  ->  (N, C, *sizes)
    """

    def forward(self, dy: Any, sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Padding, dilation: Sizes) -> Any:
        out = dy.shape[2 + len(kernel) :]
        x = np.zeros((*dy.shape[:2], *(n + a + b for n, (a, b) in zip(sizes, padding, strict=True))), dy.dtype)
        for place in itertools.product(*map(range, kernel)):
            each = zip(place, out, stride, dilation, strict=True)
            here = tuple(slice(k * d, k * d + s * m, s) for k, m, s, d in each)
            x[(slice(None), slice(None), *here)] += dy[(slice(None), slice(None), *place)]
        inside = (slice(a, a + n) for n, (a, _) in zip(sizes, padding, strict=True))
        return x[(slice(None), slice(None), *inside)]

    def shape(self, dy: Any, sizes: Sizes, **params: Any) -> Sizes:
        return (*dy.shape[:2], *sizes)

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return size_of(inputs[0])

    def pullback_0(self, dx: Any, x: Any, dy: Any, sizes: Sizes, **params: Any) -> Any:
        return windows(dx, **params)

    def lower(
        self, code: Any, dy: Any, sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Padding, dilation: Sizes
    ) -> None:
        code.fill(code.out, 0)
        out = dy.shape[1 + len(kernel) :]
        if not any(map(any, padding)):
            code.add(dy, code.out.windows(kernel, out, stride, dilation))
            return
        for place in itertools.product(*map(range, kernel)):
            there = dy.part(slice(None), *place)
            target, source = _parts(code.out, there, _inside(place, sizes, out, stride, padding, dilation))
            code.add(source, target)


def padded_windows(x: Any, kernel: Sizes, stride: Sizes, padding: Padding, dilation: Sizes) -> Any:
    """All windows of an ndarray as a view (N, C, *kernel, *out) of it, or of a copy with a border of zeros."""
    out = output_sizes(x.shape[2:], kernel, stride, padding, dilation)
    if any(map(any, padding)):
        padded = np.zeros((*x.shape[:2], *(n + a + b for n, (a, b) in zip(x.shape[2:], padding, strict=True))), x.dtype)
        inside = (slice(a, a + n) for n, (a, _) in zip(x.shape[2:], padding, strict=True))
        padded[(slice(None), slice(None), *inside)] = x
        x = padded
    steps = x.strides[2:]
    shape = (*x.shape[:2], *kernel, *(max(n, 0) for n in out))
    by_element = (step * d for step, d in zip(steps, dilation, strict=True))
    by_window = (step * s for step, s in zip(steps, stride, strict=True))
    return np.lib.stride_tricks.as_strided(x, shape, (*x.strides[:2], *by_element, *by_window), writeable=False)


def _inside(
    place: Sizes, sizes: Sizes, out: Sizes, stride: Sizes, padding: Padding, dilation: Sizes
) -> list[tuple[int, int, slice]]:
    """For each axis the windows [first, last) whose element at ``place`` lies in the image, and where it does."""
    return [_range(*axis) for axis in zip(place, sizes, out, stride, padding, dilation, strict=True)]


def _range(j: int, n: int, m: int, s: int, padding: tuple[int, int], d: int) -> tuple[int, int, slice]:
    offset = j * d - padding[0]
    first = min(max(-(offset // s), 0), m)
    last = max(min((n - 1 - offset) // s + 1, m), first)
    start = first * s + offset
    return first, last, slice(start, start + (last - first - 1) * s + 1, s) if last > first else slice(0, 0)


def _parts(image: Any, there: Any, inside: list[tuple[int, int, slice]]) -> Iterator[Any]:
    """What lies in the image, and its place among the elements of the windows."""
    yield image.part(slice(None), *(where for _, _, where in inside))
    yield there.part(slice(None), *(slice(first, last) for first, last, _ in inside))


windows, windows_adjoint = Windows(), WindowsAdjoint()
