"""The gamma function's logarithm and that one's derivatives, and the Hurwitz zeta function.

Arguments below 1/2 are reflected, small ones are shifted up by the recurrence, and the rest are asymptotic series.
Reference: DLMF, sections 5.5, 5.11, 5.15 and 25.11.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import FLOAT64
from .base import Elementwise, convert, quiet, safe_mul, where
from .elementwise import abs_, cos, isinf, log, lt, pow_, round_, sin
from .series import Formula

__all__ = ["lgamma", "polygamma", "zeta"]

SHIFT = 10  # from where on the series are used
# Bernoulli numbers B_2, B_4, ...
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)


def _reflected(x: Any) -> tuple[Any, Any, Any]:
    """Where x is below 1/2; 1 - x there, x elsewhere; and x less the nearest integer, for sin(pi x)."""
    low = lt(x, 0.5)
    return low, where(low, 1.0 - x, x), x - round_(x)


class Lgamma(Formula):
    """log|gamma(x)|; inf at 0 and the negative integers. Its derivative is digamma(x)."""

    @staticmethod
    def formula(x: Any) -> Any:
        low, z, r = _reflected(x)
        y = _log_gamma(z)
        y = where(low, log(math.pi / abs_(sin(r * math.pi))) - y, y)
        return where(isinf(x), math.inf, y)

    def derivative(self, y: Any, x: Any) -> Any:
        return polygamma(x, n=0)


def _log_gamma(z: Any) -> Any:
    """For z >= 1/2, by Stirling's series."""
    product = z
    for k in range(1, SHIFT):
        product = product * (z + float(k))
    small = lt(z, float(SHIFT))
    w = where(small, z + float(SHIFT), z)
    inverse = 1.0 / w
    square, power, total = inverse * inverse, inverse, w * 0.0
    for k, b in enumerate(BERNOULLI, 1):
        total = total + power * (b / (2 * k * (2 * k - 1)))
        power = power * square
    y = (w - 0.5) * log(w) - w + (0.5 * math.log(2 * math.pi)) + total
    return y - where(small, log(where(small, product, 1.0)), 0.0)


class Polygamma(Formula):
    """The derivative of order n + 1 of log(gamma(x)): digamma for n = 0, trigamma for 1.

    Poles are infinite; digamma is NaN at negative integers, as PyTorch's.
    """

    has_params = True

    def forward(self, x: Any, n: int) -> Any:  # type: ignore[override]
        return _polygamma(np.asarray(x), n)

    def compose(self, x: Any, n: int) -> Any:  # type: ignore[override]
        return convert(_polygamma_formula(convert(x, dtype=FLOAT64), n), dtype=x.dtype)

    def pullback_0(self, dy: Any, y: Any, x: Any, n: int) -> Any:  # type: ignore[override]
        return safe_mul(dy, polygamma(x, n=n + 1))


@quiet
def _polygamma(x: Any, n: int) -> Any:
    return np.asarray(_polygamma_formula(x.astype(FLOAT64), n)).astype(x.dtype)


def _polygamma_formula(x: Any, n: int) -> Any:
    """By reflection: psi_n(x) = (-1)**n psi_n(1 - x) - pi**(n + 1) p_n(cot(pi x)), p_n from cot's derivatives."""
    low, z, r = _reflected(x)
    y = _digamma(z) if n == 0 else _hurwitz(float(n + 1), z) * ((-1.0) ** (n + 1) * math.factorial(n))
    cotangent = cos(r * math.pi) / sin(r * math.pi)
    polynomial = np.polynomial.Polynomial([0.0, 1.0])
    for _ in range(n):
        polynomial = polynomial.deriv() * np.polynomial.Polynomial([-1.0, 0.0, -1.0])
    mirrored = _terms(polynomial.coef, cotangent)
    y = where(low, y * (-1.0) ** n - mirrored * math.pi ** (n + 1), y)
    if n:
        return y
    pole = (r == 0) & lt(x, 0.5)
    return where(pole, where(x == 0, -1.0 / x, math.nan), y)


def _terms(coefficients: Any, x: Any) -> Any:
    """A polynomial, the constant first, without 0 * inf for powers that do not occur."""
    total, power = coefficients[0], x
    for c in coefficients[1:]:
        total = total + power * float(c) if c else total
        power = power * x
    return total


def _digamma(z: Any) -> Any:
    """For z >= 1/2."""
    small = lt(z, float(SHIFT))
    below = 1.0 / z
    for k in range(1, SHIFT):
        below = below + 1.0 / (z + float(k))
    w = where(small, z + float(SHIFT), z)
    inverse = 1.0 / w
    square = inverse * inverse
    power, total = square, w * 0.0
    for k, b in enumerate(BERNOULLI, 1):
        total = total + power * (b / (2 * k))
        power = power * square
    return log(w) - inverse * 0.5 - where(isinf(w), 0.0, total) - where(small, below, 0.0)


def _hurwitz(s: Any, q: Any) -> Any:
    """The sum of (q + k)**-s over k >= 0 for q > 0, by Euler and Maclaurin; s is a number or a value."""
    minus = s * -1.0
    total = pow_(q, minus)
    for k in range(1, SHIFT):
        total = total + pow_(q + float(k), minus)
    w = q + float(SHIFT)
    edge = pow_(w, minus)
    total = total + edge * w / (s - 1.0) + edge * 0.5
    rising, power = s, edge / w
    for k, b in enumerate(BERNOULLI, 1):
        total = total + rising * power * (b / math.factorial(2 * k))
        rising = rising * (s + float(2 * k - 1)) * (s + float(2 * k))
        power = power / (w * w)
    return total


class Zeta(Elementwise):
    """The Hurwitz zeta function: the sum of (q + k)**-s over k = 0, 1, ..., for s > 1 and q > 0; NaN for other q.

    dq = -s zeta(s + 1, q); by s there is no derivative, as in PyTorch.
    """

    saves = (0, 1)
    real = True

    @staticmethod
    @quiet
    def forward(s: Any, q: Any) -> Any:
        dtype = np.result_type(getattr(s, "dtype", q), getattr(q, "dtype", s)) if hasattr(s, "dtype") else q.dtype
        return np.asarray(_zeta(np.asarray(s, FLOAT64), np.asarray(q, FLOAT64))).astype(dtype)

    def compose(self, s: Any, q: Any) -> Any:
        dtype = self.dtype(s, q)
        wide = [convert(x, dtype=FLOAT64) if hasattr(x, "dtype") else x for x in (s, q)]
        return convert(_zeta(*wide), dtype=dtype)

    def pullback_1(self, dy: Any, y: Any, s: Any, q: Any) -> Any:
        return safe_mul(dy, zeta(s + 1, q) * -s)


def _zeta(s: Any, q: Any) -> Any:
    y = where(lt(0.0, q), _hurwitz(s, where(lt(0.0, q), q, 1.0)), where(q == 0, math.inf, math.nan))
    return where(lt(1.0, s) if hasattr(s, "dtype") else np.asarray(s > 1), y, where(s == 1, math.inf, math.nan))


lgamma, zeta = Lgamma(), Zeta()
polygamma: Any = Polygamma()  # Any: it has a parameter, which Unary's annotations don't know
