"""SPSA: the slope along one random direction at a time stands for the gradient."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...ops.random import Generator
from ..checks import at_least_one, at_least_zero
from ..optimizer import Group
from .base import Costs, DerivativeFreeOptimizer, Search

__all__ = ["SPSA"]


class SPSA(DerivativeFreeOptimizer):
    """Simultaneous perturbation stochastic approximation, for costs with noise: two evaluations a step, whatever n.

    With Δ of random signs, g = (f(u + c_k Δ) - f(u - c_k Δ)) / (2 c_k Δ) is the gradient in expectation, and
    u ← u - a_k g with the gains a_k = lr / (k + 1 + A)^α and c_k = perturbation / (k + 1)^γ, k = 0, 1, …

    A pair with a cost that is not finite says nothing, and is left out.

    Args:
        params: parameters or groups of them; the option ``scale`` of a group is its unit of length.
        lr: the numerator of a_k. Spall's advice: such that the first steps have the length that is wanted.
        perturbation: the numerator of c_k: about the standard deviation of the cost's noise, or small if there is none.
        stability: A, which shortens the first steps: a tenth of the number of steps, or less.
        decay: α; 0.602 is the smallest for which the theory holds, 1 is best in the very long run.
        perturbation_decay: γ; 0.101 goes with 0.602, 1/6 with 1.
        repeats: over how many Δ the gradient is averaged.
        generator: where random numbers are drawn from.
        seed: the seed of its own generator, if none is given.

    ``step`` returns the mean cost of its finite evaluations, which is near that of where it started; infinite without.

    Reference: Spall (1992), Multivariate stochastic approximation using a simultaneous perturbation gradient
    approximation; Spall (1998), Implementation of the simultaneous perturbation algorithm.

    >>> import thalweg as tw
    >>> w = tw.tensor([3.0, -2.0])
    >>> optimizer = tw.optim.SPSA([w], lr=0.3, perturbation=0.1, seed=0)
    >>> costs = [optimizer.step(lambda: (w * w).sum()) for _ in range(200)]
    >>> optimizer.evaluations, costs[-1] < 1e-2
    (400, True)
    """

    above_zero = ("perturbation",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.1,
        perturbation: float = 0.1,
        stability: float = 0.0,
        decay: float = 0.602,
        perturbation_decay: float = 0.101,
        repeats: int = 1,
        *,
        generator: Generator | None = None,
        seed: int | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "perturbation": perturbation,
            "stability": stability,
            "decay": decay,
            "perturbation_decay": perturbation_decay,
            "repeats": repeats,
        }
        super().__init__(params, defaults, generator, seed)

    def _check_group(self, group: Group) -> None:
        super()._check_group(group)
        at_least_zero(self._name(), group, "lr", "stability", "decay", "perturbation_decay")
        at_least_one(self._name(), group, "repeats")

    def _begin(self, search: Search, costs: Costs) -> None:
        search.update(steps=0, width=self._width(0))

    def _width(self, steps: int) -> float:
        """c_k."""
        return float(self._options["perturbation"] / (steps + 1) ** self._options["perturbation_decay"])

    def _advance(self, search: Search, costs: Costs) -> float:
        options, place, k = self._options, search["place"], search["steps"]
        width, gradient, seen = self._width(k), np.zeros(place.size), []
        for _ in range(options["repeats"]):
            signs = 2.0 * self._generator.integers(0, 2, place.shape) - 1.0
            above, below = costs(place + width * signs), costs(place - width * signs)
            seen += [cost for cost in (above, below) if cost < math.inf]
            if above < math.inf and below < math.inf:
                gradient += (above - below) / (2 * width * options["repeats"]) * signs  # 1 / Δ = Δ
        gain = options["lr"] / (k + 1 + options["stability"]) ** options["decay"]
        search.update(place=place - gain * gradient, steps=k + 1, width=width)
        return float(np.mean(seen)) if seen else math.inf

    def _radius(self, search: Search) -> float:
        return search["width"]
