"""Solutions of linear systems, inverses and determinants, batched over leading axes, by LAPACK through NumPy.

References for the derivatives: Giles (2008), Collected matrix derivative results; Golub and Pereyra (1973), The
differentiation of pseudo-inverses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.primitive import Primitive, size_of
from ..errors import LinAlgError, ShapeError
from .base import quiet, safe_mul, where
from .broadcast import aligned, reshape, sum_, sum_to
from .elementwise import neg
from .linalg import matmul, transpose_last
from .shape import index

__all__ = [
    "cofactors", "determinant", "inverse", "log_determinant", "pseudoinverse", "solve", "solve_triangular",
]  # fmt: skip


def lapack(function: Callable[..., Any], *arrays: Any, name: str, cause: str, **kwargs: Any) -> Any:
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


def svd_flops(x: Any) -> int:
    """Of the singular value decomposition of (..., m, n) matrices: 14 m n**2 + 8 n**3 for m >= n.

    These and the other counts of matrix functions are the leading terms in Golub and Van Loan (2013), Matrix
    computations.
    """
    n, m = sorted(x.shape[-2:])
    return 14 * size_of(x) * n + 8 * size_of(x) * n * n // max(m, 1)


class Factor(Primitive):
    """A function of one batch of matrices; a batch more is an axis more in front."""

    def batch(self, size: int, inputs: Any, batched: Any, **params: Any) -> Any:
        return self(*inputs, **params)


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
        return lapack(np.linalg.solve, a, b, name="solve", cause=cause)

    def shape(self, a: Any, b: Any) -> tuple[int, ...]:
        return _system_shape(a, b, self.name)

    def flops(self, y: Any, a: Any, b: Any, **params: Any) -> int:
        return 2 * size_of(a) * a.shape[-1] // 3 + 2 * size_of(y) * a.shape[-1]

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

    def flops(self, y: Any, a: Any, b: Any, **params: Any) -> int:
        return size_of(y) * a.shape[-1]

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


class Inverse(Factor):
    """The inverse matrix. dx = -y^T dy y^T."""

    saves_output = True

    def forward(self, x: Any) -> Any:
        cause = "the matrix is singular; use pinv"
        return lapack(np.linalg.inv, x, name="inv", cause=cause)

    def shape(self, x: Any) -> tuple[int, ...]:
        require_square(x, self.name)
        return tuple(x.shape)

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return 2 * size_of(y) * y.shape[-1]

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        t = transpose_last(y)
        return neg(matmul(matmul(t, dy), t))


class Pseudoinverse(Factor):
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

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return svd_flops(inputs[0]) + 2 * size_of(y) * min(y.shape[-2:])

    def pullback_0(self, dy: Any, y: Any, x: Any, atol: float, rtol: float) -> Any:
        yt, dyt = transpose_last(y), transpose_last(dy)
        left = matmul(dyt, matmul(y, yt))
        right = matmul(matmul(yt, y), dyt)
        direct = matmul(matmul(yt, dy), yt)
        return left - matmul(x, matmul(y, left)) + right - matmul(matmul(right, y), x) - direct


class LogDeterminant(Factor):
    """(sign, log|det x|) along a new last axis. dx = x^-T for the logarithm; the sign has no derivative."""

    saves = (0,)

    def forward(self, x: Any) -> Any:
        sign, logarithm = np.linalg.slogdet(x)
        return np.stack([sign, logarithm], -1).astype(x.dtype)

    def shape(self, x: Any) -> tuple[int, ...]:
        require_square(x, self.name)
        return (*x.shape[:-2], 2)

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return 2 * size_of(inputs[0]) * inputs[0].shape[-1] // 3

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        slope = index(dy, index=(Ellipsis, slice(1, 2)))
        return reshape(slope, shape=(*slope.shape, 1)) * transpose_last(inverse(x))


class Determinant(Factor):
    """The determinant. dx = dy times the cofactors, also of singular matrices."""

    saves = (0,)

    def forward(self, x: Any) -> Any:
        return np.asarray(np.linalg.det(x)).astype(x.dtype)

    def shape(self, x: Any) -> tuple[int, ...]:
        require_square(x, self.name)
        return tuple(x.shape[:-2])

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return 2 * size_of(inputs[0]) * inputs[0].shape[-1] // 3

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        return safe_mul(reshape(dy, shape=(*dy.shape, 1, 1)), cofactors(x))


class Cofactors(Factor):
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

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return svd_flops(inputs[0]) + 2 * size_of(y) * min(y.shape[-2:])

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        t = transpose_last(inverse(x))
        total = sum_(dy * t, dims=(dy.ndim - 2, dy.ndim - 1), keepdim=True)
        return total * y - matmul(matmul(t, transpose_last(dy)), y)


solve, solve_triangular, inverse, pseudoinverse = Solve(), SolveTriangular(), Inverse(), Pseudoinverse()
log_determinant, determinant, cofactors = LogDeterminant(), Determinant(), Cofactors()
