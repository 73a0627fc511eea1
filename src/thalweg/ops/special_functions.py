"""Functions that PyTorch has in its ``special`` alone."""

from __future__ import annotations

import math
from typing import Any

from ..core.tensor import Tensor
from . import elementwise as e
from . import reductions
from .base import where
from .normal_curve import erfc, erfcx
from .pointwise import times_log

__all__ = ["entr", "log_ndtr", "log_softmax", "ndtr", "softmax", "xlog1py"]


def entr(input: Tensor) -> Tensor:
    """-x log(x); 0 at 0 and -inf below."""
    inside = e.gt(input, 0)
    safe = where(inside, input, 1.0)
    return where(inside, e.neg(safe * e.log(safe)), where(e.eq(input, 0), 0.0, where(e.lt(input, 0), -math.inf, input)))


def xlog1py(input: Any, other: Any) -> Tensor:
    """input * log(1 + other), 0 where input is 0 and other is not NaN."""
    return times_log(input, other, e.log1p, -1.0)


def ndtr(input: Tensor) -> Tensor:
    """The probability that a standard normal variable is below x."""
    return erfc(input * -math.sqrt(0.5)) * 0.5


def log_ndtr(input: Tensor) -> Tensor:
    """log(ndtr(x)), also where that is too small for a float."""
    low = e.lt(input, -1)
    left = where(low, input, -1.0)
    tail = e.log(erfcx(left * -math.sqrt(0.5)) * 0.5) - left * left * 0.5
    right = where(low, 0.0, input)
    return where(low, tail, e.log1p(erfc(right * math.sqrt(0.5)) * -0.5))


def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """exp(x) / sum(exp(x)) along ``dim``."""
    return reductions.softmax(input, dim, dtype)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """log(softmax(x)) along ``dim``."""
    return reductions.log_softmax(input, dim, dtype)
