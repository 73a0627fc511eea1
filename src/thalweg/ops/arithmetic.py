"""Sums, products and powers, each with its derivative."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import BOOL, bool_
from ..core.tensor import Tensor
from ..errors import DtypeError
from .base import Elementwise, Unary, quiet, safe_mul, where
from .exponential import log

__all__ = ["abs_", "add", "div", "mul", "neg", "pow_", "reciprocal", "rsqrt", "sign", "sqrt", "sub"]

_power = quiet(np.power)
_sqrt = quiet(np.sqrt)


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
        refuse_booleans(a, b, "pow")
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


def refuse_booleans(a: Any, b: Any, name: str) -> None:
    """NumPy would answer with int8."""
    if getattr(a, "dtype", bool) == getattr(b, "dtype", bool) == BOOL:
        raise DtypeError(f"{name}: can't compute with two boolean tensors; convert one, as with .int()")


add, sub, mul, div, pow_ = Add(), Sub(), Mul(), Div(), Pow()
neg, abs_, sign, reciprocal, sqrt, rsqrt = Neg(), Abs(), Sign(), Reciprocal(), Sqrt(), Rsqrt()
