"""EvolutionStrategy: the gradient of the smoothed cost, estimated from ranks, and steps by Adam's rule."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...errors import OptimizerError
from ...ops.random import Generator
from ..checks import at_least_one, at_least_zero, fractions
from ..optimizer import Group
from .base import Costs, DerivativeFreeOptimizer, Search
from .ranks import by_rank, centred

__all__ = ["EvolutionStrategy"]


class EvolutionStrategy(DerivativeFreeOptimizer):
    """Evolution as a gradient: antithetic pairs, ranks for costs, Adam's step. For thousands of parameters.

    Of pairs u + σ ε, u - σ ε with standard normal ε the costs are ranked; with weights w from -1/2 (lowest) to 1/2
    (highest), equal costs sharing theirs, the gradient of the cost smoothed over σ is estimated by
    g = Σ w_i ε_i / (λ σ), and u moves by Adam's rule. σ stays as it is: it should be as wide as the stairs of the cost.

    Args:
        params: parameters or groups of them; the option ``scale`` of a group is its unit of length.
        lr: the learning rate of Adam; schedulers work on it as on any.
        sigma: the standard deviation of the samples.
        population: the number λ of evaluations a step, even.
        betas: the decays of Adam's averages of g and g².
        eps: added to the root of the average of g².
        generator: where random numbers are drawn from.
        seed: the seed of its own generator, if none is given.

    ``step`` returns the lowest cost of its samples; the parameters stand at their centre.

    Reference: Salimans, Ho, Chen, Sidor and Sutskever (2017), Evolution strategies as a scalable alternative to
    reinforcement learning; Kingma and Ba (2015), Adam.

    >>> import thalweg as tw
    >>> w = tw.tensor([3.0, -2.0])
    >>> optimizer = tw.optim.EvolutionStrategy([w], lr=0.1, sigma=0.1, population=20, seed=0)
    >>> for _ in range(200):
    ...     cost = optimizer.step(lambda: (w * w).sum().round())  # a staircase
    >>> bool((w * w).sum() < 0.5)
    True
    """

    above_zero = ("sigma", "eps")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.01,
        sigma: float = 0.1,
        population: int = 40,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        generator: Generator | None = None,
        seed: int | None = None,
    ) -> None:
        defaults = {"lr": lr, "sigma": sigma, "population": population, "betas": betas, "eps": eps}
        super().__init__(params, defaults, generator, seed)

    def _check_group(self, group: Group) -> None:
        super()._check_group(group)
        at_least_zero(self._name(), group, "lr")
        at_least_one(self._name(), group, "population")
        fractions(self._name(), group, "betas")
        if group["population"] % 2:
            raise OptimizerError(
                f"{self._name()}: population must be even, as samples come in pairs, got {group['population']}"
            )

    def _begin(self, search: Search, costs: Costs) -> None:
        zeros = np.zeros(search["place"].size)
        search.update(steps=0, mean=zeros, mean_square=zeros)

    def _advance(self, search: Search, costs: Costs) -> float:
        options, place = self._options, search["place"]
        half, sigma = options["population"] // 2, options["sigma"]
        noise = self._normal((half, place.size))
        above = costs.of(place + sigma * each for each in noise)
        below = costs.of(place - sigma * each for each in noise)
        weights = by_rank(np.concatenate([above, below]), centred(2 * half))
        gradient = (weights[:half] - weights[half:]) @ noise / (2 * half * sigma)
        search["place"] = place - self._adam(search, gradient)
        return float(min(above.min(), below.min()))

    def _adam(self, search: Search, gradient: Any) -> Any:
        """The step for a gradient, by Adam's rule."""
        (beta, beta_square), steps = self._options["betas"], search["steps"] + 1
        mean = beta * search["mean"] + (1 - beta) * gradient
        mean_square = beta_square * search["mean_square"] + (1 - beta_square) * gradient**2
        search.update(steps=steps, mean=mean, mean_square=mean_square)
        size = np.sqrt(mean_square) / math.sqrt(1 - beta_square**steps) + self._options["eps"]
        return self._options["lr"] / (1 - beta**steps) * mean / size

    def _radius(self, search: Search) -> float:
        return float(self._options["sigma"])
