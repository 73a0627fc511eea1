"""log, log1p and softplus.

x = 2**e m with sqrt(1/2) <= m < sqrt(2), and log(x) = e ln 2 + log(m). In float32 log(m) is a polynomial in m - 1; in
float64 one in s = (m - 1) / (m + 1), as log(m) = 2 artanh(s) = f - (f**2/2 - s (f**2/2 + R)), f = m - 1, which keeps
the leading term f exact (Tang 1990, ACM TOMS 16:4).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .math_exp import BIAS, DIGITS, ln2_parts, power_of_two

if TYPE_CHECKING:
    from .lanes import Lane, Lanes

__all__ = ["log", "log1p", "log2", "log10", "softplus", "split", "split_any"]

# The polynomial for float32: (log(1 + f) - f + f**2 / 2) / f**3
LOG = (
    -0.07644492387771606, 0.1276957243680954, -0.13160456717014313, 0.14200714230537415, -0.16623219847679138,
    0.20001265406608582, -0.2500082552433014, 0.3333333134651184,
)  # fmt: skip
# The polynomial in s**2 for float64: (2 artanh(s) - 2 s) / s**3
ARTANH = (
    0.14799071684191778, 0.15313755192007616, 0.1818357518869048, 0.2222219837799192, 0.28571428744146815,
    0.3999999999940746, 0.6666666666666735,
)  # fmt: skip
ROOT_BITS = {4: 0x3F3504F3, 8: 0x3FE6A09E667F3BCD}  # of sqrt(1/2)


def split(emit: Lanes, x: Lane) -> tuple[Lane, Lane]:
    """The integer e and m for a positive normal x = 2**e m, sqrt(1/2) <= m < sqrt(2)."""
    size = x.dtype.itemsize
    bits = emit.as_integer(x)
    e = emit.shift_right(emit.sub(bits, ROOT_BITS[size]), DIGITS[size])
    return e, emit.as_float(emit.sub(bits, emit.shift_left(e, DIGITS[size])))


def split_any(emit: Lanes, x: Lane) -> tuple[Lane, Lane]:
    """``split`` with e as a float, also for subnormal numbers."""
    digits = DIGITS[x.dtype.itemsize]
    tiny = emit.lt(x, float(np.finfo(x.dtype).tiny))
    e, m = split(emit, emit.select(tiny, emit.mul(x, 2.0**digits), x))
    return emit.add(emit.convert(e, x.dtype), emit.select(tiny, emit.constant(-digits, x.dtype), 0.0)), m


def _joined(emit: Lanes, e: Lane, f: Lane) -> Lane:
    """e ln 2 + log(1 + f) for f between sqrt(1/2) - 1 and sqrt(2) - 1."""
    high, low = ln2_parts(f)
    if f.dtype.itemsize == 4:
        square = emit.mul(f, f)
        rest = emit.muladd(square, emit.polynomial(f, *LOG, -0.5), emit.mul(e, low))
        return emit.muladd(e, high, emit.add(f, rest))
    s = emit.div(f, emit.add(f, 2.0))
    w = emit.mul(s, s)
    half = emit.mul(emit.mul(f, f), 0.5)
    inner = emit.muladd(s, emit.muladd(w, emit.polynomial(w, *ARTANH), half), emit.mul(e, low))
    return emit.muladd(e, high, emit.sub(f, emit.sub(half, inner)))


def _at_ends(emit: Lanes, x: Lane, y: Lane) -> Lane:
    """log's value where x is not positive and finite, else y."""
    ordinary = emit.logical_and(emit.gt(x, 0.0), emit.lt(x, math.inf))
    below = emit.select(emit.eq(x, 0.0), emit.constant(-math.inf, x.dtype), math.nan)
    return emit.select(ordinary, y, emit.select(emit.gt(x, 0.0), x, below))


def log(emit: Lanes, x: Lane) -> Lane:
    """The natural logarithm, within 2 ulp."""
    e, m = split_any(emit, x)
    return _at_ends(emit, x, _joined(emit, e, emit.sub(m, 1.0)))


def log2(emit: Lanes, x: Lane) -> Lane:
    """The logarithm to base 2, exact for powers of 2."""
    e, m = split_any(emit, x)
    f = emit.sub(m, 1.0)
    return _at_ends(emit, x, emit.add(e, emit.mul(_joined(emit, emit.constant(0.0, x.dtype), f), 1 / math.log(2))))


def log10(emit: Lanes, x: Lane) -> Lane:
    """The logarithm to base 10."""
    return emit.div(log(emit, x), math.log(10))


def _log1p(emit: Lanes, x: Lane, u: Lane) -> Lane:
    """log(1 + x) for u = 1 + x, rounded: what was rounded off goes into f."""
    size = x.dtype.itemsize
    above = emit.sub(u, 1.0)
    lost = emit.add(emit.sub(1.0, emit.sub(u, above)), emit.sub(x, above))
    e, m = split(emit, u)
    shrink = power_of_two(emit, emit.neg(emit.minimum(e, BIAS[size] - 1)))
    f = emit.muladd(lost, shrink, emit.sub(m, 1.0))
    return _joined(emit, emit.convert(e, x.dtype), f)


def log1p(emit: Lanes, x: Lane) -> Lane:
    """log(1 + x), accurate near 0, within 2 ulp."""
    u = emit.add(x, 1.0)
    y = _at_ends(emit, u, _log1p(emit, x, u))
    return emit.select(emit.eq(x, 0.0), x, y)  # -0 stays


def softplus(emit: Lanes, x: Lane) -> Lane:
    """max(x, 0) + log(1 + e**-|x|), within 2 ulp."""
    e = emit.exp(emit.neg(emit.fabs(x)))
    return emit.add(emit.maximum(x, 0.0), _log1p(emit, e, emit.add(e, 1.0)))
