"""Matrices as products: Cholesky, QR, eigenvalues and singular values, under PyTorch's names."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.primitive import Primitive
from ..core.tensor import Tensor, wrap
from ..errors import ArgumentError, DtypeError, LinAlgError, ShapeError
from . import decompositions as d
from . import systems
from .base import where
from .linalg import transpose_last
from .shape import cat, index, pad
from .systems import require_square

__all__ = [
    "cholesky", "cholesky_ex", "cholesky_inverse", "cholesky_solve", "complete_qr", "eigh", "eigvalsh", "full_svd",
    "linalg_cholesky", "qr", "svd", "svdvals",
]  # fmt: skip


def require_matrices(x: Tensor, name: str) -> Tensor:
    """Refuse what is no batch of float32 or float64 matrices."""
    if x._value.ndim < 2:
        raise ShapeError(f"{name}: needs a matrix or a batch of them, got shape {tuple(x.shape)}")
    if x._value.dtype not in (np.float32, np.float64):
        raise DtypeError(f"{name}: needs float32 or float64 matrices, got {x.dtype}; convert them first")
    return x


class Complement(Primitive):
    """Orthonormal columns that complete those of x to a basis: (..., m, k)  ->  (..., m, m - k)."""

    differentiable = False

    def forward(self, x: Any) -> Any:
        m, k = x.shape[-2:]
        found = (
            np.linalg.svd(x, full_matrices=True)[0][..., k:] if k else np.broadcast_to(np.eye(m), (*x.shape[:-1], m))
        )
        return np.ascontiguousarray(found).astype(x.dtype)

    def shape(self, x: Any) -> tuple[int, ...]:
        m, k = x.shape[-2:]
        return (*x.shape[:-1], m - k)

    def batch(self, size: int, inputs: Any, batched: Any, **params: Any) -> Any:
        return self(*inputs)


complement = Complement()


# -- Cholesky ---------------------------------------------------------------------------------------------


def linalg_cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The lower (or upper) triangle L with L L^T = A (or U^T U = A), of symmetric positive definite matrices.

    Raises LinAlgError where a matrix is not positive definite.

    >>> import thalweg as tw
    >>> tw.linalg.cholesky(tw.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    require_square(require_matrices(A, "cholesky"), "cholesky")
    factor = d.cholesky(A)
    return transpose_last(factor) if upper else factor


def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """``linalg.cholesky``."""
    return linalg_cholesky(input, upper=upper)


class FactorAndInfo(NamedTuple):
    """What ``cholesky_ex`` returns: ``info`` is 0 where the factor exists."""

    L: Tensor
    info: Tensor


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> FactorAndInfo:
    """``cholesky`` with a code instead of an exception: 0 where a matrix is positive definite, else 1 and NaN."""
    require_square(require_matrices(A, "cholesky_ex"), "cholesky_ex")
    flat = A._value.reshape(-1, *A._value.shape[-2:])
    bad = np.array([not _is_positive_definite(m) for m in flat], bool).reshape(A._value.shape[:-2])
    if check_errors and bad.any():
        raise LinAlgError("cholesky_ex: a matrix is not positive definite")
    safe = where(bad[..., None, None], np.eye(A._value.shape[-1], dtype=A._value.dtype), A) if bad.any() else A
    factor = linalg_cholesky(safe, upper=upper)
    if bad.any():
        factor = where(bad[..., None, None], np.nan, factor)
    return FactorAndInfo(factor, wrap(bad.astype(np.int32)))


def _is_positive_definite(matrix: Any) -> bool:
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True


def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """The X with (L L^T) X = B, from the triangle that ``cholesky`` gave."""
    first = systems.solve_triangular(L, B, upper=upper, transposed=upper)
    return systems.solve_triangular(L, first, upper=upper, transposed=not upper)


def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of L L^T, from the triangle that ``cholesky`` gave."""
    require_square(require_matrices(L, "cholesky_inverse"), "cholesky_inverse")
    return cholesky_solve(wrap(np.eye(L._value.shape[-1], dtype=L._value.dtype)), L, upper)


# -- QR ---------------------------------------------------------------------------------------------------


class QR(NamedTuple):
    """What ``qr`` returns."""

    Q: Tensor
    R: Tensor


def complete_qr(A: Tensor, mode: str = "reduced") -> QR:
    """A = Q R with orthonormal columns and an upper triangle.

    ``mode`` "reduced" gives Q of the shape (m, k) with k = min(m, n), "complete" (m, m), "r" an empty Q.
    """
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(f'qr: mode must be "reduced", "complete" or "r", not {mode!r}')
    require_matrices(A, "qr")
    m = A._value.shape[-2]
    both = d.qr(A)
    q = index(both, index=(Ellipsis, slice(0, m), slice(None)))
    r = transpose_last(index(both, index=(Ellipsis, slice(m, None), slice(None))))
    if mode == "r":
        return QR(wrap(np.zeros(0, A._value.dtype)), r)
    k = q._value.shape[-1]
    if mode == "complete" and k < m:
        q = cat(q, complement(q.detach()), dim=A._value.ndim - 1)
        r = pad(r, widths=((0, 0),) * (A._value.ndim - 2) + ((0, m - k), (0, 0)), value=0.0)
    return QR(q, r)


def qr(input: Tensor, some: bool = True) -> QR:
    """``linalg.qr``: reduced, or complete if not ``some``."""
    return complete_qr(input, "reduced" if some else "complete")


# -- eigenvalues and singular values ------------------------------------------------------------------------


class Eigen(NamedTuple):
    """What ``eigh`` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


def eigh(A: Tensor, UPLO: str = "L") -> Eigen:
    """Eigenvalues, ascending, and orthonormal eigenvectors (columns) of symmetric matrices.

    Only the triangle that ``UPLO`` names ("L" or "U") is read. The gradient is undefined where eigenvalues coincide
    and the eigenvectors are used.
    """
    require_square(require_matrices(A, "eigh"), "eigh")
    if UPLO.upper() not in ("L", "U"):
        raise ArgumentError(f'eigh: UPLO must be "L" or "U", not {UPLO!r}')
    both = d.eigh(transpose_last(A) if UPLO.upper() == "U" else A)
    values = index(both, index=(Ellipsis, 0, slice(None)))
    return Eigen(values, index(both, index=(Ellipsis, slice(1, None), slice(None))))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric matrices, ascending."""
    return eigh(A, UPLO).eigenvalues


class SVD(NamedTuple):
    """What ``linalg.svd`` returns: A = U diag(S) Vh."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class OlderSVD(NamedTuple):
    """What ``svd`` returns: A = U diag(S) V^T."""

    U: Tensor
    S: Tensor
    V: Tensor


def _reduced(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """U, S and V."""
    m = A._value.shape[-2]
    parts = d.svd(A)
    u = index(parts, index=(Ellipsis, slice(0, m), slice(None)))
    s = index(parts, index=(Ellipsis, m, slice(None)))
    return u, s, index(parts, index=(Ellipsis, slice(m + 1, None), slice(None)))


def full_svd(A: Tensor, full_matrices: bool = True) -> SVD:
    """The singular value decomposition A = U diag(S) Vh, S descending.

    A : (..., m, n)  ->  U (..., m, m), S (..., k), Vh (..., n, n) with k = min(m, n); without ``full_matrices`` U has
    k columns and Vh k rows. The further ones have no gradient. The gradient is undefined where singular values
    coincide and U or Vh is used.
    """
    require_matrices(A, "svd")
    u, s, v = _reduced(A)
    return SVD(_completed(u, full_matrices), s, transpose_last(_completed(v, full_matrices)))


def _completed(x: Tensor, full: bool) -> Tensor:
    m, k = x._value.shape[-2:]
    return cat(x, complement(x.detach()), dim=x._value.ndim - 1) if full and k < m else x


def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> OlderSVD:
    """U, S and V (not transposed) with input = U diag(S) V^T; see ``linalg.svd``."""
    require_matrices(input, "svd")
    u, s, v = _reduced(input)
    if not compute_uv:
        m, n = input._value.shape[-2:]
        lead = input._value.shape[:-2]
        u, v = (wrap(np.zeros((*lead, size, size), input._value.dtype)) for size in (m, n))
        return OlderSVD(u, s, v)
    return OlderSVD(_completed(u, not some), s, _completed(v, not some))


def svdvals(A: Tensor) -> Tensor:
    """The singular values, descending."""
    return _reduced(require_matrices(A, "svdvals"))[1]
