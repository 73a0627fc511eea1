"""The function that is to be minimised, as a cost of one tensor that counts, and gives the gradient if there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...autograd.gradient import grad
from ...core.modes import enable_grad, no_grad
from ...core.tensor import Tensor, wrap
from ...errors import OptimizerError
from ..derivative_free.base import as_cost

__all__ = ["Objective"]


class Objective:
    """``fun(x, *args)`` at the place where the leaf ``x`` stands."""

    def __init__(self, fun: Callable[..., Any], start: Tensor, args: tuple[Any, ...]) -> None:
        self.fun = fun
        self.args = args
        self.x = wrap(np.array(start._value)).requires_grad_()
        self.evaluations = 0
        self.gradients = 0

    def move_to(self, value: Any) -> None:
        """Move x to an array of its shape."""
        with no_grad():
            self.x.copy_(wrap(np.asarray(value, self.x._value.dtype)))

    def cost(self) -> Any:
        """What the function returns for x, without a tape; it is given a tensor that requires no gradient."""
        with no_grad():
            self.evaluations += 1
            return self.fun(self.x.detach(), *self.args)

    def number(self) -> float:
        """The cost as a number; infinite if it is not finite."""
        return as_cost(self.cost(), "minimize")

    def slope(self) -> tuple[float, Any | None]:
        """The cost and its gradient, an array of x's shape; None if the function has left no tape.

        Raises:
            OptimizerError: it returns no number.
        """
        with enable_grad():
            self.evaluations += 1
            value = self.fun(self.x, *self.args)
            cost = as_cost(value, "minimize")
            if not (isinstance(value, Tensor) and value.requires_grad):
                return cost, None
            gradient = grad(value, self.x, allow_unused=True)[0]
        self.gradients += 1
        return cost, None if gradient is None else gradient._value

    def slope_if_any(self) -> tuple[float, Any | None]:
        """As ``slope``, of functions that can't work with a tensor that requires a gradient, too."""
        try:
            return self.slope()
        except OptimizerError:
            raise
        except Exception:  # it may turn x into an array; whether that is all, the call without a tape says
            return self.number(), None
