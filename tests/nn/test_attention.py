"""Attention beside its formula: masks, heads, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.errors import ArgumentError, DtypeError, ShapeError
from thalweg.nn.functional import attention

F = nn.functional
RNG = np.random.default_rng(4)


def by_hand(q, k, v, allowed=None):
    scores = q @ k.T / math.sqrt(q.shape[1])
    weights = np.exp(scores) if allowed is None else np.exp(scores) * allowed
    return weights / weights.sum(1, keepdims=True) @ v


def test_the_formula():
    q, k, v = (RNG.normal(size=s) for s in ((3, 4), (5, 4), (5, 2)))
    tensors = [tw.tensor(x) for x in (q, k, v)]
    np.testing.assert_allclose(F.scaled_dot_product_attention(*tensors).numpy(), by_hand(q, k, v), rtol=1e-12)
    y = F.scaled_dot_product_attention(*tensors, is_causal=True).numpy()
    np.testing.assert_allclose(y, by_hand(q, k, v, np.tri(3, 5)), rtol=1e-12)
    allowed = RNG.random((3, 5)) < 0.6
    allowed[:, 0] = True
    y = F.scaled_dot_product_attention(*tensors, attn_mask=tw.tensor(allowed)).numpy()
    np.testing.assert_allclose(y, by_hand(q, k, v, allowed), rtol=1e-12)


def test_a_query_that_may_look_at_nothing_gets_zeros_and_finite_gradients():
    x = tw.randn(1, 3, 4).requires_grad_()
    mask = tw.tensor([[True, True, False], [False, False, False], [True, False, False]])
    y = F.scaled_dot_product_attention(x, x, x, attn_mask=mask)
    assert y[0, 1].tolist() == [0.0] * 4
    y.sum().backward()
    assert bool(x.grad.isfinite().all())


def test_later_positions_do_not_change_earlier_ones():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    x = tw.randn(1, 5, 8)
    z = x.clone()
    z[0, 4] = 100.0
    a, b = layer(x, src_mask=mask), layer(z, src_mask=mask)
    assert tw.allclose(a[:, :4], b[:, :4])
    assert not tw.allclose(a[:, 4], b[:, 4])


def test_heads_are_independent():
    """Two heads with block-diagonal weights are two attentions side by side."""
    two = nn.MultiheadAttention(4, 2, bias=False, batch_first=True).double()
    one = nn.MultiheadAttention(2, 1, bias=False, batch_first=True).double()
    w = RNG.normal(size=(3, 2, 2))
    blocks = np.stack([np.kron(np.eye(2), m) for m in w])
    with tw.no_grad():
        two.in_proj_weight.copy_(tw.tensor(blocks.reshape(12, 4)))
        one.in_proj_weight.copy_(tw.tensor(w.reshape(6, 2)))
        two.out_proj.weight.copy_(tw.eye(4))
        one.out_proj.weight.copy_(tw.eye(2))
    x = tw.tensor(RNG.normal(size=(1, 5, 4)))
    y, weights = two(x, x, x, average_attn_weights=False)
    for i in range(2):
        half = x[:, :, 2 * i : 2 * i + 2]
        z, single = one(half, half, half)
        np.testing.assert_allclose(y[:, :, 2 * i : 2 * i + 2].detach().numpy(), z.detach().numpy(), rtol=1e-10)
        np.testing.assert_allclose(weights[:, i].detach().numpy(), single.detach().numpy(), rtol=1e-10)


def test_dropout_of_weights_acts_in_training_only():
    layer, x = nn.MultiheadAttention(4, 2, dropout=0.5), tw.randn(6, 1, 4)
    assert not tw.equal(layer(x, x, x)[0], layer(x, x, x)[0])
    layer.eval()
    assert tw.equal(layer(x, x, x)[0], layer(x, x, x)[0])


def test_how_weights_start():
    layer = nn.MultiheadAttention(16, 4)
    bound = math.sqrt(6 / (16 + 48))
    assert bound * 0.9 < layer.in_proj_weight.abs().max().item() <= bound
    assert not layer.in_proj_bias.any()
    assert not layer.out_proj.bias.any()


X = tw.ones(3, 2, 4)
ATTENTION = nn.MultiheadAttention(4, 2)


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ArgumentError, "not both", lambda: F.scaled_dot_product_attention(X, X, X, tw.ones(2, 2), is_causal=True)),
        (DtypeError, "bool or", lambda: F.scaled_dot_product_attention(X, X, X, tw.ones(2, 2, dtype=tw.int64))),
        (ShapeError, "two dimensions", lambda: F.scaled_dot_product_attention(tw.ones(4), X, X)),
        (ShapeError, "shared among", lambda: F.scaled_dot_product_attention(X[None], X[None, :2], X[None, :2],
                                                                           enable_gqa=True)),
        (ArgumentError, "multiple of num_heads", lambda: nn.MultiheadAttention(4, 3)),
        (ArgumentError, "hint", lambda: ATTENTION(X, X, X, is_causal=True)),
        (ShapeError, "key_padding_mask", lambda: ATTENTION(X, X, X, key_padding_mask=tw.ones(3, 2) > 2)),
        (ShapeError, "attn_mask", lambda: ATTENTION(X, X, X, attn_mask=tw.ones(2, 2) > 2)),
        (DtypeError, "boolean", lambda: ATTENTION(X, X, X, attn_mask=tw.ones(3, 3, dtype=tw.int64))),
        (ShapeError, "last size must be 4", lambda: ATTENTION(tw.ones(3, 2, 5), X, X)),
        (ShapeError, "same shape", lambda: ATTENTION(X, X, tw.ones(4, 2, 4))),
        (ShapeError, "batches", lambda: ATTENTION(X, tw.ones(3, 1, 4), tw.ones(3, 1, 4))),
        (ShapeError, "same batch", lambda: nn.Transformer(4, 2, 1, 1, 4)(X, tw.ones(3, 1, 4))),
        (ArgumentError, "activation", lambda: nn.TransformerEncoderLayer(4, 2, activation="sine")),
    ],
)  # fmt: skip
def test_what_is_refused(error, message, call):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("form", ["all", "causal", "mask of pairs", "mask of keys"])
def test_blocks_of_queries_give_what_all_at_once_give(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long sequences, made of few numbers here: values, gradients, second derivatives, eager and compiled."""
    monkeypatch.setattr(attention, "BLOCK", 3)
    rng = np.random.default_rng(1)
    q, k, v = (tw.tensor(rng.standard_normal((2, n, 4))).requires_grad_() for n in (8, 10, 10))
    masks = {"mask of pairs": rng.random((8, 10)) > 0.3, "mask of keys": rng.random((1, 10)) > 0.3}
    mask = tw.tensor(masks[form]) if form in masks else None

    def run(q: tw.Tensor, k: tw.Tensor, v: tw.Tensor) -> list[tw.Tensor]:
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=form == "causal")
        first = tw.autograd.grad(y.sin().sum(), (q, k, v), create_graph=True)
        second = tw.autograd.grad(sum((g * g).sum() for g in first), (q, k, v))
        return [x.detach() for x in (y, *first, *second)]

    whole = run(q, k, v)
    monkeypatch.setattr(attention, "MOST_SCORES", 9)
    for blocks in (run(q, k, v), tw.compile(run)(q, k, v)):
        for a, b in zip(whole, blocks, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-11)


def test_long_attention_never_holds_all_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(q: tw.Tensor) -> tw.Tensor:
        return tw.autograd.grad(F.scaled_dot_product_attention(q, q, q, is_causal=True).sin().sum(), [q])[0]

    sizes = []
    for most in (attention.MOST_SCORES, 1 << 40):
        monkeypatch.setattr(attention, "MOST_SCORES", most)
        compiled = tw.compile(run)
        compiled(tw.randn(4, 1024, 8).requires_grad_())
        sizes.append(compiled.memory.arena)
    assert sizes[0] < 0.5 * sizes[1]
