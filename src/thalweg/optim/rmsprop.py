"""RMSprop: gradients divided by the root of their mean square."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import OptimizerError
from ..ops.elementwise import sqrt
from .building import Hyper, State, average, decayed
from .optimizer import Group
from .rule import RuleOptimizer

__all__ = ["RMSprop", "rmsprop"]


def rmsprop(gradient: Any, parameter: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """The rule of ``RMSprop``; averages that the state does not have yet start at 0."""
    alpha, momentum = hyper["alpha"], hyper["momentum"]
    g = decayed(gradient, parameter, hyper)
    square = average(state["square_avg"], g * g, alpha)
    new = {"step": state["step"] + 1, "square_avg": square}
    if hyper["centered"]:
        mean = average(state.get("grad_avg", 0.0), g, alpha)
        new["grad_avg"] = mean
        square = square - mean * mean
    direction = g / (sqrt(square) + hyper["eps"])
    if momentum > 0:
        buffer = state.get("momentum_buffer")
        direction = direction if buffer is None else momentum * buffer + direction
        new["momentum_buffer"] = direction
    return hyper["lr"] * direction, new


class RMSprop(RuleOptimizer):
    """RMSprop: each element's gradient is divided by the root of its mean square.

    With smoothing alpha and momentum mu::

        v <- alpha v + (1 - alpha) g^2
        d = g / (sqrt(v) + eps)        (centered: v - m^2 for v, where m <- alpha m + (1 - alpha) g)
        b <- mu b + d
        w <- w - lr b

    Args:
        params: tensors, named tensors, or groups of them; see ``Optimizer``.
        lr: the step size, a number at least 0.
        alpha: the decay of the averages, in [0, 1).
        eps: added to the denominator.
        weight_decay: lambda; lambda w is added to the gradient.
        momentum: mu, at least 0.
        centered: divide by the standard deviation instead of the root mean square.
        capturable: accepted without effect, as is ``foreach``.
        maximize: ascend.
        differentiable: must be False.

    Raises:
        OptimizerError: an option out of range. PyTorch accepts an alpha of 1 or more, with which nothing converges.

    Source: Tieleman and Hinton (2012), Lecture 6.5 of Neural networks for machine learning; Graves (2013),
    Generating sequences with recurrent neural networks, equation 38, for the centered form.

    >>> import thalweg as tw
    >>> w = tw.tensor([1.0], requires_grad=True)
    >>> optimizer = tw.optim.RMSprop([w], lr=0.1, alpha=0.75)
    >>> (w * w).sum().backward()
    >>> optimizer.step()  # the gradient 2 over its root mean square, sqrt(0.25 * 4) = 1
    >>> w
    tensor([0.8000], requires_grad=True)
    """

    rule = staticmethod(rmsprop)
    arrays = ("square_avg", "momentum_buffer", "grad_avg")
    numbers = ("step",)
    optional = ("momentum_buffer", "grad_avg")
    not_negative = ("lr", "alpha", "eps", "weight_decay", "momentum")

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
                "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
                "differentiable": differentiable,
            },
        )  # fmt: skip

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        if options["alpha"] >= 1:
            raise OptimizerError(f"RMSprop: alpha must lie in [0, 1), got {options['alpha']}")

    def starts_at_zero(self, name: str, group: Group) -> bool:
        return bool(group["centered"] if name == "grad_avg" else group["momentum"] > 0)
