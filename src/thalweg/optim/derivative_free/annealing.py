"""SimulatedAnnealing: higher costs are accepted, too, more and more rarely."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ...ops.random import Generator
from ..checks import fractions
from ..optimizer import Group
from .base import Costs, DerivativeFreeOptimizer, Search

__all__ = ["SimulatedAnnealing"]


class SimulatedAnnealing(DerivativeFreeOptimizer):
    """Metropolis' walk at a temperature T that falls: a way out of local minima.

    A normal trial u + σ z is accepted with the probability min(1, exp(-(f' - f) / T)). After each trial T is multiplied
    by ``cooling``, and σ by its root: σ stays in proportion to √T, which is how wide the walk is in a bowl. One
    evaluation a step, and one at the beginning.

    Args:
        params: parameters or groups of them; the option ``scale`` of a group is its unit of length.
        sigma: the standard deviation of the first trials, in each parameter; about the distance of local minima.
        temperature: the first T: about the difference of costs that shall be overcome often.
        cooling: the factor of T, in (0, 1): slower cooling finds deeper minima.
        generator: where random numbers are drawn from.
        seed: the seed of its own generator, if none is given.

    ``step`` returns the cost where the parameters stand, which may rise; ``best`` and ``use_best`` know the lowest.

    Reference: Kirkpatrick, Gelatt and Vecchi (1983), Optimization by simulated annealing; Szu and Hartley (1987), Fast
    simulated annealing, on normal trials.

    >>> import thalweg as tw
    >>> w = tw.tensor([3.3, -2.2], dtype=tw.float64)
    >>> optimizer = tw.optim.SimulatedAnnealing([w], sigma=4.0, temperature=5.0, cooling=0.995, seed=1)
    >>> def rastrigin():
    ...     return (w * w - 10 * tw.cos(2 * tw.pi * w) + 10).sum()
    >>> for _ in range(2000):
    ...     cost = optimizer.step(rastrigin)
    >>> optimizer.use_best() < 0.01
    True
    """

    above_zero = ("sigma", "temperature", "cooling")

    def __init__(
        self,
        params: Iterable[Any],
        sigma: float = 1.0,
        temperature: float = 1.0,
        cooling: float = 0.999,
        *,
        generator: Generator | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(params, {"sigma": sigma, "temperature": temperature, "cooling": cooling}, generator, seed)

    def _check_group(self, group: Group) -> None:
        super()._check_group(group)
        fractions(self._name(), {"cooling": (group["cooling"],)}, "cooling", count=1)

    def _begin(self, search: Search, costs: Costs) -> None:
        search["sigma"], search["temperature"] = float(self._options["sigma"]), float(self._options["temperature"])
        search["cost"] = costs(search["place"])

    def _advance(self, search: Search, costs: Costs) -> float:
        place, sigma, temperature = search["place"], search["sigma"], search["temperature"]
        trial = place + sigma * self._normal(place.shape)
        cost, chance = costs(trial), 1 - self._uniform()  # a chance in (0, 1]
        accepted = cost <= search["cost"] - temperature * math.log(chance) if cost < math.inf else False
        if accepted or search["cost"] == math.inf:
            search.update(place=trial, cost=cost)
        cooling = self._options["cooling"]
        search.update(sigma=sigma * math.sqrt(cooling), temperature=temperature * cooling)
        return search["cost"]

    def _radius(self, search: Search) -> float:
        return search["sigma"]
