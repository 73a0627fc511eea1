"""Decompositions of matrices, and their exponential, batched over leading axes, by LAPACK through NumPy.

Where a decomposition has several parts they come as the rows of one matrix, which the functions of ``factoring`` cut
up. References for the derivatives: Giles (2008), Collected matrix derivative results; Murray (2016), Differentiation
of the Cholesky decomposition; Walter and Lehmann (2010), Algorithmic differentiation of linear algebra functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.primitive import size_of
from .base import safe_mul, where
from .linalg import matmul, transpose_last
from .shape import cat, index
from .systems import Factor, lapack, lower_part, require_square, solve_triangular, svd_flops

__all__ = ["cholesky", "eigh", "matrix_exponential", "qr", "svd"]


class Cholesky(Factor):
    """The lower triangular L with L L^T = x, of symmetric positive definite matrices; only the lower part is read.

    dx = L^-T P(L^T dL) L^-1 made symmetric, P taking the lower triangle with half of the diagonal.
    """

    saves_output = True

    def forward(self, x: Any) -> Any:
        cause = "the matrix is not positive definite; add a small multiple of the identity, or use eigh"
        return lapack(np.linalg.cholesky, x, name="cholesky", cause=cause)

    def shape(self, x: Any) -> tuple[int, ...]:
        require_square(x, self.name)
        return tuple(x.shape)

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return size_of(y) * y.shape[-1] // 3

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        inner = lower_part(matmul(transpose_last(y), dy))
        inner = where(np.eye(y.shape[-1], dtype=bool), inner * 0.5, inner)
        left = solve_triangular(y, inner, upper=False, transposed=True)
        s = transpose_last(solve_triangular(y, transpose_last(left), upper=False, transposed=True))
        return (s + transpose_last(s)) * 0.5


class Eigh(Factor):
    """Eigenvalues w, ascending, and orthonormal eigenvectors V of symmetric matrices; only the lower part is read.

    x : (..., n, n)  ->  (..., n + 1, n): the eigenvalues as the first row, V below

    dx = V (diag(dw) + (V^T dV) / (w_j - w_i)) V^T; undefined where eigenvalues coincide and dV is not 0.
    """

    saves_output = True

    def forward(self, x: Any) -> Any:
        w, v = lapack(np.linalg.eigh, x, name="eigh", cause="the iteration did not converge; is a value not finite?")
        return np.concatenate([w[..., None, :], v], -2)

    def shape(self, x: Any) -> tuple[int, ...]:
        require_square(x, self.name)
        n = x.shape[-1]
        return (*x.shape[:-2], n + 1, n)

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return 9 * size_of(inputs[0]) * inputs[0].shape[-1]

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        w, v = _rows(y, 0, 1), _rows(y, 1, None)
        dw, dv = _rows(dy, 0, 1), _rows(dy, 1, None)
        diagonal = np.eye(y.shape[-1], dtype=bool)
        gaps = where(diagonal, 1.0, w - transpose_last(w))
        turned = safe_mul(where(diagonal, 0.0, matmul(transpose_last(v), dv)), 1.0 / gaps)
        inner = where(diagonal, dw, turned)
        return matmul(matmul(v, inner), transpose_last(v))


def _rows(x: Any, start: int, stop: int | None) -> Any:
    return index(x, index=(Ellipsis, slice(start, stop), slice(None)))


class Svd(Factor):
    """The reduced singular value decomposition x = U diag(s) V^T, s descending.

    x : (..., m, n)  ->  (..., m + 1 + n, k), k = min(m, n): the rows of U, then s, then the rows of V

    dx = U (diag(ds) + off-diagonal terms of U^T dU and V^T dV over s_j**2 - s_i**2) V^T, and what dU and dV hold
    outside of the spaces of U and V over s; undefined where singular values coincide and dU or dV is not 0.
    """

    saves_output = True
    outlines = True

    def forward(self, x: Any) -> Any:
        cause = "the iteration did not converge; is a value not finite?"
        u, s, v = lapack(np.linalg.svd, x, False, name="svd", cause=cause)
        return np.concatenate([u, s[..., None, :], v.swapaxes(-1, -2)], -2)

    def shape(self, x: Any) -> tuple[int, ...]:
        m, n = x.shape[-2:]
        return (*x.shape[:-2], m + 1 + n, min(m, n))

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return svd_flops(inputs[0])

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        k = y.shape[-1]
        m = x.shape[-2]
        u, s, v = _rows(y, 0, m), _rows(y, m, m + 1), _rows(y, m + 1, None)
        du, ds, dv = _rows(dy, 0, m), _rows(dy, m, m + 1), _rows(dy, m + 1, None)
        ut, vt = transpose_last(u), transpose_last(v)
        diagonal = np.eye(k, dtype=bool)
        column = transpose_last(s)
        gaps = where(diagonal, 1.0, (s - column) * (s + column))
        a, b = matmul(ut, du), matmul(vt, dv)
        skew_a = safe_mul(where(diagonal, 0.0, a - transpose_last(a)), 1.0 / gaps)
        skew_b = safe_mul(where(diagonal, 0.0, b - transpose_last(b)), 1.0 / gaps)
        inner = where(diagonal, ds, skew_a * s + skew_b * column)
        result = matmul(matmul(u, inner), vt)
        if m > k:
            result = result + matmul(_over(du - matmul(u, a), s), vt)
        if v.shape[-2] > k:
            result = result + matmul(u, transpose_last(_over(dv - matmul(v, b), s)))
        return result


def _over(x: Any, s: Any) -> Any:
    return safe_mul(x, 1.0 / s)


class Qr(Factor):
    """The reduced decomposition x = Q R into orthonormal columns and an upper triangle.

    x : (..., m, n)  ->  (..., m + n, k), k = min(m, n): the rows of Q, then those of R^T

    For m >= n, dx = (dQ + Q sym(R dR^T - dQ^T Q)) R^-T, sym(M) being the lower triangle of M made symmetric.
    """

    saves_output = True
    outlines = True

    def forward(self, x: Any) -> Any:
        q, r = np.linalg.qr(x)
        return np.concatenate([q, r.swapaxes(-1, -2)], -2)

    def shape(self, x: Any) -> tuple[int, ...]:
        m, n = x.shape[-2:]
        return (*x.shape[:-2], m + n, min(m, n))

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        n, m = sorted(inputs[0].shape[-2:])
        return 4 * size_of(inputs[0]) * n - 4 * size_of(inputs[0]) * n * n // (3 * max(m, 1))

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        m, n = x.shape[-2:]
        q, r_t, dq, dr_t = _rows(y, 0, m), _rows(y, m, None), _rows(dy, 0, m), _rows(dy, m, None)
        if m >= n:
            return _qr_pullback(q, transpose_last(r_t), dq, transpose_last(dr_t))
        # x = Q [R1, R2]: the first m columns are decomposed, the others are Q R2
        r1, r2 = (transpose_last(_rows(r_t, *part)) for part in ((0, m), (m, None)))
        dr1, dr2 = (transpose_last(_rows(dr_t, *part)) for part in ((0, m), (m, None)))
        x2 = matmul(q, r2)
        first = _qr_pullback(q, r1, dq + matmul(x2, transpose_last(dr2)), dr1)
        return cat(first, matmul(q, dr2), dim=y.ndim - 1)


def _qr_pullback(q: Any, r: Any, dq: Any, dr: Any) -> Any:
    inner = matmul(r, transpose_last(dr)) - matmul(transpose_last(dq), q)
    low = lower_part(inner, -1)
    symmetric = lower_part(inner) + transpose_last(low)
    right = dq + matmul(q, symmetric)  # solve z R^T = right
    return transpose_last(solve_triangular(r, transpose_last(right), upper=True, transposed=False))


class MatrixExponential(Factor):
    """exp(x) = 1 + x + x**2 / 2 + ... of square matrices, by scaling, a Padé approximant and squaring.

    Its adjoint is the upper right block of exp([[x^T, dy], [0, x^T]]). Reference: Higham (2005), The scaling and
    squaring method for the matrix exponential revisited.
    """

    saves = (0,)

    def forward(self, x: Any) -> Any:
        wide = x.astype(np.float64)
        size = np.abs(wide).sum(-2).max(initial=0.0)
        if not np.isfinite(size):
            return np.full_like(x, np.nan)
        squarings = max(0, int(np.ceil(np.log2(size / _PADE_RADIUS)))) if size > _PADE_RADIUS else 0
        y = _pade(wide / 2.0**squarings)
        for _ in range(squarings):
            y = np.matmul(y, y)
        return y.astype(x.dtype)

    def shape(self, x: Any) -> tuple[int, ...]:
        require_square(x, self.name)
        return tuple(x.shape)

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return 16 * size_of(y) * y.shape[-1]

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        t, n, last = transpose_last(x), x.shape[-1], x.ndim - 1
        zeros = dy * 0
        block = cat(cat(t, dy, dim=last), cat(zeros, t, dim=last), dim=last - 1)
        return index(matrix_exponential(block), index=(Ellipsis, slice(0, n), slice(n, None)))


_PADE_RADIUS = 5.371920351148152  # of the 1-norm, up to which the approximant of degree 13 is exact to double precision


def _pade(x: Any) -> Any:
    """The diagonal Padé approximant of degree 13."""
    c = [1.0]
    for k in range(1, 14):
        c.append(c[-1] * (14 - k) / (k * (27 - k)))
    one = np.eye(x.shape[-1])
    x2 = np.matmul(x, x)
    power, even, odd = one, c[0] * one, c[1] * one
    for k in range(2, 14, 2):
        power = np.matmul(power, x2)
        even, odd = even + c[k] * power, odd + c[k + 1] * power
    odd = np.matmul(x, odd)
    return np.linalg.solve(even - odd, even + odd)


cholesky, eigh, svd, qr, matrix_exponential = Cholesky(), Eigh(), Svd(), Qr(), MatrixExponential()
