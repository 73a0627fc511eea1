"""Inverse trigonometric functions, and hyperbolic functions with their inverses."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Unary, quiet
from .elementwise import rsqrt

__all__ = ["acos", "acosh", "asin", "asinh", "atan", "atanh", "cosh", "sinh"]


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


asin, acos, atan = Asin(), Acos(), Atan()
sinh, cosh, asinh, acosh, atanh = Sinh(), Cosh(), Asinh(), Acosh(), Atanh()
