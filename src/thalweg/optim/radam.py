"""RAdam: Adam that waits until its estimate of the variance can be trusted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..ops.elementwise import sqrt
from .building import Hyper, State, average, choose, decayed, decoupled
from .checks import fractions
from .rule import RuleOptimizer

__all__ = ["RAdam", "radam"]


def radam(gradient: Any, parameter: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """The rule of ``RAdam``."""
    (beta1, beta2), step = hyper["betas"], state["step"] + 1
    g = decayed(gradient, parameter, hyper)
    mean = average(state["exp_avg"], g, beta1)
    square = average(state["exp_avg_sq"], g * g, beta2)
    change = mean * (hyper["lr"] / (1 - beta1**step))
    limit = 2 / (1 - beta2) - 1  # rho_inf
    if limit > 5:  # below, the variance is never trusted
        correction = 1 - beta2**step
        rho = limit - 2 * step * beta2**step / correction
        trusted = rho > 5.0
        ratio = (rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)
        rectified = (choose(trusted, ratio, 1.0) * correction) ** 0.5 / (sqrt(square) + hyper["eps"])
        change = change * choose(trusted, rectified, 1.0)
    return decoupled(change, parameter, hyper), {"step": step, "exp_avg": mean, "exp_avg_sq": square}


class RAdam(RuleOptimizer):
    """RAdam: momentum alone while few gradients have been seen, then Adam with its variance rectified.

    In step t, with betas (b1, b2) and m, v as in ``Adam``::

        rho_inf = 2 / (1 - b2) - 1,    rho = rho_inf - 2 t b2^t / (1 - b2^t)
        r = sqrt((rho - 4)(rho - 2) rho_inf / ((rho_inf - 4)(rho_inf - 2) rho))
        rho > 5:  w <- w - lr * m / (1 - b1^t) * r * sqrt(1 - b2^t) / (sqrt(v) + eps)
        else:     w <- w - lr * m / (1 - b1^t)

    Args:
        params: tensors, named tensors, or groups of them; see ``Optimizer``.
        lr: the step size, a number at least 0.
        betas: the decays of the two averages, in [0, 1).
        eps: added to the denominator.
        weight_decay: lambda.
        decoupled_weight_decay: subtract lr * lambda * w from the parameter, instead of adding lambda w to the gradient.
        foreach: accepted without effect, as is ``capturable``.
        maximize: ascend.
        differentiable: must be False.

    Raises:
        OptimizerError: an option out of range.

    Source: Liu et al. (2020), On the variance of the adaptive learning rate and beyond; the threshold 5 in place of
    the paper's 4 is that of its authors' code and of PyTorch.

    >>> import thalweg as tw
    >>> w = tw.tensor([1.0], requires_grad=True)
    >>> optimizer = tw.optim.RAdam([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.5000], requires_grad=True)
    """

    rule = staticmethod(radam)
    arrays = ("exp_avg", "exp_avg_sq")
    numbers = ("step",)
    not_negative = ("lr", "eps", "weight_decay")

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
                "foreach": foreach, "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay,
                "differentiable": differentiable,
            },
        )  # fmt: skip

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        fractions("RAdam", options, "betas")
