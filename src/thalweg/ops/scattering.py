"""Writing at positions, out of place, under PyTorch's names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap
from ..errors import ArgumentError, DtypeError, ShapeError
from . import elementwise as e
from . import index as indexed
from . import shape as s
from .base import convert, where
from .broadcast import expand, reshape
from .dims import one_dim
from .extremes import scatter_extreme, scatter_multiply
from .selecting import check_index, check_places, cropped, flat_places

__all__ = [
    "index_add", "index_copy", "index_fill", "index_put", "index_reduce", "put", "scatter", "scatter_add",
    "scatter_reduce", "select_scatter", "slice_scatter",
]  # fmt: skip


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """``input`` with src[i][j][k] added at [index[i][j][k]][j][k] for dim 0, and so for the others.

    ``src`` may be larger than ``index``: what has no index is not used.
    """
    d = check_places(input, dim, index, src, "scatter_add")
    if src._value.dtype != input._value.dtype:
        raise DtypeError(f"scatter_add: src is {src.dtype} but input is {input.dtype}; convert one of them")
    return indexed.scatter_add(input, index, cropped(src, index), dim=d)


def _same_dtype(src: Tensor, input: Tensor, name: str) -> None:
    if src._value.dtype != input._value.dtype:
        raise DtypeError(f"{name}: src is {src.dtype} but input is {input.dtype}; convert one of them")


def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:
    """``input`` with src[i][j][k] written at [index[i][j][k]][j][k] for dim 0, and so for the others.

    ``src`` (or ``value``) may be a number. ``reduce`` "add" or "multiply" puts the new together with what is there.
    Where an index occurs twice, which element stays is undefined.
    """
    given = value if src is None else src
    own = input._value.dtype
    source = given if isinstance(given, Tensor) else wrap(np.full(index._value.shape, given, own))
    if isinstance(given, Tensor) and not given._value.ndim and index._value.ndim:
        source = expand(convert(given, dtype=own), shape=index._value.shape)
    d = check_places(input, dim, index, source, "scatter")
    _same_dtype(source, input, "scatter")
    source = cropped(source, index)
    if reduce == "add":
        return indexed.scatter_add(input, index, source, dim=d)
    if reduce == "multiply":
        return scatter_multiply(input, index, source, dim=d)
    if reduce is not None:
        raise ArgumentError(f'scatter: reduce must be "add" or "multiply", not {reduce!r}')
    return _written(input, d, index, source)


def _written(input: Any, d: int, index: Any, source: Any) -> Any:
    if not input.ndim:
        return reshape(_written(reshape(input, shape=(1,)), 0, _as_vector(index), _as_vector(source)), shape=())
    grids = np.ogrid[tuple(slice(0, n) for n in index.shape)]
    places = tuple(index if i == d else g for i, g in enumerate(grids))
    return indexed.index_put(input, source, *places, pattern=("array",) * input.ndim, accumulate=False)


def _as_vector(x: Any) -> Any:
    return reshape(x, shape=(1,)) if hasattr(x, "ndim") and not x.ndim else x


_REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """``input`` with the src elements of a place and what is there as "sum", "prod", "mean", "amax" or "amin".

    Without ``include_self`` what is there counts only where no index leads. Equal extremes share the gradient.
    """
    if reduce not in _REDUCTIONS:
        raise ArgumentError(f"scatter_reduce: reduce must be one of {', '.join(_REDUCTIONS)}, not {reduce!r}")
    d = check_places(input, dim, index, src, "scatter_reduce")
    _same_dtype(src, input, "scatter_reduce")
    src = cropped(src, index)
    base = input
    if not include_self:
        neutral = {"sum": 0, "mean": 0, "prod": 1}.get(reduce)
        if neutral is None:
            neutral = _least(input._value.dtype) if reduce == "amax" else _greatest(input._value.dtype)
        base = _written(input, d, index, neutral)
    if reduce in ("sum", "mean"):
        total = indexed.scatter_add(base, index, src, dim=d)
        return total if reduce == "sum" else _averaged(total, index, d, include_self)
    if reduce == "prod":
        return scatter_multiply(base, index, src, dim=d)
    return scatter_extreme(base, index, src, dim=d, largest=reduce == "amax")


def _least(dtype: Any) -> Any:
    return -math.inf if dtype.kind == "f" else dtype.kind != "b" and np.iinfo(dtype).min


def _greatest(dtype: Any) -> Any:
    return math.inf if dtype.kind == "f" else dtype.kind == "b" or np.iinfo(dtype).max


def _averaged(total: Tensor, index: Tensor, d: int, include_self: bool) -> Tensor:
    own = total._value.dtype
    ones = wrap(np.ones(index._value.shape, own))
    start = wrap(np.full(total._value.shape, 1 if include_self else 0, own))
    counts = e.maximum(indexed.scatter_add(start, index, ones, dim=d), 1)
    return e.div(total, counts) if own.kind == "f" else e.floor_divide(total, counts)


def _slices(input: Tensor, dim: int, index: Tensor, name: str) -> tuple[Tensor, int, tuple[Any, ...]]:
    """(the tensor with at least one axis, the axis, the pattern of an index vector along it)."""
    x = input if input._value.ndim else reshape(input, shape=(1,))
    d = one_dim(dim, x._value.ndim, name)
    if index._value.ndim > 1:
        raise ShapeError(f"{name}: the index must be a vector, got shape {tuple(index.shape)}")
    check_index(index, x._value.shape[d], name)
    return x, d, (slice(None),) * d + ("array",)


def _put_slices(input: Tensor, dim: int, index: Tensor, source: Any, accumulate: bool, name: str) -> Tensor:
    x, d, pattern = _slices(input, dim, index, name)
    places = _as_vector(index)
    if isinstance(source, Tensor):
        _same_dtype(source, input, name)
        wanted = (*x._value.shape[:d], places._value.size, *x._value.shape[d + 1 :])
        source = _as_vector(source)
        if source._value.shape != wanted:
            raise ShapeError(f"{name}: source has shape {tuple(source.shape)} and should have {wanted}")
    y: Tensor = indexed.index_put(x, source, places, pattern=pattern, accumulate=accumulate)
    return y if input._value.ndim else reshape(y, shape=())


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """``input`` with the slices of ``source`` (times ``alpha``) added at the positions ``index`` along ``dim``."""
    return _put_slices(input, dim, index, source if alpha == 1 else source * _factor(source, alpha), True, "index_add")


def _factor(x: Tensor, alpha: Any) -> Any:
    """A number beside integers is cut to an integer."""
    return alpha if x._value.dtype.kind == "f" else bool(alpha) if x._value.dtype.kind == "b" else int(alpha)


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """``input`` with the slices of ``source`` written at the positions ``index`` along ``dim``."""
    return _put_slices(input, dim, index, source, False, "index_copy")


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """``input`` with a number written at the positions ``index`` along ``dim``."""
    x, _, pattern = _slices(input, dim, index, "index_fill")
    if isinstance(value, Tensor):
        if value._value.ndim:
            raise ShapeError(f"index_fill: a value that is a tensor must be 0-d, got shape {tuple(value.shape)}")
        value = convert(value, dtype=input._value.dtype)
    nowhere = wrap(np.zeros(x._value.shape, bool))
    chosen = indexed.index_put(nowhere, True, _as_vector(index), pattern=pattern, accumulate=False)
    y: Tensor = where(chosen, value, x)
    y = y if y._value.dtype == input._value.dtype else convert(y, dtype=input._value.dtype)
    return y if input._value.ndim else reshape(y, shape=())


def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """``scatter_reduce`` of whole slices at the positions ``index`` along ``dim``."""
    d = one_dim(dim, input._value.ndim, "index_reduce")
    shape = (1,) * d + (index._value.size,) + (1,) * (input._value.ndim - d - 1)
    places = expand(reshape(index, shape=shape), shape=source._value.shape)
    return scatter_reduce(input, dim, places, source, reduce, include_self=include_self)


def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """``input`` with ``values`` written (or added) at ``input[indices]``, a tuple of index tensors, masks or None."""
    arrays: list[Any] = []
    pattern: list[Any] = []
    for item in indices:
        found = [None] if item is None else np.nonzero(item._value) if item._value.dtype.kind == "b" else [item]
        arrays.extend(a for a in found if a is not None)
        pattern.extend(slice(None) if a is None else "array" for a in found)
    _same_dtype(values, input, "index_put")
    y: Tensor = indexed.index_put(input, values, *arrays, pattern=tuple(pattern), accumulate=accumulate)
    return y


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """``input`` with the elements of ``source`` written (or added) at positions in the flattened tensor."""
    _same_dtype(source, input, "put")
    if index._value.size != source._value.size:
        raise ShapeError(f"put: {index._value.size} positions for {source._value.size} elements of source")
    flat, values = (reshape(x, shape=(x._value.size,)) for x in (input, source))
    places = reshape(flat_places(input, index), shape=(index._value.size,))
    y = indexed.index_put(flat, values, places, pattern=("array",), accumulate=accumulate)
    return reshape(y, shape=input._value.shape)


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """``input`` with ``src`` at one position along ``dim``."""
    d = one_dim(dim, input._value.ndim, "select_scatter")
    return _with_view(input, src, (slice(None),) * d + (int(index),), "select_scatter")


def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """``input`` with ``src`` at the positions start, start + step, … below end along ``dim``."""
    d = one_dim(dim, input._value.ndim, "slice_scatter")
    return _with_view(input, src, (slice(None),) * d + (slice(start, end, step),), "slice_scatter")


def _with_view(input: Tensor, src: Tensor, place: tuple[Any, ...], name: str) -> Tensor:
    wanted = s.index.shape(input._value, place)
    if src._value.shape != wanted:
        raise ShapeError(f"{name}: src has shape {tuple(src.shape)} and should have {wanted}")
    source = src if src._value.dtype == input._value.dtype else convert(src, dtype=input._value.dtype)
    return s.view_scatter(input, source, steps=((s.index, {"index": place}),))
