"""The losses with a margin, against loops in NumPy, finite differences and numbers by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.autograd import gradcheck, gradgradcheck
from thalweg.errors import ArgumentError, DtypeError, ShapeError, TargetError
from thalweg.nn import functional as F

RNG = np.random.default_rng(23)
A, B, C = (RNG.standard_normal((5, 3)) for _ in range(3))
X, Q = RNG.standard_normal((5, 4)), RNG.uniform(size=(5, 4))
SIGNS = np.array([1, -1, -1, 1, -1])
CLASSES = np.array([0, 3, 1, 1, 2])
LABELS = np.array([[3, 0, -1, 1], [-1, 0, 1, 2], [0, 1, 2, 3], [2, -1, -1, -1], [1, 1, -1, 0]])
WEIGHT = np.array([0.5, 2.0, 1.5, 0.25])
REDUCE = {"none": lambda v: v, "mean": np.mean, "sum": np.sum}


def hinge(v):
    return np.maximum(v, 0)


def multi_margin(x, t, p=1, margin=1.0, weight=(1, 1, 1, 1)):
    costs = [
        weight[y] * sum(hinge(margin - r[y] + r[j]) ** p for j in range(4) if j != y) for r, y in zip(x, t, strict=True)
    ]
    return np.array(costs) / 4


def multilabel_margin(x, labels):
    costs = []
    for row, targets in zip(x, labels, strict=True):
        right = [int(t) for t in targets[: [*targets, -1].index(-1)]]
        wrong = [i for i in range(4) if i not in right]
        costs.append(sum(hinge(1 - (row[y] - row[i])) for y in right for i in wrong) / 4)
    return np.array(costs)


def cosine(a, b):
    return (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))


def distance(a, b, p=2, eps=1e-6):
    return (np.abs(a - b + eps) ** p).sum(-1) ** (1 / p)


def triplet(a, p, n):
    return hinge(distance(a, p) - distance(a, n) + 1)


def triplet_swapped(a, p, n):
    far = np.minimum(distance(a, n, 3, 0.1), distance(p, n, 3, 0.1))
    return hinge(distance(a, p, 3, 0.1) - far + 2)


def logistic(x, t):
    return (t * np.log1p(np.exp(-x)) + (1 - t) * np.log1p(np.exp(x))).mean(-1)


# function, module, the tensors (floating ones are differentiated by), options, the losses by NumPy
LOSSES = {
    "hinge": (
        F.hinge_embedding_loss,
        nn.HingeEmbeddingLoss,
        (X[:, 0], SIGNS),
        {},
        lambda x, t: np.where(t == 1, x, hinge(1 - x)),
    ),
    "hinge, margin": (
        F.hinge_embedding_loss,
        nn.HingeEmbeddingLoss,
        (X, np.repeat(SIGNS[:, None], 4, 1)),
        {"margin": 0.4},
        lambda x, t: np.where(t == 1, x, hinge(0.4 - x)),
    ),
    "ranking": (
        F.margin_ranking_loss,
        nn.MarginRankingLoss,
        (A[:, 0], B[:, 0], SIGNS),
        {},
        lambda a, b, t: hinge(-t * (a - b)),
    ),
    "ranking, margin": (
        F.margin_ranking_loss,
        nn.MarginRankingLoss,
        (A, B[:, :1], SIGNS[:, None]),
        {"margin": 0.4},
        lambda a, b, t: hinge(0.4 - t * (a - b)),
    ),
    "cosine": (
        F.cosine_embedding_loss,
        nn.CosineEmbeddingLoss,
        (A, B, SIGNS),
        {},
        lambda a, b, t: np.where(t == 1, 1 - cosine(a, b), hinge(cosine(a, b))),
    ),
    "cosine, margin": (
        F.cosine_embedding_loss,
        nn.CosineEmbeddingLoss,
        (A, B, SIGNS),
        {"margin": -0.5},
        lambda a, b, t: np.where(t == 1, 1 - cosine(a, b), hinge(cosine(a, b) + 0.5)),
    ),
    "triplet": (F.triplet_margin_loss, nn.TripletMarginLoss, (A, B, C), {}, triplet),
    "triplet, swapped": (
        F.triplet_margin_loss,
        nn.TripletMarginLoss,
        (A, B, C[:1]),
        {"margin": 2.0, "p": 3.0, "eps": 0.1, "swap": True},
        triplet_swapped,
    ),
    "classes": (F.multi_margin_loss, nn.MultiMarginLoss, (X, CLASSES), {}, multi_margin),
    "classes, squared": (
        F.multi_margin_loss,
        nn.MultiMarginLoss,
        (X, CLASSES),
        {"p": 2, "margin": 0.4, "weight": WEIGHT},
        lambda x, t: multi_margin(x, t, 2, 0.4, WEIGHT),
    ),
    "labels": (F.multilabel_margin_loss, nn.MultiLabelMarginLoss, (X, LABELS), {}, multilabel_margin),
    "soft labels": (F.multilabel_soft_margin_loss, nn.MultiLabelSoftMarginLoss, (X, Q), {}, logistic),
    "soft labels, weighted": (
        F.multilabel_soft_margin_loss,
        nn.MultiLabelSoftMarginLoss,
        (X, Q),
        {"weight": WEIGHT},
        lambda x, t: (WEIGHT * (t * np.log1p(np.exp(-x)) + (1 - t) * np.log1p(np.exp(x)))).mean(-1),
    ),
}
EACH = pytest.mark.parametrize("name", LOSSES)


def tensor(a):
    return tw.tensor(a, requires_grad=a.dtype.kind == "f") if isinstance(a, np.ndarray) else a


def options_of(name):
    return {k: tw.tensor(v) if isinstance(v, np.ndarray) else v for k, v in LOSSES[name][3].items()}


def close(x, expected, tolerance=1e-11):
    np.testing.assert_allclose(x.detach().numpy(), expected, rtol=tolerance, atol=tolerance)


@EACH
@pytest.mark.parametrize("reduction", REDUCE)
def test_value(name, reduction):
    function, module, arrays, _, formula = LOSSES[name]
    expected = REDUCE[reduction](formula(*arrays))
    options = options_of(name)
    close(function(*map(tensor, arrays), reduction=reduction, **options), expected)
    criterion = module(reduction=reduction, **options)
    close(criterion(*map(tensor, arrays)), expected)
    assert sorted(criterion.state_dict()) == [k for k in options if k == "weight"]


@EACH
def test_gradients(name):
    function, _, arrays, _, _ = LOSSES[name]
    tensors, options = tuple(map(tensor, arrays)), options_of(name)
    for reduction in REDUCE:
        assert gradcheck(lambda *xs, r=reduction: function(*xs, reduction=r, **options), tensors, fast_mode=True)
    assert gradgradcheck(lambda *xs: function(*xs, reduction="none", **options), tensors, fast_mode=True)


@EACH
def test_one_sample_without_its_axis(name):
    function, _, arrays, _, formula = LOSSES[name]
    if name == "triplet, swapped":
        arrays = (A, B, C)
    for i in range(5):
        row = [tw.tensor(a[i]) for a in arrays]
        expected = formula(*(a[i : i + 1] for a in arrays))[0]
        close(function(*row, reduction="none", **options_of(name)), expected)
        close(function(*row, **options_of(name)), np.mean(expected))


@EACH
def test_empty_batch(name):
    function, _, arrays, _, formula = LOSSES[name]
    empty = [tensor(a[:0]) for a in arrays]
    shape = formula(*arrays)[:0].shape
    assert function(*empty, reduction="none", **options_of(name)).shape == shape
    assert function(*empty, reduction="sum", **options_of(name)).item() == 0
    mean = function(*empty, **options_of(name))
    assert math.isnan(mean.item())
    mean.backward()
    assert empty[0].grad.shape == empty[0].shape


@EACH
def test_memory_order_does_not_matter(name):
    function, _, arrays, _, formula = LOSSES[name]
    tensors = [tw.tensor(np.repeat(np.asfortranarray(a), 2, 0))[::2] for a in arrays]
    close(function(*tensors, reduction="none", **options_of(name)), formula(*arrays))


def test_numbers_by_hand():
    x = tw.tensor([[0.1, 0.2, 0.4, 0.8]])
    right_0, right_3 = (1 - 0.1 + 0.2) + (1 - 0.1 + 0.4), (1 - 0.8 + 0.2) + (1 - 0.8 + 0.4)
    assert F.multilabel_margin_loss(x, tw.tensor([[3, 0, -1, 1]])).item() == pytest.approx((right_0 + right_3) / 4)
    assert F.multi_margin_loss(x, tw.tensor([3])).item() == pytest.approx((right_3 + 1 - 0.8 + 0.1) / 4)


# -- where formulas break -----------------------------------------------------------------------------------


def gradient(function, *arrays):
    x = tw.tensor(arrays[0], dtype=tw.float64, requires_grad=True)
    function(x, *map(tw.tensor, arrays[1:]), reduction="sum").backward()
    return x.grad.tolist()


def test_gradient_on_the_margin():
    """Right on it a hinge of one input still pulls, as a clamp does; the sums over classes do not."""
    assert gradient(F.hinge_embedding_loss, [1.0], [-1]) == [-1]
    assert gradient(F.margin_ranking_loss, [2.0], [2.0], [1]) == [-1]
    assert gradient(F.multi_margin_loss, [[1.0, 2.0]], [1]) == [[0, 0]]
    assert gradient(F.multilabel_margin_loss, [[1.0, 2.0]], [[1, -1]]) == [[0, 0]]


def test_hinge_of_other_targets_counts_both_sides():
    y = F.hinge_embedding_loss(tw.tensor([0.25, 3.0]), tw.tensor([0, 2]), reduction="none")
    assert y.tolist() == [1.0, 3.0]  # 0.25 + 0.75 and 3 + 0


def test_cosine_of_zero_vectors():
    a = tw.zeros(2, 3, dtype=tw.float64, requires_grad=True)
    b = tw.tensor(B[:2], requires_grad=True)
    y = F.cosine_embedding_loss(a, b, tw.tensor([1, -1]), reduction="none")
    assert y.tolist() == [1, 0]
    y.sum().backward()
    assert np.isfinite(a.grad.numpy()).all()
    assert b.grad.tolist() == [[0] * 3] * 2
    assert F.cosine_embedding_loss(a, a, tw.tensor([0, 5]), reduction="none").tolist() == [0, 0]


def test_triplet_of_equal_points():
    a = tw.ones(1, 2, dtype=tw.float64, requires_grad=True)
    p = tw.ones(1, 2, dtype=tw.float64, requires_grad=True)
    n = tw.zeros(1, 2, dtype=tw.float64)
    y = F.triplet_margin_loss(a, p, n, margin=2.0, eps=0.0)
    close(y, 2 - math.sqrt(2))
    (g,) = tw.autograd.grad(y, a, create_graph=True)
    close(g, [[-math.sqrt(0.5)] * 2])
    assert np.isfinite(tw.autograd.grad(g.sum(), a)[0].numpy()).all()


def test_labels_after_the_first_negative_one_are_not_looked_at():
    x = tw.tensor(X[:1])
    first = F.multilabel_margin_loss(x, tw.tensor([[2, -1, 0, 3]]))
    assert first.item() == F.multilabel_margin_loss(x, tw.tensor([[2, -7, 99, -1]])).item()


def test_large_scores():
    x = tw.tensor([[1e4, -1e4]], requires_grad=True)
    y = F.multilabel_soft_margin_loss(x, tw.tensor([[0.0, 1.0]]))
    assert y.item() == 1e4
    y.backward()
    assert x.grad.tolist() == [[0.5, -0.5]]
    z = tw.tensor([[math.inf, -math.inf]])
    assert F.multilabel_soft_margin_loss(z, tw.tensor([[1.0, 0.0]])).item() == 0


def test_nan_is_seen():
    nan = tw.tensor([math.nan])
    one = tw.tensor([1])
    assert math.isnan(F.hinge_embedding_loss(nan, -one).item())
    assert math.isnan(F.margin_ranking_loss(nan, nan, one).item())
    assert math.isnan(F.triplet_margin_loss(nan, nan, nan).item())
    assert math.isnan(F.multi_margin_loss(tw.tensor([math.nan, 0.0]), one).item())


# -- bad input ----------------------------------------------------------------------------------------------

x34, x4, t3 = tw.zeros(3, 4), tw.zeros(4), tw.tensor([0, 1, 2])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.margin_ranking_loss(x34, x34, x4), ShapeError, r"margin_ranking_loss.*\(3, 4\).*target \(4,\)"),
        (lambda: F.cosine_embedding_loss(x34, x4, t3), ShapeError, r"cosine_embedding_loss.*\(3, 4\), \(4,\)"),
        (lambda: F.cosine_embedding_loss(x34, x34, tw.tensor(1)), ShapeError, r"\(N, D\).*\(3, 4\) and \(\)"),
        (lambda: F.triplet_margin_loss(x34, x4, x34), ShapeError, r"triplet_margin_loss.*positive \(4,\)"),
        (lambda: F.triplet_margin_loss(x34, x34, x34, margin=0), ArgumentError, "margin must be greater than 0, got 0"),
        (lambda: nn.TripletMarginLoss(margin=-1), ArgumentError, "TripletMarginLoss: margin.*-1"),
        (lambda: F.multi_margin_loss(x34, t3, p=3), ArgumentError, "multi_margin_loss: p must be 1 or 2, got 3"),
        (lambda: nn.MultiMarginLoss(p=0), ArgumentError, "MultiMarginLoss: p must be 1 or 2, got 0"),
        (lambda: nn.MultiMarginLoss(weight=x34), ShapeError, r"MultiMarginLoss: the weight.*\(3, 4\)"),
        (lambda: F.multi_margin_loss(x34, t3 + 2), TargetError, "multi_margin_loss: target 4 is none of the 4 classes"),
        (lambda: F.multi_margin_loss(x34, t3 - 1), TargetError, "multi_margin_loss: target -1 is none"),
        (lambda: F.multi_margin_loss(x34, t3[:2]), ShapeError, r"multi_margin_loss.*\(3, 4\) and \(2,\)"),
        (lambda: F.multi_margin_loss(tw.zeros(1, 3, 4), t3), ShapeError, r"multi_margin_loss.*\(1, 3, 4\)"),
        (lambda: F.multi_margin_loss(tw.tensor(1.0), tw.tensor(0)), ShapeError, r"multi_margin_loss.*\(\)"),
        (lambda: F.multi_margin_loss(x34, t3.int()), DtypeError, "multi_margin_loss.*int64 or uint8.*int32"),
        (lambda: F.multi_margin_loss(x34, t3, weight=t3.float()), ShapeError, r"each of the 4 classes.*\(3,\)"),
        (lambda: F.multilabel_margin_loss(x4, t3), ShapeError, r"multilabel_margin_loss.*\(4,\) and \(3,\)"),
        (lambda: F.multilabel_margin_loss(x4, x4.long() + 4), TargetError, "target 4 is none of the 4 classes"),
        (lambda: F.multilabel_margin_loss(x4, x4), DtypeError, "multilabel_margin_loss.*float32"),
        (lambda: F.multilabel_soft_margin_loss(tw.tensor(1.0), tw.tensor(1.0)), ShapeError, "class axis.*0-d"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


@EACH
def test_unknown_reductions_and_arrays_are_refused(name):
    function, module, arrays, _, _ = LOSSES[name]
    with pytest.raises(ValueError, match=f"{function.__name__}: reduction must be 'none', 'mean' or 'sum', not 'max'"):
        function(*map(tensor, arrays), reduction="max")
    with pytest.raises(ValueError, match=f"{module.__name__}: reduction.*'max'"):
        module(reduction="max")
    with pytest.raises(TypeError, match=f"{function.__name__}: .* must be a Tensor, not ndarray"):
        function(tensor(arrays[0]), *arrays[1:])
