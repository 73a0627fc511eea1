"""Checks of options, shared by the optimisers: each refuses with a sentence that names the option and its value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..errors import OptimizerError

__all__ = ["at_least_one", "at_least_zero", "fractions", "number", "positive", "unsupported"]


def number(value: Any) -> Any:
    """The Python number in ``value``: a number, or an array or tensor of one element. None for anything else."""
    if type(value) is float or type(value) is int:
        return value
    if isinstance(value, Tensor):
        value = value._value
    if isinstance(value, (int, float, np.generic, np.ndarray)) and np.size(value) == 1:
        return np.asarray(value).item()
    return None


def at_least_zero(name: str, options: Mapping[str, Any], *keys: str) -> None:
    """Each of the options is a finite number that is not negative."""
    for key in keys:
        value = number(options[key])
        if value is None:
            raise OptimizerError(f"{name}: {key} must be a number, got {_described(options[key])}")
        if not (0 <= value < math.inf):
            raise OptimizerError(f"{name}: {key} must be a finite number and not negative, got {value}")


def positive(name: str, options: Mapping[str, Any], *keys: str) -> None:
    """Each of the options is a finite number above 0."""
    at_least_zero(name, options, *keys)
    for key in keys:
        if not number(options[key]) > 0:
            raise OptimizerError(f"{name}: {key} must be above 0, got {number(options[key])}")


def at_least_one(name: str, options: Mapping[str, Any], *keys: str) -> None:
    """Each of the options is a whole number of at least 1."""
    for key in keys:
        if isinstance(options[key], bool) or not isinstance(options[key], int) or options[key] < 1:
            raise OptimizerError(f"{name}: {key} must be a whole number of at least 1, got {_described(options[key])}")


def fractions(name: str, options: Mapping[str, Any], key: str, count: int = 2) -> None:
    """The option is a pair (or ``count``) of numbers in [0, 1), as the decays of running averages are."""
    values = options[key]
    if not isinstance(values, (tuple, list)) or len(values) != count:
        raise OptimizerError(f"{name}: {key} must be {count} numbers, got {_described(values)}")
    for i, value in enumerate(values):
        if number(value) is None or not 0 <= number(value) < 1:
            raise OptimizerError(f"{name}: {key}[{i}] must lie in [0, 1), got {_described(value)}")


def unsupported(name: str, **flags: Any) -> None:
    """PyTorch's switches that ask for something else than the one implementation there is here."""
    for key, flag in flags.items():
        if flag:
            raise OptimizerError(f"{name}: {key}=True is not supported; leave it at False")


def _described(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return repr(value) if shape is None else f"{type(value).__name__} of shape {tuple(shape)}"
