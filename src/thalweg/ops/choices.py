"""The larger, the smaller, and what is positive."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Elementwise, Unary, safe_mul, where

__all__ = ["clamp", "maximum", "minimum", "relu"]


class Relu(Unary):
    """max(x, 0), NaN for NaN; the derivative at 0 is 0, as in PyTorch."""

    saves_output = True

    def forward(self, x: Any) -> Any:
        return np.maximum(x, 0)

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        return safe_mul(y != 0, dy)  # 0 where y is 0, whatever dy is; NumPy's where would take twice as long

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.select(emit.lt(x, 0), 0, x)  # NaN stays


class Maximum(Elementwise):
    """The larger of a and b, NaN if one is NaN.

    Where they are equal each gets half of the cotangent; where one is NaN both get it all.
    """

    saves = (0, 1)
    forward = staticmethod(np.maximum)

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return where(a == b, dy * 0.5, where(a < b, 0.0, dy))

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return where(a == b, dy * 0.5, where(a > b, 0.0, dy))

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.maximum(a, b)


class Minimum(Elementwise):
    """The smaller of a and b, NaN if one is NaN.

    Where they are equal each gets half of the cotangent; where one is NaN both get it all.
    """

    saves = (0, 1)
    forward = staticmethod(np.minimum)

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return where(a == b, dy * 0.5, where(a > b, 0.0, dy))

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return where(a == b, dy * 0.5, where(a < b, 0.0, dy))

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        return emit.minimum(a, b)


class Clamp(Unary):
    """x, but ``low`` below low and ``high`` above high; one of them may be None. NaN stays.

    The derivative is 1 inside and on the bounds, 0 outside.
    """

    has_params = True
    saves = (0,)

    def forward(self, x: Any, low: Any, high: Any) -> Any:
        return np.clip(x, low, high)

    def pullback_0(self, dy: Any, y: Any, x: Any, low: Any, high: Any) -> Any:  # type: ignore[override]
        if low is None or high is None:
            return safe_mul(x <= high if low is None else x >= low, dy)
        return safe_mul((x >= low) & (x <= high), dy)

    def lower(self, emit: Any, x: Any, low: Any, high: Any) -> Any:
        if low is not None:
            x = emit.select(emit.lt(x, low), low, x)
        return x if high is None else emit.select(emit.gt(x, high), high, x)


relu, maximum, minimum = Relu(), Maximum(), Minimum()
clamp: Any = Clamp()  # Any: it has parameters, which Unary's annotations don't know
