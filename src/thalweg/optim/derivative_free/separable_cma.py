"""SeparableCMAES: CMA-ES with a diagonal covariance, linear in the number of parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ...errors import OptimizerError
from ...ops.random import Generator
from ..checks import at_least_one
from ..optimizer import Group
from .base import Costs, DerivativeFreeOptimizer, Search
from .ranks import default_population

__all__ = ["SeparableCMAES"]

WIDEST = 1e3  # how far a plateau may widen the samples, in units of the first σ


@dataclass(frozen=True)
class Rates:
    """The weights of the samples and the learning rates, as functions of n and λ: Hansen's defaults."""

    weights: Any  # of the μ best samples, best first; they sum to 1
    mass: float  # μ_eff = 1 / Σ w²
    path_of_size: float  # c_σ
    damping: float  # d_σ
    path: float  # c_c
    rank_one: float  # c_1
    rank_many: float  # c_μ
    expected_norm: float  # of a standard normal vector


@cache
def rates(size: int, population: int) -> Rates:
    """Those of Hansen's tutorial, c_1 and c_μ times (n + 2)/3: what a diagonal can be learnt faster than a matrix."""
    count = population // 2
    raw = math.log((population + 1) / 2) - np.log(np.arange(1, count + 1))
    weights = raw / raw.sum()
    mass = float(1 / (weights**2).sum())
    path_of_size = (mass + 2) / (size + mass + 5)
    faster = (size + 2) / 3
    rank_one = min(1.0, faster * 2 / ((size + 1.3) ** 2 + mass))
    return Rates(
        weights=weights,
        mass=mass,
        path_of_size=path_of_size,
        damping=1 + 2 * max(0.0, math.sqrt((mass - 1) / (size + 1)) - 1) + path_of_size,
        path=(4 + mass / size) / (size + 4 + 2 * mass / size),
        rank_one=rank_one,
        rank_many=min(1 - rank_one, faster * 2 * (mass - 2 + 1 / mass) / ((size + 2) ** 2 + mass)),
        expected_norm=math.sqrt(size) * (1 - 1 / (4 * size) + 1 / (21 * size**2)),
    )


class SeparableCMAES(DerivativeFreeOptimizer):
    """Covariance matrix adaptation with a diagonal matrix: for many parameters that hardly interact.

    Samples are u + σ √c z, z standard normal, c (n,) the variances. The centre moves to the weighted mean of the better
    half; two paths of its past moves tell whether σ is too small or too large, and along which axes the moves go. All
    follows from n and λ by Hansen's defaults, but that c is learnt (n + 2)/3 times as fast. If more than 70 % of the
    samples have the lowest cost, σ grows, to leave the plateau. Time and memory are linear in n. Where
    parameters do interact, ``CMAES`` needs fewer evaluations.

    Args:
        params: parameters or groups of them; the option ``scale`` of a group is its unit of length.
        sigma: the standard deviation of the first samples: about a third of the distance to the minimum.
        population: the number λ of evaluations a step; 4 + ⌊3 ln n⌋ if None. More for noisy and multimodal costs.
        generator: where random numbers are drawn from.
        seed: the seed of its own generator, if none is given.

    ``step`` returns the lowest cost of its samples; the parameters stand at their centre.

    Reference: Ros and Hansen (2008), A simple modification in CMA-ES achieving linear time and space complexity; Hansen
    (2016), The CMA evolution strategy: a tutorial.

    >>> import thalweg as tw
    >>> w = tw.tensor([3.0, -2.0], dtype=tw.float64)
    >>> optimizer = tw.optim.SeparableCMAES([w], sigma=1.0, seed=0)
    >>> costs = [optimizer.step(lambda: w[0] ** 2 + 1e6 * w[1] ** 2) for _ in range(200)]
    >>> costs[-1] < 1e-8
    True
    """

    above_zero = ("sigma",)

    def __init__(
        self,
        params: Iterable[Any],
        sigma: float = 0.5,
        population: int | None = None,
        *,
        generator: Generator | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(params, {"sigma": sigma, "population": population}, generator, seed)

    def _check_group(self, group: Group) -> None:
        super()._check_group(group)
        if group["population"] is not None:
            at_least_one(self._name(), group, "population")
            if group["population"] < 4:
                raise OptimizerError(f"{self._name()}: population must be at least 4, got {group['population']}")

    def _begin(self, search: Search, costs: Costs) -> None:
        zeros = np.zeros(search["place"].size)
        search.update(
            steps=0, sigma=float(self._options["sigma"]), path=zeros, path_of_size=zeros, variances=zeros + 1.0
        )

    def _advance(self, search: Search, costs: Costs) -> float:
        place, sigma, deviations = search["place"], search["sigma"], np.sqrt(search["variances"])
        count = self._options["population"] or default_population(place.size)
        samples = self._normal((count, place.size))
        found = costs.of(place + sigma * deviations * z for z in samples)
        order = np.argsort(found, kind="stable")
        rate = rates(place.size, count)
        best = samples[order[: len(rate.weights)]]
        search["place"] = place + sigma * deviations * (rate.weights @ best)
        adapt(search, best, rate)
        flat = found[order[0]] == found[order[math.ceil(0.7 * count) - 1]]
        if flat and self._radius(search) < WIDEST * self._options["sigma"]:
            search["sigma"] *= math.exp(0.2 + rate.path_of_size / rate.damping)
        return float(found[order[0]])

    def _radius(self, search: Search) -> float:
        return float(search["sigma"] * np.sqrt(search["variances"].max()))


def adapt(search: Search, best: Any, rate: Rates) -> None:
    """New paths, variances and σ from the better samples z, (μ, n), best first."""
    deviations, step = np.sqrt(search["variances"]), rate.weights @ best
    steps, keep = search["steps"] + 1, 1 - rate.path_of_size
    path_of_size = keep * search["path_of_size"] + math.sqrt((1 - keep**2) * rate.mass) * step
    norm = float(np.linalg.norm(path_of_size))
    size = len(step)
    steady = norm / math.sqrt(1 - keep ** (2 * steps)) < (1.4 + 2 / (size + 1)) * rate.expected_norm
    path = (1 - rate.path) * search["path"]
    lost = rate.path * (2 - rate.path)
    if steady:
        path = path + math.sqrt(lost * rate.mass) * deviations * step
    learnt = rate.rank_one * path**2 + rate.rank_many * (rate.weights @ (deviations * best) ** 2)
    kept = 1 - rate.rank_one - rate.rank_many + (0.0 if steady else rate.rank_one * lost)
    search.update(
        steps=steps,
        path=path,
        path_of_size=path_of_size,
        variances=kept * search["variances"] + learnt,
        sigma=search["sigma"] * math.exp(rate.path_of_size / rate.damping * (norm / rate.expected_norm - 1)),
    )
