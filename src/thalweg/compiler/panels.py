"""Right factors that are packed once for all products that read them: for all chunks of rows, or all steps of a loop.

A product packs panels of B by itself, which costs as much as a dozen rows of A. Where its rows are cut into chunks,
or a loop over time multiplies by the same weight in each step, the panels are packed beforehand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fuse import Kernel, Product
from .graph import Node
from .ir import Function, Value, integer
from .layout import Layout
from .memory import ir_type
from .tiles import SUFFIX

if TYPE_CHECKING:
    from .lower import Lowering

__all__ = ["Panels"]

FEWEST = 32  # columns of B, and rows of it
DEEPEST = 1024  # rows of B, whose panels stay in the second-level cache
LARGE = 32_768  # elements that are worth being packed by several threads


class Panels:
    """Which products of a program find B packed, and where its panels lie in the arena."""

    def __init__(self, lowering: Lowering) -> None:
        self.lowering = lowering
        self.offsets: dict[Node, int] = {}

    def plan(self, kernels: list[Kernel], area: int) -> int:
        """Give the products among these kernels their places from ``area`` on, where it pays; the bytes they take."""
        end = area
        for kernel in kernels:
            if self.worth(kernel):
                self.offsets[kernel.members[0]] = end
                end += self.size(kernel.members[0])
        return end - area

    def worth(self, kernel: Kernel) -> bool:
        if not isinstance(kernel, Product) or kernel.by_columns or kernel.members[0].ndim != 2:
            return False
        node = kernel.members[0]
        a, b = (self.lowering.layouts[x] for x in node.inputs)
        k, n = b.shape
        fits = ir_type(node.dtype) in SUFFIX and n >= FEWEST and k >= FEWEST and a.shape[0] > 3
        return fits and ((a.strides[1] == 1 and k <= DEEPEST) or a.strides[0] == 1)

    def width(self, node: Node) -> int:
        """Columns of a panel."""
        return 2 * int(self.lowering.target.lanes(ir_type(node.dtype)))

    def count(self, node: Node) -> int:
        return -(-node.shape[1] // self.width(node))

    def rows(self, node: Node) -> int:
        """Rows of a panel: a multiple of a vector, as ``tw_pack`` writes them."""
        lanes = self.width(node) // 2
        return -(-int(node.inputs[1].shape[0]) // lanes) * lanes

    def size(self, node: Node) -> int:
        """Bytes of all panels, a multiple of a cache line."""
        elements = self.count(node) * self.width(node) * self.rows(node)
        return -(-elements * node.dtype.itemsize // 64) * 64

    def pointer(self, f: Function, node: Node) -> Value:
        """Where the panels lie; ``f`` has the context as its first parameter."""
        return f.offset(f.load(f.params[0], "ptr"), self.offsets[node], "i8")

    def packing_function(self, node: Node, name: str) -> Function:
        """``name(ctx, low, high)`` packs some of the panels of a product."""
        f = Function(
            name, [("ptr", "ctx"), ("i64", "low"), ("i64", "high")], attributes=self.lowering.target.attributes
        )
        layout: Layout = self.lowering.layouts[node.inputs[1]]
        base = f.offset(self.lowering.memory.pointer(f, layout.root, None), layout.offset, ir_type(node.dtype))
        self.pack(f, node, base, layout, self.pointer(f, node), f.params[1], f.params[2])
        f.ret()
        return f

    def pack(
        self, f: Function, node: Node, base: Value, layout: Layout, panels: Value, low: Value, high: Value
    ) -> None:  # fmt: skip
        """Pack the panels from ``low`` to ``high`` of a B that lies at ``base``."""
        type, width = ir_type(node.dtype), self.width(node)
        k, n = layout.shape
        first, last = f.mul(low, width), f.mul(high, width)
        more = f.emit(f"icmp slt {last}, {n}", "i1")
        columns = f.binary("sub", f.emit(f"select {more}, {last}, i64 {n}", "i64"), first)
        source = f.offset(base, f.mul(first, layout.strides[1]), type)
        target = f.offset(panels, f.mul(first, self.rows(node)), type)
        strides = [integer(s) for s in layout.strides]
        f.call(f"tw_pack_{SUFFIX[type]}", [integer(k), columns, source, *strides, target], "void")

    def is_large(self, node: Node) -> bool:
        """Whether several threads should share the packing."""
        return node in self.offsets and node.inputs[1].size >= LARGE
