"""What a structural primitive's ``lower`` writes with: copies between views, and loops over their elements.

``Moves`` is the ``code`` of ``Primitive.lower`` for primitives that are not elementwise. Its inputs are Views, or
Python numbers; it writes its result into ``code.out``. All that is known when the code is written (basic indices,
permutations, reshapes) costs nothing at run time. Nothing is tested: indices were checked before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from ..core.primitive import Primitive
from ..ops.broadcast import expand
from ..ops.shape import index as index_
from ..ops.shape import permute
from .graph import Node, constant
from .ir import Function, Value, integer
from .lanes import Lane, Lanes
from .layout import VIEWS, Layout, contiguous, looked_at
from .memory import KERNEL, Memory, ir_type
from .philox import Draw
from .selections import selected

__all__ = ["Moves", "View", "row_rule", "special"]


class View:
    """Elements in memory: (i, j, ...) is ``offset + i strides[0] + j strides[1] + ...`` elements after ``base``."""

    __slots__ = ("base", "dtype", "offset", "shape", "strides")

    def __init__(self, base: Value, offset: int, shape: Sequence[int], strides: Sequence[int], dtype: Any) -> None:
        self.base = base
        self.offset = offset
        self.shape = tuple(shape)
        self.strides = tuple(strides)
        self.dtype = dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    def seen(self, primitive: Primitive, **params: Any) -> View | None:
        """What a view primitive makes of it; None if it would have to copy."""
        if primitive not in VIEWS:
            return None
        node = Node(primitive, (), params, primitive.shape(self, **params), self.dtype)
        layout = looked_at(Layout(node, self.offset, self.shape, self.strides), node)
        return None if layout is None else View(self.base, layout.offset, layout.shape, layout.strides, self.dtype)

    def part(self, *index: Any) -> View:
        """A basic index."""
        return self._sure(self.seen(index_, index=index))

    def permuted(self, *dims: int) -> View:
        return self._sure(self.seen(permute, dims=dims))

    def expanded(self, shape: tuple[int, ...]) -> View:
        return self._sure(self.seen(expand, shape=shape))

    def reversed(self, dims: Sequence[int]) -> View:
        """The elements from the other end along these axes."""
        key = [slice(None, None, -1) if i in dims else slice(None) for i in range(self.ndim)]
        return self.part(*key)

    def windows(
        self, kernel: Sequence[int], out: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
    ) -> View:
        """All windows over the last axes: (..., *kernel, *out), elements of which may lie at one place."""
        lead = self.ndim - len(kernel)
        steps = self.strides[lead:]
        by_element = (s * d for s, d in zip(steps, dilation, strict=True))
        by_window = (s * d for s, d in zip(steps, stride, strict=True))
        shape, strides = (*self.shape[:lead], *kernel, *out), (*self.strides[:lead], *by_element, *by_window)
        return View(self.base, self.offset, shape, strides, self.dtype)

    @staticmethod
    def _sure(view: View | None) -> View:
        assert view is not None
        return view


class Moves:
    """Writes the function of one node."""

    def __init__(
        self, f: Function, node: Node | None, layouts: dict[Node, Layout], memory: Memory, target: Any,
        plan: Any = None,
    ) -> None:  # fmt: skip
        self.f = f
        self.memory = memory
        self.target = target
        self.layouts = layouts
        self.plan = plan
        self.emit = self.lanes(1)
        if node is not None:
            self.out = View(memory.pointer(f, node, f.params[1]), 0, node.shape, contiguous(node.shape), node.dtype)

    def lanes(self, count: int) -> Lanes:
        return Lanes(self.f, self.memory.module, count, self.target)

    # -- views --------------------------------------------------------------------------------------------

    def view(self, x: Any) -> Any:
        """An input of the node; Python numbers stay what they are."""
        if type(x) is not Node:
            return x
        layout = self.layouts[x]
        base = self.memory.pointer(self.f, layout.root, self.f.params[1])
        return View(base, layout.offset, layout.shape, layout.strides, x.dtype)

    def constant(self, array: Any) -> View:
        """An array that is known now."""
        node = constant(array)
        base = self.memory.pointer(self.f, node, None)
        return View(base, 0, node.shape, contiguous(node.shape), node.dtype)

    def at(self, view: View, *indices: Value) -> View:
        """The view of the last axes at indices along the first ones."""
        base = view.base
        for i, step in zip(indices, view.strides, strict=False):
            base = self.moved(base, i, step, view.dtype)
        rest = len(indices)
        return View(base, view.offset, view.shape[rest:], view.strides[rest:], view.dtype)

    def shifted(self, view: View, index: Value, step: int) -> View:
        """The same view, ``index`` times ``step`` elements further on."""
        return View(self.moved(view.base, index, step, view.dtype), view.offset, view.shape, view.strides, view.dtype)

    def moved(self, base: Value, index: Value, step: int, dtype: Any) -> Value:
        return base if step == 0 else self.f.offset(base, self.f.mul(index, step), ir_type(dtype))

    def address(self, view: View) -> Value:
        """Where the first element lies."""
        return self.f.offset(view.base, view.offset, ir_type(view.dtype))

    # -- elements -----------------------------------------------------------------------------------------

    def load(self, view: View, *indices: Value) -> Lane:
        """One element."""
        return self.emit.load(self.address(self.at(view, *indices)), view.dtype)

    def store(self, value: Any, view: View, *indices: Value) -> None:
        """Write one element, in the view's dtype."""
        self.emit.store(self.emit.convert(value, view.dtype), self.address(self.at(view, *indices)))

    def position(self, index: View, n: int, *indices: Value) -> Value:
        """An element of an index array as a position along an axis of size ``n``; negative ones count from the end."""
        found = self.emit.convert(self.load(index, *indices), np.int64)
        if index.dtype.kind != "i":
            return found.value
        behind = self.emit.add(found, n)
        return self.emit.select(self.emit.lt(found, 0), behind, found).value

    @contextmanager
    def each(self, shape: Sequence[int]) -> Iterator[tuple[Value, ...]]:
        """Nested loops over the positions of a shape, the last axis innermost."""
        with ExitStack() as stack:
            yield tuple(stack.enter_context(self.f.loop(0, int(n))).index for n in shape)

    def selected(self, x: View, indices: Sequence[View], pattern: tuple[Any, ...], y: Any) -> Any:
        """A loop over the positions of index arrays; see ``selections.selected``."""
        return selected(self, x, indices, pattern, y)

    # -- more than copies ---------------------------------------------------------------------------------

    def random(self, key: View, offset: int) -> Draw:
        """Random words of a generator's state; see ``philox.Draw``."""
        return Draw(self, key, offset)

    def work(self, size: int) -> Value:
        """Memory of the program's arena for this node alone."""
        return self.f.offset(self.f.load(self.f.params[0], "ptr"), self.plan.reserve(size), "i8")

    # -- copies -------------------------------------------------------------------------------------------

    def fill(self, target: View, value: Any) -> None:
        self.copy(value, target)

    def copy(self, source: Any, target: View) -> None:
        """target = source, a view that broadcasts to it, or a number."""
        self._apply(source, target, None)

    def add(self, source: Any, target: View) -> None:
        """target += source, one element after the other."""
        self._apply(source, target, Lanes.add)

    def _apply(self, source: Any, target: View, combine: Any) -> None:
        if 0 in target.shape:
            return
        if isinstance(source, View):
            if source.ndim > target.ndim:  # leading axes of size 1
                source = source.part(*[0] * (source.ndim - target.ndim))
            source = source.expanded(target.shape)
            sizes, (before, after) = joined_axes(target.shape, [source.strides, target.strides])
            source = View(source.base, source.offset, sizes, before, source.dtype)
        else:
            sizes, (after,) = joined_axes(target.shape, [target.strides])
        target = View(target.base, target.offset, sizes, after, target.dtype)
        with self.each(sizes[:-1]) as outer:
            line = self.at(source, *outer) if isinstance(source, View) else source
            Line(self, line, self.at(target, *outer), combine).write()


class Line:
    """A copy along one axis, or of one element."""

    def __init__(self, code: Moves, source: Any, target: View, combine: Any) -> None:
        self.code = code
        self.f = code.f
        self.source = source
        self.target = target
        self.combine = combine
        self.n = target.shape[0] if target.shape else 1
        self.step = target.strides[0] if target.shape else 1
        self.source_step = source.strides[0] if isinstance(source, View) and source.shape else 0

    def write(self) -> None:
        source, target = self.source, self.target
        straight = self.step == 1 and self.n > 1
        if isinstance(source, View) and straight and self.source_step == 1 and self.plain(source):
            size = integer(self.n * target.dtype.itemsize)
            places = [self.code.address(target), self.code.address(source)]
            self.f.call("llvm.memcpy.p0.p0.i64", [*places, size, Value("false", "i1")], "void")
            return
        done = 0
        sizes = [target.dtype.itemsize, source.dtype.itemsize if isinstance(source, View) else 1, 2]
        width = self.code.target.vector_bytes // max(sizes)
        if not straight or self.source_step not in (0, 1, -1):
            width = 1
        while done < self.n:
            if self.n - done >= width:
                end = self.n - (self.n - done) % width
                with self.f.loop(done, end, width) as loop:
                    self.some(self.code.lanes(width), loop.index)
                done = end
            width //= 2

    def plain(self, source: View) -> bool:
        """Whether bytes can be copied as they are."""
        return self.combine is None and source.dtype == self.target.dtype

    def some(self, emit: Lanes, index: Value) -> None:
        """As many elements as there are lanes, from ``index`` on."""
        place = self.code.address(self.code.shifted(self.target, index, self.step))
        value = emit.convert(self.read(emit, index), self.target.dtype)
        if self.combine is not None:
            value = self.combine(emit, emit.load(place, self.target.dtype), value)
        emit.store(value, place)

    def read(self, emit: Lanes, index: Value) -> Any:
        source, count = self.source, emit.count
        if not isinstance(source, View):
            return source
        first = self.code.address(self.code.shifted(source, index, self.source_step))
        if self.source_step == 0 and count > 1:
            one = self.code.emit.load(first, source.dtype)
            return emit.splat(one.value, source.dtype)
        if self.source_step == -1 and count > 1:
            value = emit.load(self.f.offset(first, 1 - count, ir_type(source.dtype)), source.dtype)
            return Lane(turned(self.f, value.value, count), source.dtype)
        return emit.load(first, source.dtype)


def turned(f: Function, value: Value, count: int) -> Value:
    """The lanes in reverse order."""
    picks = ", ".join(f"i32 {i}" for i in reversed(range(count)))
    return f.emit(f"shufflevector {value}, {value.type} poison, <{count} x i32> <{picks}>", value.type)


def joined_axes(shape: Sequence[int], strides: Sequence[Sequence[int]]) -> tuple[list[int], list[list[int]]]:
    """The fewest axes that reach the same elements in the same order, for several views at once."""
    sizes: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for i, n in enumerate(shape):
        if n == 1:
            continue
        here = [s[i] for s in strides]
        if sizes and all(known[-1] == s * n for known, s in zip(steps, here, strict=True)):
            sizes[-1] *= n
            for known, s in zip(steps, here, strict=True):
                known[-1] = s
            continue
        sizes.append(n)
        for known, s in zip(steps, here, strict=True):
            known.append(s)
    return sizes, steps


def row_rule(node: Node) -> Any:
    """How a node is computed row by row, as ``Primitive.by_rows`` says; None if it is not."""
    if type(node.op).lower is Primitive.lower or not node.shape:
        return None
    return node.op.by_rows(*node.inputs, **node.params)


def special(
    node: Node, name: str, layouts: dict[Node, Layout], memory: Memory, target: Any, plan: Any,
    write: Callable[..., None] | None,
) -> Function | None:  # fmt: skip
    """The function of a node that lowers itself, or that ``write(code, *inputs, **params)`` does; None if neither."""
    if write is None and type(node.op).lower is Primitive.lower:
        return None
    f = Function(name, KERNEL, attributes=target.attributes)
    code = Moves(f, node, layouts, memory, target, plan)
    views = [code.view(x) for x in node.inputs]
    rule = row_rule(node) if write is None else None
    if not node.size:
        f.ret()
        return f
    if rule is None:
        (write or node.op.lower)(code, *views, **node.params)
    else:
        with f.loop(f.params[1], f.params[2]) as loop:
            whole, code.out = code.out, code.at(code.out, loop.index)
            pairs = zip(views, rule[0], strict=True)
            parts = (code.at(v, loop.index) if part and isinstance(v, View) else v for v, part in pairs)
            node.op.lower(code, *parts, **rule[1])
            code.out = whole
    f.ret()
    return f
