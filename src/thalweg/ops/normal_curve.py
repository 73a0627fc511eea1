"""The area under the normal curve: complementary and inverse error functions, and the normal quantile.

erfcx(x) (1 + 2 x) for x >= 0 is a Chebyshev series in (x - 3.75) / (x + 3.75), fitted in 40 digits.
"""

from __future__ import annotations

import math
from typing import Any

from .base import where
from .elementwise import abs_, exp, isinf, lt
from .quantile import normal_quantile, quantile_of
from .series import Formula, chebyshev

__all__ = ["erfc", "erfcx", "erfinv", "ndtri"]

_ERFCX = (
    1.1775789345674017, -0.004590054580646478, -0.08424913336651792, 0.059209939998191886,
    -0.026658668435305753, 0.009074997670705265, -0.002413163540417609, 0.000490775836525808,
    -6.916973302501268e-05, 4.1390279860724e-06, 7.740383066192452e-07, -2.1886401049294134e-07,
    1.076499946508059e-08, 4.5219598106355975e-09, -7.754400214576164e-10, -6.318088397457339e-11,
    2.86879495529332e-11, 1.9455813896638372e-13, -9.654702109133008e-13, 3.252495636199945e-14,
    3.34776058320787e-14, -1.8650645555987438e-15, -1.2512842575455422e-15, 7.370610157807239e-17,
    5.021866155052932e-17, -2.686003911269416e-18, -2.621966893802556e-18,
)  # fmt: skip


def _scaled(a: Any) -> Any:
    """exp(a**2) erfc(a) for a >= 0."""
    far = isinf(a)
    u = where(far, 1.0, (a - 3.75) / (a + 3.75))
    return where(far, 0.0, chebyshev(_ERFCX, u) / (a * 2.0 + 1.0))


class Erfcx(Formula):
    """exp(x**2) erfc(x), the error function's complement without its decay. dy/dx = 2 x y - 2 / sqrt(pi)."""

    saves_output = True

    @staticmethod
    def formula(x: Any) -> Any:
        a = abs_(x)
        y = _scaled(a)
        return where(lt(x, 0.0), exp(x * x) * 2.0 - y, y)

    def derivative(self, y: Any, x: Any) -> Any:
        return 2 * x * y - 2 / math.sqrt(math.pi)


class Erfc(Formula):
    """1 - erf(x), accurate where that is small. dy/dx = -2 / sqrt(pi) exp(-x**2)."""

    @staticmethod
    def formula(x: Any) -> Any:
        tail = exp(x * x * -1.0) * _scaled(abs_(x))
        return where(lt(x, 0.0), 2.0 - tail, tail)

    def derivative(self, y: Any, x: Any) -> Any:
        return exp(-x * x) * (-2 / math.sqrt(math.pi))


class Erfinv(Formula):
    """The number whose error function is x; ±inf at ±1, NaN beyond. dy/dx = sqrt(pi) / 2 exp(y**2)."""

    saves = ()
    saves_output = True

    @staticmethod
    def formula(x: Any) -> Any:
        return quantile_of(x * 0.5, (1.0 - abs_(x)) * 0.5) * math.sqrt(0.5)

    def derivative(self, y: Any, x: Any) -> Any:
        return exp(y * y) * (math.sqrt(math.pi) / 2)


class Ndtri(Formula):
    """The number below which a normal variable lies with probability x. dy/dx = sqrt(2 pi) exp(y**2 / 2)."""

    saves = ()
    saves_output = True

    @staticmethod
    def formula(x: Any) -> Any:
        return normal_quantile(x)

    def derivative(self, y: Any, x: Any) -> Any:
        return exp(y * y * 0.5) * math.sqrt(2 * math.pi)


erfc, erfcx, erfinv, ndtri = Erfc(), Erfcx(), Erfinv(), Ndtri()
