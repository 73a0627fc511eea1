"""How large gradients are, and which sizes are a symptom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["CANCELLED", "HUGE", "SUDDEN", "TINY", "is_zero", "norm", "rms", "summed_to", "symptoms"]

TINY = 1e-7  # of the largest gradient of all parameters
HUGE = 1e6  # times the weights
SUDDEN = 1e-4  # what one operation leaves of a gradient, if it alone is to blame
CANCELLED = 1e-4  # of the terms of a gradient, what is left of their sum if it is but rounding


def norm(value: Any) -> float:
    """The root of the sum of squares, without overflow."""
    x = np.asarray(value, np.float64)
    largest = float(np.max(np.abs(x), initial=0.0))
    if largest == 0 or not np.isfinite(largest):
        return largest
    return largest * float(np.sqrt(np.sum((x / largest) ** 2)))


def rms(value: Any) -> float:
    """The root mean square."""
    return norm(value) / max(np.size(value), 1) ** 0.5


def is_zero(value: Any) -> bool:
    """Whether all elements are 0; so they are where there are none."""
    return not np.any(value)


def summed_to(value: Any, shape: tuple[int, ...]) -> Any:
    """A gradient summed over the axes along which the input was broadcast."""
    if value.shape == shape:
        return value
    extra = value.ndim - len(shape)
    value = value.sum(axis=tuple(range(extra))) if extra > 0 else value
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and value.shape[i] != 1)
    return value.sum(axis=axes, keepdims=True) if axes else value


def symptoms(weights: Sequence[Any], gradients: Sequence[Any]) -> list[str | None]:
    """For each parameter what is wrong with its gradient (None for a missing one); None if nothing is.

    A gradient is "tiny" if its root mean square (rms) is less than 1e-7 of the largest one's and of that of the
    weights; "huge" if it is more than 1e6 times that of the weights. The rms of the weights is the parameter's own or
    that of all parameters, whichever is larger, so that weights which begin at 0 are measured by their neighbours.
    "faint" is one that is small beside the weights alone: so are all of a network that has learnt its data.
    """
    sizes = [None if g is None or not np.isfinite(g).all() else rms(g) for g in gradients]
    largest = max((s for s in sizes if s is not None), default=0.0)
    scales = [rms(w) if np.isfinite(w).all() else 0.0 for w in weights]
    count = sum(np.size(w) for w in weights)
    typical = float(np.sqrt(sum(s * s * np.size(w) for s, w in zip(scales, weights, strict=True)) / max(count, 1)))
    found: list[str | None] = []
    for g, size, own in zip(gradients, sizes, scales, strict=True):
        scale = max(own, typical)
        if g is None:
            found.append("missing")
        elif size is None:
            found.append("nan" if np.isnan(g).any() else "infinite")
        elif size == 0:
            found.append("zero")
        elif size < TINY * scale:
            found.append("tiny" if size < TINY * largest else "faint")
        else:
            found.append("huge" if size > HUGE * scale > 0 else None)
    return found
