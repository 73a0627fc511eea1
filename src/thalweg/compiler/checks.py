"""Native tests of what must hold before a run may write anything outside; see ``graph.Check``."""

from __future__ import annotations

from typing import Any

import numpy as np

from .fuse import Test
from .graph import Graph, Node
from .ir import Function, Value, integer
from .lanes import Lane, Lanes
from .layout import Layout
from .memory import KERNEL, Memory
from .moves import Moves, View, joined_axes
from .plan import FOUND

__all__ = ["check_function", "failure", "tests"]


def tests(graph: Graph) -> list[Test]:
    """A kernel for each check; the first has the number 1."""
    return [Test(check, i + 1) for i, check in enumerate(graph.checks)]


def failure(graph: Graph, number: int, found: int) -> Exception:
    """The exception of a check that failed because of an element ``found``."""
    check = graph.checks[number - 1]
    return check.error(check.message.format(value=found))


def check_function(kernel: Test, name: str, layouts: dict[Node, Layout], memory: Memory, target: Any) -> Function:
    """A function that returns 0, or the test's number after it has put the first element outside into the context."""
    f = Function(name, KERNEL, "i64", attributes=target.attributes)
    code = Moves(f, None, layouts, memory, target)
    x = code.view(kernel.check.node)
    x = x.part(*(0 if s == 0 and n else slice(None) for n, s in zip(x.shape, x.strides, strict=True)))
    sizes, (strides,) = joined_axes(x.shape, [x.strides])
    x = View(x.base, x.offset, sizes, strides, x.dtype)
    if 0 not in sizes:
        _Search(code, kernel, x).write()
    f.ret(integer(0))
    return f


class _Search:
    """First whether any element lies outside, several at once; if so, which is the first."""

    def __init__(self, code: Moves, kernel: Test, x: View) -> None:
        self.code = code
        self.f = code.f
        self.x = x
        self.low, self.high = kernel.check.low, kernel.check.high
        self.number = kernel.number

    def write(self) -> None:
        f, x = self.f, self.x
        any_ = f.alloca("i8")
        f.store(integer(0, "i8"), any_)
        with self.code.each(x.shape[:-1]) as outer:
            self.line(self.code.at(x, *outer), any_)
        found = f.emit(f"icmp ne {f.load(any_, 'i8')}, 0", "i1")
        with f.when(found), self.code.each(x.shape) as position:
            value = self.code.load(x, *position)
            with f.when(self.outside(self.code.emit, value).value):
                place = f.offset(f.params[0], FOUND, "i64")
                f.store(self.code.emit.convert(value, np.int64).value, place)
                f.ret(integer(self.number))
                f.start(f.fresh("unreached"))

    def line(self, x: View, any_: Value) -> None:
        """Set ``any_`` if an element along the last axis lies outside."""
        n, step = (x.shape[0], x.strides[0]) if x.shape else (1, 1)
        width = self.code.target.vector_bytes // 8 if step == 1 else 1
        done = n - n % width
        self.stretch(x, 0, done, width, any_)
        if done < n:
            self.stretch(x, done, n, 1, any_)

    def stretch(self, x: View, start: int, stop: int, width: int, any_: Value) -> None:
        f, emit = self.f, self.code.lanes(width)
        step = x.strides[0] if x.strides else 1
        with f.loop(start, stop, width, [emit.constant(False, bool).value]) as loop:
            place = self.code.address(self.code.shifted(x, loop.index, step))
            outside = self.outside(emit, emit.load(place, x.dtype))
            loop.next = [emit.bit_or(Lane(loop.values[0], bool), outside).value]
        found = emit.any(Lane(loop.results[0], bool))
        byte = f.emit(f"zext {found} to i8", "i8")
        f.store(f.binary("or", f.load(any_, "i8"), byte), any_)

    def outside(self, emit: Lanes, value: Lane) -> Lane:
        """Whether not low <= value < high, by one comparison without sign."""
        above = emit.sub(emit.convert(value, np.int64), emit.constant(self.low, np.int64))
        span = emit.constant(self.high - self.low, np.int64)
        return Lane(self.f.emit(f"icmp uge {above.value}, {span.value.name}", emit.type(bool)), bool)
