"""Schedulers made of schedulers: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import OptimizerError
from ..optimizer import Optimizer
from .base import LRScheduler, assign, current, restore
from .plateau import ReduceLROnPlateau

__all__ = ["ChainedScheduler", "SequentialLR"]


class _Composed(LRScheduler):
    """What both have in common: parts that belong to one optimiser, and a state made of theirs."""

    _schedulers: Sequence[LRScheduler]

    def _check_parts(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None) -> None:
        name = type(self).__name__
        if len(schedulers) < 1:
            raise OptimizerError(f"{name}: needs at least one scheduler")
        for i, part in enumerate(schedulers):
            if not hasattr(part, "optimizer"):
                raise TypeError(f"{name}: entry {i} is no scheduler but of type {type(part).__name__}")
            if isinstance(part, ReduceLROnPlateau):
                raise OptimizerError(
                    f"{name}: entry {i} is a ReduceLROnPlateau, whose step needs a measure; step it apart"
                )
            if part.optimizer is not (optimizer or schedulers[0].optimizer):
                raise OptimizerError(f"{name}: entry {i} ({type(part).__name__}) belongs to another optimizer")

    def _update_lr(self, epoch: int | None = None) -> None:
        """Begin anew, when the turn in a SequentialLR comes: all parts from epoch 0."""
        for group in self.optimizer.param_groups:
            assign(group, "lr", group["initial_lr"])
        start_over(self)
        self._initial_step()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser, with the state of each part."""
        state = super().state_dict()
        state["_schedulers"] = [part.state_dict() for part in self._schedulers]
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` returned."""
        state = dict(state_dict)
        parts = state.pop("_schedulers")
        if len(parts) != len(self._schedulers):
            raise OptimizerError(
                f"{type(self).__name__}: the loaded state has {len(parts)} schedulers, this one has "
                f"{len(self._schedulers)}"
            )
        restore(self, state)
        for part, saved in zip(self._schedulers, parts, strict=True):
            part.load_state_dict(saved)


class SequentialLR(_Composed):
    """One scheduler after the other, the next from each of the ``milestones`` on; every one counts from 0.

    So does a SequentialLR that is part of another. In PyTorch it reaches its milestones one epoch too early.

    >>> import thalweg as tw
    >>> optimizer = tw.optim.SGD([tw.zeros(1, requires_grad=True)], lr=1.0)
    >>> warmup = tw.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> decay = tw.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> scheduler = tw.optim.lr_scheduler.SequentialLR(optimizer, [warmup, decay], milestones=[2])
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.75, 1.0, 0.5, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1
    ) -> None:
        self._check_parts(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise OptimizerError(
                f"SequentialLR: {len(schedulers)} schedulers need {len(schedulers) - 1} milestones, got "
                f"{len(milestones)}"
            )
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch
        self.optimizer = optimizer
        for group in optimizer.param_groups:  # every part has set its own first rate when it was made
            assign(group, "lr", group["initial_lr"])
        for part in schedulers:
            take_back(part)
        self._initial_step()

    def _initial_step(self) -> None:
        self.last_epoch += 1
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:  # type: ignore[override]  # PyTorch's signature
        """Step the scheduler whose turn it is."""
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        part = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            part._update_lr(0)
        else:
            part.step()
        self._last_lr = part.get_last_lr()


class ChainedScheduler(_Composed):
    """All of the schedulers at each step, one acting on the result of the other.

    >>> import thalweg as tw
    >>> optimizer = tw.optim.SGD([tw.zeros(1, requires_grad=True)], lr=1.0)
    >>> slow = tw.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> decay = tw.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> scheduler = tw.optim.lr_scheduler.ChainedScheduler([slow, decay])
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.25, 0.25, 0.125]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self._check_parts(schedulers, optimizer)
        self._schedulers = schedulers
        self.optimizer = optimizer or schedulers[0].optimizer
        self._last_lr = current(self.optimizer, "lr")

    def _initial_step(self) -> None:
        for part in self._schedulers:
            part._initial_step()
        self._last_lr = current(self.optimizer, "lr")

    def step(self) -> None:  # type: ignore[override]  # PyTorch's signature
        """Step all of them."""
        for part in self._schedulers:
            part.step()
        self._last_lr = current(self.optimizer, "lr")


def take_back(scheduler: LRScheduler) -> None:
    """Undo the first step of a scheduler, or of all its parts."""
    if "last_epoch" in scheduler.__dict__:
        scheduler.last_epoch -= 1
    for part in getattr(scheduler, "_schedulers", ()):
        take_back(part)


def start_over(scheduler: LRScheduler) -> None:
    """Put a scheduler, and all its parts, before their first step."""
    if "last_epoch" in scheduler.__dict__:
        scheduler.last_epoch = -1
    for part in getattr(scheduler, "_schedulers", ()):
        start_over(part)
