"""Conversions between dtypes.

float16 becomes wider floats and comes from them by instructions where there are any, and by integer arithmetic
elsewhere: LLVM would call functions that not every process has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .lanes import Lane, Lanes

INT16, INT32, INT64 = np.dtype(np.int16), np.dtype(np.int32), np.dtype(np.int64)
BOOL, FLOAT16, FLOAT32, FLOAT64 = np.dtype(bool), np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)
INFINITY = 0x7F800000  # bits of float32

__all__ = ["convert"]


def convert(emit: Lanes, a: Lane, dtype: Any) -> Lane:
    """The numbers of ``a`` in another dtype."""
    dtype = np.dtype(dtype)
    if a.dtype == dtype:
        return a
    if dtype == BOOL:
        return emit.ne(a, 0)
    if a.dtype == BOOL:
        return emit.select(a, emit.constant(1, dtype), emit.constant(0, dtype))
    if a.dtype.kind == "f":
        return _between_floats(emit, a, dtype) if dtype.kind == "f" else _to_integer(emit, a, dtype)
    return _from_integer(emit, a, dtype) if dtype.kind == "f" else _between_integers(emit, a, dtype)


def _between_floats(emit: Lanes, a: Lane, dtype: np.dtype[Any]) -> Lane:
    if a.dtype == FLOAT16:
        return convert(emit, _widen(emit, a), dtype)
    if dtype == FLOAT16:
        return _narrow(emit, a)
    return emit.cast("fpext" if dtype.itemsize > a.dtype.itemsize else "fptrunc", a, dtype)


def _to_integer(emit: Lanes, a: Lane, dtype: np.dtype[Any]) -> Lane:
    if a.dtype == FLOAT16:
        a = convert(emit, a, FLOAT32)
    if dtype == np.uint64:
        return emit.freeze(emit.cast("fptoui", a, dtype))
    wide = INT32 if dtype.itemsize < 4 or dtype == INT32 else INT64
    return convert(emit, emit.freeze(emit.cast("fptosi", a, wide)), dtype)  # what doesn't fit is undefined


def _from_integer(emit: Lanes, a: Lane, dtype: np.dtype[Any]) -> Lane:
    if dtype == FLOAT16:
        return convert(emit, convert(emit, a, FLOAT32), dtype)  # rounded twice, as NumPy does
    return emit.cast("uitofp" if a.dtype.kind == "u" else "sitofp", a, dtype)


def _between_integers(emit: Lanes, a: Lane, dtype: np.dtype[Any]) -> Lane:
    if a.dtype.itemsize == dtype.itemsize:
        return emit.cast("bitcast", a, dtype)
    if a.dtype.itemsize > dtype.itemsize:
        return emit.cast("trunc", a, dtype)
    return emit.cast("zext" if a.dtype.kind == "u" else "sext", a, dtype)


def _native(emit: Lanes) -> bool:
    target = emit.target
    return not target.triple.startswith(("x86_64", "amd64")) or target.has("f16c") or target.has("avx512f")


def _widen(emit: Lanes, a: Lane) -> Lane:
    """float16 to float32: exact."""
    if _native(emit):
        return emit.cast("fpext", a, FLOAT32)
    bits = emit.convert(emit.as_integer(a), INT32)
    magnitude = emit.shift_left(emit.bit_and(bits, 0x7FFF), 13)
    scaled = emit.mul(emit.as_float(magnitude), 2.0**112)  # moves the exponent's bias, for subnormal numbers too
    special = emit.ge(magnitude, 0x7C00 << 13)
    result = emit.select(special, emit.bit_or(magnitude, INFINITY), emit.as_integer(scaled))
    return emit.as_float(emit.bit_or(result, emit.bit_and(emit.shift_left(bits, 16), -(1 << 31))))


def _narrow(emit: Lanes, a: Lane) -> Lane:
    """float32 or float64 to float16: rounded once, halves to even."""
    if a.dtype == FLOAT64:
        a = _odd(emit, a)
    if _native(emit):
        return emit.cast("fptrunc", a, FLOAT16)
    bits = emit.as_integer(a)
    magnitude = emit.bit_and(bits, 0x7FFFFFFF)
    # in the sum with 0.5 the last digit is that of float16's subnormal numbers, and it is rounded as they are
    half = emit.constant(0.5, FLOAT32)
    small = emit.sub(emit.as_integer(emit.instruction("fadd", emit.as_float(magnitude), half)), 0x3F000000)
    odd = emit.bit_and(emit.shift_right(magnitude, 13), 1)
    rounded = emit.add(emit.add(magnitude, odd), 0xFFF - (112 << 23))
    normal = emit.minimum(emit.shift_right(rounded, 13), 0x7C00)
    result = emit.select(emit.lt(magnitude, 113 << 23), small, normal)
    result = emit.select(emit.gt(magnitude, INFINITY), 0x7E00, result)
    sign = emit.bit_and(emit.shift_right(bits, 16), 0x8000)
    return emit.as_float(emit.convert(emit.bit_or(result, sign), INT16))


def _odd(emit: Lanes, a: Lane) -> Lane:
    """float64 to float32, inexact results with an odd last digit: rounding again then gives what rounding once does."""
    near = emit.cast("fptrunc", a, FLOAT32)
    back = emit.cast("fpext", near, FLOAT64)
    beyond = emit.gt(emit.fabs(back), emit.fabs(a))
    bits = emit.as_integer(near)
    below = emit.select(beyond, emit.sub(bits, 1), bits)
    inexact = emit.logical_and(emit.ne(back, a), emit.logical_not(emit.isnan(a)))
    return emit.as_float(emit.select(inexact, emit.bit_or(below, 1), bits))
