"""The methods that change a Tensor in place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.dtypes import INT64
from ...core.modes import state
from ...core.tape import edge_of
from ...core.tensor import Tensor
from ...errors import ArgumentError, AutogradError, DtypeError, ShapeError
from .. import creation, drawing, elementwise, shaping
from .. import shape as s
from ..base import convert
from ..broadcast import expand as expand_to
from ..inplace import apply_inplace, check_writable, overwrite, take_over
from ..random import default_generator
from .binding import IN_PLACE

e = elementwise


def check_floating(x: Any, name: str) -> None:
    """Raise if it can't be written to, or holds no floating-point numbers."""
    check_writable(x, name)
    if x._value.dtype.kind != "f":
        raise DtypeError(f"{name}: needs a floating-point tensor, this one is {x.dtype}; convert it first")


def check_spread(std: float, name: str) -> None:
    """Raise if ``std`` is negative."""
    if std < 0:
        raise ArgumentError(f"{name}: std must not be negative, got {std}")


def _draw(x: Tensor, generator: Any) -> Any:
    """Uniform numbers on [0, 1) in the shape of a floating-point tensor, or in float64."""
    dtype = x._value.dtype if x._value.dtype.kind == "f" else np.dtype(np.float64)
    return (generator or default_generator).uniform(x._value.shape, dtype)


class InPlace:
    """Methods that end in an underscore: they change the tensor and return it."""

    __slots__ = ()

    # Each is the method of that name without the underscore, whose result the tensor takes over.
    abs_ = absolute_ = acos_ = arccos_ = acosh_ = arccosh_ = addbmm_ = addcdiv_ = addcmul_ = addmm_ = IN_PLACE
    addmv_ = addr_ = asin_ = arcsin_ = asinh_ = arcsinh_ = atan_ = arctan_ = atan2_ = arctan2_ = atanh_ = IN_PLACE
    arctanh_ = baddbmm_ = bitwise_and_ = bitwise_left_shift_ = bitwise_not_ = bitwise_or_ = IN_PLACE
    bitwise_right_shift_ = bitwise_xor_ = ceil_ = clamp_ = clip_ = clamp_min_ = clamp_max_ = copysign_ = IN_PLACE
    cos_ = cosh_ = cumprod_ = cumsum_ = deg2rad_ = digamma_ = div_ = divide_ = true_divide_ = eq_ = erf_ = IN_PLACE
    erfc_ = erfinv_ = exp_ = exp2_ = expm1_ = fix_ = float_power_ = floor_ = floor_divide_ = fmod_ = frac_ = IN_PLACE
    gcd_ = ge_ = greater_equal_ = gt_ = greater_ = heaviside_ = hypot_ = i0_ = index_add_ = index_copy_ = IN_PLACE
    index_fill_ = index_put_ = index_reduce_ = lcm_ = ldexp_ = le_ = less_equal_ = lerp_ = lgamma_ = log_ = IN_PLACE
    log10_ = log1p_ = log2_ = logical_and_ = logical_not_ = logical_or_ = logical_xor_ = logit_ = lt_ = less_ = IN_PLACE
    masked_fill_ = masked_scatter_ = mul_ = multiply_ = mvlgamma_ = nan_to_num_ = ne_ = not_equal_ = neg_ = IN_PLACE
    negative_ = nextafter_ = polygamma_ = pow_ = put_ = rad2deg_ = reciprocal_ = relu_ = remainder_ = renorm_ = IN_PLACE
    round_ = rsqrt_ = scatter_ = scatter_add_ = scatter_reduce_ = sgn_ = sigmoid_ = sign_ = sin_ = sinc_ = IN_PLACE
    sinh_ = sqrt_ = square_ = tan_ = tanh_ = tril_ = triu_ = trunc_ = xlogy_ = IN_PLACE

    def add_(self: Any, other: Any, *, alpha: Any = 1) -> Tensor:
        """``add`` in place."""
        return apply_inplace(self, e.add, (self, other if alpha == 1 else e.mul(other, alpha)), "add_")

    def sub_(self: Any, other: Any, *, alpha: Any = 1) -> Tensor:
        """``sub`` in place."""
        return apply_inplace(self, e.sub, (self, other if alpha == 1 else e.mul(other, alpha)), "sub_")

    subtract_ = sub_

    def copy_(self: Any, src: Any, non_blocking: bool = False) -> Tensor:
        """Take over the values of ``src``, converted and broadcast."""
        check_writable(self, "copy_")
        dtype = self.dtype if self._value.dtype.kind == "f" else None  # a Python number keeps all its digits
        source = src if isinstance(src, Tensor) else creation.as_tensor(src, dtype)
        stored = convert(source, dtype=self._value.dtype) if source._value.dtype != self._value.dtype else source
        if stored._value.shape != self._value.shape:
            stored = expand_to(stored, shape=self._value.shape)
        elif stored is src and state.recording and src.requires_grad:
            stored = s.copy(src)  # a node of its own, so that hooks on this tensor are not hooks on src
        return overwrite(self, stored._value, edge_of(stored) if state.recording else None)

    def fill_(self: Any, value: Any) -> Tensor:
        """All elements become ``value``."""
        return self.copy_(value)

    def zero_(self: Any) -> Tensor:
        """All elements become 0."""
        check_writable(self, "zero_")
        return overwrite(self, 0, None)

    def fill_diagonal_(self: Any, fill_value: Any, wrap: bool = False) -> Tensor:
        """The main diagonal of a matrix becomes a number; with ``wrap`` also the diagonals below a tall matrix."""
        if self._value.ndim != 2:
            raise ShapeError(f"fill_diagonal_: needs a matrix, got shape {tuple(self.shape)}")
        height, width = self._value.shape
        kept = height if wrap else min(height, width)
        rows = np.arange(height)[:, None]
        places = (rows < kept) & (rows % (width + 1) == np.arange(width) if wrap else rows == np.arange(width))
        return self.masked_fill_(creation.as_tensor(places), fill_value)

    # -- another shape ------------------------------------------------------------------------------------

    def squeeze_(self: Any, dim: Any = None) -> Tensor:
        """``squeeze`` in place."""
        return take_over(self, shaping.squeeze, "squeeze_", dim)

    def unsqueeze_(self: Any, dim: int) -> Tensor:
        """``unsqueeze`` in place."""
        return take_over(self, shaping.unsqueeze, "unsqueeze_", dim)

    def transpose_(self: Any, dim0: int, dim1: int) -> Tensor:
        """``transpose`` in place."""
        return take_over(self, shaping.transpose, "transpose_", dim0, dim1)

    swapaxes_ = swapdims_ = transpose_

    def t_(self: Any) -> Tensor:
        """``t`` in place."""
        return take_over(self, shaping.t, "t_")

    def resize_(self: Any, *sizes: Any) -> Tensor:
        """Another shape in place: of the same elements, of the first of them, or with more, which are not set."""
        shape = shaping.sizes_of(sizes)
        if self.requires_grad:
            raise AutogradError("resize_: a tensor that requires grad can't change its size; use reshape()")
        flat = np.empty(math.prod(shape), self._value.dtype)
        kept = min(flat.size, self._value.size)
        flat[:kept] = self._value.reshape(-1)[:kept]
        same = flat.size == self._value.size and self._value.flags.c_contiguous
        self._value = self._value.reshape(shape) if same else flat.reshape(shape)
        return self

    def resize_as_(self: Any, other: Tensor) -> Tensor:
        """``resize_`` to the shape of ``other``."""
        return self.resize_(other.shape)

    # -- random numbers -----------------------------------------------------------------------------------

    def uniform_(self: Any, from_: Any = 0.0, to: Any = 1.0, *, generator: Any = None, **kwargs: Any) -> Tensor:
        """Uniform random numbers on [from, to)."""
        check_floating(self, "uniform_")
        low = kwargs.pop("from", from_)
        if low > to:
            raise ArgumentError(f"uniform_: from must not be above to, got [{low}, {to})")
        source = generator or default_generator
        return overwrite(self, low + (to - low) * source.uniform(self._value.shape, self._value.dtype), None)

    def normal_(self: Any, mean: Any = 0.0, std: Any = 1.0, *, generator: Any = None) -> Tensor:
        """Normal random numbers."""
        check_floating(self, "normal_")
        check_spread(std, "normal_")
        source = generator or default_generator
        return overwrite(self, mean + std * source.normal(self._value.shape, self._value.dtype), None)

    def log_normal_(self: Any, mean: float = 1.0, std: float = 2.0, *, generator: Any = None) -> Tensor:
        """Numbers whose logarithm is normal."""
        check_floating(self, "log_normal_")
        check_spread(std, "log_normal_")
        draw = (generator or default_generator).normal(self._value.shape, self._value.dtype)
        return overwrite(self, e.exp(draw * std + mean), None)

    def exponential_(self: Any, lambd: float = 1.0, *, generator: Any = None) -> Tensor:
        """Exponential random numbers of the rate ``lambd``: -log(1 - u) / lambd."""
        check_floating(self, "exponential_")
        if not lambd > 0:
            raise ArgumentError(f"exponential_: the rate must be positive, got {lambd}")
        return overwrite(self, e.log1p(_draw(self, generator) * -1.0) / -lambd, None)

    def cauchy_(self: Any, median: float = 0.0, sigma: float = 1.0, *, generator: Any = None) -> Tensor:
        """Cauchy random numbers: median + sigma tan(pi (u - 1/2))."""
        check_floating(self, "cauchy_")
        if not sigma > 0:
            raise ArgumentError(f"cauchy_: sigma must be positive, got {sigma}")
        angle = (_draw(self, generator) - 0.5) * math.pi
        return overwrite(self, e.sin(angle) / e.cos(angle) * sigma + median, None)

    def geometric_(self: Any, p: float, *, generator: Any = None) -> Tensor:
        """How many trials with the chance ``p`` it takes to succeed, from 1 on."""
        check_writable(self, "geometric_")
        if not 0 < p < 1:
            raise ArgumentError(f"geometric_: p must lie between 0 and 1, got {p}")
        trials = e.ceil(e.log1p(_draw(self, generator) * -1.0) / math.log1p(-p))
        return overwrite(self, e.maximum(trials, 1.0), None)

    def random_(self: Any, from_: Any = None, to: Any = None, *, generator: Any = None, **kwargs: Any) -> Tensor:
        """Random integers in [from, to); of all that the dtype holds exactly, from 0, where no limits are given."""
        check_writable(self, "random_")
        low = kwargs.pop("from", from_)
        if to is None:
            low, to = 0, self._largest_integer() + 1 if low is None else low
        if low is None or low >= to:
            raise ArgumentError(f"random_: from must be below to, got [{low}, {to})")
        draw = (generator or default_generator).integers(int(low), int(to), self._value.shape)
        return overwrite(self, convert(draw, dtype=self._value.dtype), None)

    def _largest_integer(self: Any) -> int:
        """Up to where the dtype holds all integers."""
        dtype = self._value.dtype
        if dtype.kind == "f":
            return int(2 ** (np.finfo(dtype).nmant + 1))
        return 1 if dtype.kind == "b" else int(min(np.iinfo(dtype).max, np.iinfo(INT64).max - 1))

    def bernoulli_(self: Any, p: Any = 0.5, *, generator: Any = None) -> Tensor:
        """1 with probability ``p``, else 0."""
        check_writable(self, "bernoulli_")
        return overwrite(self, drawing.bernoulli(self, p, generator=generator)._value, None)
