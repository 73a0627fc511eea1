"""Native code of one row of a Loop kernel: its scalars, and passes over its elements, a vector at a time.

A reduction ends a pass: what depends on it is computed in the next one, where values of an earlier pass are read back
if they were stored, and computed again otherwise. Rows of a few vectors are held in registers, so that every value is
computed once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .fuse import REDUCTIONS
from .graph import Node
from .ir import Value, integer, vector_type
from .lanes import Lane, Lanes
from .layout import is_view
from .memory import Access, ir_type, load_vector, mask_below, store_vector
from .registers import Combine, in_memory, in_register, is_literal, lane_type, literal, lowered

if TYPE_CHECKING:
    from .loops import LoopCode

__all__ = ["Row"]

UNROLLED = 4  # vectors a row that are held in registers


class Row:
    """The code for one row: scalars, and passes over the elements."""

    def __init__(self, code: LoopCode, pointers: dict[Any, Value], whole: bool) -> None:
        self.code = code
        self.f = code.f
        self.pointers = pointers
        self.whole = whole  # whether the elements are the kernel's own range of rows
        self.scalars: dict[Any, Lane] = {}
        self.emit = Lanes(code.f, code.memory.module, 1, code.target)

    def write(self) -> None:
        code = self.code
        if code.inner_groups:
            self.passes()
        values = [(node, self.scalar(node)) for node in code.kernel.stored if not code.is_inner(node)]
        for node, value in values:  # after all are known: one may take the place of what another reads
            access = code.accesses[node, None]
            store_vector(self.f, in_memory(self.f, value), self.pointers[access.key], 0, None)

    def passes(self) -> None:
        code = self.code
        last = max(code.phase.values(), default=0)
        inner = code.inner_groups
        static = not (self.whole and code.kernel.split is None)
        count = code.size(inner[-1])
        held = static and len(inner) == 1 and -(-count // code.width) <= UNROLLED
        if held:
            starts = range(0, count, code.width)
            chunks = [Chunk(self, i, min(code.width, count - i)) for i in starts]
        for phase in range(last + 1):
            inner_nodes = [n for n in code.kernel.members if code.phase[n] == phase and not is_view(n)]
            reductions = [n for n in inner_nodes if n.op in REDUCTIONS]
            stores = [n for n in inner_nodes if n in code.stored and code.is_inner(n)]
            if not reductions and not stores:
                continue
            if held:
                partial: dict[Node, Any] = dict.fromkeys(reductions)
                for chunk in chunks:
                    self.accumulate(chunk, phase, partial, stores)
                self.finish(partial)
            else:
                self.looped(phase, reductions, stores)

    def accumulate(self, chunk: Chunk, phase: int, partial: dict[Node, Any], stores: list[Node]) -> None:
        """Compute a chunk's stores, and add its operands to the partial results.

        All values are computed before the first is stored, since one may take the place of what another reads.
        """
        chunk.phase = phase
        for node in stores:
            chunk.value(node)
        for node in stores:
            chunk.store(node)
        for node in partial:
            value = chunk.operand_of(node)
            partial[node] = value if partial[node] is None else Combine.pair(chunk.emit, node, partial[node], value)

    def looped(self, phase: int, reductions: list[Node], stores: list[Node]) -> None:
        """A pass as a loop over the inner axes."""
        code, f = self.code, self.f
        self.prepare(phase)
        width, group = code.width, code.inner_groups[-1]
        wide = Lanes(f, code.memory.module, width, code.target)
        carried = [wide.constant(Combine.neutral(n), n.dtype) for n in reductions]
        if self.whole and code.kernel.split is None:
            start, stop = code.low, code.high
            tail: Any = "dynamic" if width > 1 else None
        else:
            count = code.size(group)
            start, stop = integer(0), integer(count)
            tail = count % width or None
        results = self.inner_loops(0, phase, reductions, stores, carried, self.pointers, start, stop, tail)
        self.finish(dict(zip(reductions, results, strict=True)))

    def prepare(self, phase: int) -> None:
        """Compute the row's scalars that a pass will need before its loop begins."""
        code = self.code
        for node in code.kernel.members:
            if code.phase[node] > phase or is_view(node) or not (code.is_inner(node) or node.op in REDUCTIONS):
                continue
            for x in node.parents():
                if x in code.own:
                    if not code.is_inner(x):
                        self.scalar(x)
                elif not is_literal(x):
                    access = code.accesses[node, x]
                    if all(access.strides[i] == 0 for g in code.inner_groups for i in g):
                        self.scalar_operand(node, x)

    def inner_loops(
        self, depth: int, phase: int, reductions: list[Node], stores: list[Node], carried: list[Lane],
        pointers: dict[Any, Value], start: Value, stop: Value, tail: Any,
    ) -> list[Lane]:  # fmt: skip
        """Loops over the inner axes; the last one goes by vectors, with a masked rest."""
        code, f = self.code, self.f
        group = code.inner_groups[depth]
        if depth < len(code.inner_groups) - 1:
            with f.loop(0, code.size(group), 1, [c.value for c in carried]) as loop:
                inner = {k: code.moved(p, k, group, loop.index) for k, p in pointers.items()}
                round_ = [Lane(v, c.dtype) for v, c in zip(loop.values, carried, strict=True)]
                after = self.inner_loops(depth + 1, phase, reductions, stores, round_, inner, start, stop, tail)
                loop.next = [x.value for x in after]
            return [Lane(v, c.dtype) for v, c in zip(loop.results, carried, strict=True)]
        full = stop if tail is None else f.binary("sub", stop, integer(code.width - 1))
        with f.loop(start, full, code.width, [c.value for c in carried]) as loop:
            chunk = Chunk(self, loop.index, code.width, pointers)
            partial: dict[Node, Any] = {
                n: Lane(v, c.dtype) for n, v, c in zip(reductions, loop.values, carried, strict=True)
            }
            self.accumulate(chunk, phase, partial, stores)
            loop.next = [partial[n].value for n in reductions]
        results = [Lane(v, c.dtype) for v, c in zip(loop.results, carried, strict=True)]
        if tail is None:
            return results
        return self.rest(phase, reductions, stores, results, pointers, start, stop, tail)

    def rest(
        self, phase: int, reductions: list[Node], stores: list[Node], results: list[Lane],
        pointers: dict[Any, Value], start: Value, stop: Value, tail: Any,
    ) -> list[Lane]:  # fmt: skip
        """What is left after the whole vectors, under a mask."""
        code, f = self.code, self.f
        if tail == "dynamic":
            length = f.binary("sub", stop, start)
            left = f.binary("and", length, integer(code.width - 1))
            index = f.binary("sub", stop, left)
            some = f.emit(f"icmp ne {left}, 0", "i1")
            with f.when(some):
                self.accumulate(Chunk(self, index, left, pointers), phase, {}, stores)
            return results  # a kernel that is cut by rows has no reductions in this loop
        chunk = Chunk(self, integer(int(stop.name) - tail), tail, pointers)
        partial: dict[Node, Any] = dict(zip(reductions, results, strict=True))
        self.accumulate(chunk, phase, partial, stores)
        return [partial[n] for n in reductions]

    def finish(self, partial: dict[Node, Any]) -> None:
        """Reductions of the lanes; their results are scalars of the row."""
        for node, value in partial.items():
            self.scalars[node] = self.across(node, value)

    def across(self, node: Node, value: Lane) -> Lane:
        """The lanes of a vector combined pairwise, halves onto halves."""
        count = self.code.width
        while count > 1:
            count //= 2
            type = value.value.type
            narrow = vector_type(lane_type(value.dtype), count)
            halves = []
            for first in (0, count):
                picks = ", ".join(f"i32 {first + i}" for i in range(count))
                text = f"shufflevector {type} {value.value.name}, {type} poison, <{count} x i32> <{picks}>"
                half = self.f.emit(text, f"<{count} x {lane_type(value.dtype)}>")
                if count == 1:
                    half = self.f.emit(f"extractelement {half}, i64 0", narrow)
                halves.append(Lane(half, value.dtype))
            value = Combine.pair(Lanes(self.f, self.code.memory.module, count, self.code.target), node, *halves)
        return value

    # -- scalars ------------------------------------------------------------------------------------------

    def scalar(self, node: Any) -> Lane:
        """The value of a member that is one for the row."""
        if node in self.scalars:
            return self.scalars[node]
        if is_view(node):
            value = self.scalar(node.inputs[0])
        else:
            value = lowered(self.emit, node, [self.scalar_operand(node, x) for x in node.inputs])
        self.scalars[node] = value
        return value

    def scalar_operand(self, node: Node, x: Any) -> Any:
        if type(x) is not Node:
            return x
        if is_literal(x):
            return literal(self.emit, x)
        if x in self.code.own:
            return self.scalar(x)
        access = self.code.accesses[node, x]
        if access.key not in self.scalars:
            pointer = self.pointers[access.key]
            loaded = self.f.load(pointer, ir_type(x.dtype))
            self.scalars[access.key] = in_register(self.f, Lane(loaded, x.dtype))
        return self.scalars[access.key]


class Chunk:
    """One vector's worth of a row's elements, from ``start`` on; fewer than the width under a mask."""

    def __init__(
        self, row: Row, start: Value | int, count: Value | int, pointers: dict[Any, Value] | None = None
    ) -> None:
        self.row = row
        self.code = row.code
        self.f = row.f
        self.start = integer(start) if isinstance(start, int) else start
        self.emit = Lanes(row.f, row.code.memory.module, row.code.width, row.code.target)
        self.values: dict[Any, Lane] = {}
        self.phase = 0
        self.pointers = pointers if pointers is not None else row.pointers
        self.mask: Value | None = None
        if row.code.width > 1 and (not isinstance(count, int) or count < row.code.width):
            self.mask = mask_below(row.f, count, row.code.width)

    def value(self, node: Node) -> Lane:
        """The vector of a member."""
        code = self.code
        if not code.is_inner(node):
            key = ("wide", node)
            if key not in self.values:
                self.values[key] = self.spread(self.row.scalar(node))
            return self.values[key]
        if node in self.values:
            return self.values[node]
        if is_view(node):
            value = self.value(node.inputs[0])
        elif node in code.stored and code.phase[node] < self.phase:
            value = self.load(code.accesses[node, None], node)
        else:
            value = lowered(self.emit, node, [self.operand(node, x) for x in node.inputs])
        self.values[node] = value
        return value

    def operand(self, node: Node, x: Any) -> Any:
        if type(x) is not Node:
            return x
        if is_literal(x):
            return literal(self.emit, x)
        if x in self.code.own:
            return self.value(x)
        access = self.code.accesses[node, x]
        if access.key not in self.values:
            if all(access.strides[i] == 0 for g in self.code.inner_groups for i in g):
                self.values[access.key] = self.spread(self.row.scalar_operand(node, x))
            else:
                self.values[access.key] = self.load(access, x)
        return self.values[access.key]

    def operand_of(self, node: Node) -> Lane:
        """What a reduction takes in: its operand, converted, and neutral where the mask is off."""
        value = self.operand(node, node.inputs[0])
        if value.dtype != node.dtype:
            value = self.emit.convert(value, node.dtype)
        if self.mask is None:
            return value
        neutral = self.emit.constant(Combine.neutral(node), node.dtype)
        chosen = self.f.emit(f"select {self.mask}, {value.value}, {neutral.value}", value.value.type)
        return Lane(chosen, value.dtype)

    def load(self, access: Access, node: Node) -> Lane:
        group = self.code.inner_groups[-1]
        pointer = self.code.moved(self.pointers[access.key], access.key, group, self.start)
        step = self.code.stride(access, group)
        raw = load_vector(self.f, pointer, step, ir_type(node.dtype), self.code.width, self.mask)
        return in_register(self.f, Lane(raw, node.dtype))

    def store(self, node: Node) -> None:
        access = self.code.accesses[node, None]
        group = self.code.inner_groups[-1]
        pointer = self.code.moved(self.pointers[access.key], access.key, group, self.start)
        value = self.value(node)
        store_vector(self.f, in_memory(self.f, value), pointer, self.code.stride(access, group), self.mask)

    def spread(self, value: Lane) -> Lane:
        return Lane(self.f.splat(value.value, self.code.width), value.dtype)
