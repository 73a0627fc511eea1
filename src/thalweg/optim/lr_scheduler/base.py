"""The base class of all schedulers."""

from __future__ import annotations

import copy
import functools
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...core.modes import state
from ...core.tape import mark_changed
from ...core.tensor import Tensor, wrap
from ...errors import OptimizerError
from ..checks import number
from ..optimizer import Group, Optimizer

__all__ = ["LRScheduler", "assign", "copied", "current", "per_group", "require_numbers", "restore"]

Rates = list[Any]  # one learning rate for each parameter group: a number, or a tensor

PER_GROUP = ("base_lrs", "_last_lr", "min_lrs", "max_lrs")


class _Effect:
    """A scheduler's step with its arguments; the tensors among them have values only after a run."""

    def __init__(self, step: Any, scheduler: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.step = step
        self.scheduler = scheduler
        self.args = args
        self.kwargs = kwargs

    def tensors(self) -> list[Tensor]:
        return [x for x in (*self.args, *self.kwargs.values()) if isinstance(x, Tensor)]

    def __call__(self, *values: Tensor) -> None:
        given = iter(values)
        args = [next(given) if isinstance(x, Tensor) else x for x in self.args]
        kwargs = {k: next(given) if isinstance(x, Tensor) else x for k, x in self.kwargs.items()}
        self.step(self.scheduler, *args, **kwargs)


def traceable(step: Any) -> Any:
    """``step`` of a scheduler: in a traced function it is noted, and runs for real with each run of the function."""

    @functools.wraps(step)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        tracer = state.tracer
        if tracer is None:
            step(self, *args, **kwargs)
        else:
            effect = _Effect(step, self, args, kwargs)
            tracer.effect(effect, *effect.tensors())

    return wrapper


class LRScheduler:
    """Changes the learning rate of each parameter group, once for each call of ``step``.

    Args:
        optimizer: whose groups are changed; their "initial_lr" becomes the rate that they have now.
        last_epoch: the index of the last step that was taken. -1 starts anew; a schedule that is taken up in its
            midst needs groups with "initial_lr".

    A subclass defines ``get_lr``: the rates for ``last_epoch``, most often made of the current ones, so that several
    schedulers can act on one optimiser. ``_get_closed_form_lr`` may compute them from ``base_lrs`` alone.

    A rate that is a tensor is changed in its own memory. Where it is a vector or a matrix (see ``SGD``), the
    schedules that multiply apply: LambdaLR, MultiplicativeLR, StepLR, MultiStepLR, ConstantLR, LinearLR,
    ExponentialLR, PolynomialLR, ReduceLROnPlateau without min_lr, CosineAnnealingLR and CosineAnnealingWarmRestarts
    without eta_min (a vector may have these, element by element), and SequentialLR and ChainedScheduler of them.

    Call ``optimizer.step()`` before ``scheduler.step()``: the first rate would be skipped otherwise, and a warning
    says so.

    Raises:
        TypeError: ``optimizer`` is none.
        KeyError: a group without "initial_lr" where ``last_epoch`` is not -1.

    >>> import thalweg as tw
    >>> class Hyperbolic(tw.optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [lr / (1 + self.last_epoch) for lr in self.base_lrs]
    >>> optimizer = tw.optim.SGD([tw.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = Hyperbolic(optimizer)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    _get_lr_called_within_step: bool = False
    _is_initial: bool = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked_optimizer(self, optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: parameter group {i} has no 'initial_lr', which last_epoch={last_epoch} "
                    "needs; load the optimiser's state first, or start with last_epoch=-1"
                )
        self.base_lrs: Rates = current(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        self._last_lr: Rates
        watch(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        """Set the first rate."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_last_lr(self) -> Rates:
        """The rates that the last step set, one for each group."""
        if state.tracer is None:
            return self._last_lr
        return [
            state.tracer.watch(self.__dict__, "_last_lr")[i]
            if isinstance(rate, Tensor)
            else state.tracer.number(self.__dict__, "_last_lr", i)
            for i, rate in enumerate(self._last_lr)
        ]

    def get_lr(self) -> Rates:
        """The rates for ``last_epoch``; to be called by ``step`` only."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr")

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "step" in cls.__dict__:
            cls.step = traceable(cls.__dict__["step"])  # type: ignore[method-assign]

    def step(self, epoch: int | None = None) -> None:
        """Set the next rates. An explicit ``epoch`` is deprecated, as in PyTorch."""
        if self._step_count == 1 and not getattr(self.optimizer, "_opt_called", False):
            warnings.warn(
                "lr_scheduler.step() was called before optimizer.step(), so that the first learning rate of the "
                "schedule is skipped; call optimizer.step() first",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is not None:
            warnings.warn("step: an explicit epoch is deprecated; call step() without it", UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        """Set the rates of the next epoch or, from the closed form if there is one, those of ``epoch``."""
        self._get_lr_called_within_step = True
        try:
            self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
            closed = None if epoch is None else getattr(self, "_get_closed_form_lr", None)
            self._set(self.get_lr() if closed is None else closed())
        finally:
            self._get_lr_called_within_step = False

    def _set(self, rates: Rates) -> None:
        groups = self.optimizer.param_groups
        if len(rates) != len(groups):
            raise OptimizerError(
                f"{type(self).__name__}: has {len(rates)} learning rates for {len(groups)} parameter groups; make the "
                "scheduler after the last group was added"
            )
        for group, rate in zip(groups, rates, strict=True):
            assign(group, "lr", rate)
        self._last_lr = current(self.optimizer, "lr")

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "get_lr: computes the next learning rate; the last one is returned by get_last_lr()",
                UserWarning,
                stacklevel=3,
            )

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` returned. The optimiser's rates are part of the optimiser's own state.

        Raises:
            OptimizerError: it belongs to another number of parameter groups, or to no scheduler.
        """
        restore(self, state_dict)


def restore(scheduler: LRScheduler, state: Mapping[str, Any]) -> None:
    """Check a state, then make a copy of it the scheduler's."""
    name, groups = type(scheduler).__name__, len(scheduler.optimizer.param_groups)
    for key in ("last_epoch", "_last_lr"):
        if key in scheduler.__dict__ and key not in state:
            raise OptimizerError(f"{name}: the loaded state has no {key}; it is not the state of such a scheduler")
    for key in PER_GROUP:
        if key in state and len(state[key]) != groups:
            raise OptimizerError(
                f"{name}: {key} of the loaded state has {len(state[key])} entries, the optimiser has {groups} "
                "parameter groups"
            )
    scheduler.__dict__.update(copy.deepcopy(dict(state)))


def checked_optimizer(scheduler: Any, optimizer: Any) -> Optimizer:
    """``optimizer`` if it is one."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(scheduler).__name__}: needs an optimizer, not {type(optimizer).__name__}")
    return optimizer


def watch(optimizer: Optimizer) -> None:
    """Have the optimiser note its next step in ``_opt_called``."""
    if "_opt_called" not in optimizer.__dict__:
        optimizer._opt_called = False
        _FirstStep(optimizer)


class _FirstStep:
    """A hook that notes the first step and removes itself."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.handle = optimizer.register_step_post_hook(self)

    def __call__(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        optimizer._opt_called = True
        self.handle.remove()


def copied(value: Any) -> Any:
    """A tensor's copy, anything else as it is."""
    return wrap(np.array(value._value)) if isinstance(value, Tensor) else value


def current(optimizer: Optimizer, key: str) -> list[Any]:
    """The entry ``key`` of every group; tensors are copied."""
    return [copied(group[key]) for group in optimizer.param_groups]


def assign(group: Group, key: str, value: Any) -> None:
    """Set an option; where it is a tensor, in its own memory."""
    old = group[key]
    if isinstance(old, Tensor):
        old._value[...] = value._value if isinstance(value, Tensor) else value
        mark_changed(old)
    else:
        group[key] = value


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """One value for each group: those of a list, or the same for all."""
    count = len(optimizer.param_groups)
    values = list(value) if isinstance(value, (list, tuple)) else [value] * count
    if len(values) != count:
        raise OptimizerError(f"{name}: got {len(values)} values for {count} parameter groups; give one for each")
    return [copied(v) for v in values]


def require_numbers(scheduler: str, optimizer: Optimizer, why: str, dimensions: tuple[int, ...] = (1, 2)) -> None:
    """Refuse learning rates that are vectors or matrices (or of ``dimensions`` only)."""
    for i, group in enumerate(optimizer.param_groups):
        if number(group["lr"]) is None and group["lr"].ndim in dimensions:
            kind = "vector" if group["lr"].ndim == 1 else "matrix"
            raise OptimizerError(
                f"{scheduler}: the learning rate of parameter group {i} is a {kind}, and {why}; use a schedule that "
                "multiplies it"
            )


LRScheduler.step = traceable(LRScheduler.step)  # type: ignore[method-assign]
