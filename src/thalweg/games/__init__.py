"""Games: players with parameters and costs of their own, how they learn, and how near they are to an equilibrium."""

from __future__ import annotations

from .adjusted import Consensus, SymplecticAdjustment
from .descent import AlternatingDescent, Extragradient, SimultaneousDescent
from .measures import Gap, best_response_gap, gradient_norm, jacobian, simultaneous_gradient
from .optimistic import OptimisticAdam, OptimisticGradient
from .optimizer import GameOptimizer
from .stability import Stability, stability

__all__ = [
    "AlternatingDescent",
    "Consensus",
    "Extragradient",
    "GameOptimizer",
    "Gap",
    "OptimisticAdam",
    "OptimisticGradient",
    "SimultaneousDescent",
    "Stability",
    "SymplecticAdjustment",
    "best_response_gap",
    "gradient_norm",
    "jacobian",
    "simultaneous_gradient",
    "stability",
]
