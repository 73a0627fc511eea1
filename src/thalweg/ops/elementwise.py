"""Elementwise arithmetic and functions, each with its derivative.

At places where the derivative is infinite or undefined the docstring says what is returned. Everywhere a
cotangent of exactly 0 stays 0: ``where(x > 0, sqrt(x), x)`` has a finite gradient at x < 0.
"""

from __future__ import annotations

from .arithmetic import abs_, add, div, mul, neg, pow_, reciprocal, rsqrt, sign, sqrt, sub
from .base import convert, isfinite, safe_mul, where
from .choices import maximum, minimum, relu
from .exponential import erf, exp, expm1, log, log1p, log2, log10, logaddexp, sigmoid, softplus, tanh
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
from .rounding import ceil, floor, floor_divide, fmod, remainder, round_, trunc
from .trigonometry import atan2, cos, hypot, sin

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
