"""Convolutions beside loops, what they start with, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.autograd import gradcheck, gradgradcheck
from thalweg.errors import ArgumentError, DtypeError, ShapeError

F = nn.functional


def test_a_convolution_by_hand():
    x = tw.tensor([[[[1.0, 2.0, 0.0], [0.0, 1.0, 3.0], [4.0, 0.0, 1.0]]]])
    w = tw.tensor([[[[1.0, 0.0], [0.0, 2.0]]]])
    assert F.conv2d(x, w, tw.tensor([10.0])).tolist() == [[[[13.0, 18.0], [10.0, 13.0]]]]
    assert F.conv2d(x, w, stride=2).tolist() == [[[[3.0]]]]
    assert F.conv2d(x, w, dilation=2).tolist() == [[[[3.0]]]]
    assert F.conv2d(x, w, padding="same").tolist() == [[[[3.0, 8.0, 0.0], [0.0, 3.0, 3.0], [4.0, 0.0, 1.0]]]]


def test_a_transposed_convolution_by_hand():
    x, w = tw.tensor([[[1.0, 3.0]]]), tw.tensor([[[1.0, 10.0, 100.0]]])
    assert F.conv_transpose1d(x, w).tolist() == [[[1.0, 13.0, 130.0, 300.0]]]
    assert F.conv_transpose1d(x, w, stride=2, padding=1).tolist() == [[[10.0, 103.0, 30.0]]]
    assert F.conv_transpose1d(x, w, stride=2, padding=1, output_padding=1).tolist() == [[[10.0, 103.0, 30.0, 300.0]]]


def test_the_transposed_convolution_is_the_adjoint():
    rng = np.random.default_rng(0)
    x, w, y = (tw.tensor(rng.normal(size=s)) for s in ((2, 4, 7, 6), (6, 2, 3, 2), (2, 6, 4, 4)))
    options = {"stride": 2, "padding": 1, "groups": 2}
    forward = (F.conv2d(x, w, **options) * y).sum()
    back = (F.conv_transpose2d(y, w, output_padding=0, **options) * x).sum()
    np.testing.assert_allclose(forward.item(), back.item(), rtol=1e-12)


def test_half_of_a_batch_gives_half_of_the_outputs():
    x, layer = tw.randn(64, 3, 20, 20), nn.Conv2d(3, 5, 5)
    whole = layer(x)
    np.testing.assert_allclose(layer(x[:1]).detach().numpy(), whole[:1].detach().numpy(), rtol=1e-4, atol=1e-5)
    assert layer(x[:0]).shape == (0, 5, 16, 16)
    assert whole.is_contiguous()


def test_gradients_of_both_orders():
    layer = nn.Conv2d(2, 4, 2, stride=(2, 1), padding=1, groups=2).double()
    x = tw.randn(2, 2, 3, 4, dtype=tw.float64).requires_grad_()
    assert gradcheck(lambda x, w, b: F.conv2d(x, w, b, 2, 1, 1, 2), [x, layer.weight, layer.bias])
    assert gradgradcheck(lambda x, w, b: F.conv2d(x, w, b, 2, 1, 1, 2), [x, layer.weight, layer.bias])


def test_layers_start_uniform():
    layer = nn.Conv2d(8, 64, 3, groups=2)
    bound = 1 / math.sqrt(4 * 9)
    for p in layer.parameters():
        values = p.detach().numpy()
        assert abs(values).max() <= bound
        assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.15)
    assert nn.ConvTranspose2d(8, 64, 3).weight.shape == (8, 64, 3, 3)


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ShapeError, "has 3 channels", lambda: F.conv2d(tw.ones(1, 3, 4, 4), tw.ones(2, 4, 2, 2))),
        (ShapeError, "larger than the input", lambda: F.conv2d(tw.ones(1, 1, 2, 2), tw.ones(1, 1, 3, 3))),
        (ShapeError, "dimensions", lambda: F.conv2d(tw.ones(4, 4), tw.ones(1, 1, 3, 3))),
        (ShapeError, "bias", lambda: F.conv1d(tw.ones(1, 1, 4), tw.ones(2, 1, 2), tw.ones(3))),
        (DtypeError, "float64", lambda: F.conv1d(tw.ones(1, 1, 4), tw.ones(2, 1, 2, dtype=tw.float64))),
        (ArgumentError, "stride 1", lambda: F.conv1d(tw.ones(1, 1, 4), tw.ones(2, 1, 2), stride=2, padding="same")),
        (ArgumentError, "stride must be positive", lambda: F.conv1d(tw.ones(1, 1, 4), tw.ones(2, 1, 2), stride=0)),
        (ArgumentError, "negative", lambda: F.conv1d(tw.ones(1, 1, 4), tw.ones(2, 1, 2), padding=-1)),
        (ArgumentError, "multiples of groups", lambda: nn.Conv2d(3, 4, 2, groups=2)),
        (ArgumentError, "padding_mode", lambda: nn.Conv2d(3, 4, 2, padding_mode="mirror")),
        (ArgumentError, "zeros", lambda: nn.ConvTranspose2d(3, 4, 2, padding_mode="reflect")),
        (ArgumentError, "output_padding", lambda: F.conv_transpose1d(tw.ones(1, 1, 2), tw.ones(1, 1, 2),
                                                                     output_padding=1)),
        (ArgumentError, "2 of them", lambda: F.conv2d(tw.ones(1, 1, 4, 4), tw.ones(1, 1, 2, 2), stride=(1, 2, 3))),
        (ShapeError, "does not hold", lambda: F.fold(tw.ones(1, 4, 5), (3, 3), 2)),
        (ShapeError, "no window", lambda: F.unfold(tw.ones(1, 1, 2, 2), 3)),
    ],
)  # fmt: skip
def test_what_is_refused(error, message, call):
    with pytest.raises(error, match=message):
        call()


def test_fold_counts_how_often_unfold_sees_an_element():
    x = tw.arange(12.0).reshape(1, 1, 3, 4)
    seen = F.fold(F.unfold(tw.ones(1, 1, 3, 4), 2), (3, 4), 2)
    assert seen[0, 0].tolist() == [[1.0, 2.0, 2.0, 1.0], [2.0, 4.0, 4.0, 2.0], [1.0, 2.0, 2.0, 1.0]]
    assert tw.equal(F.fold(F.unfold(x, 2), (3, 4), 2), x * seen)


def test_output_size_of_transposed_layers():
    layer = nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1)
    x = tw.ones(1, 1, 4, 5)
    assert layer(x, output_size=(8, 10)).shape == (1, 1, 8, 10)
    assert layer(x, output_size=[1, 1, 7, 9]).shape == (1, 1, 7, 9)
    with pytest.raises(ArgumentError, match="at least"):
        layer(x, output_size=(9, 10))
