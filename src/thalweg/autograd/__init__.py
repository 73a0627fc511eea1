"""Differentiation: ``backward``, ``grad``, grad modes, hooks, custom Functions and gradient checks."""

import typing as _typing

from ..core.backward import backward, grad
from ..core.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from ..missing import Missing as _Missing
from .function import Function, FunctionCtx, once_differentiable
from .gradcheck import GradcheckError, gradcheck, gradgradcheck

__all__ = [
    "Function",
    "FunctionCtx",
    "GradcheckError",
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "once_differentiable",
    "set_grad_enabled",
]

if not _typing.TYPE_CHECKING:  # a type checker would take every name for one that exists
    __getattr__ = _Missing(__name__)
