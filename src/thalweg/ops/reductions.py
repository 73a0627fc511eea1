"""Reductions under PyTorch's names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.dtypes import as_numpy_dtype, default_float, dtype
from ..core.tensor import Tensor, wrap
from ..errors import ArgumentError, DtypeError, ShapeError
from . import elementwise as e
from . import reduce, rows
from .base import convert, where
from .broadcast import count, reshape, sum_
from .broadcast import mean as mean_
from .dims import DimensionError, all_dims, one_dim
from .index import gather

__all__ = [
    "ValuesAndIndices", "all", "amax", "amin", "aminmax", "any", "argmax", "argmin", "count_nonzero", "dist",
    "log_softmax", "logsumexp", "max", "mean", "min", "nanmean", "nansum", "norm", "prod", "renorm", "softmax", "std",
    "std_mean", "sum", "var", "var_mean",
]  # fmt: skip

Dim = int | Sequence[int] | None


def sum(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The sum over ``dim`` (all axes by default); integers and booleans add up as int64.

    >>> import thalweg as tw
    >>> tw.sum(tw.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=0)
    tensor([4., 6.])
    """
    x = input if dtype is None else convert(input, dtype=as_numpy_dtype(dtype))
    return sum_(x, dims=all_dims(dim, x._value.ndim, "sum"), keepdim=keepdim)


def mean(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The average over ``dim`` (all axes by default); NaN where there is nothing to average."""
    x = input if dtype is None else convert(input, dtype=as_numpy_dtype(dtype))
    if x._value.dtype.kind != "f":
        raise DtypeError(f"mean: needs a floating-point tensor, this one is {x.dtype}; convert it with .float() first")
    dims = all_dims(dim, x._value.ndim, "mean")
    return mean_(x, dims=dims, keepdim=keepdim)


def _spread_arguments(dim: Any, unbiased: Any, correction: Any, name: str) -> tuple[Any, float]:
    """(dim, correction); a bool in the place of ``dim`` is PyTorch's older form ``var(input, unbiased)``."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise ArgumentError(f"{name}: give correction or unbiased, not both")
    if correction is None:
        correction = 0 if unbiased is False else 1
    return dim, correction


def var(
    input: Tensor,
    dim: Dim = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The variance over ``dim``: squared deviations, divided by their number less ``correction`` (1 by default)."""
    dim, correction = _spread_arguments(dim, unbiased, correction, "var")
    if input._value.dtype.kind != "f":
        raise DtypeError(f"var: needs a floating-point tensor, this one is {input.dtype}; convert it with .float()")
    dims = all_dims(dim, input._value.ndim, "var")
    centred = input - mean(input, dims, keepdim=True) if dims else input * 0
    divisor = count(input._value.shape, dims) - correction
    total = sum_(centred * centred, dims=dims, keepdim=keepdim)
    return e.div(total, float(divisor)) if divisor > 0 else total * math.nan


def std(
    input: Tensor,
    dim: Dim = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The square root of the variance; its gradient is 0 where the variance is 0, as in PyTorch."""
    return _root(var(input, dim, unbiased, keepdim, correction=correction))


def _root(variance: Tensor) -> Tensor:
    flat = e.eq(variance, 0)
    return where(flat, 0.0, e.sqrt(where(flat, 1.0, variance)))


def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The product over one axis, or over all."""
    x = input if dtype is None else convert(input, dtype=as_numpy_dtype(dtype))
    return reduce.prod(x, dims=all_dims(dim, x._value.ndim, "prod"), keepdim=keepdim)


def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The largest element over ``dim``; equal ones share the gradient evenly."""
    return reduce.amax(input, dims=all_dims(dim, input._value.ndim, "amax"), keepdim=keepdim)


def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The smallest element over ``dim``; equal ones share the gradient evenly."""
    return reduce.amin(input, dims=all_dims(dim, input._value.ndim, "amin"), keepdim=keepdim)


class ValuesAndIndices(NamedTuple):
    """What ``max`` and ``min`` over an axis return."""

    values: Tensor
    indices: Tensor


def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element; with ``dim`` a pair (values, indices); with a tensor the elementwise maximum."""
    return _extremum(input, dim, keepdim, e.maximum, amax, reduce.argmax)


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element; with ``dim`` a pair (values, indices); with a tensor the elementwise minimum."""
    return _extremum(input, dim, keepdim, e.minimum, amin, reduce.argmin)


def _extremum(input: Tensor, dim: Any, keepdim: bool, binary: Any, full: Any, position: Any) -> Any:
    if isinstance(dim, Tensor):
        return binary(input, dim)
    if dim is None:
        return full(input)
    if input._value.ndim == 0:
        return ValuesAndIndices(input.clone(), wrap(np.zeros((), np.int64)))
    d = one_dim(dim, input._value.ndim, "max")
    indices = position(input, dim=d, keepdim=True)
    values = gather(input, indices, dim=d)
    if keepdim:
        return ValuesAndIndices(values, indices)
    shape = tuple(n for i, n in enumerate(input._value.shape) if i != d)
    return ValuesAndIndices(reshape(values, shape=shape), reshape(indices, shape=shape))


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The position of the largest element: in the flattened tensor, or along ``dim``."""
    return _arg(input, dim, keepdim, reduce.argmax)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The position of the smallest element: in the flattened tensor, or along ``dim``."""
    return _arg(input, dim, keepdim, reduce.argmin)


def _arg(input: Tensor, dim: int | None, keepdim: bool, position: Any) -> Tensor:
    x = input.detach()
    if dim is None or x._value.ndim == 0:
        flat: Tensor = position(reshape(x, shape=(x._value.size,)), dim=0, keepdim=False)
        return reshape(flat, shape=(1,) * x._value.ndim) if keepdim else flat
    return position(x, dim=one_dim(dim, x._value.ndim, "argmax"), keepdim=keepdim)


def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """True where one of the elements over ``dim`` is non-zero."""
    return reduce.any_(input, dims=all_dims(dim, input._value.ndim, "any"), keepdim=keepdim)


def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """True where all elements over ``dim`` are non-zero."""
    return reduce.all_(input, dims=all_dims(dim, input._value.ndim, "all"), keepdim=keepdim)


def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(x))) over ``dim``, without overflow; -inf where there is nothing to add.

    Its derivative is softmax(x). Where all elements are -inf the result is -inf with gradient 0; where one is
    +inf the result is +inf with gradient 0 (PyTorch: NaN for that element).
    """
    x = input if input._value.dtype.kind == "f" else convert(input, dtype=default_float())
    dims = all_dims(dim, x._value.ndim, "logsumexp")
    if 0 in (x._value.shape[i] for i in dims):
        return e.log(sum_(e.exp(x), dims=dims, keepdim=keepdim))
    top = reduce.amax(x.detach(), dims=dims, keepdim=True)
    top = where(e.isinf(top), 0.0, top)  # -inf - -inf would be NaN
    total: Tensor = sum_(e.exp(x - top), dims=dims, keepdim=keepdim)
    nothing = e.eq(total, 0)  # all are -inf: the logarithm of 1 stands in for that of 0
    log = where(nothing, -math.inf, e.log(where(nothing, 1.0, total)))
    return log + (top if keepdim else reshape(top, shape=total._value.shape))


def softmax(input: Tensor, dim: int | None = None, dtype: dtype | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along ``dim``."""
    return _row_wise(rows.softmax, input, dim, dtype, "softmax")


def log_softmax(input: Tensor, dim: int | None = None, dtype: dtype | None = None) -> Tensor:
    """log(softmax(x)) along ``dim``, without overflow."""
    return _row_wise(rows.log_softmax, input, dim, dtype, "log_softmax")


def _row_wise(primitive: Any, input: Tensor, dim: int | None, dtype: dtype | None, name: str) -> Tensor:
    x = input if dtype is None else convert(input, dtype=as_numpy_dtype(dtype))
    if x._value.dtype.kind != "f":
        raise DtypeError(
            f"{name}: needs a floating-point tensor, this one is {x.dtype}; convert it with .float() first"
        )
    ndim = x._value.ndim
    if dim is None:
        dim = 0 if ndim in (0, 1, 3) else 1  # PyTorch's implicit choice
    if ndim == 0:
        one_dim(dim, ndim, name)
        one = primitive(reshape(x, shape=(1,)), dim=0)
        return reshape(one, shape=())
    return primitive(x, dim=one_dim(dim, ndim, name))


def norm(
    input: Tensor, p: Any = "fro", dim: Dim = None, keepdim: bool = False, *, dtype: dtype | None = None
) -> Tensor:
    """The vector p-norm over ``dim``: (sum |x|**p) ** (1/p); p = inf is the largest |x|, p = 0 counts non-zeros.

    Where all elements are 0 the gradient of the 2-norm is 0 (a subgradient), to every order; so it is where the norm
    is infinite.
    """
    if p is None or p == "fro":
        p = 2
    if p == "nuc":
        from .matrix_norms import nuclear_norm

        return nuclear_norm(input if dtype is None else convert(input, dtype=as_numpy_dtype(dtype)), dim, keepdim)
    input = input if dtype is None else convert(input, dtype=as_numpy_dtype(dtype))
    x = floating(input, "norm")
    dims = all_dims(dim, x._value.ndim, "norm")
    if p < 0 and 0 in (x._value.shape[i] for i in dims):
        raise DimensionError(f"norm: there is no {p}-norm of nothing, the shape is {tuple(x.shape)}")
    if p in (math.inf, -math.inf):
        pick = reduce.amax if p > 0 else reduce.amin
        return pick(e.abs_(x), dims=dims, keepdim=keepdim)
    if p == 0:
        return sum_(where(e.isnan(x), 1.0, e.abs_(e.sign(x))), dims=dims, keepdim=keepdim)
    if p == 1:
        return sum_(e.abs_(x), dims=dims, keepdim=keepdim)
    power = e.mul(x, x) if p == 2 else e.pow_(_magnitude(x, p), p)
    total = sum_(power, dims=dims, keepdim=keepdim)
    zero = e.eq(total, 0)
    root = e.pow_(where(zero, 1.0, total), 1.0 / p)  # the root of 1 stands in where that of 0 has no derivative
    return where(zero, 0.0, root)


def _magnitude(x: Tensor, p: float) -> Tensor:
    """|x|; for roots, which are infinitely steep at 0, with derivative 0 there."""
    if not 0 < p < 1:
        return e.abs_(x)
    zero = e.eq(x, 0)
    return where(zero, 0.0, e.abs_(where(zero, 1.0, x)))


class Extremes(NamedTuple):
    """What ``aminmax`` returns."""

    min: Tensor
    max: Tensor


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Extremes:
    """The smallest and the largest element over ``dim``."""
    dims = () if dim is None else dim
    return Extremes(amin(input, dims, keepdim), amax(input, dims, keepdim))


def std_mean(input: Tensor, dim: Dim = None, unbiased: bool | None = None, keepdim: bool = False, **kwargs: Any) -> Any:
    """The standard deviation (see ``std``) and the mean."""
    variance, average = var_mean(input, dim, unbiased, keepdim, **kwargs)
    return _root(variance), average


def var_mean(
    input: Tensor,
    dim: Dim = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The variance (see ``var``) and the mean."""
    variance = var(input, dim, unbiased, keepdim, correction=correction)
    return variance, mean(input, None if isinstance(dim, bool) else dim, keepdim)


def nansum(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The sum of what is not NaN."""
    return sum(_without_nan(input), dim, keepdim, dtype=dtype)


def _without_nan(x: Tensor) -> Tensor:
    return where(e.isnan(x), 0.0, x) if x._value.dtype.kind == "f" else x


def nanmean(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The average of what is not NaN."""
    total = nansum(input, dim, keepdim, dtype=dtype)
    if total._value.dtype.kind != "f":
        raise DtypeError(f"nanmean: needs a floating-point tensor, this one is {input.dtype}; convert it with .float()")
    present = convert(e.logical_not(e.isnan(input)), dtype=total._value.dtype)
    return total / sum(present, dim, keepdim)


def floating(x: Tensor, name: str) -> Tensor:
    """The tensor itself, or an error if it holds no floating-point numbers."""
    if x._value.dtype.kind != "f":
        raise DtypeError(f"{name}: needs a floating-point tensor, this one is {x.dtype}; convert it with .float()")
    return x


def count_nonzero(input: Tensor, dim: Dim = None) -> Tensor:
    """How many elements over ``dim`` are not 0."""
    return sum(e.ne(input.detach(), 0), dim)


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of the difference."""
    return norm(floating(input - other, "dist"), p)


def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Each part along ``dim`` scaled down to the p-norm ``maxnorm`` if its norm is larger."""
    if input._value.ndim < 2:
        raise ShapeError(f"renorm: needs at least 2 dimensions, got shape {tuple(input.shape)}")
    d = one_dim(dim, input._value.ndim, "renorm")
    size = norm(input, p, [i for i in range(input._value.ndim) if i != d], keepdim=True)
    return input * where(e.gt(size, maxnorm), maxnorm / (size + 1e-7), 1.0)
