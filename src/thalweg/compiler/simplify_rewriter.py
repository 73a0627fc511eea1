"""What the rules of simplification share: one node for one value, and rules applied as nodes are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.origin import NOWHERE
from ..core.primitive import Primitive
from ..ops.base import Elementwise, convert
from ..ops.broadcast import expand
from .graph import CONSTANT, INPUT, Graph, Node, apply, constant

__all__ = ["MOVING", "SMALL", "Rewriter", "Rule", "commutative", "is_number", "on", "splat"]

SMALL = 4096  # elements: constants of this size are compared by content, and made freely

Rule = Callable[[Node, "Rewriter"], "Node | None"]

MOVING = "moving"  # rules for all elementwise primitives that come last

_registered: dict[Any, list[Rule]] = {}
_found: dict[Any, list[Rule]] = {}
commutative: set[Any] = set()


def on(*ops: Any) -> Callable[[Rule], Rule]:
    """Register a rule for nodes of these operations; Primitive and Elementwise stand for all of their kind.

    The rule returns a node of the same value, made by the rewriter or found among the inputs, or None. A proposal
    of another shape or dtype is not taken: whether 0-d operands decide a dtype is easier seen from the result than
    foreseen.
    """

    def register(rule: Rule) -> Rule:
        for op in ops:
            _registered.setdefault(op, []).append(rule)
        return rule

    return register


def _rules(op: Any) -> list[Rule]:
    """All rules for one operation, in the order in which they are tried."""
    if op not in _found:
        kinds: list[Any] = [Primitive] if isinstance(op, Primitive) else []
        kinds += [Elementwise, op, MOVING] if isinstance(op, Elementwise) else [op]
        _found[op] = [rule for kind in kinds for rule in _registered.get(kind, ())]
    return _found[op]


def is_number(x: Any) -> bool:
    """Whether an operand is a Python number; NumPy's scalars bring a dtype of their own."""
    return type(x) in (bool, int, float)


def splat(x: Any) -> Any:
    """The constant number that all elements of ``x`` are; None if there is none."""
    if is_number(x):
        return x
    if type(x) is not Node:
        return None
    if x.op is expand:
        x = x.inputs[0]
    return x.params["array"].item() if x.op is CONSTANT and not x.shape else None


class Rewriter:
    """Makes nodes in their simplest form, from nodes that are in theirs.

    Equal values become one node: nodes are known by operation, inputs and parameters, small constants by content.
    ``line`` is the user's line that new nodes are given; ``fired`` counts the rules that had an effect.
    """

    def __init__(self) -> None:
        self.origin = NOWHERE
        self.fired = 0
        self._known: dict[Any, Node] = {}
        self._kept: list[Any] = []  # arrays that are known by identity must not be freed

    def make(self, op: Primitive, *inputs: Any, **params: Any) -> Node:
        """The simplest node for an operation."""
        return self.settle(apply(op, *inputs, origin=self.origin, **params))

    def constant(self, array: Any) -> Node:
        return self.settle(constant(array, self.origin))

    def full(self, value: Any, shape: tuple[int, ...], dtype: Any) -> Node:
        """One number in all places."""
        point = self.constant(np.asarray(value, dtype))
        return self.make(expand, point, shape=shape) if shape else point

    def fit(self, x: Any, shape: tuple[int, ...], dtype: Any) -> Node:
        """A node or number converted and expanded."""
        if type(x) is not Node:
            return self.full(x, shape, dtype)
        if x.dtype != dtype:
            x = self.make(convert, x, dtype=dtype)
        return x if x.shape == shape else self.make(expand, x, shape=shape)

    def settle(self, node: Node) -> Node:
        """The simplest node of the same value as ``node``, whose inputs are settled."""
        key = self._key(node)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._simpler(node)
        return known

    def _simpler(self, node: Node) -> Node:
        for rule in _rules(node.op):
            new = rule(node, self)
            if new is not None and new is not node and new.shape == node.shape and new.dtype == node.dtype:
                self.fired += 1
                return new
        return node

    def _key(self, node: Node) -> Any:
        if node.op is INPUT:
            return node
        if node.op is CONSTANT:
            array = node.params["array"]
            if array.size <= SMALL:
                return CONSTANT, array.dtype, array.shape, array.tobytes()
            self._kept.append(array)
            return CONSTANT, id(array)
        inputs = node.inputs
        if node.op in commutative and type(inputs[0]) is type(inputs[1]) is Node:
            return node.op, frozenset(inputs)
        return (
            node.op,
            tuple(x if type(x) is Node else frozen(x) for x in inputs),
            tuple((k, frozen(v)) for k, v in node.params.items()),
        )

    def graph(self, graph: Graph) -> Graph:
        """The graph with each node in its simplest form."""
        settled: dict[Node, Node] = {}
        for node in graph.nodes():
            self.origin = node.origin
            settled[node] = self.settle(node.rebuilt(settled))
        checks = dict.fromkeys(check._replace(node=settled[check.node]) for check in graph.checks)
        return Graph(graph.inputs, [settled[node] for node in graph.outputs], graph.names, checks)


def frozen(value: Any) -> Any:
    """A parameter as something that can be compared and hashed; equal only where the parameters are the same."""
    kind = type(value)
    if kind is bool or kind is float:  # False == 0 == 0.0 == -0.0
        return kind, repr(value)
    if kind is slice:
        return slice, value.start, value.stop, value.step
    if kind is tuple or kind is list:
        return tuple(map(frozen, value))
    if kind is dict:
        return tuple((k, frozen(v)) for k, v in value.items())
    if isinstance(value, np.ndarray):
        return value.dtype, value.shape, value.tobytes()
    return value
