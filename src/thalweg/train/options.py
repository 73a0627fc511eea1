"""What the user chooses about a training run, and the choices that fit when nothing is said."""

from __future__ import annotations

import difflib
import inspect
import math
from dataclasses import asdict, dataclass, replace
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
SGD_BATCH = 16  # the batch size that the learning rate of sgd is meant for
SGD_LARGEST_LR = 0.2
SGD = {"momentum": 0.9, "weight_decay": 1e-3}  # what plain SGD starts from here; the others keep their own defaults


@dataclass(frozen=True)
class Options:
    """How to train. None stands for the choice of the optimiser, or for ``clip_norm`` of the target."""

    layers: tuple[int, ...] = (60, 40)
    epochs: int = 60
    batch_size: int | None = 16  # None: all rows at once
    optimizer: str = "sgd"
    lr: float | None = None
    momentum: float | None = None
    weight_decay: float | None = None
    clip_norm: float | None = None  # 0: gradients are not clipped
    seed: int = 0
    eager: bool = False  # line by line in NumPy, instead of a compiled step

    def check(self) -> Options:
        """The options themselves, or a RunError that names the one that is out of range."""
        if self.optimizer not in OPTIMIZERS:
            close = difflib.get_close_matches(self.optimizer.lower(), OPTIMIZERS, n=1)
            hint = f"; did you mean {close[0]}?" if close else ";"
            raise RunError(f"there is no optimiser {self.optimizer!r}{hint} choose one of {', '.join(OPTIMIZERS)}")
        if self.batch_size is not None and self.batch_size < 1:
            raise RunError(f"--batch-size must be at least 1, or full, not {self.batch_size}")
        if any(n < 1 for n in self.layers):
            raise RunError(f"--layers must be sizes of at least 1, not {','.join(map(str, self.layers))}")
        if self.epochs < 1:
            raise RunError(f"--epochs must be at least 1, not {self.epochs}")
        if not 0 <= self.seed < 2**64:
            raise RunError(f"--seed must be between 0 and 2**64 - 1, not {self.seed}")
        if self.lr is not None and not (self.lr > 0 and math.isfinite(self.lr)):
            raise RunError(f"--lr must be a finite number above 0, not {self.lr:g}")
        for name in ("momentum", "weight_decay", "clip_norm"):
            check_strength(f"--{name.replace('_', '-')}", getattr(self, name))
        if self.momentum is not None and self.momentum >= 1:
            raise RunError(f"--momentum must be below 1, not {self.momentum:g}: steps would grow without end")
        self._check_optimizer_has("momentum")
        self._check_optimizer_has("weight_decay")
        return self

    def _check_optimizer_has(self, name: str) -> None:
        if getattr(self, name) is not None and name not in inspect.signature(self._optimizer_class).parameters:
            raise RunError(f"the optimiser {self.optimizer} has no --{name.replace('_', '-')}; leave it out")

    @property
    def _optimizer_class(self) -> Any:
        return getattr(optim, OPTIMIZERS[self.optimizer][0])

    def settled(self, rows: int, clip_norm: float) -> Options:
        """The options with every choice that was left open made, for ``rows`` to train on; the target clips."""
        own = SGD if self.optimizer == "sgd" else {}
        return replace(
            self,
            lr=self._default_lr(rows) if self.lr is None else self.lr,
            momentum=own.get("momentum") if self.momentum is None else self.momentum,
            weight_decay=own.get("weight_decay") if self.weight_decay is None else self.weight_decay,
            clip_norm=clip_norm if self.clip_norm is None else self.clip_norm,
        )

    def _default_lr(self, rows: int) -> float:
        """The optimiser's, and for sgd in proportion to the batch (Goyal et al., 2017), up to a limit."""
        lr = OPTIMIZERS[self.optimizer][1]
        batch = min(self.batch_size or rows, rows)
        return min(lr * batch / SGD_BATCH, SGD_LARGEST_LR) if self.optimizer == "sgd" else lr

    def build_optimizer(self, parameters: Any) -> Any:
        """The optimiser, over ``parameters``; what is None is left to its defaults."""
        chosen = {"lr": self.lr, "momentum": self.momentum, "weight_decay": self.weight_decay}
        return self._optimizer_class(parameters, **{name: v for name, v in chosen.items() if v is not None})

    def to_dict(self) -> dict[str, Any]:
        """The options as they go into settings.json; null where the optimiser's own choice holds."""
        return {**asdict(self), "batch_size": self.batch_size or "full"}


def check_strength(option: str, value: float | None) -> None:
    """Refuse a number that is negative or not finite."""
    if value is not None and not 0 <= value < math.inf:
        raise RunError(f"{option} must be a finite number of at least 0, not {value:g}")


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
