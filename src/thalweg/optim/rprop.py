"""Rprop: step sizes that grow while the gradient keeps its sign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import OptimizerError
from ..ops.base import where
from ..ops.elementwise import maximum, minimum, sign
from .building import Hyper, State
from .checks import at_least_zero, number
from .optimizer import Group
from .rule import RuleOptimizer

__all__ = ["Rprop", "rprop"]


def rprop(gradient: Any, parameter: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """The rule of ``Rprop``."""
    (shrink, grow), (least, most) = hyper["etas"], hyper["step_sizes"]
    g = -gradient if hyper["maximize"] else gradient
    size = state["step_size"]
    agreement = sign(g * state["prev"])
    size = where(agreement > 0, size * grow, where(agreement < 0, size * shrink, size))
    size = minimum(maximum(size, least), most)
    g = where(agreement < 0, 0.0, g)
    return sign(g) * size, {"step": state["step"] + 1, "prev": g, "step_size": size}


class Rprop(RuleOptimizer):
    """Resilient backpropagation, for full batches: only the sign of the gradient counts.

    Each element has a step size of its own. Where the gradient has kept its sign, the size is multiplied by etas[1]
    and the step taken; where the sign has changed, the size is multiplied by etas[0] and the element stands still.

    Args:
        params: tensors, named tensors, or groups of them; see ``Optimizer``.
        lr: the first step size, a number at least 0.
        etas: the factors (shrink, grow), with 0 < shrink < 1 < grow.
        step_sizes: the least and the largest step size.
        capturable: accepted without effect, as is ``foreach``.
        maximize: ascend.
        differentiable: must be False.

    Raises:
        OptimizerError: an option out of range.

    Source: Riedmiller and Braun (1993), A direct adaptive method for faster backpropagation learning: the RPROP
    algorithm; the variant without backtracking, Rprop- of Igel and Hüsken (2000), with the step left out on a change.

    >>> import thalweg as tw
    >>> w = tw.tensor([1.0, -100.0], requires_grad=True)
    >>> optimizer = tw.optim.Rprop([w], lr=0.25)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (w * w).sum().backward()
    ...     optimizer.step()
    >>> w
    tensor([  0.4500, -99.4500], requires_grad=True)
    """

    rule = staticmethod(rprop)
    arrays = ("prev", "step_size")
    numbers = ("step",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
                "differentiable": differentiable, "capturable": capturable,
            },
        )  # fmt: skip

    def initial_state(self, value: Any, group: Group) -> State:
        """Step sizes at lr, and no gradient before."""
        return {"step": 0.0, "prev": np.zeros_like(value), "step_size": np.full_like(value, number(group["lr"]))}

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        shrink, grow = options["etas"]
        if not 0 < shrink < 1 < grow:
            raise OptimizerError(
                f"Rprop: etas must be (shrink, grow) with 0 < shrink < 1 < grow, got {options['etas']}"
            )
        least, most = options["step_sizes"]
        at_least_zero("Rprop", {"step_sizes[0]": least, "step_sizes[1]": most}, "step_sizes[0]", "step_sizes[1]")
