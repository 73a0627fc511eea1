"""Steps from the nodes of a tape that nobody has watched being recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...core.origin import NOWHERE, Origin, Scope, scope_of
from ...core.primitive import Primitive
from ...core.tape import Node, Outline, edge_of
from ...core.tensor import Tensor
from .steps import Step, array_of, notes

__all__ = ["Places", "nodes_of", "step_of"]


class Places:
    """Where in a model an operation probably stands, of which only the node is known."""

    def __init__(self, model: Any) -> None:
        kinds = {} if model is None else {name: type(m) for name, m in model.named_modules()}
        inner = {name.rpartition(".")[0] for name in kinds if name}
        self.modules = [(name, cls) for name, cls in kinds.items() if name not in inner]
        parameters = [] if model is None else model.named_parameters()
        paths = {p: name.rpartition(".")[0] for name, p in parameters}
        self.owners: dict[Any, tuple[str, type]] = {p: (path, kinds[path]) for p, path in paths.items()}

    def scope(self, step: Step) -> Scope | None:
        """The module of the parameters that a step reads, or one of its name that comes next in the model."""
        for source in step.sources:
            if source in self.owners:
                path, cls = self.owners[source]
                return Scope(path, cls, None)
        before = next((s.origin.scope for s in step.sources if isinstance(s, Step)), None)
        if before is None:
            return None
        names = [name for name, _ in self.modules]
        start = names.index(before.path) + 1 if before.path in names else 0
        wanted = step.name.replace("_", "")
        return next(
            (Scope(n, c, None) for n, c in self.modules[start : start + 3] if c.__name__.lower() == wanted), None
        )


def nodes_of(roots: Iterable[Tensor]) -> list[Node]:
    """All nodes that lead from the roots to leaves, oldest first."""
    found: set[Node] = set()
    stack = [edge_of(x) for x in roots]
    while stack:
        node = stack.pop()
        if type(node) is Node and node not in found:
            found.add(node)
            stack.extend(node.edges)
    return sorted(found, key=_number, reverse=True)


def _number(node: Node) -> float:
    return node.number


def step_of(node: Node, known: dict[Node, Step], places: Places) -> Step:
    """What is known of the operation of a node, those before it being known."""
    step = Step(node.primitive, node.params)
    step.sources = tuple(known.get(e) if type(e) is Node else e for e in node.edges)
    step.cut = (False,) * len(step.sources)
    step.inputs = tuple(map(_known, node.inputs or (None,) * len(step.sources), step.sources))
    step.output = array_of(node.output) if node.output is not None else _computed(step)
    origin = notes[node].origin if node in notes else NOWHERE
    step.origin = Origin(origin.line, origin.scope or scope_of(node) or places.scope(step))
    return step


def _known(saved: Any, source: Any) -> Any:
    """The value of an input: what was saved, what its source gave, or what a leaf holds."""
    value = None if isinstance(saved, Outline) else array_of(saved)
    if value is None and isinstance(source, Step):
        return source.output
    return array_of(source) if value is None and isinstance(source, Tensor) else value


@np.errstate(all="ignore")
def _computed(step: Step) -> Any:
    """The output of a step of which all inputs are known; a bias may be absent."""
    known = all(v is not None or i == 2 for i, v in enumerate(step.inputs))
    if not known or step.primitive.arity is None or type(step.primitive).forward is Primitive.forward:
        return None
    try:
        return np.asarray(step.primitive.forward(*step.inputs, **step.params))
    except (TypeError, ValueError, IndexError):  # of an operation that keeps something else than its inputs
        return None
