"""The accuracy of the mathematical functions, against results of higher precision."""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from .native_loops import WIDTHS, Loops

INF, NAN = math.inf, math.nan
UNARY = ("exp", "expm1", "tanh", "sigmoid", "softplus", "log", "log1p", "erf", "sin", "cos")
DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]
NAMES = [*UNARY, "atan2", "pow"]
NEEDS_MORE_DIGITS = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 60, reason="long double has no more digits than double"
)


@functools.cache
def loops(width: str) -> Loops:
    """All functions in one module."""
    made = Loops(*WIDTHS[width])
    for name in NAMES:
        for dtype in DTYPES:
            inputs = [dtype] * (2 if name in ("atan2", "pow") else 1)
            made.add(f"{name} {dtype}".replace(" ", "_"), _call(name), inputs, dtype)
    return made


def _call(name: str) -> Any:
    return lambda emit, *x: getattr(emit, name)(*x)


def native(width: str, name: str, *arrays: Any) -> Any:
    return loops(width).run(f"{name}_{arrays[0].dtype}", arrays[0].dtype, *arrays)


def _sigmoid(x: Any) -> Any:
    e = np.exp(-abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def _erf(x: Any) -> Any:
    return np.vectorize(_erf_series, otypes=[np.longdouble])(x) if x.size else x


def _erf_series(x: float) -> Any:
    """2 / sqrt(pi) e**-x**2 (x + 2 x**3 / 3 + 4 x**5 / 15 + ...): all terms of one sign; DLMF 7.6.2."""
    if x != x or abs(x) > 7:
        return np.longdouble(math.copysign(1, x) if x == x else x)
    term = total = np.longdouble(x)
    n = 1
    while abs(term) > abs(total) * 1e-22:
        term = term * 2 * np.longdouble(x) ** 2 / (2 * n + 1)
        total += term
        n += 1
    return 2 / np.sqrt(4 * np.arctan(np.longdouble(1))) * np.exp(-(np.longdouble(x) ** 2)) * total


REFERENCES: dict[str, Any] = {
    "exp": np.exp, "expm1": np.expm1, "tanh": np.tanh, "sigmoid": _sigmoid, "log": np.log, "log1p": np.log1p,
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-abs(x))), "erf": _erf, "sin": np.sin, "cos": np.cos,
    "atan2": np.arctan2, "pow": np.power,
}  # fmt: skip


def distance(y: Any, exact: Any) -> float:
    """The largest error in units of the last place of the exact result; infinite where NaN or infinities differ.

    Beyond the largest number, where rounding begins to give infinity, both that number and infinity are right.
    """
    info = np.finfo(y.dtype)
    rounded = exact.astype(y.dtype)
    equal = (y == rounded) & (np.signbit(y) == np.signbit(rounded)) | np.isnan(y) & np.isnan(rounded)
    equal |= np.isinf(y) & (abs(exact) >= info.max) & (np.signbit(y) == np.signbit(rounded))
    exponent = np.frexp(np.where(np.isfinite(exact), exact, 0))[1].astype(np.int64) - 1
    unit = np.ldexp(exact.dtype.type(1), np.maximum(exponent, info.minexp) - info.nmant)
    error = abs(y.astype(exact.dtype) - exact) / unit
    error[equal & ~np.isfinite(error)] = 0
    error[np.isnan(error)] = INF
    return float(error.max())


def special(dtype: Any) -> Any:
    info = np.finfo(dtype)
    values = [0.0, 0.5, 1.0, 1 - info.epsneg, 1 + info.eps, 2.0, 2.5, 3.0, 1e-30, 1e30, 88.9, 709.9, 104.5, 745.5, INF]
    values += [info.max, info.tiny, info.tiny * 0.9, info.smallest_subnormal]
    return np.array([*values, *[-v for v in values], NAN], dtype)


def angles(dtype: Any, rng: Any) -> Any:
    """The numbers next to multiples of pi / 2, where most digits cancel, and huge ones."""
    near = (rng.integers(1, 10**5, 2000) * (np.pi / 2)).astype(dtype)
    return np.concatenate([near, np.nextafter(near, dtype.type(0)), (rng.random(500) * 2.0**33).astype(dtype)])


def samples(name: str, dtype: Any) -> Any:
    """Bit patterns at random, which are of all magnitudes, and dense samples where the functions change."""
    rng = np.random.default_rng(7)
    unsigned = np.dtype(f"u{dtype.itemsize}")
    n = 300 if name == "erf" and dtype.itemsize == 8 else 5000
    parts = [rng.integers(0, np.iinfo(unsigned).max, n, unsigned, endpoint=True).view(dtype), special(dtype)]
    parts += [((rng.random(n) * 2 - 1) * scale).astype(dtype) for scale in (1e-2, 1, 4, 20, 110, 760, 1e5)]
    parts.append((1 + (rng.random(n) * 2 - 1) * 1e-2).astype(dtype))
    if name in ("sin", "cos"):
        parts.append(angles(dtype, rng))
    return np.concatenate(parts)


def pairs(dtype: Any) -> list[Any]:
    """Two arrays of operands: moderate, all magnitudes, bases near 1 with large exponents, all special values."""
    rng = np.random.default_rng(8)
    unsigned = np.dtype(f"u{dtype.itemsize}")
    n = 10000
    bits = rng.integers(0, np.iinfo(unsigned).max, (2, n), unsigned, endpoint=True).view(dtype)
    moderate = rng.standard_normal((2, n)).astype(dtype)
    positive = np.exp(rng.standard_normal(n) * 20).astype(dtype)
    near_one = (1 + rng.standard_normal(n) * 1e-3).astype(dtype)
    whole = rng.integers(-20, 20, n).astype(dtype)
    a, b = np.meshgrid(special(dtype), special(dtype))
    return [
        np.concatenate([bits[0], moderate[0], positive, near_one, moderate[0], bits[0], a.ravel()]),
        np.concatenate([bits[1], moderate[1], moderate[1] * 5, moderate[1] * 1e4, whole, moderate[1], b.ravel()]),
    ]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", [DTYPES[0], pytest.param(DTYPES[1], marks=NEEDS_MORE_DIGITS)], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_within_two_units_in_the_last_place(name: str, dtype: Any, width: str) -> None:
    arrays = pairs(dtype) if name in ("atan2", "pow") else [samples(name, dtype)]
    wide = np.float64 if dtype.itemsize == 4 and name != "erf" else np.longdouble
    with np.errstate(all="ignore"):
        exact = REFERENCES[name](*[a.astype(wide) for a in arrays])
        bound = 3 if name == "sigmoid" and width == "4 lanes, 16 bytes" else 2
        assert distance(native(width, name, *arrays), exact) <= bound


def test_known_numbers() -> None:
    """To 17 digits, from published tables (DLMF and OEIS): e, log 2, erf(1), sin(10**22)."""
    for name, x, y in [
        ("exp", 1.0, 2.7182818284590452), ("log", 2.0, 0.69314718055994531), ("erf", 1.0, 0.84270079294971487),
        ("sin", 1e22, -0.85220084976713880), ("tanh", 0.5, 0.46211715726000976), ("expm1", 1e-9, 1.0000000005e-9),
    ]:  # fmt: skip
        assert native("16 lanes", name, np.array([x]))[0] == pytest.approx(y, rel=3e-16)


@pytest.mark.parametrize("width", WIDTHS)
def test_results_do_not_depend_on_the_neighbours(width: str) -> None:
    """An angle beyond the limit of the fast reduction, in the same vector, changes nothing."""
    x = np.linspace(-50, 50, 64, dtype=np.float32)
    beside = x.copy()
    beside[::5] = 1e30
    kept = np.arange(64) % 5 != 0
    for name in ("sin", "cos"):
        assert np.array_equal(native(width, name, x)[kept], native(width, name, beside)[kept])


def test_power_of_exact_cases() -> None:
    """Small integer powers are exact where the result fits."""
    a, b = np.meshgrid(np.arange(-9.0, 10), np.arange(0.0, 10))
    a, b = a.ravel(), b.ravel()
    exact = [float(Fraction(int(x)) ** int(n)) for x, n in zip(a, b, strict=True)]
    for dtype in DTYPES:
        got = native("16 lanes", "pow", a.astype(dtype), b.astype(dtype))
        np.testing.assert_allclose(got, np.array(exact, dtype), rtol=np.finfo(dtype).eps)
