"""Adagrad: gradients divided by the root of the sum of their squares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..ops.elementwise import sqrt
from .building import Hyper, State, decayed
from .optimizer import Group
from .rule import RuleOptimizer

__all__ = ["Adagrad", "adagrad"]


def adagrad(gradient: Any, parameter: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """The rule of ``Adagrad``."""
    step = state["step"] + 1
    g = decayed(gradient, parameter, hyper)
    total = state["sum"] + g * g
    rate = hyper["lr"] / (1 + (step - 1) * hyper["lr_decay"])
    return rate * g / (sqrt(total) + hyper["eps"]), {"step": step, "sum": total}


class Adagrad(RuleOptimizer):
    """Adagrad: each element's gradient is divided by the root of the sum of its squares so far.

    In step t, with the decay delta of the learning rate::

        s <- s + g^2
        w <- w - lr / (1 + (t - 1) delta) * g / (sqrt(s) + eps)

    Args:
        params: tensors, named tensors, or groups of them; see ``Optimizer``.
        lr: the step size, a number at least 0.
        lr_decay: delta.
        weight_decay: lambda; lambda w is added to the gradient.
        initial_accumulator_value: where s starts.
        eps: added to the denominator.
        foreach: accepted without effect, as is ``fused``.
        maximize: ascend.
        differentiable: must be False.

    The state exists before the first step, as in PyTorch.

    Raises:
        OptimizerError: an option out of range.

    Source: Duchi, Hazan and Singer (2011), Adaptive subgradient methods for online learning and stochastic
    optimization.

    >>> import thalweg as tw
    >>> w = tw.tensor([1.0, -100.0], requires_grad=True)
    >>> optimizer = tw.optim.Adagrad([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([  0.7500, -99.7500], requires_grad=True)
    """

    rule = staticmethod(adagrad)
    arrays = ("sum",)
    numbers = ("step",)
    not_negative = ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
                "differentiable": differentiable, "fused": fused,
            },
        )  # fmt: skip

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, and its state with it."""
        super().add_param_group(param_group)
        for p in self.param_groups[-1]["params"]:
            self._prepare(p, self.param_groups[-1])

    def initial_state(self, value: Any, group: Group) -> State:
        """The sum at its initial value."""
        return {"step": 0.0, "sum": np.full_like(value, group["initial_accumulator_value"])}
