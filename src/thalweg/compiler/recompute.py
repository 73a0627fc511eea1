"""Cheap values are computed again where they are used, rather than stored by one kernel and read by others.

A sum or a product of stored values costs less than its way through the cache, and a kernel that stores less keeps
more of what matters there.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..ops import elementwise as e
from ..ops.base import convert, safe_mul, where
from .fuse import REDUCTIONS, Kernel, Loop
from .graph import Graph, Node
from .layout import Layout, contiguous, is_view

__all__ = ["recompute"]

CHEAP = frozenset({
    e.add, e.sub, e.mul, e.neg, e.abs_, e.relu, e.maximum, e.minimum, e.eq, e.ne, e.lt, e.le, e.gt, e.ge,
    e.logical_and, e.logical_or, e.logical_not, where, safe_mul, convert,
})  # fmt: skip
MOST = 5  # operations to get a value again


class _Recomputation:
    def __init__(self, kernels: list[Kernel], graph: Graph, layouts: dict[Node, Layout]) -> None:
        self.kernels = kernels
        self.layouts = layouts
        self.maker = {m: k for k in kernels for m in k.members if not is_view(m)}
        self.fixed = {layouts[x].root for x in graph.nodes() if x not in self.maker}  # inputs and constants
        self.fixed.update(layouts[x].root for x in graph.outputs)
        self.fixed.update(layouts[check.node].root for check in graph.checks)
        self.readers: dict[Node, list[tuple[Loop, Node]]] = {}
        self.copies: dict[Loop, dict[tuple[Node, tuple[int, ...]], Node]] = {}
        for kernel in kernels:
            self.note_reads(kernel)

    def note_reads(self, kernel: Kernel) -> None:
        """What a kernel reads: loops element by element, others whole buffers."""
        inside = set(kernel.members)
        for m in kernel.members:
            for x in m.parents():
                if x in inside:
                    continue
                root = self.layouts[x].root
                if isinstance(kernel, Loop) and x is root and not is_view(m):
                    self.readers.setdefault(root, []).append((kernel, m))
                else:
                    self.fixed.add(root)

    def run(self) -> None:
        for kernel in self.kernels:
            if not isinstance(kernel, Loop):
                self.fixed.update(kernel.members)
                continue
            for node in list(kernel.members):
                readers = self.readers.get(node, [])
                if not readers or node in self.fixed:
                    continue
                if self.cost(node, MOST) <= MOST and all(self.fits(k, m, node) for k, m in readers):
                    for other, m in readers:
                        self.replace(other, m, node)
                else:
                    self.fixed.add(node)

    def cost(self, node: Node, limit: int) -> int:
        """The operations that give ``node`` from what is stored anyway; more than the limit if there is no way."""
        if node in self.fixed:
            return 0
        if limit <= 0 or node.op not in CHEAP or not isinstance(self.maker.get(node), Loop):
            return limit + 1
        total = 1
        for x in node.parents():
            if is_view(x):
                if self.layouts[x].root not in self.fixed:
                    return limit + 1
                continue
            total += self.cost(x, limit - total)
            if total > limit:
                return limit + 1
        return total

    def fits(self, kernel: Loop, reader: Node, node: Node, above: tuple[int, ...] | None = None) -> bool:
        """Whether ``node``, and what has to be computed again for it, can be members of ``kernel``."""
        if node in self.fixed or is_view(node):
            return True
        axes = self.axes(kernel, reader, node, above)
        return axes is not None and all(self.fits(kernel, node, x, axes) for x in node.parents())

    def axes(
        self, kernel: Loop, reader: Node, node: Node, above: tuple[int, ...] | None = None
    ) -> tuple[int, ...] | None:
        """The axes that ``node`` has as a member of ``kernel``; None if it can't be one.

        ``above`` are those of the reader, if it is no member yet.
        """
        if reader.op in REDUCTIONS:
            numbers = iter(range(len(kernel.domain)))
            axes = tuple(-1 if n == 1 else next(numbers) for n in node.shape)
        else:
            lead = len(reader.shape) - len(node.shape)
            above = kernel.axes[reader] if above is None else above
            axes = tuple(-1 if n == 1 else above[lead + j] for j, n in enumerate(node.shape))
        used = [a for a in axes if a >= 0]
        if used != list(range(len(used))):
            return None
        if kernel.split is not None and kernel.split < len(used) < len(kernel.domain):
            return None
        return axes

    def replace(self, kernel: Loop, reader: Node, node: Node) -> None:
        """Let ``reader`` read a copy of ``node`` that its own kernel computes."""
        copy = self.copied(kernel, reader, node)
        reader.inputs = tuple(copy if x is node else x for x in reader.inputs)

    def copied(self, kernel: Loop, reader: Node, node: Node) -> Node:
        """A copy of ``node`` among the kernel's members, before its reader."""
        if node in self.fixed or is_view(node):
            return node
        axes = self.axes(kernel, reader, node)
        assert axes is not None
        found = self.copies.setdefault(kernel, {})
        if (node, axes) in found:
            return found[node, axes]
        copy = Node(node.op, node.inputs, node.params, node.shape, node.dtype, node.origin)
        kernel.axes[copy] = axes
        copy.inputs = tuple(self.copied(kernel, copy, x) if type(x) is Node else x for x in node.inputs)
        self.layouts[copy] = Layout(copy, 0, copy.shape, contiguous(copy.shape))
        kernel.members.insert(len(found), copy)  # the copies stand before the other members
        found[node, axes] = copy
        return copy


def recompute(kernels: Iterable[Kernel], graph: Graph, layouts: dict[Node, Layout]) -> None:
    """Exchange reads of cheap values for copies of their computation, in place."""
    _Recomputation(list(kernels), graph, layouts).run()
