"""Pooling by hand, its corner cases, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.autograd import gradcheck
from thalweg.errors import ArgumentError, ShapeError

F = nn.functional
X = tw.tensor([[[1.0, 5.0, 2.0, 5.0], [3.0, 0.0, 4.0, 6.0], [7.0, 8.0, 9.0, 1.0]]])


def test_largest_elements():
    assert F.max_pool2d(X, 2).tolist() == [[[5.0, 6.0]]]
    assert F.max_pool2d(X, 2, ceil_mode=True).tolist() == [[[5.0, 6.0], [8.0, 9.0]]]
    assert F.max_pool2d(X, 2, 1).tolist() == [[[5.0, 5.0, 6.0], [8.0, 9.0, 9.0]]]
    assert F.max_pool2d(X, (1, 2), dilation=2, stride=1).tolist() == [[[2.0, 5.0], [4.0, 6.0], [9.0, 8.0]]]
    values, indices = F.max_pool2d(X, 2, 1, return_indices=True)
    assert indices.tolist() == [[[1, 1, 7], [9, 10, 10]]]
    assert tw.equal(X.flatten()[indices], values)


def test_the_first_of_equal_elements_gets_the_gradient():
    x = tw.tensor([[1.0, 1.0, 1.0, 0.0]], requires_grad=True)
    F.max_pool1d(x, 3, 1).sum().backward()
    assert x.grad.tolist() == [[1.0, 1.0, 0.0, 0.0]]


def test_nan_and_infinity():
    x = tw.tensor([[math.nan, 1.0, -math.inf, -math.inf]])
    assert str(F.max_pool1d(x, 2).tolist()) == "[[nan, -inf]]"
    assert F.max_pool1d(x, 2, return_indices=True)[1].tolist() == [[0, 2]]
    assert str(F.avg_pool1d(tw.tensor([[math.inf, 1.0, 2.0, 3.0]]), 2).tolist()) == "[[inf, 2.5]]"
    assert str(F.adaptive_avg_pool1d(tw.tensor([[math.inf, 1.0, 2.0, 3.0, 4.0]]), 2).tolist()) == "[[inf, 3.0]]"


def test_integers_are_pooled():
    assert F.max_pool1d(tw.tensor([[3, -1, 2, 7]]), 2, padding=1).tolist() == [[3, 2, 7]]


def test_averages():
    assert F.avg_pool2d(X, 2).tolist() == [[[2.25, 4.25]]]
    assert F.avg_pool1d(X[0], 2, padding=1).tolist()[0] == [0.5, 3.5, 2.5]
    assert F.avg_pool1d(X[0], 2, padding=1, count_include_pad=False).tolist()[0] == [1.0, 3.5, 5.0]
    assert F.avg_pool2d(X, 2, divisor_override=1).tolist() == [[[9.0, 17.0]]]
    assert F.avg_pool1d(X[0], 3, ceil_mode=True).tolist()[0] == pytest.approx([8 / 3, 5.0])


def test_adaptive_windows_cover_everything():
    x = tw.arange(7.0)[None]
    assert F.adaptive_avg_pool1d(x, 3).tolist() == [[1.0, 3.0, 5.0]]
    assert F.adaptive_max_pool1d(x, 3).tolist() == [[2.0, 4.0, 6.0]]
    assert F.adaptive_avg_pool1d(x, 7).tolist() == x.tolist()
    assert F.adaptive_avg_pool1d(x, 14).tolist()[0][:4] == [0.0, 0.0, 1.0, 1.0]


def test_unpooling_returns_what_was_pooled():
    values, indices = F.max_pool2d(X, 2, ceil_mode=True, return_indices=True)
    y = F.max_unpool2d(values, indices, 2, output_size=(3, 4))
    assert y.tolist() == [[[0.0, 5.0, 0.0, 0.0], [0.0, 0.0, 0.0, 6.0], [0.0, 8.0, 9.0, 0.0]]]
    with pytest.raises(IndexError):
        F.max_unpool2d(values, indices + 20, 2)
    with pytest.raises(ShapeError, match="less than"):
        F.max_unpool2d(values, indices, 2, output_size=(8, 8))


def test_norms_of_windows():
    x = tw.tensor([[3.0, 4.0, 0.0, 2.0]])
    assert F.lp_pool1d(x, 2, 2).tolist()[0] == pytest.approx([5.0, 2.0])
    assert F.lp_pool1d(-x, math.inf, 2).tolist() == [[4.0, 2.0]]


def test_gradients():
    x = tw.tensor(np.random.default_rng(0).permutation(40).reshape(2, 4, 5) / 7, requires_grad=True)
    for f in (lambda x: F.max_pool2d(x, 3, 2, 1), lambda x: F.avg_pool2d(x, 3, 2, 1, True, False),
              lambda x: F.adaptive_avg_pool2d(x, (3, 2)), lambda x: F.adaptive_max_pool2d(x, 3)):  # fmt: skip
        assert gradcheck(f, [x])


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ArgumentError, "half the kernel", lambda: F.max_pool1d(X[0], 2, padding=2)),
        (ArgumentError, "positive", lambda: F.max_pool1d(X[0], 0)),
        (ArgumentError, "divisor", lambda: F.avg_pool2d(X, 2, divisor_override=0)),
        (ShapeError, "no window", lambda: F.max_pool1d(X[0], 9)),
        (ShapeError, "expects", lambda: F.max_pool2d(tw.ones(3), 2)),
        (ShapeError, "empty", lambda: F.avg_pool1d(tw.ones(2, 0), 1)),
        (ShapeError, "output_size", lambda: F.adaptive_avg_pool2d(X, (1, 2, 3))),
    ],
)
def test_what_is_refused(error, message, call):
    with pytest.raises(error, match=message):
        call()


def test_fractional_windows_cover_the_input_at_random():
    x = tw.arange(36.0).reshape(1, 1, 6, 6)
    seen = set()
    for _ in range(20):
        y, places = F.fractional_max_pool2d(x, 2, output_size=4, return_indices=True)
        assert y.shape == (1, 1, 4, 4)
        assert y[0, 0, 3, 3].item() == 35
        assert tw.equal(y.long(), places)
        seen.add(str(y.tolist()))
    assert len(seen) > 1
    assert nn.FractionalMaxPool2d(2, output_ratio=0.5)(x).shape == (1, 1, 3, 3)
    with pytest.raises(ArgumentError, match="either"):
        nn.FractionalMaxPool2d(2)
    with pytest.raises(ShapeError, match="don't fit"):
        F.fractional_max_pool2d(x, 3, output_size=6)
