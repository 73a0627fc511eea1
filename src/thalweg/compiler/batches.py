"""The loop over the batches, in native code.

``epoch(ctx, order, loop, begin, end)`` runs the program once for each of the steps [begin, end). What changes from
step to step is described by ``loop``, an array of 8-byte words:

====================  =======================================================================================
gathered arguments    count; for each: slot, data, bytes of a row, rows of a batch, buffer (0: read in place)
results               count; for each: slot, first address, bytes a step
numbers               count; for each: slot, first address (float64, one for each step)
generators            count; for each: address of the counter, blocks a step
====================  =======================================================================================

The rows of step t are ``order[t * rows] ...``; without an order, t * rows and following. A slot of the context that
belongs to an argument, a result or a number gets a new address before each step. Returned is the number of steps
that were done; fewer than asked for if the program reported an error, which ``ctx[1]`` of the next run would repeat.
"""

from __future__ import annotations

from typing import Any

from .ir import Function, Value, integer, real
from .tiles import SUFFIX

__all__ = ["block_function", "epoch_function"]

ITEMS = {"arguments": 5, "results": 3, "numbers": 2, "generators": 2}


def epoch_function(attributes: str) -> Function:
    """The function, for a module that has a ``program``."""
    params = [("ptr", "ctx"), ("ptr", "order"), ("ptr", "loop"), ("i64", "begin"), ("i64", "end"), ("ptr", "code")]
    f = Function("epoch", params, "i64", attributes=attributes)
    _, _, loop, begin, end, code = f.params
    with f.loop(begin, end) as steps:
        position = _prepared(f, loop, steps.index)
        result = f.emit("call i64 @program(ptr %ctx)", "i64")
        failed = f.emit(f"icmp ne {result}, 0", "i1")
        with f.when(failed):
            f.store(result, code)
            f.ret(steps.index)
            f.start(f.fresh("unreached"))
        _each(f, position, ITEMS["generators"], _generator, steps.index)
    f.ret(end)
    return f


def _prepared(f: Function, loop: Value, step: Value) -> Value:
    """Put the addresses of a step into their slots; returns where the list of generators begins."""
    position = loop
    for name, write in (("arguments", _argument), ("results", _result), ("numbers", _number)):
        position = _each(f, position, ITEMS[name], write, step)
    return position


def block_function(attributes: str, type: str) -> Function:
    """``blocks(ctx, order, loop, begin, end, code, block)``: the loop for a graph without its first weight.

    ``block`` holds: slot of the sample, its data, bytes of a row; the weight, its rows and columns; memory for the
    samples of a block, their products with the weight, with one another, and the steps; slots of product and step;
    and the number of samples in a block. See ``thalweg.compiler.blocks``.
    """
    params = [
        ("ptr", "ctx"), ("ptr", "order"), ("ptr", "loop"), ("i64", "begin"), ("i64", "end"), ("ptr", "code"),
        ("ptr", "block"),
    ]  # fmt: skip
    f = Function("blocks", params, "i64", attributes=attributes)
    begin, end, block = f.params[3], f.params[4], f.params[6]
    most = _word(f, block, 12)
    count = f.binary("sub", end, begin)
    rounds = f.emit(f"udiv {f.add(f.add(count, most), -1)}, {most.name}", "i64")
    with f.loop(0, rounds) as outer:
        first = f.add(begin, f.mul(outer.index, most))
        left = f.binary("sub", end, first)
        cut = f.emit(f"icmp slt {left}, {most.name}", "i1")
        samples = f.emit(f"select {cut}, {left}, {most}", "i64")
        _Block(f, type).write(first, samples, most)
    f.ret(end)
    return f


class _Block:
    """The code for one block of samples."""

    def __init__(self, f: Function, type: str) -> None:
        self.f = f
        self.type = type
        self.gemm = f"tw_gemm_{SUFFIX[type]}"
        block = f.params[6]
        self.slot, self.data, self.row_bytes = _word(f, block, 0), _word(f, block, 1, "ptr"), _word(f, block, 2)
        self.weight, self.rows, self.columns = _word(f, block, 3, "ptr"), _word(f, block, 4), _word(f, block, 5)
        self.samples, self.products, self.among, self.steps = (_word(f, block, i, "ptr") for i in (6, 7, 8, 9))
        self.product_slot, self.step_slot = _word(f, block, 10), _word(f, block, 11)

    def write(self, first: Value, samples: Value, most: Value) -> None:
        f, one = self.f, integer(1)
        loop, code = f.params[2], f.params[5]
        _copy_rows(f, self.data, self.row_bytes, samples, self.samples, first)
        k, n = self.columns, self.rows
        self.product(samples, n, k, 1.0, (self.samples, k, one), (self.weight, one, k), 0.0, (self.products, n))
        self.product(samples, samples, k, 1.0, (self.samples, k, one), (self.samples, one, k), 0.0, (self.among, most))
        with f.loop(0, samples) as steps:
            t = steps.index
            product = f.offset(self.products, f.mul(t, n), self.type)
            later = f.emit(f"icmp sgt {t}, 0", "i1")
            with f.when(later):
                row = f.offset(self.among, f.mul(t, most), self.type)
                self.product(one, n, t, -1.0, (row, most, one), (self.steps, n, one), 1.0, (product, n))
            step = f.add(first, t)
            position = _prepared(f, loop, step)
            _put(f, self.slot, f.offset(self.samples, f.mul(t, self.row_bytes), "i8"))
            _put(f, self.product_slot, product)
            _put(f, self.step_slot, f.offset(self.steps, f.mul(t, n), self.type))
            result = f.emit("call i64 @program(ptr %ctx)", "i64")
            with f.when(f.emit(f"icmp ne {result}, 0", "i1")):
                self.update(t)
                f.store(result, code)
                f.ret(step)
                f.start(f.fresh("unreached"))
            _each(f, position, ITEMS["generators"], _generator, step)
        self.update(samples)

    def update(self, samples: Value) -> None:
        """The steps of so many samples, taken together."""
        n, k, one = self.rows, self.columns, integer(1)
        self.product(n, k, samples, -1.0, (self.steps, one, n), (self.samples, k, one), 1.0, (self.weight, k))

    def product(
        self, m: Value, n: Value, k: Value, alpha: float, a: tuple[Value, Value, Value],
        b: tuple[Value, Value, Value], beta: float, c: tuple[Value, Value],
    ) -> None:  # fmt: skip
        """C = beta C + alpha A B; a matrix is its address and its strides."""
        args = [m, n, k, real(alpha, self.type), *a, *b, real(beta, self.type), *c]
        self.f.call(self.gemm, args, "void")


def _each(f: Function, position: Value, words: int, write: Any, step: Value) -> Value:
    """Call ``write`` with the address of every item of a list; returns where the next list begins."""
    count = f.load(position, "i64")
    first = f.offset(position, 1, "i64")
    with f.loop(0, count) as items:
        write(f, f.offset(first, f.mul(items.index, words), "i64"), step)
    return f.offset(first, f.mul(count, words), "i64")


def _word(f: Function, item: Value, index: int, type: str = "i64") -> Value:
    return f.load(f.offset(item, index, "i64"), type)


def _put(f: Function, slot: Value, address: Value) -> None:
    """Write an address into a slot of the context."""
    f.store(address, f.offset(f.params[0], slot, "ptr"))


def _argument(f: Function, item: Value, step: Value) -> None:
    """Bring a batch's rows together, or point to them where they lie."""
    slot, data = _word(f, item, 0), _word(f, item, 1, "ptr")
    row_bytes, rows, buffer = _word(f, item, 2), _word(f, item, 3), _word(f, item, 4, "ptr")
    first = f.mul(step, rows)
    gathered = f.emit(f"icmp ne {buffer}, null", "i1")
    copy, point, done = f.fresh("copy"), f.fresh("point"), f.fresh("done")
    f.branch_if(gathered, copy, point)
    f.start(copy)
    _copy_rows(f, data, row_bytes, rows, buffer, first)
    _put(f, slot, buffer)
    f.branch(done)
    f.start(point)
    _put(f, slot, f.offset(data, f.mul(_row(f, first), row_bytes), "i8"))
    f.branch(done)
    f.start(done)


def _row(f: Function, position: Value) -> Value:
    """The row that is read at a position of the epoch."""
    order = f.params[1]
    straight = f.emit(f"icmp eq {order}, null", "i1")
    somewhere = f.alloca("i64")
    f.store(position, somewhere)
    source = f.emit(f"select {straight}, {somewhere}, {order}", "ptr")
    index = f.emit(f"select {straight}, i64 0, {position}", "i64")
    return f.load(f.offset(source, index, "i64"), "i64")


def _copy_rows(f: Function, data: Value, row_bytes: Value, rows: Value, buffer: Value, first: Value) -> None:
    """Row after row into the buffer; short rows of whole words without a call."""
    whole = f.emit(f"and {row_bytes}, 7", "i64")
    short = f.emit(f"icmp ule {row_bytes}, 128", "i1")
    aligned = f.emit(f"icmp eq {whole}, 0", "i1")
    by_words = f.emit(f"and {short}, {aligned.name}", "i1")
    words = f.emit(f"lshr {row_bytes}, 3", "i64")
    with f.loop(0, rows) as loop:
        source = f.offset(data, f.mul(_row(f, f.add(first, loop.index)), row_bytes), "i8")
        target = f.offset(buffer, f.mul(loop.index, row_bytes), "i8")
        by_word, by_call, done = f.fresh("words"), f.fresh("call"), f.fresh("copied")
        f.branch_if(by_words, by_word, by_call)
        f.start(by_word)
        with f.loop(0, words) as inner:
            f.store(f.load(f.offset(source, inner.index, "i64"), "i64"), f.offset(target, inner.index, "i64"))
        f.branch(done)
        f.start(by_call)
        f.call("llvm.memcpy.p0.p0.i64", [target, source, row_bytes, Value("false", "i1")], "void")
        f.branch(done)
        f.start(done)


def _result(f: Function, item: Value, step: Value) -> None:
    """A result of each step lies behind that of the one before."""
    _put(f, _word(f, item, 0), f.offset(_word(f, item, 1, "ptr"), f.mul(step, _word(f, item, 2)), "i8"))


def _number(f: Function, item: Value, step: Value) -> None:
    _put(f, _word(f, item, 0), f.offset(_word(f, item, 1, "ptr"), step, "double"))


def _generator(f: Function, item: Value, step: Value) -> None:
    """Move the counter on; it lies in the state that the program reads."""
    counter = _word(f, item, 0, "ptr")
    f.store(f.add(f.load(counter, "i64"), _word(f, item, 1)), counter)
