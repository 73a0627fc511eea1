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
from ...core.tape import LEAF, Node, edge_of
from ...core.tensor import Tensor
from ...errors import AutogradError
from .nodes import nodes_of
from .steps import Step, array_of
from .walk import Recorder

__all__ = ["TapeWalk", "tape_walk"]


class TapeWalk(Recorder):
    """The steps of a tape.

    Attributes:
        freed: whether the values are gone, so that no cotangents are known.
    """

    freed = False

    def read(self, loss: Tensor) -> None:
        """Take the steps from the tape of ``loss``."""
        self.read_tape([loss])
        edge = edge_of(loss)
        root = self.by_node.get(edge, edge)
        if isinstance(root, Step) and root.output is None:
            root.output = array_of(loss)
        self.roots, self.result = [root], loss
        self.freed = any(node.inputs is None for node in self.by_node)


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
    nodes = nodes_of([loss])
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
