"""What tracing gives: a graph, where its inputs come from, and where its outputs go."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.tensor import Tensor
from .graph import Graph
from .guards import Guards, Source
from .lifting import VALUE

if TYPE_CHECKING:
    from .handle import Handle

__all__ = ["Gradient", "NumberResult", "Outside", "Recording", "Result", "value_of"]


class Outside:
    """A tensor from outside that the function has touched, as it was before."""

    __slots__ = (
        "argument", "array", "count", "extra", "handle", "node", "owner", "owner_argument", "position", "tensor",
        "version", "view",
    )  # fmt: skip

    def __init__(self, tensor: Tensor, array: Any, argument: int | None) -> None:
        self.tensor = tensor
        self.array = array
        self.argument = argument
        self.owner: Tensor | None = None  # whose gradient it is
        self.owner_argument: int | None = None
        self.handle: Handle | None = None
        self.position = -1  # among the inputs of the graph
        self.node, self.view, self.extra = tensor._node, tensor._view, tensor._extra
        self.version, self.count = tensor._version, tensor._version[0]

    def restore(self) -> None:
        VALUE.__set__(self.tensor, self.array)
        self.tensor._node, self.tensor._view, self.tensor._extra = self.node, self.view, self.extra
        self.tensor._version = self.version
        self.version[0] = self.count


class Gradient:
    """What becomes of ``tensor.grad`` in a run: None, another tensor, or the output at ``position``."""

    __slots__ = ("argument", "position", "replacement", "tensor")

    def __init__(self, tensor: Tensor, argument: int | None, replacement: Tensor | None, position: int = -1) -> None:
        self.tensor = tensor
        self.argument = argument
        self.replacement = replacement
        self.position = position


class Recording:
    """What tracing gives: the graph, where its inputs come from, and where its outputs go.

    Attributes:
        graph: outputs are, in this order, the written tensors, gradients, results, and values for effects.
        sources: for each input an Outside, a Number's Source, or a Generator.
        writes: for each written tensor the position of the input that it is.
        gradients: tensors whose ``grad`` a run exchanges.
        results: the function's result with ``Result`` places for tensors.
        generators: how many blocks each generator draws.
        floats: the floats among the arguments of the run.
        argument_grads: which arguments, by position, had a gradient, where the function looks at it.
        before, after: what else to call with each run, with the positions of the outputs it is given.
    """

    def __init__(self) -> None:
        self.graph = Graph([], [])
        self.sources: list[Any] = []
        self.writes: list[int] = []
        self.gradients: list[Gradient] = []
        self.results: Any = None
        self.generators: dict[Any, int] = {}
        self.before: list[Callable[..., Any]] = []
        self.after: list[tuple[Callable[..., Any], list[int]]] = []
        self.guards = Guards()
        self.requires_history = False
        self.floats: list[float] = []
        self.argument_grads: dict[int, bool] = {}


class Result:
    """The place of a tensor in a function's result: an output of the graph, or a tensor from outside."""

    __slots__ = ("argument", "position", "requires_grad", "tensor")

    def __init__(self, position: int, tensor: Tensor | None, argument: int | None, requires_grad: bool) -> None:
        self.position = position
        self.tensor = tensor
        self.argument = argument
        self.requires_grad = requires_grad


class NumberResult(Result):
    """The place of a number that is read or computed anew for each run."""


def value_of(source: Any) -> Any:
    """The array that an input of the graph has now: of a tensor from outside, a number, or a generator's state."""
    if type(source) is Outside:
        return source.array
    if type(source) is Source:
        return np.array(source.number(), np.float64)
    return np.array([source._seed, source._counter], np.uint64)
