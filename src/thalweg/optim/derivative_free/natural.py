"""SeparableNES: the natural gradient of the expected cost, by centre and width of a normal distribution."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...ops.random import Generator
from ..checks import at_least_one, at_least_zero, number
from ..optimizer import Group
from .base import Costs, DerivativeFreeOptimizer, Search
from .ranks import by_rank, default_population, natural_utilities

__all__ = ["SeparableNES"]


class SeparableNES(DerivativeFreeOptimizer):
    """Separable natural evolution strategy (SNES): each parameter has a width of its own. Linear in n.

    With samples u + σ s, s standard normal, and utilities v by rank that sum to 0, equal costs sharing theirs:
    u ← u + lr σ Σ v_i s_i and σ ← σ exp(η/2 Σ v_i (s_i² - 1)), element by element, η = (3 + ln n) / (5 √n).

    Args:
        params: parameters or groups of them; the option ``scale`` of a group is its unit of length.
        sigma: the standard deviation of the first samples: about the distance to the minimum.
        population: the number of evaluations a step; 4 + ⌊3 ln n⌋ if None.
        lr: the rate of the centre.
        sigma_lr: η, if not as above.
        generator: where random numbers are drawn from.
        seed: the seed of its own generator, if none is given.

    ``step`` returns the lowest cost of its samples; the parameters stand at their centre.

    Reference: Wierstra, Schaul, Glasmachers, Sun, Peters and Schmidhuber (2014), Natural evolution strategies.

    >>> import thalweg as tw
    >>> w = tw.tensor([3.0, -2.0], dtype=tw.float64)
    >>> optimizer = tw.optim.SeparableNES([w], sigma=1.0, seed=0)
    >>> costs = [optimizer.step(lambda: (w * w).sum()) for _ in range(200)]
    >>> costs[-1] < 1e-8
    True
    """

    above_zero = ("sigma",)

    def __init__(
        self,
        params: Iterable[Any],
        sigma: float = 0.5,
        population: int | None = None,
        lr: float = 1.0,
        sigma_lr: float | None = None,
        *,
        generator: Generator | None = None,
        seed: int | None = None,
    ) -> None:
        defaults = {"sigma": sigma, "population": population, "lr": lr, "sigma_lr": sigma_lr}
        super().__init__(params, defaults, generator, seed)

    def _check_group(self, group: Group) -> None:
        super()._check_group(group)
        at_least_zero(self._name(), group, "lr", *(["sigma_lr"] if group["sigma_lr"] is not None else []))
        if group["population"] is not None:
            at_least_one(self._name(), group, "population")

    def _begin(self, search: Search, costs: Costs) -> None:
        search["sigma"] = np.full(search["place"].size, float(number(self._options["sigma"])))

    def _advance(self, search: Search, costs: Costs) -> float:
        options, place, sigma = self._options, search["place"], search["sigma"]
        count = options["population"] or default_population(place.size)
        rate = options["sigma_lr"]
        if rate is None:
            rate = (3 + math.log(place.size)) / (5 * math.sqrt(place.size))
        samples = self._normal((count, place.size))
        found = costs.of(place + sigma * each for each in samples)
        utilities = by_rank(found, natural_utilities(count))
        search["place"] = place + options["lr"] * sigma * (utilities @ samples)
        search["sigma"] = sigma * np.exp(rate / 2 * (utilities @ (samples**2 - 1)))
        return float(found.min())

    def _radius(self, search: Search) -> float:
        return float(search["sigma"].max())
