"""ASGD: gradient descent that also keeps the average of the path."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .building import Hyper, State, average, choose, decayed
from .checks import number
from .optimizer import Group
from .rule import RuleOptimizer

__all__ = ["ASGD", "asgd"]


def asgd(gradient: Any, parameter: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """The rule of ``ASGD``."""
    lr, decay, eta, mu, step = hyper["lr"], hyper["lambd"], state["eta"], state["mu"], state["step"] + 1
    change = eta * (decayed(gradient, parameter, hyper) + decay * parameter)
    age = step - hyper["t0"]
    new = {
        "step": step,
        "eta": lr / (1 + decay * lr * step) ** hyper["alpha"],
        "mu": 1 / choose(age > 1, age, 1.0),
        "ax": average(state["ax"], parameter - change, 1 - mu),
    }
    return change, new


class ASGD(RuleOptimizer):
    """Averaged stochastic gradient descent.

    In step t::

        w <- w - eta (g + lambda w),    eta = lr before the first step, then lr / (1 + lambda lr t)^alpha
        a <- a + mu (w - a),            mu = 1 before the first step, then 1 / max(1, t - t0)

    The average a starts to lag behind w after step t0. It is the entry "ax" of the state.

    Args:
        params: tensors, named tensors, or groups of them; see ``Optimizer``.
        lr: the first step size, a number at least 0.
        lambd: lambda, the decay of the parameters and of the step size.
        alpha: the power of the step size's decay.
        t0: where averaging starts.
        weight_decay: added to the gradient, times w.
        foreach: accepted without effect, as is ``capturable``.
        maximize: ascend.
        differentiable: must be False.

    Raises:
        OptimizerError: an option out of range.

    Source: Polyak and Juditsky (1992), Acceleration of stochastic approximation by averaging; Xu (2011), Towards
    optimal one pass large scale learning with averaged stochastic gradient descent.

    >>> import thalweg as tw
    >>> w = tw.tensor([1.0], requires_grad=True)
    >>> optimizer = tw.optim.ASGD([w], lr=0.25, lambd=0.0, t0=0)
    >>> for _ in range(3):
    ...     optimizer.zero_grad()
    ...     (w * w).sum().backward()
    ...     optimizer.step()
    >>> w, optimizer.state[w]["ax"]
    (tensor([0.1250], requires_grad=True), tensor([0.1875]))
    """

    rule = staticmethod(asgd)
    arrays = ("ax",)
    numbers = ("step", "eta", "mu")
    not_negative = ("lr", "lambd", "alpha", "weight_decay")

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach,
                "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
            },
        )  # fmt: skip

    def initial_state(self, value: Any, group: Group) -> State:
        """The step size at lr, and the average to be overwritten by the first step."""
        return {**super().initial_state(value, group), "eta": number(group["lr"]), "mu": 1.0}

    def reads_parameter(self, group: Group) -> bool:
        """Always: it averages the parameter."""
        return True
