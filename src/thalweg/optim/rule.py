"""Optimisers that are one pure rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from ..core.dtypes import FLOAT64, default_float
from ..core.modes import enable_grad
from ..core.modes import state as modes
from ..core.tensor import Tensor, wrap
from ..errors import OptimizerError
from ..ops.base import quiet
from .building import Hyper, State
from .checks import at_least_zero, number, unsupported
from .optimizer import Group, Optimizer
from .parts import Layout, Plan
from .traced import traced_update
from .watching import watch_structure

__all__ = ["RuleOptimizer"]

FLOAT32 = np.dtype(np.float32)


class RuleOptimizer(Optimizer, tells_tracer=True):
    """An optimiser stated as one pure function; the base class applies it to the groups.

    ``rule(gradient, parameter, state, hyper)`` returns ``(change, new_state)``, and the step is parameter -= change.
    Written in operators and primitives, it runs on ndarrays and on symbolic values alike. It must not change what
    it is given, and must not decide by values (``where`` chooses); it may decide by options and by what ``state``
    contains. ``hyper`` is the parameter group, its learning rate a plain number or array. Values named in
    ``numbers`` are plain numbers in eager mode, so that they are computed in double precision.

    Attributes:
        arrays: names of the entries of the state that have the parameter's shape; they start as zeros.
        optional: those of them that the state has only after the rule has returned them.
        numbers: names of the entries that are one number for each parameter.
        elementwise: whether the rule treats each element alike, so that parameters can be updated together. A
            gradient may then arrive as one vector, made of the gradients of several parameters.

    PyTorch's ``foreach``, ``fused`` and ``capturable`` choose among implementations and are accepted without effect;
    ``differentiable=True`` is refused.

    >>> import thalweg as tw
    >>> class SignDescent(tw.optim.RuleOptimizer):
    ...     @staticmethod
    ...     def rule(gradient, parameter, state, hyper):
    ...         return hyper["lr"] * tw.sign(gradient), {}
    >>> w = tw.tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = SignDescent([w], {"lr": 0.5})
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 2.5000, -1.5000], requires_grad=True)
    """

    arrays: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[tuple[str, ...]] = ()
    numbers: ClassVar[tuple[str, ...]] = ()
    elementwise: ClassVar[bool] = True
    not_negative: ClassVar[tuple[str, ...]] = ("lr",)  # options that must be finite numbers >= 0

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self._check_options(defaults)
        super().__init__(params, defaults)

    def _forget(self) -> None:
        super()._forget()
        self._plans: dict[int, Plan] = {}
        self._layout = Layout(self.arrays, self.numbers, self.elementwise)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._plans = {}

    # -- what a subclass states ---------------------------------------------------------------------------

    @staticmethod
    def rule(gradient: Any, parameter: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
        """The change to subtract from the parameter, and the new state."""
        raise NotImplementedError

    def initial_state(self, value: Any, group: Group) -> State:
        """The state before the first step of a parameter with this value: arrays of its shape, and numbers."""
        state: State = dict.fromkeys(self.numbers, 0.0)
        state.update({name: np.zeros_like(value) for name in self.arrays if name not in self.optional})
        return state

    def reads_parameter(self, group: Group) -> bool:
        """Whether the rule looks at the parameter; None may be given to it otherwise."""
        return bool(group.get("weight_decay", 0) != 0)

    def starts_at_zero(self, name: str, group: Group) -> bool:
        """Whether the rule will make this optional entry, and its first step is the same from zeros."""
        return False

    def _check_options(self, options: Mapping[str, Any]) -> None:
        """Refuse options out of range; called on the defaults and on every group."""
        at_least_zero(self._name(), options, *self.not_negative)
        unsupported(self._name(), differentiable=options.get("differentiable", False))

    # -- groups and their state ---------------------------------------------------------------------------

    def _check_group(self, group: Group) -> None:
        self._check_options(group)

    def _check_state(self, entry: dict[str, Any], p: Tensor, owner: str) -> None:
        for name in (*self.arrays, *self.numbers):
            value = entry.get(name)
            shape = tuple(p.shape) if name in self.arrays else ()
            if isinstance(value, (int, float)) and name in self.numbers:
                entry[name] = wrap(np.array(value, self._number_dtype(p._value)))
            elif value is not None and (not isinstance(value, Tensor) or tuple(value.shape) != shape):
                found = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"type {type(value).__name__}"
                raise OptimizerError(
                    f"{self._name()}: {name} of {owner} has {found}, expected a tensor of shape {shape}"
                )

    @staticmethod
    def _number_dtype(value: Any) -> Any:
        """PyTorch keeps counts in float32; beside float64 parameters they are kept in float64."""
        return FLOAT64 if FLOAT64 in (value.dtype, default_float()) else FLOAT32

    def _prepare(self, p: Tensor, group: Group) -> None:
        """Check the state of a parameter, which its user may have changed, and fill in what it lacks."""
        state = self.state[p]
        self._check_state(state, p, f"a parameter of shape {tuple(p.shape)}")
        for name, value in self.initial_state(p._value, group).items():
            if state.get(name) is None:
                state[name] = wrap(np.asarray(value, self._number_dtype(p._value) if name in self.numbers else None))

    # -- stepping -----------------------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient; those whose ``grad`` is None keep value and state.

        ``closure`` computes the loss and the gradients anew; what it returns is returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        if modes.tracer is not None:
            watch_structure(self, modes.tracer)
        for group in self.param_groups:
            params = [p for p in group["params"] if p._grad is not None]
            if params:
                self._update(group, params)
        return loss

    @quiet
    def _update(self, group: Group, params: list[Tensor]) -> None:
        """One step of the parameters ``params`` of ``group``."""
        if modes.tracer is not None:
            traced_update(self, group, params, modes.tracer)
            return
        self._apply(group, params, self._with_plain_rate(group))

    def _with_plain_rate(self, group: Group) -> Hyper:
        """The group, its learning rate a Python number."""
        if type(group["lr"]) is float:
            return group
        at_least_zero(self._name(), group, "lr")
        return {**group, "lr": number(group["lr"])}

    def _apply(self, group: Group, params: list[Tensor], hyper: Hyper, together: bool = False) -> None:
        plan = self._plans.get(id(group))
        if plan is None or not plan.fits(group, params, self.state, together):
            for p in params:
                self._prepare(p, group)
            plan = self._plans[id(group)] = Plan(group, params, self.state, self._layout, together)
        rule, reads_parameter = self.rule, self.reads_parameter(group)
        for part in plan.parts:
            part.update(rule, hyper, reads_parameter)
