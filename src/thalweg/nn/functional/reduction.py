"""What losses share: the check of their arguments, the weights and the reduction of their elements."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ...errors import ArgumentError, ShapeError
from ...ops import functions as f
from ...ops.base import quiet, safe_mul

__all__ = [
    "check_same_shape",
    "expected",
    "legacy_reduction",
    "reduce_loss",
    "reduce_weighted",
    "settle",
    "warn_if_broadcast",
    "weighted",
]

REDUCTIONS = ("none", "mean", "sum")


def settle(
    name: str,
    reduction: str,
    size_average: bool | None,
    reduce: bool | None,
    allowed: tuple[str, ...] = REDUCTIONS,
    **tensors: Any,
) -> str:
    """The reduction of the loss ``name``, after checking it and that ``tensors`` are Tensors.

    Raises:
        ArgumentError: the reduction is none of the ``allowed`` ones.
        TypeError: one of the tensors is something else.
    """
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    if reduction not in allowed:
        valid = " or ".join((", ".join(map(repr, allowed[:-1])), repr(allowed[-1])))
        raise ArgumentError(f"{name}: reduction must be {valid}, not {reduction!r}")
    for argument, x in tensors.items():
        if not isinstance(x, Tensor):
            raise TypeError(
                f"{name}: {argument} must be a Tensor, not {type(x).__name__}; make one of it with tw.tensor"
            )
    return reduction


def legacy_reduction(size_average: bool | None, reduce: bool | None) -> str:
    """The reduction that PyTorch's deprecated pair of arguments stands for, with a UserWarning that says so."""
    reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
    warnings.warn(f"size_average and reduce are deprecated; pass reduction={reduction!r} instead", stacklevel=4)
    return reduction


def reduce_loss(loss: Tensor, reduction: str) -> Tensor:
    """All elements as they are ("none"), their average ("mean", NaN if there are none) or their sum ("sum")."""
    if reduction == "mean":
        return f.mean(loss)
    return f.sum(loss) if reduction == "sum" else loss


def reduce_weighted(name: str, loss: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """As ``reduce_loss``, of weighted elements; "mean" divides by the sum of the weights."""
    total = weighted(name, loss, weight)
    if weight is None or reduction != "mean":
        return reduce_loss(total, reduction)
    return f.sum(total) / f.sum(weight)


@quiet
def expected(probability: Tensor, cost: Tensor) -> Tensor:
    """The cost times its probability; where that is 0 it is 0, even if the cost is infinite."""
    product: Tensor = safe_mul(probability, cost)
    return product


def weighted(name: str, loss: Tensor, weight: Tensor | None) -> Tensor:
    """The loss, each element times its weight if there are any."""
    if weight is None:
        return loss
    if weight._value.shape != loss._value.shape:
        raise ShapeError(
            f"{name}: the weight has shape {tuple(weight.shape)} and must have that of the input, {tuple(loss.shape)}"
        )
    return loss * weight


def check_same_shape(name: str, **tensors: Tensor) -> None:
    """Raise a ShapeError that names both shapes unless the two tensors have the same."""
    (first, x), (second, y) = tensors.items()
    if x._value.shape != y._value.shape:
        raise ShapeError(f"{name}: {second} has shape {tuple(y.shape)} and must have that of {first}, {tuple(x.shape)}")


def warn_if_broadcast(name: str, input: Tensor, target: Tensor) -> None:
    """Warn, as PyTorch does, if input and target have different shapes: usually one of them lacks an axis.

    Raises:
        ShapeError: they can't be broadcast together.
    """
    a, b = input._value.shape, target._value.shape
    if a == b:
        return
    try:
        shape = np.broadcast_shapes(a, b)
    except ValueError:
        raise ShapeError(f"{name}: input of shape {a} and target of shape {b} can't be broadcast together") from None
    warnings.warn(
        f"{name}: target has shape {b} and input {a}; both are broadcast to {shape}, which is rarely meant. "
        "Reshape one of them to the other's shape",
        stacklevel=3,
    )
