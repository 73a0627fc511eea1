"""Reshaping, repeating and summing: linear maps that are each other's adjoints."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import INT64
from ..core.primitive import Primitive, ViewPrimitive, size_of
from ..errors import ShapeError

__all__ = ["aligned", "expand", "mean", "reshape", "shifted", "spread", "sum_", "sum_to"]

_add_up: Any = np.add.reduce  # Any: NumPy's annotations ask for a literal keepdims


def reduced_shape(shape: tuple[int, ...], dims: tuple[int, ...], keepdim: bool) -> tuple[int, ...]:
    """What is left of ``shape`` after reducing over ``dims`` (non-negative)."""
    if keepdim:
        return tuple(1 if i in dims else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in dims)


def broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether ``shape`` can be repeated to ``target``."""
    try:
        return np.broadcast_shapes(shape, target) == tuple(target)
    except ValueError:
        return False


def aligned(x: Any, rank: int) -> Any:
    """A batch of values with axes of size 1 put in behind the batch axis, so that each has ``rank`` axes."""
    missing = rank + 1 - x.ndim
    return reshape(x, shape=(x.shape[0], *(1,) * missing, *x.shape[1:])) if missing > 0 else x


def spread(x: Any, size: int, batched: bool) -> Any:
    """A batch: ``x`` itself, or one value repeated for ``size`` samples without a copy."""
    return x if batched else expand(x, shape=(size, *x.shape))


def shifted(dims: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of a sample as axes of the batch."""
    return tuple(d + 1 for d in dims)


class Reshape(ViewPrimitive):
    """The elements in row-major order under another shape; a view where the strides allow it.

    x : any shape -> shape, with equally many elements
    """

    outlines = True
    linear = True

    def forward(self, x: Any, shape: tuple[int, ...]) -> Any:
        return x.reshape(shape)

    def shape(self, x: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
        if math.prod(x.shape) != math.prod(shape):
            raise ShapeError(f"reshape: shape {tuple(shape)} does not hold the elements of shape {tuple(x.shape)}")
        return tuple(shape)

    def batch(self, size: int, inputs: Any, batched: Any, shape: tuple[int, ...]) -> Any:
        return self(inputs[0], shape=(size, *shape))

    def pullback_0(self, dy: Any, y: Any, x: Any, shape: tuple[int, ...]) -> Any:
        return reshape(dy, shape=x.shape)


class Expand(ViewPrimitive):
    """Repeats axes of size 1 (and new leading ones) without a copy.

    x : (...) -> shape, to which x.shape broadcasts. Its adjoint sums over the repeated axes.
    """

    outlines = True
    linear = True

    def forward(self, x: Any, shape: tuple[int, ...]) -> Any:
        if x.ndim == 0:
            y: Any = np.ndarray(shape, x.dtype, np.asarray(x), 0, (0,) * len(shape))  # a tenth of broadcast_to's time
            y.flags.writeable = False
            return y
        try:
            return np.broadcast_to(x, shape)
        except ValueError:
            self.shape(x, shape)
            raise

    def shape(self, x: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
        if not broadcasts(x.shape, shape):
            raise ShapeError(
                f"expand: shape {tuple(x.shape)} does not broadcast to {tuple(shape)}; only axes of size 1 can grow"
            )
        return tuple(shape)

    def batch(self, size: int, inputs: Any, batched: Any, shape: tuple[int, ...]) -> Any:
        return self(aligned(inputs[0], len(shape)), shape=(size, *shape))

    def pullback_0(self, dy: Any, y: Any, x: Any, shape: tuple[int, ...]) -> Any:
        return sum_to(dy, x.shape)


class Reduction(Primitive):
    """A primitive that puts the elements along ``dims`` together; ``keepdim`` keeps these axes with size 1."""

    def shape(self, x: Any, dims: tuple[int, ...], keepdim: bool) -> tuple[int, ...]:
        return reduced_shape(x.shape, dims, keepdim)

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return size_of(inputs[0])

    def batch(self, size: int, inputs: Any, batched: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        return self(inputs[0], dims=shifted(dims), keepdim=keepdim)


class Mean(Reduction):
    """The average over ``dims``: Sum and the division by the number of elements in one."""

    outlines = True
    linear = True

    def forward(self, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        n = count(x.shape, dims)
        total = _add_up(x, axis=dims, keepdims=keepdim)
        return total / n if n else total + np.nan

    def compose(self, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        n = count(x.shape, dims)
        total = sum_(x, dims=dims, keepdim=keepdim)
        return total / n if n else total + math.nan

    def pullback_0(self, dy: Any, y: Any, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        return repeat_back(dy / count(x.shape, dims), x.shape, dims, keepdim)


def is_narrow(x: Any) -> bool:
    """Whether ``x`` holds booleans or integers that are put together as int64, but are not stored so."""
    return bool(x.dtype.kind != "f" and x.dtype != INT64)


def count(shape: tuple[int, ...], dims: tuple[int, ...]) -> int:
    """The number of elements that a reduction over ``dims`` puts together."""
    return math.prod(shape[i] for i in dims)


class Sum(Reduction):
    """The sum over ``dims``; integers and booleans are summed as int64.

    x : (...) -> without ``dims``, or with size 1 there if ``keepdim``. Its adjoint repeats.
    """

    outlines = True
    linear = True

    def forward(self, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        if x.dtype.kind == "f":
            return _add_up(x, axis=dims, keepdims=keepdim)
        return _add_up(x, axis=dims, keepdims=keepdim, dtype=INT64)

    def dtype(self, x: Any, **params: Any) -> Any:
        return x.dtype if x.dtype.kind == "f" else INT64

    def compose(self, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        from .base import convert  # which needs this module

        return sum_(convert(x, dtype=INT64), dims=dims, keepdim=keepdim) if is_narrow(x) else None

    def pullback_0(self, dy: Any, y: Any, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        return repeat_back(dy, x.shape, dims, keepdim)


def repeat_back(dy: Any, shape: tuple[int, ...], dims: tuple[int, ...], keepdim: bool) -> Any:
    """A reduction's cotangent repeated over the reduced axes, so that it has the shape of the input."""
    if not keepdim and 0 < len(dims) < len(shape):  # a 0-d cotangent broadcasts as it is
        dy = reshape(dy, shape=reduced_shape(shape, dims, True))
    return expand(dy, shape=shape)


def sum_to(dy: Any, shape: tuple[int, ...]) -> Any:
    """The adjoint of broadcasting: ``dy`` summed over the axes along which ``shape`` was repeated."""
    lead = dy.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(lead + i for i, n in enumerate(shape) if n == 1 and dy.shape[lead + i] != 1)
    if axes:
        dy = sum_(dy, dims=axes, keepdim=True)
    return reshape(dy, shape=tuple(shape)) if lead else dy


reshape = Reshape()
expand = Expand()
sum_ = Sum()
mean = Mean()
