"""Elementwise primitives in native code against their NumPy forward, for all dtypes, widths and lengths."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from thalweg.compiler.ir import Function, Module
from thalweg.compiler.lanes import Lane, Lanes
from thalweg.compiler.native import Target
from thalweg.core.primitive import Primitive
from thalweg.ops import base, costs
from thalweg.ops import elementwise as e
from thalweg.ops.base import Elementwise

from .native_loops import WIDTHS, Loops

INF, NAN = math.inf, math.nan
FLOATS = ["float16", "float32", "float64"]
INTEGERS = ["uint8", "int8", "int16", "int32", "int64"]
ALL = [*FLOATS, *INTEGERS, "bool"]
LENGTHS = (1, 15, 16, 17, 1000)
BOOL = np.dtype(bool)

# The primitive, its dtypes, and by how many units in the last place it may differ from NumPy.
UNARY: list[tuple[Primitive, list[str], int]] = [
    (e.neg, [*FLOATS, *INTEGERS], 0), (e.abs_, ALL, 0), (e.sign, ALL, 0), (e.reciprocal, FLOATS, 0),
    (e.sqrt, FLOATS, 0), (e.rsqrt, FLOATS, 1), (e.exp, FLOATS, 3), (e.expm1, FLOATS, 3), (e.log, FLOATS, 3),
    (e.log1p, FLOATS, 3), (e.tanh, FLOATS, 4), (e.sigmoid, FLOATS, 4), (e.softplus, FLOATS, 4), (e.erf, FLOATS, 3),
    (e.sin, FLOATS, 3), (e.cos, FLOATS, 3), (e.relu, [*FLOATS, *INTEGERS], 0), (e.floor, ALL, 0), (e.ceil, ALL, 0),
    (e.trunc, ALL, 0), (e.round_, ALL, 0), (e.logical_not, ALL, 0), (e.isnan, ALL, 0), (e.isinf, ALL, 0),
    (base.isfinite, ALL, 0), (e.bitwise_not, [*INTEGERS, "bool"], 0), (e.log2, FLOATS, 4), (e.log10, FLOATS, 4),
    (e.signbit, ALL, 0),
]  # fmt: skip
BINARY: list[tuple[Primitive, list[str], int]] = [
    (e.add, ALL, 0), (e.sub, [*FLOATS, *INTEGERS], 0), (e.mul, ALL, 0), (e.div, FLOATS, 0), (e.pow_, FLOATS, 3),
    (e.pow_, INTEGERS, 0), (e.atan2, FLOATS, 4), (e.maximum, ALL, 0), (e.minimum, ALL, 0),
    (e.floor_divide, [*FLOATS, *INTEGERS], 0), (e.remainder, [*FLOATS, *INTEGERS], 0),
    (e.fmod, [*FLOATS, *INTEGERS], 0), (base.safe_mul, FLOATS, 0), (e.eq, ALL, 0), (e.ne, ALL, 0), (e.lt, ALL, 0),
    (e.le, ALL, 0), (e.gt, ALL, 0), (e.ge, ALL, 0), (e.logical_and, ALL, 0), (e.logical_or, ALL, 0),
    (e.logical_xor, ALL, 0), (e.bitwise_and, [*INTEGERS, "bool"], 0), (e.bitwise_or, [*INTEGERS, "bool"], 0),
    (e.bitwise_xor, [*INTEGERS, "bool"], 0), (e.hypot, FLOATS, 4), (e.bitwise_left_shift, INTEGERS, 0),
    (e.bitwise_right_shift, INTEGERS, 0),
]  # fmt: skip
DIVISIONS = (e.floor_divide, e.remainder, e.fmod)

# Beside an array of each dtype of a list: the function of emit and the lane, and the same for NumPy.
WITH_NUMBERS: dict[str, tuple[list[str], Any, Any]] = {
    "add 2": ([*FLOATS, *INTEGERS], lambda m, x: e.add.lower(m, x, 2), lambda x: x + 2),
    "2.5 - x": (FLOATS, lambda m, x: e.sub.lower(m, 2.5, x), lambda x: 2.5 - x),
    "x / 3": (FLOATS, lambda m, x: e.div.lower(m, x, 3), lambda x: x / 3),
    "1 / x": (FLOATS, lambda m, x: e.div.lower(m, 1, x), lambda x: 1 / x),
    "x * True": (FLOATS, lambda m, x: e.mul.lower(m, x, True), lambda x: x * True),
    "x < 300": (INTEGERS, lambda m, x: e.lt.lower(m, x, 300), lambda x: np.less(x, 300)),
    "-300 >= x": (INTEGERS, lambda m, x: e.ge.lower(m, -300, x), lambda x: np.greater_equal(-300, x)),
    "x == 1000": (INTEGERS, lambda m, x: e.eq.lower(m, x, 1000), lambda x: np.equal(x, 1000)),
    "max(x, 0)": ([*FLOATS, *INTEGERS], lambda m, x: e.maximum.lower(m, x, 0), lambda x: np.maximum(x, 0)),
    "min(1, x)": ([*FLOATS, *INTEGERS], lambda m, x: e.minimum.lower(m, 1, x), lambda x: np.minimum(1, x)),
    "max(x, nan)": (FLOATS, lambda m, x: e.maximum.lower(m, x, NAN), lambda x: np.maximum(x, x.dtype.type(NAN))),
    "x ** 0": ([*FLOATS, *INTEGERS], lambda m, x: e.pow_.lower(m, x, 0), lambda x: x**0),
    "x ** 1": ([*FLOATS, *INTEGERS], lambda m, x: e.pow_.lower(m, x, 1), lambda x: x**1),
    "x ** 2": ([*FLOATS, *INTEGERS], lambda m, x: e.pow_.lower(m, x, 2), lambda x: x * x),
    "x ** 3": ([*FLOATS, *INTEGERS], lambda m, x: e.pow_.lower(m, x, 3), lambda x: x * x * x),
    "x ** 5": (INTEGERS, lambda m, x: e.pow_.lower(m, x, 5), lambda x: x * x * x * x * x),
    "x ** 0.5": (FLOATS, lambda m, x: e.pow_.lower(m, x, 0.5), np.sqrt),
    "x ** -1": (FLOATS, lambda m, x: e.pow_.lower(m, x, -1), lambda x: 1 / x),
    "where(x > 0, x, 0.5)": (
        FLOATS,
        lambda m, x: base.where.lower(m, e.gt.lower(m, x, 0), x, 0.5),
        lambda x: np.where(x > 0, x, x.dtype.type(0.5)),
    ),
    "safe_mul(x, inf)": (
        FLOATS,
        lambda m, x: base.safe_mul.lower(m, x, INF),
        lambda x: np.where(x == 0, x.dtype.type(0), x * x.dtype.type(INF)),
    ),
    "safe_mul(x, 2.0)": (FLOATS, lambda m, x: base.safe_mul.lower(m, x, 2.0), lambda x: x * x.dtype.type(2)),
}


def special(dtype: Any) -> Any:
    dtype = np.dtype(dtype)
    if dtype == BOOL:
        return np.array([False, True])
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        values = [0, 1, 2, 3, 7, 100, info.max, info.max - 1, info.min, info.min + 1]
        return np.array(values + [-1, -2, -7] * (dtype.kind == "i"), dtype)
    info = np.finfo(dtype)
    values = [0.0, 0.3, 0.5, 1.0, 1.5, 2.0, 2.5, 7.0, 11.0, 1000.0, info.max, info.tiny, info.smallest_subnormal, INF]
    return np.array([*values, *[-v for v in values], NAN], dtype)


def random(dtype: Any, n: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return (rng.standard_normal(n) * 3).astype(dtype)
    return rng.integers(0, 2, n).astype(bool) if dtype == BOOL else rng.integers(0, 120, n).astype(dtype)


def one(dtype: Any, n: int) -> Any:
    return np.concatenate([random(dtype, 1000, 1), special(dtype)])[-n:]


def two(dtype: Any, n: int) -> tuple[Any, Any]:
    a, b = np.meshgrid(special(dtype), special(dtype))
    x = np.concatenate([random(dtype, 1000, 2), a.ravel()])
    return x[-n:], np.concatenate([random(dtype, 1000, 3), b.ravel()])[-n:]


def check(got: Any, expected: Any, units: int = 0) -> None:
    """Equal dtype and values (zeros of both signs are), NaN where it is expected, or within some last places."""
    expected = np.asarray(expected)
    assert got.dtype == expected.dtype
    if units == 0 or got.dtype.kind != "f":
        np.testing.assert_array_equal(got, expected)
        return
    far = ~((got == expected) | np.isnan(got) & np.isnan(expected))
    with np.errstate(all="ignore"):
        assert np.all(abs(got - expected)[far] <= units * np.spacing(abs(expected[far]))), (got[far], expected[far])


def forward(primitive: Primitive, *arrays: Any) -> Any:
    """NumPy's answer; for what is refused there the one that native code gives."""
    with np.errstate(all="ignore"):
        if primitive in DIVISIONS and arrays[0].dtype.kind in "iu":
            a, b = arrays
            return np.where(b == 0, a.dtype.type(0), primitive.forward(a, np.where(b == 0, a.dtype.type(1), b)))
        if primitive is e.pow_ and arrays[0].dtype.kind == "i":
            a, b = arrays
            towards_0 = np.where(a == 1, 1, np.where(a == -1, 1 - 2 * (b & 1), 0)).astype(a.dtype)
            return np.where(b < 0, towards_0, primitive.forward(a, np.where(b < 0, 0, b).astype(a.dtype)))
        return primitive.forward(*arrays)


def rows(table: list[tuple[Primitive, list[str], int]]) -> Iterator[tuple[str, Primitive, Any, int]]:
    for primitive, dtypes, units in table:
        for dtype in dtypes:
            yield f"{primitive.name}_{dtype}", primitive, np.dtype(dtype), units


def result_dtype(primitive: Any, dtype: Any) -> Any:
    return BOOL if primitive.boolean else dtype


@functools.cache
def loops(width: str) -> Loops:
    """Every row of the tables in one module."""
    made = Loops(*WIDTHS[width])
    for table, count in ((UNARY, 1), (BINARY, 2)):
        for name, primitive, dtype, _ in rows(table):
            made.add(name, primitive.lower, [dtype] * count, result_dtype(primitive, dtype))
    for dtype in ALL:
        made.add(f"where_{dtype}", base.where.lower, [BOOL, dtype, dtype], dtype)
        for other in ALL:
            made.add(f"convert_{dtype}_{other}", _converts(np.dtype(other)), [dtype], other)
    for dtype in FLOATS:
        made.add(f"masked_{dtype}", base.safe_mul.lower, [BOOL, dtype], dtype)
        made.add(f"cross_entropy_{dtype}", costs.binary_cross_entropy.lower, [dtype, dtype], dtype)
    for i, (dtypes, body, numpy) in enumerate(WITH_NUMBERS.values()):
        for dtype in dtypes:
            made.add(f"number_{i}_{dtype}", body, [dtype], numpy(np.ones(1, dtype)).dtype)
    made.add("mixed", e.add.lower, [np.int64, np.float32], np.float32)
    return made


def _converts(dtype: Any) -> Any:
    return lambda emit, x: base.convert.lower(emit, x, dtype=dtype)


EACH_WIDTH = pytest.mark.parametrize("width", WIDTHS)


@EACH_WIDTH
@pytest.mark.parametrize("row", [pytest.param(r, id=r[0]) for r in rows(UNARY)])
def test_unary(row: Any, width: str) -> None:
    name, primitive, dtype, units = row
    for n in LENGTHS:
        x = one(dtype, n)
        check(loops(width).run(name, result_dtype(primitive, dtype), x), forward(primitive, x), units)


@EACH_WIDTH
@pytest.mark.parametrize("row", [pytest.param(r, id=r[0]) for r in rows(BINARY)])
def test_binary(row: Any, width: str) -> None:
    name, primitive, dtype, units = row
    for n in LENGTHS:
        a, b = two(dtype, n)
        check(loops(width).run(name, result_dtype(primitive, dtype), a, b), forward(primitive, a, b), units)


@EACH_WIDTH
@pytest.mark.parametrize("name", WITH_NUMBERS)
def test_beside_python_numbers(name: str, width: str) -> None:
    dtypes, _, numpy = WITH_NUMBERS[name]
    for dtype in dtypes:
        x = one(dtype, 200)
        with np.errstate(all="ignore"):
            expected = numpy(x)
        got = loops(width).run(f"number_{list(WITH_NUMBERS).index(name)}_{dtype}", expected.dtype, x)
        check(got, expected)


@EACH_WIDTH
@pytest.mark.parametrize("dtype", ALL)
def test_conversions(dtype: str, width: str) -> None:
    """All of NumPy's but those of floats that an integer type can't hold, for which it promises nothing."""
    for other in ALL:
        x = one(dtype, 300)
        target = np.dtype(other)
        if x.dtype.kind == "f" and target.kind in "iu":
            info = np.iinfo(target)
            wide = x.astype(np.float64)
            x = x[(wide > info.min - 1.0) & (wide < float(info.max))]
        with np.errstate(all="ignore"):
            check(loops(width).run(f"convert_{dtype}_{other}", other, x), x.astype(other))


@EACH_WIDTH
@pytest.mark.parametrize("dtype", ALL)
def test_choices(dtype: str, width: str) -> None:
    a, b = two(dtype, 300)
    c = np.arange(300) % 3 == 0
    expected = np.array([x if t else y for t, x, y in zip(c, a, b, strict=True)])
    check(loops(width).run(f"where_{dtype}", dtype, c, a, b), expected)


@EACH_WIDTH
@pytest.mark.parametrize("dtype", FLOATS)
def test_masked_product_and_cross_entropy(dtype: str, width: str) -> None:
    x = one(dtype, 300)
    mask = np.arange(300) % 2 == 0
    expected = np.array([v if m else 0 for v, m in zip(x, mask, strict=True)], dtype)
    check(loops(width).run(f"masked_{dtype}", dtype, mask, x), expected)
    p, t = np.meshgrid(np.array([0, 1e-3, 0.25, 0.5, 0.75, 0.9, 1], dtype), np.array([0, 0.25, 0.5, 1], dtype))
    p, t = p.ravel(), t.ravel()
    with np.errstate(all="ignore"):
        at_zero = np.maximum(np.log1p(-p.astype(np.float64)), -100)
        at_one = np.maximum(np.log(p.astype(np.float64)), -100)
    exact = (t - 1.0) * at_zero - t * at_one
    got = loops(width).run(f"cross_entropy_{dtype}", dtype, p, t)
    np.testing.assert_allclose(got, exact, rtol=8 * float(np.finfo(dtype).eps), atol=0)


@EACH_WIDTH
def test_mixed_dtypes_promote_as_tensors_do(width: str) -> None:
    """An integer never widens a float, where NumPy would compute in float64."""
    a, b = np.arange(40), np.linspace(0, 1, 40, dtype=np.float32)
    check(loops(width).run("mixed", np.float32, a, b), a.astype(np.float32) + b)


HALVES = np.arange(1 << 16, dtype=np.uint16).view(np.float16)


@EACH_WIDTH
def test_every_float16_converts_exactly(width: str) -> None:
    for other in ("float32", "float64"):
        wide = HALVES.astype(other)
        check(loops(width).run(f"convert_float16_{other}", other, HALVES), wide)
        back = loops(width).run(f"convert_{other}_float16", np.float16, wide)
        check(back, HALVES)
        assert np.array_equal(np.signbit(back), np.signbit(HALVES))


@EACH_WIDTH
def test_rounding_to_float16(width: str) -> None:
    """Halfway between neighbours, a little beside it (which only float64 can tell), and beyond the largest."""
    low = HALVES[:0x7C00].astype(np.float64)  # zero and all positive numbers
    middle = (low[:-1] + low[1:]) / 2
    beyond = np.array([65519.999, 65520.0, 65536.0, 1e6, 1e300, INF])
    for x in (middle, np.nextafter(middle, 0), np.nextafter(middle, 1e9), beyond, middle.astype(np.float32)):
        with np.errstate(over="ignore"):
            for signed in (x, -x):
                got = loops(width).run(f"convert_{x.dtype}_float16", np.float16, signed)
                check(got, signed.astype(np.float16))


def test_every_elementwise_primitive_is_here() -> None:
    known = {row[0] for row in (*UNARY, *BINARY)}
    known |= {base.where, base.safe_mul, costs.binary_cross_entropy, e.logaddexp}  # in the registry
    everything = [v for module in (e, base, costs) for v in vars(module).values() if isinstance(v, Elementwise)]
    assert set(everything) == known


# -- the text that is written -----------------------------------------------------------------------------


def emitter(count: int = 4) -> Lanes:
    return Lanes(Function("f", [("<4 x float>", "x")]), Module(), count, Target.host())


def test_a_product_is_one_instruction() -> None:
    emit = emitter()
    y = emit.mul(Lane(emit.function.params[0], np.float32), 2)
    assert y.dtype == np.float32
    assert "fmul contract <4 x float> %x, splat (float 0x4000000000000000)" in emit.function.text()


def test_functions_are_written_once() -> None:
    emit = emitter()
    x = Lane(emit.function.params[0], np.float32)
    emit.exp(emit.exp(x))
    assert list(emit.module.functions) == ["tw_exp_float32x4"]
    assert "call <4 x float> @tw_exp_float32x4" in emit.function.text()


def test_without_dimensions_counts_less() -> None:
    """A 0-d float64 beside a float32 vector leaves float32, as tensors do."""
    emit = emitter()
    x = Lane(emit.function.params[0], np.float32)
    scalar = Lane(emit.constant(1.0, np.float64).value, np.float64, ndim=0)
    assert emit.add(x, scalar).dtype == np.float32
    assert emit.add(emit.constant(1.0, np.float64), x).dtype == np.float64
