"""CoordinateSearch: one parameter after the other, each with a step of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .base import Costs, DerivativeFreeOptimizer, Search

__all__ = ["CoordinateSearch"]

GROWTH, REVERSAL = 3.0, -0.5  # Rosenbrock's factors


class CoordinateSearch(DerivativeFreeOptimizer):
    """One trial along each axis in turn; each axis has a step of its own, which grows or turns back.

    Axis i is tried at u_i + d_i. If the cost is lower there, the trial is kept and d_i tripled; otherwise d_i becomes
    -d_i / 2. These are the steps of Rosenbrock's method, with axes that stay. A ``step`` goes once through all axes: n
    evaluations, and one at the beginning. Fast where parameters hardly interact, slow along narrow valleys.

    Args:
        params: parameters or groups of them; the option ``scale`` of a group is its unit of length.
        step_size: the first step of each axis.

    ``step`` returns the cost where the parameters stand: the lowest so far.

    Reference: Rosenbrock (1960), An automatic method for finding the greatest or least value of a function.

    >>> import thalweg as tw
    >>> w = tw.tensor([3.0, -2.0], dtype=tw.float64)
    >>> optimizer = tw.optim.CoordinateSearch([w])
    >>> costs = [optimizer.step(lambda: (w * w).sum()) for _ in range(80)]
    >>> costs[-1] < 1e-8
    True
    """

    above_zero = ("step_size",)

    def __init__(self, params: Iterable[Any], step_size: float = 0.1) -> None:
        super().__init__(params, {"step_size": step_size}, seed=0)

    def _begin(self, search: Search, costs: Costs) -> None:
        search["steps"] = np.full(search["place"].size, float(self._options["step_size"]))
        search["cost"] = costs(search["place"])

    def _advance(self, search: Search, costs: Costs) -> float:
        place, steps, lowest = search["place"].copy(), search["steps"].copy(), search["cost"]
        for i in range(place.size):
            before = place[i]
            place[i] = before + steps[i]
            cost = costs(place)
            if cost < lowest:
                lowest = cost
                steps[i] *= GROWTH
            else:
                place[i] = before
                steps[i] *= REVERSAL
        search.update(place=place, steps=steps, cost=lowest)
        return lowest

    def _radius(self, search: Search) -> float:
        return float(np.abs(search["steps"]).max())
