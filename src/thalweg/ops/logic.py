"""Comparisons, logic and bits, elementwise: they have no derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Elementwise, Unary

__all__ = [
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
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
]


class _Comparison(Elementwise):
    differentiable = False
    boolean = True


class Eq(_Comparison):
    """a == b."""

    forward = staticmethod(np.equal)


class Ne(_Comparison):
    """a != b."""

    forward = staticmethod(np.not_equal)


class Lt(_Comparison):
    """a < b."""

    forward = staticmethod(np.less)


class Le(_Comparison):
    """a <= b."""

    forward = staticmethod(np.less_equal)


class Gt(_Comparison):
    """a > b."""

    forward = staticmethod(np.greater)


class Ge(_Comparison):
    """a >= b."""

    forward = staticmethod(np.greater_equal)


class LogicalAnd(_Comparison):
    """True where both are non-zero."""

    forward = staticmethod(np.logical_and)


class LogicalOr(_Comparison):
    """True where one is non-zero."""

    forward = staticmethod(np.logical_or)


class LogicalXor(_Comparison):
    """True where exactly one is non-zero."""

    forward = staticmethod(np.logical_xor)


class LogicalNot(Unary):
    """True where x is zero."""

    differentiable = False
    boolean = True
    forward = staticmethod(np.logical_not)


class IsNan(Unary):
    """True where x is NaN."""

    differentiable = False
    boolean = True
    forward = staticmethod(np.isnan)


class IsInf(Unary):
    """True where x is infinite."""

    differentiable = False
    boolean = True
    forward = staticmethod(np.isinf)


class BitwiseAnd(Elementwise):
    """a & b for integers and booleans."""

    differentiable = False
    forward = staticmethod(np.bitwise_and)


class BitwiseOr(Elementwise):
    """a | b for integers and booleans."""

    differentiable = False
    forward = staticmethod(np.bitwise_or)


class BitwiseXor(Elementwise):
    """a ^ b for integers and booleans."""

    differentiable = False
    forward = staticmethod(np.bitwise_xor)


class BitwiseNot(Unary):
    """~x for integers; ``not`` for booleans."""

    differentiable = False

    def forward(self, x: Any) -> Any:
        if x.dtype.kind == "f":
            raise self.misfit(x)
        return np.invert(x)


eq, ne, lt, le, gt, ge = Eq(), Ne(), Lt(), Le(), Gt(), Ge()
logical_and, logical_or, logical_xor, logical_not = LogicalAnd(), LogicalOr(), LogicalXor(), LogicalNot()
bitwise_and, bitwise_or, bitwise_xor, bitwise_not = BitwiseAnd(), BitwiseOr(), BitwiseXor(), BitwiseNot()
isnan, isinf = IsNan(), IsInf()
