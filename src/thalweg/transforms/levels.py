"""Levels: which application of a transformation a value belongs to, and how the tape of one is closed at its end.

While a function is being transformed, its tensors hold values of a level of their own (a batch, or a number with its
tangent), and the tape records as always. Where it leads out, to tensors made before, the values differ: what arrives
there has to be turned into what was there before. The transformation ends by putting a Capture into each such edge.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from ..core import tape
from ..core.primitive import Primitive
from ..core.tape import Node, edge_of
from ..core.tensor import Tensor, wrap
from ..core.value import level_of

__all__ = ["Level", "close", "crossings", "leads_out", "now"]

_numbers = itertools.count(1)


def now() -> int:
    """The time on the tape's clock: nodes that are made later have larger numbers."""
    return next(tape._stamps)


class Level:
    """One application of a transformation. Those that are applied inside it have larger numbers."""

    def __init__(self) -> None:
        self.number = next(_numbers)
        self.start = now()
        self.captures: dict[Any, Node] = {}

    def collected(self, dy: Any) -> Any:
        """A cotangent of this level as one of a tensor that is the same all over the level."""
        raise NotImplementedError

    def capture(self, edge: Any) -> Any:
        """The node between this level and ``edge``, which leads out of it; it comes after all nodes of the level."""
        if isinstance(edge, Tensor) and level_of(edge._value) >= self.number:
            return edge  # a leaf of the level itself
        node = self.captures.get(edge)
        if node is None:
            node = self.captures[edge] = Node(capture, (edge,), (None,), params={"level": self})
            node.number = -(self.start + len(self.captures) * 2.0**-20)
        return node


class Capture(Primitive):
    """Stands between what was made outside of a transformation and its use inside."""

    def pullback_0(self, dy: Any, y: Any, x: Any, level: Level) -> Any:
        return level.collected(dy)


capture = Capture()


def leads_out(edge: Any, start: int) -> bool:
    """Whether an edge leads to a leaf or to a node that was made before ``start``."""
    return edge is not None and (type(edge) is not Node or -edge.number < start)


def crossings(edges: Iterable[Any], start: int) -> Iterator[tuple[Node, int]]:
    """The edges, as (node, position), that lead out of the nodes made since ``start`` that ``edges`` reach."""
    stack = [edge for edge in edges if edge is not None and not leads_out(edge, start)]
    seen = set(stack)
    while stack:
        node = stack.pop()
        for position, edge in enumerate(node.edges):
            if leads_out(edge, start):
                yield node, position
            elif edge is not None and edge not in seen:
                seen.add(edge)
                stack.append(edge)


def close(tensors: Iterable[Tensor], level: Level) -> list[Any]:
    """The edges to ``tensors``, results of a level, with Captures wherever what they are made of leads out of it."""
    edges = [edge_of(x) for x in tensors]
    for node, position in list(crossings(edges, level.start)):
        if node.primitive is capture or node.params.get("level") is not level:  # else a value enters the level
            node.edges = tuple(level.capture(edge) if i == position else edge for i, edge in enumerate(node.edges))
    return [level.capture(edge) if leads_out(edge, level.start) else edge for edge in edges]


def result(value: Any, edge: Any, primitive: Primitive, level: Level) -> Tensor:
    """The tensor of ``value``, which ``primitive`` made of a result of the level that ``edge`` leads to."""
    x = wrap(value)
    if edge is not None and value.dtype.kind == "f":
        x._node = Node(primitive, (edge,), (None,), params={"level": level})
    return x
