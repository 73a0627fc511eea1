"""Optimisers: each is one pure update rule, applied to groups of parameters; and schedules for their step sizes."""

from __future__ import annotations

from . import lr_scheduler, swa_utils
from .adadelta import Adadelta
from .adagrad import Adagrad
from .adam import Adam, AdamW
from .adamax import Adamax
from .asgd import ASGD
from .derivative_free import (
    CMAES,
    SPSA,
    Best,
    CoordinateSearch,
    DerivativeFreeOptimizer,
    EvolutionStrategy,
    NelderMead,
    PatternSearch,
    RandomSearch,
    SeparableCMAES,
    SeparableNES,
    SimulatedAnnealing,
    finite_difference_gradients,
)
from .lbfgs import LBFGS
from .lion import Lion
from .minimizing import OptimizeResult, minimize
from .muon import Muon
from .nadam import NAdam
from .optimizer import Optimizer
from .radam import RAdam
from .rmsprop import RMSprop
from .rprop import Rprop
from .rule import RuleOptimizer
from .sgd import SGD

__all__ = [
    "ASGD",
    "CMAES",
    "LBFGS",
    "SGD",
    "SPSA",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Best",
    "CoordinateSearch",
    "DerivativeFreeOptimizer",
    "EvolutionStrategy",
    "Lion",
    "Muon",
    "NAdam",
    "NelderMead",
    "OptimizeResult",
    "Optimizer",
    "PatternSearch",
    "RAdam",
    "RMSprop",
    "RandomSearch",
    "Rprop",
    "RuleOptimizer",
    "SeparableCMAES",
    "SeparableNES",
    "SimulatedAnnealing",
    "finite_difference_gradients",
    "lr_scheduler",
    "minimize",
    "swa_utils",
]
