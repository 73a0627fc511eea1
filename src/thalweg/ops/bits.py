"""Whole numbers and the parts of floats, elementwise: they have no derivative, and are computed by NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DtypeError
from .base import Elementwise, Unary

__all__ = ["exponent", "gcd", "lcm", "nextafter"]


class _Whole(Elementwise):
    """Of integers only."""

    differentiable = False

    def misfit(self, *values: Any) -> Exception:
        if any(getattr(v, "dtype", np.dtype(type(v))).kind in "fb" for v in values):
            return DtypeError(f"{self.name}: needs integers; convert the operands with .long()")
        return super().misfit(*values)


class Gcd(_Whole):
    """The greatest common divisor."""

    forward = staticmethod(np.gcd)


class Lcm(_Whole):
    """The least common multiple."""

    forward = staticmethod(np.lcm)


class Nextafter(Elementwise):
    """The float next to a in the direction of b."""

    differentiable = False
    forward = staticmethod(np.nextafter)


class Exponent(Unary):
    """The power of 2 that leaves a mantissa in [1/2, 1); 0 for 0, infinities and NaN."""

    differentiable = False

    def forward(self, x: Any) -> Any:
        if x.dtype.kind != "f":
            raise DtypeError(f"frexp: needs a floating-point tensor, this one is {x.dtype}; convert it with .float()")
        return np.where(np.isfinite(x), np.frexp(x)[1], 0).astype(np.int32)

    def dtype(self, *inputs: Any, **params: Any) -> Any:
        return np.dtype(np.int32)


gcd, lcm, nextafter, exponent = Gcd(), Lcm(), Nextafter(), Exponent()
