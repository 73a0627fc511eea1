"""Native code of a reduction that keeps the last axis: lanes run along it, the reduced axes are loops inside."""

from __future__ import annotations

from typing import Any

from .fuse import Columns
from .graph import Node
from .ir import Function, Value, integer
from .lanes import Lane, Lanes
from .layout import Layout, contiguous
from .memory import KERNEL, Memory, ir_type, load_vector, mask_below, store_vector
from .registers import Combine, in_memory, in_register

__all__ = ["ColumnCode"]

AHEAD = 4  # partial results of the innermost reduced axis, so that additions need not wait for one another; each
# element is added up in the same order whatever vectors go together


class ColumnCode:
    """Writes the function of one Columns kernel."""

    def __init__(self, kernel: Columns, name: str, layouts: dict[Node, Layout], memory: Memory, target: Any) -> None:
        self.node = kernel.members[0]
        self.x = self.node.inputs[0]
        self.layout = layouts[self.x]
        self.memory = memory
        self.target = target
        self.f = Function(name, KERNEL, attributes=target.attributes)
        dims = self.node.params["dims"]
        axes = [i for i, n in enumerate(self.x.shape) if n != 1]
        self.kept = [i for i in axes if i not in dims]
        self.sums = self.joined([i for i in axes if i in dims])
        size = max(self.x.dtype.itemsize, self.node.dtype.itemsize, 4)
        self.width = target.vector_bytes // size if self.kept else 1
        while self.width > 1 and self.kept and self.x.shape[self.kept[-1]] <= self.width // 2:
            self.width //= 2
        strides = [s for s, n in zip(contiguous(self.node.shape), self.node.shape, strict=True) if n != 1]
        self.out_strides = dict(zip(self.kept, strides, strict=True))

        self.together = self.target.registers // 8 if self.width > 1 else 1

    def joined(self, reduced: list[int]) -> list[tuple[int, int]]:
        """The reduced axes as loops, size and stride; neighbours whose elements lie in one row are one."""
        loops: list[tuple[int, int]] = []
        for i in reduced:
            n, stride = self.x.shape[i], self.layout.strides[i]
            if loops and loops[-1][1] == n * stride:
                n *= loops.pop()[0]
            loops.append((n, stride))
        return loops

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
            self.vectors(source, target, None, 1)
            return
        axis = self.kept[depth]
        if depth < len(self.kept) - 1:
            with f.loop(start, stop) as loop:
                self.rows(depth + 1, self.step(source, axis, loop.index), self.out(target, axis, loop.index))
            return
        first = integer(start) if isinstance(start, int) else start
        last = integer(stop) if isinstance(stop, int) else stop
        for count in (self.together, 1):
            full = f.binary("sub", last, integer(count * self.width - 1))
            with f.loop(first, full, count * self.width) as loop:
                here = self.step(source, axis, loop.index), self.out(target, axis, loop.index)
                self.vectors(*here, None, count)
            length = f.binary("sub", last, first)
            first = f.add(first, f.mul(f.emit(f"udiv {length}, {count * self.width}", "i64"), count * self.width))
        if self.width == 1:
            return
        left = f.binary("sub", last, first)
        with f.when(f.emit(f"icmp ne {left}, 0", "i1")):
            mask = mask_below(f, left, self.width)
            self.vectors(self.step(source, axis, first), self.out(target, axis, first), mask, 1)

    def step(self, pointer: Value, axis: int, index: Value) -> Value:
        return self.f.offset(pointer, self.f.mul(index, self.layout.strides[axis]), self.type(self.x))

    def out(self, pointer: Value, axis: int, index: Value) -> Value:
        return self.f.offset(pointer, self.f.mul(index, self.out_strides[axis]), self.type(self.node))

    def vectors(self, source: Value, target: Value, mask: Value | None, count: int) -> None:
        """A few vectors of results, beside each other."""
        emit = Lanes(self.f, self.memory.module, self.width, self.target)
        neutral = emit.constant(Combine.neutral(self.node), self.node.dtype)
        totals = self.reduce(emit, 0, source, [neutral] * count, mask)
        stride = self.out_strides[self.kept[-1]] if self.kept else 1
        for v, total in enumerate(totals):
            place = self.f.offset(target, v * self.width * stride, self.type(self.node))
            store_vector(self.f, in_memory(self.f, total), place, stride, mask)

    def reduce(self, emit: Lanes, depth: int, source: Value, totals: list[Lane], mask: Value | None) -> list[Lane]:
        """``totals`` with everything along the reduced axes from ``depth`` on."""
        f, dtype = self.f, self.node.dtype
        if depth == len(self.sums):
            return [self.pair(emit, t, self.load(emit, source, mask, v)) for v, t in enumerate(totals)]
        n, stride = self.sums[depth]
        if depth < len(self.sums) - 1 or n < 2 * AHEAD:
            with f.loop(0, n, 1, [t.value for t in totals]) as loop:
                inner = self.along(source, stride, loop.index)
                before = [Lane(v, dtype) for v in loop.values]
                loop.next = [t.value for t in self.reduce(emit, depth + 1, inner, before, mask)]
            return [Lane(v, dtype) for v in loop.results]
        neutral = emit.constant(Combine.neutral(self.node), dtype)
        count = len(totals)
        carried = [*(t.value for t in totals), *[neutral.value] * (count * (AHEAD - 1))]
        with f.loop(0, n - AHEAD + 1, AHEAD, carried) as loop:
            rows = [self.along(source, stride, f.add(loop.index, i)) for i in range(AHEAD)]
            loop.next = [
                self.pair(emit, Lane(value, dtype), self.load(emit, rows[i // count], mask, i % count)).value
                for i, value in enumerate(loop.values)
            ]
        parts = [Lane(v, dtype) for v in loop.results]
        for i in range(n - n % AHEAD, n):
            inner, first = self.along(source, stride, integer(i)), i % AHEAD * count
            for v in range(count):
                parts[first + v] = self.pair(emit, parts[first + v], self.load(emit, inner, mask, v))
        half = [self.pair(emit, a, b) for a, b in zip(parts[: 2 * count], parts[2 * count :], strict=True)]
        return [self.pair(emit, a, b) for a, b in zip(half[:count], half[count:], strict=True)]

    def pair(self, emit: Lanes, a: Lane, b: Lane) -> Lane:
        return Combine.pair(emit, self.node, a, b)

    def along(self, pointer: Value, stride: int, index: Value) -> Value:
        return self.f.offset(pointer, self.f.mul(index, stride), self.type(self.x))

    def load(self, emit: Lanes, source: Value, mask: Value | None, vector: int) -> Lane:
        """The operand's elements for the vector of this number."""
        stride = self.layout.strides[self.kept[-1]] if self.kept else 0
        place = self.f.offset(source, vector * self.width * stride, self.type(self.x))
        raw = load_vector(self.f, place, stride, self.type(self.x), self.width, mask)
        value = in_register(self.f, Lane(raw, self.x.dtype))
        return value if value.dtype == self.node.dtype else emit.convert(value, self.node.dtype)
