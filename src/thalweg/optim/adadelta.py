"""Adadelta: steps in the units of the parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import OptimizerError
from ..ops.elementwise import sqrt
from .building import Hyper, State, average, decayed
from .rule import RuleOptimizer

__all__ = ["Adadelta", "adadelta"]


def adadelta(gradient: Any, parameter: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """The rule of ``Adadelta``."""
    rho, eps = hyper["rho"], hyper["eps"]
    g = decayed(gradient, parameter, hyper)
    square = average(state["square_avg"], g * g, rho)
    delta = sqrt(state["acc_delta"] + eps) / sqrt(square + eps) * g
    moved = average(state["acc_delta"], delta * delta, rho)
    return hyper["lr"] * delta, {"step": state["step"] + 1, "square_avg": square, "acc_delta": moved}


class Adadelta(RuleOptimizer):
    """Adadelta: the size of a step is the root mean square of the steps before it over that of the gradients.

    With decay rho::

        v <- rho v + (1 - rho) g^2
        d = sqrt(u + eps) / sqrt(v + eps) * g
        u <- rho u + (1 - rho) d^2
        w <- w - lr d

    Args:
        params: tensors, named tensors, or groups of them; see ``Optimizer``.
        lr: a factor on the step, a number at least 0; 1 in the paper.
        rho: the decay of the averages, in [0, 1].
        eps: added under both roots.
        weight_decay: lambda; lambda w is added to the gradient.
        foreach: accepted without effect, as is ``capturable``.
        maximize: ascend.
        differentiable: must be False.

    Raises:
        OptimizerError: an option out of range.

    Source: Zeiler (2012), ADADELTA: an adaptive learning rate method, algorithm 1.

    >>> import thalweg as tw
    >>> w = tw.tensor([1.0], requires_grad=True)
    >>> optimizer = tw.optim.Adadelta([w], rho=0.75, eps=0.25)
    >>> w.grad = tw.tensor([3**0.5])
    >>> optimizer.step()  # sqrt(0 + 0.25) / sqrt(0.25 * 3 + 0.25) * sqrt(3)
    >>> w
    tensor([0.1340], requires_grad=True)
    """

    rule = staticmethod(adadelta)
    arrays = ("square_avg", "acc_delta")
    numbers = ("step",)
    not_negative = ("lr", "rho", "eps", "weight_decay")

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
                "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
            },
        )  # fmt: skip

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        if options["rho"] > 1:
            raise OptimizerError(f"Adadelta: rho must lie in [0, 1], got {options['rho']}")
