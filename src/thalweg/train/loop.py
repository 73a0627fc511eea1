"""The training loop: epochs of mini-batch steps, validation after each, and the best weights kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import nn
from ..compiler import compile
from ..core.modes import no_grad
from ..core.tensor import Tensor, wrap
from ..errors import DivergenceError
from ..nn.utils import clip_grad_norm_
from ..ops.random import Generator
from ..optim.lr_scheduler import CosineAnnealingLR
from ..utils.data import DataLoader, TensorDataset
from .options import Options
from .targets import Target

__all__ = ["Epoch", "Part", "Trainer", "Watcher", "evaluate", "network", "outputs_of"]

ROWS_AT_ONCE = 4096  # while evaluating: bounds the memory that hidden layers take


@dataclass(frozen=True)
class Part:
    """Rows that are used alike: inputs (n, width) and what they should give, (n,) classes or (n, 1) numbers."""

    x: NDArray[Any]
    y: NDArray[Any]

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Epoch:
    """What one epoch has shown; a line of metrics.jsonl. ``samples`` is below the training rows if it was stopped."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_score: float
    lr: float
    samples: int
    seconds: float

    @property
    def samples_per_second(self) -> float:
        """Samples trained on in a second; validation is not counted."""
        return self.samples / max(self.seconds, 1e-9)

    def to_dict(self) -> dict[str, Any]:
        """The metrics by name."""
        return {**asdict(self), "samples_per_second": self.samples_per_second}


class Watcher(Protocol):
    """Who is told how training goes."""

    def batch(self, epoch: int, samples: int, loss: float) -> None:
        """A batch is done: samples and mean loss are those of the epoch so far."""

    def epoch(self, epoch: Epoch) -> None:
        """An epoch is done."""


def network(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers of the given sizes with ReLU between them: (n, sizes[0]) -> (n, sizes[-1]).

    >>> network([2, 3, 1])
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): ReLU()
      (2): Linear(in_features=3, out_features=1, bias=True)
    )
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.ReLU()] if layers else []
        layers.append(nn.Linear(inputs, outputs))
    return nn.Sequential(*layers)


def outputs_of(model: nn.Module, x: NDArray[Any]) -> NDArray[Any]:
    """The model's outputs (n, width), computed a few thousand rows at a time without a graph."""
    was_training = model.training
    model.eval()
    with no_grad(), np.errstate(all="ignore"):
        parts = [model(wrap(x[i : i + ROWS_AT_ONCE]))._value for i in range(0, len(x), ROWS_AT_ONCE)]
    model.train(was_training)
    return np.concatenate(parts)


def evaluate(model: nn.Module, target: Target, part: Part) -> tuple[float, float]:
    """The model's mean loss and score on a part."""
    outputs = outputs_of(model, part.x)
    with no_grad(), np.errstate(all="ignore"):
        loss = target.loss(wrap(outputs), wrap(part.y)).item()
        return loss, target.score(outputs, part.y)


class _Count:
    """What an epoch has done so far: samples, and the sum of their losses."""

    def __init__(self, trainer: Trainer, epoch: int, lr: float, watcher: Watcher, stop: Callable[[], bool]) -> None:
        self.trainer = trainer
        self.epoch = epoch
        self.lr = lr
        self.watcher = watcher
        self.stop = stop
        self.samples = 0
        self.total = 0.0
        self.steps = 0

    def add(self, samples: int, loss: float) -> None:
        """A step on so many samples."""
        self.trainer._require_finite(loss, self.epoch, self.lr)
        self.samples += samples
        self.total += samples * loss
        self.watcher.batch(self.epoch, self.samples, self.total / self.samples)

    def slice(self, done: int, total: int | None, losses: Tensor) -> bool:
        """Some steps of a compiled epoch, whose last batch may be short; whether to stop."""
        batch, rows = self.trainer.batch_size, self.trainer.rows
        values = losses._value.astype(np.float64)
        counts = [min(batch, rows - i * batch) for i in range(self.steps, done)]
        self.steps = done
        mean = float(np.dot(values, counts) / sum(counts))
        self.add(sum(counts), mean)
        return self.stop()


class Trainer:
    """Trains a model epoch by epoch and remembers the weights whose validation loss was lowest.

    The learning rate falls from its start to zero along half a cosine (Loshchilov and Hutter, 2017, without
    restarts). The order of the samples depends on the seed and nothing else.

    ``best`` is None until an epoch has been validated; ``history`` lists all epochs.
    """

    def __init__(self, model: nn.Module, target: Target, train: Part, validation: Part, options: Options) -> None:
        self.model = model
        self.target = target
        self.validation = validation
        options = options.settled(len(train), target.clip_norm)
        self.clip_norm = options.clip_norm
        self.optimizer = options.build_optimizer(model.parameters())
        self.scheduler = CosineAnnealingLR(self.optimizer, T_max=options.epochs)
        self.rows = len(train)
        self.batch_size = min(options.batch_size or self.rows, self.rows)
        self.loader: DataLoader[Any] = DataLoader(
            TensorDataset(wrap(train.x), wrap(train.y)),
            batch_size=self.batch_size,
            shuffle=True,
            generator=Generator().manual_seed(options.seed),
        )
        self._parameters = list(model.parameters())
        self.compiled: Any = None if options.eager else compile(self._step)
        self.history: list[Epoch] = []
        self.best: Epoch | None = None
        self._best_state: dict[str, NDArray[Any]] = {}

    def run_epoch(self, watcher: Watcher, stop: Callable[[], bool]) -> Epoch | None:
        """One pass over the training rows, then validation. ``stop`` is asked before each step.

        Returns:
            What the epoch has shown; None if it was stopped before its first step.

        Raises:
            DivergenceError: the loss on a batch or on the validation rows is not finite.
        """
        number = len(self.history) + 1
        lr = float(self.optimizer.param_groups[0]["lr"])
        start = time.perf_counter()
        count = _Count(self, number, lr, watcher, stop)
        with np.errstate(all="ignore"):
            self.model.train()
            if self.compiled is None:
                self._steps(count)
            elif not stop():
                self.compiled.epoch(self.loader, count.slice)
        samples, total = count.samples, count.total
        if not samples:
            return None
        seconds = time.perf_counter() - start
        validation_loss, score = evaluate(self.model, self.target, self.validation)
        self._require_finite(validation_loss, number, lr)
        epoch = Epoch(number, total / samples, validation_loss, score, lr, samples, seconds)
        self.history.append(epoch)
        if self.best is None or validation_loss < self.best.validation_loss:
            self.best = epoch
            self._best_state = {name: tensor._value.copy() for name, tensor in self.model.state_dict().items()}
        self.scheduler.step()
        watcher.epoch(epoch)
        return epoch

    def best_state(self) -> dict[str, Tensor]:
        """The weights of the best epoch, by name."""
        return {name: wrap(array) for name, array in self._best_state.items()}

    def _step(self, x: Tensor, y: Tensor) -> Tensor:
        """One gradient step on a batch; returns the mean loss before it."""
        self.optimizer.zero_grad()
        loss = self.target.loss(self.model(x), y)
        loss.backward()
        if self.clip_norm:
            clip_grad_norm_(self._parameters, self.clip_norm)
        self.optimizer.step()
        return loss.detach()

    def _steps(self, count: _Count) -> None:
        """Gradient steps, one for each batch, line by line."""
        for x, y in self.loader:
            if count.stop():
                return
            count.add(len(y._value), self._step(x, y).item())

    def _require_finite(self, loss: float, epoch: int, lr: float) -> None:
        if not math.isfinite(loss):
            raise DivergenceError(f"the loss became {loss} in epoch {epoch} at learning rate {lr:g}; lower --lr")
