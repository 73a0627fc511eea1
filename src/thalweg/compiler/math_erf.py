"""The error function: x + x P(x**2) near 0, and 1 - exp(x R(x)) beyond, where x R(x) fits log(erfc(x))."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .math_exp import exp_within

if TYPE_CHECKING:
    from .lanes import Lane, Lanes

__all__ = ["erf"]

# erf(x) / x - 1 in x**2, for |x| <= 1
SMALL = {
    4: (7.806903158780187e-05, -0.0007997853099368513, 0.005187162198126316, -0.026853347197175026,
        0.11283578723669052, -0.3761262595653534, 0.12837916612625122),
    8: (5.945290031034521e-11, -1.1365683248455216e-09, 1.4657884472636762e-08, -1.6350025936209847e-07,
        1.6460972886829837e-06, -1.4925593511401865e-05, 0.00012055331037093964, -0.0008548326978747702,
        0.005223977624780965, -0.026866170645072907, 0.11283791670954857, -0.3761263890318375, 0.1283791670955126),
}  # fmt: skip
# log(erfc(x)) / x for 1 <= x <= LAST, weighted by erfc(x)
LARGE = {
    4: (-1.3959665920992848e-05, 0.0003505591012071818, -0.00375734711997211, 0.02400979772210121,
        -0.1065305545926094, -0.6349697113037109, -1.1286942958831787),
    8: (-2.0142095977745446e-13, 9.965491056066121e-12, -2.3232372589780512e-10, 3.3927611800225606e-09,
        -3.47809207679577e-08, 2.6552029708834694e-07, -1.559290945915841e-06, 7.146503982676304e-06,
        -2.5447472094696396e-05, 6.77817799548745e-05, -0.0001170902672160913, 3.263137152143238e-05,
        0.0005379810454685205, -0.0016594591218583594, 0.00018917692420410985, 0.019136572802331782,
        -0.1027749153481638, -0.6366193613575709, -1.1283792014124396),
}  # fmt: skip
LAST = {4: 3.93, 8: 6.0}  # erf rounds to 1 there


def erf(emit: Lanes, x: Lane) -> Lane:
    """Within 2 ulp."""
    size = x.dtype.itemsize
    small = emit.muladd(x, emit.polynomial(emit.mul(x, x), *SMALL[size]), x)
    a = emit.fabs(x)
    b = emit.minimum(a, LAST[size])
    large = emit.sub(1.0, exp_within(emit, emit.mul(b, emit.polynomial(b, *LARGE[size]))))
    return emit.select(emit.ge(a, 1.0), emit.copysign(large, x), small)  # NaN goes by the first polynomial
