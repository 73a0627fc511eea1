"""Linear systems, inverses and least squares, under PyTorch's names."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..core.tensor import Tensor, wrap
from ..errors import ArgumentError, LinAlgError, ShapeError
from . import systems
from .base import where
from .broadcast import reshape, sum_
from .factoring import require_matrices
from .linalg import matmul, transpose_last
from .reshaping import movedim, ravel
from .shape import index
from .systems import require_square

__all__ = [
    "inv", "inv_ex", "inverse", "lstsq", "pinv", "pinverse", "solve", "solve_ex", "solve_triangular", "tensorinv",
    "tensorsolve", "triangular_solve",
]  # fmt: skip


def inv(A: Tensor) -> Tensor:
    """The inverse of each matrix; LinAlgError where one is singular.

    >>> import thalweg as tw
    >>> tw.linalg.inv(tw.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    require_square(require_matrices(A, "inv"), "inv")
    return systems.inverse(A)


def inverse(input: Tensor) -> Tensor:
    """``linalg.inv``."""
    return inv(input)


class InverseAndInfo(NamedTuple):
    """What ``inv_ex`` returns: ``info`` is 0 where the inverse exists."""

    inverse: Tensor
    info: Tensor


def _singular(A: Tensor, name: str, check_errors: bool) -> Any:
    """Where a matrix is singular."""
    bad = np.asarray(np.linalg.slogdet(A._value)[0] == 0)
    if check_errors and bad.any():
        raise LinAlgError(f"{name}: a matrix is singular")
    return bad


def _replaced(A: Tensor, bad: Any) -> Tensor:
    """The identity in the place of singular matrices."""
    return where(bad[..., None, None], np.eye(A._value.shape[-1], dtype=A._value.dtype), A) if bad.any() else A


def inv_ex(A: Tensor, *, check_errors: bool = False) -> InverseAndInfo:
    """``inv`` with a code instead of an exception: 0 where the inverse exists, else 1 and NaN."""
    require_square(require_matrices(A, "inv_ex"), "inv_ex")
    bad = _singular(A, "inv_ex", check_errors)
    found = inv(_replaced(A, bad))
    found = where(bad[..., None, None], math.nan, found) if bad.any() else found
    return InverseAndInfo(found, wrap(bad.astype(np.int32)))


def _is_vector(A: Tensor, B: Tensor) -> bool:
    a, b = A._value.shape, B._value.shape
    return len(b) == 1 or (len(a) - 1 == len(b) and b == a[:-1])


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """The X with A X = B, or X A = B if not ``left``; LinAlgError where a matrix is singular.

    A : (..., n, n), B : (..., n) or (..., n, k); the batch axes broadcast.
    """
    require_square(require_matrices(A, "solve"), "solve")
    if B._value.dtype != A._value.dtype:
        raise ShapeError(f"solve: both operands must have the same dtype, got {A.dtype} and {B.dtype}")
    if _is_vector(A, B):
        column = systems.solve(A, reshape(B, shape=(*B._value.shape, 1)))
        return reshape(column, shape=column._value.shape[:-1])
    a, b = (A, B) if left else (transpose_last(A), transpose_last(B))
    systems.solve.shape(a._value, b._value)
    x = systems.solve(a, b)
    return x if left else transpose_last(x)


class SolutionAndInfo(NamedTuple):
    """What ``solve_ex`` returns: ``info`` is 0 where the solution exists."""

    result: Tensor
    info: Tensor


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> SolutionAndInfo:
    """``solve`` with a code instead of an exception: 0 where the solution exists, else 1 and NaN."""
    require_square(require_matrices(A, "solve_ex"), "solve_ex")
    bad = _singular(A, "solve_ex", check_errors)
    found = solve(_replaced(A, bad), B, left=left)
    if bad.any():
        found = where(bad.reshape(*bad.shape, *(1,) * (found._value.ndim - bad.ndim)), math.nan, found)
    return SolutionAndInfo(found, wrap(bad.astype(np.int32)))


def solve_triangular(A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    """The X with A X = B, or X A = B if not ``left``, A being an upper or lower triangle; the rest is not read.

    ``unitriangular`` takes the diagonal for ones. A zero on the diagonal gives infinities and NaN.
    """
    require_square(require_matrices(A, "solve_triangular"), "solve_triangular")
    if unitriangular:
        A = where(np.eye(A._value.shape[-1], dtype=bool), 1.0, A)
    systems.solve_triangular.shape(A._value, (B if left else transpose_last(B))._value, upper, False)
    if left:
        return systems.solve_triangular(A, B, upper=upper, transposed=False)
    return transpose_last(systems.solve_triangular(A, transpose_last(B), upper=upper, transposed=True))


class TriangularSolution(NamedTuple):
    """What ``triangular_solve`` returns."""

    solution: Tensor
    cloned_coefficient: Tensor


def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> TriangularSolution:
    """The X with A X = b (or A^T X = b) for a triangle A; the older form of ``linalg.solve_triangular``."""
    factor = where(np.eye(A._value.shape[-1], dtype=bool), 1.0, A) if unitriangular else A
    return TriangularSolution(systems.solve_triangular(factor, b, upper=upper, transposed=transpose), A.clone())


def pinv(A: Tensor, *, atol: float | None = None, rtol: float | None = None, hermitian: bool = False) -> Tensor:
    """Moore and Penrose's inverse; singular values up to max(atol, rtol * the largest) count as 0.

    ``rtol`` is max(m, n) times the dtype's precision if neither is given. ``hermitian`` reads the lower triangle only.
    """
    require_matrices(A, "pinv")
    if hermitian:
        low = np.tri(A._value.shape[-2], A._value.shape[-1], 0, bool)
        A = where(low, A, transpose_last(A))
    return systems.pseudoinverse(A, atol=float(atol or 0.0), rtol=tolerance(A, atol, rtol))


def tolerance(A: Tensor, atol: float | None, rtol: float | None) -> float:
    """The relative size below which singular values count as 0."""
    if rtol is not None:
        return float(rtol)
    return 0.0 if atol else max(A._value.shape[-2:]) * float(np.finfo(A._value.dtype).eps)


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """``linalg.pinv`` with ``rcond`` for rtol."""
    return pinv(input, rtol=rcond)


class LeastSquares(NamedTuple):
    """What ``lstsq`` returns."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> LeastSquares:
    """The X of least |A X - B|, and of least norm among several.

    A : (..., m, n), B : (..., m, k) or (..., m) for batches of vectors  ->  solution (..., n, k); residuals are given
    for m > n and full rank, except by the default ``driver`` "gelsy"; "gels", "gelsd" and "gelss" are computed alike.
    """
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise ArgumentError(f'lstsq: driver must be "gels", "gelsy", "gelsd" or "gelss", not {driver!r}')
    require_matrices(A, "lstsq")
    vector = B._value.ndim == 1 or (A._value.ndim - 1 == B._value.ndim and B._value.shape == A._value.shape[:-1])
    columns = reshape(B, shape=(*B._value.shape, 1)) if vector else B
    rtol = tolerance(A, None, rcond)
    x = matmul(systems.pseudoinverse(A, atol=0.0, rtol=rtol), columns)
    values = np.linalg.svd(A.detach()._value, compute_uv=False)
    rank = (values > rtol * values.max(-1, keepdims=True, initial=0.0)).sum(-1)
    m, n = A._value.shape[-2:]
    residuals = index(ravel(x), index=(slice(0, 0),))
    if m > n and driver in ("gels", "gelsd", "gelss") and bool(np.all(rank == n)):
        rest = matmul(A, x) - columns
        residuals = sum_(rest * rest, dims=(rest._value.ndim - 2,), keepdim=False)
    if vector:
        x = reshape(x, shape=x._value.shape[:-1])
    known = driver in (None, "gelsy", "gelsd", "gelss")
    return LeastSquares(
        x,
        residuals,
        wrap(np.asarray(rank, np.int64) if known else np.zeros(0, np.int64)),
        wrap(values.astype(A._value.dtype) if driver in ("gelsd", "gelss") else np.zeros(0, A._value.dtype)),
    )


def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of the linear map that ``tensordot(A, x, dims)`` is, over the axes from ``ind`` on."""
    shape = A._value.shape
    n, m = math.prod(shape[:ind]), math.prod(shape[ind:])
    if ind < 1 or n != m:
        raise ShapeError(f"tensorinv: the first {ind} axes of shape {tuple(shape)} and the others need equal products")
    return reshape(inv(reshape(A, shape=(n, m))), shape=(*shape[ind:], *shape[:ind]))


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """The X with ``tensordot(A, X, X.ndim) == B``; ``dims`` are moved behind the other axes of A first."""
    if dims is not None:
        A = movedim(A, tuple(dims), tuple(range(A._value.ndim - len(dims), A._value.ndim)))
    rest, n = A._value.shape[B._value.ndim :], B._value.size
    if math.prod(rest) != n or A._value.size != n * n:
        raise ShapeError(f"tensorsolve: {tuple(A.shape)} is no square system for {tuple(B.shape)}")
    return reshape(solve(reshape(A, shape=(n, n)), reshape(B, shape=(n,))), shape=rest)
