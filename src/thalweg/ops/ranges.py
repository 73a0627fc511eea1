"""Conditions on values: looked at right away, or, while a function is traced, in each of its later runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.modes import state
from ..core.value import SymbolicValue
from .base import convert

__all__ = ["check_all", "check_range"]

INT64 = np.dtype(np.int64)


def check_range(value: Any, low: int, high: int, error: type[Exception], message: str) -> None:
    """Raise ``error`` unless every one of these integers lies in [low, high).

    "{value}" in the message stands for the first that does not.
    """
    while isinstance(value, SymbolicValue) and value.elements() is not None:
        value = value.elements()
    if isinstance(value, SymbolicValue):
        if state.tracer is not None:
            state.tracer.require(value, low, high, error, message)
    elif value.size and not low <= value.min() <= value.max() < high:
        raise error(message.format(value=value[(value < low) | (value >= high)][0] if value.ndim else value))


def check_all(condition: Any, error: type[Exception], message: str, values: Any = None) -> None:
    """Raise ``error`` unless every element of a bool value is True; it names the first of ``values`` for which not."""
    while isinstance(condition, SymbolicValue) and condition.elements() is not None:
        condition, values = condition.elements(), None
    if not isinstance(condition, SymbolicValue):
        if not np.logical_and.reduce(condition, axis=None):
            found = "" if values is None else f", found {np.asarray(values)[np.logical_not(condition)].ravel()[0]}"
            raise error(message + found)
    elif state.tracer is not None:
        state.tracer.require(convert(condition, dtype=INT64), 1, 2, error, message)
