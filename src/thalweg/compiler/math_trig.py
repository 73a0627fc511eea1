"""sin, cos and atan2.

The angle is reduced to r = x - n pi / 2, |r| <= pi / 4, with pi / 2 in three parts and fused products, so that r keeps
its relative accuracy near every multiple of pi / 2. Angles beyond LIMIT go to the C library, one by one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .ir import Function, Value
from .math_exp import DIGITS

if TYPE_CHECKING:
    from .lanes import Lane, Lanes

__all__ = ["atan2", "cos", "sin"]

# By the size of the dtype in bytes.
HALF_PI = {
    4: (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
    8: (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
}
LIMIT = {4: 2.0**17, 8: 2.0**30}
# Fits (sin(r) / r - 1) / r**2, in r**2
SIN = {
    4: (-0.0001951809535967186, 0.008332188241183758, -0.16666655242443085),
    8: (1.5896067258236711e-10, -2.5050745034328997e-08, 2.755731360451283e-06, -0.00019841269829542612,
        0.008333333333322063, -0.1666666666666663),
}  # fmt: skip
# Fits (cos(r) - 1 + r**2 / 2) / r**4, in r**2
COS = {
    4: (2.4432327336398885e-05, -0.0013887309469282627, 0.04166664555668831),
    8: (-1.135842331927124e-11, 2.087569870509665e-09, -2.755731416395545e-07, 2.4801587288799974e-05,
        -0.0013888888888872975, 0.041666666666666595),
}  # fmt: skip
# Fits (atan(t) / t - 1) / t**2 in t**2, for 0 <= t <= 1
ATAN = {
    4: (-0.0017936454387381673, 0.010914720594882965, -0.031178081408143044, 0.05795785412192345,
        -0.08403467386960983, 0.10952192544937134, -0.14264243841171265, 0.19998548924922943, -0.33333298563957214),
    8: (1.3225160251907589e-05, -0.0001521614352509348, 0.0008313230692395337, -0.0028849174907229504,
        0.007196491770365353, -0.01390052897250038, 0.02198480255413831, -0.029903800965157316,
        0.036641863149602126, -0.04219175974752884, 0.04722320804756921, -0.05253518045149623,
        0.05880527677133238, -0.06666404029989038, 0.0769227983529496, -0.09090907002589423,
        0.11111111006999846, -0.14285714282574105, 0.19999999999951443, -0.3333333333333307),
}  # fmt: skip


def sin(emit: Lanes, x: Lane) -> Lane:
    """Within 2 ulp."""
    y = emit.select(emit.eq(x, 0.0), x, _wave(emit, x, 0))  # -0 stays
    return _beyond_limit(emit, x, y, "sin")


def cos(emit: Lanes, x: Lane) -> Lane:
    """Within 2 ulp."""
    return _beyond_limit(emit, x, _wave(emit, x, 1), "cos")


def _wave(emit: Lanes, x: Lane, quarter: int) -> Lane:
    """sin(x + quarter pi / 2) for |x| <= LIMIT."""
    size = x.dtype.itemsize
    magic = 1.5 * 2.0 ** DIGITS[size]  # leaves the rounded integer in the lowest bits
    shifted = emit.muladd(x, 2 / math.pi, magic)
    n = emit.neg(emit.sub(shifted, magic))
    r = x
    for part in HALF_PI[size]:
        r = emit.fma(n, part, r)
    z = emit.mul(r, r)
    sine = emit.muladd(emit.mul(r, z), emit.polynomial(z, *SIN[size]), r)
    cosine = emit.muladd(emit.mul(z, z), emit.polynomial(z, *COS[size]), emit.muladd(z, -0.5, 1.0))
    turn = emit.add(emit.as_integer(shifted), quarter)
    y = emit.select(emit.ne(emit.bit_and(turn, 1), 0), cosine, sine)
    sign = emit.shift_left(emit.bit_and(turn, 2), 8 * size - 2)
    return emit.as_float(emit.bit_xor(emit.as_integer(y), sign))


def _beyond_limit(emit: Lanes, x: Lane, y: Lane, name: str) -> Lane:
    """``y``, but the C library's result in the lanes where |x| is beyond LIMIT; most code never gets there."""
    huge = emit.gt(emit.fabs(x), LIMIT[x.dtype.itemsize])
    f = emit.function
    before, rare, done = f.block, f.fresh("rare"), f.fresh("done")
    f.branch_if(emit.any(huge), rare, done)
    f.start(rare)
    exact = emit.select(huge, _one_by_one(emit, x, name), y)
    f.branch(done)
    f.start(done)
    type = y.value.type
    return _like(y, f.emit(f"phi {type} [ {y.value.name}, %{before} ], [ {exact.value.name}, %{rare} ]", type))


def _like(y: Lane, value: Value) -> Lane:
    """A Lane of the dtype of ``y``."""
    return type(y)(value, y.dtype)


def _one_by_one(emit: Lanes, x: Lane, name: str) -> Lane:
    """The C library's double-precision function of each lane, in a function that is not inlined."""
    type = x.value.type
    own = f"tw_{name}_huge_{x.dtype}x{emit.count}"
    if own not in emit.module.functions:
        attributes = f"{emit.target.attributes} noinline cold"
        f = Function(own, [(type, "x")], type, attributes, "internal")
        memory = f.alloca(type)
        f.store(f.params[0], memory, 64)
        kind = "float" if x.dtype.itemsize == 4 else "double"
        with f.loop(0, emit.count) as loop:
            place = f.offset(memory, loop.index, kind)
            f.store(_library(f, f.load(place, kind), name), place)
        f.ret(f.load(memory, type, 64))
        emit.module.add(f)
    return _like(x, emit.function.call(own, [x.value], type, declare=False))


def _library(f: Function, x: Value, name: str) -> Value:
    if x.type == "double":
        return f.call(name, [x], "double")
    wide = f.call(name, [f.emit(f"fpext {x} to double", "double")], "double")
    return f.emit(f"fptrunc {wide} to float", "float")


def atan2(emit: Lanes, y: Lane, x: Lane) -> Lane:
    """atan(smaller / larger of |y|, |x|) taken to its quadrant; within 2 ulp."""
    size = x.dtype.itemsize
    rise, run = emit.fabs(y), emit.fabs(x)
    steep = emit.gt(rise, run)
    a, b = emit.select(steep, run, rise), emit.select(steep, rise, run)
    same = emit.select(emit.eq(b, 0.0), emit.constant(0.0, x.dtype), 1.0)
    t = emit.select(emit.eq(a, b), same, emit.div(a, b))  # also for two infinities
    z = emit.mul(t, t)
    angle = emit.muladd(emit.mul(t, z), emit.polynomial(z, *ATAN[size]), t)
    behind = emit.lt(emit.as_integer(x), 0)
    angle = emit.select(emit.logical_xor(steep, behind), emit.neg(angle), angle)
    quarters = emit.select(steep, emit.constant(1.0, x.dtype), emit.select(behind, emit.constant(2.0, x.dtype), 0.0))
    first, second, _ = HALF_PI[size]
    angle = emit.muladd(quarters, first, emit.muladd(quarters, second, angle))  # 0, 1 or 2 times: exact
    return emit.copysign(angle, y)
