"""The run-time library of matrix products: C = beta C + alpha A B, one thread, any sizes and strides.

``tw_gemm_f32(m, n, k, alpha, a, a_row, a_col, b, b_row, b_col, beta, c, c_row)`` and ``tw_gemm_f64``: strides are in
elements, C's columns are neighbours. Where C's old content is not asked for (beta = 0) it is not read.

- A panel of B, two vectors of columns wide, goes through all rows of A tile by tile. It is read in place where its
  columns are neighbours and few rows use it, and packed before otherwise; packing a transposed B (a weight, in
  x W^T) transposes squares of one vector's size in registers.
- Products of a few rows, or to a few columns, with a transposed B are dot products: four rows of B at a time, no packing.
- With k = 1 and beta = 1 a product is a rank-1 update: rows whose factor is exactly 0 are left alone, unless b holds
  NaN or an infinity.

Each element is added up in the order of k, in blocks, whatever rows are computed together: a product cut
into ranges of rows gives the same bits.
"""

from __future__ import annotations

from typing import Any

from .ir import Function, Module, Value, integer, real, vector_type
from .memory import load_vector, mask_below, store_vector
from .tiles import SUFFIX, Tiles

__all__ = ["library_functions"]

DEPTH = 1024  # of k at a time: a packed panel of it stays in the second-level cache
NEAR_DEPTH = 384  # where rows of B are gathered from as many pages of memory
NARROW = 4  # columns up to which dot products are faster than tiles that are mostly empty
FEW = 3  # rows up to which a transposed B is not worth packing
MANY = 40  # rows from which any B is,
SOME = 16  # and one whose rows lie so far apart, in elements, that they get in each other's way in the cache
FAR = 512


def library_functions(module: Module, target: Any) -> None:
    """Add all products to a module."""
    for type in SUFFIX:
        _Products(module, target, type).add_all()


class _Products:
    def __init__(self, module: Module, target: Any, type: str) -> None:
        self.module = module
        self.target = target
        self.type = type
        self.suffix = SUFFIX[type]
        self.lanes = target.lanes(type)
        self.tiles = Tiles(module, target, type)
        self.width = 2 * self.lanes

    def add_all(self) -> None:
        self.tiles.add_all()
        self.add_copying()
        self.add_transposing()
        self.add_panel()
        self.add_rank_one()
        self.add_dots()
        self.add_product()

    def function(self, name: str, params: list[tuple[str, str]], inside: bool = True) -> Function:
        attributes = f"{self.target.attributes} nounwind{' noinline' if inside else ''}"
        return Function(f"{name}_{self.suffix}", params, attributes=attributes, linkage="internal" if inside else "")

    def vector(self) -> str:
        return vector_type(self.type, self.lanes)

    # -- packing ------------------------------------------------------------------------------------------

    def add_copying(self) -> None:
        """``tw_copy(k, width, b, b_row, b_col, out)``: a panel of any strides, the columns that are missing as 0."""
        params = [("i64", "k"), ("i64", "width"), ("ptr", "b"), ("i64", "b_row"), ("i64", "b_col"), ("ptr", "out")]
        f = self.function("tw_copy", params)
        k, width, b, b_row, b_col, out = f.params
        near = f.emit(f"icmp eq {b_col}, 1", "i1")
        f.branch_if(near, "rows", "elements")
        f.start("rows")
        masks = [mask_below(f, self.clipped(f, width, v), self.lanes) for v in range(2)]
        with f.loop(0, k) as loop:
            source = f.offset(b, f.mul(loop.index, b_row), self.type)
            target = f.offset(out, f.mul(loop.index, self.width), self.type)
            for v in range(2):
                value = load_vector(
                    f, f.offset(source, v * self.lanes, self.type), 1, self.type, self.lanes, masks[v]
                )
                store_vector(f, value, f.offset(target, v * self.lanes, self.type), 1, None)
        f.ret()
        f.start("elements")
        with f.loop(0, k) as loop:
            target = f.offset(out, f.mul(loop.index, self.width), self.type)
            source = f.offset(b, f.mul(loop.index, b_row), self.type)
            with f.loop(0, width) as inner:
                value = f.load(f.offset(source, f.mul(inner.index, b_col), self.type), self.type)
                f.store(value, f.offset(target, inner.index, self.type))
            with f.loop(width, self.width) as inner:
                f.store(real(0.0, self.type), f.offset(target, inner.index, self.type))
        f.ret()
        self.module.add(f)

    def clipped(self, f: Function, width: Value, vector: int) -> Value:
        """Columns of a panel that fall into one of its vectors, at least 0."""
        rest = f.add(width, -vector * self.lanes)
        some = f.emit(f"icmp sgt {rest}, 0", "i1")
        return f.emit(f"select {some}, {rest}, i64 0", "i64")

    def add_transposing(self) -> None:
        """``tw_turn(k, width, b, b_col, out)``: a panel whose columns are rows in memory (b_row = 1)."""
        params = [("i64", "k"), ("i64", "width"), ("ptr", "b"), ("i64", "b_col"), ("ptr", "out")]
        f = self.function("tw_turn", params)
        k, width, b, b_col, out = f.params
        with f.loop(0, self.width, self.lanes) as half:
            columns = f.binary("sub", width, half.index)
            source = f.offset(b, f.mul(half.index, b_col), self.type)
            target = f.offset(out, half.index, self.type)
            with f.loop(0, k, self.lanes) as loop:
                left = f.binary("sub", k, loop.index)
                self.square(f, f.offset(source, loop.index, self.type), b_col, columns, left,
                            f.offset(target, f.mul(loop.index, self.width), self.type))  # fmt: skip
        f.ret()
        self.module.add(f)

    def square(self, f: Function, source: Value, step: Value, columns: Value, left: Value, target: Value) -> None:
        """Up to ``lanes`` columns by ``left`` rows of B, transposed in registers."""
        n = self.lanes
        whole = f.emit(f"icmp sge {columns}, {n}", "i1")
        deep = f.emit(f"icmp sge {left}, {n}", "i1")
        both = f.emit(f"and {whole}, {deep.name}", "i1")
        full, cut, done = f.fresh("full"), f.fresh("cut"), f.fresh("done")
        f.branch_if(both, full, cut)
        f.start(full)
        rows = [
            load_vector(f, f.offset(source, f.mul(step, i), self.type), 1, self.type, n, None) for i in range(n)
        ]
        for i, row in enumerate(self.transposed(f, rows)):
            store_vector(f, row, f.offset(target, i * self.width, self.type), 1, None)
        f.branch(done)
        f.start(cut)
        deepest = f.emit(f"select {deep}, i64 {n}, {left}", "i64")
        some = f.emit(f"icmp sgt {columns}, 0", "i1")
        present = f.emit(f"select {some}, {columns}, i64 0", "i64")
        present = f.emit(f"select {whole}, i64 {n}, {present}", "i64")
        with f.loop(0, deepest) as rows_loop:
            place = f.offset(target, f.mul(rows_loop.index, self.width), self.type)
            start = f.offset(source, rows_loop.index, self.type)
            with f.loop(0, present) as inner:
                value = f.load(f.offset(start, f.mul(inner.index, step), self.type), self.type)
                f.store(value, f.offset(place, inner.index, self.type))
            with f.loop(present, n) as inner:
                f.store(real(0.0, self.type), f.offset(place, inner.index, self.type))
        f.branch(done)
        f.start(done)

    def transposed(self, f: Function, rows: list[Value]) -> list[Value]:
        """The square of vectors with rows and columns exchanged: blocks of half the size change places, and so on."""
        n, type = self.lanes, self.vector()
        rows = list(rows)
        half = n // 2
        while half:
            for i in range(n):
                if i & half:
                    continue
                a, b = rows[i], rows[i + half]
                low = [j if not j & half else n + j - half for j in range(n)]
                high = [j + half if not j & half else n + j for j in range(n)]
                for place, picks in ((i, low), (i + half, high)):
                    numbers = ", ".join(f"i32 {p}" for p in picks)
                    rows[place] = f.emit(f"shufflevector {a}, {b}, <{n} x i32> <{numbers}>", type)
            half //= 2
        return rows

    # -- panels -------------------------------------------------------------------------------------------

    def add_panel(self) -> None:
        """``tw_panel``: all rows of A times one panel of B, in tiles of nearly equal height."""
        t = self.type
        params = [
            ("i64", "m"), ("i64", "k"), (t, "alpha"), ("ptr", "a"), ("i64", "a_row"), ("i64", "a_col"), ("ptr", "b"),
            ("i64", "b_row"), (t, "beta"), ("ptr", "c"), ("i64", "c_row"), ("i64", "width"),
        ]  # fmt: skip
        f = self.function("tw_panel", params)
        m, k, alpha, a, a_row, a_col, b, b_row, beta, c, c_row, width = f.params
        most = self.tiles.rows
        blocks = f.emit(f"udiv {f.add(m, most - 1)}, {most}", "i64")
        height = f.emit(f"udiv {m}, {blocks.name}", "i64")
        longer = f.emit(f"urem {m}, {blocks.name}", "i64")
        turned = f.emit(f"icmp eq {a_row}, 1", "i1")
        wide = f.emit(f"icmp sgt {width}, {self.lanes}", "i1")
        first = f.add(
            f.emit(f"select {turned}, i64 {2 * (most + 1)}, i64 0", "i64"),
            f.emit(f"select {wide}, i64 {most + 1}, i64 0", "i64"),
        )
        table = f.offset(Value(f"@tw_tiles_{self.suffix}", "ptr"), first, "ptr")
        with f.loop(0, blocks, 1, [a, c]) as loop:
            place_a, place_c = loop.values
            more = f.emit(f"icmp slt {loop.index}, {longer.name}", "i1")
            rows = f.add(height, f.emit(f"zext {more} to i64", "i64"))
            tile = f.load(f.offset(table, rows, "ptr"), "ptr")
            args = [k, alpha, place_a, a_row, a_col, b, b_row, beta, place_c, c_row, width]
            f.do(f"call void {tile.name}({', '.join(map(str, args))})")
            loop.next = [
                f.offset(place_a, f.mul(rows, a_row), t), f.offset(place_c, f.mul(rows, c_row), t),
            ]  # fmt: skip
        f.ret()
        self.module.add(f)

    def add_product(self) -> None:
        """``tw_gemm``: panel after panel, with what is special before."""
        t = self.type
        params = [
            ("i64", "m"), ("i64", "n"), ("i64", "k"), (t, "alpha"), ("ptr", "a"), ("i64", "a_row"), ("i64", "a_col"),
            ("ptr", "b"), ("i64", "b_row"), ("i64", "b_col"), (t, "beta"), ("ptr", "c"), ("i64", "c_row"),
        ]  # fmt: skip
        f = self.function("tw_gemm", params, inside=False)
        m, n, k, alpha, a, a_row, a_col, b, b_row, b_col, beta, c, c_row = f.params
        empty = f.emit(f"icmp sle {m}, 0", "i1")
        with f.when(empty):
            f.ret()
            f.start(f.fresh("unreached"))
        near = f.emit(f"icmp eq {b_col}, 1", "i1")
        self.shortcut(f, [(k, 1), (b_col, 1)], f.emit(f"fcmp oeq {beta}, {real(1.0, t).name}", "i1"), "tw_rank_one",
                      [m, n, alpha, a, a_row, b, c, c_row])  # fmt: skip
        few = f.emit(f"icmp sle {m}, {FEW}", "i1")
        narrow = f.emit(f"icmp sle {n}, {NARROW}", "i1")
        few = f.emit(f"or {few}, {narrow.name}", "i1")
        self.shortcut(f, [(b_row, 1), (a_col, 1)], few, "tw_dots",
                      [m, n, k, alpha, a, a_row, b, b_col, beta, c, c_row])  # fmt: skip
        self.thin(f)
        some = f.emit(f"icmp sge {m}, {SOME}", "i1")
        far = f.emit(f"icmp sge {b_row}, {FAR}", "i1")
        many = f.emit(f"icmp sge {m}, {MANY}", "i1")
        many = f.emit(f"or {many}, {f.emit(f'and {some}, {far.name}', 'i1').name}", "i1")
        apart = f.emit(f"icmp ne {b_row}, {self.width}", "i1")
        worth = f.emit(f"and {many}, {apart.name}", "i1")
        pack = f.emit(f"select {near}, {worth}, i1 true", "i1")
        turn = f.emit(f"icmp eq {b_row}, 1", "i1")
        panel = f.alloca(t, DEPTH * self.width)
        depth = f.emit(f"select {near}, i64 {NEAR_DEPTH}, i64 {DEPTH}", "i64")
        deep = f.emit(f"icmp sgt {k}, {depth.name}", "i1")
        steps = f.emit(f"udiv {f.add(f.add(k, depth), -1)}, {depth.name}", "i64")
        rounds = f.emit(f"select {deep}, {steps}, i64 1", "i64")  # one even for k = 0: C = beta C
        with f.loop(0, rounds) as outer:
            start = f.mul(outer.index, depth)
            left = f.binary("sub", k, start)
            long = f.emit(f"icmp sgt {left}, {depth.name}", "i1")
            length = f.emit(f"select {long}, {depth}, {left}", "i64")
            first = f.emit(f"icmp eq {outer.index}, 0", "i1")
            factor = f.emit(f"select {first}, {beta}, {real(1.0, t)}", t)
            place_a = f.offset(a, f.mul(start, a_col), t)
            row_b = f.offset(b, f.mul(start, b_row), t)
            with f.loop(0, n, self.width) as loop:
                rest = f.binary("sub", n, loop.index)
                cut = f.emit(f"icmp slt {rest}, {self.width}", "i1")
                width = f.emit(f"select {cut}, {rest}, i64 {self.width}", "i64")
                place_b = f.offset(row_b, f.mul(loop.index, b_col), t)
                with f.when(pack):
                    self.packed(f, turn, length, width, place_b, b_row, b_col, panel)
                source = f.emit(f"select {pack}, {panel}, {place_b}", "ptr")
                stride = f.emit(f"select {pack}, i64 {self.width}, {b_row}", "i64")
                args = [m, length, alpha, place_a, a_row, a_col, source, stride, factor, f.offset(c, loop.index, t),
                        c_row, width]  # fmt: skip
                f.call(f"tw_panel_{self.suffix}", args, "void", declare=False)
        f.ret()
        self.module.add(f)

    def packed(
        self, f: Function, turn: Value, length: Value, width: Value, b: Value, b_row: Value, b_col: Value, out: Value
    ) -> None:
        """Fill the panel in the way that fits B's strides."""
        by_turning, by_copying, done = f.fresh("turn"), f.fresh("copy"), f.fresh("packed")
        f.branch_if(turn, by_turning, by_copying)
        f.start(by_turning)
        f.call(f"tw_turn_{self.suffix}", [length, width, b, b_col, out], "void", declare=False)
        f.branch(done)
        f.start(by_copying)
        f.call(f"tw_copy_{self.suffix}", [length, width, b, b_row, b_col, out], "void", declare=False)
        f.branch(done)
        f.start(done)

    def shortcut(
        self, f: Function, equal: list[tuple[Value, int]], condition: Value, name: str, args: list[Value]
    ) -> None:
        """Call another function and return, if the values are equal to what is given and the condition holds."""
        for value, number in equal:
            same = f.emit(f"icmp eq {value}, {number}", "i1")
            condition = f.emit(f"and {condition}, {same.name}", "i1")
        with f.when(condition):
            f.call(f"{name}_{self.suffix}", args, "void", declare=False)
            f.ret()
            f.start(f.fresh("unreached"))

    def thin(self, f: Function) -> None:
        """One or two rows times a B that is read in place: eight vectors at a time, then the rest as usual."""
        m, n, k, alpha, a, a_row, a_col, b, b_row, b_col, beta, c, c_row = f.params
        for rows in (1, 2):
            stride = 8 * self.lanes
            fits = f.emit(f"icmp eq {m}, {rows}", "i1")
            for value, operation, number in ((b_col, "eq", 1), (n, "sge", stride)):
                holds = f.emit(f"icmp {operation} {value}, {number}", "i1")
                fits = f.emit(f"and {fits}, {holds.name}", "i1")
            with f.when(fits):
                with f.loop(0, f.add(n, 1 - stride), stride) as loop:
                    place = f.offset(c, loop.index, self.type)
                    args = [k, alpha, a, a_row, a_col, f.offset(b, loop.index, self.type), b_row, beta, place, c_row,
                            integer(stride)]  # fmt: skip
                    f.call(self.tiles.name(rows, 8, False), args, "void", declare=False)
                done = f.emit(f"udiv {n}, {stride}", "i64")
                start = f.mul(done, stride)
                with f.loop(start, n, self.width) as loop:
                    rest = f.binary("sub", n, loop.index)
                    cut = f.emit(f"icmp slt {rest}, {self.width}", "i1")
                    width = f.emit(f"select {cut}, {rest}, i64 {self.width}", "i64")
                    args = [m, k, alpha, a, a_row, a_col, f.offset(b, loop.index, self.type), b_row, beta,
                            f.offset(c, loop.index, self.type), c_row, width]  # fmt: skip
                    f.call(f"tw_panel_{self.suffix}", args, "void", declare=False)
                f.ret()
                f.start(f.fresh("unreached"))

    # -- vectors ------------------------------------------------------------------------------------------

    def add_rank_one(self) -> None:
        """``tw_rank_one(m, n, alpha, a, a_row, b, c, c_row)``: C += alpha a b^T."""
        t, n_lanes = self.type, self.lanes
        params = [
            ("i64", "m"), ("i64", "n"), (t, "alpha"), ("ptr", "a"), ("i64", "a_row"), ("ptr noalias", "b"),
            ("ptr noalias", "c"), ("i64", "c_row"),
        ]  # fmt: skip
        f = self.function("tw_rank_one", params)
        m, n, alpha, a, a_row, b, c, c_row = f.params
        whole = f.emit(f"and {n}, {-n_lanes}", "i64")
        rest = f.binary("sub", n, whole)
        mask = mask_below(f, rest, n_lanes)
        zero = real(0.0, self.vector())
        with f.loop(0, whole, n_lanes, [zero]) as loop:  # b * 0 is NaN where b is not finite
            x = load_vector(f, f.offset(b, loop.index, t), 1, t, n_lanes, None)
            loop.next = [self.tiles.fma(f, x, zero, loop.values[0])]
        last = load_vector(f, f.offset(b, whole, t), 1, t, n_lanes, mask)
        test = self.tiles.fma(f, last, zero, loop.results[0])
        unordered = f.emit(f"fcmp uno {test}, {test.name}", vector_type("i1", n_lanes))
        strange = f.call(f"llvm.vector.reduce.or.v{n_lanes}i1", [unordered], "i1")
        with f.loop(0, m) as rows:
            factor = f.binary("fmul", alpha, f.load(f.offset(a, f.mul(rows.index, a_row), t), t))
            some = f.emit(f"fcmp une {factor}, {real(0.0, t).name}", "i1")
            needed = f.emit(f"or {some}, {strange.name}", "i1")
            with f.when(needed):
                row = f.offset(c, f.mul(rows.index, c_row), t)
                spread = f.splat(factor, n_lanes)
                with f.loop(0, whole, n_lanes) as loop:
                    place = f.offset(row, loop.index, t)
                    x = load_vector(f, f.offset(b, loop.index, t), 1, t, n_lanes, None)
                    old = load_vector(f, place, 1, t, n_lanes, None)
                    store_vector(f, self.tiles.fma(f, spread, x, old), place, 1, None)
                place = f.offset(row, whole, t)
                old = load_vector(f, place, 1, t, n_lanes, mask)
                store_vector(f, self.tiles.fma(f, spread, last, old), place, 1, mask)
        f.ret()
        self.module.add(f)

    def add_dots(self) -> None:
        """``tw_dots(m, n, k, alpha, a, a_row, b, b_col, beta, c, c_row)``: rows of A with rows in memory of B."""
        t = self.type
        params = [
            ("i64", "m"), ("i64", "n"), ("i64", "k"), (t, "alpha"), ("ptr", "a"), ("i64", "a_row"), ("ptr", "b"),
            ("i64", "b_col"), (t, "beta"), ("ptr", "c"), ("i64", "c_row"),
        ]  # fmt: skip
        f = self.function("tw_dots", params)
        m, n, k, alpha, a, a_row, b, b_col, beta, c, c_row = f.params
        whole = f.emit(f"and {k}, {-self.lanes}", "i64")
        mask = mask_below(f, f.binary("sub", k, whole), self.lanes)
        with f.loop(0, m) as rows:
            row_a = f.offset(a, f.mul(rows.index, a_row), t)
            row_c = f.offset(c, f.mul(rows.index, c_row), t)
            fours = f.emit(f"and {n}, -4", "i64")
            for count, start, stop in ((4, integer(0), fours), (1, fours, n)):
                with f.loop(start, stop, count) as loop:
                    place = f.offset(b, f.mul(loop.index, b_col), t)
                    sums = self.dot(f, row_a, place, b_col, whole, mask, count)
                    self.put(f, sums, alpha, beta, f.offset(row_c, loop.index, t))
        f.ret()
        self.module.add(f)

    def dot(
        self, f: Function, x: Value, rows: Value, step: Value, whole: Value, mask: Value, count: int
    ) -> list[Value]:
        """The dot products of x with ``count`` rows."""
        t, n = self.type, self.lanes
        starts = [f.offset(rows, f.mul(step, i), t) for i in range(count)]
        with f.loop(0, whole, n, [real(0.0, self.vector())] * count) as loop:
            left = load_vector(f, f.offset(x, loop.index, t), 1, t, n, None)
            loop.next = [
                self.tiles.fma(f, left, load_vector(f, f.offset(p, loop.index, t), 1, t, n, None), s)
                for p, s in zip(starts, loop.values, strict=True)
            ]
        left = load_vector(f, f.offset(x, whole, t), 1, t, n, mask)
        sums = []
        for p, s in zip(starts, loop.results, strict=True):
            right = load_vector(f, f.offset(p, whole, t), 1, t, n, mask)
            sums.append(self.across(f, self.tiles.fma(f, left, right, s)))
        return sums

    def across(self, f: Function, value: Value) -> Value:
        """The sum of the lanes, halves added to halves."""
        name = f"llvm.vector.reduce.fadd.v{self.lanes}{self.suffix}"
        return f.call(name, [real(-0.0, self.type), value], self.type, flags="reassoc")

    def put(self, f: Function, sums: list[Value], alpha: Value, beta: Value, place: Value) -> None:
        """beta times the old values, if they are asked for, plus alpha times the sums."""
        fresh = f.emit(f"fcmp oeq {beta}, {real(0.0, self.type).name}", "i1")
        for i, total in enumerate(sums):
            address = f.offset(place, i, self.type)
            scaled = f.binary("fmul", alpha, total)
            write, add, done = f.fresh("write"), f.fresh("add"), f.fresh("done")
            f.branch_if(fresh, write, add)
            f.start(write)
            f.store(scaled, address)
            f.branch(done)
            f.start(add)
            old = f.load(address, self.type)
            f.store(f.binary("fadd", f.binary("fmul", old, beta), scaled), address)
            f.branch(done)
            f.start(done)
