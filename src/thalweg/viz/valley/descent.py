"""The paths that gradient descent takes: recorded from a training loop, or run here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ...errors import ArgumentError
from ...nn import Module
from ...ops.drawing import randperm
from ...optim import SGD
from ...random import manual_seed
from .objective import Objective, Vector, objective_of, vector_of

__all__ = ["Path", "descend"]

MOST_POINTS = 1000  # that descend keeps of a path


class Path:
    """The weights that a model has had, in order.

    Call ``record`` before the first step and after each one.

    >>> import thalweg as tw
    >>> w, path = tw.tensor([1.0, 2.0], requires_grad=True), Path("by hand")
    >>> for _ in range(3):
    ...     path.record(w)
    ...     w.data *= 0.5
    >>> path.points.tolist()
    [[1.0, 2.0], [0.5, 1.0], [0.25, 0.5]]

    Args:
        name: what the path is called in the picture.
        every: keep only each so many-th of the recorded weights, and the first; the newest is kept, too.
    """

    def __init__(self, name: str = "path", *, every: int = 1) -> None:
        if every < 1:
            raise ArgumentError(f"Path: every should be 1 or more, not {every}")
        self.name = name
        self.every = every
        self.steps = -1  # how many times record was called, less one
        self._kept: list[Vector] = []
        self._newest: Vector | None = None

    def record(self, *weights: Module | Tensor) -> None:
        """Remember where the trainable parameters of a model are, or the tensors that are given."""
        tensors: list[Tensor] = []
        for one in weights:
            tensors += [p for p in one.parameters() if p.requires_grad] if isinstance(one, Module) else [one]
        if not tensors:
            raise ArgumentError("record: there are no weights to record")
        self.add(vector_of(tensors))

    def add(self, point: Vector) -> None:
        """Remember one point, (n,), of as many numbers as those before."""
        if self._newest is not None and point.shape != self._newest.shape:
            raise ArgumentError(
                f"the path {self.name!r} has points of {self._newest.size} weights; one of {point.size} does not fit"
            )
        self.steps += 1
        self._newest = point
        if self.steps % self.every == 0:
            self._kept.append(point)

    @property
    def points(self) -> Vector:
        """The recorded weights, (points, weights), in order."""
        if self._newest is None:
            return np.zeros((0, 0))
        last = [] if self._kept[-1] is self._newest else [self._newest]
        return np.stack([*self._kept, *last])

    def __len__(self) -> int:
        return len(self.points)

    def __repr__(self) -> str:
        return f"Path({self.name!r}: {max(self.steps, 0)} steps)"


def descend(
    model: Any,
    loss: Callable[..., Any] | None = None,
    data: Any = None,
    *,
    x0: Sequence[float] | None = None,
    batch_size: int | None = None,
    lr: float = 0.1,
    steps: int = 100,
    optimizer: Callable[[list[Tensor]], Any] | None = None,
    name: str | None = None,
    seed: int = 0,
) -> Path:
    """The path that an optimiser takes from where the weights are. The model itself is not changed.

    Samples are drawn in passes, each in a new random order. The model is in training mode. The path ends early where
    weights stop being finite.

    Args:
        model: a module, or a function of numbers, which gets tensors of shape () and returns one.
        loss: of the model's output and the target.
        data: (x, y), a TensorDataset, or x alone, for a loss of the output alone.
        x0: for a function: the numbers to start at.
        batch_size: how many samples each step sees: None is all of them, 1 is stochastic gradient descent.
        lr: the step size of gradient descent.
        steps: how many steps.
        optimizer: makes another optimiser from the weights, such as ``lambda weights: tw.optim.Adam(weights, lr=0.1)``.
        name: what the path is called; by default the kind of descent.
        seed: of the order of the samples, and of what the model draws.

    Raises:
        ArgumentError: neither a module with loss and data nor a function with x0 is given, or a number is out of range.

    >>> path = descend(lambda x, y: x * x + 4 * y * y, x0=(1.0, 1.0), lr=0.1, steps=2)
    >>> path.points.round(2).tolist()
    [[1.0, 1.0], [0.8, 0.2], [0.64, 0.04]]
    """
    objective = objective_of(model, loss, data, x0)
    if steps < 0:
        raise ArgumentError(f"descend: steps should not be negative, but is {steps}")
    if batch_size is not None and (objective.rows is None or not 1 <= batch_size <= objective.rows):
        raise ArgumentError(f"descend: batch_size should be None, or from 1 to the {objective.rows} rows there are")
    path = Path(name or _kind(objective, batch_size, optimizer), every=max(1, -(-steps // MOST_POINTS)))
    weights = {k: w.clone().requires_grad_() for k, w in objective.start.items()}
    moved = list(weights.values())
    rule = SGD(moved, lr=lr) if optimizer is None else optimizer(moved)
    with objective.mode(training=True), np.errstate(all="ignore"):  # numbers that overflow end the path
        manual_seed(seed)
        path.add(vector_of(moved))
        for rows in _batches(objective.rows, batch_size, steps):
            rule.step(Closure(objective, weights, rows))
            point = vector_of(moved)
            if not np.isfinite(point).all():
                break
            path.add(point)
    return path


class Closure:
    """What an optimiser calls for the loss, with its gradients in the weights."""

    def __init__(self, objective: Objective, weights: dict[str, Tensor], rows: Tensor | None) -> None:
        self.objective = objective
        self.weights = weights
        self.rows = rows

    def __call__(self) -> Tensor:
        for weight in self.weights.values():
            weight.grad = None
        cost = self.objective.cost(self.weights, self.rows)
        cost.backward()
        return cost


def _batches(rows: int | None, batch_size: int | None, steps: int) -> Iterator[Tensor | None]:
    """Numbers of the samples that each step sees; None for all."""
    if batch_size is None or rows is None:
        yield from (None for _ in range(steps))
        return
    done = 0
    while done < steps:
        for batch in randperm(rows).split(batch_size)[: steps - done]:
            yield batch
            done += 1


def _kind(objective: Objective, batch_size: int | None, optimizer: Callable[..., Any] | None) -> str:
    if batch_size is None or objective.rows is None:
        sees = "" if objective.rows is None else "full batch"
    else:
        sees = "single samples" if batch_size == 1 else f"batches of {batch_size}"
    method = "" if optimizer is None else getattr(optimizer, "__name__", "optimiser").replace("<lambda>", "optimiser")
    return ", ".join(part for part in (method, sees) if part) or "gradient descent"
