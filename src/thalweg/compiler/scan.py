"""A loop over time as one node of the graph: one step as a graph of its own, and how often it is applied.

``Scan`` is a primitive with several outputs, which lie one after the other in one buffer: for each state its values
at all times, the first one included (or only two of them in turns, if nobody asks for the others), then what else a
step computes, stacked along time. ``scan_trace`` records such loops, ``scan_code`` writes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.primitive import Primitive
from ..core.tensor import Tensor, wrap
from .graph import CONSTANT, Graph, Node, evaluate

__all__ = ["Body", "GraphStep", "scan"]

Tensors = Sequence[Tensor]
ManyStep = Callable[[Tensors, Tensors, Tensors], tuple[Tensors, Tensors]]


class Body:
    """One step, and how it is repeated.

    Attributes:
        graph: its inputs are the states, what the sequences hold at one time, and the constants; its outputs the new
            states, and whatever else it computes.
        states, sequences: how many inputs these are.
        length: the number of steps.
        reverse: whether they go from the last position of the sequences to the first.
        kept: whether all states are kept, or only the last.
    """

    def __init__(self, graph: Graph, states: int, sequences: int, length: int, reverse: bool, kept: bool) -> None:
        self.graph = graph
        self.states = states
        self.sequences = sequences
        self.length = length
        self.reverse = reverse
        self.kept = kept
        self.dtype = graph.outputs[0].dtype
        self.prepared: Any = None  # by scan_code

    def places(self) -> list[tuple[int, tuple[int, ...]]]:
        """For each output of the step where its values begin in the buffer, and the shape of all of them."""
        places, start = [], 0
        for i, node in enumerate(self.graph.outputs):
            count = self.length
            if i < self.states:
                count = self.length + 1 if self.kept else 2
            places.append((start, (count, *node.shape)))
            start += count * node.size
        return places

    def size(self) -> int:
        start, shape = self.places()[-1]
        return start + math.prod(shape)

    def slots(self, t: int) -> tuple[int, int]:
        """The places of the state before and after step ``t``, counted from the first one that is done."""
        if not self.kept:
            return t % 2, 1 - t % 2
        return (self.length - t, self.length - t - 1) if self.reverse else (t, t + 1)

    def __repr__(self) -> str:
        direction = "backwards" if self.reverse else "forwards"
        return f"<{self.length} steps {direction} of {len(self.graph.nodes())} nodes>"


class Scan(Primitive):
    """The steps of a Body one after the other: states, sequences, constants -> one buffer with all outputs."""

    arity = None

    def shape(self, *inputs: Any, body: Body) -> tuple[int, ...]:
        return (body.size(),)

    def dtype(self, *inputs: Any, body: Body) -> Any:
        return body.dtype

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        """Those of all steps."""
        return params["body"].length * sum(node.flops for node in params["body"].graph.nodes())

    def forward(self, *inputs: Any, body: Body) -> Any:
        flat = np.zeros(body.size(), body.dtype)
        stacks = [flat[a : a + math.prod(shape)].reshape(shape) for a, shape in body.places()]
        n, m = body.states, body.states + body.sequences
        for stack, first in zip(stacks, inputs[:n], strict=False):
            stack[body.slots(0)[0]] = first
        for t in range(body.length):
            before, after = body.slots(t)
            place = body.length - 1 - t if body.reverse else t
            values = [stack[before] for stack in stacks[:n]] + [x[place] for x in inputs[n:m]] + list(inputs[m:])
            for i, result in enumerate(evaluate(body.graph, values)):
                stacks[i][after if i < n else place] = result
        return flat


scan = Scan()


class GraphStep:
    """A step that applies the primitives of a graph to whatever it is given."""

    def __init__(self, graph: Graph, states: int) -> None:
        self.graph = graph
        self.states = states

    def __call__(self, state: Tensors, x: Tensors, constants: Tensors) -> tuple[Tensors, Tensors]:
        known: dict[Node, Any] = dict(zip(self.graph.inputs, [*state, *x, *constants], strict=True))
        for node in self.graph.nodes():
            if node in known:
                continue
            if node.op is CONSTANT:
                known[node] = wrap(node.params["array"])
            else:
                known[node] = node.op(*(known[v] if type(v) is Node else v for v in node.inputs), **node.params)
        results = [known[node] for node in self.graph.outputs]
        results = [y if isinstance(y, Tensor) else wrap(np.asarray(y)) for y in results]
        return results[: self.states], results[self.states :]
