"""Where a NaN or an infinity comes from: the step that makes it of numbers that are none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .steps import Step, array_of

__all__ = ["Anomaly", "has_infinity", "has_nan", "in_backward", "in_forward"]


class Anomaly(NamedTuple):
    """A value that is not finite, at its origin.

    Attributes:
        step: the operation, or in backward the one whose gradient it is.
        kind: "nan" or "inf".
        position: of the input by which the gradient is not finite; -1 for the output in forward.
        value: the array that has it.
        inherited: the position of the input (in backward, -1: the incoming gradient) that had it already; None if the
            step made it.
    """

    step: Step
    kind: str
    position: int
    value: Any
    inherited: int | None = None

    @property
    def bad(self) -> Any:
        """Where in the value it is."""
        return np.isnan(self.value) if self.kind == "nan" else np.isinf(self.value)


def has_nan(value: Any) -> bool:
    """Whether there is a NaN in an array or a number."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind == "f" and bool(np.isnan(value).any())
    return isinstance(value, float) and math.isnan(value)


def has_infinity(value: Any) -> bool:
    """Whether there is an infinity in an array or a number."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind == "f" and bool(np.isinf(value).any())
    return isinstance(value, float) and math.isinf(value)


def in_forward(step: Step) -> Anomaly | None:
    """What is wrong with the output of a step.

    A NaN is wrong where no input has one, or where it comes into what is recorded for differentiation. An infinity
    is wrong where it comes from finite numbers, and is recorded: a mask may hold it.
    """
    y = step.output
    if not isinstance(y, np.ndarray) or y.dtype.kind != "f" or not step.inputs or bool(np.isfinite(y).all()):
        return None
    given = [*step.inputs, *step.params.values()]
    if has_nan(y):
        holder = next((i for i, x in enumerate(given) if has_nan(x)), None)
        if holder is None or (step.node is not None and holder < len(step.inputs)):
            return Anomaly(step, "nan", -1, y, holder)
    elif step.node is not None and not any(has_infinity(x) for x in given):
        return Anomaly(step, "inf", -1, y)
    return None


def in_backward(step: Step, dy: Any, cotangents: Sequence[Any]) -> Anomaly | None:
    """What is wrong with the gradients that a step passes on."""
    incoming = array_of(dy)
    for i, dx in enumerate(cotangents):
        value = array_of(dx)
        if has_nan(value):
            return Anomaly(step, "nan", i, np.asarray(value), -1 if has_nan(incoming) else None)
        if has_infinity(value) and not has_infinity(incoming):
            return Anomaly(step, "inf", i, np.asarray(value))
    return None
