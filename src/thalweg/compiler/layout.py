"""Views as places in memory: which element of which buffer a node's element is.

Reshape, permute, expand and basic indexing move nothing: a node made by them lies in the buffer of the node that it
looks at, under an offset and strides. Where a reshape can't be written so, a copy is put before it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ..ops.broadcast import expand, reshape
from ..ops.shape import copy, index, permute
from .graph import Graph, Node, apply
from .scan import scan

__all__ = ["Layout", "contiguous", "is_view", "place_views", "with_copies"]

VIEWS = (reshape, permute, expand, index)


class Layout:
    """Element (i, j, ...) of a node is element ``offset + i strides[0] + j strides[1] + ...`` of ``root``'s buffer."""

    __slots__ = ("offset", "root", "shape", "strides")

    def __init__(self, root: Node, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.root = root
        self.offset = offset
        self.shape = shape
        self.strides = strides


def is_view(node: Node) -> bool:
    """Whether the node only looks at another's elements."""
    return node.op in VIEWS


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major strides, in elements."""
    strides, step = [0] * len(shape), 1
    for i in reversed(range(len(shape))):
        strides[i] = step
        step *= shape[i]
    return tuple(strides)


def place_views(nodes: list[Node]) -> dict[Node, Layout]:
    """The layout of every node; those that are not views start a buffer of their own."""
    layouts: dict[Node, Layout] = {}
    for node in nodes:
        if is_view(node):
            layout = looked_at(layouts[node.inputs[0]], node)
            assert layout is not None, "a reshape without its copy"
            layouts[node] = layout
        else:
            layouts[node] = Layout(node, 0, node.shape, contiguous(node.shape))
    return layouts


def looked_at(parent: Layout, node: Node) -> Layout | None:
    """The layout of a view of ``parent``; None for a reshape that would need a copy."""
    if node.op is permute:
        dims = node.params["dims"]
        return Layout(parent.root, parent.offset, node.shape, tuple(parent.strides[i] for i in dims))
    if node.op is expand:
        lead = len(node.shape) - len(parent.shape)
        strides = [0] * lead + [
            0 if n == 1 and m != 1 else s
            for n, m, s in zip(parent.shape, node.shape[lead:], parent.strides, strict=True)
        ]
        return Layout(parent.root, parent.offset, node.shape, tuple(strides))
    if node.op is index:
        return _indexed(parent, node)
    strides_or_none = _reshaped(parent.shape, parent.strides, node.shape)
    if strides_or_none is None:
        return None
    return Layout(parent.root, parent.offset, node.shape, strides_or_none)


def _indexed(parent: Layout, node: Node) -> Layout:
    """A basic index: ints, slices, None and an Ellipsis."""
    key = node.params["index"]
    given = sum(1 for k in key if k is not None and k is not Ellipsis)
    full: list[Any] = []
    for k in key:
        full.extend([slice(None)] * (len(parent.shape) - given) if k is Ellipsis else [k])
    full.extend([slice(None)] * (len(parent.shape) - sum(1 for k in full if k is not None)))
    offset, strides, axis = parent.offset, [], 0
    for k in full:
        if k is None:
            strides.append(0)
            continue
        n, s = parent.shape[axis], parent.strides[axis]
        axis += 1
        if isinstance(k, slice):
            start, stop, step = k.indices(n)
            if len(range(start, stop, step)):
                offset += start * s
            strides.append(step * s)
        else:
            offset += (int(k) % n if n else 0) * s
    return Layout(parent.root, offset, node.shape, tuple(strides))


def _reshaped(shape: tuple[int, ...], strides: tuple[int, ...], new: tuple[int, ...]) -> tuple[int, ...] | None:
    """The strides under another shape, if the elements can be reached by strides."""
    if 0 in shape:
        return contiguous(new)
    old = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    result: list[int] = []
    i = j = 0
    kept = [n for n in new if n != 1]
    while i < len(old) or j < len(kept):
        block, sizes = [old[i]], [kept[j]]
        i, j = i + 1, j + 1
        left, right = block[0][0], sizes[0]
        while left != right:
            if left < right:
                block.append(old[i])
                left *= old[i][0]
                i += 1
            else:
                sizes.append(kept[j])
                right *= kept[j]
                j += 1
        if any(a[1] != b[0] * b[1] for a, b in pairwise(block)):
            return None
        step = block[-1][1]
        inner: list[int] = []
        for n in reversed(sizes):
            inner.append(step)
            step *= n
        result.extend(reversed(inner))
    ones = iter(result)
    return tuple(0 if n == 1 else next(ones) for n in new)


def with_copies(graph: Graph) -> Graph:
    """The same graph in which every view has a layout, and every output is a buffer of its own."""
    made: dict[Node, Node] = {}
    layouts: dict[Node, Layout] = {}
    for node in graph.nodes():
        if node.op is scan:  # its inputs are walked through without strides
            made |= {x: straightened(made[x], layouts) for x in node.parents()}
        new = node.rebuilt(made)
        if is_view(new):
            layout = looked_at(layouts[new.inputs[0]], new)
            if layout is None:
                straight = copied(new.inputs[0], layouts)
                new = Node(node.op, (straight,), node.params, node.shape, node.dtype, node.origin)
                layout = looked_at(layouts[straight], new)
                assert layout is not None
            layouts[new] = layout
        else:
            layouts[new] = Layout(new, 0, new.shape, contiguous(new.shape))
        made[node] = new
    outputs: list[Node] = []
    for node in graph.outputs:
        new = made[node]
        if is_view(new) or isinstance(new.op, str) or new in outputs:
            new = apply(copy, new, origin=node.origin)
        outputs.append(new)
    checks = [check._replace(node=made[check.node]) for check in graph.checks]
    return Graph(graph.inputs, outputs, graph.names, checks)


def copied(node: Node, layouts: dict[Node, Layout]) -> Node:
    """A copy in a buffer of its own."""
    straight = apply(copy, node, origin=node.origin)
    layouts[straight] = Layout(straight, 0, straight.shape, contiguous(straight.shape))
    return straight


def straightened(node: Node, layouts: dict[Node, Layout]) -> Node:
    """The node, or a copy if its elements don't lie one after the other."""
    return node if layouts[node].strides == contiguous(node.shape) else copied(node, layouts)
