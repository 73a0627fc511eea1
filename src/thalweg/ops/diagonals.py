"""Diagonals, triangles and matrices made of them, under PyTorch's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.device import require_cpu
from ..core.dtypes import INT64, as_numpy_dtype, dtype
from ..core.tensor import Tensor, wrap
from ..errors import ShapeError
from . import elementwise as e
from .base import where
from .broadcast import reshape
from .dims import one_dim
from .index import index_put
from .shape import cat, copy, index, permute

__all__ = [
    "diag", "diag_embed", "diagflat", "diagonal", "diagonal_scatter", "tril", "tril_indices", "triu", "triu_indices",
    "vander",
]  # fmt: skip


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of each matrix, zeros elsewhere."""
    return _masked(input, _lower(input, diagonal, "tril"))


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of each matrix, zeros elsewhere."""
    return _masked(input, ~_lower(input, diagonal - 1, "triu"))


def _masked(input: Tensor, kept: Any) -> Tensor:
    zero = False if input._value.dtype.kind == "b" else 0
    return where(kept, input, zero)


def _lower(input: Tensor, diagonal: int, name: str) -> Any:
    """A mask of the places on and below a diagonal of each matrix."""
    if input._value.ndim < 2:
        raise ShapeError(f"{name}: needs a matrix, got shape {tuple(input.shape)}")
    rows, columns = input._value.shape[-2:]
    return np.tri(rows, columns, diagonal, bool)


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: dtype | None = None, device: Any = None, layout: Any = None
) -> Tensor:
    """The row and column numbers of the places on and below a diagonal: (2, n)."""
    require_cpu(device, "tril_indices")
    places = np.stack(np.nonzero(np.tri(row, col, offset, bool)))
    return wrap(places.astype(INT64 if dtype is None else as_numpy_dtype(dtype)))


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: dtype | None = None, device: Any = None, layout: Any = None
) -> Tensor:
    """The row and column numbers of the places on and above a diagonal: (2, n)."""
    require_cpu(device, "triu_indices")
    places = np.stack(np.nonzero(~np.tri(row, col, offset - 1, bool)))
    return wrap(places.astype(INT64 if dtype is None else as_numpy_dtype(dtype)))


def _places(height: int, width: int, offset: int) -> tuple[Any, Any]:
    """The rows and columns of a diagonal of a matrix."""
    n = max(min(height + min(offset, 0), width - max(offset, 0)), 0)
    return np.arange(n) - min(offset, 0), np.arange(n) + max(offset, 0)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonals of the matrices in the plane of two axes, as a new last axis.

    A view if these are the last two axes of a contiguous tensor, as those of a plain matrix are; else a copy.
    """
    a, b = _plane(input._value.ndim, dim1, dim2, "diagonal")
    rest = tuple(i for i in range(input._value.ndim) if i not in (a, b))
    moved = input if (*rest, a, b) == tuple(range(input._value.ndim)) else permute(input, dims=(*rest, a, b))
    lead, (height, width) = moved._value.shape[:-2], moved._value.shape[-2:]
    n = _places(height, width, offset)[0].size
    first = max(offset, 0) - min(offset, 0) * width
    flat = reshape(moved, shape=(*lead, height * width))
    return index(flat, index=(Ellipsis, slice(first, first + (n - 1) * (width + 1) + 1 if n else first, width + 1)))


_diagonal = diagonal  # for functions with a parameter of that name


def _plane(ndim: int, dim1: int, dim2: int, name: str) -> tuple[int, int]:
    a, b = one_dim(dim1, ndim, name), one_dim(dim2, ndim, name)
    if a == b or ndim < 2:
        raise ShapeError(f"{name}: needs two different axes of at least 2, got {dim1} and {dim2} of {ndim}")
    return a, b


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices in the plane of two new axes, with the last axis on a diagonal and zeros elsewhere."""
    ndim = input._value.ndim + 1
    a, b = _plane(ndim, dim1, dim2, "diag_embed")
    n = input._value.shape[-1] + abs(offset)
    rows, columns = _places(n, n, offset)
    zeros = wrap(np.zeros((*input._value.shape[:-1], n, n), input._value.dtype))
    pattern = (*(slice(None),) * (ndim - 2), "array", "array")
    filled = index_put(zeros, input, rows, columns, pattern=pattern, accumulate=False)
    order = [i for i in range(ndim) if i not in (a, b)]
    inverse = np.argsort([*order, a, b])
    return permute(filled, dims=tuple(int(i) for i in inverse))


def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """``input`` with ``src`` written on the diagonals of the plane of two axes."""
    a, b = _plane(input._value.ndim, dim1, dim2, "diagonal_scatter")
    order = [*(i for i in range(input._value.ndim) if i not in (a, b)), a, b]
    moved = permute(input, dims=tuple(order))
    rows, columns = _places(moved._value.shape[-2], moved._value.shape[-1], offset)
    wanted = (*moved._value.shape[:-2], rows.size)
    if src._value.shape != wanted:
        raise ShapeError(f"diagonal_scatter: src has shape {tuple(src.shape)}, the diagonals have {wanted}")
    pattern = (*(slice(None),) * (input._value.ndim - 2), "array", "array")
    filled = index_put(moved, src, rows, columns, pattern=pattern, accumulate=False)
    return permute(filled, dims=tuple(int(i) for i in np.argsort(order)))


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A matrix with the vector on its diagonal, or the diagonal of a matrix."""
    if input._value.ndim == 1:
        return diag_embed(input, diagonal)
    if input._value.ndim != 2:
        raise ShapeError(f"diag: needs a vector or a matrix, got shape {tuple(input.shape)}")
    return copy(_diagonal(input, diagonal))


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """A matrix with all elements on its diagonal."""
    return diag_embed(reshape(input, shape=(input._value.size,)), offset)


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of a vector's elements as columns: from N - 1 (default: as many as elements) down to 0, or up."""
    if x._value.ndim != 1:
        raise ShapeError(f"vander: needs a vector, got shape {tuple(x.shape)}")
    n = x._value.size if N is None else N
    if n < 0:
        raise ShapeError(f"vander: N must not be negative, got {N}")
    powers = np.arange(n) if increasing else np.arange(n)[::-1]
    column = reshape(x, shape=(x._value.size, 1))
    if x._value.dtype.kind != "f":
        return e.pow_(column, wrap(powers.copy()))
    columns = [e.pow_(column, int(p)) for p in powers]
    return cat(*columns, dim=1) if columns else wrap(np.zeros((x._value.size, 0), x._value.dtype))
