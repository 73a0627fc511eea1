"""The losses that work element by element, against formulas in NumPy, finite differences and numbers by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.autograd import gradcheck, gradgradcheck
from thalweg.errors import ArgumentError, ShapeError
from thalweg.nn import functional as F

RNG = np.random.default_rng(11)
X = RNG.standard_normal((3, 4))
T = RNG.standard_normal((3, 4))
P = RNG.uniform(0.05, 0.95, (3, 4))
Q = RNG.uniform(0.05, 0.95, (3, 4))
W = RNG.uniform(0.5, 2.0, (3, 4))
SIGNS = np.where(RNG.uniform(size=(3, 4)) > 0.5, 1.0, -1.0)
COUNTS = np.array([[0.0, 0.9, 2.0, 3.0], [5.0, 0.0, 1.1, 1.5], [2.0, 2.0, 7.0, 0.5]])  # no 1, where full jumps
REDUCE = {"none": lambda v: v, "mean": np.mean, "sum": np.sum}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def huber(x, t, delta):
    d = np.abs(x - t)
    return np.where(d <= delta, d**2 / 2, delta * (d - delta / 2))


def stirling(t):
    safe = np.where(t > 1, t, 2.0)
    return np.where(t > 1, safe * np.log(safe) - safe + np.log(2 * np.pi * safe) / 2, 0)


# function, the tensors, options, the elements of the loss by NumPy
ELEMENTWISE = {
    "mse": (F.mse_loss, (X, T), {}, lambda x, t: (x - t) ** 2),
    "l1": (F.l1_loss, (X, T), {}, lambda x, t: np.abs(x - t)),
    "smooth_l1": (F.smooth_l1_loss, (X, T), {"beta": 0.6}, lambda x, t: huber(x, t, 0.6) / 0.6),
    "smooth_l1 as l1": (F.smooth_l1_loss, (X, T), {"beta": 0}, lambda x, t: np.abs(x - t)),
    "huber": (F.huber_loss, (X, T), {"delta": 0.6}, lambda x, t: huber(x, t, 0.6)),
    "huber, weighted": (F.huber_loss, (X, T), {"weight": tw.tensor(W)}, lambda x, t: W * huber(x, t, 1)),
    "bce": (F.binary_cross_entropy, (P, Q), {}, lambda p, t: -t * np.log(p) - (1 - t) * np.log(1 - p)),
    "bce, weighted": (
        F.binary_cross_entropy,
        (P, Q),
        {"weight": tw.tensor(W[0])},
        lambda p, t: W[0] * (-t * np.log(p) - (1 - t) * np.log(1 - p)),
    ),
    "logits": (
        F.binary_cross_entropy_with_logits,
        (X, Q),
        {},
        lambda x, t: -t * np.log(sigmoid(x)) - (1 - t) * np.log(sigmoid(-x)),
    ),
    "logits, weighted": (
        F.binary_cross_entropy_with_logits,
        (X, Q),
        {"weight": tw.tensor(W), "pos_weight": tw.tensor(W[1])},
        lambda x, t: W * (-W[1] * t * np.log(sigmoid(x)) - (1 - t) * np.log(sigmoid(-x))),
    ),
    "kl_div": (F.kl_div, (X, Q), {}, lambda x, t: t * (np.log(t) - x)),
    "kl_div of logarithms": (F.kl_div, (X, T), {"log_target": True}, lambda x, t: np.exp(t) * (t - x)),
    "soft_margin": (F.soft_margin_loss, (X, SIGNS), {}, lambda x, t: np.log(1 + np.exp(-t * x))),
    "poisson": (F.poisson_nll_loss, (X, COUNTS), {}, lambda x, t: np.exp(x) - t * x),
    "poisson, full": (
        F.poisson_nll_loss,
        (P, COUNTS),
        {"log_input": False, "full": True, "eps": 0.01},
        lambda x, t: x - t * np.log(x + 0.01) + stirling(t),
    ),
    "gaussian": (F.gaussian_nll_loss, (X, T, P), {}, lambda x, t, v: (np.log(v) + (x - t) ** 2 / v) / 2),
    "gaussian, full": (
        F.gaussian_nll_loss,
        (X, T, P[:, :1]),
        {"full": True},
        lambda x, t, v: (np.log(2 * np.pi * v) + (x - t) ** 2 / v) / 2,
    ),
    "gaussian, one variance": (
        F.gaussian_nll_loss,
        (X, T),
        {"var": 0.25},
        lambda x, t: (math.log(0.25) + (x - t) ** 2 / 0.25) / 2,
    ),
}
EACH = pytest.mark.parametrize("name", ELEMENTWISE)


def leaf(a):
    return tw.tensor(a, dtype=tw.float64, requires_grad=True)


def elements(name, *tensors, reduction="none"):
    function, _, options, _ = ELEMENTWISE[name]
    return function(*tensors, reduction=reduction, **options)


def close(x, expected, tolerance=1e-12):
    np.testing.assert_allclose(x.detach().numpy(), expected, rtol=tolerance, atol=tolerance)


@EACH
@pytest.mark.parametrize("reduction", REDUCE)
def test_value(name, reduction):
    _, arrays, _, formula = ELEMENTWISE[name]
    y = elements(name, *map(tw.tensor, arrays), reduction=reduction)
    close(y, REDUCE[reduction](formula(*arrays)))


@EACH
def test_gradients(name):
    tensors = tuple(map(leaf, ELEMENTWISE[name][1]))
    for reduction in REDUCE:
        assert gradcheck(lambda *xs, r=reduction: elements(name, *xs, reduction=r), tensors, fast_mode=True)
    assert gradgradcheck(lambda *xs: elements(name, *xs), tensors, fast_mode=True)


@EACH
def test_scalars_and_empty_tensors(name):
    function, arrays, options, formula = ELEMENTWISE[name]
    if "weight" in options or "pos_weight" in options:
        options = {}
        formula = None
    if name == "gaussian, full":
        arrays = (X, T, P)
    numbers = [a[1, 2] for a in arrays]
    y = function(*(tw.tensor(float(a), dtype=tw.float64) for a in numbers), **options)
    assert y.shape == ()
    if formula is not None:
        close(y, formula(*numbers))
    nothing = [tw.zeros(0, 3, dtype=tw.float64, requires_grad=True) for _ in arrays]
    assert function(*nothing, reduction="none", **options).shape == (0, 3)
    assert function(*nothing, reduction="sum", **options).item() == 0
    mean = function(*nothing, **options)
    assert math.isnan(mean.item())
    mean.backward()
    assert nothing[0].grad.shape == (0, 3)


@EACH
def test_memory_order_does_not_matter(name):
    function, arrays, options, formula = ELEMENTWISE[name]
    tensors = [tw.tensor(np.asfortranarray(a)) for a in arrays]
    tensors[0] = tw.tensor(np.repeat(arrays[0], 2, 0))[::2]
    close(function(*tensors, reduction="none", **options), formula(*arrays))


@pytest.mark.parametrize("function", [F.mse_loss, F.l1_loss])
def test_mean_with_weights_divides_by_their_sum(function):
    d = np.abs(X - T) if function is F.l1_loss else (X - T) ** 2
    x, t, w = tw.tensor(X), tw.tensor(T), tw.tensor(W)
    close(function(x, t, weight=w), (d * W).sum() / W.sum())
    close(function(x, t, weight=w, reduction="sum"), (d * W).sum())
    close(function(x, t, weight=w, reduction="none"), d * W)


def test_kl_div_batchmean_is_the_divergence():
    p, q = np.array([[0.5, 0.5], [0.9, 0.1]]), np.array([[0.25, 0.75], [0.9, 0.1]])
    by_hand = (0.5 * math.log(2) + 0.5 * math.log(0.5 / 0.75)) / 2  # the second pair is equal
    close(F.kl_div(tw.tensor(np.log(q)), tw.tensor(p), reduction="batchmean"), by_hand)
    close(F.kl_div(tw.tensor(-1.0), tw.tensor(1.0), reduction="batchmean"), 1.0)  # 0-d: nothing to divide by


def test_dtypes():
    a, b = tw.ones(3), tw.zeros(3, dtype=tw.float64)
    assert F.mse_loss(a, b).dtype == tw.float64
    assert F.mse_loss(a, a).dtype == tw.float32
    assert F.mse_loss(a.half(), a.half()).dtype == tw.float16
    assert F.binary_cross_entropy_with_logits(a, tw.tensor([0, 1, 1])).dtype == tw.float32
    assert F.soft_margin_loss(a, tw.tensor([1, -1, 1])).dtype == tw.float32
    assert F.gaussian_nll_loss(a, a, 0.5).dtype == tw.float32
    with pytest.raises(RuntimeError, match="float"):
        F.mse_loss(tw.tensor([1, 2]), tw.tensor([3, 4]))


# -- where formulas break -----------------------------------------------------------------------------------


def first_and_second(function, x):
    """The value, the gradient and the diagonal of the second derivative of a sum over elements."""
    x = leaf(x)
    y = function(x)
    (g,) = tw.autograd.grad(y.sum(), x, create_graph=True)
    second = tw.autograd.grad(g.sum(), x)[0].numpy() if g.requires_grad else np.zeros(x.shape)
    return y.detach().numpy(), g.detach().numpy(), second


def test_squared_error_of_extreme_values():
    y, g, second = first_and_second(lambda x: F.mse_loss(x, tw.zeros(3, dtype=tw.float64)), [np.inf, 1e200, 0.0])
    assert y == np.inf
    np.testing.assert_allclose(g, [np.inf, 2e200 / 3, 0], rtol=1e-15)
    np.testing.assert_allclose(second, 2 / 3)
    assert math.isnan(F.mse_loss(tw.tensor(np.inf), tw.tensor(np.inf)).item())
    assert math.isnan(F.mse_loss(tw.tensor([np.nan, 1.0]), tw.tensor([0.0, 1.0])).item())


def test_smooth_losses_at_their_joints():
    zero = tw.zeros(5, dtype=tw.float64)
    points = [0.0, 1.0, -1.0, 2.0, -np.inf]
    _, g, second = first_and_second(lambda x: F.huber_loss(x, zero, "none"), points)
    np.testing.assert_array_equal(g, [0, 1, -1, 1, -1])
    np.testing.assert_array_equal(second, [1, 1, 1, 0, 0])
    y, g, second = first_and_second(lambda x: F.smooth_l1_loss(x, zero, reduction="none"), points)
    np.testing.assert_array_equal(y, [0, 0.5, 0.5, 1.5, np.inf])
    np.testing.assert_array_equal(g, [0, 1, -1, 1, -1])
    np.testing.assert_array_equal(second, [1, 0, 0, 0, 0])
    _, g, _ = first_and_second(lambda x: F.l1_loss(x, zero, reduction="sum"), points)
    np.testing.assert_array_equal(g, [0, 1, -1, 1, -1])


@pytest.mark.parametrize("dtype", [tw.float32, tw.float64])
def test_binary_cross_entropy_of_certainties(dtype):
    p = tw.tensor([0.0, 0.0, 1.0, 1.0], dtype=dtype, requires_grad=True)
    t = tw.tensor([0.0, 1.0, 0.0, 1.0], dtype=dtype, requires_grad=True)
    y = F.binary_cross_entropy(p, t, reduction="none")
    assert y.tolist() == [0, 100, 100, 0]
    y.sum().backward()
    np.testing.assert_allclose(p.grad.numpy(), [0, -1e12, 1e12, 0], rtol=1e-6)
    assert t.grad.tolist() == [100, 100, -100, -100]
    _, _, second = first_and_second(lambda p: F.binary_cross_entropy(p, tw.tensor([0.0, 1.0]).double()), [0.0, 1.0])
    assert np.isfinite(second).all()


@pytest.mark.parametrize("dtype", [tw.float32, tw.float64])
def test_logits_of_any_size(dtype):
    logits = [0.0, 1e4, 1e4, -1e4, -1e4, np.inf, np.inf, -np.inf, -np.inf]
    targets = [0.5, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]
    x = tw.tensor(logits, dtype=dtype, requires_grad=True)
    t = tw.tensor(targets, dtype=dtype)
    y = F.binary_cross_entropy_with_logits(x, t, reduction="none")
    np.testing.assert_allclose(y.tolist(), [math.log(2), 0, 1e4, 1e4, 0, 0, np.inf, np.inf, 0], rtol=1e-6)
    (g,) = tw.autograd.grad(y, x, tw.ones(9, dtype=dtype), create_graph=True)
    np.testing.assert_allclose(g.tolist(), sigmoid(np.clip(logits, -500, 500)) - targets, atol=1e-30)
    (second,) = tw.autograd.grad(g.sum(), x)
    np.testing.assert_allclose(second.tolist(), [0.25] + [0] * 8, atol=1e-30)


def test_small_losses_keep_their_digits():
    x = tw.tensor([40.0], dtype=tw.float64)
    close(F.binary_cross_entropy_with_logits(x, tw.ones(1, dtype=tw.float64)), math.exp(-40), 1e-25)
    close(F.soft_margin_loss(x, tw.ones(1, dtype=tw.float64)), math.exp(-40), 1e-25)


def test_soft_margin_does_not_overflow():
    y, g, second = first_and_second(
        lambda x: F.soft_margin_loss(x, tw.ones(4, dtype=tw.float64), reduction="none"), [-1e4, 1e4, -np.inf, np.inf]
    )
    np.testing.assert_array_equal(y, [1e4, 0, np.inf, 0])
    np.testing.assert_array_equal(g, [-1, 0, -1, 0])
    np.testing.assert_array_equal(second, [0, 0, 0, 0])


def test_kl_div_of_impossible_events():
    x = leaf([-np.inf, -1.0, -np.inf])
    t = leaf([0.0, 0.0, 0.5])
    y = F.kl_div(x, t, reduction="none")
    np.testing.assert_array_equal(y.detach().numpy(), [0, 0, np.inf])
    y[:2].sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [0, 0, 0])
    certain = F.kl_div(tw.tensor([-1.0]), tw.tensor([-np.inf]), log_target=True)
    assert certain.item() == 0


def test_poisson_without_events():
    y, g, second = first_and_second(
        lambda x: F.poisson_nll_loss(x, tw.zeros(2, dtype=tw.float64), log_input=False, full=True, reduction="none"),
        [0.0, 2.0],
    )
    np.testing.assert_array_equal(y, [0, 2])
    np.testing.assert_array_equal(g, [1, 1])
    np.testing.assert_array_equal(second, [0, 0])


def test_gaussian_variance_has_a_floor_that_the_gradient_does_not_see():
    v = leaf([0.0, 1e-8, 1.0])
    y = F.gaussian_nll_loss(tw.tensor([1.0, 1, 1]).double(), tw.tensor([1.0, 2, 2]).double(), v, reduction="none")
    floor = 1e-6
    close(y, [math.log(floor) / 2, (math.log(floor) + 1 / floor) / 2, 0.5])
    y.sum().backward()
    np.testing.assert_allclose(v.grad.numpy(), [0.5 / floor, 0.5 / floor - 0.5 / floor**2, 0], rtol=1e-9, atol=1e-12)


# -- bad input ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss])
def test_broadcasting_warns_and_works(function):
    x, t = tw.tensor(X), tw.tensor(T[:, :1])
    with pytest.warns(UserWarning, match=rf"{function.__name__}: target has shape \(3, 1\) and input \(3, 4\)"):
        y = function(x, t)
    close(y, function(x, tw.tensor(np.broadcast_to(T[:, :1], (3, 4)))).item())
    with pytest.raises(ShapeError, match=rf"{function.__name__}.*\(3, 4\).*\(3,\)"):
        function(x, tw.zeros(3))


@EACH
def test_an_unknown_reduction_names_the_known_ones(name):
    with pytest.raises(ValueError, match=f"{ELEMENTWISE[name][0].__name__}.*'none', 'mean'.*'sum'.*'average'"):
        elements(name, *map(tw.tensor, ELEMENTWISE[name][1]), reduction="average")


@EACH
def test_arrays_are_refused(name):
    arrays = ELEMENTWISE[name][1]
    with pytest.raises(TypeError, match=rf"{ELEMENTWISE[name][0].__name__}: target .*ndarray.*tw\.tensor"):
        elements(name, tw.tensor(arrays[0]), *arrays[1:])


x34, x4 = tw.tensor(P), tw.tensor(P[0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.mse_loss(x34, x34, weight=x4), ShapeError, r"mse_loss: the weight.*\(4,\).*\(3, 4\)"),
        (lambda: F.huber_loss(x34, x34, weight=x4), ShapeError, r"huber_loss: the weight.*\(4,\).*\(3, 4\)"),
        (lambda: F.smooth_l1_loss(x34, x34, beta=-0.5), ArgumentError, "smooth_l1_loss: beta.*-0.5"),
        (lambda: F.huber_loss(x34, x34, delta=0), ArgumentError, "huber_loss: delta.*0"),
        (lambda: F.binary_cross_entropy(x34, x4), ShapeError, r"binary_cross_entropy: target.*\(4,\).*\(3, 4\)"),
        (lambda: F.binary_cross_entropy(x4 + 1, x4), ArgumentError, "input must be a probability.*1.*with_logits"),
        (lambda: F.binary_cross_entropy(x4, -x4), ArgumentError, "target must be a probability.*-"),
        (lambda: F.binary_cross_entropy(x4 * math.nan, x4), ArgumentError, "input must be a probability.*nan"),
        (lambda: F.binary_cross_entropy(x4, x4, weight=tw.ones(3)), ShapeError, r"weight of shape \(3,\).*\(4,\)"),
        (lambda: F.binary_cross_entropy(x4, x4, weight=x34), ShapeError, r"weight of shape \(3, 4\).*\(4,\)"),
        (lambda: F.binary_cross_entropy_with_logits(x34, x4), ShapeError, r"target.*\(4,\).*\(3, 4\)"),
        (
            lambda: F.binary_cross_entropy_with_logits(x4, x4, pos_weight=tw.ones(3)),
            ShapeError,
            r"pos_weight of shape \(3,\).*\(4,\)",
        ),
        (lambda: F.gaussian_nll_loss(x4, x4, -0.5), ArgumentError, "var must not be negative.*-0.5"),
        (lambda: F.gaussian_nll_loss(x34, x34, x4), ShapeError, r"var has shape \(4,\).*\(3, 4\)"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


# -- the modules ---------------------------------------------------------------------------------------------

MODULES = {
    "mse": nn.MSELoss,
    "l1": nn.L1Loss,
    "smooth_l1": nn.SmoothL1Loss,
    "huber": nn.HuberLoss,
    "bce": nn.BCELoss,
    "bce, weighted": nn.BCELoss,
    "logits": nn.BCEWithLogitsLoss,
    "logits, weighted": nn.BCEWithLogitsLoss,
    "kl_div": nn.KLDivLoss,
    "kl_div of logarithms": nn.KLDivLoss,
    "soft_margin": nn.SoftMarginLoss,
    "poisson": nn.PoissonNLLLoss,
    "poisson, full": nn.PoissonNLLLoss,
    "gaussian": nn.GaussianNLLLoss,
    "gaussian, full": nn.GaussianNLLLoss,
}


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("reduction", REDUCE)
def test_module(name, reduction):
    _, arrays, options, formula = ELEMENTWISE[name]
    module = MODULES[name](reduction=reduction, **options)
    close(module(*map(tw.tensor, arrays)), REDUCE[reduction](formula(*arrays)))
    assert sorted(module.state_dict()) == sorted(k for k in options if k.endswith("weight"))
    assert not list(module.parameters())


@pytest.mark.parametrize("module", sorted(set(MODULES.values()), key=str))
def test_module_refuses_an_unknown_reduction_at_once(module):
    with pytest.raises(ValueError, match=f"{module.__name__}: reduction.*'batchmeen'"):
        module(reduction="batchmeen")


def test_batchmean_is_for_kl_div_only():
    assert nn.KLDivLoss(reduction="batchmean").reduction == "batchmean"
    with pytest.raises(ValueError, match="MSELoss: reduction must be 'none', 'mean' or 'sum', not 'batchmean'"):
        nn.MSELoss(reduction="batchmean")


@pytest.mark.parametrize(
    ("legacy", "reduction"),
    [
        ({"size_average": False}, "sum"),
        ({"size_average": True}, "mean"),
        ({"reduce": True}, "mean"),
        ({"reduce": False}, "none"),
        ({"size_average": False, "reduce": False}, "none"),
    ],
)
def test_legacy_arguments(legacy, reduction):
    with pytest.warns(UserWarning, match=f"pass reduction='{reduction}'"):
        y = F.mse_loss(tw.tensor(X), tw.tensor(T), **legacy)
    close(y, REDUCE[reduction]((X - T) ** 2))
    with pytest.warns(UserWarning, match=f"pass reduction='{reduction}'"):
        assert nn.L1Loss(**legacy).reduction == reduction


def test_weights_move_with_the_module():
    criterion = nn.BCEWithLogitsLoss(weight=tw.ones(3), pos_weight=tw.ones(3)).double()
    assert criterion.weight.dtype == criterion.pos_weight.dtype == tw.float64
    other = nn.BCEWithLogitsLoss(weight=tw.zeros(3), pos_weight=tw.zeros(3))
    other.load_state_dict(criterion.state_dict())
    assert other.pos_weight.tolist() == [1, 1, 1]
