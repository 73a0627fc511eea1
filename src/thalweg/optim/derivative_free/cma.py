"""CMAES: covariance matrix adaptation with the whole matrix, by the package cma."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...errors import DependencyError, OptimizerError
from ...ops.random import Generator
from ..optimizer import Group
from .base import Costs, DerivativeFreeOptimizer, Search

__all__ = ["CMAES", "cma_package"]


def cma_package() -> Any:
    """The package cma.

    Raises:
        DependencyError: it is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages for plots that it would like to have
        try:
            return importlib.import_module("cma")
        except ImportError:
            raise DependencyError("CMAES needs cma: pip install 'thalweg[cma]'; SeparableCMAES needs nothing") from None


class CMAES(DerivativeFreeOptimizer):
    """Covariance matrix adaptation (CMA-ES): the method of choice for hard costs of up to some hundred parameters.

    Samples come from a normal distribution whose covariance learns which parameters have to move together, and how far.
    It finds its way along narrow curved valleys, over noise and stairs. The package ``cma``, by the method's author,
    does the work; time and memory for a step grow with n².

    ``state_dict`` holds the costs of all samples so far instead of the matrix: an optimiser that is loaded draws the
    same samples once more and is told their costs, without evaluations. So it goes on bit by bit on the same machine.

    Args:
        params: parameters or groups of them; the option ``scale`` of a group is its unit of length.
        sigma: the standard deviation of the first samples: about a third of the distance to the minimum.
        population: the number of evaluations a step; 4 + ⌊3 ln n⌋ if None. More for noisy and multimodal costs.
        generator: where random numbers are drawn from.
        seed: the seed of its own generator, if none is given.

    ``step`` returns the lowest cost of its samples; the parameters stand at their centre.

    Raises:
        DependencyError: cma is not installed.

    Reference: Hansen and Ostermeier (2001), Completely derandomized self-adaptation in evolution strategies; Hansen,
    Akimoto and Baudis (2019), CMA-ES/pycma.
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
        cma_package()
        super().__init__(params, {"sigma": sigma, "population": population}, generator, seed)

    def _forget(self) -> None:
        super()._forget()
        self._strategy: Any = None  # the package's object, after all costs in the search were told
        self._told: Any = None  # the search's list of costs that it belongs to

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._strategy = self._told = None

    def _check_group(self, group: Group) -> None:
        super()._check_group(group)
        population = group["population"]
        if population is not None and (not isinstance(population, int) or population < 4):
            raise OptimizerError(f"{self._name()}: population must be a whole number of at least 4, got {population!r}")

    def _begin(self, search: Search, costs: Costs) -> None:
        search.update(
            start=search["place"],
            first_sigma=float(self._options["sigma"]),
            count=self._options["population"],
            stream=self._generator.get_state(),
            told=(),
        )

    def _advance(self, search: Search, costs: Costs) -> float:
        strategy = self._strategy if self._told is search["told"] else self._replayed(search)
        self._strategy = self._told = None  # until the costs are told: a closure may raise
        samples = strategy.ask()
        found = costs.of(samples)
        tell(strategy, samples, found)
        search.update(told=(*search["told"], found), place=np.array(strategy.mean), sigma=float(strategy.sigma))
        search["radius"] = float(strategy.result.stds.max())
        self._strategy, self._told = strategy, search["told"]
        return float(found.min())

    def _replayed(self, search: Search) -> Any:
        """The package's object as it was after the search's costs were told; the generator stands behind its draws."""
        options = {
            "randn": self._draw,
            "seed": np.nan,  # so that it does not seed NumPy's generator
            "verbose": -9,
            "verb_log": 0,
            "signals_filename": None,
        }
        if search["count"] is not None:
            options["popsize"] = search["count"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of options that small problems don't need
            strategy = cma_package().CMAEvolutionStrategy(search["start"], search["first_sigma"], options)
        self._generator.set_state(search["stream"])
        for found in search["told"]:
            tell(strategy, strategy.ask(), found)
        return strategy

    def _draw(self, *shape: int) -> Any:
        return self._normal(shape)

    def _radius(self, search: Search) -> float:
        return search["radius"]


def tell(strategy: Any, samples: Any, costs: Any) -> None:
    """Tell the package the costs of samples; infinite ones as numbers above all others, which is all that ranks see."""
    finite = costs[costs < math.inf]
    worst = float(finite.max()) if finite.size else 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of plateaus, which the caller sees in the costs
        strategy.tell(samples, np.where(costs < math.inf, costs, worst + abs(worst) + 1.0).tolist())
