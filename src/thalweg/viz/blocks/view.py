"""What is visible when some containers are open: units, and the variables that go between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...compiler.graph import Node
from .program import Program, Role
from .units import Unit, Variable

__all__ = ["View"]


class View:
    """A picture's contents for a set of open containers.

    Attributes:
        root: the tree of units.
        variables: what goes between the units that are visible.
    """

    def __init__(
        self, program: Program, root: Unit, instead: dict[Node, Node], is_open: Callable[[Unit], bool]
    ) -> None:
        self.program, self.root, self._instead, self._is_open = program, root, instead, is_open
        self._unit_of = {unit.op: unit for unit in root.walk() if unit.op is not None}
        self.variables: list[Variable] = []
        self._consumers = self._all_consumers()
        for node in self._consumers:
            self._add(node)
        for node, name in program.results:
            self._add_result(node, name)

    def is_open(self, unit: Unit) -> bool:
        """Whether the inside of a unit is visible, if the unit is."""
        return unit is self.root or (unit.opens() and self._is_open(unit))

    def visible(self, unit: Unit) -> Unit:
        """The unit that shows a unit: the outermost closed one around it, or itself."""
        shown = unit
        while unit.parent is not None:
            if not self.is_open(unit):
                shown = unit
            unit = unit.parent
        return shown

    def home(self, v: Variable) -> Unit:
        """The container that a variable stands in: that of what makes it; what is given or comes out is outside."""
        if v.role == "computed" and v.producer is not None and v.producer.parent is not None:
            return v.producer.parent
        return self.root

    def units(self) -> Iterator[Unit]:
        """The visible units, each before what it contains."""
        stack = [self.root]
        while stack:
            unit = stack.pop()
            if unit is not self.root:
                yield unit
            if self.is_open(unit):
                stack.extend(reversed(unit.children))

    def blocks(self) -> list[Unit]:
        """The visible units that are not open."""
        return [unit for unit in self.units() if not self.is_open(unit)]

    def _all_consumers(self) -> dict[Node, list[Unit]]:
        """For each value the visible units that read it and do not make it, in the order of the graph."""
        found: dict[Node, dict[Unit, None]] = {}
        for node in self.program.graph.nodes():
            if node not in self._unit_of:
                continue
            reader = self.visible(self._unit_of[node])
            for x in node.parents():
                x = self._instead.get(x, x)
                made = self._unit_of.get(x)
                if made is None or self.visible(made) is not reader:
                    found.setdefault(x, {})[reader] = None
        return {node: list(readers) for node, readers in found.items()}

    def _add(self, node: Node) -> None:
        made = self._unit_of.get(node)
        if made is not None:
            name = "C" if _is_cost(node) and self._is_result(node) else ""
            self._append(node, "computed", name, self.visible(made), self._consumers[node])
            return
        given = self.program.inputs.get(node)
        if given is not None and given.role in (Role.ARGUMENT, Role.DATA):
            self._append(node, "observed", given.name, None, self._consumers[node])

    def _is_result(self, node: Node) -> bool:
        return any(self._instead.get(n, n) is node for n, _ in self.program.results)

    def _add_result(self, node: Node, name: str) -> None:
        node = self._instead.get(node, node)
        made = self._unit_of.get(node)
        if made is not None:
            self._append(node, "result", name, self.visible(made), [])

    def _append(self, node: Node, role: str, name: str, producer: Unit | None, consumers: list[Unit]) -> None:
        self.variables.append(Variable(f"v{len(self.variables)}", node, role, name, producer, consumers))


def _is_cost(node: Node) -> bool:
    return not node.shape and node.dtype.kind == "f"


def is_cost(unit: Unit, view: View) -> bool:
    """Whether a block gives a scalar cost: all that others see of it is one number, which comes out of the program."""
    given = [v for v in view.variables if v.producer is unit]
    return any(v.role == "result" for v in given) and all(_is_cost(v.node) for v in given)
