"""exp, expm1, tanh and sigmoid.

e**x = 2**n e**r with n = rint(x / ln 2) and |r| <= ln(2) / 2, which the reduction of Cody and Waite finds with ln 2 in
two parts (Software Manual for the Elementary Functions, 1980). The polynomials are minimax fits of relative error.
What is said of accuracy here and in the other ``math_*`` modules was measured over the whole range, all dtypes and
vector widths, against results of higher precision.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .lanes import Lane, Lanes

__all__ = ["exp", "exp_of_reduced", "exp_within", "expm1", "ln2_parts", "power_of_two", "reduced", "sigmoid", "tanh"]

# By the size of the dtype in bytes.
LN2 = {4: (0.693359375, -0.00021219444170128554), 8: (0.6931471803691238, 1.9082149292705877e-10)}
DIGITS = {4: 23, 8: 52}  # of the mantissa, without the leading one
BIAS = {4: 127, 8: 1023}
LOWEST = {4: -104.0, 8: -746.0}  # exp rounds to 0 there
HIGHEST = {4: 89.0, 8: 710.0}  # and overflows there

# Fits (exp(r) - 1 - r) / r**2 for |r| <= ln(2) / 2
EXP = {
    4: (0.0013917576288804412, 0.008367100730538368, 0.04166661202907562, 0.16666539013385773, 0.5),
    8: (2.0924574548375376e-09, 2.5109147272853923e-08, 2.755724231099596e-07, 2.7557243912019443e-06,
        2.4801587361115706e-05, 0.0001984126988640075, 0.0013888888888866533, 0.008333333333321532,
        0.0416666666666667, 0.16666666666666677, 0.5),
}  # fmt: skip
# Fits (tanh(x) / x - 1) / x**2 in x**2, for |x| <= TANH_SMALL
TANH_SMALL = 0.6
TANH = {
    4: (-0.005897966213524342, 0.02079862542450428, -0.05378471687436104, 0.13331936299800873, -0.33333298563957214),
    8: (-1.717866189244456e-05, 7.931381959922085e-05, -0.00023039669331156035, 0.0005871883453765684,
        -0.0014552153436983187, 0.003592037375300098, -0.008863226776929821, 0.0218694880025215,
        -0.053968253949293964, 0.1333333333329966, -0.33333333333333126),
}  # fmt: skip


def ln2_parts(x: Lane) -> tuple[float, float]:
    """ln 2 as a number whose product with an exponent is exact, and the rest."""
    return LN2[x.dtype.itemsize]


def reduced(emit: Lanes, x: Lane) -> tuple[Lane, Lane, Lane]:
    """n as an integer, n as a float, and r, for x = n ln 2 + r. |x| must not be much beyond exp's range; NaN may be.

    Adding 1.5 * 2**digits leaves the rounded integer in the lowest bits: a conversion of NaN would be undefined.
    """
    size = x.dtype.itemsize
    magic = 1.5 * 2.0 ** DIGITS[size]
    shifted = emit.muladd(x, 1 / math.log(2), magic)
    n = emit.sub(shifted, magic)
    high, low = LN2[size]
    r = emit.muladd(n, -low, emit.muladd(n, -high, x))
    return emit.sub(emit.as_integer(shifted), _bits(magic, x)), n, r


def _bits(number: float, x: Lane) -> int:
    return int(np.asarray(number, x.dtype).view(f"i{x.dtype.itemsize}"))


def power_of_two(emit: Lanes, n: Lane) -> Lane:
    """2**n as a float of n's size, for exponents of normal numbers."""
    size = n.dtype.itemsize
    return emit.as_float(emit.shift_left(emit.add(n, BIAS[size]), DIGITS[size]))


def exp_of_reduced(emit: Lanes, r: Lane) -> Lane:
    """exp(r) for |r| <= ln(2) / 2."""
    return emit.polynomial(r, *EXP[r.dtype.itemsize], 1.0, 1.0)


def scaled(emit: Lanes, y: Lane, n: Lane, whole: Lane) -> Lane:
    """y * 2**n, rounded once where it is subnormal; ``whole`` is n as a float."""
    direct = emit.scaled(y, whole)
    if direct is not None:
        return direct
    half = emit.shift_right(n, 1)
    rest = emit.sub(n, half)
    return emit.mul(emit.mul(y, power_of_two(emit, half)), power_of_two(emit, rest))


def exp(emit: Lanes, x: Lane) -> Lane:
    """e**x, within 2 ulp (measured: 0.9 with fused products), subnormal results too."""
    size = x.dtype.itemsize
    n, whole, r = reduced(emit, emit.minimum(emit.maximum(x, LOWEST[size]), HIGHEST[size]))
    return scaled(emit, exp_of_reduced(emit, r), n, whole)


def exp_within(emit: Lanes, x: Lane) -> Lane:
    """e**x where it is a normal number: for NaN it may be anything."""
    n, _, r = reduced(emit, x)
    moved = emit.shift_left(n, DIGITS[x.dtype.itemsize])
    return emit.as_float(emit.add(emit.as_integer(exp_of_reduced(emit, r)), moved))


def expm1(emit: Lanes, x: Lane) -> Lane:
    """2**n (e**r - 1) + (2**n - 1), all halved so that 2**n can't overflow; within 2 ulp."""
    size = x.dtype.itemsize
    lowest = {4: -20.0, 8: -40.0}[size]  # -1 from there
    n, _, r = reduced(emit, emit.minimum(emit.maximum(x, lowest), HIGHEST[size]))
    m = emit.muladd(emit.mul(r, r), emit.polynomial(r, *EXP[size]), r)
    half = power_of_two(emit, emit.sub(n, 1))
    y = emit.muladd(m, half, emit.sub(half, 0.5))
    tiny = emit.lt(emit.fabs(x), {4: 2.0**-30, 8: 2.0**-60}[size])
    return emit.select(tiny, x, emit.add(y, y))


def tanh(emit: Lanes, x: Lane) -> Lane:
    """A polynomial near 0, else 1 - 2 / (e**2|x| + 1); within 2 ulp."""
    size = x.dtype.itemsize
    z = emit.mul(x, x)
    small = emit.muladd(emit.mul(x, z), emit.polynomial(z, *TANH[size]), x)
    a = emit.fabs(x)
    twice = emit.minimum(emit.add(a, a), {4: 20.0, 8: 40.0}[size])
    large = emit.sub(1.0, emit.div(2.0, emit.add(exp_within(emit, twice), 1.0)))
    return emit.select(emit.ge(a, TANH_SMALL), emit.copysign(large, x), small)  # NaN goes by the polynomial


def sigmoid(emit: Lanes, x: Lane) -> Lane:
    """1 / (1 + e**-x), by e**x / (1 + e**x) for x < 0, which is accurate down to the smallest number.

    What the sum and the quotient lose by rounding is put back, with the digits of 1 + e that did not fit: within
    2 ulp. Without fused products that would cost too much; the result is within 3 ulp there.
    """
    e = emit.exp(emit.neg(emit.fabs(x)))
    above = emit.select(emit.lt(x, 0), e, 1.0)
    below = emit.add(e, 1.0)
    if not emit.fused:
        return emit.div(above, below)
    lost = emit.sub(e, emit.sub(below, 1.0))
    inverse = emit.div(1.0, below)
    y = emit.mul(above, inverse)
    minus = emit.neg(y)
    return emit.fma(emit.fma(minus, lost, emit.fma(minus, below, above)), inverse, y)
