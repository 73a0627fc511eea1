"""Schedules that multiply the learning rate by a factor; they apply to vectors and matrices as well."""

from __future__ import annotations

import types
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...errors import OptimizerError
from ..optimizer import Optimizer
from .base import LRScheduler, Rates, checked_optimizer, current, per_group

__all__ = [
    "ConstantLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "PolynomialLR",
    "StepLR",
]

Schedule = Callable[[int], float]


class _FactorLR(LRScheduler):
    """A schedule given twice: by the ratio of a rate to the one before, and by the factor on the first rate."""

    def _ratio(self) -> float | None:
        """What to multiply the current rates with at ``last_epoch``; None leaves them."""
        raise NotImplementedError

    def _factor(self) -> float:
        """The rate at ``last_epoch`` over the first rate, if nobody else has changed it."""
        raise NotImplementedError

    def get_lr(self) -> Rates:
        """The current rates times the ratio."""
        self._warn_outside_step()
        ratio, rates = self._ratio(), current(self.optimizer, "lr")
        return rates if ratio is None else [rate * ratio for rate in rates]

    def _get_closed_form_lr(self) -> Rates:
        factor = self._factor()
        return [rate * factor for rate in self.base_lrs]


class StepLR(_FactorLR):
    """Multiplies the rates by ``gamma`` every ``step_size`` epochs.

    >>> import thalweg as tw
    >>> optimizer = tw.optim.SGD([tw.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tw.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> rates = []
    >>> for epoch in range(6):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        at_least("StepLR", "step_size", step_size, 1)
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _ratio(self) -> float | None:
        """``gamma`` at the multiples of ``step_size``."""
        return self.gamma if self.last_epoch != 0 and self.last_epoch % self.step_size == 0 else None

    def _factor(self) -> float:
        """A power of ``gamma``."""
        return self.gamma ** (self.last_epoch // self.step_size)


class MultiStepLR(_FactorLR):
    """Multiplies the rates by ``gamma`` at each of the ``milestones`` (twice where one is given twice).

    >>> import thalweg as tw
    >>> optimizer = tw.optim.SGD([tw.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tw.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5)
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.5, 0.5, 0.25, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _ratio(self) -> float | None:
        """``gamma`` at a milestone."""
        count = self.milestones.get(self.last_epoch)
        return None if count is None else self.gamma**count

    def _factor(self) -> float:
        """``gamma`` to the number of milestones passed."""
        return self.gamma ** bisect_right(sorted(self.milestones.elements()), self.last_epoch)


class ConstantLR(_FactorLR):
    """Multiplies the rates by ``factor`` until epoch ``total_iters``.

    A factor of 0 is possible: the rates then return to "initial_lr", where PyTorch divides by zero.

    >>> import thalweg as tw
    >>> optimizer = tw.optim.SGD([tw.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tw.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.5, 1.0, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        within("ConstantLR", "factor", factor, 0, 1)
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """The current rates, multiplied at the start and divided again at the end."""
        if self.factor == 0 and self.last_epoch == self.total_iters != 0:
            return list(self.base_lrs)
        return super().get_lr()

    def _ratio(self) -> float | None:
        """``factor`` at the start, its inverse at the end."""
        if self.last_epoch == 0:
            return self.factor
        return 1.0 / self.factor if self.last_epoch == self.total_iters else None

    def _factor(self) -> float:
        """``factor``, or 1 after the end."""
        return self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor)


class LinearLR(_FactorLR):
    """Multiplies the rates by a factor that goes linearly from ``start_factor`` to ``end_factor`` in ``total_iters``.

    >>> import thalweg as tw
    >>> optimizer = tw.optim.SGD([tw.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tw.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.75, 1.0, 1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        within("LinearLR", "start_factor", start_factor, 0, 1)
        within("LinearLR", "end_factor", end_factor, 0, 1)
        if start_factor == 0:
            raise OptimizerError(
                "LinearLR: start_factor must be above 0: the schedule multiplies the rate it has reached"
            )
        at_least("LinearLR", "total_iters", total_iters, 1)
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _ratio(self) -> float | None:
        """The factor of this epoch over that of the last."""
        if self.last_epoch == 0:
            return self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return None
        rise = self.end_factor - self.start_factor
        return 1.0 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise)

    def _factor(self) -> float:
        """On the line, or at its end."""
        rise = self.end_factor - self.start_factor
        return self.start_factor + rise * min(self.total_iters, self.last_epoch) / self.total_iters


class ExponentialLR(_FactorLR):
    """Multiplies the rates by ``gamma`` every epoch.

    >>> import thalweg as tw
    >>> optimizer = tw.optim.SGD([tw.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tw.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _ratio(self) -> float | None:
        """``gamma``, but for the first epoch."""
        return None if self._is_initial else self.gamma

    def _factor(self) -> float:
        """A power of ``gamma``."""
        return float(self.gamma**self.last_epoch)


class PolynomialLR(_FactorLR):
    """Multiplies the rates by (1 - epoch / total_iters) ** power, down to 0.

    >>> import thalweg as tw
    >>> optimizer = tw.optim.SGD([tw.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tw.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=4)
    >>> rates = []
    >>> for epoch in range(6):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(rate, 4) for rate in rates]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        at_least("PolynomialLR", "total_iters", total_iters, 1)
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def _ratio(self) -> float | None:
        """The factor of this epoch over that of the last."""
        if self._is_initial or self.last_epoch > self.total_iters:
            return None
        total = self.total_iters
        return float(((1.0 - self.last_epoch / total) / (1.0 - (self.last_epoch - 1) / total)) ** self.power)

    def _factor(self) -> float:
        """The polynomial, or 0 after its end."""
        return float((1.0 - min(self.total_iters, self.last_epoch) / self.total_iters) ** self.power)


class _FunctionLR(LRScheduler):
    """A schedule given by one function of the epoch for each group."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Schedule | list[Schedule], last_epoch: int = -1) -> None:
        name = type(self).__name__
        self.lr_lambdas: list[Schedule] = per_group(f"{name}: lr_lambda", checked_optimizer(self, optimizer), lr_lambda)
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"{name}: lr_lambda must be a function of the epoch, not {type(function).__name__}")
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser; of the functions those that are objects, by their attributes."""
        state = super().state_dict()
        state["lr_lambdas"] = [attributes_of(function) for function in self.lr_lambdas]
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` returned; functions stay, objects get the attributes that were saved."""
        state = dict(state_dict)
        saved = state.pop("lr_lambdas")
        super().load_state_dict(state)
        for function, attributes in zip(self.lr_lambdas, saved, strict=True):
            if attributes is not None:
                function.__dict__.update(attributes)


class LambdaLR(_FunctionLR):
    """The initial rates times ``lr_lambda(epoch)``: one function for all groups, or a list of one for each.

    >>> import thalweg as tw
    >>> optimizer = tw.optim.SGD([tw.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tw.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def get_lr(self) -> Rates:
        """``base_lrs`` times the functions."""
        self._warn_outside_step()
        return [rate * f(self.last_epoch) for f, rate in zip(self.lr_lambdas, self.base_lrs, strict=True)]


class MultiplicativeLR(_FunctionLR):
    """The current rates times ``lr_lambda(epoch)``: one function for all groups, or a list of one for each.

    >>> import thalweg as tw
    >>> optimizer = tw.optim.SGD([tw.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tw.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.5)
    >>> for _ in range(2):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def get_lr(self) -> Rates:
        """The current rates times the functions, but for the first epoch."""
        self._warn_outside_step()
        rates = current(self.optimizer, "lr")
        if self._is_initial:
            return rates
        return [rate * f(self.last_epoch) for f, rate in zip(self.lr_lambdas, rates, strict=True)]


def attributes_of(function: Any) -> dict[str, Any] | None:
    """What to save of a function: nothing of a plain one, the attributes of an object."""
    if function is None or isinstance(function, types.FunctionType):
        return None
    return dict(getattr(function, "__dict__", {}))


def at_least(name: str, option: str, value: int, least: int) -> None:
    """Refuse a count that is too small."""
    if value < least:
        raise OptimizerError(f"{name}: {option} must be at least {least}, got {value}")


def within(name: str, option: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside of [low, high]."""
    if not low <= value <= high:
        raise OptimizerError(f"{name}: {option} must lie between {low} and {high}, got {value}")
