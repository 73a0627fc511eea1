"""Optimisers that see only the cost: ``step(closure)``, where the closure returns it and never calls backward."""

from __future__ import annotations

from .annealing import SimulatedAnnealing
from .base import Best, DerivativeFreeOptimizer
from .cma import CMAES
from .coordinate_search import CoordinateSearch
from .differences import finite_difference_gradients
from .evolution import EvolutionStrategy
from .natural import SeparableNES
from .nelder_mead import NelderMead
from .pattern_search import PatternSearch
from .random_search import RandomSearch
from .separable_cma import SeparableCMAES
from .spsa import SPSA

__all__ = [
    "CMAES",
    "SPSA",
    "Best",
    "CoordinateSearch",
    "DerivativeFreeOptimizer",
    "EvolutionStrategy",
    "NelderMead",
    "PatternSearch",
    "RandomSearch",
    "SeparableCMAES",
    "SeparableNES",
    "SimulatedAnnealing",
    "finite_difference_gradients",
]
