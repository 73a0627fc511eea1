"""Determinants, powers, exponentials and ranks of matrices, under PyTorch's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.tensor import Tensor, wrap
from ..errors import ShapeError
from . import decompositions as d
from . import elementwise as e
from . import systems
from .base import where
from .broadcast import reshape, sum_
from .diagonals import diagonal
from .dims import one_dim
from .factoring import require_matrices, svdvals
from .products import chain, cross, matmul
from .reductions import floating
from .shape import index
from .solving import inv, tolerance
from .systems import require_square

__all__ = [
    "det", "last_diagonal", "linalg_cross", "linalg_vander", "logdet", "matrix_exp", "matrix_power", "matrix_rank",
    "multi_dot", "slogdet", "vecdot",
]  # fmt: skip


def det(input: Tensor) -> Tensor:
    """The determinant of each matrix."""
    require_square(require_matrices(input, "det"), "det")
    return systems.determinant(input)


class SignAndLogarithm(NamedTuple):
    """What ``slogdet`` returns."""

    sign: Tensor
    logabsdet: Tensor


def slogdet(input: Tensor) -> SignAndLogarithm:
    """The sign of the determinant and the logarithm of its absolute value (-inf for 0)."""
    require_square(require_matrices(input, "slogdet"), "slogdet")
    both = systems.log_determinant(input)
    return SignAndLogarithm(index(both, index=(Ellipsis, 0)), index(both, index=(Ellipsis, 1)))


def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant: NaN where it is negative, -inf where it is 0."""
    sign, logarithm = slogdet(input)
    return where(e.lt(sign, 0), np.nan, logarithm)


def matrix_power(input: Tensor, n: int) -> Tensor:
    """The matrix multiplied by itself ``n`` times; the inverse's power for negative ``n``."""
    require_square(require_matrices(input, "matrix_power"), "matrix_power")
    if n == 0:
        return input * 0 + wrap(np.eye(input._value.shape[-1], dtype=input._value.dtype))
    base, power = (input, n) if n > 0 else (inv(input), -n)
    result = None
    while power:
        if power & 1:
            result = base if result is None else matmul(result, base)
        power >>= 1
        base = matmul(base, base) if power else base
    assert result is not None
    return result


def matrix_exp(input: Tensor) -> Tensor:
    """The exponential 1 + A + A A / 2 + … of each square matrix."""
    require_square(require_matrices(input, "matrix_exp"), "matrix_exp")
    return d.matrix_exponential(input)


def matrix_rank(
    A: Tensor,
    tol: Any = None,
    hermitian: bool = False,
    *,
    atol: float | None = None,
    rtol: float | None = None,
) -> Tensor:
    """How many singular values are above max(atol, rtol * the largest); ``tol`` is an older name of atol."""
    atol = tol if tol is not None else atol
    values = svdvals(A.detach())
    largest = index(values, index=(Ellipsis, slice(0, 1)))
    bound = e.maximum(largest * tolerance(A, atol, rtol), atol or 0.0)
    return sum_(e.gt(values, bound), dims=(values._value.ndim - 1,), keepdim=False)


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of two or more matrices in the cheapest order; the first and last may be vectors."""
    factors = list(tensors)
    if len(factors) < 2:
        raise ShapeError(f"multi_dot: needs at least two tensors, got {len(factors)}")
    first, last = factors[0]._value.ndim == 1, factors[-1]._value.ndim == 1
    if first:
        factors[0] = reshape(factors[0], shape=(1, factors[0]._value.size))
    if last:
        factors[-1] = reshape(factors[-1], shape=(factors[-1]._value.size, 1))
    for i, x in enumerate(factors):
        if x._value.ndim != 2:
            raise ShapeError(f"multi_dot: tensor {i} has shape {tuple(x.shape)}; only the ends may be vectors")
    y = chain(factors)
    rows, columns = y._value.shape
    return reshape(y, shape=(() if first else (rows,)) + (() if last else (columns,)))


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The sum of products along ``dim``; the other axes broadcast."""
    product = e.mul(x, y)
    return sum_(floating(product, "vecdot"), dims=(one_dim(dim, product._value.ndim, "vecdot"),), keepdim=False)


def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The vector product along an axis of size 3."""
    return cross(input, other, dim)


def last_diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of matrices as a last axis; see ``diagonal``."""
    return diagonal(A, offset, dim1, dim2)


def linalg_vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """The powers 0, 1, … N - 1 of each element along a new last axis."""
    n = x._value.shape[-1] if N is None else N
    return e.pow_(reshape(x, shape=(*x._value.shape, 1)), wrap(np.arange(n)))
