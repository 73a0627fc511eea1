"""Running sums, products and extremes, and differences, under PyTorch's names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import as_numpy_dtype, default_float, dtype
from ..core.tensor import Tensor, wrap
from ..errors import ShapeError
from . import elementwise as e
from . import ordering, reduce
from .base import convert
from .broadcast import reshape, sum_
from .dims import one_dim
from .index import gather
from .reductions import ValuesAndIndices
from .shape import cat, index

__all__ = [
    "cummax", "cummin", "cumprod", "cumsum", "cumulative_trapezoid", "diff", "gradient", "logcumsumexp", "trapezoid",
    "trapz",
]  # fmt: skip


def cumsum(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor:
    """The running sum along ``dim``."""
    return _running(reduce.cumsum, input, dim, dtype, "cumsum")


def cumprod(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor:
    """The running product along ``dim``."""
    return _running(ordering.cumprod, input, dim, dtype, "cumprod")


def _running(primitive: Any, input: Tensor, dim: int, dtype: dtype | None, name: str) -> Tensor:
    x = input if dtype is None else convert(input, dtype=as_numpy_dtype(dtype))
    d = one_dim(dim, x._value.ndim, name)
    if x._value.ndim == 0:
        return reshape(primitive(reshape(x, shape=(1,)), dim=0), shape=())
    return primitive(x, dim=d)


def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """log(cumsum(exp(x))) along ``dim`` without overflow, in log2(n) steps that add twice as many elements each."""
    x = input if input._value.dtype.kind == "f" else convert(input, dtype=default_float())
    d = one_dim(dim, x._value.ndim, "logcumsumexp")
    n, step = (x._value.shape[d] if x._value.ndim else 1), 1
    while step < n:
        head = np.full((*x._value.shape[:d], step, *x._value.shape[d + 1 :]), -math.inf, x._value.dtype)
        moved = cat(wrap(head), _slice(x, d, 0, n - step), dim=d)
        x = e.logaddexp(x, moved)
        step *= 2
    return x if x is not input else input.clone()


def cummax(input: Tensor, dim: int) -> ValuesAndIndices:
    """The largest element up to each place along ``dim``, and where it stands (the last of equal ones)."""
    return _running_extreme(ordering.cumargmax, input, dim, "cummax")


def cummin(input: Tensor, dim: int) -> ValuesAndIndices:
    """The smallest element up to each place along ``dim``, and where it stands (the last of equal ones)."""
    return _running_extreme(ordering.cumargmin, input, dim, "cummin")


def _running_extreme(primitive: Any, input: Tensor, dim: int, name: str) -> ValuesAndIndices:
    d = one_dim(dim, input._value.ndim, name)
    if not input._value.ndim:
        return ValuesAndIndices(input.clone(), wrap(np.zeros((), np.int64)))
    indices = primitive(input.detach(), dim=d)
    return ValuesAndIndices(gather(input, indices, dim=d), indices)


def _slice(x: Any, d: int, start: int | None, stop: int | None) -> Any:
    return index(x, index=(slice(None),) * d + (slice(start, stop),))


def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """Differences of neighbours along ``dim``, taken ``n`` times."""
    if input._value.ndim == 0:
        raise ShapeError("diff: needs at least one dimension, got a 0-d tensor")
    d = one_dim(dim, input._value.ndim, "diff")
    parts = [p for p in (prepend, input, append) if p is not None]
    x = cat(*parts, dim=d) if len(parts) > 1 else input
    for _ in range(n):
        size = x._value.shape[d]
        after, before = _slice(x, d, min(1, size), None), _slice(x, d, 0, max(size - 1, 0))
        x = e.bitwise_xor(after, before) if x._value.dtype.kind == "b" else after - before
    return x if x is not input else input.clone()


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral of y along ``dim`` by the trapezoid rule, over places ``x`` or at distances ``dx`` (1)."""
    d, areas = _trapezoids(y, x, dx, dim, "trapezoid")
    return sum_(areas, dims=(d,), keepdim=False)


trapz = trapezoid


def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral of y from the first place to each of the others, by the trapezoid rule."""
    d, areas = _trapezoids(y, x, dx, dim, "cumulative_trapezoid")
    return reduce.cumsum(areas, dim=d)


def _trapezoids(y: Tensor, x: Tensor | None, dx: Any, dim: int, name: str) -> tuple[int, Any]:
    """(the axis, the area over each step along it)."""
    if x is not None and dx is not None:
        raise ShapeError(f"{name}: give x or dx, not both")
    d = one_dim(dim, y._value.ndim, name)
    size = y._value.shape[d]
    total = _slice(y, d, min(1, size), None) + _slice(y, d, 0, max(size - 1, 0))
    if x is None:
        return d, total * (0.5 if dx is None else 0.5 * dx)
    if x._value.ndim == 1:
        x = reshape(x, shape=(x._value.size, *(1,) * (y._value.ndim - 1 - d)))
        return d, total * diff(x, dim=0) * 0.5
    return d, total * diff(x, dim=dim) * 0.5


def gradient(input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """Slopes along axes from central differences, one-sided at the ends; ``spacing`` is a number for all or for each.

    Only evenly spaced samples and ``edge_order`` 1 or 2 are supported.
    """
    ndim = input._value.ndim
    dims = [one_dim(d, ndim, "gradient") for d in ([dim] if isinstance(dim, int) else dim or range(ndim))]
    steps = [spacing] * len(dims) if isinstance(spacing, (int, float)) else list(spacing)
    if len(steps) != len(dims) or edge_order not in (1, 2):
        raise ShapeError(f"gradient: needs one spacing for each of {dims} and edge_order 1 or 2, got {steps}")
    return tuple(_slope(input, d, float(h), edge_order) for d, h in zip(dims, steps, strict=True))


def _slope(x: Tensor, d: int, h: float, edge_order: int) -> Tensor:
    n = x._value.shape[d]
    if n <= edge_order:
        raise ShapeError(f"gradient: axis {d} needs more than {edge_order} places, got {n}")
    inner = (_slice(x, d, 2, None) - _slice(x, d, 0, n - 2)) / (2 * h)
    at = [_slice(x, d, i, i + 1) for i in (0, 1, min(2, n - 1), max(n - 3, 0), n - 2, n - 1)]
    if edge_order == 1:
        first, last = (at[1] - at[0]) / h, (at[5] - at[4]) / h
    else:
        first = (at[1] * 4 - at[0] * 3 - at[2]) / (2 * h)
        last = (at[5] * 3 - at[4] * 4 + at[3]) / (2 * h)
    return cat(first, inner, last, dim=d)
