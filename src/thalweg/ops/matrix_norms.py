"""Norms of vectors and matrices, and condition numbers, under the names of PyTorch's linalg."""

from __future__ import annotations

import math
from typing import Any

from ..core.dtypes import as_numpy_dtype, dtype
from ..core.tensor import Tensor
from ..errors import ArgumentError, ShapeError
from . import elementwise as e
from . import reductions
from .base import convert, where
from .broadcast import reshape, sum_
from .dims import one_dim
from .factoring import require_matrices, svdvals
from .reductions import floating
from .shape import permute
from .solving import inv_ex

__all__ = ["cond", "linalg_norm", "matrix_norm", "nuclear_norm", "vector_norm"]


def vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None
) -> Tensor:
    """(sum |x|**ord) ** (1 / ord) over ``dim``, or over all elements; see ``norm``."""
    if isinstance(ord, str):
        raise ArgumentError(f"vector_norm: ord must be a number, not {ord!r}; matrix_norm takes names")
    return reductions.norm(x, ord, dim, keepdim, dtype=dtype)


def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: dtype | None = None
) -> Tensor:
    """A norm of the matrices in the plane of two axes.

    "fro": the root of the sum of squares; "nuc": the sum of singular values; 2 and -2: the largest and smallest of
    them; inf and -inf: the largest and smallest sum of a row of |A|; 1 and -1: of a column.
    """
    x = floating(A if dtype is None else convert(A, dtype=as_numpy_dtype(dtype)), "matrix_norm")
    if x._value.ndim < 2 or len(tuple(dim)) != 2:
        raise ShapeError(f"matrix_norm: needs two axes of a tensor of at least two, got {dim} and {tuple(A.shape)}")
    a, b = (one_dim(i, x._value.ndim, "matrix_norm") for i in dim)
    if ord == "fro":
        return reductions.norm(x, 2, (a, b), keepdim)
    if ord not in ("nuc", 2, -2, 1, -1, math.inf, -math.inf):
        raise ArgumentError(f'matrix_norm: ord must be "fro", "nuc", ±1, ±2 or ±inf, not {ord!r}')
    moved = permute(x, dims=(*(i for i in range(x._value.ndim) if i not in (a, b)), a, b))
    value = _of_last_two(moved, ord)
    shape = tuple(1 if i in (a, b) else n for i, n in enumerate(x._value.shape))
    return reshape(value, shape=shape) if keepdim else value


def _of_last_two(x: Tensor, ord: Any) -> Tensor:
    if ord in ("nuc", 2, -2):
        values = svdvals(x)
        if ord == "nuc":
            return sum_(values, dims=(values._value.ndim - 1,), keepdim=False)
        return reductions.amax(values, -1) if ord == 2 else reductions.amin(values, -1)
    axis = x._value.ndim - (2 if abs(ord) == 1 else 1)
    sums = sum_(e.abs_(x), dims=(axis,), keepdim=False)
    return reductions.amax(sums, -1) if ord > 0 else reductions.amin(sums, -1)


def nuclear_norm(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The sum of the singular values."""
    return matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim)


def linalg_norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None
) -> Tensor:
    """The vector norm of all elements or along one axis; with ``ord`` or two axes in ``dim`` the matrix norm."""
    if dim is None and ord is None:
        value = reductions.norm(A, 2, None, False, dtype=dtype)
        return reshape(value, shape=(1,) * A._value.ndim) if keepdim else value
    axes = 2 if dim is None and A._value.ndim == 2 else 1 if dim is None or isinstance(dim, int) else len(dim)
    if dim is None and A._value.ndim not in (1, 2):
        raise ShapeError(f"norm: with ord but without dim it needs a vector or a matrix, got shape {tuple(A.shape)}")
    if axes == 2 and ord is not None:
        return matrix_norm(A, ord, (0, 1) if dim is None else dim, keepdim, dtype=dtype)
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


def cond(A: Tensor, p: Any = None) -> Tensor:
    """The condition number: the norm ``p`` of A times that of its inverse; by default the ratio of singular values."""
    require_matrices(A, "cond")
    if p in (None, 2, -2):
        values = svdvals(A)
        largest, smallest = reductions.amax(values, -1), reductions.amin(values, -1)
        return smallest / largest if p == -2 else largest / smallest
    inverse, info = inv_ex(A)
    if not info._value.any():
        return matrix_norm(A, p) * matrix_norm(inverse, p)
    singular = e.ne(info, 0)
    inverse = where(singular[..., None, None], 0.0, inverse)
    return where(singular, math.inf, matrix_norm(A, p) * matrix_norm(inverse, p))
