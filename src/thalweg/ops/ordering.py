"""Orders, running extremes and positions in sorted rows: integers without a derivative, and the running product."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..core.dtypes import INT64
from ..core.primitive import Primitive, raw_dtype, size_of
from ..errors import ShapeError
from .base import convert, safe_mul
from .broadcast import expand, is_narrow, reshape
from .shape import cat, flip, index

__all__ = ["argsort", "cumargmax", "cumargmin", "cumprod", "searchsorted", "topk"]


class _Along(Primitive):
    """A result of the input's shape, along one axis."""

    def shape(self, x: Any, dim: int, **params: Any) -> tuple[int, ...]:
        return tuple(x.shape)

    def batch(self, size: int, inputs: Any, batched: Any, dim: int, **params: Any) -> Any:
        return self(*inputs, dim=dim + 1, **params)


class _Positions(_Along):
    differentiable = False

    def dtype(self, *inputs: Any, **params: Any) -> Any:
        return INT64


class Argsort(_Positions):
    """The positions along ``dim`` in ascending (or descending) order of the elements, equal ones as they come.

    NaN counts as larger than every number.
    """

    def forward(self, x: Any, dim: int, descending: bool) -> Any:
        if not descending:
            return np.argsort(x, axis=dim, kind="stable")
        n = x.shape[dim]
        mirrored = np.argsort(np.flip(x, dim), axis=dim, kind="stable")  # so that equal ones come out as they stand
        return np.flip(n - 1 - mirrored, dim).copy()


class Topk(_Positions):
    """The positions of the ``k`` largest (or smallest) elements along ``dim``, in order; NaN counts as largest."""

    def forward(self, x: Any, dim: int, k: int, largest: bool) -> Any:
        rows, n = np.moveaxis(x, dim, -1), x.shape[dim]
        if 0 < k < n:
            at = n - k if largest else k - 1
            chosen = np.argpartition(rows, at, axis=-1)
            chosen = np.sort(chosen[..., n - k :] if largest else chosen[..., :k], axis=-1)
        else:
            chosen = np.broadcast_to(np.arange(k), (*rows.shape[:-1], k))
        order = argsort.forward(np.take_along_axis(rows, chosen, -1), x.ndim - 1, largest)
        return np.moveaxis(np.take_along_axis(chosen, order, -1), -1, dim).astype(INT64)

    def shape(self, x: Any, dim: int, k: int, largest: bool) -> tuple[int, ...]:  # type: ignore[override]
        return (*x.shape[:dim], k, *x.shape[dim + 1 :])


class _RunningExtreme(_Positions):
    """The position of the running extreme along ``dim``: the last of equal ones; NaN, once met, stays."""

    better: ClassVar[Any]

    def forward(self, x: Any, dim: int) -> Any:
        rows = np.moveaxis(x, dim, -1)
        best = type(self).better.accumulate(rows, axis=-1) if rows.size else rows
        hits = rows == best
        if x.dtype.kind == "f":
            hits |= np.isnan(rows)
        places = np.where(hits, np.arange(rows.shape[-1]), 0)
        found = np.maximum.accumulate(places, axis=-1) if rows.size else places
        return np.moveaxis(found, -1, dim).astype(INT64)

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return size_of(y)

    def lower(self, code: Any, x: Any, dim: int) -> None:
        f, emit = code.f, code.emit
        order = (*(i for i in range(x.ndim) if i != dim), dim)
        x, y = x.permuted(*order), code.out.permuted(*order)
        if not x.shape[-1]:
            return
        with code.each(x.shape[:-1]) as rest:
            first = code.load(x.part(Ellipsis, 0), *rest)
            zero = emit.constant(0, INT64).value
            with f.loop(0, x.shape[-1], 1, [first.value, zero]) as loop:
                best, value = type(first)(loop.values[0], x.dtype), code.load(x, *rest, loop.index)
                hit = emit.ge(value, best) if self.better is np.maximum else emit.le(value, best)
                if x.dtype.kind == "f":
                    hit = emit.logical_or(hit, emit.isnan(value))
                place = emit.select(hit, type(first)(loop.index, INT64), type(first)(loop.values[1], INT64))
                code.store(place, y, *rest, loop.index)
                loop.next = [emit.select(hit, value, best).value, place.value]


class Cumargmax(_RunningExtreme):
    """Where the largest element up to each place along ``dim`` stands."""

    better = np.maximum


class Cumargmin(_RunningExtreme):
    """Where the smallest element up to each place along ``dim`` stands."""

    better = np.minimum


class Searchsorted(Primitive):
    """The place of each value in a sorted row: how many elements are smaller, or, with ``right``, not larger.

    rows : (..., n), values : (..., k)  ->  (..., k) int64, the leading axes being equal; or rows : (n,), values : any
    """

    arity = 2
    differentiable = False

    def forward(self, rows: Any, values: Any, right: bool) -> Any:
        side: Any = "right" if right else "left"
        if rows.ndim == 1:
            return np.asarray(np.searchsorted(rows, values, side), INT64)
        flat = zip(rows.reshape(-1, rows.shape[-1]), values.reshape(-1, values.shape[-1]), strict=True)
        found = [np.searchsorted(row, v, side) for row, v in flat]
        return np.asarray(found, INT64).reshape(values.shape)

    def shape(self, rows: Any, values: Any, right: bool) -> tuple[int, ...]:
        if len(rows.shape) != 1 and tuple(rows.shape[:-1]) != tuple(values.shape[:-1]):
            raise ShapeError(
                f"searchsorted: sorted rows of shape {tuple(rows.shape)} and values of shape {tuple(values.shape)} "
                "must agree in all axes but the last, unless there is one row"
            )
        return tuple(values.shape)

    def dtype(self, *inputs: Any, **params: Any) -> Any:
        return INT64

    def batch(self, size: int, inputs: Any, batched: Any, right: bool) -> Any:
        rows, values = inputs
        if not batched[0]:
            rows = expand(rows, shape=(size, *rows.shape)) if rows.ndim > 1 else rows
            return searchsorted(rows, values, right=right)
        values = values if batched[1] else expand(values, shape=(size, *values.shape))
        if rows.ndim != 2:
            return searchsorted(rows, values, right=right)
        flat = reshape(values, shape=(size, int(np.prod(values.shape[1:], dtype=int))))
        return reshape(searchsorted(rows, flat, right=right), shape=values.shape)


class Cumprod(_Along):
    """The running product along ``dim``; exact derivatives of every order, also where elements are 0.

    dx_i = p_(i-1) r_i with p the running product and r_i = dy_i + x_(i+1) r_(i+1).
    """

    saves = (0,)

    def forward(self, x: Any, dim: int) -> Any:
        return np.cumprod(x, axis=dim, dtype=self.dtype(x))

    def dtype(self, x: Any, **params: Any) -> Any:
        return x.dtype if x.dtype.kind == "f" else INT64

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return size_of(y)

    def compose(self, x: Any, dim: int) -> Any:
        return cumprod(convert(x, dtype=INT64), dim=dim) if is_narrow(x) else None

    def pullback_0(self, dy: Any, y: Any, x: Any, dim: int) -> Any:
        before = _shifted(cumprod(x, dim=dim), 1, dim, 1.0)
        return safe_mul(_from_behind(dy, x, dim), before)

    def lower(self, code: Any, x: Any, dim: int) -> None:
        f, emit, out = code.f, code.emit, code.out
        order = (*(i for i in range(x.ndim) if i != dim), dim)
        x, y = x.permuted(*order), out.permuted(*order)
        with code.each(x.shape[:-1]) as rest, f.loop(0, x.shape[-1], 1, [emit.constant(1, out.dtype).value]) as loop:
            value = emit.convert(code.load(x, *rest, loop.index), out.dtype)
            total = emit.mul(type(value)(loop.values[0], out.dtype), value)
            code.store(total, y, *rest, loop.index)
            loop.next = [total.value]


def _shifted(x: Any, step: int, dim: int, fill: float) -> Any:
    """``x`` moved ``step`` places on along ``dim``, with ``fill`` in the places that are left."""
    n = x.shape[dim]
    step = min(step, n)
    head = np.full((*x.shape[:dim], step, *x.shape[dim + 1 :]), fill, raw_dtype(x))
    return cat(head, index(x, index=(slice(None),) * dim + (slice(0, n - step),)), dim=dim)


def _from_behind(dy: Any, x: Any, dim: int) -> Any:
    """r_i = dy_i + x_(i+1) r_(i+1), in log2(n) steps that compose the maps r -> b + a r of twice as many places."""
    b = flip(dy, dims=(dim,))
    a = _shifted(flip(x, dims=(dim,)), 1, dim, 0.0)
    step = 1
    while step < x.shape[dim]:
        b = b + safe_mul(_shifted(b, step, dim, 0.0), a)
        a = a * _shifted(a, step, dim, 0.0)
        step *= 2
    return flip(b, dims=(dim,))


argsort, topk, searchsorted, cumprod = Argsort(), Topk(), Searchsorted(), Cumprod()
cumargmax, cumargmin = Cumargmax(), Cumargmin()
