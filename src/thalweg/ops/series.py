"""Special functions as formulas: what one float64 formula of primitives gives, in every dtype."""

from __future__ import annotations

from collections.abc import Container
from typing import Any, ClassVar

import numpy as np

from ..core.dtypes import FLOAT64
from .base import Unary, convert, quiet

__all__ = ["Formula", "chebyshev", "horner"]


def horner(coefficients: tuple[float, ...], x: Any) -> Any:
    """A polynomial, the leading coefficient first."""
    y = x * coefficients[0] + coefficients[1]
    for c in coefficients[2:]:
        y = y * x + c
    return y


def chebyshev(coefficients: tuple[float, ...], u: Any) -> Any:
    """A Chebyshev series at ``u`` in [-1, 1] by Clenshaw's recurrence; the coefficient of T_0 first."""
    twice = u * 2.0
    first, second = u * 0.0 + coefficients[-1], u * 0.0
    for c in coefficients[-2:0:-1]:
        first, second = twice * first - second + c, first
    return u * first - second + coefficients[0]


class Formula(Unary):
    """A function of one element that is a formula of primitives, evaluated in float64 and rounded."""

    saves: ClassVar[Container[int]] = (0,)
    real = True

    @staticmethod
    def formula(x: Any) -> Any:
        """The function of a float64 value."""
        raise NotImplementedError

    def forward(self, x: Any) -> Any:
        return _evaluate(self.formula, np.asarray(x))

    def compose(self, x: Any) -> Any:
        return convert(self.formula(convert(x, dtype=FLOAT64)), dtype=x.dtype)


@quiet
def _evaluate(formula: Any, x: Any) -> Any:
    return np.asarray(formula(x.astype(FLOAT64))).astype(x.dtype)
