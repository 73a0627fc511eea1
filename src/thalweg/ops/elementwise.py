"""Elementwise arithmetic and functions, each with its derivative.

At places where the derivative is infinite or undefined the docstring says what is returned. Everywhere a
cotangent of exactly 0 stays 0: ``where(x > 0, sqrt(x), x)`` has a finite gradient at x < 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import BOOL, bool_
from ..core.tensor import Tensor
from ..errors import DtypeError
from . import special
from .base import Elementwise, Unary, convert, isfinite, quiet, safe_mul, where
from .logic import (
    bitwise_and,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    eq,
    ge,
    gt,
    isinf,
    isnan,
    le,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    ne,
    signbit,
)

TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)


# -- sums, products, powers -------------------------------------------------------------------------------


class Add(Elementwise):
    """a + b."""

    forward = staticmethod(np.add)

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return dy

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return dy

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.add(a, b)


class Sub(Elementwise):
    """a - b; not for boolean tensors, as PyTorch."""

    forward = staticmethod(np.subtract)

    def promote(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        if any(isinstance(x, Tensor) and x._value.dtype == BOOL for x in args):
            raise self.misfit(*args)
        return super().promote(args)

    def misfit(self, *values: Any) -> Exception:
        if any(getattr(v, "dtype", None) in (BOOL, bool_) for v in values):
            return DtypeError("sub: boolean tensors can't be subtracted; invert a mask with ~, or convert it by .int()")
        return super().misfit(*values)

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return dy

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return -dy

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.sub(a, b)


class Mul(Elementwise):
    """a * b."""

    saves = (0, 1)
    bilinear = True
    forward = staticmethod(np.multiply)

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return safe_mul(dy, b)

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return safe_mul(dy, a)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.mul(a, b)


class Div(Elementwise):
    """a / b in floating point.

    x / 0 is ±inf (NaN for 0 / 0); there d/da = ±inf and d/db = NaN or ±inf by the formulas 1 / b and -y / b.
    """

    saves = (1,)
    saves_output = True
    real = True
    forward = staticmethod(quiet(np.divide))

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return safe_mul(dy, _inverse(b))

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return safe_mul(dy, -y / b)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.div(a, b)


def _inverse(b: Any) -> Any:
    """1 / b, ±inf at 0 for Python numbers too."""
    return math.copysign(math.inf, b) if isinstance(b, (int, float)) and b == 0 else 1.0 / b


class Pow(Elementwise):
    """a ** b.

    d/da = b a**(b-1), exactly 0 where b = 0, also at a = 0 (x ** 0 is the constant 1).
    d/db = y log(a), exactly 0 where a = 0 and b >= 0, as in PyTorch; NaN for a < 0.
    """

    saves = (0, 1)
    saves_output = True

    @staticmethod
    def forward(a: Any, b: Any) -> Any:
        if type(b) is int or type(b) is float:
            if b == 2:
                return np.multiply(a, a)
            if b == 3:
                return a * a * a
            if b == 0.5:
                return _sqrt(a)
        _refuse_booleans(a, b, "pow")
        return _power(a, b)

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        if isinstance(b, (int, float)):
            if b == 0:
                return dy * 0
            return dy if b == 1 else safe_mul(dy, b * a ** (b - 1))
        return safe_mul(dy, where(b == 0, 0.0, b * a ** where(b == 0, 1.0, b - 1)))

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        if isinstance(a, (int, float)):
            slope = y * math.log(a) if a > 0 else where(b >= 0, 0.0, -math.inf) if a == 0 else y * math.nan
            return safe_mul(dy, slope)
        known = (a == 0) & (b >= 0)
        return safe_mul(dy, where(known, 0.0, y * log(where(known, 1.0, a))))

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.pow(a, b)


_power = quiet(np.power)
_sqrt = quiet(np.sqrt)


class Neg(Unary):
    """-x; not for boolean tensors."""

    def forward(self, x: Any) -> Any:
        if x.dtype == BOOL:
            raise DtypeError("neg: a boolean tensor has no negative; invert a mask with ~, or convert it by .int()")
        return np.negative(x)

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        return -dy

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.neg(x)


class Abs(Unary):
    """|x|; the derivative is sign(x), 0 at 0."""

    saves = (0,)
    forward = staticmethod(np.absolute)

    def derivative(self, y: Any, x: Any) -> Any:
        return sign(x)

    def lower(self, emit: Any, x: Any) -> Any:
        if x.dtype.kind == "f":
            return emit.fabs(x)
        return emit.select(emit.lt(x, 0), emit.neg(x), x) if x.dtype.kind == "i" else x


class Sign(Unary):
    """-1, 0 or 1; its derivative is 0. NaN stays NaN (PyTorch makes it 0, which would hide it)."""

    def forward(self, x: Any) -> Any:
        return np.sign(x) if x.dtype.kind != "b" else x.copy()

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        return dy * 0

    def lower(self, emit: Any, x: Any) -> Any:
        if x.dtype.kind in "bu":
            return emit.minimum(x, 1)
        return emit.select(emit.gt(x, 0), 1, emit.select(emit.lt(x, 0), -1, emit.add(x, 0)))  # no -0, as in NumPy


class Reciprocal(Unary):
    """1 / x; infinite at 0, with derivative -inf there."""

    saves_output = True
    real = True
    forward = staticmethod(quiet(np.reciprocal))

    def derivative(self, y: Any, x: Any) -> Any:
        return -y * y

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.div(1.0, x)


class Sqrt(Unary):
    """The square root: NaN for x < 0. At 0 the derivative is +inf, the second derivative -inf."""

    saves_output = True
    real = True
    forward = staticmethod(_sqrt)

    def derivative(self, y: Any, x: Any) -> Any:
        return 0.5 / y

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.sqrt(x)


class Rsqrt(Unary):
    """1 / sqrt(x): inf at 0, NaN for x < 0."""

    saves_output = True
    real = True

    @staticmethod
    @quiet
    def forward(x: Any) -> Any:
        return 1 / np.sqrt(x)

    def derivative(self, y: Any, x: Any) -> Any:
        return -0.5 * y * y * y

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.div(1.0, emit.sqrt(x))


# -- exponentials -----------------------------------------------------------------------------------------


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


class LogAddExp(Elementwise):
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


# -- trigonometry -----------------------------------------------------------------------------------------


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


def _or_infinite(x: Any) -> Any:
    """``x``, infinite where it is 0: what is divided by it becomes 0."""
    return where(x == 0, math.inf, x)


# -- choices ----------------------------------------------------------------------------------------------


class Relu(Unary):
    """max(x, 0), NaN for NaN; the derivative at 0 is 0, as in PyTorch."""

    saves_output = True

    def forward(self, x: Any) -> Any:
        return np.maximum(x, 0)

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        return safe_mul(y != 0, dy)  # 0 where y is 0, whatever dy is; NumPy's where would take twice as long

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.select(emit.lt(x, 0), 0, x)  # NaN stays


class Maximum(Elementwise):
    """The larger of a and b, NaN if one is NaN.

    Where they are equal each gets half of the cotangent; where one is NaN both get it all.
    """

    saves = (0, 1)
    forward = staticmethod(np.maximum)

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return where(a == b, dy * 0.5, where(a < b, 0.0, dy))

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return where(a == b, dy * 0.5, where(a > b, 0.0, dy))

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.maximum(a, b)


class Minimum(Elementwise):
    """The smaller of a and b, NaN if one is NaN.

    Where they are equal each gets half of the cotangent; where one is NaN both get it all.
    """

    saves = (0, 1)
    forward = staticmethod(np.minimum)

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return where(a == b, dy * 0.5, where(a > b, 0.0, dy))

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return where(a == b, dy * 0.5, where(a < b, 0.0, dy))

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.minimum(a, b)


# -- integers and rounding --------------------------------------------------------------------------------


class _Rounding(Unary):
    """A staircase: its derivative is 0."""

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        return dy * 0


class Floor(_Rounding):
    """The largest integer not above x."""

    def forward(self, x: Any) -> Any:
        return np.floor(x) if x.dtype.kind == "f" else x.copy()

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.floor(x) if x.dtype.kind == "f" else x


class Ceil(_Rounding):
    """The smallest integer not below x."""

    def forward(self, x: Any) -> Any:
        return np.ceil(x) if x.dtype.kind == "f" else x.copy()

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.ceil(x) if x.dtype.kind == "f" else x


class Trunc(_Rounding):
    """x without its fraction."""

    def forward(self, x: Any) -> Any:
        return np.trunc(x) if x.dtype.kind == "f" else x.copy()

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.trunc(x) if x.dtype.kind == "f" else x


class Round(_Rounding):
    """The nearest integer, halves to even."""

    def forward(self, x: Any) -> Any:
        return np.rint(x) if x.dtype.kind == "f" else x.copy()

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.rint(x) if x.dtype.kind == "f" else x


class FloorDivide(Elementwise):
    """floor(a / b); integers divided by zero raise ZeroDivisionError, as PyTorch does."""

    def forward(self, a: Any, b: Any) -> Any:
        _refuse_zero(a, b, "floor_divide")
        return _floor_divide(a, b)

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return dy * 0

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return dy * 0

    def limits(self, a: Any, b: Any) -> Any:
        return _zero_limits(a, b, self.name)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        """Native code can't raise: an integer divided by zero gives 0."""
        return emit.floor_divide(a, b)


class Remainder(Elementwise):
    """a - b floor(a / b): the sign is b's, as in Python."""

    saves = (0, 1)

    def forward(self, a: Any, b: Any) -> Any:
        _refuse_zero(a, b, "remainder")
        return _remainder(a, b)

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return dy

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return safe_mul(dy, -floor(a / b))

    def limits(self, a: Any, b: Any) -> Any:
        return _zero_limits(a, b, self.name)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        """Native code can't raise: an integer divided by zero leaves 0."""
        return emit.remainder(a, b)


class Fmod(Elementwise):
    """a - b trunc(a / b): the sign is a's, as in C."""

    saves = (0, 1)

    def forward(self, a: Any, b: Any) -> Any:
        _refuse_zero(a, b, "fmod")
        return _fmod(a, b)

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return dy

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return safe_mul(dy, -trunc(a / b))

    def limits(self, a: Any, b: Any) -> Any:
        return _zero_limits(a, b, self.name)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        """Native code can't raise: an integer divided by zero leaves 0."""
        return emit.fmod(a, b)


_floor_divide, _remainder, _fmod = quiet(np.floor_divide), quiet(np.remainder), quiet(np.fmod)


def _refuse_booleans(a: Any, b: Any, name: str) -> None:
    """NumPy would answer with int8."""
    if getattr(a, "dtype", bool) == getattr(b, "dtype", bool) == BOOL:
        raise DtypeError(f"{name}: can't compute with two boolean tensors; convert one, as with .int()")


ZERO_DIVISION = "integer division by zero; use floating-point tensors to get inf or NaN"


def _refuse_zero(a: Any, b: Any, name: str) -> None:
    _refuse_booleans(a, b, name)
    if _are_integers(a, b) and not np.all(b):
        raise ZeroDivisionError(f"{name}: {ZERO_DIVISION}")


def _are_integers(*values: Any) -> bool:
    return all(getattr(v, "dtype", np.dtype(type(v))).kind in "iu" for v in values)


def _zero_limits(a: Any, b: Any, name: str) -> Any:
    """That no integer is divided by zero, as a limit of ``b != 0``."""
    if not _are_integers(a, b):
        return ()
    if not hasattr(b, "dtype"):
        _refuse_zero(a, b, name)
        return ()
    return ((ne(b, 0), 1, 2, ZeroDivisionError, f"{name}: {ZERO_DIVISION}"),)


add, sub, mul, div, pow_ = Add(), Sub(), Mul(), Div(), Pow()
neg, abs_, sign, reciprocal, sqrt, rsqrt = Neg(), Abs(), Sign(), Reciprocal(), Sqrt(), Rsqrt()
exp, expm1, log, log1p, log2, log10 = Exp(), Expm1(), Log(), Log1p(), Log2(), Log10()
logaddexp, hypot = LogAddExp(), Hypot()
tanh, sigmoid, softplus, erf = Tanh(), Sigmoid(), Softplus(), Erf()
sin, cos, atan2 = Sin(), Cos(), Atan2()
relu, maximum, minimum = Relu(), Maximum(), Minimum()
floor, ceil, trunc, round_ = Floor(), Ceil(), Trunc(), Round()
floor_divide, remainder, fmod = FloorDivide(), Remainder(), Fmod()

__all__ = [
    "abs_",
    "add",
    "atan2",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "ceil",
    "convert",
    "cos",
    "div",
    "eq",
    "erf",
    "exp",
    "expm1",
    "floor",
    "floor_divide",
    "fmod",
    "ge",
    "gt",
    "hypot",
    "isfinite",
    "isinf",
    "isnan",
    "le",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "maximum",
    "minimum",
    "mul",
    "ne",
    "neg",
    "pow_",
    "reciprocal",
    "relu",
    "remainder",
    "round_",
    "rsqrt",
    "safe_mul",
    "sigmoid",
    "sign",
    "signbit",
    "sin",
    "softplus",
    "sqrt",
    "sub",
    "tanh",
    "trunc",
    "where",
]  # fmt: skip
