"""Embeddings, one-hot codes, padding, distances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
import thalweg.nn.functional as F
from thalweg import nn
from thalweg.autograd import gradcheck, gradgradcheck
from thalweg.errors import DtypeError, ShapeError


def rand(*shape: int) -> Any:
    return tw.randn(*shape, dtype=tw.float64).requires_grad_()


def test_embedding_reads_rows_and_adds_up_their_gradients() -> None:
    w = tw.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], requires_grad=True)
    y = F.embedding(tw.tensor([[0, 2], [2, 2]]), w)
    assert y.tolist() == [[[1, 2], [5, 6]], [[5, 6], [5, 6]]]
    y.sum().backward()
    assert w.grad.tolist() == [[1, 1], [0, 0], [3, 3]]
    w.grad = None
    F.embedding(tw.tensor([0, 2]), w, padding_idx=-1).sum().backward()
    assert w.grad.tolist() == [[1, 1], [0, 0], [0, 0]]
    assert F.embedding(tw.tensor([], dtype=tw.int64), w).shape == (0, 2)


def test_embedding_refusals() -> None:
    w = tw.ones(3, 2)
    with pytest.raises(IndexError, match="position 3 is out of range for a weight of 3 rows"):
        F.embedding(tw.tensor([0, 3]), w)
    with pytest.raises(IndexError, match="position -1"):
        F.embedding(tw.tensor([-1]), w)
    with pytest.raises(IndexError, match="padding_idx 5"):
        F.embedding(tw.tensor([0]), w, padding_idx=5)
    with pytest.raises(DtypeError, match=r"integers, not thalweg\.float32"):
        F.embedding(tw.ones(1), w)


def test_one_hot() -> None:
    y = F.one_hot(tw.tensor([[1], [0]]), 3)
    assert y.tolist() == [[[0, 1, 0]], [[1, 0, 0]]] and y.dtype is tw.int64
    assert F.one_hot(tw.tensor(2)).tolist() == [0, 0, 1]
    assert F.one_hot(tw.tensor([], dtype=tw.int64), 4).shape == (0, 4)


def test_one_hot_refusals() -> None:
    with pytest.raises(ShapeError, match="class 3 is not in 0 … 2"):
        F.one_hot(tw.tensor([3]), 3)
    with pytest.raises(ShapeError, match="class -1"):
        F.one_hot(tw.tensor([-1]))
    with pytest.raises(ShapeError, match="give num_classes"):
        F.one_hot(tw.tensor([], dtype=tw.int64))
    with pytest.raises(ShapeError, match="positive, got 0"):
        F.one_hot(tw.tensor([0]), 0)
    with pytest.raises(DtypeError, match="float32"):
        F.one_hot(tw.ones(1))


MODES = [("constant", "constant"), ("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")]


@pytest.mark.parametrize(("mode", "numpy_mode"), MODES)
def test_pad_counts_axes_from_the_last(mode: str, numpy_mode: Any) -> None:
    x = tw.arange(24.0).reshape(2, 3, 4)
    y = F.pad(x, (1, 2, 0, 1), mode)
    np.testing.assert_array_equal(y.numpy(), np.pad(x.numpy(), [(0, 0), (0, 1), (1, 2)], mode=numpy_mode))


def test_pad_with_a_value_and_cutting_off() -> None:
    x = tw.tensor([[1.0, 2.0, 3.0]])
    assert F.pad(x, (-1, 1), value=9.0).tolist() == [[2, 3, 9]]
    assert F.pad(x, (-2, -1)).tolist() == [[]]
    assert F.pad(tw.tensor([1, 2]), (1, 0), value=7).tolist() == [7, 1, 2]
    assert F.pad(x, ()).tolist() == x.tolist()


@pytest.mark.parametrize("mode", [mode for mode, _ in MODES])
def test_pad_derivatives(mode: str) -> None:
    assert gradcheck(lambda x: F.pad(x, (1, 2), mode), rand(2, 3))
    assert gradgradcheck(lambda x: F.pad(x, (1, 2), mode) ** 2, rand(2, 3))


def test_pad_refusals() -> None:
    x = tw.ones(2, 3)
    with pytest.raises(ShapeError, match=r"at most 2 axes, got \(1,\)"):
        F.pad(x, (1,))
    with pytest.raises(ShapeError, match="at most 2 axes"):
        F.pad(x, (1, 1, 1, 1, 1, 1))
    with pytest.raises(ShapeError, match="cuts off more"):
        F.pad(x, (-2, -2))
    with pytest.raises(ShapeError, match=r"widths \(3, 0\) don't fit mode 'reflect' and size 3"):
        F.pad(x, (3, 0), "reflect")
    with pytest.raises(ShapeError, match="circular"):
        F.pad(x, (0, 4), "circular")
    with pytest.raises(ValueError, match="not 'mirror'"):
        F.pad(x, (1, 1), "mirror")
    with pytest.raises(ValueError, match="value has a meaning only"):
        F.pad(x, (1, 1), "reflect", 3.0)


def test_cosine_similarity() -> None:
    a, b = rand(4, 3), rand(4, 3)
    x, y = a.detach().numpy(), b.detach().numpy()
    expected = (x * y).sum(1) / (np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1))
    np.testing.assert_allclose(F.cosine_similarity(a, b).detach().numpy(), expected, rtol=1e-13)
    np.testing.assert_allclose(nn.CosineSimilarity(dim=-1)(a, b).detach().numpy(), expected, rtol=1e-13)
    assert F.cosine_similarity(a, b, dim=0).shape == (3,)
    assert gradcheck(F.cosine_similarity, (a, b))
    assert gradgradcheck(F.cosine_similarity, (a, b))


def test_cosine_with_a_zero_vector_is_zero_and_has_a_gradient() -> None:
    zero = tw.zeros(1, 2, requires_grad=True)
    y = F.cosine_similarity(zero, tw.tensor([[3.0, 4.0]]), eps=0.5)
    y.sum().backward()
    assert y.item() == 0.0
    np.testing.assert_allclose(zero.grad.numpy(), [[1.2, 1.6]], rtol=1e-6)  # (0.6, 0.8) / eps


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, float("inf")])
def test_pairwise_distance(p: float) -> None:
    a, b = rand(4, 3), rand(4, 3)
    d = a.detach().numpy() - b.detach().numpy() + 1e-6
    expected = np.linalg.norm(d, ord=p, axis=-1)
    np.testing.assert_allclose(F.pairwise_distance(a, b, p).detach().numpy(), expected, rtol=1e-13)
    layer = nn.PairwiseDistance(p, keepdim=True)
    np.testing.assert_allclose(layer(a, b).detach().numpy(), expected[:, None], rtol=1e-13)
    assert gradcheck(lambda x, y: F.pairwise_distance(x, y, p), (a, b))


def test_pairwise_distance_of_equal_points_is_finite() -> None:
    x = tw.ones(1, 4, requires_grad=True)
    y = F.pairwise_distance(x, tw.ones(1, 4))
    y.sum().backward()
    assert abs(y.item() - 2e-6) < 1e-7 and np.isfinite(x.grad.numpy()).all()
