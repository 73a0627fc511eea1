"""Losses with a margin: what is right by more than the margin costs nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...core.dtypes import INT64, int64
from ...core.tensor import Tensor
from ...errors import ArgumentError, ShapeError
from ...ops import elementwise as e
from ...ops import functions as f
from ...ops.base import convert, where
from ...ops.broadcast import reshape
from ...ops.creation import arange, zeros
from ...ops.index import gather, scatter_add
from .class_losses import check_classes, class_indices, class_weights
from .linear import pairwise_distance
from .losses import logistic_cost
from .reduction import reduce_loss, settle

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]

Flag = bool | None
SMALLEST_SQUARE = 1e-12  # PyTorch's, added to each squared length of cosine_embedding_loss


# -- two classes ------------------------------------------------------------------------------------------


def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean"
) -> Tensor:
    """log(1 + exp(-t x)) for targets t of 1 or -1, without overflow.

    >>> import thalweg as tw
    >>> tw.nn.functional.soft_margin_loss(tw.tensor([0.0, -1000.0]), tw.tensor([1.0, 1.0]), reduction="none")
    tensor([6.9315e-01, 1.0000e+03])
    """
    reduction = settle("soft_margin_loss", reduction, size_average, reduce, input=input, target=target)
    return reduce_loss(e.softplus(-target * input), reduction)


# -- pairs and triplets -----------------------------------------------------------------------------------


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """The input (a distance) where the target is 1, max(0, margin - input) where it is -1.

    >>> import thalweg as tw
    >>> x = tw.tensor([0.25, 0.25, 2.0])
    >>> tw.nn.functional.hinge_embedding_loss(x, tw.tensor([1, -1, -1]), reduction="none")
    tensor([0.2500, 0.7500, 0.0000])
    """
    reduction = settle("hinge_embedding_loss", reduction, size_average, reduce, input=input, target=target)
    alike = where(target != -1, input, 0.0)
    apart = where(target != 1, f.clamp(margin - input, min=0.0), 0.0)
    return reduce_loss(alike + apart, reduction)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, -t (x1 - x2) + margin): with t = 1 the first should rank higher, with t = -1 the second.

    Raises:
        ShapeError: the three tensors do not have the same number of dimensions.

    >>> import thalweg as tw
    >>> x1, x2 = tw.tensor([1.0, 1.0]), tw.tensor([3.0, 0.0])
    >>> tw.nn.functional.margin_ranking_loss(x1, x2, tw.tensor([1, 1]), reduction="none")
    tensor([2., 0.])
    """
    name = "margin_ranking_loss"
    reduction = settle(name, reduction, size_average, reduce, input1=input1, input2=input2, target=target)
    _check_same_ndim(name, input1=input1, input2=input2, target=target)
    return reduce_loss(f.clamp(margin - target * (input1 - input2), min=0.0), reduction)


def _check_same_ndim(name: str, **tensors: Tensor) -> None:
    if len({x._value.ndim for x in tensors.values()}) > 1:
        shapes = ", ".join(f"{argument} {tuple(x.shape)}" for argument, x in tensors.items())
        raise ShapeError(f"{name}: all tensors must have the same number of dimensions, got shapes {shapes}")


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos(x1, x2) where the target is 1, max(0, cos(x1, x2) - margin) where it is -1, and else 0.

    The cosine is that between the vectors along the last axis; 1e-12 is added to each squared length.

    Args:
        input1: vectors, (N, D) or (D).
        input2: vectors of the same shape.
        target: (N), or 0-d for a single pair.
        margin: usually between 0 and 0.5.
        size_average: deprecated, as ``reduce``; see ``reduction``.
        reduce: deprecated.
        reduction: "none", "mean" or "sum".

    Raises:
        ShapeError: the inputs do not have one axis more than the target.

    >>> import thalweg as tw
    >>> x1, x2 = tw.tensor([[1.0, 0.0], [3.0, 4.0]]), tw.tensor([[0.0, 2.0], [3.0, 4.0]])
    >>> tw.nn.functional.cosine_embedding_loss(x1, x2, tw.tensor([1, -1]), reduction="none")
    tensor([1., 1.])
    """
    name = "cosine_embedding_loss"
    reduction = settle(name, reduction, size_average, reduce, input1=input1, input2=input2, target=target)
    pairs = target._value.ndim
    if pairs > 1 or input1._value.ndim != pairs + 1 or input2._value.ndim != pairs + 1:
        raise ShapeError(
            f"{name}: needs inputs (N, D) with a target (N), or (D) with a 0-d target, got shapes "
            f"{tuple(input1.shape)}, {tuple(input2.shape)} and {tuple(target.shape)}"
        )
    square1, square2 = f.sum(input1 * input1, -1), f.sum(input2 * input2, -1)
    lengths = e.sqrt((square1 + SMALLEST_SQUARE) * (square2 + SMALLEST_SQUARE))
    cosine = f.sum(input1 * input2, -1) / lengths
    apart = where(target == -1, f.clamp(cosine - margin, min=0.0), 0.0)
    return reduce_loss(where(target == 1, 1 - cosine, apart), reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(a, p) - d(a, n) + margin), the distances being p-norms of differences along the last axis.

    ``eps`` is added to each difference. With ``swap`` d(a, n) becomes the smaller one of d(a, n) and d(p, n).
    Balntas et al. (2016), Learning local feature descriptors with triplets.

    Raises:
        ShapeError: the three tensors do not have the same number of dimensions.
        ArgumentError: the margin is not positive.

    >>> import thalweg as tw
    >>> a, p, n = tw.tensor([[0.0, 0.0]]), tw.tensor([[3.0, 4.0]]), tw.tensor([[0.0, 5.5]])
    >>> tw.nn.functional.triplet_margin_loss(a, p, n)
    tensor(0.5000)
    """
    name = "triplet_margin_loss"
    reduction = settle(name, reduction, size_average, reduce, anchor=anchor, positive=positive, negative=negative)
    if margin <= 0:
        raise ArgumentError(f"{name}: margin must be greater than 0, got {margin}")
    _check_same_ndim(name, anchor=anchor, positive=positive, negative=negative)
    near = f.norm(anchor - positive + eps, p, -1)
    far = f.norm(anchor - negative + eps, p, -1)
    if swap:
        far = e.minimum(far, f.norm(positive - negative + eps, p, -1))
    return reduce_loss(f.clamp(near - far + margin, min=0.0), reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """``triplet_margin_loss`` with any function of two tensors as the distance, by default ``pairwise_distance``.

    >>> import thalweg as tw
    >>> a, p, n = tw.tensor([[0.0, 0.0]]), tw.tensor([[3.0, 4.0]]), tw.tensor([[0.0, 5.5]])
    >>> largest = lambda x, y: (x - y).abs().amax(-1)
    >>> tw.nn.functional.triplet_margin_with_distance_loss(a, p, n, distance_function=largest, margin=2.0)
    tensor(0.5000)
    """
    name = "triplet_margin_with_distance_loss"
    reduction = settle(name, reduction, None, None, anchor=anchor, positive=positive, negative=negative)
    if margin <= 0:
        raise ArgumentError(f"{name}: margin must be greater than 0, got {margin}")
    _check_same_ndim(name, anchor=anchor, positive=positive, negative=negative)
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = e.minimum(far, distance(positive, negative))
    return reduce_loss(f.clamp(margin + near - far, min=0.0), reduction)


# -- many classes ----------------------------------------------------------------------------------------------


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """The hinge loss of many classes: sum over j != t of max(0, margin - x[t] + x[j])**p, divided by C.

    Args:
        input: scores, (N, C) or (C).
        target: class indices, (N) or 0-d.
        p: 1 or 2.
        margin: by how much the right class should lead.
        weight: a factor for each class, (C), by the target's class; "mean" divides by N all the same.
        size_average: deprecated, as ``reduce``; see ``reduction``.
        reduce: deprecated.
        reduction: "none", "mean" or "sum".

    Raises:
        ArgumentError: p is neither 1 nor 2.
        ShapeError: the shapes of input, target and weight don't fit.
        TargetError: a target is none of the classes.

    >>> import thalweg as tw
    >>> tw.nn.functional.multi_margin_loss(tw.tensor([[0.1, 0.2, 0.4, 0.8]]), tw.tensor([3]))
    tensor(0.3250)
    """
    name = "multi_margin_loss"
    reduction = settle(name, reduction, size_average, reduce, input=input, target=target)
    if p not in (1, 2):
        raise ArgumentError(f"{name}: p must be 1 or 2, got {p}")
    shape = target._value.shape
    if input._value.ndim not in (1, 2) or int(np.prod(shape)) != _row_count(input) or len(shape) > 1:
        raise ShapeError(
            f"{name}: needs an input (N, C) with a target (N), or (C) with a 0-d target, got shapes "
            f"{tuple(input.shape)} and {shape}"
        )
    scores = _as_rows(input)
    n, classes = scores._value.shape
    index = reshape(class_indices(name, target), shape=(n, 1))
    check_classes(name, index, classes)
    excess = e.relu(margin - gather(scores, index, dim=1) + scores)
    loss = f.sum(where(index != arange(classes), excess if p == 1 else excess * excess, 0.0), 1) / classes
    if weight is not None:
        class_weights(name, weight, classes)
        loss = loss * weight[reshape(index, shape=(n,))]
    return reduce_loss(reshape(loss, shape=shape), reduction)


def _row_count(x: Tensor) -> int:
    return int(x._value.shape[0]) if x._value.ndim == 2 else 1


def _as_rows(x: Tensor) -> Tensor:
    """A vector as a matrix of one row; a matrix as it is."""
    result: Tensor = x if x._value.ndim == 2 else reshape(x, shape=(1, x._value.shape[0]))
    return result


def multilabel_margin_loss(
    input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean"
) -> Tensor:
    """The hinge loss of several right classes: sum over right i and wrong j of max(0, 1 - (x[i] - x[j])), over C.

    Args:
        input: scores, (N, C) or (C).
        target: of the same shape, int64 or uint8: each row lists the right classes up to the first negative entry.
        size_average: deprecated, as ``reduce``; see ``reduction``.
        reduce: deprecated.
        reduction: "none", "mean" or "sum".

    Raises:
        ShapeError: the shapes differ or are neither (N, C) nor (C).
        TargetError: a target is none of the classes.

    >>> import thalweg as tw
    >>> x = tw.tensor([[0.1, 0.2, 0.4, 0.8]])
    >>> tw.nn.functional.multilabel_margin_loss(x, tw.tensor([[3, 0, -1, 1]]))
    tensor(0.8500)
    """
    name = "multilabel_margin_loss"
    reduction = settle(name, reduction, size_average, reduce, input=input, target=target)
    if input._value.ndim not in (1, 2) or target._value.shape != input._value.shape:
        raise ShapeError(
            f"{name}: needs an input and a target of one shape, (N, C) or (C), got {tuple(input.shape)} and "
            f"{tuple(target.shape)}"
        )
    scores, labels = _as_rows(input), _as_rows(class_indices(name, target))
    n, classes = scores._value.shape
    listed = f.cumsum(labels < 0, 1) == 0  # (N, C): before the first negative entry
    labels = where(listed, labels, 0)
    check_classes(name, labels, classes)
    right = scatter_add(zeros(n, classes, dtype=int64), labels, convert(listed, dtype=INT64), dim=1) > 0
    led = reshape(gather(scores, labels, dim=1), shape=(n, classes, 1))  # by the right class of each entry
    counts = e.logical_and(reshape(listed, shape=(n, classes, 1)), reshape(~right, shape=(n, 1, classes)))
    excess = e.relu(1 - led + reshape(scores, shape=(n, 1, classes)))  # (N, entry, wrong class)
    loss = f.sum(where(counts, excess, 0.0), (1, 2)) / classes
    return reduce_loss(reshape(loss, shape=input._value.shape[:-1]), reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """The binary cross-entropy of logits, averaged over the last axis, the classes.

    Args:
        input: logits, (..., C).
        target: of the same shape, or one that broadcasts, each in [0, 1].
        weight: a factor for each class, or of any shape that broadcasts.
        size_average: deprecated, as ``reduce``; see ``reduction``.
        reduce: deprecated.
        reduction: "none" (one number for each row), "mean" or "sum".

    >>> import thalweg as tw
    >>> tw.nn.functional.multilabel_soft_margin_loss(tw.tensor([[0.0, 2.0]]), tw.tensor([[1.0, 0.0]]))
    tensor(1.4100)
    """
    name = "multilabel_soft_margin_loss"
    reduction = settle(name, reduction, size_average, reduce, input=input, target=target)
    if not input._value.ndim:
        raise ShapeError(f"{name}: the input needs a class axis, got a 0-d tensor")
    loss = logistic_cost(input, target, target)
    return reduce_loss(f.mean(loss if weight is None else loss * weight, -1), reduction)
