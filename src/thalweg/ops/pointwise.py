"""Elementwise functions composed of primitives, under PyTorch's names."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..core.dtypes import FLOAT64, default_float, result_dtype
from ..core.tensor import Tensor, wrap
from ..errors import ArgumentError, DtypeError, ShapeError
from . import elementwise as e
from .base import convert, where
from .bits import exponent, gcd, lcm, nextafter
from .choices import clamp as clamp_to
from .gamma import lgamma
from .gamma import polygamma as polygamma_of
from .trigonometry import acos, acosh, asin, asinh, atan, atanh, cosh, sinh

__all__ = [
    "absolute", "acos", "acosh", "add", "addcdiv", "addcmul", "arccos", "arccosh", "arcsin", "arcsinh", "arctan",
    "arctan2", "arctanh", "asin", "asinh", "atan", "atanh", "clamp", "clamp_max", "clamp_min", "clip", "copysign",
    "cosh", "deg2rad", "digamma", "div", "divide", "exp2", "fix", "float_power", "fmax", "fmin", "frac", "frexp",
    "gcd", "greater", "greater_equal", "heaviside", "lcm", "ldexp", "lerp", "less", "less_equal", "lgamma",
    "logaddexp2", "logit", "multiply", "mvlgamma", "nan_to_num", "negative", "nextafter", "not_equal", "polygamma",
    "positive", "rad2deg", "round", "rsub", "sgn", "sinc", "sinh", "square", "sub", "subtract", "tan", "true_divide",
    "xlogy",
]  # fmt: skip

# PyTorch's second names
absolute, negative, sgn, fix, multiply = e.abs_, e.neg, e.sign, e.trunc, e.mul
arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh = acos, acosh, asin, asinh, atan, e.atan2, atanh
greater, greater_equal, less, less_equal, not_equal = e.gt, e.ge, e.lt, e.le, e.ne


def add(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """input + alpha * other."""
    result: Tensor = e.add(input, other if alpha == 1 else _scaled(input, other, alpha, "add"))
    return result


def sub(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """input - alpha * other."""
    result: Tensor = e.sub(input, other if alpha == 1 else _scaled(input, other, alpha, "sub"))
    return result


def _scaled(input: Any, other: Any, alpha: Any, name: str) -> Any:
    """alpha * other; integers take whole factors only."""
    if isinstance(alpha, float) and not any(_has_fractions(x) for x in (input, other)):
        raise ArgumentError(f"{name}: alpha must be a whole number for integer tensors, not {alpha}")
    return e.mul(other, alpha) if isinstance(other, Tensor) else other * alpha


def _has_fractions(x: Any) -> bool:
    return x._value.dtype.kind == "f" if isinstance(x, Tensor) else isinstance(x, float)


subtract = sub


def rsub(input: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """other - alpha * input."""
    return sub(other, input, alpha=alpha)


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other; with ``rounding_mode`` "trunc" or "floor" rounded, and then integers stay integers."""
    if rounding_mode is None:
        result: Tensor = e.div(input, other)
        return result
    if rounding_mode == "floor":
        return e.floor_divide(input, other)
    if rounding_mode == "trunc":
        kinds = [x._value if isinstance(x, Tensor) else x for x in (input, other)]
        if result_dtype(kinds).kind == "f":
            return e.trunc(e.div(input, other))
        return e.floor_divide(e.sub(input, e.fmod(input, other)), other)  # exact also beyond a float's digits
    raise ShapeError(f'div: rounding_mode must be None, "trunc" or "floor", not {rounding_mode!r}')


divide = div


def true_divide(input: Any, other: Any) -> Tensor:
    """input / other in floating point."""
    return div(input, other)


def positive(input: Tensor) -> Tensor:
    """The tensor itself; not for boolean ones."""
    if input._value.dtype.kind == "b":
        raise DtypeError("positive: boolean tensors have no sign; convert with .int()")
    return input


def square(input: Tensor) -> Tensor:
    """input ** 2."""
    return e.mul(input, input)


def exp2(input: Tensor) -> Tensor:
    """2 ** x."""
    return e.pow_(2.0, input)


def float_power(input: Any, exponent: Any) -> Tensor:
    """input ** exponent in float64."""
    base, power = (convert(x, dtype=FLOAT64) if isinstance(x, Tensor) else float(x) for x in (input, exponent))
    return e.pow_(base, power)


def tan(input: Tensor) -> Tensor:
    """The tangent of an angle in radians."""
    return e.div(e.sin(input), e.cos(input))


def deg2rad(input: Tensor) -> Tensor:
    """Degrees as radians."""
    return e.mul(input, math.pi / 180)


def rad2deg(input: Tensor) -> Tensor:
    """Radians as degrees."""
    return e.mul(input, 180 / math.pi)


_SINC = tuple((-1.0) ** k / math.factorial(2 * k + 1) for k in reversed(range(9)))  # sin(u) / u in u**2


def sinc(input: Tensor) -> Tensor:
    """sin(pi x) / (pi x), 1 at 0.

    Near 0 it is a power series, as the derivatives of the quotient lose all their digits there.
    """
    u = e.mul(input, math.pi)
    near = e.lt(e.abs_(u), 0.5)
    square = e.mul(u, u)
    small = where(near, square, 0.0)
    series = small * _SINC[0] + _SINC[1]
    for c in _SINC[2:]:
        series = series * small + c
    far = where(near, 1.0, u)
    return where(near, series, e.div(e.sin(far), far))


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), the inverse of sigmoid; with ``eps`` x is clamped to [eps, 1 - eps] first."""
    x = input if input._value.dtype.kind == "f" else convert(input, dtype=default_float())
    x = x if eps is None else clamp(x, eps, 1 - eps)
    return e.sub(e.log(x), e.log1p(e.neg(x)))


def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """log2(2**input + 2**other), without overflow."""
    a, b = _together(input, other)
    scale = math.log(2)
    return e.mul(e.logaddexp(e.mul(a, scale), e.mul(b, scale)), 1 / scale)


def xlogy(input: Any, other: Any) -> Tensor:
    """input * log(other), 0 where input is 0 and other is not NaN."""
    return times_log(input, other, e.log, 0.0)


def times_log(factor: Any, x: Any, logarithm: Any, edge: float) -> Tensor:
    """factor * logarithm(x), where 0 times an infinite logarithm (from ``edge`` down) is 0."""
    factor, x = _together(factor, x)
    endless = e.logical_or(e.isinf(x), e.le(x, edge))
    zero = e.logical_and(e.eq(factor, 0), endless)
    return e.mul(where(zero, 0.0, factor), logarithm(where(zero, 1.0, x)))


def _together(a: Any, b: Any) -> tuple[Tensor, Tensor]:
    """Two operands, of which one may be a number, as tensors of the floating dtype that they have in common."""
    target = result_dtype([x._value if isinstance(x, Tensor) else x for x in (a, b)])
    target = target if target.kind == "f" else default_float()
    return _in_dtype(a, target), _in_dtype(b, target)


def _in_dtype(x: Any, target: Any) -> Tensor:
    """A number or a tensor as a tensor of a dtype."""
    if not isinstance(x, Tensor):
        return wrap(np.asarray(x, target))
    return x if x._value.dtype == target else convert(x, dtype=target)


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight * (end - input), computed from the nearer end."""
    step = end - input
    if isinstance(weight, (int, float)):
        return input + weight * step if weight < 0.5 else end - step * (1 - weight)
    return where(e.lt(weight, 0.5), input + weight * step, end - step * (1 - weight))


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value * tensor1 * tensor2."""
    return input + _factor(value, input, tensor1, tensor2) * (tensor1 * tensor2)


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value * tensor1 / tensor2."""
    if not any(_has_fractions(x) for x in (input, tensor1, tensor2)):
        raise DtypeError("addcdiv: integers can't be divided in place of floats; convert one of them with .float()")
    return input + value * (tensor1 / tensor2)


def _factor(value: Any, *tensors: Any) -> Any:
    """A number beside integers is cut to an integer."""
    return value if any(_has_fractions(x) for x in tensors) else int(value)


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Elements below ``min`` become min, above ``max`` become max; NaN stays.

    The derivative is 1 inside and on the bounds, 0 outside.
    """
    if min is None and max is None:
        raise ShapeError("clamp: give min, max, or both")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        low = input if min is None else _clamp_side(input, min, e.lt)
        return low if max is None else _clamp_side(low, max, e.gt)
    bounds = [b for b in (min, max) if b is not None]
    if all(_fits(b, input._value.dtype) for b in bounds):
        return clamp_to(input, low=min, high=max)
    result = input
    if min is not None:
        result = where(e.lt(result, min), min, result)
    if max is not None:
        result = where(e.gt(result, max), max, result)
    return result


def _fits(bound: Any, dtype: Any) -> bool:
    """Whether a bound is a number that does not widen the dtype."""
    if dtype.kind == "f":
        return type(bound) in (int, float)
    return dtype.kind in "iu" and type(bound) is int and np.iinfo(dtype).min <= bound <= np.iinfo(dtype).max


def _clamp_side(x: Tensor, bound: Any, beyond: Any) -> Tensor:
    if _has_fractions(bound):  # NaN as a bound gives NaN
        return where(e.logical_or(beyond(x, bound), e.ne(bound, bound)), bound, x)
    return where(beyond(x, bound), bound, x)


clip = clamp


def clamp_min(input: Tensor, min: Any) -> Tensor:
    """Elements below ``min`` become min."""
    return clamp(input, min)


def clamp_max(input: Tensor, max: Any) -> Tensor:
    """Elements above ``max`` become max."""
    return clamp(input, None, max)


def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger element; beside NaN the other one. Of equal ones the first gets the gradient."""
    return where(e.logical_or(e.ge(input, other), e.isnan(other)), input, other)


def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller element; beside NaN the other one. Of equal ones the first gets the gradient."""
    return where(e.logical_or(e.le(input, other), e.isnan(other)), input, other)


def nan_to_num(input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """NaN and infinities replaced by numbers: by default 0 and the dtype's largest and smallest."""
    if input._value.dtype.kind != "f":
        return input.clone()
    limits = np.finfo(input._value.dtype)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    x = where(e.isnan(input), 0.0 if nan is None else nan, input)
    return where(e.eq(x, math.inf), high, where(e.eq(x, -math.inf), low, x))


def frac(input: Tensor) -> Tensor:
    """x less its integer part, of x's sign."""
    if input._value.dtype.kind != "f":
        raise DtypeError(f"frac: needs a floating-point tensor, this one is {input.dtype}; integers have no fraction")
    return e.sub(input, e.trunc(input))


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest number with so many decimals (negative: a multiple of a power of 10), halves to even."""
    if decimals == 0:
        return e.round_(input)
    if input._value.dtype.kind != "f":
        raise DtypeError(f"round: decimals need a floating-point tensor, this one is {input.dtype}")
    scale = 10.0 ** abs(decimals)
    if decimals > 0:
        return e.div(e.round_(e.mul(input, scale)), scale)
    return e.mul(e.round_(e.div(input, scale)), scale)


def copysign(input: Tensor, other: Any) -> Tensor:
    """|input| with the sign of other, that of -0 included; the derivative at input = 0 is 0."""
    x, sign = _together(input, other)
    size = e.abs_(x)
    return where(e.signbit(sign), e.neg(size), size)


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 for x < 0, 1 for x > 0, ``values`` at 0."""
    if input._value.dtype != values._value.dtype:
        raise DtypeError(f"heaviside: both tensors must have one dtype, got {input.dtype} and {values.dtype}")
    step = convert(e.gt(input, 0), dtype=input._value.dtype)
    return where(e.eq(input, 0), values, step)


def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input * 2 ** other."""
    x, power = _together(input, other)
    return e.mul(x, e.pow_(2.0, power))


class MantissaAndExponent(NamedTuple):
    """What ``frexp`` returns."""

    mantissa: Tensor
    exponent: Tensor


def frexp(input: Tensor) -> MantissaAndExponent:
    """The mantissa in [1/2, 1) and the int32 exponent of x = mantissa * 2 ** exponent."""
    power = exponent(input.detach())
    wide = convert(power, dtype=input._value.dtype)
    first = e.floor(e.mul(wide, 0.5))  # in two steps, as 2 ** -exponent may be infinite
    mantissa = e.mul(e.mul(input, e.pow_(2.0, e.neg(first))), e.pow_(2.0, e.sub(first, wide)))
    return MantissaAndExponent(mantissa, power)


def digamma(input: Tensor) -> Tensor:
    """The derivative of lgamma."""
    return polygamma_of(input, n=0)


def polygamma(n: int, input: Tensor) -> Tensor:
    """The derivative of order n of digamma."""
    if n < 0:
        raise ArgumentError(f"polygamma: the order must not be negative, got {n}")
    result: Tensor = polygamma_of(input, n=int(n))
    return result


def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension ``p``, for input > (p - 1) / 2."""
    if p < 1:
        raise ArgumentError(f"mvlgamma: p must be at least 1, got {p}")
    total = lgamma(input)
    for k in range(1, p):
        total = total + lgamma(input - k / 2)
    return total + p * (p - 1) / 4 * math.log(math.pi)
