"""Schedules that cycle the learning rate, and the momentum against it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from ...errors import OptimizerError
from ..optimizer import Optimizer
from .base import LRScheduler, Rates, assign, checked_optimizer, per_group, require_numbers
from .factors import attributes_of

__all__ = ["CyclicLR", "OneCycleLR"]

REPLACES = "the schedule replaces it by numbers of its own"


class _MomentumCycle(LRScheduler):
    """What both schedules do with the momentum, or with the first beta of optimisers like Adam."""

    cycle_momentum: bool
    use_beta1: bool

    def _start_momentum(self, optimizer: Optimizer, base: Any, peak: Any, start: bool) -> tuple[list[Any], list[Any]]:
        """Check that there is a momentum, set it to its peak, and note both bounds in the groups."""
        name = type(self).__name__
        if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
            raise OptimizerError(
                f"{name}: {type(optimizer).__name__} has neither momentum nor betas; pass cycle_momentum=False"
            )
        self.use_beta1 = "betas" in optimizer.defaults
        bases = per_group(f"{name}: base_momentum", optimizer, base)
        peaks = per_group(f"{name}: max_momentum", optimizer, peak)
        if start:
            for group, low, high in zip(optimizer.param_groups, bases, peaks, strict=True):
                self._set_momentum(group, high)
                group["max_momentum"], group["base_momentum"] = high, low
        return bases, peaks

    def _set_momentum(self, group: dict[str, Any], momentum: float) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


class CyclicLR(_MomentumCycle):
    """Up from ``base_lr`` to ``max_lr`` in ``step_size_up`` steps, down in ``step_size_down``, and again.

    Args:
        optimizer: whose groups are changed; learning rates must be numbers.
        base_lr: the lower bound, one for all groups or a list.
        max_lr: the upper bound, one for all groups or a list.
        step_size_up: steps of the rise.
        step_size_down: steps of the fall (default: as many).
        mode: "triangular"; "triangular2", which halves the height with each cycle; "exp_range", which multiplies it
            by gamma ** steps.
        gamma: of "exp_range".
        scale_fn: a function for the height, in place of a mode.
        scale_mode: whether ``scale_fn`` is given the number of the "cycle" (from 1) or that of the "iterations".
        cycle_momentum: move the momentum from ``max_momentum`` down to ``base_momentum`` while the rate rises.
        base_momentum: the lower bound of the momentum.
        max_momentum: the upper bound of the momentum.
        last_epoch: the index of the last step that was taken, -1 to start.

    Source: Smith (2017), Cyclical learning rates for training neural networks.

    >>> import thalweg as tw
    >>> optimizer = tw.optim.SGD([tw.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    >>> scheduler = tw.optim.lr_scheduler.CyclicLR(optimizer, base_lr=0.0, max_lr=1.0, step_size_up=2)
    >>> rates = []
    >>> for batch in range(5):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        checked_optimizer(self, optimizer)
        require_numbers("CyclicLR", optimizer, REPLACES)
        bases = per_group("CyclicLR: base_lr", optimizer, base_lr)
        self.max_lrs = per_group("CyclicLR: max_lr", optimizer, max_lr)
        down = step_size_up if step_size_down is None else step_size_down
        if step_size_up <= 0 or down <= 0:
            raise OptimizerError(f"CyclicLR: step sizes must be above 0, got {step_size_up} up and {down} down")
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise OptimizerError(f'CyclicLR: mode must be "triangular", "triangular2" or "exp_range", got {mode!r}')
        self.total_size = float(step_size_up) + float(down)
        self.step_ratio = step_size_up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = self._start_momentum(
                optimizer, base_momentum, max_momentum, last_epoch == -1
            )
        if last_epoch == -1:
            for group, base in zip(optimizer.param_groups, bases, strict=True):
                assign(group, "lr", base)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = bases

    def scale_fn(self, x: float) -> float:
        """The height of the triangle in cycle ``x``, or at step ``x``."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return float(1 / 2.0 ** (x - 1) if self.mode == "triangular2" else self.gamma**x)

    def get_lr(self) -> Rates:
        """The rates on the triangle; sets the momentum too."""
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        part = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            groups, lows, highs = self.optimizer.param_groups, self.base_momentums, self.max_momentums
            for group, low, high in zip(groups, lows, highs, strict=True):
                self._set_momentum(group, high - (high - low) * part * scale)
        return [low + (high - low) * part * scale for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser; a ``scale_fn`` that is an object is saved by its attributes."""
        return {**super().state_dict(), "_scale_fn_custom": attributes_of(self._scale_fn_custom)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` returned; ``scale_fn`` stays."""
        state = dict(state_dict)
        attributes = state.pop("_scale_fn_custom", None)
        super().load_state_dict(state)
        if attributes is not None:
            self._scale_fn_custom.__dict__.update(attributes)


class OneCycleLR(_MomentumCycle):
    """One rise of the rate to ``max_lr`` and one long fall, for a run of known length; to be stepped after each batch.

    Args:
        optimizer: whose groups are changed; learning rates must be numbers.
        max_lr: the peak, one for all groups or a list.
        total_steps: the length of the run; or give ``epochs`` and ``steps_per_epoch``.
        epochs: how many epochs the run has.
        steps_per_epoch: how many steps each has.
        pct_start: the part of the run that the rise takes, from 0 to 1.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: move the momentum from ``max_momentum`` to ``base_momentum`` and back meanwhile.
        base_momentum: the lower bound of the momentum (or of the first beta).
        max_momentum: its upper bound.
        div_factor: the first rate is max_lr / div_factor,
        final_div_factor: the last one the first / final_div_factor.
        three_phase: fall back to the first rate in as many steps as the rise took, and only then to the last one.
        last_epoch: the index of the last step that was taken, -1 to start.

    Raises:
        OptimizerError: an option out of range, a learning rate that is a vector or matrix, or a step after the last.

    Source: Smith and Topin (2019), Super-convergence: very fast training of neural networks using large learning
    rates.

    >>> import thalweg as tw
    >>> optimizer = tw.optim.SGD([tw.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
    >>> scheduler = tw.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=10, anneal_strategy="linear")
    >>> rates = []
    >>> for batch in range(10):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(rate, 2) for rate in rates]
    [0.04, 0.52, 1.0, 0.86, 0.71, 0.57, 0.43, 0.29, 0.14, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        checked_optimizer(self, optimizer)
        require_numbers("OneCycleLR", optimizer, REPLACES)
        self.total_steps = run_length(total_steps, epochs, steps_per_epoch)
        if not 0 <= pct_start <= 1:
            raise OptimizerError(f"OneCycleLR: pct_start must lie between 0 and 1, got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise OptimizerError(f'OneCycleLR: anneal_strategy must be "cos" or "linear", got {anneal_strategy!r}')
        self._schedule_phases = phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = anneal_strategy
        peaks = per_group("OneCycleLR: max_lr", optimizer, max_lr)
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._start_momentum(optimizer, base_momentum, max_momentum, last_epoch == -1)
        if last_epoch == -1:
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["initial_lr"] = peak / div_factor
                group["max_lr"] = peak
                group["min_lr"] = group["initial_lr"] / final_div_factor
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """The rates of this phase; sets the momentum too."""
        self._warn_outside_step()
        if self.last_epoch > self.total_steps:
            raise OptimizerError(
                f"OneCycleLR: this would be step {self.last_epoch}, but the schedule ends after {self.total_steps}; "
                "give the length of the whole run"
            )
        start, phase = 0.0, self._schedule_phases[0]
        for following in self._schedule_phases[1:]:
            if self.last_epoch <= phase["end_step"]:
                break
            start, phase = phase["end_step"], following
        length = phase["end_step"] - start
        part = (self.last_epoch - start) / length if length else 1.0
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                self._set_momentum(group, self._between(group, phase, "momentum", part))
        return [self._between(group, phase, "lr", part) for group in self.optimizer.param_groups]

    def _between(self, group: dict[str, Any], phase: dict[str, Any], what: str, part: float) -> Any:
        """The value of "lr" or "momentum" after ``part`` of the phase."""
        start, end = group[phase[f"start_{what}"]], group[phase[f"end_{what}"]]
        if self._anneal_func_type == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)


def run_length(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    """The number of steps, from either of the two ways to give it."""
    given: dict[str, Any] = {"total_steps": total_steps}
    if total_steps is None:
        if epochs is None or steps_per_epoch is None:
            raise OptimizerError("OneCycleLR: give total_steps, or both epochs and steps_per_epoch")
        given = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    for option, value in given.items():
        if not isinstance(value, int) or value <= 0:
            raise OptimizerError(f"OneCycleLR: {option} must be an integer above 0, got {value!r}")
    return math.prod(given.values())


def phases(total: int, rise: float, three: bool) -> list[dict[str, Any]]:
    """Where each phase ends, and between which entries of the group it leads."""
    up = phase(rise * total - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum")
    if not three:
        return [up, phase(total - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")]
    down = phase(2 * rise * total - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum")
    return [up, down, phase(total - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum")]


def phase(end: float, start_lr: str, end_lr: str, start_momentum: str, end_momentum: str) -> dict[str, Any]:
    """One phase, in the form that ``state_dict`` holds."""
    return {
        "end_step": float(end), "start_lr": start_lr, "end_lr": end_lr, "start_momentum": start_momentum,
        "end_momentum": end_momentum,
    }  # fmt: skip
