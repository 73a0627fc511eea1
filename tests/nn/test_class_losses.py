"""Cross-entropy and negative log-likelihood, against loops in NumPy, finite differences and numbers by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.autograd import gradcheck, gradgradcheck
from thalweg.errors import ArgumentError, DtypeError, ShapeError, TargetError
from thalweg.nn import functional as F

RNG = np.random.default_rng(5)
WEIGHT = np.array([0.5, 2.0, 1.5, 0.25])
REDUCTIONS = ("none", "mean", "sum")

# logits and targets; -100 is ignored
LAYOUTS = {
    "rows": (RNG.standard_normal((5, 4)), np.array([0, 3, 1, 1, 2])),
    "rows, some ignored": (RNG.standard_normal((5, 4)), np.array([0, -100, 1, 1, -100])),
    "one row": (RNG.standard_normal((1, 4)), np.array([2])),
    "a vector": (RNG.standard_normal(4), np.array(3)),
    "a sequence": (RNG.standard_normal((2, 4, 3)), np.array([[0, 1, -100], [3, 3, 2]])),
    "an image": (RNG.standard_normal((2, 4, 3, 2)), RNG.integers(0, 4, (2, 3, 2))),
}
OPTIONS = {
    "plain": {},
    "weighted": {"weight": WEIGHT},
    "smoothed": {"label_smoothing": 0.3},
    "weighted and smoothed": {"weight": WEIGHT, "label_smoothing": 0.3},
}
EACH_LAYOUT = pytest.mark.parametrize("layout", LAYOUTS)
EACH_OPTION = pytest.mark.parametrize("option", OPTIONS)


def leaf(a):
    return tw.tensor(a, dtype=tw.float64, requires_grad=True)


def close(x, expected, tolerance=1e-12):
    np.testing.assert_allclose(x.detach().numpy(), expected, rtol=tolerance, atol=tolerance)


def tensors(options):
    return {k: tw.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}


def log_softmax(x):
    return x - math.log(sum(math.exp(v) for v in x))


def by_loops(logits, target, reduction, weight=None, label_smoothing=0.0):
    """One target after the other, straight from the definition."""
    weight = np.ones(4) if weight is None else weight
    costs = np.zeros(target.shape)
    counted = 0.0
    for place in np.ndindex(target.shape):
        if target[place] == -100:
            continue
        x = logits[(*place[:1], slice(None), *place[1:])]
        wanted = np.full(4, label_smoothing / 4)
        wanted[target[place]] += 1 - label_smoothing
        costs[place] = -sum(wanted * weight * log_softmax(x))
        counted += weight[target[place]]
    return costs if reduction == "none" else costs.sum() if reduction == "sum" else costs.sum() / counted


@EACH_LAYOUT
@EACH_OPTION
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_of_class_indices(layout, option, reduction):
    logits, target = LAYOUTS[layout]
    expected = by_loops(logits, target, reduction, **OPTIONS[option])
    options = tensors(OPTIONS[option])
    close(F.cross_entropy(tw.tensor(logits), tw.tensor(target), reduction=reduction, **options), expected)
    close(nn.CrossEntropyLoss(reduction=reduction, **options)(tw.tensor(logits), tw.tensor(target)), expected)


@EACH_LAYOUT
@EACH_OPTION
def test_gradients_of_cross_entropy(layout, option):
    logits, target = leaf(LAYOUTS[layout][0]), tw.tensor(LAYOUTS[layout][1])
    options = tensors(OPTIONS[option])
    for reduction in REDUCTIONS:
        assert gradcheck(
            lambda x, r=reduction: F.cross_entropy(x, target, reduction=r, **options), logits, fast_mode=True
        )
    assert gradgradcheck(lambda x: F.cross_entropy(x, target, **options), logits, fast_mode=True)
    assert gradgradcheck(lambda x: F.cross_entropy(x, target, reduction="none", **options), logits, fast_mode=True)


@EACH_LAYOUT
@pytest.mark.parametrize("option", ["plain", "weighted"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_nll_loss_is_the_second_half_of_cross_entropy(layout, option, reduction):
    logits, target = LAYOUTS[layout]
    options = tensors(OPTIONS[option])
    logp = F.log_softmax(tw.tensor(logits), min(logits.ndim - 1, 1))
    expected = by_loops(logits, target, reduction, **OPTIONS[option])
    close(F.nll_loss(logp, tw.tensor(target), reduction=reduction, **options), expected)
    close(nn.NLLLoss(reduction=reduction, **options)(logp, tw.tensor(target)), expected)
    x = leaf(logits)
    assert gradcheck(lambda x: F.nll_loss(x, tw.tensor(target), reduction=reduction, **options), x, fast_mode=True)


@pytest.mark.parametrize("shape", [(5, 4), (4,), (2, 4, 3)])
@EACH_OPTION
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_of_probabilities(shape, option, reduction):
    dim = min(len(shape) - 1, 1)
    logits, target = RNG.standard_normal(shape), RNG.uniform(size=shape)
    target /= target.sum(dim, keepdims=True)
    weight = OPTIONS[option].get("weight", np.ones(4)).reshape((4,) + (1,) * (len(shape) - 1 - dim))
    smoothing = OPTIONS[option].get("label_smoothing", 0.0)
    logp = logits - np.log(np.exp(logits).sum(dim, keepdims=True))
    costs = -(((1 - smoothing) * target + smoothing / 4) * weight * logp).sum(dim)
    expected = {"none": costs, "sum": costs.sum(), "mean": costs.mean()}[reduction]
    options = tensors(OPTIONS[option])
    x, t = leaf(logits), leaf(target)
    close(F.cross_entropy(x, t, reduction=reduction, **options), expected)
    assert gradcheck(lambda x, t: F.cross_entropy(x, t, reduction=reduction, **options), (x, t), fast_mode=True)
    assert gradgradcheck(lambda x, t: F.cross_entropy(x, t, reduction=reduction, **options), (x, t), fast_mode=True)


def test_indices_are_probabilities_of_one():
    logits, target = LAYOUTS["rows"]
    onehot = np.eye(4)[target]
    for options in ({}, {"label_smoothing": 0.2}):
        close(
            F.cross_entropy(tw.tensor(logits), tw.tensor(target), **options),
            F.cross_entropy(tw.tensor(logits), tw.tensor(onehot), **options).item(),
        )


@pytest.mark.parametrize("ignore_index", [-100, -1, 2, 255])
@pytest.mark.parametrize("dtype", [tw.int64, tw.uint8])
def test_ignore_index(ignore_index, dtype):
    target = np.array([0, 1 if dtype is tw.uint8 and ignore_index < 0 else ignore_index, 3])
    logits = RNG.standard_normal((3, 4))
    x = leaf(logits)
    y = F.cross_entropy(x, tw.tensor(target, dtype=dtype), ignore_index=ignore_index)
    close(y, by_loops(logits, np.where(target == ignore_index, -100, target), "mean"))
    y.backward()
    assert (np.abs(x.grad.numpy()).sum(1) == 0).tolist() == (target == ignore_index).tolist()


def test_a_negative_ignore_index_does_not_wrap_round_in_uint8():
    with pytest.raises(IndexError, match="target 156 is none of the 4 classes"):
        F.cross_entropy(tw.zeros(1, 4), tw.tensor([156], dtype=tw.uint8), ignore_index=-100)


@EACH_OPTION
def test_all_ignored(option):
    x, options = leaf(RNG.standard_normal((2, 4))), tensors(OPTIONS[option])
    target = tw.tensor([-100, -100])
    assert F.cross_entropy(x, target, reduction="none", **options).tolist() == [0, 0]
    assert F.cross_entropy(x, target, reduction="sum", **options).item() == 0
    mean = F.cross_entropy(x, target, **options)
    assert math.isnan(mean.item())
    mean.backward()
    assert x.grad.tolist() == [[0] * 4] * 2


@EACH_OPTION
@pytest.mark.parametrize(("shape", "target"), [((0, 4), (0,)), ((2, 4, 0), (2, 0)), ((0, 4), (0, 4))])
def test_empty_batch(option, shape, target):
    x, options = tw.zeros(*shape, requires_grad=True), tensors(OPTIONS[option])
    t = tw.zeros(*target, dtype=tw.float32 if shape == target else tw.int64)
    assert F.cross_entropy(x, t, reduction="none", **options).shape == (target[:1] if shape == target else target)
    assert F.cross_entropy(x, t, reduction="sum", **options).item() == 0
    mean = F.cross_entropy(x, t, **options)
    assert math.isnan(mean.item())
    mean.backward()
    assert x.grad.shape == shape


def test_no_classes_and_no_rows():
    assert math.isnan(F.cross_entropy(tw.zeros(0, 0), tw.zeros(0, dtype=tw.int64)).item())
    with pytest.raises(TargetError, match="target 0 is none of the 0 classes"):
        F.cross_entropy(tw.zeros(2, 0), tw.zeros(2, dtype=tw.int64))


# -- where formulas break -----------------------------------------------------------------------------------

EXTREME = {  # logits and target, the loss, its gradient
    "sure and right": ([1e4, 0.0, 0.0], 0, 0, [0, 0, 0]),
    "sure and wrong": ([1e4, 0.0, 0.0], 1, 1e4, [1, -1, 0]),
    "very low": ([-1e4, -1e4, -2e4], 0, math.log(2), [-0.5, 0.5, 0]),
    "impossible others": ([0.0, -math.inf, -math.inf], 0, 0, [0, 0, 0]),
    "impossible and true": ([0.0, -math.inf, 0.0], 1, math.inf, [0.5, -1, 0.5]),
    "infinitely sure": ([math.inf, 0.0, 0.0], 1, math.nan, [math.nan] * 3),
    "nothing possible": ([-math.inf] * 3, 0, math.nan, [math.nan] * 3),
    "not a number": ([math.nan, 0.0, 0.0], 1, math.nan, [math.nan] * 3),
}


@pytest.mark.parametrize("name", EXTREME)
@pytest.mark.parametrize("dtype", [tw.float32, tw.float64])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_extreme_logits(name, dtype, reduction):
    logits, target, loss, gradient = EXTREME[name]
    x = tw.tensor([logits], dtype=dtype, requires_grad=True)
    y = F.cross_entropy(x, tw.tensor([target]), reduction=reduction)
    np.testing.assert_allclose(y.detach().numpy().ravel(), [loss], rtol=1e-6)
    (g,) = tw.autograd.grad(y.sum(), x, retain_graph=True)
    np.testing.assert_allclose(g.numpy(), [gradient], rtol=1e-6, atol=1e-12)
    (g,) = tw.autograd.grad(y.sum(), x, create_graph=True)
    np.testing.assert_allclose(g.detach().numpy(), [gradient], rtol=1e-6, atol=1e-12)
    if all(map(math.isfinite, gradient)):
        p = np.array(gradient) + np.eye(3)[target]
        v = np.array([0.3, -1.0, 0.7])
        (h,) = tw.autograd.grad(g, x, tw.tensor([v], dtype=dtype))
        np.testing.assert_allclose(h.numpy(), [p * (v - p @ v)], rtol=1e-5, atol=1e-7)


def test_a_small_loss_keeps_its_digits():
    x = tw.tensor([[30.0, 0.0]], dtype=tw.float64)
    for target in (tw.tensor([0]), tw.tensor([[1.0, 0.0]]).double()):
        close(F.cross_entropy(x, target), math.log1p(math.exp(-30)), 2e-16)
    far = tw.tensor([[1e8, 1e8 - 8]])  # where float32 counts in eights
    assert F.cross_entropy(far, tw.tensor([0])).item() == pytest.approx(math.log1p(math.exp(-8)), abs=2e-7)


def test_an_impossible_class_that_is_not_expected_costs_nothing():
    x = leaf([[0.0, -np.inf]])
    t = leaf([[1.0, 0.0]])
    y = F.cross_entropy(x, t)
    assert y.item() == 0
    y.backward()
    assert x.grad.tolist() == [[0, 0]]
    assert F.cross_entropy(x, tw.tensor([[0.5, 0.5]]).double()).item() == math.inf


def test_an_ignored_row_may_hold_anything():
    for options in ({}, {"weight": tw.ones(2).double()}):
        x = leaf([[0.0, 0.0], [np.nan, np.inf]])
        y = F.cross_entropy(x, tw.tensor([1, -100]), **options)
        close(y, math.log(2))
        y.backward()
        assert x.grad.tolist() == [[0.5, -0.5], [0, 0]]


def test_published_value():
    """The softmax classifier of Stanford's course CS231n: scores (-2.85, 0.86, 0.28), class 2, loss 1.04."""
    assert F.cross_entropy(tw.tensor([[-2.85, 0.86, 0.28]]), tw.tensor([2])).item() == pytest.approx(1.04, abs=5e-3)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_memory_order_and_views_do_not_matter(reduction):
    logits, target = LAYOUTS["rows"]
    expected = by_loops(logits, target, reduction)
    wide = tw.tensor(np.repeat(np.asfortranarray(logits), 2, 1), requires_grad=True)
    labels = tw.tensor(np.repeat(target, 3))[::3]
    y = F.cross_entropy(wide[:, ::2], labels, reduction=reduction)
    close(y, expected)
    y.sum().backward()
    plain = leaf(logits)
    F.cross_entropy(plain, labels, reduction=reduction).sum().backward()
    close(wide.grad[:, ::2], plain.grad.numpy())
    assert not wide.grad[:, 1::2].any()


def test_without_recording():
    logits, target = LAYOUTS["rows"]
    with tw.no_grad():
        y = F.cross_entropy(leaf(logits), tw.tensor(target))
    assert not y.requires_grad
    close(y, by_loops(logits, target, "mean"))


def test_a_graph_can_be_walked_twice_and_targets_are_checked_for_changes():
    x, t = leaf(RNG.standard_normal((3, 4))), tw.tensor([0, 1, 2])
    y = F.cross_entropy(x, t)
    y.backward(retain_graph=True)
    first = x.grad.numpy().copy()
    y.backward(retain_graph=True)
    close(x.grad, 2 * first)
    t += 1
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_dtypes():
    x, t = tw.zeros(2, 3), tw.tensor([0, 1])
    for dtype in (tw.float16, tw.float32, tw.float64):
        assert F.cross_entropy(x.to(dtype), t).dtype == dtype
    assert F.cross_entropy(x, x.double().softmax(1)).dtype == tw.float64


# -- bad input ----------------------------------------------------------------------------------------------

x34, t3 = tw.zeros(3, 4), tw.tensor([0, 1, 2])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: f(x34, tw.tensor([0, 4, 1])), IndexError, "target 4 is none of the 4 classes; .* 0 to 3"),
        (lambda f: f(x34, tw.tensor([0, -1, 1])), TargetError, "target -1 is none of the 4 classes"),
        (lambda f: f(x34, tw.tensor([9, -100, 1])), TargetError, "target 9 is none of the 4 classes"),
        (lambda f: f(x34, tw.tensor([0, -100, 1]), ignore_index=1), TargetError, "target -100 is none"),
        (lambda f: f(x34, tw.tensor([0, 1])), ShapeError, r"\(3, 4\).*class indices of shape \(3,\).*got shape \(2,\)"),
        (lambda f: f(x34, tw.tensor([[0], [1], [2]])), ShapeError, r"shape \(3,\).*got shape \(3, 1\)"),
        (lambda f: f(tw.zeros(2, 4, 3), t3), ShapeError, r"shape \(2, 3\).*got shape \(3,\)"),
        (lambda f: f(tw.tensor(1.0), tw.tensor(0)), ShapeError, "class axis.*0-d"),
        (lambda f: f(x34, t3.int()), DtypeError, r"int64 or uint8.*int32.*\.long\(\)"),
        (lambda f: f(x34, t3 > 0), DtypeError, r"int64 or uint8.*bool"),
        (lambda f: f(x34, t3.float()), DtypeError, r"int64 or uint8.*float32"),
        (lambda f: f(x34, t3, weight=tw.ones(3)), ShapeError, r"each of the 4 classes, got shape \(3,\)"),
        (lambda f: f(x34, t3, weight=tw.ones(1, 4)), ShapeError, r"each of the 4 classes, got shape \(1, 4\)"),
        (lambda f: f(x34.long(), t3), DtypeError, "floating-point.*int64"),
        (lambda f: f(x34, t3.numpy()), TypeError, "target must be a Tensor, not ndarray"),
        (lambda f: f([[0.0]], t3), TypeError, "input must be a Tensor, not list"),
        (lambda f: f(x34, t3, reduction="average"), ValueError, "'none', 'mean' or 'sum', not 'average'"),
    ],
)
@pytest.mark.parametrize("function", [F.cross_entropy, F.nll_loss])
def test_bad_arguments(call, error, message, function):
    with pytest.raises(error, match=f"{function.__name__}: .*{message}"):
        call(function)


def test_a_class_index_that_is_out_of_range_is_found_for_every_option():
    for options in OPTIONS.values():
        for reduction in REDUCTIONS:
            with pytest.raises(TargetError, match="target 7"):
                F.cross_entropy(x34.double(), tw.tensor([0, 7, 1]), reduction=reduction, **tensors(options))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.cross_entropy(x34, tw.ones(3, 4).long()), DtypeError, "class probabilities.*floating-point.*int64"),
        (lambda: F.cross_entropy(x34, x34, ignore_index=1), ArgumentError, "ignore_index=1"),
        (lambda: F.cross_entropy(x34, x34, weight=tw.ones(3)), ShapeError, r"each of the 4 classes.*\(3,\)"),
        (lambda: F.cross_entropy(x34, t3, label_smoothing=1.5), ArgumentError, "label_smoothing.*1.5"),
        (lambda: F.cross_entropy(x34, t3, label_smoothing=-0.5), ArgumentError, "label_smoothing.*-0.5"),
        (lambda: F.cross_entropy(x34, t3.new_zeros(2)), ShapeError, r"or probabilities of shape \(3, 4\)"),
    ],
)
def test_bad_arguments_of_cross_entropy(call, error, message):
    with pytest.raises(error, match=f"cross_entropy: .*{message}"):
        call()


def test_weight_is_saved_with_the_module():
    for module in (nn.CrossEntropyLoss, nn.NLLLoss):
        assert not module().state_dict()
        assert module(weight=tw.tensor([1.0, 2.0])).state_dict()["weight"].tolist() == [1, 2]
        assert module().weight is None
