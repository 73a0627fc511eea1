"""Schedules along half a cosine."""

from __future__ import annotations

import math

from ...errors import OptimizerError
from ..optimizer import Optimizer
from .base import LRScheduler, Rates, checked_optimizer, current, require_numbers

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"]


class CosineAnnealingLR(LRScheduler):
    """From the initial rates down to ``eta_min`` in ``T_max`` epochs, and up again, along a cosine.

    lr = eta_min + (lr_0 - eta_min) (1 + cos(pi epoch / T_max)) / 2, computed from the current rate so that other
    schedulers can act on it too.

    Source: Loshchilov and Hutter (2017), SGDR: stochastic gradient descent with warm restarts; without the restarts.

    >>> import thalweg as tw
    >>> optimizer = tw.optim.SGD([tw.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tw.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
    >>> rates = []
    >>> for epoch in range(3):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(rate, 4) for rate in rates]
    [1.0, 0.5, 0.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        if T_max <= 0:
            raise OptimizerError(f"CosineAnnealingLR: T_max must be above 0, got {T_max}")
        self.T_max = T_max
        self.eta_min = eta_min
        refuse_matrix_floor(self, checked_optimizer(self, optimizer), eta_min)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """The current rates, moved along the cosine."""
        self._warn_outside_step()
        rates, t, low = current(self.optimizer, "lr"), self.last_epoch, self.eta_min
        if self._is_initial:
            return rates
        step = math.pi / self.T_max
        if (t - 1 - self.T_max) % (2 * self.T_max) == 0:  # the last rate was eta_min, and no ratio leads away from it
            return [
                rate + (base - low) * (1 - math.cos(step)) / 2 for base, rate in zip(self.base_lrs, rates, strict=True)
            ]
        ratio = (1 + math.cos(math.pi * t / self.T_max)) / (1 + math.cos(math.pi * (t - 1) / self.T_max))
        return [ratio * (rate - low) + low for rate in rates]

    def _get_closed_form_lr(self) -> Rates:
        return on_cosine(self.base_lrs, self.eta_min, self.last_epoch, self.T_max)


class CosineAnnealingWarmRestarts(LRScheduler):
    """Cosine annealing that starts anew after ``T_0`` epochs, then after ``T_mult`` times as many, and so on.

    ``step(epoch)`` may be given a fraction of an epoch: ``scheduler.step(epoch + batch / batches)``.

    Source: Loshchilov and Hutter (2017), SGDR: stochastic gradient descent with warm restarts, equation 5.

    >>> import thalweg as tw
    >>> optimizer = tw.optim.SGD([tw.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tw.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(rate, 4) for rate in rates]
    [1.0, 0.5, 1.0, 0.5, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        for option, value in (("T_0", T_0), ("T_mult", T_mult)):
            if not isinstance(value, int) or value < 1:
                raise OptimizerError(f"CosineAnnealingWarmRestarts: {option} must be an integer above 0, got {value!r}")
        if not isinstance(eta_min, (int, float)):
            raise OptimizerError(f"CosineAnnealingWarmRestarts: eta_min must be a number, not {type(eta_min).__name__}")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        refuse_matrix_floor(self, checked_optimizer(self, optimizer), eta_min)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """The rates at ``T_cur`` epochs after the last restart."""
        self._warn_outside_step()
        return on_cosine(self.base_lrs, self.eta_min, self.T_cur, self.T_i)

    def step(self, epoch: float | None = None) -> None:
        """Go on by one epoch, or to ``epoch``, which may be a fraction."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            self._jump(epoch)
        self.last_epoch = math.floor(epoch)
        self._get_lr_called_within_step = True
        try:
            self._set(self.get_lr())
        finally:
            self._get_lr_called_within_step = False

    def _jump(self, epoch: float) -> None:
        """Find the cycle that ``epoch`` lies in."""
        if epoch < 0:
            raise OptimizerError(f"CosineAnnealingWarmRestarts: epoch must not be negative, got {epoch}")
        self.T_i, self.T_cur = self.T_0, epoch
        if epoch < self.T_0:
            return
        if self.T_mult == 1:
            self.T_cur = epoch % self.T_0
            return
        n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
        self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
        self.T_i = self.T_0 * self.T_mult**n


def on_cosine(bases: Rates, low: float, t: float, period: float) -> Rates:
    """From ``bases`` at t = 0 to ``low`` at t = period, along half a cosine."""
    height = 1 + math.cos(math.pi * t / period)
    return [low + (base - low) * height / 2 for base in bases]


def refuse_matrix_floor(scheduler: LRScheduler, optimizer: Optimizer, eta_min: float) -> None:
    """A matrix can't be kept above a number entry by entry without losing its meaning."""
    if eta_min != 0:
        why = f"eta_min={eta_min} is a bound for numbers and vectors"
        require_numbers(type(scheduler).__name__, optimizer, why, dimensions=(2,))
