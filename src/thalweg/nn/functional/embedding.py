"""Rows of a table, looked up by integers, and sums of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...autograd import Function
from ...core.modes import no_grad
from ...core.tensor import Tensor, wrap
from ...errors import ArgumentError, DtypeError, ShapeError
from ...ops.base import convert, where
from ...ops.broadcast import reshape, sum_
from ...ops.functions import max as largest
from ...ops.functions import norm
from ...ops.index import index_put, take
from ...ops.ranges import check_range
from ...ops.shaping import unsqueeze

__all__ = ["embedding", "embedding_bag"]

_TINY = 1e-7  # what PyTorch adds to a norm that it divides by


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of ``weight`` at integer positions; the row ``padding_idx`` receives no gradient.

    input : (...) integers, weight : (n, size)  ->  (..., size)

    Args:
        max_norm: rows that are looked up are first scaled down to this ``norm_type``-norm, in place.
        scale_grad_by_freq: divide the gradient of each row by how often it is looked up.
        sparse: accepted, and without effect: gradients are dense.

    Raises:
        IndexError: a position is negative or not below n.
        DtypeError: the positions are not integers.

    >>> import thalweg as tw
    >>> tw.nn.functional.embedding(tw.tensor([1, 0]), tw.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    index, count = input._value, weight._value.shape[0]
    if index.dtype.kind not in "iu":
        raise DtypeError(f"embedding: positions must be integers, not {input.dtype}")
    message = f"embedding: position {{value}} is out of range for a weight of {count} rows"
    check_range(index, 0, count, IndexError, message)
    if max_norm is not None:
        _limit_norms(input, weight, max_norm, norm_type)
    rows: Tensor = take(weight, index, pattern=("array",))
    if scale_grad_by_freq:
        rows = _ScaledGradient.apply(rows, unsqueeze(1 / _occurrences(input, weight), -1))
    if padding_idx is None:
        return rows
    return where(unsqueeze(input == _row(padding_idx, count), -1), rows.detach(), rows)


class _ScaledGradient(Function):
    """x, with its gradient multiplied by ``factor``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: Tensor) -> Tensor:
        ctx.save_for_backward(factor)
        return x.clone()

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        return dy * ctx.saved_tensors[0], None


def _row(padding_idx: int, count: int) -> int:
    if not -count <= padding_idx < count:
        raise IndexError(f"embedding: padding_idx {padding_idx} is out of range for a weight of {count} rows")
    return padding_idx % count


def _counts(input: Tensor, weight: Tensor) -> Tensor:
    """How often each row is looked up, in the weight's dtype."""
    zeros = wrap(np.zeros(weight._value.shape[0], weight._value.dtype))
    flat = reshape(input, shape=(input._value.size,))
    ones = wrap(np.ones(input._value.size, weight._value.dtype))
    counts: Tensor = index_put(zeros, ones, flat._value, pattern=("array",), accumulate=True)
    return counts


def _occurrences(input: Tensor, weight: Tensor) -> Tensor:
    """For each element of ``input``, how often its row is looked up."""
    occurrences: Tensor = take(_counts(input, weight), input._value, pattern=("array",))
    return occurrences


@no_grad
def _limit_norms(input: Tensor, weight: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are looked up down to ``max_norm``, in place."""
    norms = norm(weight.detach(), norm_type, 1, keepdim=True)
    large = (unsqueeze(_counts(input, weight), 1) > 0) & (norms > max_norm)
    weight.detach().copy_(where(large, weight.detach() * (max_norm / (norms + _TINY)), weight.detach()))


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, average or largest elements of the rows at the positions of each bag; zeros for an empty one.

    input : (bags, positions), or (positions,) with ``offsets`` : (bags,), where each bag starts
    weight : (n, size), per_sample_weights : the input's shape  ->  (bags, size)

    Args:
        mode: "sum", "mean" or "max". ``per_sample_weights`` multiply the rows of a sum.
        include_last_offset: the last of the offsets is the end of the last bag.
        padding_idx: this row belongs to no bag.

    The others are those of ``embedding``.

    Raises:
        ArgumentError: offsets are missing or superfluous, or ``mode`` can't have weights.
        ShapeError: the shapes don't fit.

    >>> import thalweg as tw
    >>> w = tw.tensor([[1.0], [10.0], [100.0]])
    >>> tw.nn.functional.embedding_bag(tw.tensor([0, 2, 1]), w, tw.tensor([0, 2]), mode="sum")
    tensor([[101.],
            [ 10.]])
    """
    _check_bags(input, weight, offsets, mode, per_sample_weights)
    flat, bag, bags = _bags(input, offsets, include_last_offset)
    rows = embedding(flat, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq)
    counted = wrap(np.ones(flat._value.shape, bool))
    if padding_idx is not None:
        counted = flat != _row(padding_idx, weight._value.shape[0])
    if mode == "max":
        return _largest_of_bags(rows, counted, bag, bags)
    factor = convert(counted, dtype=rows._value.dtype)
    if per_sample_weights is not None:
        factor = factor * reshape(per_sample_weights, shape=tuple(flat._value.shape))
    total = _add_to_bags(rows * unsqueeze(factor, 1), bag, bags)
    if mode == "sum":
        return total
    sizes = _add_to_bags(unsqueeze(factor, 1), bag, bags)
    return total / where(sizes == 0, 1.0, sizes)


def _check_bags(input: Tensor, weight: Tensor, offsets: Any, mode: str, per_sample_weights: Any) -> None:
    if mode not in ("sum", "mean", "max"):
        raise ArgumentError(f"embedding_bag: mode must be sum, mean or max, not {mode!r}")
    if input._value.ndim not in (1, 2) or weight._value.ndim != 2:
        raise ShapeError(
            f"embedding_bag: expects positions of one or two dimensions and a matrix, got {tuple(input.shape)} and "
            f"{tuple(weight.shape)}"
        )
    if (offsets is None) == (input._value.ndim == 1):
        raise ArgumentError("embedding_bag: offsets belong to an input of one dimension, and to no other")
    if offsets is not None and offsets._value.ndim != 1:
        raise ShapeError(f"embedding_bag: offsets must be a vector, got shape {tuple(offsets.shape)}")
    if per_sample_weights is None:
        return
    if mode != "sum":
        raise ArgumentError(f'embedding_bag: per_sample_weights need mode "sum", not {mode!r}')
    if per_sample_weights._value.shape != input._value.shape:
        raise ShapeError(
            f"embedding_bag: per_sample_weights {tuple(per_sample_weights.shape)} must have the input's shape "
            f"{tuple(input.shape)}"
        )


def _bags(input: Tensor, offsets: Tensor | None, include_last: bool) -> tuple[Tensor, Tensor, int]:
    """The positions as a vector, the bag of each, and the number of bags."""
    if offsets is None:
        bags, each = input._value.shape
        return reshape(input, shape=(bags * each,)), wrap(np.repeat(np.arange(bags), each)), bags
    bags = offsets._value.shape[0] - include_last
    starts = offsets[:bags] if include_last else offsets
    place = wrap(np.arange(input._value.shape[0])[:, None])
    bag = sum_(unsqueeze(starts, 0) <= place, dims=(1,), keepdim=False) - 1
    return input, bag, bags


def _add_to_bags(rows: Tensor, bag: Tensor, bags: int) -> Tensor:
    zeros = wrap(np.zeros((bags, rows._value.shape[1]), rows._value.dtype))
    total: Tensor = index_put(zeros, rows, bag._value, pattern=("array",), accumulate=True)
    return total


def _largest_of_bags(rows: Tensor, counted: Tensor, bag: Tensor, bags: int) -> Tensor:
    """For each bag the largest elements of its rows, of equal ones the first."""
    numbers = wrap(np.arange(bags)[:, None])
    member = (unsqueeze(bag, 0) == numbers) & unsqueeze(counted, 0)  # (bags, positions)
    if not rows._value.shape[0]:
        return wrap(np.zeros((bags, rows._value.shape[1]), rows._value.dtype))
    found = largest(where(unsqueeze(member, 2), unsqueeze(rows, 0), -math.inf), 1).values
    return where(unsqueeze(member.any(1), 1), found, 0.0)
