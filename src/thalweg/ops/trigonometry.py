"""Trigonometric and hyperbolic functions with their inverses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .arithmetic import rsqrt
from .base import Elementwise, Unary, quiet, safe_mul, where

__all__ = ["acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cos", "cosh", "hypot", "sin", "sinh"]


class Sin(Unary):
    """The sine of an angle in radians."""

    saves = (0,)
    real = True
    forward = staticmethod(quiet(np.sin))

    def derivative(self, y: Any, x: Any) -> Any:
        return cos(x)

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.sin(x)


class Cos(Unary):
    """The cosine of an angle in radians."""

    saves = (0,)
    real = True
    forward = staticmethod(quiet(np.cos))

    def derivative(self, y: Any, x: Any) -> Any:
        return -sin(x)

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.cos(x)


class Atan2(Elementwise):
    """The angle of the point (b, a), in [-pi, pi]; at the origin, where it jumps, both derivatives are 0.

    da = b / r**2, db = -a / r**2 with r**2 = a**2 + b**2.
    """

    saves = (0, 1)
    real = True
    forward = staticmethod(np.arctan2)

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return safe_mul(dy, b / _or_infinite(a * a + b * b))

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return safe_mul(dy, -a / _or_infinite(a * a + b * b))

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.atan2(a, b)


class Hypot(Elementwise):
    """sqrt(a**2 + b**2), without overflow. da = a / y, db = b / y; 0 at the origin, a subgradient."""

    saves = (0, 1)
    saves_output = True
    real = True
    forward = staticmethod(quiet(np.hypot))

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return safe_mul(dy, a / _or_infinite(y))

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return safe_mul(dy, b / _or_infinite(y))

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        a, b = (emit.fabs(x) for x in emit.real(a, b))
        large, small = emit.maximum(a, b), emit.minimum(a, b)
        ratio = emit.select(emit.logical_or(emit.eq(large, 0.0), emit.isinf(large)), 0.0, emit.div(small, large))
        y = emit.mul(large, emit.sqrt(emit.add(emit.mul(ratio, ratio), 1.0)))
        return emit.select(emit.logical_or(emit.isinf(a), emit.isinf(b)), math.inf, y)  # beside NaN too


def _or_infinite(x: Any) -> Any:
    """``x``, infinite where it is 0: what is divided by it becomes 0."""
    return where(x == 0, math.inf, x)


class Asin(Unary):
    """The angle in [-pi/2, pi/2] whose sine is x; NaN beyond ±1. dy/dx = 1 / sqrt((1 - x)(1 + x))."""

    saves = (0,)
    real = True
    forward = staticmethod(quiet(np.arcsin))

    def derivative(self, y: Any, x: Any) -> Any:
        return rsqrt((1 - x) * (1 + x))

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.atan2(x, emit.sqrt(emit.mul(emit.sub(1.0, x), emit.add(1.0, x))))


class Acos(Unary):
    """The angle in [0, pi] whose cosine is x; NaN beyond ±1. dy/dx = -1 / sqrt((1 - x)(1 + x))."""

    saves = (0,)
    real = True
    forward = staticmethod(quiet(np.arccos))

    def derivative(self, y: Any, x: Any) -> Any:
        return -rsqrt((1 - x) * (1 + x))

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.atan2(emit.sqrt(emit.mul(emit.sub(1.0, x), emit.add(1.0, x))), x)


class Atan(Unary):
    """The angle in (-pi/2, pi/2) whose tangent is x. dy/dx = 1 / (1 + x**2)."""

    saves = (0,)
    real = True
    forward = staticmethod(np.arctan)

    def derivative(self, y: Any, x: Any) -> Any:
        return 1.0 / (x * x + 1)

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.atan2(x, emit.constant(1.0, x.dtype))


class Sinh(Unary):
    """(exp(x) - exp(-x)) / 2; the derivative is cosh(x)."""

    saves = (0,)
    real = True
    forward = staticmethod(quiet(np.sinh))

    def derivative(self, y: Any, x: Any) -> Any:
        return cosh(x)

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.sinh(x)


class Cosh(Unary):
    """(exp(x) + exp(-x)) / 2; the derivative is sinh(x)."""

    saves = (0,)
    real = True
    forward = staticmethod(quiet(np.cosh))

    def derivative(self, y: Any, x: Any) -> Any:
        return sinh(x)

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.cosh(x)


class Asinh(Unary):
    """The number whose hyperbolic sine is x. dy/dx = 1 / sqrt(1 + x**2)."""

    saves = (0,)
    real = True
    forward = staticmethod(quiet(np.arcsinh))

    def derivative(self, y: Any, x: Any) -> Any:
        return rsqrt(x * x + 1)

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.asinh(x)


class Acosh(Unary):
    """The number not below 0 whose hyperbolic cosine is x; NaN for x < 1. dy/dx = 1 / sqrt((x - 1)(x + 1))."""

    saves = (0,)
    real = True
    forward = staticmethod(quiet(np.arccosh))

    def derivative(self, y: Any, x: Any) -> Any:
        return rsqrt((x - 1) * (x + 1))

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.acosh(x)


class Atanh(Unary):
    """The number whose hyperbolic tangent is x; ±inf at ±1, NaN beyond. dy/dx = 1 / ((1 - x)(1 + x))."""

    saves = (0,)
    real = True
    forward = staticmethod(quiet(np.arctanh))

    def derivative(self, y: Any, x: Any) -> Any:
        return 1.0 / ((1 - x) * (1 + x))

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.atanh(x)


sin, cos, atan2, hypot = Sin(), Cos(), Atan2(), Hypot()
asin, acos, atan = Asin(), Acos(), Atan()
sinh, cosh, asinh, acosh, atanh = Sinh(), Cosh(), Asinh(), Acosh(), Atanh()
