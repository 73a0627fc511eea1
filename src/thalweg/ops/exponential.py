"""Exponentials, logarithms and what is made of them, each with its derivative."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import special
from .base import Elementwise, Unary, quiet, safe_mul, where
from .logic import isinf

__all__ = [
    "erf", "exp", "expm1", "log", "log1p", "log2", "log10", "logaddexp", "sigmoid", "softplus", "tanh",
]  # fmt: skip

TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)


class Exp(Unary):
    """e ** x."""

    saves_output = True
    real = True
    forward = staticmethod(quiet(np.exp))

    def derivative(self, y: Any, x: Any) -> Any:
        return y

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.exp(x)


class Expm1(Unary):
    """exp(x) - 1, accurate near 0."""

    saves_output = True
    real = True
    forward = staticmethod(quiet(np.expm1))

    def derivative(self, y: Any, x: Any) -> Any:
        return y + 1

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.expm1(x)


class Log(Unary):
    """The natural logarithm: -inf at 0, NaN for x < 0. The derivative is 1 / x, +inf at 0."""

    saves = (0,)
    real = True
    forward = staticmethod(quiet(np.log))

    def derivative(self, y: Any, x: Any) -> Any:
        return 1.0 / x

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.log(x)


class Log1p(Unary):
    """log(1 + x), accurate near 0."""

    saves = (0,)
    real = True
    forward = staticmethod(quiet(np.log1p))

    def derivative(self, y: Any, x: Any) -> Any:
        return 1.0 / (x + 1)

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.log1p(x)


class Log2(Unary):
    """The logarithm to base 2, exact for powers of 2. The derivative is 1 / (x log(2))."""

    saves = (0,)
    real = True
    forward = staticmethod(quiet(np.log2))

    def derivative(self, y: Any, x: Any) -> Any:
        return 1.0 / (x * math.log(2))

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.log2(x)


class Log10(Unary):
    """The logarithm to base 10. The derivative is 1 / (x log(10))."""

    saves = (0,)
    real = True
    forward = staticmethod(quiet(np.log10))

    def derivative(self, y: Any, x: Any) -> Any:
        return 1.0 / (x * math.log(10))

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.log10(x)


class Logaddexp(Elementwise):
    """log(exp(a) + exp(b)), without overflow. da = sigmoid(a - b), db = sigmoid(b - a)."""

    saves = (0, 1)
    real = True
    forward = staticmethod(quiet(np.logaddexp))

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return safe_mul(dy, sigmoid(_difference(a, b)))

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return safe_mul(dy, sigmoid(_difference(b, a)))

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        a, b = emit.real(a, b)
        distance = emit.select(emit.eq(a, b), 0.0, emit.fabs(emit.sub(a, b)))  # of equal infinities too
        return emit.add(emit.maximum(a, b), emit.log1p(emit.exp(emit.neg(distance))))


def _difference(a: Any, b: Any) -> Any:
    """a - b, 0 for equal infinities."""
    alike = isinf(a) & (a == b) if hasattr(a, "dtype") else isinf(b) & (b == a)
    return where(alike, 0.0, a) - where(alike, 0.0, b)


class Tanh(Unary):
    """The hyperbolic tangent.

    The derivative is written (1 - y)(1 + y) and read from the output: 1 / cosh(x)**2 is the same number, but its
    own derivative is NaN once cosh overflows. Where y rounds to ±1 it is exactly 0. DLMF 4.34.8.
    """

    saves_output = True
    real = True
    forward = staticmethod(np.tanh)

    def derivative(self, y: Any, x: Any) -> Any:
        return (1 - y) * (1 + y)

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.tanh(x)


class Sigmoid(Unary):
    """1 / (1 + exp(-x)), without overflow; the derivative is y (1 - y)."""

    saves_output = True
    real = True

    @staticmethod
    @quiet
    def forward(x: Any) -> Any:
        # exp(-x) overflows to inf for very negative x, and 1 / (1 + inf) = 0 is the right limit, but the
        # relative error is large just before; exp(x) / (1 + exp(x)) is accurate there.
        e = np.exp(-np.abs(x))
        return np.where(x < 0, e, 1) / (1 + e)

    def derivative(self, y: Any, x: Any) -> Any:
        return y * (1 - y)

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.sigmoid(x)


class Softplus(Unary):
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)), without overflow; the derivative is sigmoid(x)."""

    saves = (0,)
    real = True

    @staticmethod
    @quiet
    def forward(x: Any) -> Any:
        return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))

    def derivative(self, y: Any, x: Any) -> Any:
        return sigmoid(x)

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.softplus(x)


class Erf(Unary):
    """The error function; the derivative is 2 / sqrt(pi) * exp(-x**2)."""

    saves = (0,)
    real = True

    forward = staticmethod(special.erf)

    def derivative(self, y: Any, x: Any) -> Any:
        return TWO_OVER_SQRT_PI * exp(-x * x)

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.erf(x)


exp, expm1, log, log1p, log2, log10 = Exp(), Expm1(), Log(), Log1p(), Log2(), Log10()
logaddexp, tanh, sigmoid, softplus, erf = Logaddexp(), Tanh(), Sigmoid(), Softplus(), Erf()
