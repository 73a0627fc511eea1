"""Adamax: Adam with the largest gradient in place of the mean square."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..ops.elementwise import abs_, maximum
from .building import Hyper, State, average, decayed
from .checks import fractions
from .rule import RuleOptimizer

__all__ = ["Adamax", "adamax"]


def adamax(gradient: Any, parameter: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """The rule of ``Adamax``."""
    (beta1, beta2), step = hyper["betas"], state["step"] + 1
    g = decayed(gradient, parameter, hyper)
    mean = average(state["exp_avg"], g, beta1)
    largest = maximum(beta2 * state["exp_inf"], abs_(g) + hyper["eps"])
    change = mean / largest * (hyper["lr"] / (1 - beta1**step))
    return change, {"step": step, "exp_avg": mean, "exp_inf": largest}


class Adamax(RuleOptimizer):
    """Adamax: each element's step is its mean gradient over a decaying maximum of its size.

    In step t, with betas (b1, b2)::

        m <- b1 m + (1 - b1) g,    u <- max(b2 u, |g| + eps)
        w <- w - lr / (1 - b1^t) * m / u

    Args:
        params: tensors, named tensors, or groups of them; see ``Optimizer``.
        lr: the step size, a number at least 0.
        betas: the decays of the average and of the maximum, in [0, 1).
        eps: added to the gradient's size.
        weight_decay: lambda; lambda w is added to the gradient.
        foreach: accepted without effect, as is ``capturable``.
        maximize: ascend.
        differentiable: must be False.

    Raises:
        OptimizerError: an option out of range.

    Source: Kingma and Ba (2015), Adam: a method for stochastic optimization, section 7.1.

    >>> import thalweg as tw
    >>> w = tw.tensor([1.0], requires_grad=True)
    >>> optimizer = tw.optim.Adamax([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.7500], requires_grad=True)
    """

    rule = staticmethod(adamax)
    arrays = ("exp_avg", "exp_inf")
    numbers = ("step",)
    not_negative = ("lr", "eps", "weight_decay")

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
                "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
            },
        )  # fmt: skip

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        fractions("Adamax", options, "betas")
