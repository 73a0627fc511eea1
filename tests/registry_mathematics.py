"""Rows of the registry: special functions, order and positions, decompositions of matrices."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from thalweg.ops import (
    bessel,
    bits,
    choices,
    decompositions,
    extremes,
    factoring,
    gamma,
    normal_curve,
    ordering,
    systems,
    trigonometry,
)
from thalweg.ops import elementwise as e

from .samples import ENDS, INF, NAN, POSITIVE, ZEROS, Sample, binary, each, long, unary

__all__ = ["BINARY", "MATRICES", "ORDER", "UNARY"]


def _bessel(order: int, scaled: bool) -> Any:
    """The integral exp(x cos t) cos(n t) over half a turn, by the trapezoid rule, which is exact for periods."""
    t = (np.arange(400) + 0.5) * math.pi / 400

    def formula(x: Any) -> Any:
        wide = np.asarray(x, np.longdouble)[..., None]
        shift = abs(wide) if scaled else 0 * wide
        with np.errstate(all="ignore"):
            return np.mean(np.exp(wide * np.cos(t) - shift) * np.cos(order * t), -1).astype(np.asarray(x).dtype)

    return formula


def _lgamma(x: float) -> float:
    if not math.isfinite(x):
        return abs(x)
    return INF if x <= 0 and x == math.floor(x) else math.lgamma(x)


def _hurwitz(s: Any, q: Any) -> Any:
    """The first 2000 terms, and the rest by Euler and Maclaurin."""
    s, q = np.asarray(s, np.longdouble)[..., None], np.asarray(q, np.longdouble)[..., None]
    k = np.arange(2000)
    w = q[..., 0] + 2000
    rest = w ** (1 - s[..., 0]) / (s[..., 0] - 1) + w ** -s[..., 0] / 2 + s[..., 0] * w ** (-s[..., 0] - 1) / 12
    return ((q + k) ** -s).sum(-1) + rest


def _polygamma(x: Any, n: int) -> Any:
    if n == 0:
        k = np.arange(4000)
        wide = np.asarray(x, np.longdouble)
        w = wide + 4000
        return (np.log(w) - 1 / (2 * w) - 1 / (12 * w * w) - (1 / (wide[..., None] + k)).sum(-1)).astype(x.dtype)
    return ((-1) ** (n + 1) * math.factorial(n) * _hurwitz(n + 1.0, x)).astype(x.dtype)


def _erfcx(x: float) -> float:
    return math.exp(x * x) * math.erfc(x) if x < 25 else 1 / (x * math.sqrt(math.pi)) * (1 - 1 / (2 * x * x))


def _root(f: Any, y: float, low: float, high: float) -> float:
    """Where the increasing f has the value y, by bisection; 0 is tried first."""
    if f(0.0) == y:
        return 0.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if f(middle) < y else (low, middle)
    return (low + high) / 2


def _erfinv(y: float) -> float:
    return y * INF if abs(y) == 1 else _root(math.erf, y, -7, 7) if abs(y) < 1 else NAN


def _ndtri(p: float) -> float:
    inside = 0 < p < 1
    return _root(lambda x: math.erfc(-x / math.sqrt(2)) / 2, p, -40, 40) if inside else {0: -INF, 1: INF}.get(p, NAN)


def _clamped(x: Any, low: Any, high: Any) -> Any:
    y = x if low is None else np.where(x < low, low, x)
    return (y if high is None else np.where(y > high, high, y)).astype(x.dtype)


ALMOST_ONE = (-0.9, 0.9)
UNARY = [
    *unary(trigonometry.asin, long(np.arcsin), (*ZEROS, 1e-6, 1.0, -1.0, 1.5, *ENDS), domain=ALMOST_ONE),
    *unary(trigonometry.acos, long(np.arccos), (*ZEROS, 1e-6, 1.0, -1.0, 1.5, *ENDS), domain=ALMOST_ONE),
    *unary(trigonometry.atan, long(np.arctan), (*ZEROS, 1e-6, 1.0, -1e30, *ENDS)),
    *unary(trigonometry.sinh, long(np.sinh), (*ZEROS, 1e-6, -20.0, 88.0, 89.0, 1000.0, *ENDS)),
    *unary(trigonometry.cosh, long(np.cosh), (*ZEROS, 1e-6, -20.0, 88.0, 89.0, 1000.0, *ENDS)),
    *unary(trigonometry.asinh, long(np.arcsinh), (*ZEROS, 1e-6, 1.0, -1e30, 3e38, *ENDS)),
    *unary(trigonometry.acosh, long(np.arccosh), (0.0, 1.0, 1.5, 1e30, *ENDS), domain=(1.2, 3.0)),
    *unary(trigonometry.atanh, long(np.arctanh), (*ZEROS, 1e-6, 0.5, 1.0, -1.0, 1.5, *ENDS), domain=ALMOST_ONE),
    *unary(e.log2, long(np.log2), (0.0, 1e-30, 0.125, 1.0, 8.0, 1e30, -1.0, INF, NAN), domain=POSITIVE),
    *unary(e.log10, long(np.log10), (0.0, 1e-30, 1.0, 1e30, -1.0, INF, NAN), domain=POSITIVE),
    *unary(e.signbit, lambda x: np.copysign(1.0, x.astype(np.float64)) < 0,
      (*ZEROS, 1.0, -2.0, INF, -INF), kinds="fiub"),
    *[
        Sample(choices.clamp, [(3, 4)], _clamped, {"low": a, "high": b}, kinds="fi")
        for a, b in ((-1, 1), (0, None), (None, 1), (1, -1))
    ],
    *unary(normal_curve.erfc, each(math.erfc), (*ZEROS, 1e-6, 0.4, 2.0, -3.0, 9.0, INF, -INF, NAN)),
    *unary(normal_curve.erfcx, each(_erfcx), (*ZEROS, 1e-6, 0.4, 2.0, 24.0, 1e6, NAN)),
    *unary(normal_curve.erfinv, each(_erfinv), (0.0, 0.3, -0.8, 0.875, 1.0, -1.0, 1.5, NAN), domain=ALMOST_ONE),
    *unary(normal_curve.ndtri, each(_ndtri), (0.0, 1.0, 0.5, 0.25, 0.9375, 2.0, NAN), domain=(0.1, 0.9)),
    *unary(gamma.lgamma, each(_lgamma), (*ZEROS, -1.0, 30.0, INF, -INF, NAN), domain=POSITIVE),
    *unary(bessel.i0, _bessel(0, False), (*ZEROS, 1e-6, 7.5, 8.5, -30.0)),
    *unary(bessel.i0e, _bessel(0, True), (*ZEROS, 1e-6, 7.5, 8.5, -30.0)),
    *unary(bessel.i1, _bessel(1, False), (7.5, 8.5, -30.0)),
    *unary(bessel.i1e, _bessel(1, True), (7.5, 8.5, -30.0)),
    *[Sample(gamma.polygamma, [s], _polygamma, {"n": n}, domain=POSITIVE) for n in (0, 1, 3) for s in ((3, 4), ())],
    Sample(bits.exponent, [np.array([0.0, 1.0, -3.5, INF, 1e-300])], lambda x: np.frexp(np.where(x < INF, x, 0))[1]),
]  # fmt: skip


def _shifted(a: Any, b: Any) -> Any:
    return np.where(b < 64, a * 2 ** np.minimum(b, 50), 0)


BINARY = [
    *binary(e.hypot, lambda a, b: abs(a + 1j * b).astype(a.dtype), domain=(0.1, 2.0)),
    *binary(e.logaddexp, lambda a, b: np.log(np.exp(a) + np.exp(b))),
    Sample(e.bitwise_left_shift, [np.array([[5], [-3]]), np.array([3, 6, 70])], _shifted, kinds="i"),
    Sample(e.bitwise_right_shift, [np.array([[5], [-3]]), np.array([1, 0])], lambda a, b: a // 2**b, kinds="i"),
    Sample(bits.gcd, [np.array([[12], [-8]]), np.array([18, 0])], each(math.gcd)),
    Sample(bits.lcm, [np.array([[12], [-8]]), np.array([18, 0])], each(math.lcm)),
    Sample(bits.nextafter, [np.array([1.0, -2.0]), np.array([2.0, -3.0])], each(math.nextafter)),
    Sample(gamma.zeta, [np.array([2.0, 3.5, 1.25]),
      (3,)], lambda s, q: _hurwitz(s, q).astype(q.dtype), domain=POSITIVE),
]  # fmt: skip


def _order(x: Any, dim: int, descending: bool) -> Any:
    rows = np.moveaxis(x, dim, -1)
    found = np.zeros(rows.shape, np.int64)
    for place in np.ndindex(rows.shape[:-1]):
        found[place] = sorted(range(rows.shape[-1]), key=rows[place].tolist().__getitem__, reverse=descending)
    return np.moveaxis(found, -1, dim)


def _running(best: Any) -> Any:
    def formula(x: Any, dim: int) -> Any:
        rows = np.moveaxis(x, dim, -1)
        found = np.zeros(rows.shape, np.int64)
        for place in np.ndindex(rows.shape):
            seen = rows[place[:-1]][: place[-1] + 1].tolist()
            found[place] = place[-1] - seen[::-1].index(best(seen))
        return np.moveaxis(found, -1, dim)

    return formula


def _places(rows: Any, values: Any, right: bool) -> Any:
    before = rows[..., None, :] <= values[..., None] if right else rows[..., None, :] < values[..., None]
    return before.sum(-1)


def _running_product(x: Any, dim: int) -> Any:
    rows = np.moveaxis(x, dim, -1)
    kind = x.dtype if x.dtype.kind == "f" else np.int64
    parts = [rows[..., : i + 1].prod(-1, dtype=kind) for i in range(rows.shape[-1])]
    return np.moveaxis(np.stack(parts, -1) if parts else np.zeros(rows.shape, kind), -1, dim)


def _scattered(combine: Any) -> Any:
    def formula(x: Any, i: Any, src: Any, dim: int, **params: Any) -> Any:
        y = x.copy()
        for place in np.ndindex(i.shape):
            to = (*place[:dim], int(i[place]), *place[dim + 1 :])
            y[to] = combine(params, y[to], src[place])
        return y

    return formula


def _extreme(params: Any, a: Any, b: Any) -> Any:
    return max(a, b) if params["largest"] else min(a, b)


ROWS = np.array([[-1.0, 0.0, 1.0], [0.5, 0.5, 2.0]])
PLACES = np.array([[0, 3, 3], [1, 1, 0]])
ALONG: list[Any] = [((3, 4), 0), ((2, 3, 2), 1), ((5,), 0), ((0, 3), 0), ((2, 0), 1)]
ORDER = [
    *[Sample(ordering.argsort, [s], _order, {"dim": d, "descending": b}) for s, d in ALONG for b in (False, True)],
    *[
        Sample(
            ordering.topk,
            [s],
            lambda x, dim, k, largest: np.take(_order(x, dim, largest), np.arange(k), dim),
            {"dim": d, "k": k, "largest": b},
        )
        for s, d, k in (((3, 4), 1, 2), ((3, 4), 0, 3), ((2, 3, 2), 1, 1), ((5,), 0, 0), ((0, 3), 1, 2))
        for b in (False, True)
    ],
    *[Sample(ordering.cumargmax, [s], _running(max), {"dim": d}, kinds="fi") for s, d in ALONG],
    *[Sample(ordering.cumargmin, [s], _running(min), {"dim": d}, kinds="fi") for s, d in ALONG],
    *[Sample(ordering.cumprod, [s], _running_product, {"dim": d}, kinds="fiub") for s, d in ALONG],
    *[
        Sample(ordering.searchsorted, [r, s], _places, {"right": b}, misfits=(((2, 3), (3, 1)),))
        for r, s in ((ROWS[0], (2, 2)), (ROWS, (2, 5)), (ROWS[0], ()))
        for b in (False, True)
    ],
    *[
        Sample(extremes.scatter_multiply, [s, i, t], _scattered(lambda p, a, b: a * b), {"dim": d})
        for s, i, t, d in (((3, 4), PLACES, (2, 3), 1), ((5,), np.array([4, 4, 0]), (3,), 0))
    ],
    *[
        Sample(extremes.scatter_extreme, [s, i, t], _scattered(_extreme), {"dim": d, "largest": g})
        for s, i, t, d in (((3, 4), PLACES, (2, 3), 1), ((5,), np.array([4, 4, 0]), (3,), 0))
        for g in (False, True)
    ],
]


def _definite(*shape: int) -> Any:
    """Symmetric positive definite matrices."""
    x = np.random.default_rng(3).normal(size=shape)
    return x @ x.swapaxes(-1, -2) + 3 * np.eye(shape[-1])


def _by_columns(x: Any) -> Any:
    """Cholesky's triangle, one element after the other."""
    y = np.zeros_like(x)
    for place in np.ndindex(x.shape[:-2]):
        a, low = x[place], y[place]
        for j in range(a.shape[0]):
            low[j, j] = math.sqrt(a[j, j] - low[j, :j] @ low[j, :j])
            for i in range(j + 1, a.shape[0]):
                low[i, j] = (a[i, j] - low[i, :j] @ low[j, :j]) / low[j, j]
    return y


def _eliminated(a: Any, b: Any) -> Any:
    """Gauss and Jordan's elimination."""
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = np.broadcast_to(a, (*shape, *a.shape[-2:])).copy()
    b = np.broadcast_to(b, (*shape, *b.shape[-2:])).copy()
    for place in np.ndindex(shape):
        m, y = a[place], b[place]
        for j in range(m.shape[0]):
            p = j + int(np.argmax(abs(m[j:, j])))
            m[[j, p]], y[[j, p]] = m[[p, j]], y[[p, j]]
            y[j], m[j] = y[j] / m[j, j], m[j] / m[j, j]
            for i in range(m.shape[0]):
                if i != j:
                    y[i], m[i] = y[i] - m[i, j] * y[j], m[i] - m[i, j] * m[j]
    return b


def _triangular(a: Any, b: Any, upper: bool, transposed: bool) -> Any:
    a = np.triu(a) if upper else np.tril(a)
    return _eliminated(a.swapaxes(-1, -2) if transposed else a, b)


def _leibniz(x: Any) -> Any:
    """The determinant by expansion along the first row."""
    n = x.shape[-1]
    if n == 0:
        return np.ones(x.shape[:-2], x.dtype)
    minors = (np.delete(x[..., 1:, :], j, -1) for j in range(n))
    return sum((-1) ** j * x[..., 0, j] * _leibniz(m) for j, m in enumerate(minors))


def _cofactors(x: Any) -> Any:
    n, y = x.shape[-1], np.zeros_like(x)
    for i in range(n):
        for j in range(n):
            y[..., i, j] = (-1) ** (i + j) * _leibniz(np.delete(np.delete(x, i, -2), j, -1))
    return y


def _log_determinant(x: Any) -> Any:
    d = np.asarray(_leibniz(x))
    return np.stack([np.sign(d), np.log(abs(d))], -1).astype(x.dtype)


def _series(x: Any) -> Any:
    total = term = np.broadcast_to(np.eye(x.shape[-1]), x.shape)
    for k in range(1, 60):
        term = term @ x / k
        total = total + term
    return total.astype(x.dtype)


def _normal_equations(x: Any, atol: float, rtol: float) -> Any:
    t = x.swapaxes(-1, -2)
    if x.shape[-2] >= x.shape[-1]:
        return _eliminated(t @ x, t)
    return _eliminated(x @ t, x).swapaxes(-1, -2)


def _identity(x: Any) -> Any:
    return np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), x.shape)


def _jacobi(x: Any) -> tuple[Any, Any]:
    """Eigenvalues, ascending, and eigenvectors of a symmetric matrix, by rotations."""
    a, v = x.astype(np.float64), np.eye(x.shape[-1])
    for _ in range(50):
        for p in range(len(a)):
            for q in range(p + 1, len(a)):
                angle = 0.5 * math.atan2(2 * a[p, q], a[q, q] - a[p, p])
                turn = np.eye(len(a))
                turn[p, p] = turn[q, q] = math.cos(angle)
                turn[p, q], turn[q, p] = math.sin(angle), -math.sin(angle)
                a, v = turn.T @ a @ turn, v @ turn
    order = np.argsort(np.diag(a))
    return np.diag(a)[order], v[:, order]


def _values_and_vectors(x: Any) -> Any:
    w, v = _jacobi(x)
    return np.concatenate([w[None], v])


def _singular_parts(x: Any) -> Any:
    """The rows of U, the singular values, the rows of V, from the eigenvectors of x^T x or x x^T."""
    tall = x.shape[0] >= x.shape[1]
    w, v = _jacobi(x.T @ x if tall else x @ x.T)
    s, v = np.sqrt(w[::-1]), v[:, ::-1]
    other = (x if tall else x.T) @ v / s
    return np.concatenate([other, s[None], v] if tall else [v, s[None], other])


def _orthonormal_parts(x: Any) -> Any:
    """The rows of Q and of R^T, by Gram and Schmidt's process."""
    m, n = x.shape
    q = np.zeros((m, min(m, n)))
    for j in range(q.shape[1]):
        rest = x[:, j] - q[:, :j] @ (q[:, :j].T @ x[:, j])
        rest = rest - q[:, :j] @ (q[:, :j].T @ rest)
        q[:, j] = rest / np.linalg.norm(rest)
    return np.concatenate([q, x.T @ q])


def _like_signs(found: Any, y: Any, kept: int | None) -> Any:
    """Columns turned to the signs of y's; the row ``kept`` has no sign to turn."""
    largest = abs(y).argmax(-2, keepdims=True) if kept is None else None
    if largest is None:
        rest = np.delete(y, kept, -2)
        mine = np.delete(found, kept, -2)
        largest = abs(rest).argmax(-2, keepdims=True)
        sign = np.sign(np.take_along_axis(rest, largest, -2) * np.take_along_axis(mine, largest, -2))
        turned = found * sign
        turned[..., kept, :] = found[..., kept, :]
        return turned.astype(y.dtype)
    sign = np.sign(np.take_along_axis(y, largest, -2) * np.take_along_axis(found, largest, -2))
    return (found * sign).astype(y.dtype)


def _up_to_signs(primitive: Any, f: Any, kept: Any) -> Any:
    """``f`` of each matrix of a batch, whose columns have the signs that the primitive gives them."""

    def formula(x: Any) -> Any:
        y = np.asarray(primitive.forward(x))
        found = np.stack([f(m.astype(np.float64)) for m in x.reshape(-1, *x.shape[-2:])]).reshape(y.shape)
        return _like_signs(found, y, kept(x))

    return formula


def _normal(x: Any) -> Any:
    """The vector at a right angle to two others."""
    return np.cross(x[:, 0], x[:, 1])[:, None]


def _nothing(x: Any) -> None:
    return None


SYMMETRIC = [_definite(3, 3) - 4 * np.eye(3), _definite(2, 2, 2)]
EIGEN = _up_to_signs(decompositions.eigh, _values_and_vectors, lambda x: 0)
SINGULAR = _up_to_signs(decompositions.svd, _singular_parts, lambda x: x.shape[-2])
ORTHONORMAL = _up_to_signs(decompositions.qr, _orthonormal_parts, _nothing)
COMPLETED = _up_to_signs(factoring.complement, _normal, _nothing)
BAD_SQUARES = (((2, 3),), ((3,),))
DEFINITE = [_definite(3, 3), _definite(2, 2, 2)]
SQUARES = [(3, 3), (2, 2, 2), (1, 1)]
SYSTEMS: list[Any] = [((3, 3), (3, 2)), ((2, 2, 2), (2, 1)), ((2, 2), (3, 2, 2))]
_MATRICES = [
    *[Sample(decompositions.cholesky, [x], _by_columns, misfits=BAD_SQUARES) for x in DEFINITE],
    *[Sample(systems.inverse, [s], lambda x: _eliminated(x, _identity(x)), misfits=BAD_SQUARES)
      for s in SQUARES],
    *[Sample(systems.solve, [a, b], _eliminated, misfits=(((2, 3), (3, 1)), ((2, 2), (3, 1))))
      for a, b in SYSTEMS],
    *[
        Sample(systems.solve_triangular, [a, b], _triangular, {"upper": u, "transposed": t}, domain=[(1, 3),
          (-2, 2)])
        for a, b in SYSTEMS
        for u in (False, True)
        for t in (False, True)
    ],
    *[Sample(systems.determinant, [s], _leibniz, misfits=BAD_SQUARES) for s in SQUARES],
    *[Sample(systems.log_determinant, [s], _log_determinant, misfits=BAD_SQUARES) for s in SQUARES],
    *[Sample(systems.cofactors, [s], _cofactors) for s in SQUARES],
    *[Sample(decompositions.matrix_exponential, [s], _series, misfits=BAD_SQUARES) for s in SQUARES],
    *[
        Sample(systems.pseudoinverse, [s], _normal_equations, {"atol": 0.0, "rtol": 1e-9})
        for s in ((4, 3), (2, 4), (2, 3, 2))
    ],
    *[Sample(decompositions.eigh, [x], EIGEN, misfits=BAD_SQUARES) for x in SYMMETRIC],
    *[Sample(decompositions.svd, [s], SINGULAR) for s in ((3, 2), (2, 4), (2, 2, 2))],
    *[Sample(decompositions.qr, [s], ORTHONORMAL) for s in ((3, 2), (2, 4), (2, 3, 3))],
    Sample(factoring.complement, [np.linalg.qr(np.arange(6.0).reshape(3, 2) % 4)[0]], COMPLETED),
]  # fmt: skip
MATRICES = [dataclasses.replace(sample, half=False) for sample in _MATRICES]
