"""The graph: a plain record of the primitives that a function applies.

A Node is one application. Its inputs are Nodes, Python numbers (which take the dtype of what they meet) or None;
its parameters are those of the primitive. Besides primitives there are two kinds: ``INPUT``, whose value arrives at
run time, and ``CONSTANT``, whose value is an array. A Graph is legal if ``check`` passes; every stage returns one
that does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..core.origin import NOWHERE, Origin
from ..core.primitive import Primitive
from ..errors import CompileError

__all__ = ["CONSTANT", "INPUT", "Check", "Graph", "Node", "evaluate"]

INPUT = "input"
CONSTANT = "constant"


class Node:
    """One value of the graph and how it is made.

    Attributes:
        op: a Primitive, INPUT or CONSTANT.
        inputs: Nodes, Python numbers, None.
        params: the primitive's parameters; ``{"array": ...}`` for a CONSTANT, ``{"name": ...}`` for an INPUT.
        origin: where in the user's code and in which call of a module it was made.
    """

    __slots__ = ("dtype", "inputs", "op", "origin", "params", "shape")

    def __init__(
        self,
        op: Any,
        inputs: tuple[Any, ...],
        params: dict[str, Any],
        shape: tuple[int, ...],
        dtype: Any,
        origin: Origin = NOWHERE,
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.params = params
        self.shape = tuple(int(n) for n in shape)
        self.dtype = np.dtype(dtype)
        self.origin = origin

    @property
    def line(self) -> str:
        """Where in the user's code it was made, "file.py:12", or ""."""
        return self.origin.line

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        size = 1
        for n in self.shape:
            size *= n
        return size

    @property
    def name(self) -> str:
        return self.op if isinstance(self.op, str) else self.op.name

    @property
    def flops(self) -> int:
        """How many operations on numbers it takes; 0 if it is no primitive's."""
        return self.op.flops(self, *self.inputs, **self.params) if isinstance(self.op, Primitive) else 0

    def parents(self) -> Iterator[Node]:
        """The nodes that it reads."""
        for x in self.inputs:
            if type(x) is Node:
                yield x

    def rebuilt(self, made: dict[Node, Node]) -> Node:
        """The node with what took the places of its inputs; itself if nothing did."""
        inputs = tuple(made[x] if type(x) is Node else x for x in self.inputs)
        if all(a is b for a, b in zip(inputs, self.inputs, strict=True)):
            return self
        return Node(self.op, inputs, self.params, self.shape, self.dtype, self.origin)

    def __repr__(self) -> str:
        return f"<{self.name} {self.dtype}{list(self.shape)}>"


def constant(array: Any, origin: Origin = NOWHERE) -> Node:
    """A node for an array that is known now."""
    array = np.asarray(array)
    return Node(CONSTANT, (), {"array": array}, array.shape, array.dtype, origin)


def placeholder(name: str, shape: tuple[int, ...], dtype: Any) -> Node:
    """A node whose value arrives at run time."""
    return Node(INPUT, (), {"name": name}, shape, dtype)


def apply(op: Primitive, *inputs: Any, origin: Origin = NOWHERE, **params: Any) -> Node:
    """The node of ``op`` on inputs, its shape and dtype by the primitive's own rules."""
    return Node(op, inputs, params, op.shape(*inputs, **params), op.dtype(*inputs, **params), origin)


class Check(NamedTuple):
    """What must hold before a run may write anything: low <= every element of ``node`` < high.

    If not, ``error`` is raised with ``message``, in which "{value}" stands for the first element outside.
    """

    node: Node
    low: int
    high: int
    error: type[Exception]
    message: str


class Graph:
    """Inputs, and the outputs that are computed from them.

    ``names`` says what each output is for, for reading only; ``checks`` what must hold of values on the way.
    """

    def __init__(
        self,
        inputs: Iterable[Node],
        outputs: Iterable[Node],
        names: Iterable[str] = (),
        checks: Iterable[Check] = (),
    ) -> None:
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.names = list(names) or ["result"] * len(self.outputs)
        self.checks = list(checks)

    def nodes(self) -> list[Node]:
        """What the outputs and the checks need, each after what it reads."""
        return ordered([*self.outputs, *(check.node for check in self.checks)])

    def check(self) -> None:
        """Refuse a graph that is not legal: a foreign input, a shape or dtype that the primitive's rule denies."""
        known = set(self.inputs)
        for node in self.nodes():
            if node.op is INPUT and node not in known:
                raise CompileError(f"graph: {node!r} named {node.params['name']!r} is not among the graph's inputs")
            if isinstance(node.op, Primitive):
                shape = tuple(node.op.shape(*node.inputs, **node.params))
                if shape != node.shape:
                    raise CompileError(f"graph: {node!r} should have shape {shape} by the rule of {node.name}")

    def __repr__(self) -> str:
        return self.text()

    def text(self) -> str:
        """One line for each node: name, dtype and shape, operation, inputs, the user's line."""
        names: dict[Node, str] = {}
        lines = []
        for node in self.inputs:
            names[node] = f"%{len(names)}"
            lines.append(f"{names[node]:>5} = input {_typed(node)}  {node.params['name']}")
        for node in self.nodes():
            if node in names:
                continue
            names[node] = f"%{len(names)}"
            lines.append(f"{names[node]:>5} = {_described(node, names)}")
        lines.extend(f"  {name} <- {names[node]}" for name, node in zip(self.names, self.outputs, strict=True))
        return "\n".join(lines)


def _typed(node: Node) -> str:
    return f"{node.dtype}[{', '.join(map(str, node.shape))}]"


def _described(node: Node, names: dict[Node, str]) -> str:
    where = f"   # {node.line}" if node.line else ""
    if node.op is CONSTANT:
        array = node.params["array"]
        text = np.array2string(array, threshold=4, edgeitems=2, separator=", ").replace("\n", " ")
        return f"constant {_typed(node)}  {text}{where}"
    inputs = ", ".join(names[x] if type(x) is Node else repr(x) for x in node.inputs)
    params = "".join(f", {k}={v!r}" for k, v in node.params.items())
    return f"{node.name} {_typed(node)}  ({inputs}{params}){where}"


def ordered(outputs: Iterable[Node]) -> list[Node]:
    """Everything that ``outputs`` depend on, each node after what it reads; found without recursion."""
    done: set[Node] = set()
    result: list[Node] = []
    stack: list[tuple[Node, bool]] = [(node, False) for node in reversed(list(outputs))]
    while stack:
        node, expanded = stack.pop()
        if node in done:
            continue
        if expanded:
            done.add(node)
            result.append(node)
            continue
        stack.append((node, True))
        stack.extend((x, False) for x in reversed(node.inputs) if type(x) is Node and x not in done)
    return result


def users(nodes: Iterable[Node]) -> dict[Node, list[Node]]:
    """For each node those that read it, once for every time that they do."""
    result: dict[Node, list[Node]] = {}
    for node in nodes:
        for x in node.parents():
            result.setdefault(x, []).append(node)
    return result


def evaluate(graph: Graph, values: Iterable[Any]) -> list[Any]:
    """The outputs computed by NumPy, node by node: what every later stage must agree with."""
    known: dict[Node, Any] = dict(zip(graph.inputs, values, strict=True))
    with np.errstate(all="ignore"):
        for node in graph.nodes():
            if node in known:
                continue
            known[node] = evaluate_node(node, [known[x] if type(x) is Node else x for x in node.inputs])
    return [known[node] for node in graph.outputs]


def evaluate_node(node: Node, inputs: list[Any]) -> Any:
    """One node by its primitive's forward."""
    if node.op is CONSTANT:
        return node.params["array"]
    return np.asarray(node.op.forward(*inputs, **node.params), node.dtype)
