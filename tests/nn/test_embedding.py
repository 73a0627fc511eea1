"""Tables of vectors by hand, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.errors import ArgumentError, DtypeError, ShapeError

F = nn.functional
TABLE = tw.tensor([[1.0, 2.0], [3.0, 4.0], [50.0, 60.0]])


def table(**options):
    layer = nn.Embedding(3, 2, **options)
    layer.load_state_dict({"weight": TABLE})
    return layer


def test_rows_and_their_gradients():
    layer = table(padding_idx=1)
    y = layer(tw.tensor([[0, 1], [2, 0]]))
    assert y.tolist() == [[[1.0, 2.0], [3.0, 4.0]], [[50.0, 60.0], [1.0, 2.0]]]
    y.sum().backward()
    assert layer.weight.grad.tolist() == [[2.0, 2.0], [0.0, 0.0], [1.0, 1.0]]


def test_gradients_of_many_rows():
    rng = np.random.default_rng(0)
    layer, places = nn.Embedding(7, 40).double(), rng.integers(0, 6, (30, 9))
    weights = rng.normal(size=(30, 9, 40))
    (layer(tw.tensor(places)) * tw.tensor(weights)).sum().backward()
    wanted = np.stack([weights[places == row].sum(0) for row in range(7)])
    np.testing.assert_allclose(layer.weight.grad.numpy(), wanted, rtol=1e-12, atol=1e-12)
    x = tw.zeros(7, 40, requires_grad=True)
    x[tw.tensor([-1, 6] * 60)].sum().backward()
    assert x.grad[6].tolist() == [120.0] * 40
    assert not x.grad[:6].any()


def test_gradients_by_frequency():
    layer = table(scale_grad_by_freq=True)
    (layer(tw.tensor([0, 0, 2])) * tw.tensor([[1.0], [3.0], [5.0]])).sum().backward()
    assert layer.weight.grad.tolist() == [[2.0, 2.0], [0.0, 0.0], [5.0, 5.0]]


def test_norms_are_limited_where_rows_are_used():
    layer = table(max_norm=5.0)
    layer(tw.tensor([0, 1]))
    assert layer.weight.tolist() == [[1.0, 2.0], [3.0, 4.0], [50.0, 60.0]]
    layer(tw.tensor([2]))
    assert layer.weight[2].norm().item() == pytest.approx(5.0)


def test_how_tables_start():
    layer = nn.Embedding(500, 20, padding_idx=-1)
    assert layer.padding_idx == 499
    assert not layer.weight[499].any()
    assert layer.weight[:499].std().item() == pytest.approx(1.0, abs=0.03)
    frozen = nn.Embedding.from_pretrained(TABLE)
    assert not frozen.weight.requires_grad
    assert frozen.weight._value is TABLE._value
    assert nn.EmbeddingBag.from_pretrained(TABLE, freeze=False).weight.requires_grad


@pytest.mark.parametrize(
    ("mode", "rows"),
    [("sum", [[4.0, 6.0], [0.0, 0.0], [101.0, 122.0]]), ("mean", [[2.0, 3.0], [0.0, 0.0], [101 / 3, 122 / 3]]),
     ("max", [[3.0, 4.0], [0.0, 0.0], [50.0, 60.0]])],
)  # fmt: skip
def test_bags(mode, rows):
    layer = nn.EmbeddingBag(3, 2, mode=mode)
    layer.load_state_dict({"weight": TABLE})
    y = layer(tw.tensor([0, 1, 2, 0, 2]), tw.tensor([0, 2, 2]))
    assert y.tolist() == [pytest.approx(row) for row in rows]


def test_weighted_bags():
    y = F.embedding_bag(tw.tensor([[0, 2]]), TABLE, mode="sum", per_sample_weights=tw.tensor([[10.0, 0.5]]))
    assert y.tolist() == [[35.0, 50.0]]


def test_a_largest_row_with_infinities():
    y = F.embedding_bag(tw.tensor([[0, 1]]), tw.tensor([[-math.inf], [-math.inf]]), mode="max")
    assert y.tolist() == [[-math.inf]]


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (IndexError, "position 3", lambda: table()(tw.tensor([0, 3]))),
        (IndexError, "position -1", lambda: table()(tw.tensor([-1]))),
        (DtypeError, "integers", lambda: table()(tw.tensor([0.5]))),
        (ArgumentError, "padding_idx", lambda: nn.Embedding(3, 2, padding_idx=3)),
        (IndexError, "padding_idx", lambda: F.embedding(tw.tensor(0), TABLE, padding_idx=7)),
        (ShapeError, "matrix", lambda: nn.Embedding.from_pretrained(tw.ones(3))),
        (ArgumentError, "offsets", lambda: F.embedding_bag(tw.tensor([0, 1]), TABLE)),
        (ArgumentError, "mode", lambda: F.embedding_bag(tw.tensor([[0]]), TABLE, mode="median")),
        (ArgumentError, "sum", lambda: F.embedding_bag(tw.tensor([[0]]), TABLE, per_sample_weights=tw.ones(1, 1))),
        (ShapeError, "input's shape", lambda: F.embedding_bag(tw.tensor([[0]]), TABLE, mode="sum",
                                                             per_sample_weights=tw.ones(1, 2))),
    ],
)  # fmt: skip
def test_what_is_refused(error, message, call):
    with pytest.raises(error, match=message):
        call()
