"""Decompositions of matrices and solutions of linear systems, batched over leading axes, by LAPACK through NumPy.

Where a decomposition has several parts they come as the rows of one matrix, which the functions of ``factoring`` cut
up. References for the derivatives: Giles (2008), Collected matrix derivative results; Murray (2016), Differentiation
of the Cholesky decomposition; Walter and Lehmann (2010), Algorithmic differentiation of linear algebra functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.primitive import Primitive
from ..errors import LinAlgError, ShapeError
from .base import quiet, safe_mul, where
from .broadcast import aligned, reshape, sum_, sum_to
from .elementwise import neg
from .linalg import matmul, transpose_last
from .shape import cat, index

__all__ = [
    "cholesky", "cofactors", "determinant", "eigh", "inverse", "log_determinant", "matrix_exponential",
    "pseudoinverse", "qr", "solve", "solve_triangular", "svd",
]  # fmt: skip


def _lapack(function: Callable[..., Any], *arrays: Any, name: str, cause: str, **kwargs: Any) -> Any:
    """NumPy's result, its error as ours."""
    try:
        return function(*arrays, **kwargs)
    except np.linalg.LinAlgError:
        raise LinAlgError(f"{name}: {cause}") from None


def require_square(x: Any, name: str) -> None:
    """Refuse what is not a square matrix or a batch of them."""
    if len(x.shape) < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{name}: needs square matrices, got shape {tuple(x.shape)}")


def lower_part(x: Any, diagonal: int = 0) -> Any:
    """The lower triangles, zeros above."""
    return where(np.tri(x.shape[-2], x.shape[-1], diagonal, bool), x, 0.0)


class _Factor(Primitive):
    """A function of one batch of matrices; a batch more is an axis more in front."""

    def batch(self, size: int, inputs: Any, batched: Any, **params: Any) -> Any:
        return self(*inputs, **params)


class Cholesky(_Factor):
    """The lower triangular L with L L^T = x, of symmetric positive definite matrices; only the lower part is read.

    dx = L^-T P(L^T dL) L^-1 made symmetric, P taking the lower triangle with half of the diagonal.
    """

    saves_output = True

    def forward(self, x: Any) -> Any:
        cause = "the matrix is not positive definite; add a small multiple of the identity, or use eigh"
        return _lapack(np.linalg.cholesky, x, name="cholesky", cause=cause)

    def shape(self, x: Any) -> tuple[int, ...]:
        require_square(x, self.name)
        return tuple(x.shape)

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        inner = lower_part(matmul(transpose_last(y), dy))
        inner = where(np.eye(y.shape[-1], dtype=bool), inner * 0.5, inner)
        left = solve_triangular(y, inner, upper=False, transposed=True)
        s = transpose_last(solve_triangular(y, transpose_last(left), upper=False, transposed=True))
        return (s + transpose_last(s)) * 0.5


class Solve(Primitive):
    """The X with a X = b.

    a : (..., n, n), b : (..., n, k)  ->  (..., n, k); the batch axes broadcast

    db = a^-T dX, da = -db X^T.
    """

    arity = 2
    saves = (0,)
    saves_output = True
    outlines = True

    def forward(self, a: Any, b: Any) -> Any:
        cause = "the matrix is singular; use lstsq or pinv"
        return _lapack(np.linalg.solve, a, b, name="solve", cause=cause)

    def shape(self, a: Any, b: Any) -> tuple[int, ...]:
        return _system_shape(a, b, self.name)

    def pullback(self, edges: Any, dy: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        a, b = inputs
        db = solve(transpose_last(a), dy)
        da = sum_to(neg(matmul(db, transpose_last(y))), a.shape) if edges[0] is not None else None
        return da, sum_to(db, b.shape) if edges[1] is not None else None

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return self.pullback((True, None), dy, y, (a, b), {})[0]

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return self.pullback((None, True), dy, y, (a, b), {})[1]

    def batch(self, size: int, inputs: Any, batched: Any, **params: Any) -> Any:
        rank = max(x.ndim - bool(b) for x, b in zip(inputs, batched, strict=True))
        wide = (aligned(x, rank) if b else x for x, b in zip(inputs, batched, strict=True))
        return self(*wide, **params)


def _system_shape(a: Any, b: Any, name: str) -> tuple[int, ...]:
    require_square(a, name)
    if len(b.shape) < 2 or b.shape[-2] != a.shape[-1]:
        raise ShapeError(f"{name}: matrices of shape {tuple(a.shape)} and {tuple(b.shape)} don't fit")
    try:
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ShapeError(f"{name}: batch axes don't broadcast, {tuple(a.shape)} and {tuple(b.shape)}") from None
    return (*batch, *b.shape[-2:])


class SolveTriangular(Solve):
    """The X with a X = b, or a^T X = b if ``transposed``, of which only the upper or lower triangle of a is read.

    A zero on the diagonal gives infinities and NaN, as in PyTorch.
    """

    @quiet
    def forward(self, a: Any, b: Any, upper: bool, transposed: bool) -> Any:  # type: ignore[override]
        a = np.triu(a) if upper else np.tril(a)
        if transposed:
            a, upper = a.swapaxes(-1, -2), not upper
        diagonal = np.diagonal(a, axis1=-2, axis2=-1)
        if np.all(diagonal != 0):
            return np.linalg.solve(a, b)
        return _substituted(a, b, upper)

    def shape(self, a: Any, b: Any, upper: bool, transposed: bool) -> tuple[int, ...]:  # type: ignore[override]
        return _system_shape(a, b, self.name)

    def pullback(self, edges: Any, dy: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        a, b = inputs
        upper, transposed = params["upper"], params["transposed"]
        db = solve_triangular(a, dy, upper=upper, transposed=not transposed)
        da = None
        if edges[0] is not None:
            product = matmul(y, transpose_last(db)) if transposed else matmul(db, transpose_last(y))
            triangle = np.tri(a.shape[-1], dtype=bool)
            da = sum_to(neg(where(triangle.T if upper else triangle, product, 0.0)), a.shape)
        return da, sum_to(db, b.shape) if edges[1] is not None else None

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any, **params: Any) -> Any:
        return self.pullback((True, None), dy, y, (a, b), params)[0]

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any, **params: Any) -> Any:
        return self.pullback((None, True), dy, y, (a, b), params)[1]


def _substituted(a: Any, b: Any, upper: bool) -> Any:
    """Row by row, for matrices that LAPACK calls singular."""
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = np.zeros((*shape, *b.shape[-2:]), np.result_type(a, b))
    n = a.shape[-1]
    for i in reversed(range(n)) if upper else range(n):
        rest = b[..., i, :] - (a[..., i, None, :] @ x)[..., 0, :]
        x[..., i, :] = rest / a[..., i, i, None]
    return x


class Inverse(_Factor):
    """The inverse matrix. dx = -y^T dy y^T."""

    saves_output = True

    def forward(self, x: Any) -> Any:
        cause = "the matrix is singular; use pinv"
        return _lapack(np.linalg.inv, x, name="inv", cause=cause)

    def shape(self, x: Any) -> tuple[int, ...]:
        require_square(x, self.name)
        return tuple(x.shape)

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        t = transpose_last(y)
        return neg(matmul(matmul(t, dy), t))


class Pseudoinverse(_Factor):
    """Moore and Penrose's inverse; singular values up to ``rtol`` times the largest, or ``atol``, count as 0.

    x : (..., m, n)  ->  y : (..., n, m)

    dx = -y^T dy y^T + (1 - x y) dy^T y y^T + y^T y dy^T (1 - y x). Reference: Golub and Pereyra (1973).
    """

    saves = (0,)
    saves_output = True

    def forward(self, x: Any, atol: float, rtol: float) -> Any:
        u, s, v = np.linalg.svd(x, full_matrices=False)
        largest = s.max(-1, keepdims=True) if s.shape[-1] else s.sum(-1, keepdims=True)
        kept = s > np.maximum(atol, rtol * largest)
        s = np.where(kept, 1 / np.where(kept, s, 1), 0).astype(x.dtype)
        return np.matmul(v.swapaxes(-1, -2) * s[..., None, :], u.swapaxes(-1, -2))

    def shape(self, x: Any, atol: float, rtol: float) -> tuple[int, ...]:
        return (*x.shape[:-2], x.shape[-1], x.shape[-2])

    def pullback_0(self, dy: Any, y: Any, x: Any, atol: float, rtol: float) -> Any:
        yt, dyt = transpose_last(y), transpose_last(dy)
        left = matmul(dyt, matmul(y, yt))
        right = matmul(matmul(yt, y), dyt)
        direct = matmul(matmul(yt, dy), yt)
        return left - matmul(x, matmul(y, left)) + right - matmul(matmul(right, y), x) - direct


class LogDeterminant(_Factor):
    """(sign, log|det x|) along a new last axis. dx = x^-T for the logarithm; the sign has no derivative."""

    saves = (0,)

    def forward(self, x: Any) -> Any:
        sign, logarithm = np.linalg.slogdet(x)
        return np.stack([sign, logarithm], -1).astype(x.dtype)

    def shape(self, x: Any) -> tuple[int, ...]:
        require_square(x, self.name)
        return (*x.shape[:-2], 2)

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        slope = index(dy, index=(Ellipsis, slice(1, 2)))
        return reshape(slope, shape=(*slope.shape, 1)) * transpose_last(inverse(x))


class Determinant(_Factor):
    """The determinant. dx = dy times the cofactors, also of singular matrices."""

    saves = (0,)

    def forward(self, x: Any) -> Any:
        return np.asarray(np.linalg.det(x)).astype(x.dtype)

    def shape(self, x: Any) -> tuple[int, ...]:
        require_square(x, self.name)
        return tuple(x.shape[:-2])

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        return safe_mul(reshape(dy, shape=(*dy.shape, 1, 1)), cofactors(x))


class Cofactors(_Factor):
    """The matrix of cofactors, det(x) x^-T where x is invertible.

    With u s v^T the singular value decomposition, it is det(u) det(v) u p v^T, where p_i is the product of all other
    singular values; this holds for singular matrices too. Its derivative needs invertible ones.
    """

    saves = (0,)
    saves_output = True

    def forward(self, x: Any) -> Any:
        u, s, v = np.linalg.svd(x)
        n = s.shape[-1]
        others = np.where(np.eye(n, dtype=bool), 1, s[..., None, :]).prod(-1)
        sign = np.linalg.det(u) * np.linalg.det(v)
        return (np.matmul(u * others[..., None, :], v) * np.asarray(sign)[..., None, None]).astype(x.dtype)

    def shape(self, x: Any) -> tuple[int, ...]:
        return tuple(x.shape)

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        t = transpose_last(inverse(x))
        total = sum_(dy * t, dims=(dy.ndim - 2, dy.ndim - 1), keepdim=True)
        return total * y - matmul(matmul(t, transpose_last(dy)), y)


class Eigh(_Factor):
    """Eigenvalues w, ascending, and orthonormal eigenvectors V of symmetric matrices; only the lower part is read.

    x : (..., n, n)  ->  (..., n + 1, n): the eigenvalues as the first row, V below

    dx = V (diag(dw) + (V^T dV) / (w_j - w_i)) V^T; undefined where eigenvalues coincide and dV is not 0.
    """

    saves_output = True

    def forward(self, x: Any) -> Any:
        w, v = _lapack(np.linalg.eigh, x, name="eigh", cause="the iteration did not converge; is a value not finite?")
        return np.concatenate([w[..., None, :], v], -2)

    def shape(self, x: Any) -> tuple[int, ...]:
        require_square(x, self.name)
        n = x.shape[-1]
        return (*x.shape[:-2], n + 1, n)

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


class Svd(_Factor):
    """The reduced singular value decomposition x = U diag(s) V^T, s descending.

    x : (..., m, n)  ->  (..., m + 1 + n, k), k = min(m, n): the rows of U, then s, then the rows of V

    dx = U (diag(ds) + off-diagonal terms of U^T dU and V^T dV over s_j**2 - s_i**2) V^T, and what dU and dV hold
    outside of the spaces of U and V over s; undefined where singular values coincide and dU or dV is not 0.
    """

    saves_output = True
    outlines = True

    def forward(self, x: Any) -> Any:
        cause = "the iteration did not converge; is a value not finite?"
        u, s, v = _lapack(np.linalg.svd, x, False, name="svd", cause=cause)
        return np.concatenate([u, s[..., None, :], v.swapaxes(-1, -2)], -2)

    def shape(self, x: Any) -> tuple[int, ...]:
        m, n = x.shape[-2:]
        return (*x.shape[:-2], m + 1 + n, min(m, n))

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


class Qr(_Factor):
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


class MatrixExponential(_Factor):
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


cholesky, solve, solve_triangular, inverse = Cholesky(), Solve(), SolveTriangular(), Inverse()
pseudoinverse, log_determinant, determinant, cofactors = Pseudoinverse(), LogDeterminant(), Determinant(), Cofactors()
eigh, svd, qr, matrix_exponential = Eigh(), Svd(), Qr(), MatrixExponential()
