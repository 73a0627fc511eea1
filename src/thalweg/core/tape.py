"""The tape: one Node for each recorded operation, linked backwards by edges.

An edge is a Node, a leaf Tensor that requires a gradient, or None. Nodes are numbered in the order in which
they were made, and an edge always leads to an older node, so that descending numbers are a topological order.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .hooks import add_hook

if TYPE_CHECKING:
    from .primitive import Primitive
    from .tensor import Tensor

__all__ = ["LEAF", "NO_PARAMS", "Node", "Outline", "View", "edge_of", "mark_changed", "now", "refresh"]

# One clock for nodes and in-place changes: a saved value was changed after it was recorded if its cell's stamp is
# larger than the node's.
_stamps = itertools.count(1)

NO_PARAMS: dict[str, Any] = {}


def now() -> int:
    """The time on the clock of nodes and in-place changes; it moves on."""
    return next(_stamps)


def mark_changed(x: Tensor) -> None:
    """Note an in-place change of the memory of ``x``, for all tensors that share it."""
    x._version[0] = next(_stamps)


class _Leaf:
    """Stands in ``Tensor._node`` for "a leaf that requires a gradient": a reference to itself would be a cycle."""

    def __repr__(self) -> str:
        return "LEAF"


LEAF: Any = _Leaf()


class Node:
    """One recorded application of a primitive.

    ``inputs`` and ``output`` hold the values that the pullbacks read (None or an Outline for the others) and
    ``cells`` the version cells of the saved inputs, by position, then that of a saved output. ``shapes`` is set when
    an elementwise operation broadcast its inputs: the cotangents are then summed back to these shapes.
    """

    __slots__ = (
        "__weakref__",
        "cells",
        "edges",
        "hooks",
        "inputs",
        "number",
        "output",
        "params",
        "primitive",
        "shapes",
    )

    def __init__(
        self,
        primitive: Primitive,
        edges: Sequence[Any],
        inputs: Sequence[Any],
        output: Any = None,
        cells: Sequence[Any] = (),
        params: dict[str, Any] = NO_PARAMS,
        shapes: tuple[Any, ...] | None = None,
    ) -> None:
        self.primitive = primitive
        self.edges = edges
        self.inputs: Sequence[Any] | None = inputs
        self.output = output
        self.cells = cells
        self.params = params
        self.shapes = shapes
        self.hooks: dict[int, Any] | None = None
        self.number: float = -next(_stamps)  # negative: heapq pops the smallest, backward wants the newest

    def name(self) -> str:
        """The node's name as PyTorch writes it."""
        return self.primitive.node_name

    def __repr__(self) -> str:
        return f"<{self.name()}>"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """PyTorch's view of the graph: the nodes (or leaf tensors) that this node passes its cotangents to."""
        return tuple((edge, 0) for edge in self.edges)


class Outline:
    """The shape and dtype of an input whose values are not saved."""

    __slots__ = ("dtype", "ndim", "shape")

    def __init__(self, value: Any) -> None:
        self.shape: tuple[int, ...] = value.shape
        self.dtype = value.dtype
        self.ndim = len(self.shape)


class View:
    """How a tensor that shares memory was made from its parent.

    ``count`` is the version at which the tensor's node was made: after an in-place change anywhere in the
    shared memory the node is made anew from the parent's.
    """

    __slots__ = ("count", "params", "parent", "primitive")

    def __init__(self, parent: Tensor, primitive: Primitive, params: dict[str, Any], count: int) -> None:
        self.parent = parent
        self.primitive = primitive
        self.params = params
        self.count = count


def refresh(x: Tensor) -> None:
    """Make the node of a view anew if the memory it looks at was changed in place since."""
    stale = []
    while x._view is not None and x._view.count != x._version[0]:
        stale.append(x)
        x = x._view.parent
    for x in reversed(stale):
        view = x._view
        assert view is not None
        view.count = x._version[0]
        edge = edge_of(view.parent)
        if edge is not None:
            x._node = Node(view.primitive, (edge,), (Outline(view.parent._value),), params=view.params)
            if x._extra is not None:
                carry_retained(x)


def carry_retained(x: Tensor) -> None:
    """Move what ``retain_grad`` has asked for to the new node of ``x``."""
    handle = None if x._extra is None else x._extra.get("retained")
    if handle is not None and type(x._node) is Node:
        hook = handle._hooks.pop(handle.id)
        x._node.hooks = {}
        x._extra["retained"] = add_hook(x._node.hooks, hook)  # type: ignore[index]


def edge_of(x: Tensor) -> Any:
    """The edge that leads to ``x``: its node, ``x`` itself for a leaf, or None."""
    if x._view is not None and x._view.count != x._version[0]:
        refresh(x)
    node = x._node
    return x if node is LEAF else node
