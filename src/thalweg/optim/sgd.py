"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np

from ..core.modes import state
from ..core.tensor import Tensor
from ..errors import OptimizerError
from ..ops.base import quiet
from .building import Hyper, State, decayed
from .checks import number
from .optimizer import Group
from .parts import subtract_scaled
from .rule import RuleOptimizer
from .stepsize import along, checked_rate
from .traced import traced_update

__all__ = ["SGD", "sgd"]


def sgd(gradient: Any, parameter: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """The rule of ``SGD``; the buffer of the first step is the gradient itself."""
    direction = decayed(gradient, parameter, hyper)
    momentum = hyper["momentum"]
    if momentum == 0:
        return along(hyper["lr"], direction), {}
    buffer = state.get("momentum_buffer")
    if buffer is None:
        buffer = direction
    else:
        entering = direction if hyper["dampening"] == 0 else (1 - hyper["dampening"]) * direction
        buffer = momentum * buffer + entering
    direction = direction + momentum * buffer if hyper["nesterov"] else buffer
    return along(hyper["lr"], direction), {"momentum_buffer": buffer}


class SGD(RuleOptimizer):
    """Gradient descent, w <- w - eta g, on whatever batch the gradient was computed; with momentum if asked.

    With momentum mu, dampening tau and weight decay lambda::

        g <- g + lambda w
        b <- mu b + (1 - tau) g        (b <- g in the first step)
        w <- w - eta b                 (nesterov: w <- w - eta (g + mu b))

    Args:
        params: tensors, named tensors, or groups of them; see ``Optimizer``.
        lr: eta. A number; a vector, with one step size for each element of the group's parameters, flattened and
            concatenated in their order; or a symmetric positive semi-definite matrix over these elements, such as
            the inverse of a Hessian. A vector or matrix is copied, in the dtype of the parameters, and checked when
            it is set. Where a parameter has no gradient, its rows and columns are left out.
        momentum: mu, at least 0.
        dampening: tau.
        weight_decay: lambda, at least 0.
        nesterov: look ahead along the momentum, which then must be above 0 with no dampening.
        maximize: ascend.
        foreach: accepted without effect, as is ``fused``.
        differentiable: must be False.

    PyTorch knows only numbers as ``lr``. As there, and unlike in Sutskever et al., the step size multiplies the
    momentum buffer when it is used, not the gradient when it enters.

    Raises:
        OptimizerError: an option out of range; a vector or matrix of the wrong size, with NaN or negative entries, or
            not positive semi-definite (the message names its smallest eigenvalue).

    Source: Robbins and Monro (1951), A stochastic approximation method; Sutskever et al. (2013), On the importance
    of initialization and momentum in deep learning; LeCun et al. (1998), Efficient backprop, for matrices.

    >>> import thalweg as tw
    >>> w = tw.tensor([1.0, 1.0], requires_grad=True)
    >>> H = tw.tensor([[2.0, 1.0], [1.0, 3.0]])
    >>> optimizer = tw.optim.SGD([w], lr=tw.tensor([[0.6, -0.2], [-0.2, 0.4]]))  # the inverse of H: Newton's step
    >>> (0.5 * w @ H @ w).backward()
    >>> optimizer.step()
    >>> bool((w.abs() < 1e-6).all())
    True
    """

    rule = staticmethod(sgd)
    arrays = ("momentum_buffer",)
    optional = ("momentum_buffer",)  # it is the first gradient
    not_negative = ("momentum", "weight_decay")

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
                "nesterov": nesterov, "maximize": maximize, "foreach": foreach, "differentiable": differentiable,
                "fused": fused,
            },
        )  # fmt: skip

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        if options["nesterov"] and (options["momentum"] <= 0 or options["dampening"] != 0):
            raise OptimizerError(
                f"SGD: nesterov needs momentum above 0 and no dampening, got momentum {options['momentum']} and "
                f"dampening {options['dampening']}"
            )

    def _check_group(self, group: Group) -> None:
        super()._check_group(group)
        group["lr"] = checked_rate("SGD", group["lr"], group["params"])
        self._rates[id(group)] = (group, group["lr"])

    def _forget(self) -> None:
        super()._forget()
        self._rates: dict[int, tuple[Group, Any]] = {}  # for each group the learning rate that was checked

    def starts_at_zero(self, name: str, group: Group) -> bool:
        return bool(group["momentum"] != 0 and group["dampening"] == 0)

    @quiet
    def _update(self, group: Group, params: list[Tensor]) -> None:
        lr = group["lr"]
        if state.tracer is not None:
            numeric = state.tracer.watch(IsNumber(group), "having a number as lr")
            rate = None if numeric else self._rate_over(group, params)
            traced_update(self, group, params, state.tracer, rate)
            return
        if type(lr) is not float and number(lr) is None:
            self._apply(group, params, {**group, "lr": self._rate_over(group, params)}, together=True)
            return
        hyper = self._with_plain_rate(group)
        if hyper["momentum"] == 0 and hyper["weight_decay"] == 0 and not hyper["maximize"]:
            subtract_scaled(params, hyper["lr"])
        else:
            self._apply(group, params, hyper)

    def _rate_over(self, group: Group, params: list[Tensor]) -> Any:
        """The rows and columns of the group's vector or matrix that belong to ``params``; a new one is checked."""
        known, rate = self._rates.get(id(group), (None, None))
        if known is not group or rate is not group["lr"]:
            with nullcontext() if state.tracer is None else state.tracer.suspended():
                self._check_group(group)
        value = (group["lr"] if state.tracer is None else state.tracer.watch(group, "lr"))._value
        if len(params) == len(group["params"]):
            return value
        rows = rows_of(params, group["params"])
        return value[rows] if value.ndim == 1 else value[np.ix_(rows, rows)]


class IsNumber:
    """Whether the learning rate of a group is a number, as an entry that can be watched."""

    def __init__(self, group: Group) -> None:
        self.group = group

    def get(self, key: str) -> bool:
        lr = self.group["lr"]
        return type(lr) is float or number(lr) is not None


def rows_of(params: list[Tensor], group: list[Tensor]) -> Any:
    """The positions of the elements of ``params`` among those of all parameters of the group."""
    chosen = set(params)
    masks = [np.full(p._value.size, p in chosen) for p in group]
    return np.flatnonzero(np.concatenate(masks))
