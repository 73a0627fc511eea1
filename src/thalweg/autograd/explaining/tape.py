"""What can be known of a computation that nobody has watched: from the tape that hangs on its loss.

The tape says which operations lead from the parameters to the loss. If it has not been walked, or was walked with
``retain_graph``, it still has the values that derivatives read, and can be walked again, on the side. Otherwise there
are left: the operations, the parameters, and their gradients.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...core.backward import walk
from ...core.modes import state
from ...core.origin import NOWHERE, Origin, Scope
from ...core.primitive import Primitive
from ...core.tape import LEAF, Node, Outline, edge_of
from ...core.tensor import Tensor
from ...errors import AutogradError
from .walk import Recorder, Step, array_of, origins, parameters_of

__all__ = ["TapeWalk", "tape_walk"]


class TapeWalk(Recorder):
    """The steps of a tape.

    Attributes:
        freed: whether the values are gone, so that no cotangents are known.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(parameters_of(model))
        self.freed = False
        self.modules = [(name, type(m)) for name, m in model.named_modules() if not any(True for _ in m.children())]
        kinds = {name: type(m) for name, m in model.named_modules()}
        paths = {p: name.rpartition(".")[0] for name, p in model.named_parameters()}
        self.owners = {p: (path, kinds[path]) for p, path in paths.items()}

    def read(self, loss: Tensor) -> None:
        """Take the steps from the tape of ``loss``, oldest first."""
        nodes = nodes_of(loss)
        for node in sorted(nodes, key=_number, reverse=True):
            step = Step(node.primitive, node.params)
            step.sources = tuple(self.by_node.get(e) if type(e) is Node else e for e in node.edges)
            step.cut = (False,) * len(step.sources)
            saved = node.inputs or (None,) * len(step.sources)
            step.inputs = tuple(map(_known, saved, step.sources))
            step.output = array_of(node.output) if node.output is not None else _computed(step)
            self.add(step, node)
            step.origin = origins.get(node, NOWHERE)
            if step.origin.scope is None:
                step.origin = Origin(step.origin.line, self.scope_of(step))
        edge = edge_of(loss)
        self.roots = [self.by_node.get(edge, edge)]
        root = self.roots[0]
        if isinstance(root, Step) and root.output is None:
            root.output = array_of(loss)
        self.freed = any(node.inputs is None for node in nodes)
        self.result = loss

    def scope_of(self, step: Step) -> Scope | None:
        """The module that a step probably belongs to: that of its parameters, or one of its name that comes next."""
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
        for name, cls in self.modules[start : start + 3]:
            if cls.__name__.lower().replace("batchnorm", "") == wanted:
                return Scope(name, cls, None)
        return None


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


def nodes_of(loss: Tensor) -> list[Node]:
    """All nodes that lead from a loss to leaves."""
    found: set[Node] = set()
    stack = [edge_of(loss)]
    while stack:
        node = stack.pop()
        if type(node) is Node and node not in found:
            found.add(node)
            stack.extend(node.edges)
    return list(found)


def _number(node: Node) -> float:
    return node.number


@contextmanager
def _without_hooks(nodes: list[Node], leaves: list[Tensor]) -> Iterator[None]:
    """Hooks are for the real backward, and are not called."""
    hooks, extras = [node.hooks for node in nodes], [x._extra for x in leaves]
    for node in nodes:
        node.hooks = None
    for x in leaves:
        x._extra = None
    try:
        yield
    finally:
        for node, own in zip(nodes, hooks, strict=True):
            node.hooks = own
        for x, extra in zip(leaves, extras, strict=True):
            x._extra = extra


def tape_walk(loss: Tensor, model: Any) -> TapeWalk:
    """The tape of ``loss`` as a walk, with cotangents if they can be had; nothing is changed."""
    found = TapeWalk(model)
    nodes = nodes_of(loss)
    if any(edge is LEAF for node in nodes for edge in node.edges):
        raise AutogradError(
            "explain: this loss was returned by a compiled function, which keeps no tape; call "
            "explain(function, model, *args) with the function itself"
        )
    if edge_of(loss) is None:
        found.refused(loss)
        return found
    found.read(loss)
    if not found.freed:
        leaves = list({edge: None for node in nodes for edge in node.edges if isinstance(edge, Tensor)})
        watcher, state.watcher = state.watcher, found
        found.roots.clear()  # the walk tells them
        try:
            with _without_hooks(nodes, leaves):
                walk((loss,), [np.ones_like(loss._value)], True, False, leaves)
        finally:
            state.watcher = watcher
    return found
