"""A schedule that waits for the loss to stop falling."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ...errors import OptimizerError
from ..checks import number
from ..optimizer import Group, Optimizer
from .base import LRScheduler, assign, checked_optimizer, current, per_group, require_numbers

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(LRScheduler):
    """Multiplies the rates by ``factor`` once a measure has not improved for more than ``patience`` epochs.

    Args:
        optimizer: whose groups are changed.
        mode: "min" if the measure should fall, as a loss; "max" if it should rise, as an accuracy.
        factor: below 1.
        patience: epochs without improvement that are tolerated.
        threshold: what counts as an improvement: better than best * (1 -+ threshold) if ``threshold_mode`` is "rel",
            than best -+ threshold if it is "abs".
        threshold_mode: "rel" or "abs".
        cooldown: epochs to wait after a reduction.
        min_lr: rates do not fall below it; one for all groups or a list. Must be 0 for a matrix.
        eps: a change of the rate smaller than this is left out.

    ``step`` takes the measure. It can't be part of SequentialLR or ChainedScheduler.

    Raises:
        OptimizerError: an option out of range.

    >>> import thalweg as tw
    >>> optimizer = tw.optim.SGD([tw.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tw.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in [3.0, 2.0, 2.0, 2.0, 1.0]:
    ...     scheduler.step(loss)
    ...     print(loss, scheduler.get_last_lr())
    3.0 [1.0]
    2.0 [1.0]
    2.0 [1.0]
    2.0 [0.5]
    1.0 [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if not 0 <= factor < 1:
            raise OptimizerError(f"ReduceLROnPlateau: factor must lie in [0, 1), got {factor}")
        if mode not in ("min", "max"):
            raise OptimizerError(f'ReduceLROnPlateau: mode must be "min" or "max", got {mode!r}')
        if threshold_mode not in ("rel", "abs"):
            raise OptimizerError(f'ReduceLROnPlateau: threshold_mode must be "rel" or "abs", got {threshold_mode!r}')
        self.optimizer = checked_optimizer(self, optimizer)
        self.min_lrs = per_group("ReduceLROnPlateau: min_lr", optimizer, min_lr)
        if any(low != 0 for low in self.min_lrs):
            require_numbers("ReduceLROnPlateau", optimizer, "min_lr is a bound for numbers and vectors", (2,))
        self.default_min_lr = None if isinstance(min_lr, (list, tuple)) else min_lr
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.eps = eps
        self.last_epoch = 0
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0
        self._last_lr = current(optimizer, "lr")

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]  # PyTorch's signature
        """Take the measure of another epoch into account."""
        if epoch is not None:
            warnings.warn("step: an explicit epoch is deprecated; call step(metrics)", UserWarning, stacklevel=2)
        value = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(value, self.best):
            self.best = value
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = current(self.optimizer, "lr")

    @property
    def in_cooldown(self) -> bool:
        return self.cooldown_counter > 0

    def _is_better(self, value: float, best: float) -> bool:
        if self.threshold_mode == "rel":
            return (
                value < best * (1.0 - self.threshold) if self.mode == "min" else value > best * (self.threshold + 1.0)
            )
        return value < best - self.threshold if self.mode == "min" else value > best + self.threshold

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise OptimizerError(
                    f"ReduceLROnPlateau: has {len(self.min_lrs)} values of min_lr for {len(groups)} parameter groups; "
                    "set min_lrs anew after adding a group"
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, low in zip(groups, self.min_lrs, strict=True):
            self._reduce_group(group, low)

    def _reduce_group(self, group: Group, low: Any) -> None:
        old = number(group["lr"])
        if old is not None:
            new = max(old * self.factor, low)
            if old - new > self.eps:
                assign(group, "lr", new)
            return
        value = group["lr"]._value
        lower = low._value if isinstance(low, Tensor) else low
        reduced = value * self.factor if value.ndim == 2 else np.maximum(value * self.factor, lower)
        if np.max(np.abs(value - reduced)) > self.eps:
            assign(group, "lr", reduced)
