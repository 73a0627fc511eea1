"""Operations with several outputs: one node for the operation, and one small node to pick each output.

The operation's cotangent is a Bundle, the cotangents of the outputs that were used; bundles that arrive from
different outputs add up like any other cotangents.
"""

from __future__ import annotations

from typing import Any

from .primitive import Primitive
from .tape import Node

__all__ = ["Bundle", "pick_node"]


class Bundle:
    """The cotangents of some of an operation's outputs, by position."""

    __slots__ = ("parts",)

    def __init__(self, parts: dict[int, Any]) -> None:
        self.parts = parts

    def __add__(self, other: Bundle) -> Bundle:
        parts = dict(self.parts)
        for i, dy in other.parts.items():
            parts[i] = parts[i] + dy if i in parts else dy
        return Bundle(parts)


class Pick(Primitive):
    """One output of an operation that has several."""

    def pullback_0(self, dy: Any, y: Any, operation: Any, position: int) -> Any:
        return Bundle({position: dy})


pick = Pick()


def pick_node(operation: Node, position: int) -> Node:
    """The node of output ``position`` of ``operation``."""
    return Node(pick, (operation,), (None,), params={"position": position})
