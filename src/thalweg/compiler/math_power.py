"""Powers: x**y = exp(y log(x)), with enough digits of log(x) to get the result right to an ulp.

float32 is computed in float64. float64 carries log(x) as the unevaluated sum of two numbers, about 105 bits, from
2 artanh(s), s = (m - 1) / (m + 1); sums and products of such pairs follow Dekker (1971, Numerische Mathematik 18).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .math_exp import exp_of_reduced, ln2_parts, reduced, scaled
from .math_log import split, split_any

if TYPE_CHECKING:
    from .lanes import Lane, Lanes

__all__ = ["integer_power", "pow_", "power"]

# Fits (2 artanh(s) - 2 s) / s**3 in s**2, to 36 bits
ARTANH = (0.2358498976097392, 0.28537167845776634, 0.4000033725312458, 0.6666666563709864)
# Fits (exp(r) - 1 - r) / r**2, to 34 bits
EXP_SHORT = (
    0.0001991855959769645, 0.0013946175991492538, 0.008333264039184165, 0.041666268521329645, 0.16666666862043877,
    0.500000007831944,
)  # fmt: skip
# What is left of artanh: fits (artanh(s) / s - 1 - s**2 / 3) / s**4 in s**2
ARTANH_REST = (
    0.059960032757063256, 0.058372297241578386, 0.06668167544711703, 0.07692278206077846, 0.09090909438516898,
    0.11111111108740877, 0.14285714285722667, 0.19999999999999987,
)  # fmt: skip
THIRD = (1 / 3, 1.850371707708594e-17)


def power(emit: Lanes, a: Any, b: Any) -> Lane:
    """``emit.pow``: a few exponents that are Python numbers need no function."""
    if not isinstance(b, (bool, int, float)):
        a, b = emit.promoted(a, b)
        return emit.shared(pow_ if a.dtype.kind == "f" else integer_power, a, b)
    (a,) = emit.promoted(a) if not isinstance(b, float) or a.dtype.kind == "f" else emit.real(a)
    if b == 0:
        return emit.constant(1, a.dtype)
    if b in (1, 2, 3):
        square = a if b == 1 else emit.mul(a, a)
        return emit.mul(square, a) if b == 3 else square
    if a.dtype.kind == "f":
        if b == 0.5:
            return emit.sqrt(a)
        return emit.div(1.0, a) if b == -1 else emit.shared(pow_, a, emit.constant(b, a.dtype))
    return emit.shared(integer_power, a, emit.constant(b, a.dtype))


def pow_(emit: Lanes, x: Lane, y: Lane) -> Lane:
    """x**y for floats with IEEE's answers for 0, 1, infinities and NaN; within 2 ulp, 0.51 in float32."""
    a = emit.fabs(x)
    magnitude = _short(emit, a, y) if x.dtype.itemsize == 4 else _long(emit, a, y)
    end = emit.logical_or(emit.eq(a, 0.0), emit.eq(a, math.inf))
    grows = emit.eq(emit.gt(y, 0.0), emit.eq(a, math.inf))
    at_end = emit.select(grows, emit.constant(math.inf, x.dtype), 0.0)
    magnitude = emit.select(end, at_end, magnitude)
    whole = emit.eq(emit.trunc(y), y)
    half = emit.mul(y, 0.5)
    odd = emit.logical_and(whole, emit.ne(emit.trunc(half), half))
    negative = emit.lt(emit.as_integer(x), 0)
    signed = emit.select(emit.logical_and(negative, odd), emit.neg(magnitude), magnitude)
    strange = emit.logical_and(emit.logical_and(emit.lt(x, 0.0), emit.ne(a, math.inf)), emit.logical_not(whole))
    result = emit.select(emit.logical_or(strange, emit.unordered(x, y)), math.nan, signed)
    return emit.select(emit.logical_or(emit.eq(y, 0.0), emit.eq(x, 1.0)), 1.0, result)


def _clamped(emit: Lanes, x: Lane, low: float, high: float) -> Lane:
    return emit.minimum(emit.maximum(x, low), high)


def _short(emit: Lanes, a: Lane, y: Lane) -> Lane:
    """a**y for a positive finite float32, in float64."""
    single = a.dtype
    a, y = emit.convert(a, np.float64), emit.convert(y, np.float64)
    e, m = split(emit, a)
    f = emit.sub(m, 1.0)
    s = emit.div(f, emit.add(f, 2.0))
    w = emit.mul(s, s)
    log = emit.muladd(emit.mul(s, w), emit.polynomial(w, *ARTANH), emit.add(s, s))
    log = emit.muladd(emit.convert(e, a.dtype), math.log(2), log)
    exponent = emit.mul(_clamped(emit, y, -1e12, 1e12), log)
    n, _, r = reduced(emit, _clamped(emit, exponent, -104.0, 89.0))
    value = emit.polynomial(r, *EXP_SHORT, 1.0, 1.0)
    moved = emit.add(emit.as_integer(value), emit.shift_left(n, 52))
    return emit.convert(emit.as_float(moved), single)


def _long(emit: Lanes, a: Lane, y: Lane) -> Lane:
    """a**y for a positive finite float64."""
    high, low = _log_pair(emit, a)
    y = _clamped(emit, y, -(2.0**66), 2.0**66)  # as good as infinite, and no product overflows
    exponent = emit.mul(y, high)
    rest = emit.fma(y, low, emit.fma(y, high, emit.neg(exponent)))
    rest = emit.select(emit.lt(emit.fabs(exponent), 1000.0), rest, 0.0)
    n, whole, r = reduced(emit, _clamped(emit, exponent, -746.0, 710.0))
    return scaled(emit, exp_of_reduced(emit, emit.add(r, rest)), n, whole)


def _log_pair(emit: Lanes, a: Lane) -> tuple[Lane, Lane]:
    """log(a) as a sum of two numbers: 2 s (1 + u), u = s**2 / 3 + s**4 (1/5 + ...), and e ln 2."""
    e, m = split_any(emit, a)
    f = emit.sub(m, 1.0)
    d = emit.add(m, 1.0)
    d_low = emit.sub(m, emit.sub(d, 1.0))
    inverse = emit.div(1.0, d)
    s = emit.mul(f, inverse)
    minus = emit.neg(s)
    s_low = emit.mul(emit.fma(minus, d_low, emit.fma(minus, d, f)), inverse)
    w, w_low = _product(emit, s, s)
    w_low = emit.muladd(emit.add(s, s), s_low, w_low)
    u, u_low = _product(emit, w, emit.constant(THIRD[0], w.dtype))
    u_low = emit.muladd(w, THIRD[1], emit.muladd(w_low, THIRD[0], u_low))
    u_low = emit.muladd(emit.mul(w, w), emit.polynomial(w, *ARTANH_REST), u_low)
    s, s_low = emit.add(s, s), emit.add(s_low, s_low)
    p, p_low = _product(emit, s, u)
    p_low = emit.muladd(s, u_low, emit.muladd(s_low, u, p_low))
    ln2, ln2_low = ln2_parts(a)
    total, lost = _sum(emit, emit.mul(e, ln2), s)
    total, lost_again = _sum(emit, total, p)
    low = emit.add(emit.add(emit.muladd(e, ln2_low, lost), lost_again), emit.add(s_low, p_low))
    high = emit.add(total, low)
    return high, emit.sub(low, emit.sub(high, total))


def _product(emit: Lanes, a: Lane, b: Lane) -> tuple[Lane, Lane]:
    """a b rounded, and what the rounding lost."""
    p = emit.mul(a, b)
    return p, emit.fma(a, b, emit.neg(p))


def _sum(emit: Lanes, a: Lane, b: Lane) -> tuple[Lane, Lane]:
    """a + b rounded, and what the rounding lost."""
    total = emit.add(a, b)
    part = emit.sub(total, a)
    return total, emit.add(emit.sub(a, emit.sub(total, part)), emit.sub(b, part))


def integer_power(emit: Lanes, a: Lane, b: Lane) -> Lane:
    """a**b for integers by repeated squaring; a negative exponent, which NumPy refuses, gives the power towards 0."""
    bits = b.dtype.itemsize * 8 - (b.dtype.kind == "i")
    f = emit.function
    with f.loop(0, bits, carried=[emit.constant(1, a.dtype).value, a.value, b.value]) as loop:
        result, square, rest = (type(a)(v, a.dtype) for v in loop.values)
        taken = emit.select(emit.ne(emit.bit_and(rest, 1), 0), emit.mul(result, square), result)
        loop.next = [taken.value, emit.mul(square, square).value, emit.shift_right(rest, 1).value]
    result = type(a)(loop.results[0], a.dtype)
    if a.dtype.kind == "u":
        return result
    unit = emit.eq(emit.bit_or(emit.add(a, 1), 2), 2)  # 1 or -1, whose powers are right
    return emit.select(emit.logical_and(emit.lt(b, 0), emit.logical_not(unit)), 0, result)
