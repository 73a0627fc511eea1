"""Modified Bessel functions of the first kind, of orders 0 and 1, plain and scaled by exp(-|x|).

exp(-x) I(x) for 0 <= x <= 8, and sqrt(x) exp(-x) I(x) beyond, are Chebyshev series in x / 4 - 1 and 16 / x - 1, fitted
in 40 digits.
"""

from __future__ import annotations

from typing import Any

from .base import where
from .elementwise import abs_, exp, le, maximum, minimum, sign, sqrt
from .series import Formula, chebyshev

__all__ = ["i0", "i0e", "i1", "i1e"]

_I0_NEAR = (
    0.33839763720473803, -0.3046826723431984, 0.17162090152220877, -0.09490109704804764, 0.04930528423967071,
    -0.02373741480589947, 0.010546460394594998, -0.004324309995050576, 0.0016394756169413357,
    -0.0005763755745385824, 0.00018850288509584165, -5.754195010082104e-05, 1.6448448070728896e-05,
    -4.4167383584587505e-06, 1.1173875391201037e-06, -2.670793853940612e-07, 6.046995022541919e-08,
    -1.300025009986248e-08, 2.6598237246823866e-09, -5.189795601635263e-10, 9.675809035373237e-11,
    -1.726826291441556e-11, 2.95505266312964e-12, -4.856446783111929e-13, 7.676185498604936e-14,
    -1.1685332877993451e-14, 1.715391285555133e-15, -2.431279846547955e-16, 3.3307945188222384e-17,
    -4.4153416464793395e-18,
)  # fmt: skip
_I0_FAR = (
    0.4022452055070544, 0.0033691164782556943, 6.889758346916825e-05, 2.8913705208347567e-06,
    2.0489185894690638e-07, 2.266668990498178e-08, 3.3962320257083865e-09, 4.94060238822497e-10,
    1.1889147107846439e-11, -3.1499165279632416e-11, -1.3215811840447713e-11, -1.7941785315068062e-12,
    7.180124451383666e-13, 3.8527783827421426e-13, 1.54008621752141e-14, -4.150569347287222e-14,
    -9.554846698828307e-15, 3.8116806693526224e-15, 1.7725601330565263e-15, -3.4254856196772195e-16,
    -2.8276239805165836e-16, 3.461222867697477e-17, 4.465621420296738e-17, -4.830504485944371e-18,
    -7.233180487873652e-18,
)  # fmt: skip
_I1_NEAR = (
    0.12629359322181682, -0.17641651835783406, 0.1026436586898471, -0.05294598120809499, 0.024726449030626516,
    -0.010564084894626197, 0.004156422944312888, -0.0015135724506312532, 0.0005122859561685758,
    -0.00016176081582589674, 4.781565107550054e-05, -1.3273163656039436e-05, 3.4702513081376785e-06,
    -8.568720264695455e-07, 2.0032947535521353e-07, -4.445059128796328e-08, 9.381537386495773e-09,
    -1.8872497517228294e-09, 3.625590281552117e-10, -6.663489723502027e-11, 1.1736186298890901e-11,
    -1.9839743977649436e-12, 3.223793365945575e-13, -5.042185504727912e-14, 7.600684294735408e-15,
    -1.1055969477353862e-15, 1.5536319577362005e-16, -2.111421214358166e-17, 2.7779141127610464e-18,
)  # fmt: skip
_I1_FAR = (
    0.38928811750914005, -0.009761097491361469, -0.00011058893876262371, -3.882564808877691e-06,
    -2.512236237870209e-07, -2.6314688468895196e-08, -3.835380385964237e-09, -5.589743462196584e-10,
    -1.8974958123505413e-11, 3.2526035830154884e-11, 1.4125807436613782e-11, 2.0356285441470896e-12,
    -7.198551776245908e-13, -4.0835511110921974e-13, -2.1015418427726643e-14, 4.272440016711951e-14,
    1.0420276984128802e-14, -3.8144030724370075e-15, -1.8803547755107825e-15, 3.3082023109209285e-16,
    2.96262899764595e-16, -3.2095259219934404e-17, -4.650305368489336e-17, 4.414348323071889e-18,
    7.51729631084099e-18,
)  # fmt: skip


def _by_range(near: Any, far: Any, a: Any) -> Any:
    """The scaled function of a >= 0 from its two series; the near one is divided by x for order 1."""
    close = chebyshev(near, minimum(a, 8.0) * 0.25 - 1.0)
    b = maximum(a, 8.0)
    return where(le(a, 8.0), close, chebyshev(far, 16.0 / b - 1.0) / sqrt(b))


class I0e(Formula):
    """exp(-|x|) I0(x). dy/dx = i1e(x) - sign(x) y."""

    saves_output = True

    @staticmethod
    def formula(x: Any) -> Any:
        return _by_range(_I0_NEAR, _I0_FAR, abs_(x))

    def derivative(self, y: Any, x: Any) -> Any:
        return i1e(x) - sign(x) * y


class I1e(Formula):
    """exp(-|x|) I1(x). dy/dx = i0e(x) - y (sign(x) + 1 / x), 1/2 at 0."""

    saves_output = True

    @staticmethod
    def formula(x: Any) -> Any:
        a = abs_(x)
        close = chebyshev(_I1_NEAR, minimum(a, 8.0) * 0.25 - 1.0) * x
        b = maximum(a, 8.0)
        return where(le(a, 8.0), close, sign(x) * chebyshev(_I1_FAR, 16.0 / b - 1.0) / sqrt(b))

    def derivative(self, y: Any, x: Any) -> Any:
        return _slope_of_order_1(i0e(x) - sign(x) * y, y, x)


class I0(Formula):
    """The modified Bessel function I0; its derivative is I1."""

    @staticmethod
    def formula(x: Any) -> Any:
        return I0e.formula(x) * exp(abs_(x))

    def derivative(self, y: Any, x: Any) -> Any:
        return i1(x)


class I1(Formula):
    """The modified Bessel function I1. dy/dx = I0(x) - y / x, 1/2 at 0."""

    saves_output = True

    @staticmethod
    def formula(x: Any) -> Any:
        return I1e.formula(x) * exp(abs_(x))

    def derivative(self, y: Any, x: Any) -> Any:
        return _slope_of_order_1(i0(x), y, x)


def _slope_of_order_1(first: Any, y: Any, x: Any) -> Any:
    """first - y / x; at 0, where y / x is 1/2, that."""
    zero = x == 0
    return first - where(zero, 0.5, y / where(zero, 1.0, x))


i0, i0e, i1, i1e = I0(), I0e(), I1(), I1e()
