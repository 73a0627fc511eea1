"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..ops.elementwise import sqrt
from .building import Hyper, State, average, decayed, decoupled
from .checks import fractions
from .optimizer import Group
from .rule import RuleOptimizer

__all__ = ["NAdam", "nadam"]


def nadam(gradient: Any, parameter: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """The rule of ``NAdam``."""
    lr, (beta1, beta2), decay, step = hyper["lr"], hyper["betas"], hyper["momentum_decay"], state["step"] + 1
    g = decayed(gradient, parameter, hyper)
    mean = average(state["exp_avg"], g, beta1)
    square = average(state["exp_avg_sq"], g * g, beta2)
    mu = beta1 * (1 - 0.5 * 0.96 ** (step * decay))
    mu_next = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * decay))
    product = state["mu_product"] * mu
    scale = sqrt(square / (1 - beta2**step)) + hyper["eps"]
    ahead = g * (lr * (1 - mu) / (1 - product)) + mean * (lr * mu_next / (1 - product * mu_next))
    new = {"step": step, "mu_product": product, "exp_avg": mean, "exp_avg_sq": square}
    return decoupled(ahead / scale, parameter, hyper), new


class NAdam(RuleOptimizer):
    """NAdam: Adam whose numerator already contains the next step's share of the momentum.

    In step t, with betas (b1, b2), momentum decay psi and m, v as in ``Adam``::

        mu_t = b1 (1 - 0.96^(t psi) / 2)
        w <- w - lr * (mu_{t+1} m / (1 - mu_1 ... mu_{t+1}) + (1 - mu_t) g / (1 - mu_1 ... mu_t))
                    / (sqrt(v / (1 - b2^t)) + eps)

    Args:
        params: tensors, named tensors, or groups of them; see ``Optimizer``.
        lr: the step size, a number at least 0.
        betas: the decays of the two averages, in [0, 1).
        eps: added to the denominator.
        weight_decay: lambda.
        momentum_decay: psi, how fast mu rises from b1 / 2 to b1.
        decoupled_weight_decay: subtract lr * lambda * w from the parameter, instead of adding lambda w to the gradient.
        foreach: accepted without effect, as is ``capturable``.
        maximize: ascend.
        differentiable: must be False.

    Raises:
        OptimizerError: an option out of range.

    Source: Dozat (2016), Incorporating Nesterov momentum into Adam.

    >>> import thalweg as tw
    >>> w = tw.tensor([1.0], requires_grad=True)
    >>> optimizer = tw.optim.NAdam([w], lr=0.1)
    >>> for _ in range(60):
    ...     optimizer.zero_grad()
    ...     (w * w).sum().backward()
    ...     optimizer.step()
    >>> abs(w.item()) < 0.1
    True
    """

    rule = staticmethod(nadam)
    arrays = ("exp_avg", "exp_avg_sq")
    numbers = ("step", "mu_product")
    not_negative = ("lr", "eps", "weight_decay", "momentum_decay")

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
                "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize, "foreach": foreach,
                "capturable": capturable, "differentiable": differentiable,
            },
        )  # fmt: skip

    def initial_state(self, value: Any, group: Group) -> State:
        """Zeros, and 1 for the product of no factors."""
        return {**super().initial_state(value, group), "mu_product": 1.0}

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        fractions("NAdam", options, "betas")
