"""What the update rules are built of. Everything here works on ndarrays, on tensors and on symbolic values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..ops.base import where

__all__ = ["Hyper", "State", "average", "choose", "decayed", "decoupled"]

State = dict[str, Any]
Hyper = Mapping[str, Any]


def decayed(gradient: Any, parameter: Any, hyper: Hyper) -> Any:
    """The gradient to descend: negated for ``maximize``, plus ``weight_decay`` times the parameter.

    The second term is the gradient of weight_decay / 2 * ||w||**2, the L2 penalty; a decoupled decay is left out.
    """
    if hyper["maximize"]:
        gradient = -gradient
    decay = hyper["weight_decay"]
    if decay == 0 or hyper.get("decoupled_weight_decay", False):
        return gradient
    return gradient + decay * parameter


def decoupled(change: Any, parameter: Any, hyper: Hyper) -> Any:
    """The change, plus the decay lr * weight_decay * w if it is decoupled from the gradient."""
    decay = hyper["weight_decay"]
    if decay == 0 or not hyper["decoupled_weight_decay"]:
        return change
    return change + (hyper["lr"] * decay) * parameter


def average(old: Any, new: Any, beta: Any) -> Any:
    """The running average beta * old + (1 - beta) * new."""
    return old + (1 - beta) * (new - old)


def choose(condition: Any, a: Any, b: Any) -> Any:
    """``a`` where the condition holds, ``b`` elsewhere.

    Eager rules keep counts as Python numbers, whose comparisons are Python's; there nothing has to be computed.
    """
    return (a if condition else b) if isinstance(condition, bool) else where(condition, a, b)
