"""Convolution and its two adjoints: three products, each of which is the derivative of the others.

All three come from one form that is linear in each of x, w and dy: the sum of
``dy[n, o, i] * w[o, c, k] * x[n, c, i * stride + k * dilation - before]``, where positions of x outside it count as 0.
Leaving dy out gives the convolution, leaving x out its adjoint by x (the transposed convolution), and leaving w out
its adjoint by w. So the pullbacks of each are the other two, and derivatives of every order exist.

``stride``, ``padding`` and ``dilation`` hold one entry for each of the spatial axes, of which there may be any number;
an entry of ``padding`` is a pair (before, after). As in PyTorch a convolution does not flip its kernel.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.primitive import Primitive, size_of
from ..errors import ShapeError
from .broadcast import reshape, sum_
from .linalg import matmul, transpose_last
from .shape import permute
from .windows import Padding, Sizes, output_sizes, padded_windows, windows, windows_adjoint

__all__ = ["convolution", "convolution_input", "convolution_weight"]

COLUMNS = 1 << 19  # elements of the windows that are laid out at a time, so that they are still in the cache when used


class Convolution(Primitive):
    """The sums of a window of ``x``, at each place of it, weighted with ``w``.

    x : (N, C, *sizes), w : (O, C / groups, *kernel)  ->  (N, O, *out)

    The channels form ``groups`` that are convolved each with its own O / groups filters.
    """

    arity = 2
    saves = (0, 1)
    bilinear = True
    outlines = True

    def forward(self, x: Any, w: Any, stride: Sizes, padding: Padding, dilation: Sizes, groups: int) -> Any:
        kernel = w.shape[2:]
        out = output_sizes(x.shape[2:], kernel, stride, padding, dilation)
        n, places, depth = x.shape[0], math.prod(out), w.shape[1] * math.prod(kernel)
        y = np.empty((n, groups, w.shape[0] // groups, places), x.dtype)
        filters = w.reshape(groups, w.shape[0] // groups, depth)
        for some, part in _windows(x, kernel, stride, padding, dilation):
            columns = part.reshape(part.shape[0], groups, depth, places)
            np.matmul(filters, columns, out=y[some])
        return y.reshape(n, w.shape[0], *out)

    def shape(self, x: Any, w: Any, stride: Sizes, padding: Padding, dilation: Sizes, groups: int) -> tuple[int, ...]:
        _check(self.name, x.shape, w.shape, groups)
        out = output_sizes(x.shape[2:], w.shape[2:], stride, padding, dilation)
        if any(m < 1 for m in out) and 0 not in x.shape[2:]:
            padded = tuple(n + a + b for n, (a, b) in zip(x.shape[2:], padding, strict=True))
            raise ShapeError(
                f"{self.name}: the kernel of {tuple(w.shape)} with dilation {dilation} is larger than the input of "
                f"shape {tuple(x.shape)}, which with its padding has the sizes {padded}"
            )
        return (x.shape[0], w.shape[0], *(max(m, 0) for m in out))

    def flops(self, y: Any, x: Any, w: Any, **params: Any) -> int:
        return 2 * size_of(y) * math.prod(w.shape[1:])

    def compose(self, x: Any, w: Any, groups: int, **params: Any) -> Any:
        shape = self.shape(x, w, groups=groups, **params)
        columns = _columns(x, tuple(w.shape[2:]), groups, **params)
        filters = reshape(w, shape=(groups, w.shape[0] // groups, columns.shape[2]))
        return reshape(matmul(filters, columns), shape=shape)

    def pullback_0(self, dy: Any, y: Any, x: Any, w: Any, **params: Any) -> Any:
        return convolution_input(dy, w, sizes=tuple(x.shape[2:]), **params)

    def pullback_1(self, dy: Any, y: Any, x: Any, w: Any, **params: Any) -> Any:
        return convolution_weight(x, dy, kernel=tuple(w.shape[2:]), **params)

    def batch(self, size: int, inputs: tuple[Any, ...], batched: tuple[bool, ...], **params: Any) -> Any:
        groups = params.pop("groups")
        x, w = inputs
        if all(batched):
            y = self(_fold(x, 1), _fold(w, 0), groups=size * groups, **params)
            return _unfold(y, size, 1)
        if batched[0]:
            return _unfold(self(_fold(x, 0), w, groups=groups, **params), size, 0)
        return _unfold(self(x, _fold(w, 0, groups), groups=groups, **params), size, 1, groups)


class ConvolutionInput(Primitive):
    """The adjoint of a convolution by its input: the cotangent of the output, spread over the input.

    dy : (N, O, *out), w : (O, C / groups, *kernel)  ->  (N, C, *sizes)

    It is the transposed convolution of ``dy``; ``sizes`` says which of the sizes that lead to ``out`` is meant.
    """

    arity = 2
    saves = (0, 1)
    bilinear = True
    outlines = True

    def forward(
        self, dy: Any, w: Any, sizes: Sizes, stride: Sizes, padding: Padding, dilation: Sizes, groups: int
    ) -> Any:
        kernel, out, n = w.shape[2:], dy.shape[2:], dy.shape[0]
        per_group, places, depth = w.shape[0] // groups, math.prod(out), w.shape[1] * math.prod(kernel)
        channels = groups * w.shape[1]
        filters = w.reshape(groups, per_group, depth).swapaxes(1, 2)
        x = np.empty((n, channels, *sizes), dy.dtype)
        for some in _parts(n, channels * math.prod(kernel) * places):
            rows = dy[some].reshape(-1, groups, per_group, places)
            columns = np.matmul(filters, rows).reshape(-1, channels, *kernel, *out)
            x[some] = windows_adjoint.forward(columns, sizes, kernel, stride, padding, dilation)
        return x

    def shape(
        self, dy: Any, w: Any, sizes: Sizes, stride: Sizes, padding: Padding, dilation: Sizes, groups: int
    ) -> tuple[int, ...]:
        _check_spatial(self.name, dy.shape, w.shape)
        if w.shape[0] != dy.shape[1] or dy.shape[1] % groups:
            raise ShapeError(
                f"{self.name}: the weight {tuple(w.shape)} has {w.shape[0]} filters for the {dy.shape[1]} channels of "
                f"shape {tuple(dy.shape)} in {groups} groups; they must be equal, and a multiple of the groups"
            )
        return (dy.shape[0], groups * w.shape[1], *sizes)

    def flops(self, y: Any, dy: Any, w: Any, **params: Any) -> int:
        return 2 * size_of(dy) * math.prod(w.shape[1:])

    def compose(self, dy: Any, w: Any, sizes: Sizes, groups: int, **params: Any) -> Any:
        n, out, kernel = dy.shape[0], tuple(dy.shape[2:]), tuple(w.shape[2:])
        filters = reshape(w, shape=(groups, w.shape[0] // groups, w.shape[1] * math.prod(kernel)))
        rows = reshape(dy, shape=(n, groups, w.shape[0] // groups, math.prod(out)))
        columns = matmul(transpose_last(filters), rows)
        columns = reshape(columns, shape=(n, groups * w.shape[1], *kernel, *out))
        return windows_adjoint(columns, sizes=sizes, kernel=kernel, **params)

    def pullback_0(self, dx: Any, x: Any, dy: Any, w: Any, sizes: Sizes, **params: Any) -> Any:
        return convolution(dx, w, **params)

    def pullback_1(self, dx: Any, x: Any, dy: Any, w: Any, sizes: Sizes, **params: Any) -> Any:
        return convolution_weight(dx, dy, kernel=tuple(w.shape[2:]), **params)

    def batch(self, size: int, inputs: tuple[Any, ...], batched: tuple[bool, ...], **params: Any) -> Any:
        groups = params.pop("groups")
        dy, w = inputs
        if all(batched):
            return _unfold(self(_fold(dy, 1), _fold(w, 0), groups=size * groups, **params), size, 1)
        if batched[0]:
            return _unfold(self(_fold(dy, 0), w, groups=groups, **params), size, 0)
        return _unfold(self(dy, _fold(w, 1), groups=groups, **params), size, 1, groups)


class ConvolutionWeight(Primitive):
    """The adjoint of a convolution by its weight: the cotangent of the output, correlated with the input.

    x : (N, C, *sizes), dy : (N, O, *out)  ->  (O, C / groups, *kernel)
    """

    arity = 2
    saves = (0, 1)
    bilinear = True
    outlines = True

    def forward(
        self, x: Any, dy: Any, kernel: Sizes, stride: Sizes, padding: Padding, dilation: Sizes, groups: int
    ) -> Any:
        out, per_group, channels = dy.shape[2:], dy.shape[1] // groups, x.shape[1] // groups
        places, depth = math.prod(out), channels * math.prod(kernel)
        w = np.zeros((groups, per_group, depth), x.dtype)
        for some, part in _windows(x, kernel, stride, padding, dilation):
            n = part.shape[0]
            columns = part.reshape(n, groups, depth, places).transpose(1, 0, 3, 2)
            rows = dy[some].reshape(n, groups, per_group, places).transpose(1, 2, 0, 3)
            w += np.matmul(rows.reshape(groups, per_group, n * places), columns.reshape(groups, n * places, depth))
        return w.reshape(dy.shape[1], channels, *kernel)

    def shape(
        self, x: Any, dy: Any, kernel: Sizes, stride: Sizes, padding: Padding, dilation: Sizes, groups: int
    ) -> tuple[int, ...]:
        _check_spatial(self.name, x.shape, dy.shape)
        if x.shape[0] != dy.shape[0] or x.shape[1] % groups or dy.shape[1] % groups:
            raise ShapeError(
                f"{self.name}: shapes {tuple(x.shape)} and {tuple(dy.shape)} don't fit; the batches must be equal, "
                f"and the channels multiples of the {groups} groups"
            )
        return (dy.shape[1], x.shape[1] // groups, *kernel)

    def flops(self, y: Any, x: Any, dy: Any, **params: Any) -> int:
        return 2 * size_of(dy) * math.prod(y.shape[1:])

    def compose(self, x: Any, dy: Any, kernel: Sizes, groups: int, **params: Any) -> Any:
        columns = _columns(x, kernel, groups, **params)
        rows = reshape(dy, shape=(dy.shape[0], groups, dy.shape[1] // groups, columns.shape[3]))
        w = sum_(matmul(rows, transpose_last(columns)), dims=(0,), keepdim=False)
        return reshape(w, shape=(dy.shape[1], x.shape[1] // groups, *kernel))

    def pullback_0(self, dw: Any, w: Any, x: Any, dy: Any, kernel: Sizes, **params: Any) -> Any:
        return convolution_input(dy, dw, sizes=tuple(x.shape[2:]), **params)

    def pullback_1(self, dw: Any, w: Any, x: Any, dy: Any, kernel: Sizes, **params: Any) -> Any:
        return convolution(x, dw, **params)

    def batch(self, size: int, inputs: tuple[Any, ...], batched: tuple[bool, ...], **params: Any) -> Any:
        groups = params.pop("groups")
        x, dy = inputs
        if all(batched):
            return _unfold(self(_fold(x, 1), _fold(dy, 1), groups=size * groups, **params), size, 0)
        if batched[0]:
            return _unfold(self(_fold(x, 1, groups), dy, groups=groups, **params), size, 1)
        return _unfold(self(x, _fold(dy, 1, groups), groups=groups, **params), size, 0, groups)


# -- windows ----------------------------------------------------------------------------------------------


def _parts(n: int, each: int) -> Any:
    """Slices of the batch whose windows, of ``each`` elements a sample, are laid out together."""
    step = max(COLUMNS // max(each, 1), 1)
    return (slice(i, min(i + step, n)) for i in range(0, n, step))


def _windows(x: Any, kernel: Sizes, *params: Any) -> Any:
    """For parts of the batch their slice and the windows of it, a view (n, C, *kernel, *out) without a copy."""
    columns = padded_windows(x, kernel, *params)
    each = math.prod(columns.shape[1:])
    if not each:
        return [(slice(0, columns.shape[0]), columns)]
    return ((some, columns[some]) for some in _parts(columns.shape[0], each))


def _columns(x: Any, kernel: Sizes, groups: int, **params: Any) -> Any:
    """The windows as the columns of matrices: (N, groups, C / groups * kernel, out)."""
    y = windows(x, kernel=kernel, **params)
    depth = x.shape[1] // groups * math.prod(kernel)
    return reshape(y, shape=(x.shape[0], groups, depth, math.prod(y.shape[2 + len(kernel) :])))


# -- batches ----------------------------------------------------------------------------------------------


def _fold(x: Any, axis: int, groups: int = 1) -> Any:
    """The batch, axis 0, as the outer part of what is ``axis`` without it; within each of the groups there."""
    size, shape = x.shape[0], tuple(x.shape[1:])
    split = (size, *shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])
    order = (*range(1, axis + 2), 0, *range(axis + 2, len(split)))
    merged = (*shape[:axis], size * shape[axis], *shape[axis + 1 :])
    return reshape(permute(reshape(x, shape=split), dims=order), shape=merged)


def _unfold(y: Any, size: int, axis: int, groups: int = 1) -> Any:
    """The inverse of ``_fold``: the batch comes out of ``axis`` and becomes axis 0."""
    shape = tuple(y.shape)
    inner = shape[axis] // (size * groups)
    split = (*shape[:axis], groups, size, inner, *shape[axis + 1 :])
    order = (axis + 1, *range(axis + 1), *range(axis + 2, len(split)))
    merged = (size, *shape[:axis], groups * inner, *shape[axis + 1 :])
    return reshape(permute(reshape(y, shape=split), dims=order), shape=merged)


# -- checks -----------------------------------------------------------------------------------------------


def _check_spatial(name: str, first: Sizes, second: Sizes) -> None:
    if len(first) != len(second) or len(first) < 3:
        raise ShapeError(
            f"{name}: shapes {tuple(first)} and {tuple(second)} need equally many axes: two and the spatial ones"
        )


def _check(name: str, x: Sizes, w: Sizes, groups: int) -> None:
    _check_spatial(name, x, w)
    if x[1] != groups * w[1] or w[0] % groups:
        raise ShapeError(
            f"{name}: the input of shape {tuple(x)} has {x[1]} channels, the weight of shape {tuple(w)} takes "
            f"{groups * w[1]} in {groups} groups and has {w[0]} filters; the channels must be equal, and the filters "
            "a multiple of the groups"
        )


convolution, convolution_input, convolution_weight = Convolution(), ConvolutionInput(), ConvolutionWeight()
