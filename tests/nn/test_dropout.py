"""Dropout layers: what is dropped, what is rescaled, and when."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import thalweg as tw
import thalweg.nn.functional as F
from thalweg import nn
from thalweg.errors import ShapeError

LAYERS = [nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout]
SHAPES = [(3, 4), (3, 4, 5), (3, 4, 5, 6), (3, 4, 5, 6, 7), (3, 4), (3, 4, 5)]


@pytest.fixture(autouse=True)
def _seed() -> None:
    tw.manual_seed(0)


@pytest.mark.parametrize(("layer", "shape"), list(zip(LAYERS, SHAPES, strict=True)))
def test_evaluation_changes_nothing(layer: Any, shape: tuple[int, ...]) -> None:
    x = tw.randn(*shape)
    assert layer(0.5).eval()(x) is x
    assert tw.equal(layer(0.0)(x), x)


def test_dropout_keeps_the_mean() -> None:
    x = tw.ones(100_000, requires_grad=True)
    y = nn.Dropout(0.3)(x)
    kept = y.detach().numpy() != 0
    assert abs(kept.mean() - 0.7) < 0.006  # four standard deviations
    np.testing.assert_allclose(y.detach().numpy()[kept], 1 / 0.7, rtol=1e-6)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())


def test_dropout_repeats_with_the_seed_and_not_without() -> None:
    layer, x = nn.Dropout(), tw.ones(50)
    a, b = layer(x), layer(x)
    tw.manual_seed(0)
    assert tw.equal(layer(x), a) and not tw.equal(a, b)


@pytest.mark.parametrize("function", [F.dropout, F.alpha_dropout])
def test_dropping_everything(function: Any) -> None:
    x = tw.ones(3, requires_grad=True)
    y = function(x, 1.0, training=True)
    y.sum().backward()
    assert y.tolist() == x.grad.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("dtype", [tw.float16, tw.float32, tw.float64])
def test_the_dtype_stays(dtype: Any) -> None:
    assert F.dropout(tw.ones(3, dtype=dtype)).dtype is dtype
    assert F.alpha_dropout(tw.ones(3, dtype=dtype), training=True).dtype is dtype


@pytest.mark.parametrize(
    ("function", "shape", "lead"),
    [
        (F.dropout1d, (50, 40, 5), 2),
        (F.dropout1d, (2000, 5), 1),
        (F.dropout2d, (50, 40, 3, 4), 2),
        (F.dropout2d, (50, 40, 5), 2),
        (F.dropout3d, (50, 40, 2, 3, 2), 2),
        (F.dropout3d, (2000, 2, 3, 2), 1),
        (F.feature_alpha_dropout, (50, 40, 5), 2),
    ],
)
def test_channels_are_dropped_whole(function: Any, shape: tuple[int, ...], lead: int) -> None:
    y = function(tw.ones(*shape), 0.25, training=True).numpy().reshape(*shape[:lead], -1)
    assert (y == y[..., :1]).all()
    share = (y[..., 0] == y.max()).mean()
    assert abs(share - 0.75) < 0.04


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    y = nn.AlphaDropout(0.4)(tw.randn(200_000, dtype=tw.float64)).numpy()
    assert abs(y.mean()) < 0.01 and abs(y.std() - 1) < 0.01


def test_alpha_dropout_values_by_hand() -> None:
    p, low = 0.25, -1.7580993408473766
    scale = ((1 - p) * (1 + p * low * low)) ** -0.5
    shift = -scale * low * p
    y = F.alpha_dropout(tw.full((1000,), 3.0, dtype=tw.float64), p, training=True).numpy()
    found = sorted({round(float(v), 9) for v in y})
    np.testing.assert_allclose(found, [scale * low + shift, scale * 3 + shift], atol=1e-8)


def test_inplace_overwrites_the_input() -> None:
    x = tw.ones(100, requires_grad=True)
    h = x * 1
    y = nn.Dropout(0.5, inplace=True)(h)
    assert y is h and set(h.tolist()) == {0.0, 2.0}
    h.sum().backward()
    assert x.grad.tolist() == h.tolist()
    with pytest.raises(RuntimeError, match="leaf"):
        F.dropout(x, inplace=True)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("p", [-0.1, 1.5, math.nan])
def test_probabilities_are_checked(layer: Any, p: float) -> None:
    with pytest.raises(ValueError, match=f"{layer.__name__}: the probability must be between 0 and 1, got {p}"):
        layer(p)


@pytest.mark.parametrize(
    ("function", "shape", "message"),
    [
        (F.dropout1d, (3,), r"dropout1d: expects 3 or 2 dimensions, got shape \(3,\)"),
        (F.dropout2d, (3,), "dropout2d: expects at least 2 dimensions"),
        (F.dropout3d, (), "dropout3d: expects at least 1 dimensions"),
        (F.feature_alpha_dropout, (3,), "feature_alpha_dropout: expects 2 dimensions"),
    ],
)
def test_shapes_are_checked(function: Any, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        function(tw.ones(*shape), 0.5, training=True)


def test_repr() -> None:
    assert repr(nn.Dropout(0.2, inplace=True)) == "Dropout(p=0.2, inplace=True)"
    assert repr(nn.AlphaDropout()) == "AlphaDropout(p=0.5, inplace=False)"
