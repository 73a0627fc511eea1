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
from ..utils.data import DataLoader, Subset, TensorDataset
from .gauges import Gauges, Norms, evenly
from .options import Options
from .targets import Target

__all__ = ["Epoch", "Part", "Trainer", "Watcher", "evaluate", "network", "outputs_of"]

ROWS_AT_ONCE = 4096  # while evaluating: bounds the memory that hidden layers take
TRAIN_SAMPLE = 512  # training rows, at even distances, that the training score is computed from


@dataclass(frozen=True)
class Part:
    """Rows that are used alike: inputs (n, width) and what they should give, (n,) classes or (n, 1) numbers."""

    x: NDArray[Any]
    y: NDArray[Any]

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Epoch:
    """What one epoch has shown; a line of metrics.jsonl. ``samples`` is below the training rows if it was stopped.

    ``train_score`` and ``norms`` are None after epochs that were not measured.
    """

    epoch: int
    train_loss: float
    validation_loss: float
    validation_score: float
    lr: float
    samples: int
    seconds: float
    train_score: float | None = None
    norms: Norms | None = None

    @property
    def samples_per_second(self) -> float:
        """Samples trained on in a second; validation is not counted."""
        return self.samples / max(self.seconds, 1e-9)

    def to_dict(self) -> dict[str, Any]:
        """The metrics by name."""
        metrics = {**asdict(self), "samples_per_second": self.samples_per_second}
        del metrics["norms"]
        return {**metrics, **(self.norms.to_dict() if self.norms else {})}


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
        self.stopped = False

    def add(self, samples: int, loss: float) -> None:
        """Steps on so many samples, with their mean loss."""
        self.trainer._require_finite(loss, self.epoch, self.lr)
        self.samples += samples
        self.total += samples * loss
        self.watcher.batch(self.epoch, self.samples, self.total / self.samples)

    def slice(self, done: int, total: int | None, losses: Tensor) -> bool:
        """Some steps of a compiled pass, whose last batch may be short; whether to stop."""
        batch, left = self.trainer.batch_size, self.trainer.rows - self.samples
        values = losses._value.astype(np.float64)
        counts = [min(batch, left - i * batch) for i in range(len(values))]
        self.add(sum(counts), float(np.dot(values, counts) / sum(counts)))
        return self.stopping()

    def stopping(self) -> bool:
        """Whether to stop; once that is so it stays so."""
        self.stopped = self.stopped or self.stop()
        return self.stopped


class Trainer:
    """Trains a model epoch by epoch and remembers the weights whose validation loss was lowest.

    The learning rate falls from its start to zero along half a cosine (Loshchilov and Hutter, 2017, without
    restarts). The order of the samples depends on the seed and nothing else.

    ``best`` is None until an epoch has been validated; ``history`` lists all epochs. With ``measure`` the ``gauges``
    look at some of the steps; the weights are the same without.
    """

    def __init__(
        self, model: nn.Module, target: Target, train: Part, validation: Part, options: Options, measure: bool = False
    ) -> None:
        self.model = model
        self.target = target
        self.validation = validation
        sample = evenly(len(train), TRAIN_SAMPLE)
        self.train_sample = Part(train.x[sample], train.y[sample])
        options = options.settled(len(train), target.clip_norm)
        self.clip_norm = options.clip_norm
        self.optimizer = options.build_optimizer(model.parameters())
        self.scheduler = CosineAnnealingLR(self.optimizer, T_max=options.epochs)
        self.rows = len(train)
        self.batch_size = min(options.batch_size or self.rows, self.rows)
        self.data = TensorDataset(wrap(train.x), wrap(train.y))
        self.loader: DataLoader[Any] = DataLoader(
            self.data,
            batch_size=self.batch_size,
            shuffle=True,
            generator=Generator().manual_seed(options.seed),
        )
        self._parameters = list(model.parameters())
        self.compiled: Any = None if options.eager else compile(self._step)
        self.gauges = Gauges(model, target, validation.x, options.epochs, len(self.loader)) if measure else None
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
            self._pass(count)
        samples, total = count.samples, count.total
        if not samples:
            return None
        seconds = time.perf_counter() - start
        validation_loss, score = evaluate(self.model, self.target, self.validation)
        self._require_finite(validation_loss, number, lr)
        epoch = Epoch(
            number, total / samples, validation_loss, score, lr, samples, seconds, *self._measurements(number)
        )
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

    def _pass(self, count: _Count) -> None:
        """An epoch's steps: those that are to be measured one by one, all between them at once."""
        order = self.loader.epoch_order()
        size, last = self.batch_size, len(self.loader)
        start = 0
        for step in [*(self.gauges.steps_of(count.epoch) if self.gauges else []), last]:
            if step > start:
                self._steps(order[start * size : step * size], count)
            if step < last and not count.stopping():
                self._measured_step(order[step * size : (step + 1) * size], count)
            start = step + 1

    def _steps(self, rows: NDArray[np.int64], count: _Count) -> None:
        """Gradient steps on rows in this order, one for each batch."""
        loader = DataLoader(Subset(self.data, rows), batch_size=self.batch_size)  # type: ignore[arg-type]
        if self.compiled is not None:
            if not count.stopping():
                self.compiled.epoch(loader, count.slice)
            return
        for x, y in loader:
            if count.stopping():
                return
            count.add(len(y._value), self._step(x, y).item())

    def _measured_step(self, rows: NDArray[np.int64], count: _Count) -> None:
        """One step on a batch of these rows that the gauges look at."""
        assert self.gauges is not None
        x, y = (wrap(tensor._value.take(rows, 0)) for tensor in self.data.tensors)
        count.add(len(rows), self.gauges.measured(self.compiled or self._step, x, y).item())

    def _measurements(self, epoch: int) -> tuple[float | None, Norms | None]:
        """The score on training rows and the norms, if this epoch was measured."""
        if self.gauges is None:
            return None, None
        self.gauges.after(epoch)
        norms = self.gauges.norms()
        return (evaluate(self.model, self.target, self.train_sample)[1], norms) if norms else (None, None)

    def _require_finite(self, loss: float, epoch: int, lr: float) -> None:
        if not math.isfinite(loss):
            raise DivergenceError(f"the loss became {loss} in epoch {epoch} at learning rate {lr:g}; lower --lr")
