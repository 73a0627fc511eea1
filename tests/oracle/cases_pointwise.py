"""Elementwise functions and comparisons beside PyTorch's."""

from __future__ import annotations

import numpy as np

from .harness import Case, In, idx, mask, pos

INF, NAN = float("inf"), float("nan")
X, V, S, E = In(3, 4), In(5), In(), In(0, 3)
UNIT = [In(3, 4, low=-0.9, high=0.9), In(low=-0.9, high=0.9), E]
ABOVE_ONE = [In(3, 4, low=1.1, high=4.0), In(low=1.1, high=3.0), In(0, low=2)]
SHARES = [In(3, 4, low=0.05, high=0.95), In(low=0.1, high=0.9), In(0)]
ANY = [X, S, E]
POSITIVE = [pos(3, 4), pos(), In(0, low=1)]
SPECIAL = In(values=[0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 1e-300, 1e300, -2.5, 3.0, 0.25])
EIGHTHS = In(values=np.array([0.125, 0.25, 8.0, 2.0, 1.0]))
INTS = idx([[12, -8, 0], [7, 5, -6]])

DOMAINS = {
    "asin": UNIT, "arcsin": UNIT, "acos": UNIT, "arccos": UNIT, "atanh": UNIT, "arctanh": UNIT, "erfinv": UNIT,
    "acosh": ABOVE_ONE, "arccosh": ABOVE_ONE, "logit": SHARES,
    **dict.fromkeys(["atan", "arctan", "sinh", "cosh", "asinh", "arcsinh", "exp2", "erfc", "sinc", "frac"], ANY),
    **dict.fromkeys(["deg2rad", "rad2deg", "sgn", "fix", "negative", "positive", "signbit", "isposinf",
      "isneginf"], ANY),
    **dict.fromkeys(["isreal", "nan_to_num", "i0"], ANY),
}  # fmt: skip
ON_SPECIAL = [
    "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "exp2", "erfc", "erfinv", "logit", "signbit",
    "isposinf", "isneginf", "nan_to_num", "lgamma", "digamma", "log2", "log10", "i0",
]  # fmt: skip
BINARY = ["hypot", "logaddexp", "logaddexp2", "fmax", "fmin", "copysign", "nextafter", "arctan2", "ldexp", "dist"]
ALIASES = [
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "not_equal",
    "multiply",
    "subtract",
    "divide",
    "true_divide",
]
PAIRS = [(X, In(3, 4)), (In(3, 1), In(4)), (S, X), (E, In(3))]

CASES = [
    *[Case(n, x) for n, domain in DOMAINS.items() for x in domain],
    *[Case(n, SPECIAL, order=0) for n in ON_SPECIAL],
    *[Case(n, x, order=1) for n in ("lgamma", "special.gammaln") for x in [*POSITIVE, X]],
    *[Case(n, x, order=0) for n in ("digamma", "special.digamma", "special.psi") for x in [*POSITIVE, X]],
    *[Case("polygamma", n, pos(3, 4), only="function", order=0) for n in (0, 2, 3)],
    *[Case("polygamma", pos(3, 4), n, only="method", order=0) for n in (0, 1, 2)],
    Case("special.polygamma", 2, pos(3), order=1),
    Case("mvlgamma", In(3, low=3, high=6), 3, order=1), Case("special.multigammaln", In(3, low=3, high=6), 2, order=1),
    *[Case(n, a, b) for n in BINARY if n not in ("nextafter", "dist") for a, b in PAIRS],
    *[Case("nextafter", a, b, order=0) for a, b in PAIRS], Case("nextafter", SPECIAL, In(values=np.ones(12))),
    Case("logaddexp", In(values=[INF, -INF, INF, 1.0, 1000.0]), In(values=[INF, -INF, -INF, INF, -1000.0])),
    Case("hypot", In(values=[3e200, INF, 0.0, NAN]), In(values=[4e200, NAN, 0.0, 1.0]), order=0),
    Case("copysign", X, -1.0), Case("copysign", X, 0.0), Case("copysign", In(3), In(values=[-0.0, 0.0, NAN])),
    *[Case(n, a, b) for n in ALIASES for a, b in PAIRS[:2]],
    Case("rsub", X, 2.0, only="function"), Case("rsub", X, In(4), alpha=3, only="function"),
    Case("heaviside", In(values=[-1.5, 0.0, 2.0, NAN]), In(values=[0.5, 0.25, 1.0, 3.0])),
    *[Case(n, a, b) for n in ("xlogy", "special.xlogy") for a, b in ((X, pos(4)), (pos(3, 1), pos(4)))],
    Case("xlogy", In(values=[0.0, 0.0, 0.0, 1.0]), In(values=[0.0, INF, NAN, 0.0])), Case("xlogy", X, 2.0),
    Case("xlogy", 2.0, pos(3), only="function"), Case("xlogy", 0.0, pos(3), only="function"),
    Case("special.xlog1py", X, pos(4)), Case("special.xlog1py", In(values=[0.0, 0.0]), In(values=[-1.0, NAN])),
    Case("float_power", pos(3, 4), 2), Case("float_power", pos(3), In(3)), Case("float_power", INTS, 2),
    Case("float_power", 2.0, In(3), only="function"),
    *[Case(n, X, 0.3) for n in ("clamp_min", "clamp_max")], Case("clamp_min", X, In(4)), Case("clamp_max", X, In(4)),
    Case("clip", X, -0.5, 0.5), Case("clip", X, max=In(4)), Case("clamp", INTS, 0, 5), Case("clamp", INTS, min=0.5),
    Case("fmax", SPECIAL, In(values=np.linspace(-1, 1, 12))), Case("fmin", SPECIAL, In(values=np.linspace(-1, 1, 12))),
    Case("fmax", In(values=[NAN, 1.0]), In(values=[2.0, NAN])), Case("fmin", In(values=[NAN, NAN]),
      In(values=[2.0, NAN])),
    Case("nan_to_num", SPECIAL, 1.0, 2.0, -3.0), Case("nan_to_num", SPECIAL, nan=7.0, posinf=1.5),
    Case("logit", In(3, 4, low=-0.5, high=1.5), 0.1), Case("logit", X, eps=0.2),
    *[Case("round", In(values=[1.2345, -0.005, 15.5, 25.0]), decimals=d) for d in (0, 1, 2, -1)],
    Case("special.round", X, decimals=1), Case("frexp", In(values=[0.0, 1.0, -3.7, 1e-310, 1e300])), Case("frexp", X),
    Case("log2", EIGHTHS), Case("ldexp", X, idx([1, 2, 0, 3])),
    *[Case(n, INTS, idx([4, 6, -9])) for n in ("gcd", "lcm", "bitwise_and", "bitwise_or", "bitwise_xor")],
    *[Case(n, INTS, idx([1, 2, 3])) for n in ("bitwise_left_shift", "bitwise_right_shift")],
    Case("bitwise_not", INTS), Case("bitwise_not", mask([True, False])), Case("floor_divide", X, 0.7, order=0),
    Case("floor_divide", INTS, 5),
    Case("isin", INTS, idx([5, 12, 12, 3]), only="function"), Case("isin", INTS, idx([]), only="function"),
    Case("isin", SPECIAL, In(values=[NAN, 1.0, 0.0]), invert=True, only="function"),
    Case("isin", INTS, 7, only="function"),
    Case("exp2", INTS), Case("sinc", INTS), Case("deg2rad", INTS), Case("asin", idx([0, 1, -1])),
    Case("nan_to_num", INTS), Case("signbit", INTS), Case("isposinf", INTS), Case("float_power", INTS, idx([1, 2, 0])),
    Case("sinc", In(values=[1e-9, 1e-3, -0.15, 0.0, 2.0, INF])),
    *[Case(f"special.{n}", x) for n in ("erf", "erfc", "exp2", "expm1", "expit", "sinc", "ndtr", "i0", "i0e")
      for x in ANY],
    *[Case(f"special.{n}", x) for n in ("i1", "i1e", "erfcx") for x in ANY],
    Case("special.i0e", In(values=[-30.0, 7.9, 8.1, 100.0])), Case("special.i1", In(values=[-30.0, 7.9, 0.0, 8.1])),
    *[Case("special.log_ndtr", x) for x in (X, In(4, low=-30, high=-5), In(3, low=2, high=8))],
    *[Case("special.ndtri", x) for x in SHARES], Case("special.ndtri", In(values=[0.0, 1.0, 1e-300, 0.5, 2.0])),
    *[Case("special.log1p", x) for x in POSITIVE], *[Case("special.entr", x) for x in POSITIVE],
    Case("special.entr", SPECIAL, order=0), Case("special.erfinv", In(3, low=-0.9, high=0.9)),
    Case("special.logit", In(3, low=0.1, high=0.9), 0.2), Case("special.erfcx", In(values=[-5.0, 30.0, INF, 1e10])),
    *[Case("special.zeta", pos(1), In(3, low=0.5, high=20), order=0)],
    Case("special.zeta", In(values=[2.0, 3.0, 1.5, 1.0, 0.5]), In(values=[1.0, 2.5, 0.1, 2.0, 1.0])),
    Case("special.logsumexp", X, 1), Case("special.softmax", X, 1), Case("special.log_softmax", X, 0),
    Case("is_same_size", X, X), Case("equal", X, In(3, 4)), Case("allclose", X, In(3, 4)),
]  # fmt: skip
