"""Native code of a Loop kernel: its loops over rows, and what they share.

What is done within a row is in ``rows``.
"""

from __future__ import annotations

import hashlib
from typing import Any

from .fuse import REDUCTIONS, Loop
from .graph import Node
from .ir import Function, Value
from .layout import Layout, is_view
from .memory import KERNEL, Access, Memory, ir_type
from .registers import is_literal
from .rows import Row
from .schedule import loop_access, stored_access

__all__ = ["LoopCode"]


class LoopCode:
    """Writes the function of one Loop kernel."""

    def __init__(self, kernel: Loop, name: str, layouts: dict[Node, Layout], memory: Memory, target: Any) -> None:
        self.kernel = kernel
        self.layouts = layouts
        self.memory = memory
        self.target = target
        self.own = set(kernel.members)
        self.stored = set(kernel.stored)
        self.name = name
        self.rank = len(kernel.domain)
        self.accesses = self.find_accesses()
        self.axes = self.collapsed()
        self.place_loops()
        self.phase = self.phases()
        self.width = self.lanes()

    # -- what is read and written -------------------------------------------------------------------------

    def find_accesses(self) -> dict[Any, Access]:
        """The accesses of each outside operand of a member, and of each stored member."""
        found: dict[Any, Access] = {}
        for node in self.kernel.members:
            if is_view(node):
                continue
            for x in node.parents():
                if x not in self.own and not is_literal(x):
                    found[node, x] = loop_access(self.kernel, node, x, self.layouts)
            if node in self.stored:
                found[node, None] = stored_access(self.kernel, node, self.rank)
        return found

    def collapsed(self) -> list[list[int]]:
        """The domain's axes in groups that can be walked as one."""
        domain = self.kernel.domain
        groups: list[list[int]] = []
        for i in range(self.rank):
            joined = i > 0 and i != self.kernel.split
            if joined:
                joined = all(a.strides[i - 1] == a.strides[i] * domain[i] for a in self.accesses.values())
                joined = joined and not any(i == self.kernel.level(m) for m in self.kernel.members)
            if joined:
                groups[-1].append(i)
            else:
                groups.append([i])
        return groups

    def size(self, group: list[int]) -> int:
        size = 1
        for i in group:
            size *= self.kernel.domain[i]
        return size

    def stride(self, access: Access, group: list[int]) -> int:
        return access.strides[group[-1]]

    def place_loops(self) -> None:
        """Which groups are loops over rows, and which are walked in vectors."""
        split = self.kernel.split
        if split is None:
            self.row_groups, self.inner_groups = self.axes[:-1], self.axes[-1:]
        else:
            self.row_groups = [g for g in self.axes if g[0] < split]
            self.inner_groups = [g for g in self.axes if g[0] >= split]
        self.rows_level = self.inner_groups[0][0] if self.inner_groups else self.rank

    def lanes(self) -> int:
        """Lanes of a vector: as many as its widest common element allows."""
        if not self.inner_groups:
            return 1
        sizes = [m.dtype.itemsize for m in self.kernel.members if m.dtype.kind == "f" and self.is_inner(m)]
        widest = max(sizes, default=4)
        count = self.target.vector_bytes // max(widest, 4)
        inner = self.size(self.inner_groups[-1])
        while count > 1 and inner <= count // 2:
            count //= 2
        return count

    # -- passes -------------------------------------------------------------------------------------------

    def is_inner(self, node: Node) -> bool:
        """Whether the member has a value for each element of a row."""
        return self.kernel.level(node) > self.rows_level

    def phases(self) -> dict[Node, int]:
        """The pass in which each member can be computed; a reduction is known in the pass after its own."""
        phase: dict[Node, int] = {}
        for node in self.kernel.members:
            known = [phase[x] + (x.op in REDUCTIONS) for x in node.parents() if x in self.own]
            phase[node] = max(known, default=0)
        return phase

    # -- code ---------------------------------------------------------------------------------------------

    def write(self) -> Function:
        """The kernel's function: it finds the addresses and calls the loops.

        Those are a function of their own, which kernels with the same loops share.
        """
        f = Function(self.name, KERNEL, attributes=self.target.attributes)
        low, high = f.params[1], f.params[2]
        addresses: dict[Any, Value] = {}
        for access in self.accesses.values():
            if access.key not in addresses:
                base = self.memory.pointer(f, access.root, low)
                addresses[access.key] = f.offset(base, access.offset, ir_type(access.root.dtype))
        body = self.body(list(addresses))
        group = (self.row_groups or self.inner_groups or [[]])[0]
        unit = 1 if self.kernel.split == 0 else self.size(group[1:])
        f.call(body, [*addresses.values(), f.mul(low, unit), f.mul(high, unit)], "void", declare=False)
        f.ret()
        return f

    def body(self, keys: list[Any]) -> str:
        """The name of the function of the loops: by addresses, and the range of the first loop."""
        params = [*(("ptr", f"p{i}") for i in range(len(keys))), ("i64", "begin"), ("i64", "end")]
        attributes = f"{self.target.attributes} noinline"
        self.f = f = Function("loops", params, attributes=attributes, linkage="internal")
        self.low, self.high = f.params[-2:]
        pointers = dict(zip(keys, f.params, strict=False))
        if self.row_groups:
            self.row_loop(0, pointers)
        else:
            Row(self, pointers, whole=True).write()
        f.ret()
        f.name = "loops_" + hashlib.sha256(f.text().encode()).hexdigest()[:16]
        if f.name not in self.memory.module.functions:
            self.memory.module.add(f)
        return f.name

    def row_loop(self, depth: int, pointers: dict[Any, Value]) -> None:
        """Nested loops over the groups of row axes."""
        if depth == len(self.row_groups):
            Row(self, pointers, whole=False).write()
            return
        group = self.row_groups[depth]
        start: Any = 0
        stop: Any = self.size(group)
        if depth == 0:
            start, stop = self.low, self.high
        with self.f.loop(start, stop) as loop:
            inner = {k: self.moved(p, k, group, loop.index) for k, p in pointers.items()}
            self.row_loop(depth + 1, inner)

    def moved(self, pointer: Value, key: Any, group: list[int], index: Value) -> Value:
        """The address after ``index`` steps along a group of axes."""
        root, _, strides = key
        step = strides[group[-1]]
        return pointer if step == 0 else self.f.offset(pointer, self.f.mul(index, step), ir_type(root.dtype))
