"""Derivatives at corners, poles and extremes, to second order, in float32 and float64: what the docstrings state."""

import math

import numpy as np
import pytest

import thalweg as tw
from thalweg.ops.elementwise import softplus

INF, NAN = math.inf, math.nan
DTYPES = pytest.mark.parametrize("dtype", [tw.float32, tw.float64], ids=["float32", "float64"])


def derivatives(function, values, dtype):
    """(the value, d sum / dx, d sum of that / dx); zeros where the first derivative is constant."""
    x = tw.tensor(values, dtype=dtype, requires_grad=True)
    y = function(x)
    (first,) = tw.autograd.grad(y, x, tw.ones_like(y), create_graph=True)
    second = tw.zeros_like(x)
    if first.requires_grad:
        (second,) = tw.autograd.grad(first, x, tw.ones_like(x), materialize_grads=True)
    return y, first, second


def check(function, values, dtype, expected, tolerance=None):
    """``expected``: value, first and second derivative, or as many of them as are given."""
    tolerance = tolerance or (2e-6 if dtype is tw.float32 else 1e-14)
    for got, want in zip(derivatives(function, values, dtype), expected, strict=False):
        assert got.dtype is dtype
        np.testing.assert_allclose(got.detach().numpy(), want, rtol=tolerance, atol=1e-30)


# -- branches that are not taken --------------------------------------------------------------------------


@DTYPES
def test_where_keeps_the_other_branch_out(dtype):
    check(
        lambda x: tw.where(x > 0, tw.sqrt(x), x), [-1.0, 0.0, 4.0], dtype, ([-1, 0, 2], [1, 1, 0.25], [0, 0, -0.03125])
    )
    check(
        lambda x: tw.where(x > 0, tw.log(x), x),
        [-1.0, 0.0, 2.0],
        dtype,
        ([-1, 0, math.log(2)], [1, 1, 0.5], [0, 0, -0.25]),
    )
    check(lambda x: tw.where(x == 0, x, 1 / x), [0.0, 2.0], dtype, ([0, 0.5], [1, -0.25], [0, 0.25]))
    check(lambda x: tw.where(x == 0, x, x / x), [0.0, 2.0], dtype, ([0, 1], [1, 0], [0, 0]))
    check(lambda x: tw.where(x > 0, x**0.5, x), [-1.0, 0.0, 4.0], dtype, ([-1, 0, 2], [1, 1, 0.25], [0, 0, -0.03125]))
    check(lambda x: tw.where(x < 0, x.exp(), x), [0.0, 1000.0], dtype, ([0, 1000], [1, 1], [0, 0]))
    check(
        lambda x: tw.where(x > 0, tw.log(tw.sqrt(x)), x),
        [-1.0, 0.0, 1.0],
        dtype,
        ([-1, 0, 0], [1, 1, 0.5], [0, 0, -0.5]),
    )
    check(
        lambda x: x.masked_fill(x <= 0, 1.0) * 0 + tw.where(x > 0, x.rsqrt(), 0.0),
        [-1.0, 0.0, 4.0],
        dtype,
        ([0, 0, 0.5], [0, 0, -0.0625]),
    )


@DTYPES
def test_selection_keeps_the_rest_out(dtype):
    check(lambda x: tw.sqrt(x)[1:], [0.0, 4.0], dtype, ([2], [0, 0.25], [0, -0.03125]))
    check(lambda x: tw.log(x)[x > 0], [-1.0, 0.0, 1.0], dtype, ([0], [0, 0, 1], [0, 0, -1]))
    check(lambda x: tw.maximum(tw.sqrt(x), tw.ones_like(x)), [0.0, 4.0], dtype, ([1, 2], [0, 0.25], [0, -0.03125]))
    check(
        lambda x: tw.sqrt(x) * tw.tensor([0.0, 1.0], dtype=dtype), [0.0, 4.0], dtype, ([0, 2], [0, 0.25], [0, -0.03125])
    )


# -- saturating functions ---------------------------------------------------------------------------------

SATURATED = [-1000.0, -100.0, 100.0, 1000.0, INF, -INF]


@DTYPES
def test_tanh(dtype):
    check(tw.tanh, SATURATED, dtype, ([-1, -1, 1, 1, 1, -1], [0] * 6, [0] * 6))
    check(
        tw.tanh,
        [0.0, 1.0],
        dtype,
        ([0, math.tanh(1)], [1, 1 - math.tanh(1) ** 2], [0, -2 * math.tanh(1) * (1 - math.tanh(1) ** 2)]),
    )
    tiny = derivatives(tw.tanh, [1e-6], dtype)
    assert abs(tiny[1].item() - 1) < 2e-7
    assert abs(tiny[2].item() + 2e-6) < (1e-7 if dtype is tw.float32 else 1e-15)


@DTYPES
def test_sigmoid(dtype):
    check(
        tw.sigmoid,
        [0.0, 100.0, 1000.0, INF, -INF, -1000.0],
        dtype,
        ([0.5, 1, 1, 1, 0, 0], [0.25, 0, 0, 0, 0, 0], [0] * 6),
    )
    y, first, second = derivatives(tw.sigmoid, [-80.0], dtype)
    for value in (y, first, second):  # the lower tail is exp(x) with all its digits
        assert abs(value.item() / math.exp(-80) - 1) < 1e-5


@DTYPES
def test_softplus(dtype):
    check(softplus, [1000.0, INF, -INF, -1000.0], dtype, ([1000, INF, 0, 0], [1, 1, 0, 0], [0] * 4))
    check(softplus, [0.0], dtype, ([math.log(2)], [0.5], [0.25]))
    for value in derivatives(softplus, [-80.0], dtype):
        assert abs(value.item() / math.exp(-80) - 1) < 1e-5


@DTYPES
def test_erf_and_exponentials(dtype):
    check(tw.erf, [0.0, 30.0, INF, -INF], dtype, ([0, 1, 1, -1], [2 / math.sqrt(math.pi), 0, 0, 0], [0] * 4))
    check(tw.exp, [-INF, 0.0, 1000.0], dtype, ([0, 1, INF], [0, 1, INF], [0, 1, INF]))
    check(tw.expm1, [-INF, 0.0], dtype, ([-1, 0], [0, 1], [0, 1]))


@DTYPES
def test_logsumexp(dtype):
    lse = lambda x: tw.logsumexp(x, 0)  # noqa: E731
    check(lse, [1000.0, 1000.0], dtype, (1000 + math.log(2), [0.5, 0.5], [0, 0]))
    check(lse, [-1000.0, -1000.0], dtype, (-1000 + math.log(2), [0.5, 0.5], [0, 0]))
    check(lse, [0.0, -INF], dtype, (0, [1, 0], [0, 0]))
    check(lse, [-INF, -INF], dtype, (-INF, [0, 0], [0, 0]))
    check(lse, [INF, 0.0], dtype, (INF, [0, 0], [0, 0]))
    check(lse, [], dtype, (-INF, []))
    x = tw.tensor([0.0, math.log(3)], dtype=dtype, requires_grad=True)
    (first,) = tw.autograd.grad(lse(x), x, create_graph=True)
    (second,) = tw.autograd.grad(first[0], x)
    np.testing.assert_allclose(first.detach().numpy(), [0.25, 0.75], rtol=1e-6)
    np.testing.assert_allclose(second.numpy(), [0.1875, -0.1875], rtol=1e-6)


@DTYPES
def test_softmax_with_masked_elements(dtype):
    check(lambda x: tw.softmax(x, 0)[1:], [-INF, 0.0, 0.0], dtype, ([0.5, 0.5], [0, 0, 0]))
    check(lambda x: tw.log_softmax(x, 0)[1:2], [-INF, 0.0, 0.0], dtype, ([-math.log(2)], [0, 0.5, -0.5], [0, 0, 0]))
    check(lambda x: tw.softmax(x, 0)[:1], [1000.0, 0.0], dtype, ([1], [0, 0], [0, 0]))


# -- norms ------------------------------------------------------------------------------------------------


@DTYPES
@pytest.mark.parametrize("p", [2, 3, 1.5, 0.5, 1, 4.0, "fro"])
def test_norm_at_0(dtype, p):
    check(lambda x: tw.norm(x, p), [0.0, 0.0], dtype, (0, [0, 0], [0, 0]))


@DTYPES
@pytest.mark.parametrize("p", [2, 3, 1.5, 0.5, 1, INF])
def test_norm_beside_a_0(dtype, p):
    check(lambda x: tw.norm(x, p), [0.0, 2.0], dtype, (2, [0, 1]))


@DTYPES
def test_norm_of_rows(dtype):
    x = [[0.0, 0.0], [3.0, 4.0]]
    hessian_times_ones = [(1 / 5 - (3 * 3 + 3 * 4) / 125), (1 / 5 - (4 * 3 + 4 * 4) / 125)]
    check(lambda x: tw.norm(x, dim=1), x, dtype, ([0, 5], [[0, 0], [0.6, 0.8]], [[0, 0], hessian_times_ones]), 1e-5)
    check(
        lambda x: x.std(1),
        [[2.0, 2.0], [1.0, 3.0]],
        dtype,
        ([0, math.sqrt(2)], [[0, 0], [-math.sqrt(0.5), math.sqrt(0.5)]]),
    )


# -- roots, powers, quotients, logarithms -----------------------------------------------------------------


@DTYPES
def test_sqrt(dtype):
    check(tw.sqrt, [0.0, 4.0, INF], dtype, ([0, 2, INF], [INF, 0.25, 0], [-INF, -0.03125, 0]))
    check(tw.sqrt, [-1.0], dtype, ([NAN], [NAN], [NAN]))
    check(tw.rsqrt, [0.0, 4.0], dtype, ([INF, 0.5], [-INF, -0.0625], [INF, 0.0234375]))


@DTYPES
def test_powers(dtype):
    zeros = tw.zeros(4, dtype=dtype)
    for zero in (0, 0.0, zeros):
        check(lambda x, z=zero: x**z, [0.0, -2.0, INF, NAN], dtype, ([1] * 4, [0] * 4, [0] * 4))
    check(lambda x: x**1, [0.0, -2.0], dtype, ([0, -2], [1, 1], [0, 0]))
    check(lambda x: x**2, [0.0, -3.0], dtype, ([0, 9], [0, -6], [2, 2]))
    check(lambda x: x**3, [0.0, -2.0], dtype, ([0, -8], [0, 12], [0, -12]))
    check(lambda x: x**0.5, [0.0, 4.0], dtype, ([0, 2], [INF, 0.25], [-INF, -0.03125]))
    check(lambda x: x**1.5, [0.0, 4.0], dtype, ([0, 8], [0, 3], [INF, 0.375]))
    check(lambda x: x**-1, [0.0, 4.0], dtype, ([INF, 0.25], [-INF, -0.0625], [INF, 0.03125]))
    check(lambda x: x ** tw.full((2,), 2.0, dtype=dtype), [0.0, -3.0], dtype, ([0, 9], [0, -6], [2, 2]))


@DTYPES
def test_exponents(dtype):
    check(
        lambda x: 2.0**x,
        [0.0, 2.0],
        dtype,
        ([1, 4], [math.log(2), 4 * math.log(2)], [math.log(2) ** 2, 4 * math.log(2) ** 2]),
    )
    for zero in (0.0, 0, tw.zeros(3, dtype=dtype)):
        check(lambda x, z=zero: z**x, [0.0, 2.0, -1.0], dtype, ([1, 0, INF], [0, 0, -INF]))
    check(lambda x: tw.tensor(-2.0, dtype=dtype) ** x, [2.0], dtype, ([4], [NAN]))
    x = tw.tensor(0.0, dtype=dtype, requires_grad=True)
    y = x**x  # both rules at once: d/da = 0 where b = 0, d/db = 0 where a = 0
    (g,) = tw.autograd.grad(y, x)
    assert y.item() == 1 and g.item() == 0


@DTYPES
def test_quotients(dtype):
    for zero in (0, 0.0, tw.zeros(3, dtype=dtype)):
        check(lambda x, z=zero: x / z, [1.0, 0.0, -1.0], dtype, ([INF, NAN, -INF], [INF] * 3, [0] * 3))
    check(lambda x: 1 / x, [0.0, 2.0], dtype, ([INF, 0.5], [-INF, -0.25], [INF, 0.25]))
    check(tw.reciprocal, [0.0, 2.0, INF], dtype, ([INF, 0.5, 0], [-INF, -0.25, 0], [INF, 0.25, 0]))
    check(lambda x: tw.zeros(1, dtype=dtype) / x, [0.0], dtype, ([NAN], [NAN]))


@DTYPES
def test_logarithms(dtype):
    check(tw.log, [0.0, 2.0, INF], dtype, ([-INF, math.log(2), INF], [INF, 0.5, 0], [-INF, -0.25, 0]))
    check(tw.log1p, [-1.0, 0.0], dtype, ([-INF, 0], [INF, 1], [-INF, -1]))
    check(tw.log2, [0.0, 2.0], dtype, ([-INF, 1], [INF, 0.5 / math.log(2)]))
    check(tw.log1p, [1e-30], dtype, ([1e-30], [1], [-1]))


@DTYPES
def test_angles(dtype):
    x = tw.zeros(2, dtype=dtype, requires_grad=True)
    y = tw.atan2(x[0], x[1])
    (g,) = tw.autograd.grad(y, x, create_graph=True)
    assert g.tolist() == [0.0, 0.0]
    assert tw.autograd.grad(g.sum(), x)[0].tolist() == [0.0, 0.0]
    check(lambda x: tw.atan2(x, tw.ones_like(x)), [1.0, INF], dtype, ([math.pi / 4, math.pi / 2], [0.5, 0], [-0.5, 0]))


# -- kinks and ties ---------------------------------------------------------------------------------------


@DTYPES
def test_kinks(dtype):
    check(tw.abs, [0.0, -0.0, -2.0], dtype, ([0, 0, 2], [0, 0, -1], [0] * 3))
    check(tw.relu, [0.0, -1.0, 1.0, NAN], dtype, ([0, 0, 1, NAN], [0, 0, 1, 1], [0] * 4))
    check(lambda x: tw.clamp(x, 0.0, 1.0), [0.0, 1.0, 2.0, -1.0], dtype, ([0, 1, 1, 0], [1, 1, 0, 0], [0] * 4))
    check(tw.sign, [0.0, -3.0], dtype, ([0, -1], [0, 0]))
    check(lambda x: tw.maximum(x, x * 1), [1.0], dtype, ([1], [1]))
    check(tw.floor, [1.5, 2.0], dtype, ([1, 2], [0, 0]))


@DTYPES
def test_ties_share(dtype):
    check(lambda x: x.amax(0), [1.0, 1.0, 0.0], dtype, (1, [0.5, 0.5, 0]))
    check(lambda x: x.amin(0), [1.0, 1.0, 1.0, 2.0], dtype, (1, [1 / 3] * 3 + [0]))
    check(lambda x: x.max(0).values, [1.0, 1.0, 0.0], dtype, (1, [1, 0, 0]))  # with indices, the first takes all
    check(lambda x: tw.maximum(x[:1], x[1:]), [1.0, 1.0], dtype, ([1], [0.5, 0.5]))


@DTYPES
def test_products_with_zeros(dtype):
    check(lambda x: x.prod(), [0.0, 2.0, 3.0], dtype, (0, [6, 0, 0], [5, 3, 2]))
    check(lambda x: x.prod(), [0.0, 0.0, 3.0], dtype, (0, [0, 0, 0], [3, 3, 0]))
    check(lambda x: x.prod(0), [[2.0, 0.0], [0.0, 5.0]], dtype, ([0, 0], [[0, 5], [2, 0]]))


# -- a cotangent of 0 -------------------------------------------------------------------------------------


@DTYPES
@pytest.mark.parametrize(
    "function",
    [
        tw.sqrt,
        tw.log,
        tw.reciprocal,
        tw.rsqrt,
        tw.log1p,
        tw.exp,
        lambda x: x**-2.5,
        lambda x: x / 0.0,
        lambda x: x * INF,
        lambda x: x.norm(3),
    ],
)
def test_a_cotangent_of_0_stays_0_to_second_order(function, dtype):
    x = tw.tensor([0.0, -1.0, INF, NAN], dtype=dtype, requires_grad=True)
    with np.errstate(all="ignore"):
        y = function(x)
    dy = tw.zeros_like(y).requires_grad_()
    (g,) = tw.autograd.grad(y, x, dy, create_graph=True)
    assert g.tolist() == [0.0] * 4
    if g.requires_grad:
        with np.errstate(all="ignore"):
            (h,) = tw.autograd.grad(g, x, tw.zeros_like(g), materialize_grads=True)
        assert h.tolist() == [0.0] * 4
