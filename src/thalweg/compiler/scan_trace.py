"""Loops over time while a function is traced: one node for all steps, and on the tape a loop backwards for it."""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.bundle import Bundle, pick_node
from ..core.modes import state as modes
from ..core.origin import here
from ..core.primitive import Primitive
from ..core.tape import Node as TapeNode
from ..core.tape import edge_of
from ..core.tensor import Tensor, wrap
from ..ops.broadcast import reshape, sum_
from ..ops.linalg import matmul
from ..ops.shape import index, permute
from ..ops.shaping import cat, stack, unsqueeze
from .graph import Graph, Node, apply
from .handle import Handle
from .scan import Body, GraphStep, ManyStep, scan
from .scan_adjoint import Adjoint, OneStep, Term

if TYPE_CHECKING:
    from .trace import Trace

__all__ = ["Loop", "recorded"]

SHORTEST = 3  # steps for which a loop is made
Tensors = Sequence[Tensor]


class Loop:
    """What a loop has computed.

    Attributes:
        results: for each result of the step besides the states its values, stacked in the order of the sequences.
        last: the last states.
    """

    def __init__(self, results: list[Tensor], last: list[Tensor]) -> None:
        self.results = results
        self.last = last


def recorded(
    trace: Trace, step: ManyStep, state: Tensors, sequences: Tensors, constants: Tensors, length: int, reverse: bool
) -> Loop | None:
    """The loop as one node, and how it is differentiated; None if it can't be one."""
    values = [*state, *sequences, *constants]
    handles = [x._value for x in values]
    if not state or length < SHORTEST or any(type(h) is not Handle for h in handles):
        return None
    floating = [modes.recording and h.dtype.kind == "f" for h in handles]
    edges = [edge_of(x) if f else None for x, f in zip(values, floating, strict=True)]
    one = OneStep(trace, step, handles, len(state), len(sequences), [edge is not None for edge in edges])
    return Recorder(trace, one, handles, length, reverse).run(values, edges) if one.is_loop() else None


class Recorder:
    """Makes the node of a loop, and its node on the tape."""

    def __init__(self, trace: Trace, one: OneStep, handles: list[Handle], length: int, reverse: bool) -> None:
        self.trace = trace
        self.one = one
        self.handles = handles
        self.length = length
        self.reverse = reverse
        self.kept = [node for node in one.kept() if node not in one.outputs] if one.differentiable else []
        graph = Graph(one.inputs, [*one.outputs, *self.kept])
        whole = one.differentiable or any(i < one.states for i in one.results[one.states :])
        self.body = Body(graph, one.states, one.sequences, length, reverse, whole)
        nodes = [trace.node_of(h) for h in handles]
        packed = Handle(trace, apply(scan, *nodes, body=self.body, origin=here()))
        self.parts = [self.part(packed, start, shape) for start, shape in self.body.places()]

    def part(self, packed: Handle, start: int, shape: tuple[int, ...]) -> Handle:
        """An output, as a view of the buffer."""
        stretch = packed.view(index, {"index": (slice(start, start + math.prod(shape)),)})
        return stretch.view(reshape, {"shape": shape})

    def run(self, values: Tensors, edges: list[Any]) -> Loop:
        n = self.one.states
        outputs = [wrap(self.new_values(i) if i < n else self.parts[i]) for i in range(len(self.one.outputs))]
        slot = self.body.slots(self.length - 1)[1]
        last = [wrap(part.view(index, {"index": (slot,)})) for part in self.parts[:n]]
        if any(edge is not None for edge in edges):
            call = ScanCall(self)
            node = TapeNode(call, edges, self.handles, cells=[x._version for x in values])
            call.node = weakref.ref(node)
            for i, x in enumerate([*outputs, *last]):
                x._node = pick_node(node, i)
        return Loop([outputs[i] for i in self.one.results[n:]], last)

    def new_values(self, i: int) -> Handle:
        """State i after the steps, in the order of the sequences; what is not kept has no such values."""
        some = slice(0, self.length) if self.reverse else slice(1, self.length + 1)
        return self.parts[i].view(index, {"index": (some,)}) if self.body.kept else self.parts[i]

    def old_values(self, i: int) -> Handle:
        """State i before the steps."""
        some = slice(1, self.length + 1) if self.reverse else slice(0, self.length)
        return self.parts[i].view(index, {"index": (some,)})


class ScanCall(Primitive):
    """One loop on the tape: its cotangents are those of the outputs, then those of the last states."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.node_name = "ScanBackward"
        self.recorder = recorder
        self.node: Any = None

    def pullback(self, edges: Any, dy: Bundle, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        values = [x if isinstance(x, Tensor) else wrap(x) for x in inputs]
        cotangents = {i: d if isinstance(d, Tensor) else wrap(d) for i, d in dy.parts.items()}
        results = Backwards(self, values, cotangents, [edge is not None for edge in edges]).run()
        return results if modes.recording else [None if g is None else g._value for g in results]


class Backwards:
    """The loop backwards of a call, and the gradients by its inputs."""

    def __init__(self, call: ScanCall, values: list[Tensor], cotangents: dict[int, Tensor], wanted: list[bool]) -> None:
        self.call = call
        self.recorder = recorder = call.recorder
        self.one = one = recorder.one
        self.values = values
        self.cotangents = cotangents
        self.wanted = wanted
        # What was kept is no longer at its place in the graph: to be differentiated again, it is computed again.
        kept = [] if modes.recording else recorder.kept
        self.adjoint = Adjoint(one, [i for i in cotangents if i < len(one.outputs)], wanted, kept)

    def run(self) -> list[Tensor | None]:
        adjoint, one, recorder = self.adjoint, self.one, self.recorder
        n = one.states
        given = [self.cotangents.get(len(one.outputs) + i) for i in range(n)]
        starts = [self.zeros(x) if d is None else d for x, d in zip(self.values, given, strict=False)]
        sequences = [self.sequence(x) for x in adjoint.sources]
        constants = [self.values[one.inputs.index(x)] for x in adjoint.constants]
        step = GraphStep(adjoint.graph, n)
        arguments = (starts, sequences, constants, recorder.length, not recorder.reverse)
        loop = recorded(recorder.trace, step, *arguments) or unrolled(step, *arguments)
        stacks = dict(zip(adjoint.others, loop.results, strict=True))
        results: list[Tensor | None] = [*loop.last, *[None] * (len(self.values) - n)]
        for i, node in adjoint.by_input.items():
            results[i] = stacks[node]
        for i, terms in adjoint.terms.items():
            parts = [self.summed(term, stacks) for term in terms]
            results[i] = sum(parts[1:], parts[0])
        return [g if want or i < n else None for i, (g, want) in enumerate(zip(results, self.wanted, strict=True))]

    def zeros(self, like: Tensor) -> Tensor:
        return wrap(np.zeros(like._value.shape, like._value.dtype))

    def sequence(self, x: Node) -> Tensor:
        """What a sequence of the adjoint step holds at all times."""
        kind, i = self.adjoint.names[x]
        if kind == "cotangent":
            return self.cotangents[i]
        if kind == "input":
            return self.values[self.one.states + i]
        if kind == "kept":
            return wrap(self.recorder.parts[len(self.one.outputs) + i])
        if not modes.recording:
            return wrap(self.recorder.old_values(i))
        after = wrap(self.recorder.new_values(i))
        after._node = pick_node(self.call.node(), i)
        first, length = unsqueeze(self.values[i], 0), self.recorder.length
        if self.recorder.reverse:
            return cat([index(after, index=(slice(1, length),)), first])
        return cat([first, index(after, index=(slice(0, length - 1),))])

    def summed(self, term: Term, stacks: dict[Node, Tensor]) -> Tensor:
        """A summand of a constant's gradient, over all times."""
        left = stacks[term.left] if term.left in stacks else self.sequence(term.left)
        if term.right is None:
            return sum_(left, dims=(0, 1) if term.kind == "rows" else (0,), keepdim=False)
        right = stacks[term.right] if term.right in stacks else self.sequence(term.right)
        left, right = (reshape(x, shape=(math.prod(x._value.shape[:2]), x._value.shape[2])) for x in (left, right))
        product: Tensor = matmul(permute(left, dims=(1, 0)), right)
        return product


def unrolled(
    step: ManyStep, state: Tensors, sequences: Tensors, constants: Tensors, length: int, reverse: bool
) -> Loop:
    """The same, step by step."""
    columns: list[Any] = [None] * length
    for t in reversed(range(length)) if reverse else range(length):
        state, columns[t] = step(state, [index(x, index=(t,)) for x in sequences], constants)
    return Loop([stack(list(column)) for column in zip(*columns, strict=True)], list(state))
