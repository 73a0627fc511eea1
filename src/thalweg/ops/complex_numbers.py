"""Functions of PyTorch's complex tensors that mean something for real ones, too."""

from __future__ import annotations

import math

from ..core.dtypes import default_float
from ..core.tensor import Tensor
from . import elementwise as e
from .base import convert, where

__all__ = ["adjoint", "angle", "conj", "conj_physical", "is_conj", "real", "resolve_conj"]


def conj(input: Tensor) -> Tensor:
    """The tensor itself: its elements are real."""
    return input


real = conj_physical = resolve_conj = conj


def is_conj(input: Tensor) -> bool:
    """False: there are no complex tensors."""
    return False


def adjoint(input: Tensor) -> Tensor:
    """Each matrix transposed."""
    return input.mT


def angle(input: Tensor) -> Tensor:
    """0 for x >= 0, pi for x < 0, NaN for NaN."""
    x = input if input._value.dtype.kind == "f" else convert(input, dtype=default_float())
    return where(e.isnan(x), x * 0, where(e.lt(x, 0), math.pi, x * 0))
