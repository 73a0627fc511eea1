"""Activations against formulas in NumPy, at kinks and limits, and their first two derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import thalweg as tw
import thalweg.nn.functional as F
from thalweg import nn
from thalweg.autograd import gradcheck, gradgradcheck
from thalweg.errors import ShapeError

inf, nan = math.inf, math.nan
erf = np.vectorize(math.erf)


@dataclass(frozen=True)
class Act:
    """One activation: the module, a formula in NumPy, and (x, y, dy/dx) at places of interest.

    kinks: where the derivative jumps; random points keep away from them.
    """

    module: nn.Module
    formula: Callable[[Any], Any]
    points: tuple[tuple[float, float, float], ...]
    kinks: tuple[float, ...] = ()

    def __str__(self) -> str:
        return repr(self.module)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772  # selu's
ACTS = [
    Act(nn.ReLU(), lambda x: np.maximum(x, 0), ((0, 0, 0), (-inf, 0, 0), (inf, inf, 1), (nan, nan, nan)), (0,)),
    Act(nn.ReLU6(), lambda x: np.clip(x, 0, 6), ((0, 0, 0), (6, 6, 0), (inf, 6, 0), (5, 5, 1)), (0, 6)),
    Act(
        nn.LeakyReLU(0.2),
        lambda x: np.where(x > 0, x, 0.2 * x),
        ((0, 0, 0.2), (-5, -1, 0.2), (-inf, -inf, 0.2), (inf, inf, 1)),
        (0,),
    ),
    Act(nn.PReLU(init=0.375), lambda x: np.where(x > 0, x, 0.375 * x), ((0, 0, 0.375), (-2, -0.75, 0.375)), (0,)),
    Act(nn.RReLU(0.1, 0.3).eval(), lambda x: np.where(x > 0, x, 0.2 * x), ((0, 0, 0.2), (-5, -1, 0.2)), (0,)),
    Act(nn.Threshold(0.5, 7.0), lambda x: np.where(x > 0.5, x, 7), ((0.5, 7, 0), (0.75, 0.75, 1)), (0.5,)),
    Act(
        nn.Hardtanh(-2.0, 1.0),
        lambda x: np.clip(x, -2, 1),
        ((-2, -2, 0), (1, 1, 0), (0.5, 0.5, 1), (inf, 1, 0), (-inf, -2, 0)),
        (-2, 1),
    ),
    Act(nn.Hardsigmoid(), lambda x: np.clip(x / 6 + 0.5, 0, 1), ((-3, 0, 0), (3, 1, 0), (0, 0.5, 1 / 6)), (-3, 3)),
    Act(
        nn.Hardswish(),
        lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
        ((-3, 0, 0), (3, 3, 1), (0, 0, 0.5), (1, 4 / 6, 5 / 6), (-inf, 0, 0), (inf, inf, 1)),
        (-3, 3),
    ),
    Act(
        nn.Softshrink(0.5),
        lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
        ((0.5, 0, 0), (-0.5, 0, 0), (2, 1.5, 1), (-2, -1.5, 1), (-inf, -inf, 1), (0, 0, 0)),
        (-0.5, 0.5),
    ),
    Act(
        nn.Hardshrink(0.5),
        lambda x: np.where(np.abs(x) > 0.5, x, 0),
        ((0.5, 0, 0), (-0.5, 0, 0), (0.75, 0.75, 1), (-inf, -inf, 1)),
        (-0.5, 0.5),
    ),
    Act(
        nn.ELU(2.0),
        lambda x: np.where(x > 0, x, 2 * np.expm1(np.minimum(x, 0))),
        ((0, 0, 2), (-inf, -2, 0), (1000, 1000, 1), (inf, inf, 1), (-1, 2 / math.e - 2, 2 / math.e)),
        (0,),
    ),
    Act(
        nn.SELU(),
        lambda x: LAMBDA * np.where(x > 0, x, ALPHA * np.expm1(np.minimum(x, 0))),
        ((0, 0, LAMBDA * ALPHA), (2, 2 * LAMBDA, LAMBDA), (-inf, -LAMBDA * ALPHA, 0), (1000, 1000 * LAMBDA, LAMBDA)),
        (0,),
    ),
    Act(
        nn.CELU(2.0),
        lambda x: np.where(x > 0, x, 2 * np.expm1(np.minimum(x, 0) / 2)),
        ((0, 0, 1), (-2, 2 / math.e - 2, 1 / math.e), (-inf, -2, 0), (5000, 5000, 1)),
        (0,),
    ),
    Act(
        nn.GELU(),
        lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
        ((0, 0, 0.5), (1, 0.8413447460685429, 1.0833154705876864), (50, 50, 1), (-50, 0, 0), (inf, inf, nan)),
    ),
    Act(
        nn.GELU("tanh"),
        lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        ((0, 0, 0.5), (50, 50, 1), (-50, 0, 0)),
    ),
    Act(nn.SiLU(), lambda x: x * sigmoid(x), ((0, 0, 0.5), (1000, 1000, 1), (-1000, 0, 0))),
    Act(nn.Mish(), lambda x: x * np.tanh(np.log1p(np.exp(x))), ((0, 0, 0.6), (1000, 1000, 1), (-1000, 0, 0))),
    Act(
        nn.Softplus(),
        lambda x: np.log1p(np.exp(x)),
        ((0, math.log(2), 0.5), (1000, 1000, 1), (-1000, 0, 0), (20, 20.000000002061153, 1), (inf, inf, 1)),
    ),
    Act(
        nn.Softplus(2.0, 10.0),
        lambda x: np.where(x > 5, x, np.log1p(np.exp(2 * x)) / 2),
        ((0, math.log(2) / 2, 0.5), (5.5, 5.5, 1)),
        (5,),
    ),
    Act(
        nn.LogSigmoid(),
        lambda x: np.log(sigmoid(x)),
        ((0, -math.log(2), 0.5), (-1000, -1000, 1), (1000, 0, 0), (-inf, -inf, 1), (inf, 0, 0)),
    ),
    Act(nn.Sigmoid(), sigmoid, ((0, 0.5, 0.25), (-1000, 0, 0), (1000, 1, 0), (-inf, 0, 0), (inf, 1, 0))),
    Act(nn.Tanh(), np.tanh, ((0, 0, 1), (1000, 1, 0), (-inf, -1, 0))),
    Act(nn.Softsign(), lambda x: x / (1 + np.abs(x)), ((0, 0, 1), (3, 0.75, 1 / 16), (-3, -0.75, 1 / 16))),
    Act(nn.Tanhshrink(), lambda x: x - np.tanh(x), ((0, 0, 0), (1000, 999, 1), (-inf, -inf, 1))),
]  # fmt: skip
EACH = pytest.mark.parametrize("act", ACTS, ids=str)


def random_points(act: Act, n: int = 40) -> Any:
    """Points in [-8, 8], at least 1e-3 away from the kinks."""
    x = np.random.default_rng(0).uniform(-8, 8, n)
    for kink in act.kinks:
        x = np.where(np.abs(x - kink) < 1e-3, x + 0.01, x)
    return x


@EACH
def test_values(act: Act) -> None:
    x = random_points(act)
    y = act.module.double()(tw.tensor(x.reshape(4, 10)))
    np.testing.assert_allclose(y.detach().numpy(), act.formula(x).reshape(4, 10), rtol=1e-9, atol=1e-14)


@EACH
@pytest.mark.parametrize("dtype", [tw.float32, tw.float64])
def test_points_of_interest(act: Act, dtype: Any) -> None:
    module = act.module.to(dtype)
    for x, y, slope in act.points:
        t = tw.tensor(x, dtype=dtype, requires_grad=True)
        out = module(t)
        out.backward()
        assert out.dtype is dtype
        np.testing.assert_allclose(out.item(), y, rtol=1e-6, atol=1e-7, err_msg=f"value at {x}")
        if not math.isnan(slope):
            np.testing.assert_allclose(t.grad.item(), slope, rtol=1e-6, atol=1e-7, err_msg=f"slope at {x}")


@EACH
def test_nan_stays_nan(act: Act) -> None:
    assert math.isnan(act.module.float()(tw.tensor(nan)).item())


@EACH
def test_two_derivatives(act: Act) -> None:
    x = tw.tensor(random_points(act, 12), requires_grad=True)
    module = act.module.double()
    assert gradcheck(module, x, atol=1e-6)
    assert gradgradcheck(module, x, atol=1e-5)


@EACH
def test_second_derivatives_are_finite_far_out(act: Act) -> None:
    for dtype in (tw.float32, tw.float64):
        x = tw.tensor([-1000.0, -100.0, 100.0, 1000.0], dtype=dtype, requires_grad=True)
        (dx,) = tw.autograd.grad(act.module.to(dtype)(x).sum(), x, create_graph=True)
        assert np.isfinite(dx.detach().numpy()).all()
        if dx.requires_grad:
            (ddx,) = tw.autograd.grad(dx.sum(), x, allow_unused=True, materialize_grads=True)
            np.testing.assert_allclose(ddx.numpy(), 0, atol=1e-5)


@EACH
def test_empty_0d_and_strided_inputs(act: Act) -> None:
    module = act.module.double()
    assert module(tw.zeros(0, 3, dtype=tw.float64)).shape == (0, 3)
    x = random_points(act, 12).reshape(3, 4)
    np.testing.assert_allclose(module(tw.tensor(x).T).detach().numpy(), act.formula(x.T), rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(module(tw.tensor(x[0, 0])).item(), act.formula(x[0, 0]), rtol=1e-9, atol=1e-14)


# -- in place ---------------------------------------------------------------------------------------------

INPLACE: list[Any] = [
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.CELU, nn.SELU, nn.SiLU, nn.Mish, nn.Hardtanh, nn.Hardsigmoid,
    nn.Hardswish, nn.RReLU, lambda inplace: nn.Threshold(0.5, 7.0, inplace),
]  # fmt: skip


@pytest.mark.parametrize("make", INPLACE)
def test_inplace_gives_the_same_and_overwrites(make: Any) -> None:
    values = tw.tensor(np.linspace(-4, 4, 9) + 0.1)
    x, z = values.clone().requires_grad_(), values.clone().requires_grad_()
    h = x * 1
    y, expected = make(inplace=True).eval()(h), make(inplace=False).eval()(z)
    assert y is h and tw.equal(h, expected)
    (y**2).sum().backward()
    (expected**2).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), z.grad.numpy(), rtol=1e-14)
    with pytest.raises(RuntimeError, match="leaf"):
        make(inplace=True)(x)
    assert tw.equal(x, values)


# -- PReLU, RReLU -----------------------------------------------------------------------------------------


def test_prelu_learns_a_slope_for_each_channel() -> None:
    layer = nn.PReLU(2)
    assert layer.weight.tolist() == [0.25, 0.25] and repr(layer) == "PReLU(num_parameters=2)"
    x = tw.tensor([[[-1.0, 2.0], [-3.0, -4.0]]], requires_grad=True)  # (1, channels, 2)
    y = layer(x)
    assert y.tolist() == [[[-0.25, 2.0], [-0.75, -1.0]]]
    y.sum().backward()
    assert layer.weight.grad.tolist() == [-1.0, -7.0]
    assert x.grad.tolist() == [[[0.25, 1.0], [0.25, 0.25]]]


def test_prelu_derivatives_and_refusals() -> None:
    x = tw.tensor(np.random.default_rng(1).normal(size=(3, 2, 2)), requires_grad=True)
    w = tw.tensor([0.1, 0.7], dtype=tw.float64, requires_grad=True)
    assert gradcheck(F.prelu, (x, w))
    assert gradgradcheck(F.prelu, (x, w))
    for shape in [(3,), (2, 3), ()]:
        with pytest.raises(ShapeError, match="prelu: the weight has shape"):
            F.prelu(tw.ones(*shape), tw.ones(2))
    assert F.prelu(tw.tensor(-2.0), tw.tensor(0.5)).item() == -1.0


def test_rrelu_draws_slopes_while_training() -> None:
    tw.manual_seed(0)
    x = tw.full((5000,), -1.0, requires_grad=True)
    y = nn.RReLU(0.2, 0.6)(x)
    y.sum().backward()
    slopes = x.grad.numpy()
    np.testing.assert_allclose(-slopes, y.detach().numpy())
    assert 0.2 <= slopes.min() < 0.201 and 0.599 < slopes.max() <= 0.6 and abs(slopes.mean() - 0.4) < 0.01
    assert F.rrelu(tw.ones(3), training=True).tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match=r"lower bound 0.5 must not exceed the upper bound 0.1"):
        F.rrelu(x, 0.5, 0.1)


# -- along an axis ----------------------------------------------------------------------------------------


def test_softmax_family() -> None:
    x = np.random.default_rng(2).normal(size=(2, 3, 4))
    e = np.exp(x)
    for dim in (0, 1, 2, -1):
        p = e / e.sum(dim, keepdims=True)
        np.testing.assert_allclose(nn.Softmax(dim)(tw.tensor(x)).numpy(), p, rtol=1e-13)
        np.testing.assert_allclose(nn.LogSoftmax(dim)(tw.tensor(x)).numpy(), np.log(p), rtol=1e-13)
        q = (1 / e) / (1 / e).sum(dim, keepdims=True)
        np.testing.assert_allclose(nn.Softmin(dim)(tw.tensor(x)).numpy(), q, rtol=1e-13)
    image = np.random.default_rng(3).normal(size=(2, 3, 4, 5))
    e = np.exp(image)
    np.testing.assert_allclose(nn.Softmax2d()(tw.tensor(image)).numpy(), e / e.sum(1, keepdims=True), rtol=1e-13)
    with pytest.raises(ShapeError, match=r"Softmax2d: expects 3 or 4 dimensions, got shape \(2, 3\)"):
        nn.Softmax2d()(tw.ones(2, 3))
    assert repr(nn.Softmax(dim=1)) == "Softmax(dim=1)" and repr(nn.LogSoftmax()) == "LogSoftmax(dim=None)"


def test_glu() -> None:
    x = np.random.default_rng(4).normal(size=(3, 4, 6))
    for dim in (1, -1):
        a, b = np.split(x, 2, dim)
        np.testing.assert_allclose(nn.GLU(dim)(tw.tensor(x)).numpy(), a * sigmoid(b), rtol=1e-13)
    t = tw.tensor(x[0], requires_grad=True)
    assert gradcheck(F.glu, t)
    assert gradgradcheck(F.glu, t)
    with pytest.raises(ShapeError, match="glu: the size along dim 0 must be even"):
        F.glu(tw.ones(3, 2), 0)
    with pytest.raises(ShapeError, match="even"):
        F.glu(tw.tensor(1.0))


@pytest.mark.parametrize("p", [1.0, 2.0, inf])
def test_normalize(p: float) -> None:
    x = np.random.default_rng(5).normal(size=(3, 4))
    expected = x / np.linalg.norm(x, ord=p, axis=1, keepdims=True)
    np.testing.assert_allclose(F.normalize(tw.tensor(x), p).numpy(), expected, rtol=1e-13)
    assert F.normalize(tw.zeros(1, 3), p).tolist() == [[0, 0, 0]]
    assert gradcheck(lambda t: F.normalize(t, p), tw.tensor(x, requires_grad=True))


def test_gumbel_softmax_draws_from_the_categorical_distribution() -> None:
    tw.manual_seed(0)
    p = np.array([0.1, 0.2, 0.7])
    logits = tw.tensor(np.log(p)).expand(20_000, 3)
    hard = F.gumbel_softmax(logits, hard=True)
    assert set(np.unique(hard.numpy().round(12))) == {0.0, 1.0}
    np.testing.assert_allclose(hard.numpy().mean(0), p, atol=0.015)
    soft = F.gumbel_softmax(logits, tau=0.5)
    np.testing.assert_allclose(soft.numpy().sum(1), 1, rtol=1e-12)
    np.testing.assert_allclose(np.bincount(soft.numpy().argmax(1)) / 20_000, p, atol=0.015)


def test_hard_gumbel_softmax_has_the_soft_gradient() -> None:
    x = tw.tensor([0.3, -0.2, 0.5], dtype=tw.float64, requires_grad=True)
    w = tw.tensor([1.0, 2.0, 4.0], dtype=tw.float64)
    grads = []
    for hard in (False, True):
        generator = tw.Generator().manual_seed(5)
        (g,) = tw.autograd.grad((F.gumbel_softmax(x, 0.7, hard, generator=generator) * w).sum(), x)
        grads.append(g.numpy())
    np.testing.assert_allclose(grads[0], grads[1], rtol=1e-14)
    assert np.abs(grads[0]).max() > 0.01


# -- arguments --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: F.hardtanh(x, 1.0, -1.0), "min_val 1.0 must not exceed max_val -1.0"),
        (lambda x: nn.Hardtanh(1.0, -1.0), "min_val 1.0"),
        (lambda x: F.softshrink(x, -0.5), "lambd must not be negative, got -0.5"),
        (lambda x: F.celu(x, 0.0), "alpha must not be 0"),
        (lambda x: F.gelu(x, approximate="exact"), "not 'exact'"),
    ],
)
def test_bad_arguments(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(tw.ones(2))


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (nn.ReLU(), "ReLU()"),
        (nn.ReLU(inplace=True), "ReLU(inplace=True)"),
        (nn.ReLU6(True), "ReLU6(inplace=True)"),
        (nn.LeakyReLU(0.2, True), "LeakyReLU(negative_slope=0.2, inplace=True)"),
        (nn.ELU(), "ELU(alpha=1.0)"),
        (nn.GELU(), "GELU(approximate='none')"),
        (nn.Softplus(), "Softplus(beta=1.0, threshold=20.0)"),
        (nn.Hardtanh(), "Hardtanh(min_val=-1.0, max_val=1.0)"),
        (nn.Threshold(1, 2), "Threshold(threshold=1, value=2)"),
        (nn.Softshrink(), "Softshrink(0.5)"),
        (nn.Hardshrink(0.1), "Hardshrink(0.1)"),
        (nn.RReLU(), "RReLU(lower=0.125, upper=0.3333333333333333)"),
        (nn.GLU(), "GLU(dim=-1)"),
        (nn.Tanh(), "Tanh()"),
    ],
)
def test_repr(module: nn.Module, text: str) -> None:
    assert repr(module) == text
