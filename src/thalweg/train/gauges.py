"""What is measured while a network trains: norms of gradients, weights and updates, and histograms.

The training itself is not touched. The step is the same program with the same arguments as ever; before it the gradient
is computed once more on the side, and what the step changed is seen from the weights before and after. So the weights
come out the same to the bit, and since the number of measurements is bounded, a long training pays nothing for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import autograd, nn
from ..core.modes import no_grad
from ..core.tensor import Tensor, wrap
from .targets import Target

__all__ = ["Gauges", "Histogram", "Norms", "Snapshot", "evenly"]

MEASURED_STEPS = 50  # of a run, at even distances
GROWTH = 1.15  # the first steps of epochs whose numbers grow by this factor are measured too
MEASURED_ROWS = 2048  # the most rows of a batch that the gradient on the side is computed from
SNAPSHOTS = 20  # epochs of a run with histograms, at even distances
SNAPSHOT_GROWTH = 1.6  # the same for histograms
SAMPLE_ROWS = 256  # validation rows whose activations are looked at
SAMPLE_VALUES = 50_000  # of one tensor, at even distances, that a histogram counts
BINS = 40

Step = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Norms:
    """Euclidean norms for each parameter by its name, each the mean over the measured steps.

    Attributes:
        gradient: of the loss on a batch by the parameter, before any clipping.
        weight: of the parameter before the step.
        update: of what the step added to it.
    """

    gradient: dict[str, float]
    weight: dict[str, float]
    update: dict[str, float]

    def to_dict(self) -> dict[str, dict[str, float]]:
        """The norms as they are called in metrics.jsonl."""
        return {
            "gradient_norms": self.gradient,
            "weight_norms": self.weight,
            "update_norms": self.update,
        }


@dataclass(frozen=True)
class Histogram:
    """How often values fall into bins of the same width between ``low`` and ``high``.

    Attributes:
        low: the smallest finite value.
        high: the largest finite value; a constant has a bin around it.
        counts: of the finite values.
        mean: of the finite values.
        std: their standard deviation.
        zeros: the share of values that are exactly 0.
    """

    low: float
    high: float
    counts: list[int]
    mean: float
    std: float
    zeros: float

    @classmethod
    def of(cls, values: NDArray[Any], bins: int = BINS) -> Histogram:
        """The histogram of an array's values, or of a part of them at even distances if there are many.

        >>> Histogram.of(np.array([0.0, 0.0, 1.0, 4.0]), bins=4)
        Histogram(low=0.0, high=4.0, counts=[2, 1, 0, 1], mean=1.25, std=1.6393596310755, zeros=0.5)
        """
        flat = values.reshape(-1)
        flat = flat[:: max(1, math.ceil(flat.size / SAMPLE_VALUES))].astype(np.float64)
        finite = flat[np.isfinite(flat)]
        if not finite.size:
            return cls(0.0, 0.0, [0] * bins, 0.0, 0.0, 0.0)
        counts, edges = np.histogram(finite, bins=bins)
        zeros = float(np.count_nonzero(finite == 0) / finite.size)
        mean, std = float(finite.mean()), float(finite.std())
        return cls(float(edges[0]), float(edges[-1]), counts.tolist(), mean, std, zeros)


@dataclass(frozen=True)
class Snapshot:
    """Histograms after an epoch: of each parameter, and of what each module gives on a sample of validation rows.

    ``dead`` is for each module the share of its outputs that are 0 on all of these rows.
    """

    epoch: int
    weights: dict[str, Histogram]
    activations: dict[str, Histogram]
    dead: dict[str, float]


class Gauges:
    """Measures a model in training on chosen steps and after chosen epochs, spread evenly over the run.

    Args:
        model: what is trained; activations are those of its children, which must feed one another in their order.
        target: has the loss.
        sample: validation rows (n, width).
        epochs: of the run.
        steps: of an epoch.
    """

    def __init__(self, model: nn.Module, target: Target, sample: NDArray[Any], epochs: int, steps: int) -> None:
        self.model = model
        self.target = target
        self.sample = sample[evenly(len(sample), SAMPLE_ROWS)]
        self.snapshots: list[Snapshot] = []
        self._parameters = dict(model.named_parameters())
        self._steps = steps
        self._chosen = chosen_steps(epochs, steps)
        self._snapshot_epochs = frozenset(chosen_epochs(epochs).tolist())
        self._measured: list[Norms] = []

    def steps_of(self, epoch: int) -> list[int]:
        """Which steps of an epoch, counted from 0, are to be measured; epochs count from 1."""
        first = (epoch - 1) * self._steps
        low, high = np.searchsorted(self._chosen, [first, first + self._steps])
        return (self._chosen[low:high] - first).tolist()

    def measured(self, step: Step, x: Tensor, y: Tensor) -> Tensor:
        """What ``step(x, y)`` returns, with its norms noted."""
        gradient = self._gradient(x, y)
        before = {name: p._value.copy() for name, p in self._parameters.items()}
        loss = step(x, y)
        update = {name: _norm(p._value - before[name]) for name, p in self._parameters.items()}
        self._measured.append(Norms(gradient, {name: _norm(w) for name, w in before.items()}, update))
        return loss

    def norms(self) -> Norms | None:
        """The mean of the norms noted since this was last asked; None if there are none."""
        measured, self._measured = self._measured, []
        if not measured:
            return None
        return Norms(
            *(_mean([getattr(norms, kind) for norms in measured]) for kind in ("gradient", "weight", "update"))
        )

    def after(self, epoch: int) -> None:
        """Take the histograms if it is their turn."""
        if epoch in self._snapshot_epochs:
            self.snapshots.append(self.snapshot(epoch))

    def snapshot(self, epoch: int) -> Snapshot:
        """The histograms of the model as it is now."""
        weights = {name: Histogram.of(p._value) for name, p in self._parameters.items()}
        activations = activations_of(self.model, self.sample)
        dead = {name: float((values == 0).all(0).mean()) for name, values in activations.items()}
        return Snapshot(epoch, weights, {name: Histogram.of(values) for name, values in activations.items()}, dead)

    def _gradient(self, x: Tensor, y: Tensor) -> dict[str, float]:
        """The norm of the loss's gradient by each parameter; gradients that are kept in ``.grad`` stay as they are."""
        if len(x) > MEASURED_ROWS:
            x, y = x[:MEASURED_ROWS], y[:MEASURED_ROWS]
        loss = self.target.loss(self.model(x), y)
        gradients = autograd.grad(loss, list(self._parameters.values()))
        return {
            name: _norm(g._value) if g is not None else 0.0 for name, g in zip(self._parameters, gradients, strict=True)
        }


def chosen_steps(epochs: int, steps: int) -> NDArray[np.int64]:
    """The steps of a run that are measured: fifty at even distances, and the first steps of certain epochs.

    A run may be stopped long before its end, so there are more at its beginning. In a run of many epochs each is the
    first of its epoch.

    >>> chosen_steps(1, 5), chosen_steps(400, 10)[:6]
    (array([0, 1, 2, 3, 4]), array([ 0, 10, 20, 30, 40, 50]))
    """
    spread = (
        evenly(epochs, MEASURED_STEPS) * steps if epochs >= MEASURED_STEPS else evenly(epochs * steps, MEASURED_STEPS)
    )
    return np.union1d(spread, (dwindling(epochs, GROWTH) - 1) * steps)


def chosen_epochs(epochs: int) -> NDArray[np.int64]:
    """The epochs, from 1, after which there are histograms: twenty at even distances, and more at the beginning."""
    return np.union1d(1 + evenly(epochs, SNAPSHOTS), dwindling(epochs, SNAPSHOT_GROWTH))


def dwindling(count: int, growth: float) -> NDArray[np.int64]:
    """Numbers from 1 to ``count``, each at most about ``growth`` times the one before.

    >>> dwindling(100, 2.0)
    array([ 1,  2,  4,  8, 16, 32, 64])
    """
    return np.unique((growth ** np.arange(math.floor(math.log(count, growth) + 1e-9) + 1)).astype(np.int64))


def activations_of(model: nn.Module, x: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """What each child of a sequential model gives for rows (n, width): arrays (n, its width), by name."""
    outputs = {}
    was_training = model.training
    model.eval()
    with no_grad(), np.errstate(all="ignore"):
        flowing = wrap(x)
        for name, child in model.named_children():
            flowing = child(flowing)
            outputs[name] = flowing._value
    model.train(was_training)
    return outputs


def evenly(count: int, most: int) -> NDArray[np.int64]:
    """At most ``most`` of the numbers 0 to count - 1, at even distances, first and last among them.

    >>> evenly(9, 3), evenly(3, 5)
    (array([0, 4, 8]), array([0, 1, 2]))
    """
    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).round().astype(np.int64)


def _norm(x: NDArray[Any]) -> float:
    """The Euclidean norm, in double precision, so that it does not overflow."""
    flat = x.reshape(-1).astype(np.float64)
    return math.sqrt(float(flat @ flat))


def _mean(norms: Iterable[Mapping[str, float]]) -> dict[str, float]:
    rows = list(norms)
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
