"""Sorting and order statistics, under PyTorch's names. Values are gathered, so gradients go where they stood."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap
from ..errors import ArgumentError, DtypeError, ShapeError
from . import elementwise as e
from . import ordering, reduce
from .base import convert, where
from .broadcast import reshape, sum_
from .dims import DimensionError, one_dim
from .index import gather
from .pointwise import lerp
from .reductions import ValuesAndIndices
from .shape import index, permute

__all__ = [
    "argsort", "bucketize", "kthvalue", "median", "mode", "msort", "nanmedian", "nanquantile", "quantile",
    "searchsorted", "sort", "topk",
]  # fmt: skip


def _order(input: Tensor, d: int, descending: bool) -> Tensor:
    result: Tensor = ordering.argsort(input.detach(), dim=d, descending=descending)
    return result


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> ValuesAndIndices:
    """The elements in order along ``dim``, and where they stood; equal ones keep their order, NaN is largest.

    >>> import thalweg as tw
    >>> tw.sort(tw.tensor([3.0, 1.0, 2.0])).values
    tensor([1., 2., 3.])
    """
    d = one_dim(dim, input._value.ndim, "sort")
    if not input._value.ndim:
        return ValuesAndIndices(input.clone(), wrap(np.zeros((), np.int64)))
    indices = _order(input, d, descending)
    return ValuesAndIndices(gather(input, indices, dim=d), indices)


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The positions that sort ``input`` along ``dim``."""
    return sort(input.detach(), dim, descending, stable).indices


def msort(input: Tensor) -> Tensor:
    """The elements in order along the first axis."""
    return sort(input, 0).values


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesAndIndices:
    """The ``k`` largest (or smallest) elements along ``dim`` in order, and where they stood."""
    d = one_dim(dim, input._value.ndim, "topk")
    n = input._value.shape[d] if input._value.ndim else 1
    if not 0 <= k <= n:
        raise ShapeError(f"topk: k = {k} is not between 0 and {n}, the size of dim {dim}")
    if not input._value.ndim:
        return ValuesAndIndices(input.clone(), wrap(np.zeros((), np.int64)))
    indices = ordering.topk(input.detach(), dim=d, k=k, largest=largest)
    return ValuesAndIndices(gather(input, indices, dim=d), indices)


def _picked(input: Tensor, d: int, indices: Tensor, keepdim: bool) -> ValuesAndIndices:
    """The elements at one position along ``d``, whose axis disappears unless it is kept."""
    values = gather(input, indices, dim=d)
    if keepdim:
        return ValuesAndIndices(values, indices)
    shape = tuple(n for i, n in enumerate(input._value.shape) if i != d)
    return ValuesAndIndices(reshape(values, shape=shape), reshape(indices, shape=shape))


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices:
    """The k-th smallest element along ``dim`` (k from 1), and where it stands."""
    d = one_dim(dim, input._value.ndim, "kthvalue")
    n = input._value.shape[d] if input._value.ndim else 1
    if not 1 <= k <= n:
        raise (ShapeError if n else DimensionError)(
            f"kthvalue: k = {k} is not between 1 and {n}, the size of dim {dim}"
        )
    if not input._value.ndim:
        return ValuesAndIndices(input.clone(), wrap(np.zeros((), np.int64)))
    place = (slice(None),) * d + (slice(k - 1, k),)
    return _picked(input, d, index(_order(input, d, False), index=place), keepdim)


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median: of all elements, or along ``dim`` as (values, indices). NaN if there is one."""
    return _median(input, dim, keepdim, ignore_nan=False)


def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median of what is not NaN: of all elements, or along ``dim`` as (values, indices)."""
    return _median(input, dim, keepdim, ignore_nan=True)


def _median(input: Tensor, dim: int | None, keepdim: bool, ignore_nan: bool) -> Any:
    if dim is None:
        flat = reshape(input, shape=(input._value.size,))
        if not flat._value.size:
            return sum_(flat, dims=(0,), keepdim=False) * math.nan
        return _median(flat, 0, False, ignore_nan).values
    d = one_dim(dim, input._value.ndim, "median")
    if not input._value.ndim:
        return ValuesAndIndices(input.clone(), wrap(np.zeros((), np.int64)))
    x, n = input.detach(), input._value.shape[d]
    if not n:
        raise DimensionError(f"median: dim {dim} of shape {tuple(input.shape)} is empty")
    missing = sum_(e.isnan(x), dims=(d,), keepdim=True)
    if ignore_nan:
        place = e.maximum(e.floor_divide(n - 1 - missing, 2), 0)
    else:
        place = where(e.gt(missing, 0), n - missing, (n - 1) // 2)  # the first NaN stands behind the numbers
    return _picked(input, d, gather(_order(input, d, False), place, dim=d), keepdim)


def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices:
    """The most frequent element along ``dim``, the smallest of several, and where it stands last."""
    d = one_dim(dim, input._value.ndim, "mode")
    if not input._value.ndim:
        return ValuesAndIndices(input.clone(), wrap(np.zeros((), np.int64)))
    ordered, indices = sort(input.detach(), d)
    last = input._value.ndim
    others = permute(reshape(ordered, shape=(*ordered.shape, 1)), dims=(*(i for i in range(last) if i != d), last, d))
    mine = permute(reshape(ordered, shape=(*ordered.shape, 1)), dims=(*(i for i in range(last) if i != d), d, last))
    counts = sum_(e.eq(mine, others), dims=(last,), keepdim=False)  # of each, along the last axis
    best = reduce.argmax(counts, dim=last - 1, keepdim=True)
    ends = best + gather(counts, best, dim=last - 1) - 1
    order = (*range(d), last - 1, *range(d, last - 1))
    return _picked(input, d, gather(indices, permute(ends, dims=order), dim=d), keepdim)


_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def quantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """The values below which the shares ``q`` (a number or a vector) of the elements lie; NaN if there is one.

    A vector ``q`` gives a new first axis.
    """
    return _quantile(input, q, dim, keepdim, interpolation, "quantile")


def nanquantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """``quantile`` of what is not NaN."""
    return _quantile(input, q, dim, keepdim, interpolation, "nanquantile")


def _quantile(input: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str, name: str) -> Tensor:
    if input._value.dtype not in (np.float32, np.float64):
        raise DtypeError(f"{name}: needs a float32 or float64 tensor, this one is {input.dtype}")
    if interpolation not in _INTERPOLATIONS:
        raise ArgumentError(f"{name}: interpolation must be {', '.join(_INTERPOLATIONS)}, not {interpolation!r}")
    if not input._value.size:
        raise ShapeError(f"{name}: the tensor of shape {tuple(input.shape)} is empty")
    shares = q._value if isinstance(q, Tensor) else np.asarray(q, input._value.dtype)
    if shares.ndim > 1 or shares.dtype != input._value.dtype:
        raise ArgumentError(f"{name}: q must be a number or a vector of {input.dtype}, got shape {shares.shape}")
    if isinstance(shares, np.ndarray) and not np.all((shares >= 0) & (shares <= 1)):
        raise ArgumentError(f"{name}: q must lie between 0 and 1, got {shares.tolist()}")
    ndim = input._value.ndim
    d = 0 if dim is None else one_dim(dim, ndim, name)
    x = reshape(input, shape=(input._value.size,)) if dim is None or not ndim else input
    rows = permute(x, dims=(*(i for i in range(x._value.ndim) if i != d), d))
    found = _at_shares(rows, reshape(wrap(shares), shape=(shares.size,)), interpolation, name == "nanquantile")
    result = permute(found, dims=(found._value.ndim - 1, *range(found._value.ndim - 1)))
    kept = (1,) * ndim if dim is None else tuple(1 if i == d else n for i, n in enumerate(input._value.shape))
    shape = kept if keepdim else tuple(result._value.shape[1:])
    return reshape(result, shape=shape if not shares.ndim else (shares.size, *shape))


def _at_shares(rows: Tensor, shares: Tensor, interpolation: str, ignore_nan: bool) -> Tensor:
    """rows : (..., n), shares : (k,)  ->  (..., k)."""
    n, last, dtype = rows._value.shape[-1], rows._value.ndim - 1, rows._value.dtype
    ordered = sort(rows, -1).values
    missing = sum_(e.isnan(rows.detach()), dims=(last,), keepdim=True)
    present = n - missing if ignore_nan else where(e.gt(missing, 0), n, n + 0 * missing)
    rank = shares * convert(e.maximum(present - 1, 0), dtype=dtype)
    if not ignore_nan:
        rank = where(e.gt(missing, 0), float(n - 1), rank)  # a NaN, which stands last
    if interpolation in ("lower", "higher", "nearest"):
        rounded = {"lower": e.floor, "higher": e.ceil, "nearest": e.round_}[interpolation](rank)
        return gather(ordered, convert(rounded, dtype=np.dtype(np.int64)), dim=last)
    below = e.floor(rank)
    weight = e.mul(e.ne(rank, below), 0.5) if interpolation == "midpoint" else rank - below
    low, high = (convert(r, dtype=np.dtype(np.int64)) for r in (below, e.ceil(rank)))
    a, b = gather(ordered, low, dim=last), gather(ordered, high, dim=last)
    return lerp(a, b, convert(weight, dtype=dtype))


def searchsorted(
    sorted_sequence: Tensor,
    values: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where ``values`` would be put into sorted rows: before equal elements, or behind them with ``right``.

    sorted_sequence : (..., n), values : (..., k), the leading axes being equal; or (n,) and any shape, or a number.

    >>> import thalweg as tw
    >>> tw.searchsorted(tw.tensor([1, 3, 5]), tw.tensor([3, 6]))
    tensor([1, 3])
    """
    if side is not None:
        if side not in ("left", "right") or (right and side == "left"):
            raise ArgumentError(f'searchsorted: side must be "left" or "right" and agree with right, not {side!r}')
        right = side == "right"
    rows = sorted_sequence if sorter is None else gather(sorted_sequence, sorter, dim=sorted_sequence._value.ndim - 1)
    wanted = values if isinstance(values, Tensor) else wrap(np.asarray(values))
    ordering.searchsorted.shape(rows._value, wanted._value, right)
    found = ordering.searchsorted(rows, wanted, right=right)
    return convert(found, dtype=np.dtype(np.int32)) if out_int32 else found


def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """The bucket of each element between sorted ``boundaries``: ``searchsorted`` with the arguments exchanged."""
    if boundaries._value.ndim != 1:
        raise ShapeError(f"bucketize: boundaries must be a vector, got shape {tuple(boundaries.shape)}")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)
