"""Fusion: the graph's nodes become kernels, each one pass over a space of elements.

A Loop kernel computes elementwise nodes, and reductions over the last axes, together. Its space is a list of sizes,
``domain``; a member of level p depends on the first p axes only: of level ``len(domain)`` it has a value for every
element, of a lower one a value for every row. The axes from ``split`` on are those that its reductions run over.
Members that nobody outside needs are never stored.

A Product is a matrix product, a Column reduction one over leading axes, and a Special everything else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..core.primitive import Primitive
from ..ops.base import Convert, Elementwise
from ..ops.broadcast import expand, reshape, sum_
from ..ops.elementwise import mul, sub
from ..ops.linalg import matmul
from ..ops.reduce import all_, amax, amin, any_, prod
from ..ops.shape import copy
from .graph import CONSTANT, INPUT, Check, Graph, Node, users
from .layout import Layout, is_view, place_views

__all__ = ["Columns", "Kernel", "Loop", "Product", "Special", "Test", "fuse", "mark_stored"]

REDUCTIONS = (sum_, prod, amax, amin, any_, all_)


def is_elementwise(node: Node) -> bool:
    """Whether native code can compute it element by element."""
    if node.op is copy:
        return True
    return isinstance(node.op, (Elementwise, Convert)) and type(node.op).lower is not Primitive.lower


class Kernel:
    """Nodes that are computed together.

    Attributes:
        members: its nodes, each after what it reads.
        stored: those that have a buffer.
        rows: how many rows it has; any range of them can be computed alone.
    """

    def __init__(self) -> None:
        self.members: list[Node] = []
        self.stored: list[Node] = []
        self.rows = 1

    def reads(self) -> Iterable[Node]:
        """The nodes of other kernels that it reads, views among them."""
        own = set(self.members)
        for node in self.members:
            for x in node.parents():
                if x not in own:
                    yield x


class Loop(Kernel):
    """Elementwise nodes, and reductions over the last axes."""

    def __init__(self, domain: tuple[int, ...]) -> None:
        super().__init__()
        self.domain = domain
        self.split: int | None = None
        self.axes: dict[Node, tuple[int, ...]] = {}  # for each axis of a member the domain's axis, or -1 (size 1)

    def level(self, node: Node) -> int:
        return sum(1 for a in self.axes[node] if a >= 0)


class Columns(Kernel):
    """One reduction that keeps the last axis: lanes run along it while the others are added up."""


class Product(Kernel):
    """One matrix product, possibly with the update that it is for: ``base - scale * (a @ b)`` in base's own memory.

    Then its members are the product, the scaled product, and the new content of ``base``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.by_columns = False  # cut by the columns of the result instead of by its rows
        self.base: Node | None = None
        self.scale: Any = None  # a number, or a node of one element


class Special(Kernel):
    """One node of any other kind."""


class Test(Kernel):
    """Tests what must hold of a node's elements, and computes nothing."""

    __test__ = False  # nothing for pytest

    def __init__(self, check: Check, number: int) -> None:
        super().__init__()
        self.check = check
        self.number = number

    def reads(self) -> Iterable[Node]:
        yield self.check.node


def reaches(needs: dict[Kernel, set[Kernel]], start: Kernel, goal: Kernel) -> bool:
    """Whether ``start`` needs, directly or through others, what ``goal`` computes."""
    seen, stack = {start}, [start]
    while stack:
        for k in needs[stack.pop()]:
            if k is goal:
                return True
            if k not in seen:
                seen.add(k)
                stack.append(k)
    return False


class _Fusion:
    def __init__(self, graph: Graph, updates: dict[Node, Node]) -> None:
        self.nodes = graph.nodes()
        self.outputs = set(graph.outputs)
        self.uses = users(self.nodes)
        self.updates = updates
        self.absorbed: dict[Node, tuple[Node, Any]] = {}  # the update of a product: the product and its scale
        self.layouts: dict[Node, Layout] = place_views(self.nodes)
        self.kernel: dict[Node, Kernel] = {}
        self.kernels: dict[Kernel, None] = {}
        self.needs: dict[Kernel, set[Kernel]] = {}

    # -- dependencies -------------------------------------------------------------------------------------

    def owner(self, node: Node) -> Kernel | None:
        """The kernel that computes the buffer in which ``node`` lies."""
        while node not in self.kernel and is_view(node):
            node = node.inputs[0]
        return self.kernel.get(node)

    def through_others(self, a: Kernel, b: Kernel) -> bool:
        """Whether ``a`` needs ``b`` through a third kernel."""
        return any(k is not b and reaches(self.needs, k, b) for k in self.needs[a])

    def start(self, kernel: Kernel) -> Kernel:
        self.kernels[kernel] = None
        self.needs[kernel] = set()
        return kernel

    def take(self, kernel: Kernel, node: Node) -> None:
        """Make ``node`` a member."""
        kernel.members.append(node)
        self.kernel[node] = kernel
        for x in node.parents():
            owner = self.owner(x)
            if owner is not None and owner is not kernel:
                self.needs[kernel].add(owner)

    # -- joining ------------------------------------------------------------------------------------------

    def run(self) -> list[Kernel]:
        self.find_updates()
        for node in self.nodes:
            if node.op in (INPUT, CONSTANT) or node in self.absorbed:
                continue
            if is_view(node):
                self.follow_view(node)
            elif is_elementwise(node):
                self.add_elementwise(node)
            elif node.op in REDUCTIONS:
                self.add_reduction(node)
            elif node.op is matmul:
                self.add_product(node)
            else:
                self.take(self.start(Special()), node)
        return list(self.kernels)

    def find_updates(self) -> None:
        """Products that only serve to be scaled and subtracted from an input that is updated so: plain SGD."""
        uses = self.uses
        scaled: dict[Node, tuple[Node, Any]] = {}
        for node in self.nodes:
            if node.op is mul and len(uses.get(node, ())) == 1 and node not in self.outputs:
                for product, scale in (node.inputs, node.inputs[::-1]):
                    single = is_matrix_product(product) and len(uses[product]) == 1
                    if single and product not in self.outputs and is_number(scale):
                        scaled[node] = (product, scale)
            elif node.op is sub and node.inputs[1] in scaled:
                product, scale = scaled[node.inputs[1]]
                only_updates = self.updates.get(node) is node.inputs[0] and node not in uses
                if only_updates and product.shape == node.shape:
                    self.absorbed[node] = (product, scale)
                    self.absorbed[node.inputs[1]] = (product, scale)

    def add_product(self, node: Node) -> None:
        """A product, with the update that it is for."""
        kernel = Product()
        self.start(kernel)
        self.take(kernel, node)
        for other, (product, scale) in self.absorbed.items():
            if product is node:
                kernel.scale = scale
                self.take(kernel, other)
                if other.op is sub:
                    kernel.base = other.inputs[0]
        kernel.members.sort(key=lambda n: n.op is sub)

    def follow_view(self, node: Node) -> None:
        """A view that only adds, drops or repeats axes of size 1 is seen as a member, at its parent's level."""
        parent = node.inputs[0]
        kernel = self.kernel.get(parent)
        if not isinstance(kernel, Loop):
            return
        axes = kernel.axes[parent]
        if node.op is reshape:
            kept = [a for a in axes if a >= 0]
            if [n for n in node.shape if n != 1] != [kernel.domain[a] for a in kept]:
                return
            ones = iter(kept)
            new = tuple(-1 if n == 1 else next(ones) for n in node.shape)
        elif node.op is expand:
            new = self.expanded(kernel, axes, node)
            if not new and node.shape:
                return
        else:
            return
        kernel.axes[node] = new
        self.take(kernel, node)

    def expanded(self, kernel: Loop, axes: tuple[int, ...], node: Node) -> tuple[int, ...]:
        """The axes of an expanded value: repeated ones stand for no axis of the domain."""
        lead = len(node.shape) - len(axes)
        if any(n != 1 for n in node.shape[:lead]) and any(a >= 0 for a in axes):
            return ()
        return (-1,) * lead + axes

    def add_elementwise(self, node: Node) -> None:
        candidates = self.candidates(node)
        kernel: Loop | None = None
        for other in candidates:
            if kernel is None:
                if self.fits(other, node) is not None and self.may_join(other, node):
                    kernel = other
            elif self.can_merge(kernel, other, node):
                kernel = self.merge(kernel, other)
        if kernel is None:
            kernel = self.start(Loop(tuple(n for n in node.shape if n != 1)))  # type: ignore[assignment]
            assert kernel is not None
        axes = self.fits(kernel, node)
        assert axes is not None
        self.widen(kernel, node, axes)
        kernel.axes[node] = axes
        self.take(kernel, node)

    def candidates(self, node: Node) -> list[Loop]:
        """The loops that compute its inputs, those with most axes first."""
        found = {k: None for x in node.parents() if isinstance(k := self.kernel.get(x), Loop)}
        return sorted(found, key=lambda k: -len(k.domain))

    def fits(self, kernel: Loop, node: Node) -> tuple[int, ...] | None:
        """The axes that ``node`` gets as a member of ``kernel``; None if its shape does not agree."""
        axes: list[int | None] = [-1 if n == 1 else None for n in node.shape]
        for x in node.parents():
            if self.kernel.get(x) is not kernel:
                continue
            lead = len(node.shape) - len(x.shape)
            for j, (a, n) in enumerate(zip(kernel.axes[x], x.shape, strict=True)):
                if n == 1 or a < 0:
                    continue
                if axes[lead + j] not in (None, a):
                    return None
                axes[lead + j] = a
        return self.complete(kernel, axes, node.shape)

    def complete(self, kernel: Loop, axes: list[int | None], shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """Axes that no input in the kernel has decided come after those that are; they may be new ones."""
        result = []
        expected = 0
        for a, n in zip(axes, shape, strict=True):
            if a == -1:
                result.append(-1)
                continue
            if a is None:
                if expected < len(kernel.domain):
                    if kernel.domain[expected] != n:
                        return None
                elif kernel.split is not None or not self.may_widen(kernel):
                    return None
                a = expected
            if a != expected:
                return None
            result.append(a)
            expected += 1
        if kernel.split is not None and kernel.split < expected < len(kernel.domain):
            return None
        return tuple(result)

    def may_widen(self, kernel: Loop) -> bool:
        """Values for every row are computed one by one once there is another axis: only worth it for a few.

        Numbers that are one for the whole program have kernels of their own, which run once.
        """
        return kernel.domain != () and sum(1 for n in kernel.members if not is_view(n)) <= 6

    def widen(self, kernel: Loop, node: Node, axes: tuple[int, ...]) -> None:
        for a, n in zip(axes, node.shape, strict=True):
            if a == len(kernel.domain):
                kernel.domain = (*kernel.domain, n)

    def may_join(self, kernel: Kernel, node: Node) -> bool:
        """Whether nothing that ``node`` reads elsewhere needs this kernel first."""
        for x in node.parents():
            owner = self.owner(x)
            if self.kernel.get(x) is kernel:
                continue
            if owner is kernel or (owner is not None and reaches(self.needs, owner, kernel)):
                return False
        return True

    def can_merge(self, a: Loop, b: Loop, node: Node) -> bool:
        """Whether two loops can run as one, for the sake of ``node``, which reads both."""
        if b.domain == () != a.domain:
            return False
        if a.domain[: len(b.domain)] != b.domain:
            return False
        if a.split is not None and b.split is not None and a.split != b.split:
            return False
        split = a.split if a.split is not None else b.split
        if b.split is not None and len(a.domain) != len(b.domain):
            return False
        if split is not None and split < len(b.domain) < len(a.domain):
            return False
        level = sum(1 for n in node.shape if n != 1)
        if split is not None and not (level == len(a.domain) or level <= split):
            return False
        if not self.same_axes(a, b, node):
            return False
        if self.through_others(a, b) or self.through_others(b, a):
            return False
        return not self.reads_whole(a, b) and not self.reads_whole(b, a)

    def same_axes(self, a: Loop, b: Loop, node: Node) -> bool:
        """Whether ``node`` would meet the axes of both loops at the same places."""
        axes: dict[int, int] = {}
        for x in node.parents():
            kernel = self.kernel.get(x)
            if kernel is a or kernel is b:
                lead = len(node.shape) - len(x.shape)
                for j, k in enumerate(kernel.axes[x]):
                    if k >= 0 and axes.setdefault(lead + j, k) != k:
                        return False
        return len(set(axes.values())) == len(axes)  # of x[:, None] * x one axis would be two

    def reads_whole(self, a: Loop, b: Loop) -> bool:
        """Whether ``a`` reads a buffer of ``b`` other than element by element."""
        return any(self.owner(x) is b for x in a.reads())

    def merge(self, a: Loop, b: Loop) -> Loop:
        """Put the members of ``b`` into ``a``; members stay in the order of the graph."""
        place = {node: i for i, node in enumerate(self.nodes)}
        a.members = sorted([*a.members, *b.members], key=place.__getitem__)
        a.axes.update(b.axes)
        a.split = a.split if a.split is not None else b.split
        for node in b.members:
            self.kernel[node] = a
        needs = (self.needs[a] | self.needs.pop(b)) - {a, b}
        self.needs[a] = needs
        for k, others in self.needs.items():
            if b in others:
                others.discard(b)
                if k is not a:
                    others.add(a)
        del self.kernels[b]
        return a

    def add_reduction(self, node: Node) -> None:
        """A reduction over the last axes joins the loop that computes what it reduces, or starts one."""
        x = node.inputs[0]
        dims = [d for d in node.params["dims"] if x.shape[d] != 1]
        kernel = self.kernel.get(x)
        if isinstance(kernel, Loop):
            axes = kernel.axes[x]
            reduced = sorted(axes[d] for d in dims)
            split = reduced[0] if reduced else None
            full = kernel.level(x) == len(kernel.domain)
            if (
                full
                and split is not None
                and reduced == list(range(split, len(kernel.domain)))
                and kernel.split in (None, split)
                and not any(split < kernel.level(m) < len(kernel.domain) for m in kernel.members)
                and (split > 0 or self.is_for(kernel, node))
            ):
                kernel.split = split
                kernel.axes[node] = reduced_axes(axes, node)
                self.take(kernel, node)
                return
        kept = [i for i, n in enumerate(x.shape) if n != 1 and i not in dims]
        if dims and (not kept or max(kept) < min(dims)) and x.size:
            kernel = Loop(tuple(n for n in x.shape if n != 1))
            kernel.split = len(kept)
            numbers = iter(range(len(kernel.domain)))
            kernel.axes[node] = reduced_axes(tuple(-1 if n == 1 else next(numbers) for n in x.shape), node)
            self.start(kernel)
            self.take(kernel, node)
            return
        columns = self.start(Columns())
        self.take(columns, node)

    def is_for(self, kernel: Loop, node: Node) -> bool:
        """Whether all that the kernel computes serves ``node`` alone.

        A kernel with a reduction over everything can't be cut by rows, so nothing else should depend on it.
        """
        inside = {*kernel.members, node}
        return all(m not in self.outputs and all(u in inside for u in self.uses.get(m, ())) for m in kernel.members)


def reduced_axes(axes: tuple[int, ...], node: Node) -> tuple[int, ...]:
    """The axes that are left after a reduction."""
    dims = node.params["dims"]
    if node.params["keepdim"]:
        return tuple(-1 if i in dims else a for i, a in enumerate(axes))
    return tuple(a for i, a in enumerate(axes) if i not in dims)


def is_matrix_product(x: Any) -> bool:
    return type(x) is Node and x.op is matmul and x.ndim == 2 and x.dtype.kind == "f" and x.dtype.itemsize >= 4


def is_number(x: Any) -> bool:
    """Whether an operand is one number that is at hand before any kernel has run."""
    if type(x) is not Node:
        return isinstance(x, (int, float))
    while isinstance(x.op, (Elementwise, Convert)) and len(x.inputs) == 1 and type(x.inputs[0]) is Node:
        x = x.inputs[0]
    return x.size == 1 and x.op in (INPUT, CONSTANT)


def fuse(graph: Graph, updates: dict[Node, Node] | None = None) -> tuple[list[Kernel], dict[Node, Layout]]:
    """The kernels of a graph in an order in which they can run, and the layouts of its nodes.

    ``updates`` says which outputs are new content of which inputs.
    """
    fusion = _Fusion(graph, updates or {})
    kernels = fusion.run()
    return in_order(kernels, fusion), fusion.layouts


def mark_stored(kernels: list[Kernel], graph: Graph, layouts: dict[Node, Layout]) -> list[Kernel]:
    """Find out which members need buffers: those that other kernels or the graph's outputs read.

    Members that serve none of these are dropped; kernels that have some left are returned.
    """
    needed = {layouts[node].root for node in [*graph.outputs, *(check.node for check in graph.checks)]}
    for kernel in reversed(kernels):  # those that read before those that are read
        kernel.stored = [m for m in kernel.members if m in needed]
        useful = set(ordered(kernel.stored, set(kernel.members)))
        kernel.members = [m for m in kernel.members if m in useful]
        needed.update(layouts[x].root for x in kernel.reads())
    return [kernel for kernel in kernels if kernel.members]


def ordered(wanted: Iterable[Node], inside: set[Node]) -> Iterable[Node]:
    """What ``wanted`` need of the nodes ``inside``."""
    seen: set[Node] = set()
    stack = list(wanted)
    while stack:
        node = stack.pop()
        if node in inside and node not in seen:
            seen.add(node)
            stack.extend(node.parents())
    return seen


def in_order(kernels: list[Kernel], fusion: _Fusion) -> list[Kernel]:
    """Each kernel after those that it needs, otherwise in the order of the graph."""
    done: dict[Kernel, None] = {}
    for first in kernels:
        stack = [first]
        while stack:
            kernel = stack[-1]
            waiting = [k for k in fusion.needs[kernel] if k not in done]
            if kernel in done or not waiting:
                stack.pop()
                done[kernel] = None
            else:
                stack.extend(waiting)
    return list(done)
