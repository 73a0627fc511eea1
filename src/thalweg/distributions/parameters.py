"""Probabilities and logits: two ways to say the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..errors import ArgumentError
from ..ops.elementwise import log
from ..ops.functions import clamp

__all__ = ["inside", "log_odds", "one_of"]


def one_of(name: str, probs: Any, logits: Any) -> None:
    """Refuse both or none of them."""
    if (probs is None) == (logits is None):
        raise ArgumentError(f"{name}: give either probs or logits, not both and not none")


def inside(probs: Tensor) -> Tensor:
    """Probabilities kept away from 0 and 1 by the dtype's precision, so that their logarithms are finite."""
    eps = float(np.finfo(np.float32 if probs.dtype.itemsize < 8 else np.float64).eps)
    return clamp(probs, eps, 1 - eps)


def log_odds(probs: Tensor) -> Tensor:
    """log(p / (1 - p)), finite everywhere."""
    p = inside(probs)
    return log(p) - log(1 - p)
