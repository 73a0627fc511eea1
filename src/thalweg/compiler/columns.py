"""Native code of a reduction that keeps the last axis: lanes run along it, the reduced axes are loops inside."""

from __future__ import annotations

from typing import Any

from .fuse import Columns
from .graph import Node
from .ir import Function, Value, integer
from .lanes import Lane, Lanes
from .layout import Layout, contiguous
from .memory import Memory, ir_type, load_vector, mask_below, store_vector
from .registers import Combine, in_memory, in_register

__all__ = ["ColumnCode"]

AHEAD = 4  # partial results of the innermost reduced axis, so that additions need not wait for one another


class ColumnCode:
    """Writes the function of one Columns kernel."""

    def __init__(self, kernel: Columns, name: str, layouts: dict[Node, Layout], memory: Memory, target: Any) -> None:
        self.node = kernel.members[0]
        self.x = self.node.inputs[0]
        self.layout = layouts[self.x]
        self.memory = memory
        self.target = target
        params = [("ptr", "ctx"), ("i64", "lo"), ("i64", "hi"), ("ptr", "scratch")]
        self.f = Function(name, params, attributes=target.attributes)
        dims = self.node.params["dims"]
        axes = [i for i, n in enumerate(self.x.shape) if n != 1]
        self.kept = [i for i in axes if i not in dims]
        self.reduced = [i for i in axes if i in dims]
        size = max(self.x.dtype.itemsize, self.node.dtype.itemsize, 4)
        self.width = target.vector_bytes // size if self.kept else 1
        while self.width > 1 and self.kept and self.x.shape[self.kept[-1]] <= self.width // 2:
            self.width //= 2
        strides = [s for s, n in zip(contiguous(self.node.shape), self.node.shape, strict=True) if n != 1]
        self.out_strides = dict(zip(self.kept, strides, strict=True))

    def write(self) -> Function:
        f = self.f
        source = f.offset(self.memory.pointer(f, self.layout.root, f.params[1]), self.layout.offset, self.type(self.x))
        target = self.memory.pointer(f, self.node, f.params[1])
        self.rows(0, source, target)
        f.ret()
        return f

    def type(self, node: Node) -> str:
        return ir_type(node.dtype)

    def rows(self, depth: int, source: Value, target: Value) -> None:
        """Loops over the kept axes, the last one by vectors."""
        f = self.f
        start: Any = f.params[1] if depth == 0 else 0
        stop: Any = f.params[2] if depth == 0 else (self.x.shape[self.kept[depth]] if self.kept else 1)
        if not self.kept:
            self.vector(source, target, None)
            return
        axis = self.kept[depth]
        if depth < len(self.kept) - 1:
            with f.loop(start, stop) as loop:
                self.rows(depth + 1, self.step(source, axis, loop.index), self.out(target, axis, loop.index))
            return
        first = integer(start) if isinstance(start, int) else start
        last = integer(stop) if isinstance(stop, int) else stop
        full = f.binary("sub", last, integer(self.width - 1))
        with f.loop(first, full, self.width) as loop:
            self.vector(self.step(source, axis, loop.index), self.out(target, axis, loop.index), None)
        if self.width == 1:
            return
        length = f.binary("sub", last, first)
        left = f.binary("and", length, integer(self.width - 1))
        with f.when(f.emit(f"icmp ne {left}, 0", "i1")):
            index = f.binary("sub", last, left)
            mask = mask_below(f, left, self.width)
            self.vector(self.step(source, axis, index), self.out(target, axis, index), mask)

    def step(self, pointer: Value, axis: int, index: Value) -> Value:
        return self.f.offset(pointer, self.f.mul(index, self.layout.strides[axis]), self.type(self.x))

    def out(self, pointer: Value, axis: int, index: Value) -> Value:
        return self.f.offset(pointer, self.f.mul(index, self.out_strides[axis]), self.type(self.node))

    def vector(self, source: Value, target: Value, mask: Value | None) -> None:
        """One vector of results."""
        emit = Lanes(self.f, self.memory.module, self.width, self.target)
        neutral = emit.constant(Combine.neutral(self.node), self.node.dtype)
        total = self.reduce(emit, 0, source, neutral, mask)
        stride = self.out_strides[self.kept[-1]] if self.kept else 1
        store_vector(self.f, in_memory(self.f, total), target, stride, mask)

    def reduce(self, emit: Lanes, depth: int, source: Value, total: Lane, mask: Value | None) -> Lane:
        """``total`` with everything along the reduced axes from ``depth`` on."""
        f, dtype = self.f, self.node.dtype
        if depth == len(self.reduced):
            return Combine.pair(emit, self.node, total, self.load(emit, source, mask))
        axis = self.reduced[depth]
        n = self.x.shape[axis]
        if depth < len(self.reduced) - 1 or n < 2 * AHEAD:
            with f.loop(0, n, 1, [total.value]) as loop:
                inner = self.step(source, axis, loop.index)
                loop.next = [self.reduce(emit, depth + 1, inner, Lane(loop.values[0], dtype), mask).value]
            return Lane(loop.results[0], dtype)
        neutral = emit.constant(Combine.neutral(self.node), dtype)
        carried = [total.value, *[neutral.value] * (AHEAD - 1)]
        with f.loop(0, n - AHEAD + 1, AHEAD, carried) as loop:
            after = []
            for i, value in enumerate(loop.values):
                inner = self.step(source, axis, f.add(loop.index, i))
                after.append(Combine.pair(emit, self.node, Lane(value, dtype), self.load(emit, inner, mask)).value)
            loop.next = after
        parts = [Lane(v, dtype) for v in loop.results]
        for i in range(n - n % AHEAD, n):
            inner = self.step(source, axis, integer(i))
            parts[i % AHEAD] = Combine.pair(emit, self.node, parts[i % AHEAD], self.load(emit, inner, mask))
        half = [Combine.pair(emit, self.node, a, b) for a, b in zip(parts[:2], parts[2:], strict=True)]
        return Combine.pair(emit, self.node, *half)

    def load(self, emit: Lanes, source: Value, mask: Value | None) -> Lane:
        stride = self.layout.strides[self.kept[-1]] if self.kept else 0
        raw = load_vector(self.f, source, stride, self.type(self.x), self.width, mask)
        value = in_register(self.f, Lane(raw, self.x.dtype))
        return value if value.dtype == self.node.dtype else emit.convert(value, self.node.dtype)
