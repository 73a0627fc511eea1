"""Comparisons, logic and bits, elementwise: they have no derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DtypeError
from .base import Elementwise, Unary

__all__ = [
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "eq",
    "ge",
    "gt",
    "isinf",
    "isnan",
    "le",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "ne",
    "signbit",
]


class _Comparison(Elementwise):
    differentiable = False
    boolean = True


class Eq(_Comparison):
    """a == b."""

    forward = staticmethod(np.equal)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.eq(a, b)


class Ne(_Comparison):
    """a != b."""

    forward = staticmethod(np.not_equal)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.ne(a, b)


class Lt(_Comparison):
    """a < b."""

    forward = staticmethod(np.less)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.lt(a, b)


class Le(_Comparison):
    """a <= b."""

    forward = staticmethod(np.less_equal)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.le(a, b)


class Gt(_Comparison):
    """a > b."""

    forward = staticmethod(np.greater)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.gt(a, b)


class Ge(_Comparison):
    """a >= b."""

    forward = staticmethod(np.greater_equal)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.ge(a, b)


class LogicalAnd(_Comparison):
    """True where both are non-zero."""

    forward = staticmethod(np.logical_and)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.logical_and(a, b)


class LogicalOr(_Comparison):
    """True where one is non-zero."""

    forward = staticmethod(np.logical_or)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.logical_or(a, b)


class LogicalXor(_Comparison):
    """True where exactly one is non-zero."""

    forward = staticmethod(np.logical_xor)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.logical_xor(a, b)


class LogicalNot(Unary):
    """True where x is zero."""

    differentiable = False
    boolean = True
    forward = staticmethod(np.logical_not)

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.logical_not(x)


class IsNan(Unary):
    """True where x is NaN."""

    differentiable = False
    boolean = True
    forward = staticmethod(np.isnan)

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.isnan(x)


class IsInf(Unary):
    """True where x is infinite."""

    differentiable = False
    boolean = True
    forward = staticmethod(np.isinf)

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.isinf(x)


class BitwiseAnd(Elementwise):
    """a & b for integers and booleans."""

    differentiable = False
    forward = staticmethod(np.bitwise_and)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.bit_and(a, b)


class BitwiseOr(Elementwise):
    """a | b for integers and booleans."""

    differentiable = False
    forward = staticmethod(np.bitwise_or)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.bit_or(a, b)


class BitwiseXor(Elementwise):
    """a ^ b for integers and booleans."""

    differentiable = False
    forward = staticmethod(np.bitwise_xor)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.bit_xor(a, b)


class BitwiseNot(Unary):
    """~x for integers; ``not`` for booleans."""

    differentiable = False

    def forward(self, x: Any) -> Any:
        if x.dtype.kind == "f":
            raise self.misfit(x)
        return np.invert(x)

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.bit_not(x)


class SignBit(Unary):
    """True where the sign is negative, that of -0 and NaN included."""

    differentiable = False
    boolean = True

    def forward(self, x: Any) -> Any:
        return np.signbit(x) if x.dtype.kind == "f" else x < 0 if x.dtype.kind == "i" else np.zeros(x.shape, bool)

    def lower(self, emit: Any, x: Any) -> Any:
        if x.dtype.kind == "f":
            return emit.lt(emit.as_integer(x), 0)
        return emit.lt(x, 0) if x.dtype.kind == "i" else emit.constant(False, np.dtype(bool))


class _Shift(Elementwise):
    """By as many bits as the integer b says; b outside of the dtype's width leaves nothing of a."""

    differentiable = False

    def misfit(self, *values: Any) -> Exception:
        if any(getattr(v, "dtype", np.dtype(type(v))).kind in "fb" for v in values):
            return DtypeError(f"{self.name}: only integers can be shifted; convert the operands with .long()")
        return super().misfit(*values)


class BitwiseLeftShift(_Shift):
    """a << b for integers."""

    forward = staticmethod(np.left_shift)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        a, b = emit.promoted(a, b)
        width = a.dtype.itemsize * 8
        inside = emit.logical_and(emit.ge(b, 0), emit.lt(b, width))
        return emit.select(inside, emit.instruction("shl", a, emit.select(inside, b, 0)), 0)


class BitwiseRightShift(_Shift):
    """a >> b for integers; the sign stays."""

    forward = staticmethod(np.right_shift)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        a, b = emit.promoted(a, b)
        width, signed = a.dtype.itemsize * 8, a.dtype.kind == "i"
        inside = emit.logical_and(emit.ge(b, 0), emit.lt(b, width))
        moved = emit.instruction("ashr" if signed else "lshr", a, emit.select(inside, b, 0))
        return emit.select(inside, moved, emit.select(emit.lt(a, 0), -1, 0) if signed else 0)


eq, ne, lt, le, gt, ge = Eq(), Ne(), Lt(), Le(), Gt(), Ge()
logical_and, logical_or, logical_xor, logical_not = LogicalAnd(), LogicalOr(), LogicalXor(), LogicalNot()
bitwise_and, bitwise_or, bitwise_xor, bitwise_not = BitwiseAnd(), BitwiseOr(), BitwiseXor(), BitwiseNot()
isnan, isinf, signbit = IsNan(), IsInf(), SignBit()
bitwise_left_shift, bitwise_right_shift = BitwiseLeftShift(), BitwiseRightShift()
