"""RandomSearch: a step in a random direction is kept if the cost is not higher there."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ...ops.random import Generator
from .base import Costs, DerivativeFreeOptimizer, Search

__all__ = ["RandomSearch"]


SUCCESSES = 0.2  # the share of trials that shall succeed


class RandomSearch(DerivativeFreeOptimizer):
    """The (1+1) evolution strategy: one normal trial a step, kept if its cost is not higher.

    u' = u + σ z with z standard normal; then σ is multiplied by exp((s - 1/5) / √(n + 1)), s = 1 if the trial was kept
    and else 0, so that one trial in five succeeds: near to what is fastest. Steps along a plateau are kept, so that it
    is crossed, but don't widen σ beyond its first value. One evaluation a step, and one at the beginning. For costs
    without noise.

    Args:
        params: parameters or groups of them; the option ``scale`` of a group is its unit of length.
        sigma: the standard deviation of the first trial, in each parameter.
        generator: where random numbers are drawn from.
        seed: the seed of its own generator, if none is given.

    ``step`` returns the cost where the parameters stand: the lowest so far.

    Reference: Rechenberg (1973), Evolutionsstrategie; Hansen, Arnold and Auger (2015), Evolution strategies, algorithm
    2.

    >>> import thalweg as tw
    >>> w = tw.tensor([3.0, -2.0], dtype=tw.float64)
    >>> optimizer = tw.optim.RandomSearch([w], sigma=1.0, seed=0)
    >>> costs = [optimizer.step(lambda: (w * w).sum()) for _ in range(300)]
    >>> costs[-1] < 1e-8
    True
    """

    above_zero = ("sigma",)

    def __init__(
        self,
        params: Iterable[Any],
        sigma: float = 0.1,
        *,
        generator: Generator | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(params, {"sigma": sigma}, generator, seed)

    def _begin(self, search: Search, costs: Costs) -> None:
        search["sigma"] = float(self._options["sigma"])
        search["cost"] = costs(search["place"])

    def _advance(self, search: Search, costs: Costs) -> float:
        place, sigma = search["place"], search["sigma"]
        trial = place + sigma * self._normal(place.shape)
        cost = costs(trial)
        kept, level = cost <= search["cost"], cost == search["cost"]
        search["sigma"] = sigma * math.exp((kept - SUCCESSES) / math.sqrt(place.size + 1))
        if level:
            search["sigma"] = min(search["sigma"], max(sigma, float(self._options["sigma"])))
        if kept:
            search.update(place=trial, cost=cost)
        return search["cost"]

    def _radius(self, search: Search) -> float:
        return search["sigma"]
