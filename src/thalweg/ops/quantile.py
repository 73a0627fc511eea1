"""The quantiles of the normal distribution."""

from __future__ import annotations

from typing import Any

from .base import quiet, where
from .elementwise import abs_, isinf, le, log, lt, minimum, neg, sqrt
from .series import horner

__all__ = ["normal_quantile", "quantile_of"]

# M. J. Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37 (1988),
# routine PPND16: numerator and denominator in the middle, in the tails, and far out; leading coefficient first.
_MIDDLE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.3871328727963666080),
    (5226.4952788528545610, 28729.085735721942674, 39307.895800092710610, 21213.794301586595867,
     5394.1960214247511077, 687.18700749205790830, 42.313330701600911252, 1.0),
)  # fmt: skip
_TAIL = (
    (7.7454501427834140764e-4, 2.27238449892691845833e-2, 0.241780725177450611770, 1.27045825245236838258,
     3.64784832476320460504, 5.76949722146069140550, 4.63033784615654529590, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 1.51986665636164571966e-2, 0.148103976427480074590,
     0.689767334985100004550, 1.67638483018380384940, 2.05319162663775882187, 1.0),
)  # fmt: skip
_FAR = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
     0.296560571828504891230, 1.78482653991729133580, 5.46378491116411436990, 6.65790464350110377720),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
     1.48753612908506148525e-2, 0.136929880922735805310, 0.599832206555887937690, 1.0),
)  # fmt: skip


def normal_quantile(p: Any) -> Any:
    """The number below which a standard normal variable lies with probability ``p`` (float64); ±inf for 0 and 1."""
    return quantile_of(p - 0.5, minimum(p, 1 - p))


@quiet
def quantile_of(q: Any, rest: Any) -> Any:
    """The quantile of the probability 1/2 + q, with the smaller of it and its complement in ``rest``."""
    middle = q * _ratio(_MIDDLE, 0.180625 - q * q)
    r = sqrt(neg(log(rest)))
    tail = where(le(r, 5.0), _ratio(_TAIL, r - 1.6), _ratio(_FAR, r - 5.0))
    tail = where(isinf(r), r, tail)
    return where(le(abs_(q), 0.425), middle, where(lt(q, 0.0), neg(tail), tail))


def _ratio(table: tuple[tuple[float, ...], tuple[float, ...]], r: Any) -> Any:
    return horner(table[0], r) / horner(table[1], r)
