"""sinh, cosh and the inverses asinh, acosh and atanh, by expm1 and log1p."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .lanes import Lane, Lanes

__all__ = ["acosh", "asinh", "atanh", "cosh", "sinh"]

LARGE = {4: 80.0, 8: 700.0}  # beyond, exp(x) may overflow where exp(x) / 2 does not
SQUARE_FITS = {4: 1e18, 8: 1e150}  # beyond, x**2 may overflow, and 1 beside it is lost


def _half_of_exp(emit: Lanes, a: Lane) -> Lane:
    """exp(a) / 2 for large a, as the square of exp(a / 2)."""
    root = emit.exp(emit.mul(a, 0.5))
    return emit.mul(emit.mul(root, 0.5), root)


def sinh(emit: Lanes, x: Lane) -> Lane:
    """(t + t / (t + 1)) / 2 with t = expm1(|x|)."""
    a = emit.fabs(x)
    t = emit.expm1(a)
    small = emit.mul(emit.add(t, emit.div(t, emit.add(t, 1.0))), 0.5)
    y = emit.select(emit.gt(a, LARGE[x.dtype.itemsize]), _half_of_exp(emit, a), small)
    return emit.copysign(y, x)


def cosh(emit: Lanes, x: Lane) -> Lane:
    """(e + 1 / e) / 2 with e = exp(|x|)."""
    a = emit.fabs(x)
    e = emit.exp(a)
    small = emit.mul(emit.add(e, emit.div(1.0, e)), 0.5)
    return emit.select(emit.gt(a, LARGE[x.dtype.itemsize]), _half_of_exp(emit, a), small)


def asinh(emit: Lanes, x: Lane) -> Lane:
    """log1p(a + a**2 / (1 + sqrt(1 + a**2))) with a = |x|; log(a) + log(2) where the square would overflow."""
    a = emit.fabs(x)
    square = emit.mul(a, a)
    small = emit.log1p(emit.add(a, emit.div(square, emit.add(emit.sqrt(emit.add(square, 1.0)), 1.0))))
    y = emit.select(emit.gt(a, SQUARE_FITS[x.dtype.itemsize]), emit.add(emit.log(a), math.log(2)), small)
    return emit.copysign(y, x)


def acosh(emit: Lanes, x: Lane) -> Lane:
    """log1p(t + sqrt(2 t + t**2)) with t = x - 1; NaN below 1."""
    t = emit.sub(x, 1.0)
    small = emit.log1p(emit.add(t, emit.sqrt(emit.mul(t, emit.add(t, 2.0)))))
    y = emit.select(emit.gt(x, SQUARE_FITS[x.dtype.itemsize]), emit.add(emit.log(x), math.log(2)), small)
    return emit.select(emit.lt(x, 1.0), emit.constant(math.nan, x.dtype), y)


def atanh(emit: Lanes, x: Lane) -> Lane:
    """log1p(2 a / (1 - a)) / 2 with a = |x|."""
    a = emit.fabs(x)
    return emit.copysign(emit.mul(emit.log1p(emit.div(emit.mul(a, 2.0), emit.sub(1.0, a))), 0.5), x)
