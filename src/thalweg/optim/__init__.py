"""Optimisers: each is one pure update rule, applied to groups of parameters; and schedules for their step sizes."""

from __future__ import annotations

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

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "CurvatureStep",
    "Descent",
    "LevenbergMarquardt",
    "Lion",
    "Muon",
    "NAdam",
    "Newton",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "RuleOptimizer",
    "Shampoo",
    "lr_scheduler",
    "measured_step",
    "steepest_descent_angle",
    "swa_utils",
]
