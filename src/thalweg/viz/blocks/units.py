"""What a block diagram shows: variables, blocks, and containers of blocks, found in a traced graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ...compiler.graph import INPUT, Node
from ...core.origin import Scope
from .program import Program, Role

__all__ = ["Note", "Parameter", "Unit", "Variable", "is_layer", "title_of", "tree_of"]

MANY = 12  # operations of one line of the user's code, outside of modules, are a container

SYMBOLS = {
    "add": "+", "sub": "−", "mul": "×", "safe_mul": "×", "div": "÷", "matmul": "@", "neg": "−x", "exp": "exp",
    "eq": "=", "ne": "≠", "lt": "<", "le": "≤", "gt": ">", "ge": "≥", "pow": "power", "permute": "transpose",
    "linear_relu": "linear, relu",
}  # fmt: skip


@dataclass(frozen=True)
class Parameter:
    """A parameter that a block holds: its dotted name, shape, and number of elements."""

    name: str
    shape: tuple[int, ...]
    size: int


@dataclass(frozen=True)
class Note:
    """A line of text at a variable or in a block, and the step of a pass from which it is known."""

    text: str
    since: int = 0


@dataclass(eq=False)
class Variable:
    """A value that goes from one block to others.

    ``role`` is "observed" for what is given, "computed" for what lies between blocks, "result" for what comes out,
    and "kept" for a value of the forward pass that stands beside the block of the backward pass that reads it.
    """

    key: str
    node: Node
    role: str
    name: str
    producer: Unit | None
    consumers: list[Unit]
    count: int = 1  # how many values it stands for
    notes: list[Note] = field(default_factory=list)

    @property
    def type(self) -> str:
        """``float32[64, 10]``, or ``float32`` for a scalar."""
        if self.count > 1:
            return f"{self.count} values"
        shape = f"[{', '.join(map(str, self.node.shape))}]" if self.node.shape else ""
        return f"{self.node.dtype}{shape}"


@dataclass(eq=False)
class Unit:
    """A call of a module, or a single operation. One with children can be open, and shows them, or closed.

    Attributes:
        scope: the call; None for an operation outside of modules, and for the whole picture.
        backward: whether this is the backward pass of it.
        op: the operation, if it is a single one.
        line: the line of the user's code whose operations it holds, for a container that is no module.
        atomic: whether it is always drawn as one block.
        elements: the number of elements of all parameters in it, each counted once.
        repeats: how many such units in a row this one stands for.
    """

    key: str
    scope: Scope | None = None
    backward: bool = False
    op: Node | None = None
    line: str = ""
    parent: Unit | None = None
    children: list[Unit] = field(default_factory=list)
    atomic: bool = False
    parameters: list[Parameter] = field(default_factory=list)
    elements: int = 0  # of all parameters in it, each counted once
    repeats: int = 1
    notes: list[Note] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """The name of the module's class, or of the operation."""
        if self.op is not None:
            return self.op.name
        return self.line or (self.scope.kind if self.scope is not None else "")

    @property
    def name(self) -> str:
        """The module's name within the container that it is drawn in."""
        return self.scope.name if self.scope is not None and self.op is None and not self.line else ""

    @property
    def depth(self) -> int:
        """How many containers are around it, the picture itself not counted."""
        depth, unit = 0, self.parent
        while unit is not None and unit.parent is not None:
            depth, unit = depth + 1, unit.parent
        return depth

    def opens(self) -> bool:
        """Whether it can be open."""
        return bool(self.children) and not self.atomic

    def walk(self) -> Iterator[Unit]:
        """It and everything in it, each before what it contains."""
        yield self
        for child in self.children:
            yield from child.walk()

    def operations(self) -> list[Node]:
        """The operations in it, in order."""
        return [unit.op for unit in self.walk() if unit.op is not None]


def tree_of(program: Program) -> Unit:
    """The units of a program as a tree; the root is the picture itself.

    If the program is one call of a module, the root is that call: the picture shows its inside.
    """
    found = _Tree(program)
    return found.root if found.is_in_order() else _Tree(program, by_line=False).root


class _Tree:
    def __init__(self, program: Program, by_line: bool = True) -> None:
        self.program = program
        self.root = Unit("root")
        self.found: dict[Any, Unit] = {}
        nodes = list(_operations(program))
        if program.module is not None:
            for scope in {n.origin.scope.chain()[0]: None for n in nodes if n.origin.scope is not None}:
                self.root.scope = self.root.scope or scope
                self.found[scope, False] = self.root
        self.lines = Counter(n.line for n in nodes if n.origin.scope is None) if by_line else Counter()
        for node in nodes:
            self._add(node)
        for unit in self.root.walk():
            unit.atomic = _is_atomic(unit)
        _name_parameters(self.root, program)

    def is_in_order(self) -> bool:
        """Whether the outermost units can stand one after the other, as calls can, and lines need not."""
        outer = {node: child for child in self.root.children for node in child.operations()}
        before = {child: set[Unit]() for child in self.root.children}
        for node, unit in outer.items():
            before[unit] |= {outer[x] for x in node.parents() if x in outer} - {unit}
        waiting = True
        while waiting:
            ready = {unit for unit, needed in before.items() if not needed}
            before = {unit: needed - ready for unit, needed in before.items() if unit not in ready}
            waiting = bool(ready)
        return not before

    def _add(self, node: Node) -> None:
        parent = self.root
        for scope in node.origin.scope.chain() if node.origin.scope is not None else ():
            parent = self._unit(scope, node.origin.backward, parent)
        if parent is self.root and node.origin.scope is None and self.lines[node.line] >= MANY:
            parent = self._unit(None, node.origin.backward, parent, node.line)
        unit = Unit(f"{parent.key}/{len(parent.children)}", node.origin.scope, node.origin.backward, node, "", parent)
        parent.children.append(unit)

    def _unit(self, scope: Scope | None, backward: bool, parent: Unit, line: str = "") -> Unit:
        place = (scope or line, backward)
        if place not in self.found:
            unit = Unit(f"{parent.key}/{len(parent.children)}", scope, backward, None, line, parent)
            parent.children.append(unit)
            self.found[place] = unit
        return self.found[place]


def _operations(program: Program) -> Iterator[Node]:
    """The operations of a program; what is computed from constants and numbers alone is a constant too."""
    constant: set[Node] = set()
    for node in program.graph.nodes():
        given = program.inputs.get(node)
        if node.op is INPUT:
            is_constant = given is not None and given.role is Role.IMPLICIT
        else:
            is_constant = all(x in constant for x in node.parents())
        if is_constant:
            constant.add(node)
        elif node.op is not INPUT:
            yield node


def _is_atomic(unit: Unit) -> bool:
    """Whether a unit is one block: an operation, or a layer of the library that calls no other module."""
    if unit.op is not None:
        return True
    if unit.scope is None or unit.parent is None or unit.line:
        return False
    return is_layer(unit.scope.type, [child for child in unit.children if child.op is None])


def is_layer(cls: type, inner: Iterable[Any]) -> bool:
    """Whether a module is a layer of the library, and no container of others."""
    return cls.__module__.startswith("thalweg.") and not any(True for _ in inner)


def _name_parameters(root: Unit, program: Program) -> None:
    """Say of each operation which parameters it reads, and gather them in blocks that are always closed."""
    for unit in root.walk():
        if unit.op is None or unit.backward:
            continue
        for x in dict.fromkeys(unit.op.parents()):
            given = program.inputs.get(x)
            if given is not None and given.role is Role.PARAMETER:
                unit.parameters.append(Parameter(given.name, x.shape, x.size))
    for unit in root.walk():
        inside = _distinct(p for child in unit.walk() for p in child.parameters)
        unit.elements = sum(p.size for p in inside)
        if unit.atomic and unit.op is None:
            unit.parameters = inside


def _distinct(parameters: Iterable[Parameter]) -> list[Parameter]:
    return list({p.name: p for p in parameters}.values())


def title_of(unit: Unit) -> str:
    """``Linear 0``; a backward pass begins with ∂."""
    kind = SYMBOLS.get(unit.kind, unit.kind) if unit.op is not None else unit.kind
    name = f" {unit.name}" if unit.name else ""
    repeats = f"  × {unit.repeats}" if unit.repeats > 1 else ""
    return f"{'∂ ' if unit.backward and unit.op is None else ''}{kind}{name}{repeats}"
