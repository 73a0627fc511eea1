"""One step of a loop over time, its adjoint, and which values of the step the adjoint reads.

Of these the expensive ones are kept by the loop forwards, the others computed again. A gradient by a constant is a
sum over time: where it is a product of values of each step, these are stacked, and one product after the loop does
the sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.gradient import grad
from ..core.modes import state as modes
from ..core.primitive import Primitive
from ..core.tape import LEAF
from ..core.tensor import Tensor, wrap
from ..ops.broadcast import expand, sum_
from ..ops.elementwise import add
from ..ops.linalg import matmul
from ..ops.shape import permute
from .fuse import REDUCTIONS, is_elementwise
from .graph import CONSTANT, INPUT, Graph, Node, apply, constant, ordered, placeholder
from .handle import Handle
from .layout import is_view
from .recompute import CHEAP
from .scan import ManyStep
from .simplify import simplify

if TYPE_CHECKING:
    from .trace import Trace

__all__ = ["Adjoint", "OneStep", "Term"]


class OneStep:
    """A step applied to placeholders, and its gradients by all of them.

    Attributes:
        inputs: states, what the sequences hold at one time, constants.
        outputs: the new states, and what else the step computes, each once.
        results: for each result of the step which output it is.
        cotangents: for each output the placeholder of its cotangent, None if it has none.
        gradients: for each input its cotangent, None if it has none.
    """

    def __init__(
        self, trace: Trace, step: ManyStep, handles: Sequence[Handle], states: int, sequences: int, wants: list[bool]
    ) -> None:
        self.trace = trace
        self.states = states
        self.sequences = sequences
        self.differentiable = any(wants)
        of_one_time = range(states, states + sequences)
        shapes = [h.shape[1:] if i in of_one_time else h.shape for i, h in enumerate(handles)]
        self.inputs = [
            placeholder(f"input {i}", s, h.dtype) for i, (s, h) in enumerate(zip(shapes, handles, strict=True))
        ]
        holders = [wrap(Handle(trace, node)) for node in self.inputs]
        for i, x in enumerate(holders):
            if self.differentiable and (wants[i] or i < states) and x._value.dtype.kind == "f":
                x._node = LEAF
        before = self.outside()
        recording, modes.recording = modes.recording, self.differentiable
        try:
            new, others = step(holders[:states], holders[states : states + sequences], holders[states + sequences :])
            self.pure = self.outside() == before and all(isinstance(y._value, Handle) for y in (*new, *others))
            if self.pure:
                self.take([*new, *others], holders)
        finally:
            modes.recording = recording
            trace.generators = before[0]
            del trace.checks[before[1] :]

    def outside(self) -> tuple[Any, ...]:
        """What a step must not change: draws, checks, and what is read or called outside."""
        trace = self.trace
        return dict(trace.generators), len(trace.checks), len(trace.inputs), len(trace.after), len(trace.before)

    def take(self, results: list[Tensor], holders: list[Tensor]) -> None:
        nodes = [self.trace.node_of(y._value) for y in results]
        tensors = dict(zip(nodes, results, strict=True))
        self.outputs = list(tensors)
        self.results = [self.outputs.index(node) for node in nodes]
        self.cotangents: list[Node | None] = [None] * len(self.outputs)
        self.gradients: list[Node | None] = [None] * len(holders)
        if self.differentiable:
            self.differentiate(list(tensors.values()), holders)

    def differentiate(self, outputs: list[Tensor], holders: list[Tensor]) -> None:
        """The gradients of all outputs together by all inputs that have one."""
        starts = []
        for i, y in enumerate(outputs):
            if y.requires_grad:
                self.cotangents[i] = cotangent = placeholder(f"cotangent {i}", y._value.shape, y._value.dtype)
                starts.append(wrap(Handle(self.trace, cotangent)))
        sources = [(i, x) for i, x in enumerate(holders) if x._node is LEAF]
        if not starts:
            return
        roots = [y for y in outputs if y.requires_grad]
        found = grad(roots, [x for _, x in sources], starts, allow_unused=True)
        for (i, _), g in zip(sources, found, strict=True):
            self.gradients[i] = None if g is None else self.trace.node_of(g._value)

    def is_loop(self) -> bool:
        """Whether a native loop can do what the step and its adjoint do."""
        if not self.pure or self.results[: self.states] != list(range(self.states)):
            return False
        if any(self.outputs[i].shape != x.shape for i, x in enumerate(self.inputs[: self.states])):
            return False
        if any(y.dtype != self.inputs[0].dtype or y.dtype.kind != "f" for y in self.outputs):
            return False
        known = [*self.inputs, *(c for c in self.cotangents if c is not None)]
        wanted = [*self.outputs, *(g for g in self.gradients if g is not None)]
        if any(node.op is INPUT and node not in known for node in ordered(wanted)):
            return False
        graph = simplify(Graph(known, wanted))
        return not graph.checks and all(is_native(node) for node in graph.nodes())

    def kept(self) -> list[Node]:
        """Values of the step that its adjoint reads, and that are better kept than computed again."""
        gradients = [g for g in self.gradients if g is not None]
        nodes = ordered(gradients)
        late = {c for c in self.cotangents if c is not None}
        for node in nodes:
            if any(x in late for x in node.parents()):
                late.add(node)
        stack = [x for node in nodes if node in late for x in node.parents()] + gradients
        found: dict[Node, None] = {}
        seen = set(late)
        while stack:
            node = stack.pop()
            if node in seen or node.op in (INPUT, CONSTANT):
                continue
            seen.add(node)
            if is_view(node) or node.op in CHEAP or node.dtype != self.inputs[0].dtype:
                stack.extend(node.parents())
            else:
                found[node] = None
        return list(found)


def is_native(node: Node) -> bool:
    """Whether there is native code for a node of a simplified graph."""
    if node.op in (INPUT, CONSTANT) or is_view(node) or is_elementwise(node) or node.op in REDUCTIONS:
        return True
    return node.op is matmul or type(node.op).lower is not Primitive.lower


class Term:
    """A summand of a constant's gradient: what each step adds to it.

    kind: "product" for left^T right, "rows" for the sum of the rows of left, "whole" for left itself.
    """

    def __init__(self, kind: str, left: Node, right: Node | None = None) -> None:
        self.kind = kind
        self.left = left
        self.right = right


def terms_of(node: Node) -> list[Term]:
    """The summands of a gradient; they are sums over the first axis of what a step computes, where possible."""
    if node.op is add and all(type(x) is Node and x.shape == node.shape for x in node.inputs):
        return [term for x in node.inputs for term in terms_of(x)]
    turned = is_turned(node)
    product = node.inputs[0] if turned else node
    if product.op is matmul and product.ndim == 2 and is_turned(product.inputs[0]):
        pair = product.inputs[0].inputs[0], product.inputs[1]
        return [Term("product", *(pair[::-1] if turned else pair))]
    if node.op is sum_ and node.inputs[0].ndim == node.ndim + 1 and node.params["dims"] == (0,):
        return [Term("rows", node.inputs[0])]
    return [Term("whole", node)]


def is_turned(node: Node) -> bool:
    """Whether it is a matrix transposed."""
    return node.op is permute and node.params["dims"] == (1, 0)


class Adjoint:
    """The step of the loop backwards.

    Its states are the cotangents of the states. Its sequences are named in ``sources``: ("cotangent", i) of an
    output, ("before", i) for state i before the step, ("input", j), ("kept", k) for what the loop forwards has kept;
    ``constants`` are the inputs that it needs as constants. ``others`` are the outputs besides the states, ``by_input``
    the gradients of the sequences, ``terms`` those of the constants.
    """

    def __init__(self, one: OneStep, present: Iterable[int], wanted: list[bool], kept: list[Node]) -> None:
        n, m = one.states, one.states + one.sequences
        self.one = one
        present = set(present)
        self.carried = [placeholder(f"carried {i}", x.shape, x.dtype) for i, x in enumerate(one.inputs[:n])]
        self.names: dict[Node, tuple[str, int]] = {}
        made: dict[Node, Node] = {}
        for k, node in enumerate(kept):
            made[node] = self.named("kept", k, node)
        for i, (y, cotangent) in enumerate(zip(one.outputs, one.cotangents, strict=True)):
            if cotangent is None:
                continue
            given = self.named("cotangent", i, y) if i in present else None
            if i < n:
                made[cotangent] = self.carried[i] if given is None else apply(add, self.carried[i], given)
            else:
                made[cotangent] = zeros(y) if given is None else given
        self.names.update({x: ("before", i) for i, x in enumerate(one.inputs[:n])})
        self.names.update({x: ("input", i) for i, x in enumerate(one.inputs[n:m])})
        gradients = [self.rebuilt(g, made) for g in one.gradients]
        states = [zeros(x) if g is None else g for x, g in zip(self.carried, gradients, strict=False)]
        self.others: dict[Node, None] = {}
        self.by_input: dict[int, Node] = {}
        self.terms: dict[int, list[Term]] = {}
        for i, g in enumerate(gradients):
            if i < n or g is None or not wanted[i]:
                continue
            if i < m:
                self.by_input[i] = g
                self.others[g] = None
            else:
                self.terms[i] = terms_of(g)
                self.others.update(dict.fromkeys(self.computed(self.terms[i])))
        needed = [x for x in ordered([*states, *self.others]) if x.op is INPUT and x not in self.carried]
        self.sources = [x for x in needed if x in self.names]
        self.constants = [x for x in needed if x not in self.names]
        self.graph = Graph([*self.carried, *self.sources, *self.constants], [*states, *self.others])

    def named(self, kind: str, position: int, like: Node) -> Node:
        node = placeholder(f"{kind} {position}", like.shape, like.dtype)
        self.names[node] = (kind, position)
        return node

    def rebuilt(self, target: Node | None, made: dict[Node, Node]) -> Node | None:
        """A gradient with what takes the places of the cotangents and of what was kept."""
        if target is None:
            return None
        for node in ordered([target]):
            if node not in made:
                made[node] = node.rebuilt(made)
        return made[target]

    def computed(self, terms: list[Term]) -> Iterable[Node]:
        """What the steps have to give for these terms: the factors that are not there already."""
        for term in terms:
            for x in (term.left, term.right):
                if x is not None and x not in self.names:
                    yield x


def zeros(like: Node) -> Node:
    return apply(expand, constant(np.zeros((), like.dtype)), shape=like.shape)
