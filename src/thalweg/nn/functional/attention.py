"""Attention: weighted averages of values, the weights from how well keys match queries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...autograd.recomputation import checkpoint
from ...core.tensor import Tensor, wrap
from ...errors import ArgumentError, DtypeError, ShapeError
from ...ops.base import where
from ...ops.broadcast import expand, reshape
from ...ops.functions import matmul
from ...ops.linalg import transpose_last
from ...ops.reduce import amax
from ...ops.rows import softmax
from ...ops.shape import permute
from ...ops.shaping import cat, chunk, narrow, squeeze, unsqueeze
from .dropout import dropout
from .linear import linear

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query key^T * scale + mask) value.

    query : (..., L, E), key : (..., S, E), value : (..., S, Ev)  ->  (..., L, Ev); the leading axes broadcast

    Args:
        attn_mask: broadcastable to (..., L, S): True where a query may look at a key, or numbers to add.
        dropout_p: the probability with which weights are set to 0; it acts always.
        is_causal: query i looks at keys up to i only.
        scale: by default 1 / sqrt(E).
        enable_gqa: the heads (third axis from the end) of key and value serve several of the query's.

    A query that may look at nothing gets zeros. Of long sequences the scores are computed for a block of queries at a
    time, and again for the gradient, so that the whole matrix never exists.

    Raises:
        ArgumentError: ``is_causal`` together with a mask.
        DtypeError: the mask is neither boolean nor of the query's dtype.

    Reference: Vaswani et al. (2017), Attention is all you need.

    >>> import thalweg as tw
    >>> q, v = tw.zeros(2, 1), tw.tensor([[1.0], [3.0]])
    >>> tw.nn.functional.scaled_dot_product_attention(q, q, v, is_causal=True)
    tensor([[1.],
            [2.]])
    """
    if is_causal and attn_mask is not None:
        raise ArgumentError("scaled_dot_product_attention: give either attn_mask or is_causal, not both")
    if min(x._value.ndim for x in (query, key, value)) < 2:
        shapes = ", ".join(str(tuple(x.shape)) for x in (query, key, value))
        raise ShapeError(f"scaled_dot_product_attention: needs at least two dimensions each, got {shapes}")
    if enable_gqa:
        heads = query._value.shape[-3]
        key, value = _shared_heads(key, heads), _shared_heads(value, heads)
    factor = 1 / math.sqrt(query._value.shape[-1]) if scale is None else scale
    queries, keys = query._value.shape[-2], key._value.shape[-2]
    if queries * keys <= MOST_SCORES or queries <= BLOCK:
        return _attended(query * factor, key, value, attn_mask, dropout_p, 0 if is_causal else None)
    blocks = []
    for start in range(0, queries, BLOCK):
        count = min(BLOCK, queries - start)
        seen = min(start + count, keys) if is_causal else keys
        parts = [narrow(query, -2, start, count) * factor, narrow(key, -2, 0, seen), narrow(value, -2, 0, seen)]
        mask = attn_mask
        if mask is not None and mask._value.ndim > 1 and mask._value.shape[-2] != 1:
            mask = narrow(mask, -2, start, count)
        blocks.append(checkpoint(_attended, *parts, mask, dropout_p, start if is_causal else None))
    return cat(blocks, -2)


MOST_SCORES = 1 << 18  # of a head, that are computed at once
BLOCK = 128  # queries whose scores are, where there are more: they are computed again for the gradient


def _attended(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout_p: float, first: int | None
) -> Tensor:
    """softmax(query key^T + mask) value; with ``first``, query i looks at keys up to first + i."""
    scores = matmul(query, transpose_last(key))
    if first is not None:
        rows, columns = scores._value.shape[-2:]
        allowed = np.tri(rows, columns, first) != 0
        scores = where(wrap(allowed), scores, -math.inf)
    elif mask is not None:
        scores = _masked(scores, mask)
    weights = _weights(scores, mask is not None)
    if dropout_p > 0:
        weights = dropout(weights, dropout_p)
    return matmul(weights, value)


def _shared_heads(x: Tensor, heads: int) -> Tensor:
    """Each head (axis -3) repeated so often that there are ``heads``."""
    shape = tuple(x._value.shape)
    own = shape[-3]
    if heads % own:
        raise ShapeError(
            f"scaled_dot_product_attention: the query's {heads} heads can't be shared among {own} heads of the key"
        )
    spread = expand(reshape(x, shape=(*shape[:-2], 1, *shape[-2:])), shape=(*shape[:-2], heads // own, *shape[-2:]))
    return reshape(spread, shape=(*shape[:-3], heads, *shape[-2:]))


def _masked(scores: Tensor, mask: Tensor) -> Tensor:
    if mask._value.dtype.kind == "b":
        masked: Tensor = where(mask, scores, -math.inf)
        return masked
    if mask._value.dtype != scores._value.dtype:
        raise DtypeError(
            f"scaled_dot_product_attention: the mask must be bool or {scores.dtype} as the query, not {mask.dtype}"
        )
    return scores + mask


def _weights(scores: Tensor, may_be_empty: bool) -> Tensor:
    """The softmax over the last axis; zeros where all are -inf."""
    last = scores._value.ndim - 1
    if not may_be_empty or not scores._value.shape[-1]:
        return softmax(scores, dim=last)
    nothing = amax(scores.detach(), dims=(last,), keepdim=True) == -math.inf
    weights: Tensor = where(nothing, 0.0, softmax(where(nothing, 0.0, scores), dim=last))
    return weights


# -- several heads ----------------------------------------------------------------------------------------


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """What ``nn.MultiheadAttention`` computes, with its weights as arguments.

    query : (L, n, E), key : (S, n, Ek), value : (S, n, Ev), each also without n
    ->  (L, n, E), and the weights (n, L, S), (n, heads, L, S) unless averaged, or None

    Raises:
        ShapeError: the shapes don't fit.
        ArgumentError: ``is_causal`` without a mask, or only one of ``bias_k`` and ``bias_v``.
    """
    had_batch = query._value.ndim == 3
    if not had_batch:
        query, key, value = (unsqueeze(x, 1) for x in (query, key, value))
        key_padding_mask = None if key_padding_mask is None else unsqueeze(key_padding_mask, 0)
    _check_attention(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    if is_causal and attn_mask is None:
        raise ArgumentError("multi_head_attention: is_causal is a hint about attn_mask, which is missing")
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None
    else:
        is_causal = False
    length, n, embed = query._value.shape
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias, separate)
    mask = _combined_mask(attn_mask, key_padding_mask, (n, num_heads, length, k._value.shape[0]), query)
    if bias_k is not None or bias_v is not None:
        if bias_k is None or bias_v is None:
            raise ArgumentError("multi_head_attention: bias_k and bias_v must be given together")
        k, v = (cat([x, expand(b, shape=(1, n, embed))]) for x, b in ((k, bias_k), (v, bias_v)))
        mask = _widened(mask)
    q = _heads(q, num_heads)
    k = _heads(k, num_heads) if static_k is None else _unflattened(static_k, n)
    v = _heads(v, num_heads) if static_v is None else _unflattened(static_v, n)
    if add_zero_attn:
        zero = wrap(np.zeros((n, num_heads, 1, embed // num_heads), k._value.dtype))
        k, v, mask = cat([k, zero], 2), cat([v, zero], 2), _widened(mask)
    p = dropout_p if training else 0.0
    weights = None
    if need_weights:
        scores = matmul(q * (1 / math.sqrt(embed // num_heads)), transpose_last(k))
        weights = softmax(scores if mask is None else scores + mask, dim=3)
        weights = dropout(weights, p) if p > 0 else weights
        y = matmul(weights, v)
        weights = weights.mean(1) if average_attn_weights else weights
    else:
        y = scaled_dot_product_attention(q, k, v, mask, p, is_causal)
    y = linear(reshape(permute(y, dims=(2, 0, 1, 3)), shape=(length, n, embed)), out_proj_weight, out_proj_bias)
    if had_batch:
        return y, weights
    return squeeze(y, 1), None if weights is None else squeeze(weights, 0)


def _check_attention(q: Tensor, k: Tensor, v: Tensor, embed: int, heads: int, separate: bool) -> None:
    shapes = f"query {tuple(q.shape)}, key {tuple(k.shape)}, value {tuple(v.shape)}"
    if not q._value.ndim == k._value.ndim == v._value.ndim == 3:
        raise ShapeError(f"multi_head_attention: all three need 3 dimensions, or 2 without a batch; got {shapes}")
    if q._value.shape[2] != embed or embed % heads:
        raise ShapeError(
            f"multi_head_attention: the query's last size must be {embed}, a multiple of the {heads} heads; got "
            f"{shapes}"
        )
    if k._value.shape[:2] != v._value.shape[:2] or (not separate and k._value.shape != v._value.shape):
        raise ShapeError(f"multi_head_attention: key and value must have the same shape, got {shapes}")
    if q._value.shape[1] != k._value.shape[1]:
        raise ShapeError(f"multi_head_attention: the batches of query and key differ, got {shapes}")


def _projected(q: Tensor, k: Tensor, v: Tensor, weight: Any, bias: Any, separate: Any) -> tuple[Tensor, ...]:
    """The three projections: one product where all are of one tensor."""
    embed = q._value.shape[-1]
    if separate is None and q is k and k is v:
        return chunk(linear(q, weight, bias), 3, -1)
    if separate is None and k is v:
        first, rest = (None, None) if bias is None else (narrow(bias, 0, 0, embed), narrow(bias, 0, embed, 2 * embed))
        both = chunk(linear(k, narrow(weight, 0, embed, 2 * embed), rest), 2, -1)
        return (linear(q, narrow(weight, 0, 0, embed), first), *both)
    weights = chunk(weight, 3) if separate is None else separate
    biases = (None,) * 3 if bias is None else chunk(bias, 3)
    return tuple(linear(x, w, b) for x, w, b in zip((q, k, v), weights, biases, strict=True))


def _combined_mask(attn_mask: Any, padding: Any, shape: tuple[int, int, int, int], query: Tensor) -> Tensor | None:
    """Both masks as numbers to add, broadcastable to ``shape`` (n, heads, L, S); None if there are none."""
    n, heads, length, source = shape
    mask = None
    if attn_mask is not None:
        mask = _as_numbers("attn_mask", attn_mask, query)
        if tuple(mask._value.shape) not in ((length, source), (n * heads, length, source)):
            raise ShapeError(
                f"multi_head_attention: attn_mask has shape {tuple(mask.shape)} and should have {(length, source)} or "
                f"{(n * heads, length, source)}"
            )
        if mask._value.ndim == 3:
            mask = reshape(mask, shape=shape)
    if padding is None:
        return mask
    numbers = _as_numbers("key_padding_mask", padding, query)
    if tuple(numbers._value.shape) != (n, source):
        raise ShapeError(
            f"multi_head_attention: key_padding_mask has shape {tuple(padding.shape)} and should have {(n, source)}"
        )
    numbers = reshape(numbers, shape=(n, 1, 1, source))
    return numbers if mask is None else mask + numbers


def _as_numbers(name: str, mask: Tensor, query: Tensor) -> Tensor:
    """A mask of booleans, True where nothing may be seen, as numbers to add."""
    if mask._value.dtype.kind == "f":
        return mask
    if mask._value.dtype.kind != "b":
        raise DtypeError(f"multi_head_attention: {name} must be boolean or floating-point, not {mask.dtype}")
    hidden, seen = (wrap(np.asarray(v, query._value.dtype)) for v in (-math.inf, 0.0))
    numbers: Tensor = where(mask, hidden, seen)
    return numbers


def _widened(mask: Tensor | None) -> Tensor | None:
    """The mask for one key more, which may be seen."""
    if mask is None:
        return None
    column = wrap(np.zeros((*mask._value.shape[:-1], 1), mask._value.dtype))
    return cat([mask, column], -1)


def _heads(x: Tensor, heads: int) -> Tensor:
    """(length, n, embed) as (n, heads, length, embed / heads)."""
    length, n, embed = x._value.shape
    return permute(reshape(x, shape=(length, n, heads, embed // heads)), dims=(1, 2, 0, 3))


def _unflattened(x: Tensor, n: int) -> Tensor:
    """(n * heads, length, size) as (n, heads, length, size)."""
    rows, length, size = x._value.shape
    return reshape(x, shape=(n, rows // n, length, size))
