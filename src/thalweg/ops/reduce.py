"""Reductions over axes. ``dims`` is a tuple of non-negative axes; ``keepdim`` keeps them with size 1."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..core.dtypes import BOOL, INT64
from ..core.primitive import Primitive, raw_dtype, size_of
from .base import convert, safe_mul
from .broadcast import Reduction, is_narrow, reduced_shape, repeat_back, reshape, sum_
from .dims import DimensionError
from .logic import ne
from .shape import cat, flip, index, permute

__all__ = ["all_", "amax", "amin", "any_", "argmax", "argmin", "cumsum", "prod", "sum_"]

# Any: NumPy's annotations ask for a literal keepdims
_multiply_up: Any = np.multiply.reduce
_largest: Any = np.maximum.reduce
_smallest: Any = np.minimum.reduce
_one_of: Any = np.logical_or.reduce
_each_of: Any = np.logical_and.reduce


class Prod(Reduction):
    """The product over ``dims``; exact derivatives of every order, also where elements are 0."""

    saves = (0,)

    def forward(self, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        return _multiply_up(x, axis=dims, keepdims=keepdim, dtype=x.dtype if x.dtype.kind == "f" else INT64)

    def dtype(self, x: Any, **params: Any) -> Any:
        return x.dtype if x.dtype.kind == "f" else INT64

    def compose(self, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        return prod(convert(x, dtype=INT64), dims=dims, keepdim=keepdim) if is_narrow(x) else None

    def pullback_0(self, dy: Any, y: Any, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        return safe_mul(repeat_back(dy, x.shape, dims, keepdim), _product_of_others(x, dims))


def _product_of_others(x: Any, dims: tuple[int, ...]) -> Any:
    """For each element the product of all others along ``dims``, without dividing."""
    kept = tuple(i for i in range(x.ndim) if i not in dims)
    order = kept + tuple(sorted(dims))
    lead = tuple(x.shape[i] for i in kept)
    rows = reshape(permute(x, dims=order), shape=(*lead, int(np.prod([x.shape[i] for i in dims], dtype=int))))
    others = _product_before(rows) * flip(_product_before(flip(rows, dims=(len(lead),))), dims=(len(lead),))
    inverse = tuple(int(i) for i in np.argsort(order))
    return permute(reshape(others, shape=tuple(x.shape[i] for i in order)), dims=inverse)


def _product_before(rows: Any) -> Any:
    """The product of the elements before each one along the last axis, by log2(n) doublings."""
    n, last = rows.shape[-1], rows.ndim - 1
    result, step = _shift_in_ones(rows, 1, last), 1
    while step < n - 1:
        result = result * _shift_in_ones(result, step, last)
        step *= 2
    return result


def _shift_in_ones(rows: Any, step: int, axis: int) -> Any:
    if rows.shape[axis] <= step:
        return rows * 0 + 1
    head = np.ones((*rows.shape[:-1], step), raw_dtype(rows))
    return cat(head, index(rows, index=(Ellipsis, slice(0, rows.shape[axis] - step))), dim=axis)


class _Extremum(Reduction):
    """NaN if there is one; equal extreme elements share the cotangent evenly."""

    saves = (0,)
    saves_output = True

    def pushforward(self, tangents: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        return sum_(safe_mul(tangents[0], self._shares(y, inputs[0], **params)), **params)

    def pullback_0(self, dy: Any, y: Any, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        return safe_mul(repeat_back(dy, x.shape, dims, keepdim), self._shares(y, x, dims, keepdim))

    def _shares(self, y: Any, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        """What of the output each element is."""
        hit = convert(x == repeat_back(y, x.shape, dims, keepdim), dtype=raw_dtype(x))
        return hit / sum_(hit, dims=dims, keepdim=True)


class Amax(_Extremum):
    """The largest element over ``dims``."""

    def forward(self, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        _refuse_empty(x, dims, "amax")
        return _largest(x, axis=dims, keepdims=keepdim)


class Amin(_Extremum):
    """The smallest element over ``dims``."""

    def forward(self, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        _refuse_empty(x, dims, "amin")
        return _smallest(x, axis=dims, keepdims=keepdim)


def _refuse_empty(x: Any, dims: tuple[int, ...], name: str) -> None:
    for i in dims:
        if x.shape[i] == 0:
            raise DimensionError(f"{name}: can't reduce over axis {i} of shape {tuple(x.shape)}: it is empty")


class _Arg(Primitive):
    differentiable = False
    largest: ClassVar[bool]

    def shape(self, x: Any, dim: int, keepdim: bool) -> tuple[int, ...]:
        return reduced_shape(x.shape, (dim,), keepdim)

    def dtype(self, *inputs: Any, **params: Any) -> Any:
        return INT64

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return size_of(inputs[0])

    def batch(self, size: int, inputs: Any, batched: Any, dim: int, keepdim: bool) -> Any:
        return self(inputs[0], dim=dim + 1, keepdim=keepdim)

    def by_rows(self, x: Any, dim: int, keepdim: bool) -> Any:
        return ((True,), {"dim": dim - 1, "keepdim": keepdim}) if dim > 0 else None

    def lower(self, code: Any, x: Any, dim: int, keepdim: bool) -> None:
        """The first one that none before equals or exceeds; the first NaN comes before all others."""
        _refuse_empty(x, (dim,), self.name)
        f, emit = code.f, code.emit
        y = code.out.part(*(slice(None),) * dim, 0) if keepdim else code.out
        x = x.permuted(*(i for i in range(x.ndim) if i != dim), dim)
        with code.each(x.shape[:-1]) as rest:
            first = code.load(x.part(Ellipsis, 0), *rest)
            zero = emit.constant(0, INT64).value
            with f.loop(1, x.shape[-1], 1, [first.value, zero]) as loop:
                best, value = type(first)(loop.values[0], x.dtype), code.load(x, *rest, loop.index)
                better = emit.gt(value, best) if self.largest else emit.lt(value, best)
                if x.dtype.kind == "f":
                    better = emit.logical_or(better, emit.logical_and(emit.isnan(value), emit.eq(best, best)))
                position = emit.select(better, type(first)(loop.index, INT64), type(first)(loop.values[1], INT64))
                loop.next = [emit.select(better, value, best).value, position.value]
            code.store(type(first)(loop.results[1], INT64), y, *rest)


class Argmax(_Arg):
    """The position of the (first) largest element along ``dim``."""

    largest = True

    def forward(self, x: Any, dim: int, keepdim: bool) -> Any:
        _refuse_empty(x, (dim,), "argmax")
        return np.argmax(x, axis=dim, keepdims=keepdim)


class Argmin(_Arg):
    """The position of the (first) smallest element along ``dim``."""

    largest = False

    def forward(self, x: Any, dim: int, keepdim: bool) -> Any:
        _refuse_empty(x, (dim,), "argmin")
        return np.argmin(x, axis=dim, keepdims=keepdim)


class _Logical(Reduction):
    differentiable = False

    def dtype(self, *inputs: Any, **params: Any) -> Any:
        return BOOL

    def compose(self, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        return self(ne(x, 0), dims=dims, keepdim=keepdim) if x.dtype != BOOL else None


class AnyOf(_Logical):
    """True where one of the elements over ``dims`` is non-zero."""

    def forward(self, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        return _one_of(x, axis=dims, keepdims=keepdim)


class AllOf(_Logical):
    """True where all elements over ``dims`` are non-zero."""

    def forward(self, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        return _each_of(x, axis=dims, keepdims=keepdim)


class Cumsum(Primitive):
    """The running sum along ``dim``; its adjoint runs from the other end."""

    linear = True

    def forward(self, x: Any, dim: int) -> Any:
        return np.cumsum(x, axis=dim, dtype=x.dtype if x.dtype.kind == "f" else INT64)

    def shape(self, x: Any, dim: int) -> tuple[int, ...]:
        return tuple(x.shape)

    def dtype(self, x: Any, **params: Any) -> Any:
        return x.dtype if x.dtype.kind == "f" else INT64

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return size_of(y)

    def compose(self, x: Any, dim: int) -> Any:
        return cumsum(convert(x, dtype=INT64), dim=dim) if is_narrow(x) else None

    def batch(self, size: int, inputs: Any, batched: Any, dim: int) -> Any:
        return cumsum(inputs[0], dim=dim + 1)

    def pullback_0(self, dy: Any, y: Any, x: Any, dim: int) -> Any:
        return flip(cumsum(flip(dy, dims=(dim,)), dim=dim), dims=(dim,))

    def by_rows(self, x: Any, dim: int) -> Any:
        return ((True,), {"dim": dim - 1}) if dim > 0 else None

    def lower(self, code: Any, x: Any, dim: int) -> None:
        f, emit, out = code.f, code.emit, code.out
        order = (*(i for i in range(x.ndim) if i != dim), dim)
        x, y = x.permuted(*order), out.permuted(*order)
        with code.each(x.shape[:-1]) as rest, f.loop(0, x.shape[-1], 1, [emit.constant(-0.0, out.dtype).value]) as loop:
            value = emit.convert(code.load(x, *rest, loop.index), out.dtype)
            total = emit.add(type(value)(loop.values[0], out.dtype), value)
            code.store(total, y, *rest, loop.index)
            loop.next = [total.value]


prod, amax, amin = Prod(), Amax(), Amin()
argmax, argmin = Argmax(), Argmin()
any_, all_ = AnyOf(), AllOf()
cumsum = Cumsum()
