"""What the user chooses about a training run, and the choices that fit when nothing is said."""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .. import optim
from ..errors import RunError

__all__ = ["OPTIMIZERS", "Options", "parse_batch_size", "parse_layers"]

# The command's name for each optimiser that suits any network, its class, and the learning rate used unless one is
# given. Muon is not among them: it updates matrices only, and a network has biases.
OPTIMIZERS = {
    "sgd": ("SGD", 0.05),
    "adam": ("Adam", 2e-3),
    "adamw": ("AdamW", 2e-3),
    "rmsprop": ("RMSprop", 1e-3),
    "adagrad": ("Adagrad", 0.02),
    "adadelta": ("Adadelta", 1.0),
    "adamax": ("Adamax", 4e-3),
    "nadam": ("NAdam", 2e-3),
    "radam": ("RAdam", 2e-3),
    "lion": ("Lion", 3e-4),
}
SGD_MOMENTUM = 0.9


@dataclass(frozen=True)
class Options:
    """How to train. ``lr``, ``momentum`` and ``weight_decay`` are None where the optimiser's own choice holds."""

    layers: tuple[int, ...] = (60, 40)
    epochs: int = 60
    batch_size: int | None = 32  # None: all rows at once
    optimizer: str = "sgd"
    lr: float | None = None
    momentum: float | None = None
    weight_decay: float | None = None
    seed: int = 0

    def check(self) -> Options:
        """The options themselves, with the learning rate filled in, or a RunError that names the bad one."""
        if self.optimizer not in OPTIMIZERS:
            close = difflib.get_close_matches(self.optimizer.lower(), OPTIMIZERS, n=1)
            hint = f"; did you mean {close[0]}?" if close else ";"
            raise RunError(f"there is no optimiser {self.optimizer!r}{hint} choose one of {', '.join(OPTIMIZERS)}")
        if self.epochs < 1:
            raise RunError(f"--epochs must be at least 1, not {self.epochs}")
        if self.batch_size is not None and self.batch_size < 1:
            raise RunError(f"--batch-size must be at least 1, or full, not {self.batch_size}")
        if not 0 <= self.seed < 2**64:
            raise RunError(f"--seed must be between 0 and 2**64 - 1, not {self.seed}")
        if any(n < 1 for n in self.layers):
            raise RunError(f"--layers must be sizes of at least 1, not {','.join(map(str, self.layers))}")
        accepted = self._accepted()
        for name, low, value in (("momentum", 0, self.momentum), ("weight_decay", 0, self.weight_decay)):
            option = f"--{name.replace('_', '-')}"
            if value is not None and not (low <= value and math.isfinite(value)):
                raise RunError(f"{option} must be a finite number of at least {low}, not {value:g}")
            if value is not None and name not in accepted:
                raise RunError(f"the optimiser {self.optimizer} has no {option}; leave it out")
        if self.momentum is not None and self.momentum >= 1:
            raise RunError(f"--momentum must be below 1, not {self.momentum:g}: steps would grow without end")
        if self.lr is not None and not (self.lr > 0 and math.isfinite(self.lr)):
            raise RunError(f"--lr must be a finite number above 0, not {self.lr:g}")
        return self

    def _accepted(self) -> Sequence[str]:
        return list(inspect.signature(getattr(optim, OPTIMIZERS[self.optimizer][0])).parameters)

    @property
    def step_size(self) -> float:
        """The learning rate that training starts with."""
        return OPTIMIZERS[self.optimizer][1] if self.lr is None else self.lr

    def build_optimizer(self, parameters: Any) -> Any:
        """The optimiser, over ``parameters``."""
        chosen = {"momentum": self.momentum, "weight_decay": self.weight_decay}
        if self.optimizer == "sgd" and self.momentum is None:
            chosen["momentum"] = SGD_MOMENTUM
        arguments = {name: value for name, value in chosen.items() if value is not None}
        return getattr(optim, OPTIMIZERS[self.optimizer][0])(parameters, lr=self.step_size, **arguments)

    def to_dict(self) -> dict[str, Any]:
        """The options as they go into settings.json."""
        return {**asdict(self), "batch_size": self.batch_size or "full", "lr": self.step_size}


def parse_layers(text: str) -> tuple[int, ...]:
    """Sizes of the hidden layers from ``60,40``; an empty text or ``none`` is a network without hidden layers.

    >>> parse_layers("60, 40"), parse_layers("none")
    ((60, 40), ())
    """
    if text.strip().lower() in ("", "none"):
        return ()
    try:
        return tuple(int(n) for n in text.split(","))
    except ValueError:
        raise RunError(f"--layers must be sizes separated by commas, such as 60,40, or none, not {text!r}") from None


def parse_batch_size(text: str) -> int | None:
    """A whole number, or None for ``full``."""
    if text.strip().lower() == "full":
        return None
    try:
        return int(text)
    except ValueError:
        raise RunError(f"--batch-size must be a whole number, or full, not {text!r}") from None
