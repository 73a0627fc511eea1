"""Random numbers natively: Philox-4x64 and what ``ops.random.Generator`` makes of its words, bit for bit.

Numbers are drawn in pieces: words for a piece are put on the stack, and then turned into numbers by vectors. Only the
normal ones may differ from the generator's, in the last digits, because the functions they take are thalweg's own.
Reference: Salmon et al. (2011), Parallel random numbers: as easy as 1, 2, 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .ir import Function, Value, integer, vector_type
from .lanes import Lane, Lanes

if TYPE_CHECKING:
    from .moves import Moves, View

__all__ = ["Draw"]

MULTIPLIERS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
KEY_STEPS = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B
ROUNDS = 10
PIECE = 64  # blocks of four words
BUCKET_BITS = 17


class Draw:
    """The words of a generator from its state ``key`` on, ``offset`` blocks after its counter."""

    def __init__(self, code: Moves, key: View, offset: int) -> None:
        self.code = code
        self.f = f = code.f
        if "tw_philox" not in code.memory.module.functions:
            code.memory.module.add(philox(code.target.attributes))
        address = code.address(key)
        self.seed = f.load(address, "i64")
        self.counter = f.add_wrapping(f.load(f.offset(address, key.strides[0], "i64"), "i64"), offset)

    def words(self, place: Value, first: Value | int, blocks: Value | int) -> None:
        """Put the words of some blocks there, from block ``first`` on."""
        f = self.f
        start, count = (integer(x) if isinstance(x, int) else x for x in (first, blocks))
        f.call("tw_philox", [place, self.counter, start, self.seed, count], "void", declare=False)

    @contextmanager
    def pieces(self, n: int, each: int) -> Iterator[tuple[Value, Value, Value]]:
        """A loop over pieces of ``n`` elements, ``each`` of a block: first block and element, number of elements."""
        f = self.f
        with f.loop(0, -(-n // each), PIECE) as loop:
            first = f.mul(loop.index, each)
            left = f.binary("sub", integer(n), first)
            yield loop.index, first, f.call("llvm.smin.i64", [left, integer(PIECE * each)], "i64")

    def mapped(self, count: Value, size: int, body: Callable[[Lanes, Value], None]) -> None:
        """``body`` for ``count`` elements of ``size`` bytes, by vectors and then one by one."""
        f = self.f
        width = self.code.target.vector_bytes // size
        with f.loop(0, f.binary("sub", count, integer(width - 1)), width) as loop:
            body(self.code.lanes(width), loop.index)
        with f.loop(f.binary("and", count, integer(-width)), count) as loop:
            body(self.code.emit, loop.index)

    # -- numbers ------------------------------------------------------------------------------------------

    def uniform(self) -> None:
        """Fill ``code.out`` with uniform numbers."""
        out = self.code.out
        work = np.dtype(np.float64 if out.dtype == np.float64 else np.float32)
        each = 32 // work.itemsize
        buffer = self.f.alloca("i64", 4 * PIECE)
        with self.pieces(out.size, each) as (block, first, count):
            self.words(buffer, block, PIECE)
            self.mapped(count, work.itemsize, partial(self.some_uniform, buffer, first))

    def some_uniform(self, buffer: Value, first: Value, emit: Lanes, index: Value) -> None:
        self.put(emit, unit(emit, buffer, index, self.code.out.dtype), first, index)

    def put(self, emit: Lanes, value: Lane, first: Value, index: Value) -> None:
        """Store results at element ``first + index``."""
        out = self.code.out
        at = self.code.shifted(out, self.f.add(first, index), 1)
        emit.store(emit.convert(value, out.dtype), self.code.address(at))

    def normal(self) -> None:
        """Fill ``code.out`` with standard normal numbers, the cosines before the sines."""
        f, n = self.f, self.code.out.size
        dtype = np.dtype(np.float64 if self.code.out.dtype == np.float64 else np.float32)
        half, each = -(-n // 2), 32 // dtype.itemsize
        radii, angles = f.alloca("i64", 4 * PIECE), f.alloca("i64", 4 * PIECE + 4)
        shift = f.offset(angles, half % each, f"i{8 * dtype.itemsize}")
        with self.pieces(n // 2, each) as (block, first, count):
            self.words(radii, block, PIECE)
            self.words(angles, f.add(block, half // each), PIECE + 1)
            places = first, f.add(first, half)
            self.mapped(count, dtype.itemsize, partial(self.some_normal, radii, shift, dtype, places))
        if n % 2:
            self.words(radii, (half - 1) // each, 1)
            self.words(angles, (2 * half - 1) // each, 1)
            emit = self.code.emit
            u = unit(emit, radii, integer((half - 1) % each), dtype)
            v = unit(emit, angles, integer((2 * half - 1) % each), dtype)
            radius, angle = polar(emit, u, v)
            self.put(emit, emit.mul(radius, emit.cos(angle)), integer(half - 1), integer(0))

    def some_normal(self, us: Value, vs: Value, dtype: Any, places: Any, emit: Lanes, index: Value) -> None:
        radius, angle = polar(emit, unit(emit, us, index, dtype), unit(emit, vs, index, dtype))
        self.put(emit, emit.mul(radius, emit.cos(angle)), places[0], index)
        self.put(emit, emit.mul(radius, emit.sin(angle)), places[1], index)

    def integers(self, low: int, high: int) -> None:
        """Fill ``code.out`` with integers in [low, high)."""
        buffer = self.f.alloca("i64", 4 * PIECE)
        with self.pieces(self.code.out.size, 4) as (block, first, count):
            self.words(buffer, block, PIECE)
            self.mapped(count, 8, partial(self.some_integers, buffer, first, low, high))

    def some_integers(self, buffer: Value, first: Value, low: int, high: int, emit: Lanes, index: Value) -> None:
        words = Lane(load_bits(emit, buffer, index, 64), np.uint64)
        below = Lane(scaled(emit, words, high - low).value, np.int64)
        self.put(emit, emit.add(below, emit.constant(low, np.int64)), first, index)

    def permutation(self) -> None:
        """Fill ``code.out`` with the order of as many random words, equal ones as they come.

        Words are dealt into buckets by their first bits, a bucket for about each of them, and one pass of insertion
        puts into order what is left.
        """
        f, n = self.f, self.code.out.size
        bits = max(1, min(BUCKET_BITS, (n - 1).bit_length()))
        blocks = -(-n // 4)
        words, dealt = self.code.work(32 * blocks), self.code.work(8 * n)
        counts = self.code.work(8 * (2**bits + 1))
        order = self.code.address(self.code.out)
        self.words(words, 0, blocks)
        with f.loop(0, 2**bits + 1) as loop:
            f.store(integer(0), f.offset(counts, loop.index, "i64"))
        with f.loop(0, n) as loop:
            place = f.offset(bucket(f, counts, words, loop.index, bits), 1, "i64")
            f.store(f.add(f.load(place, "i64"), 1), place)
        with f.loop(0, 2**bits, 1, [integer(0)]) as loop:
            place = f.offset(counts, loop.index, "i64")
            start = f.add(loop.values[0], f.load(place, "i64"))
            f.store(start, place)
            loop.next = [start]
        with f.loop(0, n) as loop:
            place = bucket(f, counts, words, loop.index, bits)
            to = f.load(place, "i64")
            f.store(f.add(to, 1), place)
            f.store(f.load(f.offset(words, loop.index, "i64"), "i64"), f.offset(dealt, to, "i64"))
            f.store(loop.index, f.offset(order, to, "i64"))
        with f.loop(1, n) as loop:
            insert(f, dealt, order, loop.index)


def philox(attributes: str) -> Function:
    """``tw_philox(out, counter, start, seed, blocks)``: four words for each block, from ``start`` after the counter on.

    Past 2**64 the counter's second word counts on, as in NumPy's.
    """
    params = [("ptr", "out"), ("i64", "counter"), ("i64", "start"), ("i64", "seed"), ("i64", "blocks")]
    f = Function("tw_philox", params, attributes=attributes, linkage="internal")
    out, counter, start, seed, blocks = f.params
    keys = [f.add_wrapping(seed, i * KEY_STEPS[0]) for i in range(ROUNDS)]
    with f.loop(0, blocks) as loop:
        first = f.add_wrapping(f.add_wrapping(f.add_wrapping(counter, start), loop.index), 1)
        carry = f.emit(f"icmp ult {first}, {counter.name}", "i1")
        state = [first, f.emit(f"zext {carry} to i64", "i64"), integer(0), integer(0)]
        for i, key in enumerate(keys):
            (high0, low0), (high1, low1) = (
                wide_product(f, state[0], MULTIPLIERS[0]), wide_product(f, state[2], MULTIPLIERS[1]),
            )  # fmt: skip
            second = integer(i * KEY_STEPS[1] % 2**64)
            left = f.binary("xor", f.binary("xor", high1, key), state[1])
            right = f.binary("xor", f.binary("xor", high0, second), state[3])
            state = [left, low1, right, low0]
        place = f.offset(out, f.mul(loop.index, 4), "i64")
        for i, word in enumerate(state):
            f.store(word, f.offset(place, i, "i64"))
    f.ret()
    return f


def wide_product(f: Function, a: Value, b: int) -> tuple[Value, Value]:
    """The high and the low word of a product."""
    wide = f.emit(f"mul i128 {f.emit(f'zext {a} to i128', 'i128').name}, {b}", "i128")
    high = f.emit(f"lshr {wide}, 64", "i128")
    return f.emit(f"trunc {high} to i64", "i64"), f.emit(f"trunc {wide} to i64", "i64")


def load_bits(emit: Lanes, buffer: Value, index: Value, bits: int) -> Value:
    """Random words, or halves of them."""
    f = emit.function
    return f.load(f.offset(buffer, index, f"i{bits}"), vector_type(f"i{bits}", emit.count), bits // 8)


def unit(emit: Lanes, buffer: Value, index: Value, dtype: Any) -> Lane:
    """Uniform numbers of [0, 1) from random bits; float16 is still float32 here."""
    size, kept = {8: (64, 53), 4: (32, 24), 2: (32, 11)}[dtype.itemsize]
    work = np.dtype(f"f{size // 8}")
    bits = Lane(load_bits(emit, buffer, index, size), f"u{size // 8}")
    number = emit.cast("sitofp", emit.shift_right(bits, size - kept), work)
    return emit.mul(number, emit.constant(2.0**-kept, work))


def polar(emit: Lanes, u: Lane, v: Lane) -> tuple[Lane, Lane]:
    """Radius and angle of two normal numbers, by Box and Muller."""
    radius = emit.sqrt(emit.mul(emit.log1p(emit.neg(u)), -2.0))
    return radius, emit.mul(v, 2 * math.pi)


def scaled(emit: Lanes, words: Lane, span: int) -> Lane:
    """Words brought into [0, span)."""
    if span > 2**32:
        return emit.instruction("urem", words, emit.constant(span, np.uint64))
    factor = emit.constant(span, np.uint64)
    low = emit.bit_and(words, emit.constant(2**32 - 1, np.uint64))
    high = emit.instruction("mul", emit.shift_right(words, 32), factor)
    carried = emit.shift_right(emit.instruction("mul", low, factor), 32)
    return emit.shift_right(emit.instruction("add", high, carried), 32)


def bucket(f: Function, counts: Value, words: Value, index: Value, bits: int) -> Value:
    """The address of the number that belongs to the bucket of a word."""
    word = f.load(f.offset(words, index, "i64"), "i64")
    return f.offset(counts, f.binary("lshr", word, integer(64 - bits)), "i64")


def insert(f: Function, words: Value, order: Value, index: Value) -> None:
    """Move the word at ``index``, and its number, before the larger ones that precede it."""
    head, test, body, done = (f.fresh(name) for name in ("head", "test", "body", "done"))
    word, number = f.load(f.offset(words, index, "i64"), "i64"), f.load(f.offset(order, index, "i64"), "i64")
    before, lower = f.block, Value("%" + f.fresh("lower"), "i64")
    f.branch(head)
    f.start(head)
    place = f.emit(f"phi i64 [ {index.name}, %{before} ], [ {lower.name}, %{body} ]", "i64")
    f.branch_if(f.emit(f"icmp sgt {place}, 0", "i1"), test, done)
    f.start(test)
    f.do(f"{lower.name} = add nsw {place}, -1")
    other = f.load(f.offset(words, lower, "i64"), "i64")
    f.branch_if(f.emit(f"icmp ugt {other}, {word.name}", "i1"), body, done)
    f.start(body)
    f.store(other, f.offset(words, place, "i64"))
    f.store(f.load(f.offset(order, lower, "i64"), "i64"), f.offset(order, place, "i64"))
    f.branch(head)
    f.start(done)
    f.store(word, f.offset(words, place, "i64"))
    f.store(number, f.offset(order, place, "i64"))
