"""What functions over spatial axes share: sizes given as one int or as one for each axis, and a missing batch axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ...errors import ArgumentError, ShapeError
from ...ops.broadcast import reshape

__all__ = ["batched", "each_axis", "positive"]

Sizes = tuple[int, ...]


def each_axis(value: Any, axes: int, name: str, argument: str) -> Sizes:
    """``value`` for each of the axes: an int or a sequence of one stands for all.

    Raises:
        ArgumentError: there are neither one nor ``axes`` numbers.
    """
    if isinstance(value, (int, np.integer)):
        return (int(value),) * axes
    values = tuple(int(v) for v in value)
    if len(values) == 1:
        return values * axes
    if len(values) != axes:
        raise ArgumentError(f"{name}: {argument} must be an int or {axes} of them, got {value!r}")
    return values


def positive(values: Sizes, name: str, argument: str) -> Sizes:
    """``values``, all of which must be at least 1."""
    if any(v < 1 for v in values):
        raise ArgumentError(f"{name}: {argument} must be positive, got {values}")
    return values


def batched(input: Tensor, axes: int, name: str) -> tuple[Tensor, bool]:
    """The input as (n, channels, *sizes), and whether n was there.

    Raises:
        ShapeError: it has neither ``axes`` + 1 nor ``axes`` + 2 dimensions.
    """
    shape = input._value.shape
    if len(shape) == axes + 2:
        return input, True
    if len(shape) != axes + 1:
        raise ShapeError(
            f"{name}: expects {axes + 2} dimensions (batch, channels, {axes} spatial), or {axes + 1} without the "
            f"batch, got shape {tuple(shape)}"
        )
    return reshape(input, shape=(1, *shape)), False
