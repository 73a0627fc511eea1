"""The learning rate of stochastic weight averaging."""

from __future__ import annotations

import math
from typing import Any

from ...errors import OptimizerError
from ..lr_scheduler import LRScheduler
from ..optimizer import Optimizer

__all__ = ["SWALR"]


class SWALR(LRScheduler):
    """Moves each group's rate to ``swa_lr`` within ``anneal_epochs`` steps, and leaves it there.

    Args:
        optimizer: whose groups are changed.
        swa_lr: the rate to end with: a number, or one for each group.
        anneal_epochs: steps that the way takes.
        anneal_strategy: "cos" or "linear".
        last_epoch: the index of the last step that was taken.

    Raises:
        OptimizerError: an unknown strategy, a negative number of epochs, or another number of rates than of groups.

    >>> import thalweg as tw
    >>> optimizer = tw.optim.SGD([tw.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tw.optim.swa_utils.SWALR(optimizer, swa_lr=0.2, anneal_epochs=2, anneal_strategy="linear")
    >>> for _ in range(2):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.2]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: Any,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        groups = optimizer.param_groups
        rates = list(swa_lr) if isinstance(swa_lr, (list, tuple)) else [swa_lr] * len(groups)
        if len(rates) != len(groups):
            raise OptimizerError(f"SWALR: swa_lr has {len(rates)} entries for {len(groups)} parameter groups")
        if anneal_strategy not in ("cos", "linear"):
            raise OptimizerError(f"SWALR: anneal_strategy must be 'cos' or 'linear', not {anneal_strategy!r}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise OptimizerError(f"SWALR: anneal_epochs must be an int of 0 or more, got {anneal_epochs!r}")
        for group, rate in zip(groups, rates, strict=True):
            group["swa_lr"] = rate
        self.anneal_epochs = anneal_epochs
        self.anneal_strategy = anneal_strategy
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """How much of the way is behind after ``step`` steps."""
        t = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return t if self.anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[Any]:
        """The rates after one more step, from the present ones: others may change them too."""
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            target, rate = group["swa_lr"], group["lr"]
            start = target if before == 1 else (rate - before * target) / (1 - before)
            rates.append(target * now + start * (1 - now))
        return rates
