"""Counts of elements and statistics of samples, under PyTorch's names.

The shapes of some results depend on values, so these can't be recorded by ``compile``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.dtypes import INT64, default_float
from ..core.modes import state
from ..core.tensor import Tensor, wrap
from ..errors import ArgumentError, DtypeError, ShapeError
from . import elementwise as e
from .base import convert
from .broadcast import reshape, sum_
from .dims import one_dim
from .index import take_adjoint
from .products import matmul
from .reductions import floating, mean
from .shape import permute

__all__ = ["bincount", "corrcoef", "cov", "histc", "histogram", "unique", "unique_consecutive"]


def concrete(x: Tensor, name: str) -> Any:
    """The array of a tensor, for what depends on values."""
    if isinstance(x._value, np.ndarray):
        return x._value
    message = f"{name}: the shape of the result depends on values, which are not known here"
    if state.tracer is not None:
        raise state.tracer.refuse(f"{message}; call it outside of the compiled function")
    raise ArgumentError(f"{message}: inside vmap each sample would have a shape of its own")


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements in order; or the different slices along ``dim``.

    Returns the elements, then, if asked for, for each element of the input its place among them, and how often each
    occurs.

    >>> import thalweg as tw
    >>> tw.unique(tw.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    value = concrete(input, "unique")
    if dim is not None:
        dim = one_dim(dim, value.ndim, "unique")
    found, inverse, counts = np.unique(value, return_inverse=True, return_counts=True, axis=dim, equal_nan=False)
    inverse = inverse.reshape(-1 if dim is not None else value.shape)
    return _with_extras(found, inverse, counts, return_inverse, return_counts)


def _with_extras(found: Any, inverse: Any, counts: Any, return_inverse: bool, return_counts: bool) -> Any:
    parts = [wrap(found)]
    if return_inverse:
        parts.append(wrap(inverse.astype(INT64)))
    if return_counts:
        parts.append(wrap(counts.astype(INT64)))
    return parts[0] if len(parts) == 1 else tuple(parts)


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The first of each run of equal elements, or of equal slices along ``dim``; see ``unique``."""
    value = concrete(input, "unique_consecutive")
    d = 0 if dim is None else one_dim(dim, value.ndim, "unique_consecutive")
    rows = value.reshape(-1) if dim is None else np.moveaxis(value, d, 0)
    changes = (rows[1:] != rows[:-1]).reshape(max(len(rows) - 1, 0), -1).any(1)
    first = np.concatenate([np.ones(min(len(rows), 1), bool), changes])
    starts = np.flatnonzero(first)
    inverse = np.cumsum(first) - 1
    counts = np.diff(np.append(starts, len(rows)))
    found = rows[starts] if dim is None else np.moveaxis(rows[starts], 0, d)
    return _with_extras(
        found, inverse.reshape(value.shape) if dim is None else inverse, counts, return_inverse, return_counts
    )


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2, … occurs in a vector of non-negative integers, or the sum of the weights there."""
    value = concrete(input, "bincount")
    if value.ndim != 1 or value.dtype.kind not in "iu":
        raise ShapeError(f"bincount: needs a vector of integers, got {input.dtype} of shape {tuple(input.shape)}")
    if value.size and value.min() < 0:
        raise ShapeError(f"bincount: needs non-negative integers, found {value.min()}")
    if weights is None:
        return wrap(np.bincount(value, minlength=minlength).astype(INT64))
    if weights._value.shape != value.shape:
        raise ShapeError(f"bincount: weights {tuple(weights.shape)} must have the input's shape {tuple(input.shape)}")
    n = max(int(value.max(initial=-1)) + 1, minlength)
    w = weights.detach()
    w = w if w._value.dtype == np.float32 else convert(w, dtype=np.dtype(np.float64))
    total: Tensor = take_adjoint(w, input, pattern=("array",), shape=(n,))
    return total


def _limits(value: Any, low: Any, high: Any, name: str, margin: float = 1) -> tuple[float, float]:
    """The range to count in: the values' own where both limits are equal; one value gets a margin to each side."""
    if low > high:
        raise ArgumentError(f"{name}: min {low} is larger than max {high}")
    if low == high and value.size:
        low, high = float(value.min()), float(value.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ArgumentError(f"{name}: the range [{low}, {high}] is not finite; give min and max")
    return (low, high) if low < high else (low - margin, high + margin)


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements lie in each of ``bins`` equal parts of [min, max], by default the range of the elements."""
    if input._value.dtype.kind != "f":
        raise DtypeError(f"histc: needs a floating-point tensor, this one is {input.dtype}; convert it with .float()")
    value = concrete(input, "histc")
    limits = _limits(value, min, max, "histc")
    return wrap(np.histogram(value[np.isfinite(value)], bins, limits)[0].astype(value.dtype))


class Histogram(NamedTuple):
    """What ``histogram`` returns."""

    hist: Tensor
    bin_edges: Tensor


def histogram(
    input: Tensor,
    bins: Any = 100,
    *,
    range: tuple[float, float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Histogram:
    """How many elements lie between neighbouring edges: ``bins`` equal ones in ``range``, or a vector of edges."""
    value = concrete(input, "histogram")
    w = None if weight is None else weight._value.reshape(-1)
    if isinstance(bins, Tensor):
        counts, edges = np.histogram(value, bins._value, weights=w, density=density)
    else:
        low, high = _limits(value, *(range or (0.0, 0.0 if value.size else 1.0)), "histogram", 0.5)
        counts, edges = np.histogram(value, bins, (low, high), weights=w, density=density)
    return Histogram(wrap(counts.astype(value.dtype)), wrap(edges.astype(value.dtype)))


def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """The covariances of variables, the rows of a matrix of observations; of a vector its variance.

    ``fweights`` say how often each observation counts, ``aweights`` how much.
    """
    if input._value.dtype.kind == "b":
        raise DtypeError("cov: boolean tensors have no covariance; convert with .float()")
    if input._value.ndim > 2:
        raise ShapeError(f"cov: needs at most 2 dimensions, got shape {tuple(input.shape)}")
    x = input if input._value.dtype.kind == "f" else convert(input, dtype=default_float())
    rows = reshape(x, shape=(1, x._value.size)) if x._value.ndim < 2 else x
    n = rows._value.shape[1]
    if aweights is not None and not np.all(concrete(floating(aweights, "cov"), "cov") >= 0):
        raise ArgumentError("cov: aweights must not be negative")
    if aweights is not None:
        rows = convert(rows, dtype=np.result_type(rows._value.dtype, aweights._value.dtype))
    weights = None
    for w in (fweights, aweights):
        if w is not None:
            w = convert(w, dtype=rows._value.dtype) if w._value.dtype != rows._value.dtype else w
            weights = w if weights is None else weights * w
    if weights is None:
        centred = rows - mean(rows, 1, keepdim=True)
        product = matmul(centred, permute(centred, dims=(1, 0))) / _divisor(float(n), correction)
    else:
        total = sum_(weights, dims=(0,), keepdim=False)
        centred = rows - sum_(rows * weights, dims=(1,), keepdim=True) / total
        norm: Any = total - correction
        if aweights is not None:
            norm = total - correction * sum_(weights * aweights, dims=(0,), keepdim=False) / total
        product = matmul(centred * weights, permute(centred, dims=(1, 0))) / e.maximum(norm, 0.0)
    return reshape(product, shape=()) if input._value.ndim < 2 else product


def _divisor(n: float, correction: float) -> float:
    return max(n - correction, 0.0)


def corrcoef(input: Tensor) -> Tensor:
    """The correlation coefficients of variables, the rows of a matrix; of a vector 1."""
    c = cov(input)
    if not c._value.ndim:
        return c / c
    n = c._value.shape[0]
    rows = np.arange(n)
    spread = e.sqrt(reshape(c, shape=(n * n,))[rows * (n + 1)])
    scaled = c / reshape(spread, shape=(n, 1)) / reshape(spread, shape=(1, n))
    return e.maximum(e.minimum(scaled, 1.0), -1.0)
