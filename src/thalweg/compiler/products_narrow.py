"""Products of a few columns, which would leave most lanes of a tile unused. C is contiguous, with ``n`` columns.

- Where the rows of A are contiguous, ``tw_narrow_dots`` forms dot products: as many sums as there are registers, a
  vector each, which are added across their lanes together, halves to halves.
- Where A is transposed, ``tw_narrow_turned`` computes C^T by tiles, whose lanes are rows of C, and mixes its rows.
"""

from __future__ import annotations

from typing import Any

from .ir import Function, Module, Value, integer, real, vector_type
from .memory import load_vector, mask_below, store_vector
from .products_packing import shuffled
from .tiles import SUFFIX, Tiles

__all__ = ["Narrow"]

MOST = 4  # columns
LONGEST = 1024  # columns that are gathered


class Narrow:
    """Writes the functions for one element type."""

    def __init__(self, module: Module, target: Any, type: str, tiles: Tiles) -> None:
        self.module = module
        self.target = target
        self.type = type
        self.suffix = SUFFIX[type]
        self.lanes = target.lanes(type)
        self.tiles = tiles
        self.vector = vector_type(type, self.lanes)
        self.sums = 16 if target.registers >= 32 else 8
        self.most = min(MOST, self.lanes // 2)

    def add_all(self) -> None:
        for n in range(1, self.most + 1):
            self.add_dots(n)
            self.add_gathered(n)
            self.add_turned(n)

    def stem(self, way: str, n: int) -> str:
        """The function's name without the element type."""
        return f"tw_narrow_{way}{n}"

    def name(self, way: str, n: int) -> str:
        return f"{self.stem(way, n)}_{self.suffix}"

    def shortest(self, n: int) -> int:
        """The length from which dot products are faster than tiles with unused lanes."""
        return 8 * n

    def function(self, name: str, params: list[tuple[str, str]]) -> Function:
        return Function(name, params, attributes=f"{self.target.attributes} noinline", linkage="internal")

    # -- dot products -------------------------------------------------------------------------------------

    def add_dots(self, n: int) -> None:
        """``dots(m, k, alpha, a, a_row, b, b_col, beta, c)`` for unit a_col and b_row."""
        t = self.type
        params = [
            ("i64", "m"), ("i64", "k"), (t, "alpha"), ("ptr", "a"), ("i64", "a_row"), ("ptr", "b"), ("i64", "b_col"),
            (t, "beta"), ("ptr", "c"),
        ]  # fmt: skip
        f = self.function(self.name("dots", n), params)
        m, k, alpha, a, a_row, b, b_col, beta, c = f.params
        rows = {3: self.sums // 4}.get(n, self.sums // n)
        columns = [f.offset(b, f.mul(b_col, j), t) for j in range(n)]
        whole = f.emit(f"and {m}, {-rows}", "i64")
        for start, stop, last in ((integer(0), whole, False), (whole, m, True)):
            with f.loop(start, stop, rows) as loop:
                left = f.binary("sub", m, loop.index)
                starts = [self.row(f, a, a_row, loop.index, i, m if last else None) for i in range(rows)]
                sums = self.dots(f, k, starts, columns)
                place = f.offset(c, f.mul(loop.index, n), t)
                count = f.mul(left, n) if last else integer(rows * n)
                self.put(f, sums, alpha, beta, place, count)
        f.ret()
        self.module.add(f)

    def add_gathered(self, n: int) -> None:
        """``gathered(m, k, alpha, a, a_row, b, b_row, b_col, beta, c)``: dot products with B of any strides."""
        t = self.type
        params = [
            ("i64", "m"), ("i64", "k"), (t, "alpha"), ("ptr", "a"), ("i64", "a_row"), ("ptr", "b"), ("i64", "b_row"),
            ("i64", "b_col"), (t, "beta"), ("ptr", "c"),
        ]  # fmt: skip
        f = self.function(self.name("gathered", n), params)
        m, k, alpha, a, a_row, b, b_row, b_col, beta, c = f.params
        columns = f.alloca(t, n * LONGEST)
        with f.loop(0, k) as loop:
            row = f.offset(b, f.mul(loop.index, b_row), t)
            for j in range(n):
                x = f.load(f.offset(row, f.mul(b_col, j), t), t)
                f.store(x, f.offset(columns, f.add(loop.index, j * LONGEST), t))
        args = [m, k, alpha, a, a_row, columns, integer(LONGEST), beta, c]
        f.call(self.name("dots", n), args, "void", declare=False)
        f.ret()
        self.module.add(f)

    def row(self, f: Function, a: Value, a_row: Value, first: Value, i: int, m: Value | None) -> Value:
        """The address of a row; of the last one in place of those behind it."""
        index = f.add(first, i)
        if m is not None and i:
            there = f.emit(f"icmp slt {index}, {m.name}", "i1")
            index = f.emit(f"select {there}, {index}, {f.add(m, -1)}", "i64")
        return f.offset(a, f.mul(index, a_row), self.type)

    def dots(self, f: Function, k: Value, rows: list[Value], columns: list[Value]) -> list[Value]:
        """The products of all rows with all columns, lane by lane."""
        lanes = self.lanes
        whole = f.emit(f"and {k}, {-lanes}", "i64")
        zeros = [Value("zeroinitializer", self.vector)] * (len(rows) * len(columns))
        with f.loop(0, whole, lanes, zeros) as loop:
            loop.next = self.step(f, rows, columns, loop.index, loop.values, None)
        rest = f.emit(f"sub {k}, {whole.name}", "i64")
        some = f.emit(f"icmp ne {rest}, 0", "i1")
        tail, done = f.fresh("tail"), f.fresh("done")
        before = f.block
        f.branch_if(some, tail, done)
        f.start(tail)
        after = self.step(f, rows, columns, whole, loop.results, mask_below(f, rest, lanes))
        f.branch(done)
        f.start(done)
        return [
            f.emit(f"phi {x.type} [ {y.name}, %{before} ], [ {x.name}, %{tail} ]", x.type)
            for x, y in zip(after, loop.results, strict=True)
        ]

    def step(
        self, f: Function, rows: list[Value], columns: list[Value], at: Value, sums: list[Value], mask: Value | None
    ) -> list[Value]:
        """The sums with one vector of k more."""
        t, lanes = self.type, self.lanes
        right = [load_vector(f, f.offset(p, at, t), 1, t, lanes, mask) for p in columns]
        after = []
        for i, p in enumerate(rows):
            left = load_vector(f, f.offset(p, at, t), 1, t, lanes, mask)
            for j, x in enumerate(right):
                after.append(self.tiles.fma(f, left, x, sums[i * len(right) + j]))
        return after

    def put(self, f: Function, sums: list[Value], alpha: Value, beta: Value, place: Value, count: Value) -> None:
        """The sums of the lanes, as neighbours in memory."""
        lanes = self.lanes
        scale = f.splat(alpha, lanes)
        for start in range(0, len(sums), lanes):
            group = sums[start : start + lanes]
            total = f.binary("fmul", self.across(f, group), scale)
            self.combine(f, total, beta, f.offset(place, start, self.type), self.limit(f, count, start), len(group))

    def limit(self, f: Function, count: Value, start: int) -> Value:
        """How many of ``count`` elements are at or after ``start``; at least 0."""
        if count.name.isdigit():
            return integer(max(0, int(count.name) - start))
        rest = f.add(count, -start)
        some = f.emit(f"icmp sgt {rest}, 0", "i1")
        return f.emit(f"select {some}, {rest}, i64 0", "i64")

    def across(self, f: Function, vectors: list[Value]) -> Value:
        """The sum of each vector's lanes, in lanes of one vector; halves of lanes are added first, then quarters."""
        lanes = self.lanes
        size = lanes  # of the part of a vector that belongs to one sum
        count = 1 << (len(vectors) - 1).bit_length()
        vectors = vectors + [Value("zeroinitializer", self.vector)] * (count - len(vectors))
        while len(vectors) > 1:
            groups = range(0, 2 * lanes, size)
            low = [g + i for g in groups for i in range(size // 2)]
            high = [p + size // 2 for p in low]
            vectors = [
                f.binary("fadd", shuffled(f, a, b, low), shuffled(f, a, b, high))
                for a, b in zip(vectors[::2], vectors[1::2], strict=True)
            ]
            size //= 2
        (total,) = vectors
        while size > 1:
            low = [g * size + i for g in range(count) for i in range(size // 2)]
            low += [0] * (lanes - len(low))
            high = [p + size // 2 for p in low]
            total = f.binary("fadd", shuffled(f, total, total, low), shuffled(f, total, total, high))
            size //= 2
        return total

    def combine(self, f: Function, value: Value, beta: Value, place: Value, limit: Value, most: int) -> None:
        """Store up to ``limit`` lanes, added to beta times the old content if that is asked for."""
        whole = limit.name.isdigit() and int(limit.name) >= self.lanes and most == self.lanes
        if limit.name.isdigit() and int(limit.name) > most:
            limit = integer(most)
        mask = None if whole else mask_below(f, limit if not limit.name.isdigit() else int(limit.name), self.lanes)
        fresh = f.emit(f"fcmp oeq {beta}, {real(0.0, self.type).name}", "i1")
        write, add, done = f.fresh("write"), f.fresh("add"), f.fresh("done")
        f.branch_if(fresh, write, add)
        f.start(write)
        store_vector(f, value, place, 1, mask)
        f.branch(done)
        f.start(add)
        old = load_vector(f, place, 1, self.type, self.lanes, mask)
        store_vector(f, self.tiles.fma(f, old, f.splat(beta, self.lanes), value), place, 1, mask)
        f.branch(done)
        f.start(done)

    # -- rows of C in the lanes ---------------------------------------------------------------------------

    def add_turned(self, n: int) -> None:
        """``turned(m, k, alpha, a, a_col, b, b_row, b_col, beta, c)`` for unit a_row."""
        t, lanes = self.type, self.lanes
        params = [
            ("i64", "m"), ("i64", "k"), (t, "alpha"), ("ptr", "a"), ("i64", "a_col"), ("ptr", "b"), ("i64", "b_row"),
            ("i64", "b_col"), (t, "beta"), ("ptr", "c"),
        ]  # fmt: skip
        f = self.function(self.name("turned", n), params)
        m, k, alpha, a, a_col, b, b_row, b_col, beta, c = f.params
        wide = 8 if n <= 2 else 2
        block = f.alloca(t, n * wide * lanes)
        start = integer(0)
        zero = real(0.0, t)
        for vectors in sorted({wide, 2, 1}, reverse=True):
            width = vectors * lanes
            shortest = width if vectors > 2 else lanes + 1 if vectors == 2 else 1
            stop = f.add(m, 1 - shortest)
            with f.loop(start, stop, width) as loop:
                left = f.binary("sub", m, loop.index)
                args = [k, alpha, b, b_col, b_row, f.offset(a, loop.index, t), a_col, zero, block, integer(width)]
                inside = f.emit(f"icmp slt {left}, {width}", "i1")
                clipped = f.emit(f"select {inside}, {left}, i64 {width}", "i64")
                f.call(self.tiles.name(n, vectors, False), [*args, clipped], "void", declare=False)
                for v in range(vectors):
                    columns = [f.load(f.offset(block, j * width + v * lanes, t), self.vector) for j in range(n)]
                    rest = f.mul(f.add(left, -v * lanes), n)
                    place = f.offset(c, f.mul(f.add(loop.index, v * lanes), n), t)
                    for i, mixed in enumerate(self.mixed(f, columns)):
                        limit = self.limit(f, rest, i * lanes)
                        self.combine(f, mixed, beta, f.offset(place, i * lanes, t), limit, lanes)
            start = loop.index
        f.ret()
        self.module.add(f)

    def mixed(self, f: Function, columns: list[Value]) -> list[Value]:
        """First lanes of all columns, then second ones, and so on, in as many vectors."""
        n, lanes = len(columns), self.lanes
        result = []
        for start in range(0, n * lanes, lanes):
            places = [divmod(start + i, n) for i in range(lanes)]  # lane and column of each element
            mixed = columns[0]
            for j, column in enumerate(columns):
                picks = [lanes + lane if of == j else lane if j == 0 else i for i, (lane, of) in enumerate(places)]
                mixed = shuffled(f, mixed, column, picks) if n > 1 else column
            result.append(mixed)
        return result
