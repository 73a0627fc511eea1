"""Lion: steps of one size along the sign of an average."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..ops.elementwise import sign
from .building import Hyper, State, average
from .checks import fractions
from .rule import RuleOptimizer

__all__ = ["Lion", "lion"]


def lion(gradient: Any, parameter: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """The rule of ``Lion``."""
    beta1, beta2 = hyper["betas"]
    g = -gradient if hyper["maximize"] else gradient
    direction = sign(average(state["exp_avg"], g, beta1))
    if hyper["weight_decay"] != 0:
        direction = direction + hyper["weight_decay"] * parameter
    return hyper["lr"] * direction, {"exp_avg": average(state["exp_avg"], g, beta2)}


class Lion(RuleOptimizer):
    """Lion: every element moves by lr, in the direction of the sign of a running average.

    With betas (b1, b2)::

        w <- w - lr * (sign(b1 m + (1 - b1) g) + lambda w)
        m <- b2 m + (1 - b2) g

    It keeps half of Adam's state. The paper advises an ``lr`` three to ten times smaller than AdamW's, and a
    ``weight_decay`` larger by the same factor. PyTorch has no Lion; names and defaults are those of the paper's code.

    Args:
        params: tensors, named tensors, or groups of them; see ``Optimizer``.
        lr: the step size, a number at least 0.
        betas: the share of the old average in the direction, and its decay, in [0, 1).
        weight_decay: lambda, decoupled from the gradient.
        maximize: ascend.

    Raises:
        OptimizerError: an option out of range.

    Source: Chen et al. (2023), Symbolic discovery of optimization algorithms, algorithm 2.

    >>> import thalweg as tw
    >>> w = tw.tensor([1.0, -100.0, 0.0], requires_grad=True)
    >>> optimizer = tw.optim.Lion([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([  0.7500, -99.7500,   0.0000], requires_grad=True)
    """

    rule = staticmethod(lion)
    arrays = ("exp_avg",)
    not_negative = ("lr", "weight_decay")

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize})

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        fractions("Lion", options, "betas")
