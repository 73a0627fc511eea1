"""The library of matrix products, for this processor and for narrower ones.

Most inputs are small integers: then every sum is exact, in whatever order it is added up, and results are compared
with NumPy's integer products to the last bit.
"""

import ctypes
import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.compiler.ir import Module
from thalweg.compiler.native import Target, build
from thalweg.compiler.products import library_functions

from .edges import PROTECTED, fenced

TARGETS = {f"{b} bytes": Target.host().narrow(b) for b in (64, 32, 16)}
DTYPES = (np.float32, np.float64)
FACTORS = ((1, 0), (-0.5, 1), (2, 0.5), (0, -1))
INF, NAN = np.inf, np.nan


@functools.cache
def library(target):
    module = Module()
    library_functions(module, target)
    return build(module.text(), target)


@functools.cache
def function(target, dtype):
    real = ctypes.c_float if dtype == np.float32 else ctypes.c_double
    size, pointer = ctypes.c_int64, ctypes.c_void_p
    matrix = [pointer, size, size]
    name = "tw_gemm_f32" if dtype == np.float32 else "tw_gemm_f64"
    return library(target).function(name, None, size, size, size, real, *matrix, *matrix, real, pointer, size)


def steps(x):
    return [s // x.itemsize for s in x.strides]


def gemm(target, a, b, c, alpha=1.0, beta=0.0):
    """C = beta C + alpha A B in place."""
    assert c.shape[1] <= 1 or c.strides[1] == c.itemsize
    sizes = (*c.shape, a.shape[1])
    matrices = [v for x in (a, b) for v in (x.ctypes.data, *steps(x))]
    function(target, c.dtype.type)(*sizes, alpha, *matrices, beta, c.ctypes.data, steps(c)[0])


def packed_gemm(target, a, b, c, alpha=1.0, beta=0.0):
    """The same with the panels of B packed beforehand."""
    (m, n), k, suffix = c.shape, a.shape[1], "f32" if c.dtype == np.float32 else "f64"
    real = ctypes.c_float if c.dtype == np.float32 else ctypes.c_double
    size, pointer = ctypes.c_int64, ctypes.c_void_p
    width = 2 * target.lanes("float" if c.dtype == np.float32 else "double")
    rows = -(-k // (width // 2)) * (width // 2)  # of a panel: whole vectors
    panels = np.full(-(-n // width) * width * rows + 1, NAN, c.dtype)
    pack = library(target).function(f"tw_pack_{suffix}", None, size, size, pointer, size, size, pointer)
    pack(k, n, b.ctypes.data, *steps(b), panels.ctypes.data)
    assert np.isnan(panels[-1])  # nothing was written behind the panels
    types = [size, size, size, real, pointer, size, size, pointer, real, pointer, size]
    product = library(target).function(f"tw_packed_{suffix}", None, *types)
    product(m, n, k, alpha, a.ctypes.data, *steps(a), panels.ctypes.data, beta, c.ctypes.data, steps(c)[0])


@pytest.fixture(params=TARGETS)
def target(request):
    return TARGETS[request.param]


@pytest.fixture(params=DTYPES, ids=["float32", "float64"])
def dtype(request):
    return request.param


def whole(seed, shape, dtype):
    """Integers from -4 to 4 as floats."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype)


def laid_out(x, kind):
    """The same values with other strides."""
    rows, columns = x.shape
    if kind == "transposed":
        return np.ascontiguousarray(x.T).T
    if kind == "reversed":
        return np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1]
    if kind == "spaced":
        wide = np.full((rows, 3 * columns + 1), NAN, x.dtype)
        wide[:, : 3 * columns : 3] = x
        return wide[:, : 3 * columns : 3]
    if kind == "rows apart":
        wide = np.full((rows, columns + 5), NAN, x.dtype)
        wide[:, 2 : 2 + columns] = x
        return wide[:, 2 : 2 + columns]
    if kind == "columns apart":
        return laid_out(x.T, "rows apart").T
    return np.ascontiguousarray(x)


def expected(a, b, c, alpha, beta):
    """By NumPy, exactly: the inputs are integers, the factors multiples of a half."""
    product = a.astype(np.int64) @ b.astype(np.int64)
    return (alpha * product + (beta * c.astype(np.float64) if beta else 0)).astype(c.dtype)


def check(target, a, b, alpha, beta, room=3):
    """A product into the middle of a larger array, of which nothing else may change; without room, into whole rows."""
    m, n = a.shape[0], b.shape[1]
    left = min(room, 1)
    around = np.full((m + 2, n + room), 7, a.dtype)
    c = around[1 : m + 1, left : n + left]
    c[...] = whole(3, (m, n), a.dtype) if beta else NAN
    right = around.copy()
    right[1 : m + 1, left : n + left] = expected(a, b, c, alpha, beta)
    gemm(target, a, b, c, alpha, beta)
    np.testing.assert_array_equal(around, right)


SIZES = [
    (m, n, k)
    for m in (1, 2, 3, 4, 7, 12, 13, 25, 41)
    for n in (1, 2, 4, 10, 17, 32, 33, 131)
    for k in (0, 1, 2, 4, 17, 64)
]  # fmt: skip


@pytest.mark.parametrize("b_kind", ["rows", "transposed"])
@pytest.mark.parametrize("a_kind", ["rows", "transposed"])
def test_all_sizes_in_all_orientations(target, dtype, a_kind, b_kind):
    for i, (m, n, k) in enumerate(SIZES):
        a, b = laid_out(whole(1, (m, k), dtype), a_kind), laid_out(whole(2, (k, n), dtype), b_kind)
        check(target, a, b, *FACTORS[i % len(FACTORS)])
        check(target, a, b, *FACTORS[(i + 1) % len(FACTORS)], room=0)


@pytest.mark.parametrize(("alpha", "beta"), FACTORS)
def test_factors(target, dtype, alpha, beta):
    for m, n, k in ((1, 40, 9), (2, 300, 5), (3, 9, 30), (9, 9, 1), (30, 20, 17), (50, 1, 33), (1, 1, 70)):
        for kind in ("rows", "transposed"):
            check(target, whole(1, (m, k), dtype), laid_out(whole(2, (k, n), dtype), kind), alpha, beta)


KINDS = ["rows", "transposed", "reversed", "spaced", "rows apart", "columns apart"]


@pytest.mark.parametrize("a_kind", KINDS)
def test_strides(target, dtype, a_kind):
    sizes = [(2, 40, 19), (5, 6, 1), (13, 35, 20), (47, 70, 33), (45, 3, 18), (30, 3, 41), (45, 1, 40), (9, 4, 50)]
    for b_kind in KINDS:
        for i, (m, n, k) in enumerate(sizes):
            a, b = laid_out(whole(1, (m, k), dtype), a_kind), laid_out(whole(2, (k, n), dtype), b_kind)
            check(target, a, b, *FACTORS[i % 3], room=3 * (i % 2))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1)], ids=str)
def test_strides_of_zero(target, dtype, shape):
    a = np.broadcast_to(whole(1, shape, dtype), (9, 7))
    for b_shape in ((1, 1), (1, 40), (7, 1)):
        check(target, a, np.broadcast_to(whole(2, b_shape, dtype), (7, 40)), 1, 1)


@pytest.mark.parametrize("b_kind", ["rows", "transposed"])
@pytest.mark.parametrize(
    ("m", "n", "k"), [(5, 40, 1100), (45, 70, 1025), (50, 33, 2049), (2, 9, 800), (20, 600, 400), (9, 2, 1100)]
)
def test_sizes_beyond_the_blocks(target, dtype, m, n, k, b_kind):
    for a_kind in ("rows", "transposed"):
        a, b = laid_out(whole(1, (m, k), dtype), a_kind), laid_out(whole(2, (k, n), dtype), b_kind)
        check(target, a, b, 1, 0.5)
        check(target, a, b, 1, 0.5, room=0)


@pytest.mark.parametrize("beta", [0, 1])
def test_rows_and_columns_beyond_the_blocks(target, dtype, beta):
    for m, n, k in ((530, 300, 20), (601, 130, 400)):  # A is transposed: its far columns are packed
        check(target, laid_out(whole(1, (m, k), dtype), "transposed"), whole(2, (k, n), dtype), -0.5, beta)
    check(target, whole(1, (530, 20), dtype), whole(2, (20, 40), dtype), -0.5, beta)


EXAMPLE = st.tuples(
    st.sampled_from(list(TARGETS)), st.sampled_from(DTYPES), st.tuples(*[st.integers(0, 70)] * 3),
    st.sampled_from(KINDS), st.sampled_from(KINDS), st.sampled_from(FACTORS), st.sampled_from((0, 2, 20)),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(EXAMPLE)
def test_anything(example):
    name, dtype, (m, n, k), a_kind, b_kind, factors, room = example
    a, b = laid_out(whole(1, (m, k), dtype), a_kind), laid_out(whole(2, (k, n), dtype), b_kind)
    check(TARGETS[name], a, b, *factors, room=room)


@pytest.mark.parametrize("b_kind", ["rows", "transposed"])
def test_rounding(target, dtype, b_kind):
    rng = np.random.default_rng(5)
    for m, n, k in ((1, 50, 300), (2, 300, 40), (30, 40, 500), (64, 7, 1500), (9, 9, 1)):
        a = rng.standard_normal((m, k)).astype(dtype)
        b = laid_out(rng.standard_normal((k, n)).astype(dtype), b_kind)
        c = rng.standard_normal((m, n)).astype(dtype)
        # Every order of summation is within this (Higham 2002, Accuracy and Stability, section 3.5).
        size = np.abs(a).astype(np.longdouble) @ np.abs(b).astype(np.longdouble) + np.abs(c)
        right = a.astype(np.longdouble) @ b.astype(np.longdouble) * 0.3 + c.astype(np.longdouble) * 0.7
        gemm(target, a, b, c, 0.3, 0.7)
        assert np.all(np.abs(c - right) <= (k + 4) * np.finfo(dtype).eps * size)


# -- memory -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not PROTECTED, reason="memory can't be forbidden here")
@pytest.mark.parametrize("at_end", [True, False])
def test_nothing_outside_of_the_matrices_is_touched(target, dtype, at_end):
    for m, n, k in (
        (1, 5, 3),
        (1, 300, 7),
        (2, 131, 5),
        (3, 21, 37),
        (5, 37, 1),
        (13, 1, 19),
        (45, 2, 9),
        (47, 35, 21),
    ):
        for a_kind in ("rows", "transposed"):
            for b_kind in ("rows", "transposed"):
                a, b = whole(1, (m, k), dtype), whole(2, (k, n), dtype)
                far_a = fenced(a, at_end) if a_kind == "rows" else fenced(a.T, at_end).T
                far_b = fenced(b, at_end) if b_kind == "rows" else fenced(b.T, at_end).T
                c = fenced(np.ones((m, n), dtype), at_end)
                right = expected(a, b, c, 1, 1)
                gemm(target, far_a, far_b, c, 1, 1)
                np.testing.assert_array_equal(c, right)


@pytest.mark.parametrize(("m", "n", "k"), [(0, 5, 3), (5, 0, 3), (0, 0, 0), (1, 0, 1)])
def test_empty_products_leave_everything_alone(target, dtype, m, n, k):
    check(target, whole(1, (m, k), dtype), whole(2, (k, n), dtype), 1, 1)


def test_no_terms_leave_beta_times_the_old_content(target, dtype):
    c = np.array([[1, -2, INF]] * 5, dtype)
    gemm(target, np.zeros((5, 0), dtype), np.zeros((0, 3), dtype), c, 1, 0.5)
    np.testing.assert_array_equal(c, np.array([[0.5, -1, INF]] * 5, dtype))
    gemm(target, np.zeros((5, 0), dtype), np.zeros((0, 3), dtype), c)
    np.testing.assert_array_equal(c, np.zeros((5, 3), dtype))


# -- what is not finite -----------------------------------------------------------------------------------


@pytest.mark.parametrize("b_kind", ["rows", "transposed"])
@pytest.mark.parametrize(("m", "n", "k"), [(1, 20, 9), (2, 200, 9), (3, 5, 40), (14, 35, 20), (45, 3, 7)])
@pytest.mark.parametrize("strange", [NAN, INF, -INF])
def test_zero_times_what_is_not_finite_is_nan(target, dtype, m, n, k, b_kind, strange):
    a = np.zeros((m, k), dtype)
    b = laid_out(np.ones((k, n), dtype), b_kind)
    b[k // 2, n - 1] = strange
    c = np.empty((m, n), dtype)
    gemm(target, a, b, c)
    assert np.isnan(c[:, n - 1]).all()
    assert not c[:, : n - 1].any()

    a, b = np.ones((m, k), dtype), laid_out(np.ones((k, n), dtype), b_kind)
    a[m - 1, k - 1] = strange
    gemm(target, a, b, c)
    np.testing.assert_array_equal(c[m - 1], np.full(n, strange, dtype))
    np.testing.assert_array_equal(c[: m - 1], np.full((m - 1, n), k, dtype))


@pytest.mark.parametrize("n", [1, 15, 16, 40])
@pytest.mark.parametrize("strange", [NAN, INF, -INF])
def test_a_rank_one_update_with_what_is_not_finite(target, dtype, n, strange):
    a, b, c = np.zeros((3, 1), dtype), np.ones((1, n), dtype), np.ones((3, n), dtype)
    a[1, 0] = 2
    b[0, n - 1] = strange
    gemm(target, a, b, c, 1, 1)
    np.testing.assert_array_equal(c[:, : n - 1], np.repeat([[1], [3], [1]], n - 1, axis=1))
    np.testing.assert_array_equal(c[:, n - 1], np.array([NAN, strange, NAN], dtype))

    a[2, 0] = strange
    b[...] = 0
    gemm(target, a, b, c, 1, 1)
    assert np.isnan(c[2]).all()
    np.testing.assert_array_equal(c[:2, : n - 1], np.repeat([[1], [3]], n - 1, axis=1))


def test_rows_with_the_factor_zero_keep_what_they_hold(target, dtype):
    c = np.full((3, 40), NAN, dtype)
    c[2] = 5
    gemm(target, np.array([[0], [1], [-0.0]], dtype), np.ones((1, 40), dtype), c, 1, 1)
    assert np.isnan(c[:2]).all()
    assert (c[2] == 5).all()


def test_old_content_that_is_not_asked_for_may_be_anything(target, dtype):
    for m, n, k in ((1, 9, 8), (2, 200, 3), (5, 5, 1), (20, 40, 9)):
        for kind in ("rows", "transposed"):
            c = np.full((m, n), NAN, dtype)
            gemm(target, np.ones((m, k), dtype), laid_out(np.ones((k, n), dtype), kind), c)
            assert (c == k).all()


# -- the order of summation -------------------------------------------------------------------------------


@pytest.mark.parametrize("b_kind", ["rows", "transposed"])
@pytest.mark.parametrize("a_kind", ["rows", "transposed"])
@pytest.mark.parametrize(("n", "k"), [(40, 1200), (33, 70), (2, 500), (7, 1), (600, 20)])
def test_ranges_of_rows_give_the_same_bits(target, dtype, n, k, a_kind, b_kind):
    rng = np.random.default_rng(6)
    m = 61
    a = laid_out(rng.standard_normal((m, k)).astype(dtype), a_kind)
    b = laid_out(rng.standard_normal((k, n)).astype(dtype), b_kind)
    one = rng.standard_normal((m, n)).astype(dtype)
    for size in (4, 5, 12, 48):
        for beta in (0, 1):
            together, apart = one.copy(), one.copy()
            gemm(target, a, b, together, 0.3, beta)
            for start in range(0, m - 3, size):
                stop = m if start + size > m - 4 else start + size  # no range is shorter than 4
                gemm(target, a[start:stop], b, apart[start:stop], 0.3, beta)
                if stop == m:
                    break
            np.testing.assert_array_equal(apart, together)


@pytest.mark.parametrize("a_kind", ["straight", "transposed"])
@pytest.mark.parametrize("b_kind", ["straight", "transposed"])
@pytest.mark.parametrize(
    ("m", "n", "k"), [(5, 33, 40), (133, 70, 385), (300, 257, 385), (264, 130, 769), (132, 256, 384)]
)
def test_panels_that_are_packed_beforehand(target, dtype, m, n, k, a_kind, b_kind):
    """Depths just beyond a block of k, where a block of rows is packed with the most that fits."""
    a, b = laid_out(whole(1, (m, k), dtype), a_kind), laid_out(whole(2, (k, n), dtype), b_kind)
    for alpha, beta in FACTORS:
        c = whole(3, (m, n), dtype)
        wanted = expected(a, b, c, alpha, beta)
        packed_gemm(target, a, b, c, alpha, beta)
        np.testing.assert_array_equal(c, wanted)


def test_threads_at_the_same_time(target, dtype):
    a, b = whole(1, (200, 300), dtype), laid_out(whole(2, (300, 90), dtype), "transposed")
    c = np.empty((200, 90), dtype)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda i: gemm(target, a[i : i + 20], b, c[i : i + 20]), range(0, 200, 20)))
    np.testing.assert_array_equal(c, expected(a, b, c, 1, 0))
