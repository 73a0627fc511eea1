"""What is visible when some containers are open: units, and the variables that go between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...compiler.graph import Node
from .program import Program, Role
from .units import Unit, Variable, title_of

__all__ = ["View", "is_cost"]

LONG_LINES = 12  # of states to the backward pass, and gradients that come out: more are written beside the blocks


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
        self._results = [(instead.get(node, node), name) for node, name in program.results]
        self._apart = sum(len(self._readers_backward(node)) for node in self._consumers) > LONG_LINES
        for node in self._consumers:
            self._add(node)
        gradients = [(node, name) for node, name in self._results if node in self._unit_of and is_gradient(name)]
        self.within = gradients if len(gradients) > LONG_LINES else []
        for node, name in self._results:
            if (node, name) not in self.within:
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
        """The container that a variable stands in: that of its block; what is given or comes out stands outside."""
        beside = v.producer if v.role == "computed" else v.consumers[0] if v.role == "kept" else None
        return beside.parent if beside is not None and beside.parent is not None else self.root

    def units(self) -> Iterator[Unit]:
        """The visible units, each before what it contains."""
        stack = [self.root]
        while stack:
            unit = stack.pop()
            if unit is not self.root:
                yield unit
            if self.is_open(unit):
                stack.extend(reversed(unit.children))

    def gradients_of(self, unit: Unit) -> list[tuple[Node, str]]:
        """The gradients that a block gives and that are not drawn apart."""
        return [(node, name) for node, name in self.within if self.visible(self._unit_of[node]) is unit]

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
        given = self.program.inputs.get(node)
        if made is None and (given is None or given.role not in (Role.ARGUMENT, Role.DATA)):
            return
        later = self._readers_backward(node) if self._apart else []
        readers = [unit for unit in self._consumers[node] if unit not in later]
        if made is not None:
            is_result = any(n is node for n, _ in self._results)
            name, maker = "C" if _is_cost(node) and is_result else "", self.visible(made)
            if readers:
                self._append(node, "computed", name, maker, readers)
            name = title_of(maker)
        elif given is not None:
            name = given.name
            if readers:
                self._append(node, "observed", name, None, readers)
        for unit in later:
            self._keep(node, name, unit)

    def _keep(self, node: Node, name: str, unit: Unit) -> None:
        """A value that the backward pass reads: one variable for all values of a block that another one reads."""
        for v in self.variables:
            if v.role == "kept" and v.name == name and v.consumers == [unit]:
                v.count += 1
                return
        self._append(node, "kept", name, None, [unit])

    def _add_result(self, node: Node, name: str) -> None:
        made, given = self._unit_of.get(node), self.program.inputs.get(node)
        if made is None and given is None:
            return  # a constant
        if given is not None and all(v.node is not node for v in self.variables):
            self._append(node, "observed", given.name, None, [])
        self._append(node, "result", name, self.visible(made) if made is not None else None, [])

    def _readers_backward(self, node: Node) -> list[Unit]:
        """The blocks of the backward pass that read a value of the forward pass."""
        made = self._unit_of.get(node)
        given = self.program.inputs.get(node)
        if (made is not None and made.backward) or (given is not None and is_gradient(given.name)):
            return []
        return [unit for unit in self._consumers[node] if unit.backward]

    def _append(self, node: Node, role: str, name: str, producer: Unit | None, consumers: list[Unit]) -> None:
        self.variables.append(Variable(f"v{len(self.variables)}", node, role, name, producer, consumers))


def is_gradient(name: str) -> bool:
    """Whether a result is the gradient by a tensor."""
    return name.startswith("∂")


def _is_cost(node: Node) -> bool:
    return not node.shape and node.dtype.kind == "f"


def is_cost(unit: Unit, view: View) -> bool:
    """Whether a block gives a scalar cost: all that others see of it is one number, which comes out of the program."""
    given = [v for v in view.variables if v.producer is unit]
    return any(v.role == "result" for v in given) and all(_is_cost(v.node) for v in given)
