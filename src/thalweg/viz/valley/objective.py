"""A cost as a function of its weights: of a module on given data, or of a function of numbers.

Weights are dictionaries of tensors by name, or one vector of all their elements in order. The module itself is never
changed: its parameters and buffers are replaced by copies while it is called.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ...errors import ArgumentError
from ...func import functional_call
from ...nn import Module
from ...ops.creation import tensor
from ...random import fork_rng
from ...utils.data import TensorDataset

__all__ = ["FunctionCost", "ModuleCost", "Objective", "Vector", "argument_names", "objective_of", "vector_of"]

Vector = np.ndarray[Any, np.dtype[Any]]
Weights = Mapping[str, Tensor]


class Objective(ABC):
    """A cost of weights; ``start`` is where they are now, and ``rows`` how many samples there are to average over."""

    start: dict[str, Tensor]
    rows: int | None = None

    @abstractmethod
    def cost(self, weights: Weights, rows: Tensor | None = None) -> Tensor:
        """The cost, of shape (), on all samples or on those of the given numbers."""

    @contextmanager
    def mode(self, training: bool) -> Iterator[None]:
        """While this holds, modules are in training mode, or in evaluation mode; afterwards they, and the random state,
        are as they were.
        """
        with fork_rng():
            yield

    @property
    def size(self) -> int:
        """How many weights there are, in all."""
        return sum(w.numel() for w in self.start.values())

    def unpacked(self, vector: Vector) -> dict[str, Tensor]:
        """A vector of all weights (n,) as tensors like those of ``start``."""
        parts, at = {}, 0
        for name, like in self.start.items():
            part = np.asarray(vector[at : at + like.numel()], dtype=like.numpy().dtype)
            parts[name] = tensor(part.reshape(like.shape))
            at += like.numel()
        return parts


class ModuleCost(Objective):
    """loss(model(*inputs), target), as a function of the model's trainable parameters."""

    def __init__(self, model: Module, loss: Callable[..., Any], data: Any) -> None:
        self.model = model
        self.loss = loss
        self.inputs, self.target = _split(data)
        self.rows = int(self.inputs[0].shape[0]) if self.inputs[0].ndim else None
        self.start = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
        if not self.start:
            raise ArgumentError("the model has no trainable parameters, so its loss does not vary")
        self.buffers = {name: b.detach().clone() for name, b in model.named_buffers()}

    def cost(self, weights: Weights, rows: Tensor | None = None) -> Tensor:
        inputs, target = self.inputs, self.target
        if rows is not None:
            inputs = tuple(x[rows] for x in inputs)
            target = None if target is None else target[rows]
        output = functional_call(self.model, {**self.buffers, **weights}, inputs)
        return _number(self.loss(output) if target is None else self.loss(output, target))

    @contextmanager
    def mode(self, training: bool) -> Iterator[None]:
        before = [(module, module.training) for module in self.model.modules()]
        try:
            self.model.train(training)
            with super().mode(training):
                yield
        finally:
            for module, flag in before:
                module.training = flag


class FunctionCost(Objective):
    """A function of numbers, such as Rosenbrock's, as a cost of the tensors of shape () that it takes."""

    def __init__(self, function: Callable[..., Any], x0: Sequence[float]) -> None:
        self.function = function
        values = np.asarray(x0, dtype=np.float64)
        if values.ndim != 1 or not values.size:
            raise ArgumentError(f"x0 should be one number for each argument of the function, not shape {values.shape}")
        names = argument_names(function, len(values))
        self.start = {name: tensor(value) for name, value in zip(names, values, strict=True)}

    def cost(self, weights: Weights, rows: Tensor | None = None) -> Tensor:
        return _number(self.function(*(weights[name] for name in self.start)))


def objective_of(model: Any, loss: Any, data: Any, x0: Any) -> Objective:
    """The cost that the arguments of ``trajectory`` and ``descend`` describe.

    Raises:
        ArgumentError: neither a module with a loss and data is given, nor a function with x0.
    """
    if isinstance(model, Module):
        if loss is None or data is None or x0 is not None:
            raise ArgumentError("a model needs a loss and data, and no x0: its own weights are the start")
        return ModuleCost(model, loss, data)
    if not callable(model) or x0 is None or loss is not None or data is not None:
        raise ArgumentError("give a module, a loss and data, or a function of numbers and x0, the numbers to start at")
    return FunctionCost(model, x0)


def vector_of(weights: Sequence[Tensor]) -> Vector:
    """The elements of tensors, one after the other, as a new vector (n,)."""
    return np.concatenate([w.detach().numpy().ravel() for w in weights])


def _split(data: Any) -> tuple[tuple[Tensor, ...], Tensor | None]:
    """Inputs and target of (x, y), of ((x1, x2), y), of a TensorDataset, or of inputs alone."""
    if isinstance(data, TensorDataset):
        data = (data.tensors[:-1], data.tensors[-1]) if len(data.tensors) > 1 else data.tensors[0]
    if isinstance(data, Tensor):
        return (data,), None
    if isinstance(data, tuple | list) and len(data) == 2 and (data[1] is None or isinstance(data[1], Tensor)):
        inputs = tuple(data[0]) if isinstance(data[0], tuple | list) else (data[0],)
        if inputs and all(isinstance(x, Tensor) for x in inputs):
            return inputs, data[1]
    raise ArgumentError(
        "the data should be a pair of tensors (x, y), a pair of several inputs and a target ((x1, x2), y), a "
        f"TensorDataset, or a tensor of inputs alone, not {type(data).__name__}"
    )


def _number(cost: Any) -> Tensor:
    if not isinstance(cost, Tensor) or cost.numel() != 1:
        found = f"a tensor of shape {tuple(cost.shape)}" if isinstance(cost, Tensor) else type(cost).__name__
        raise ArgumentError(f"the loss should be a single number, not {found}; reduce it, by mean() for example")
    return cost.reshape(())


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """What a function calls its first ``count`` arguments; x0, x1 and so on if it does not say.

    >>> argument_names(lambda a, b: a, 2), argument_names(lambda *numbers: 0, 2)
    (['a', 'b'], ['x0', 'x1'])
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return plain[:count] if len(plain) >= count else [f"x{i}" for i in range(count)]
