"""Composite primitives replaced by the simpler ones that they are composed of."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.origin import NOWHERE, Origin
from ..core.primitive import Primitive
from ..errors import CompileError
from ..ops.broadcast import expand
from ..ops.operators import Operators
from .graph import CONSTANT, INPUT, Check, Graph, Node, apply, constant

__all__ = ["Expression", "decompose", "holds"]


class Expression(Operators):
    """A node as a value that primitives and operators can be applied to. What it gives is decomposed already."""

    __slots__ = ("dtype", "node", "origin", "shape")

    def __init__(self, node: Node, origin: Origin = NOWHERE) -> None:
        self.node = node
        self.origin = origin
        self.shape = node.shape
        self.dtype = node.dtype

    def interpret(self, primitive: Primitive, values: tuple[Any, ...], params: dict[str, Any]) -> Expression:
        inputs = tuple(_operand(v) for v in values)
        return Expression(composed(primitive, inputs, params, self.origin), self.origin)


def _operand(value: Any) -> Any:
    """An input of a node: a node, a Python number or None."""
    if isinstance(value, Expression):
        return value.node
    return constant(value) if isinstance(value, (np.ndarray, np.generic)) else value


def composed(primitive: Primitive, inputs: tuple[Any, ...], params: dict[str, Any], origin: Origin) -> Node:
    """The node of a primitive, or what it is composed of."""
    if type(primitive).compose is Primitive.compose:
        return apply(primitive, *inputs, origin=origin, **params)
    values = (Expression(x, origin) if type(x) is Node else x for x in inputs)
    result = primitive.compose(*values, **params)
    return result.node if result is not None else apply(primitive, *inputs, origin=origin, **params)


def decompose(graph: Graph) -> tuple[Graph, list[Check]]:
    """The graph without composite primitives, and what its integer inputs must hold.

    The checks are ``graph.checks`` of the result, too.
    """
    replaced: dict[Node, Node] = {}
    checks: list[Check] = []
    for node in graph.nodes():
        new = _decomposed(node, replaced)
        if new.shape != node.shape or new.dtype != node.dtype:
            raise CompileError(f"decompose: {node!r} came out as {new!r}; the primitive's compose() is wrong")
        replaced[node] = new
        if isinstance(node.op, Primitive):
            checks.extend(_limits(node, replaced))
    stated = [check._replace(node=replaced[check.node]) for check in graph.checks]  # these name the user's function
    checks = stated + [check for check in checks if not any(implies(known, check) for known in stated)]
    checks = [check for check in checks if not holds(check)]
    result = Graph(graph.inputs, [replaced[node] for node in graph.outputs], graph.names, dict.fromkeys(checks))
    return result, result.checks


def _limits(node: Node, replaced: dict[Node, Node]) -> list[Check]:
    """What the inputs of a primitive may hold; it may state this of other values that it composes of them."""
    values = (Expression(replaced[x], node.origin) if type(x) is Node else x for x in node.inputs)
    return [Check(limit[0].node, *limit[1:]) for limit in node.op.limits(*values, **node.params)]


def implies(known: Check, check: Check) -> bool:
    """Whether what ``known`` allows is allowed by ``check``."""
    return known.node is check.node and known.low >= check.low and known.high <= check.high


def holds(check: Check) -> bool:
    """Whether this is certain already; raises the error if it is certain to fail."""
    node = check.node.inputs[0] if check.node.op is expand else check.node
    if node.op is not CONSTANT:
        return node.size == 0
    array = node.params["array"]
    outside = array[(array < check.low) | (array >= check.high)]
    if outside.size:
        raise check.error(check.message.format(value=outside[0]))
    return True


def _decomposed(node: Node, replaced: dict[Node, Node]) -> Node:
    if node.op is INPUT or node.op is CONSTANT:
        return node
    inputs = tuple(replaced[x] if type(x) is Node else x for x in node.inputs)
    if type(node.op).compose is Primitive.compose and inputs == node.inputs:
        return node
    return composed(node.op, inputs, node.params, node.origin)
