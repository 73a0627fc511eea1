"""Optimisers: each is one pure update rule, applied to groups of parameters; and schedules for their step sizes.

Those that see only the cost are imported when the first of them is used, so that ``import thalweg`` stays quick.
"""

from __future__ import annotations

import typing as _typing

from ..core.late import LateNames as _LateNames
from . import lr_scheduler, swa_utils
from .adadelta import Adadelta
from .adagrad import Adagrad
from .adam import Adam, AdamW
from .adamax import Adamax
from .asgd import ASGD
from .descent import Descent, measured_step, steepest_descent_angle
from .lbfgs import LBFGS
from .levenberg_marquardt import LevenbergMarquardt
from .lion import Lion
from .minimize import minimize
from .muon import Muon
from .nadam import NAdam
from .newton import CurvatureStep, Newton
from .optimizer import Optimizer
from .radam import RAdam
from .rmsprop import RMSprop
from .rprop import Rprop
from .rule import RuleOptimizer
from .sgd import SGD
from .shampoo import Shampoo

if _typing.TYPE_CHECKING:
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
    from .minimizing.result import OptimizeResult
else:
    _late = _LateNames(
        __name__,
        {
            "derivative_free": (
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
            ),
            "minimizing.result": ("OptimizeResult",),
        },
    )
    __getattr__, __dir__ = _late.get, _late.names


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
    "CurvatureStep",
    "DerivativeFreeOptimizer",
    "Descent",
    "EvolutionStrategy",
    "LevenbergMarquardt",
    "Lion",
    "Muon",
    "NAdam",
    "NelderMead",
    "Newton",
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
    "Shampoo",
    "SimulatedAnnealing",
    "finite_difference_gradients",
    "lr_scheduler",
    "measured_step",
    "minimize",
    "steepest_descent_angle",
    "swa_utils",
]
