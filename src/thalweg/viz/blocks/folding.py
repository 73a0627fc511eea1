"""Repeated blocks: containers of the same make, one after the other, drawn once."""

from __future__ import annotations

from typing import Any

from ...compiler.graph import Node
from .units import Unit

__all__ = ["fold"]


def fold(root: Unit, results: list[Node]) -> dict[Node, Node]:
    """Let one unit stand for each run of equal ones, where each gets what the one before it gives.

    Returns:
        For the operations of the units that are left out, the operations that stand for them.
    """
    folding = _Folding(root, results)
    for unit in list(root.walk()):
        if unit.opens() or unit is root:
            folding.fold_children(unit)
    return folding.instead


class _Folding:
    def __init__(self, root: Unit, results: list[Node]) -> None:
        self.instead: dict[Node, Node] = {}
        self.results = set(results)
        self.users: dict[Node, set[Node]] = {}
        for node in root.operations():
            for x in node.parents():
                self.users.setdefault(x, set()).add(node)

    def fold_children(self, parent: Unit) -> None:
        kept: list[Unit] = []
        tail: dict[Unit, Unit] = {}  # for a unit that stands for several the last of them
        for child in parent.children:
            last = tail.get(kept[-1], kept[-1]) if kept else None
            if last is not None and child.op is None and self._follows(last, child):
                first = kept[-1]
                first.repeats += 1
                tail[first] = child
                standing = first.operations()
                self.instead.update(zip(child.operations(), standing, strict=True))
            else:
                kept.append(child)
        parent.children = kept

    def _follows(self, a: Unit, b: Unit) -> bool:
        """Whether b is made like a, gets what a gives, and nobody else gets it."""
        if a.op is not None or a.backward != b.backward or signature(a) != signature(b):
            return False
        inside_a, inside_b = set(a.operations()), set(b.operations())
        given = [n for n in inside_a if self.users.get(n, set()) - inside_a]
        taken = [n for n in given if self.users[n] & inside_b]
        return bool(taken) and all(self.users[n] <= inside_a | inside_b and n not in self.results for n in given)


def signature(unit: Unit) -> Any:
    """Two units with equal signatures look the same."""
    if unit.op is not None:
        node = unit.op
        kinds = tuple((x.shape, str(x.dtype)) if type(x) is Node else repr(x) for x in node.inputs)
        return (node.name, node.shape, str(node.dtype), kinds, tuple(p.shape for p in unit.parameters))
    cls = unit.scope.type if unit.scope is not None else unit.line
    return (cls, unit.backward, unit.repeats, tuple(signature(child) for child in unit.children))
