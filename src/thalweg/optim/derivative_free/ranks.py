"""What samples count for by the rank of their costs, so that any rising function of the cost gives the same search."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["by_rank", "centred", "default_population", "natural_utilities"]


def default_population(size: int) -> int:
    """4 + ⌊3 ln n⌋: the number of samples a step that CMA-ES and natural evolution strategies take."""
    return 4 + math.floor(3 * math.log(size))


def centred(count: int) -> Any:
    """Weights from -1/2 for the lowest cost to 1/2 for the highest: float64 (count,)."""
    return np.linspace(-0.5, 0.5, count)


def natural_utilities(count: int) -> Any:
    """max(0, ln(λ/2 + 1) - ln k) for rank k = 1 … λ, made to sum to 1, less 1/λ: float64 (count,)."""
    raw = np.maximum(0.0, math.log(count / 2 + 1) - np.log(np.arange(1, count + 1)))
    return raw / raw.sum() - 1 / count


def by_rank(costs: Any, weights: Any) -> Any:
    """The weight of each cost; ``weights`` are those of the ranks, lowest cost first. Equal costs share theirs.

    >>> import numpy as np
    >>> by_rank(np.array([3.0, 1.0, np.inf, 1.0]), np.array([4.0, 2.0, 1.0, 0.0]))
    array([1., 3., 0., 3.])
    """
    _, group, sizes = np.unique(costs, return_inverse=True, return_counts=True)
    starts = np.cumsum(sizes) - sizes
    return (np.add.reduceat(weights, starts) / sizes)[group]
