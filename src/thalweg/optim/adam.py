"""Adam and AdamW: steps scaled by running averages of the gradient and of its square."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..ops.elementwise import maximum, sqrt
from .building import Hyper, State, average, decayed, decoupled
from .checks import fractions
from .optimizer import Group
from .rule import RuleOptimizer

__all__ = ["Adam", "AdamW", "adam"]


def adam(gradient: Any, parameter: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """The rule of ``Adam`` and ``AdamW``."""
    lr, (beta1, beta2), step = hyper["lr"], hyper["betas"], state["step"] + 1
    g = decayed(gradient, parameter, hyper)
    mean = average(state["exp_avg"], g, beta1)
    square = average(state["exp_avg_sq"], g * g, beta2)
    new = {"step": step, "exp_avg": mean, "exp_avg_sq": square}
    if hyper["amsgrad"]:
        largest = state.get("max_exp_avg_sq")
        new["max_exp_avg_sq"] = square = square if largest is None else maximum(largest, square)
    scale = sqrt(square) * (1 - beta2**step) ** -0.5 + hyper["eps"]
    return decoupled(mean / scale * (lr / (1 - beta1**step)), parameter, hyper), new


class Adam(RuleOptimizer):
    """Adam: each element's step is its mean gradient over the root of its mean squared gradient.

    In step t, with betas (b1, b2)::

        g <- g + lambda w                                   (not if the decay is decoupled)
        m <- b1 m + (1 - b1) g,    v <- b2 v + (1 - b2) g^2
        w <- w - lr * m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)

    The two divisions by 1 - b^t undo the bias of averages that start at 0.

    Args:
        params: tensors, named tensors, or groups of them; see ``Optimizer``.
        lr: the step size, a number at least 0.
        betas: the decays of the two averages, in [0, 1).
        eps: added to the denominator.
        weight_decay: lambda.
        amsgrad: divide by the largest v so far, which makes steps that never grow.
        foreach: accepted without effect, as are ``capturable`` and ``fused``.
        maximize: ascend.
        differentiable: must be False.
        decoupled_weight_decay: AdamW's decay, see there.

    Raises:
        OptimizerError: an option out of range.

    Source: Kingma and Ba (2015), Adam: a method for stochastic optimization; Reddi et al. (2018), On the convergence
    of Adam and beyond, for amsgrad.

    >>> import thalweg as tw
    >>> w = tw.tensor([1.0, -100.0], requires_grad=True)
    >>> optimizer = tw.optim.Adam([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()  # the first step is lr in size, whatever the gradient
    >>> w
    tensor([  0.7500, -99.7500], requires_grad=True)
    """

    rule = staticmethod(adam)
    arrays = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    numbers = ("step",)
    optional = ("max_exp_avg_sq",)
    not_negative = ("lr", "eps", "weight_decay")

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
                "maximize": maximize, "foreach": foreach, "capturable": capturable, "differentiable": differentiable,
                "fused": fused, "decoupled_weight_decay": decoupled_weight_decay,
            },
        )  # fmt: skip

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        fractions(self._name(), options, "betas")

    def starts_at_zero(self, name: str, group: Group) -> bool:
        return bool(group["amsgrad"])


class AdamW(Adam):
    """Adam with decoupled weight decay: w <- w - lr * lambda * w, beside the step of ``Adam``.

    The decay does not enter the averages, so that it acts on every element alike; ``Adam``'s is divided by the root
    of v like the rest of the gradient. The default lambda is 0.01. Arguments as for ``Adam``.

    Source: Loshchilov and Hutter (2019), Decoupled weight decay regularization.

    >>> import thalweg as tw
    >>> w = tw.tensor([1.0, 1.0], requires_grad=True)
    >>> optimizer = tw.optim.AdamW([w], lr=0.5, weight_decay=0.5)
    >>> (w * 0).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.7500, 0.7500], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )  # fmt: skip
