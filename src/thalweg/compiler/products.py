"""The run-time library of matrix products: C = beta C + alpha A B, one thread, any sizes and strides.

``tw_gemm_f32(m, n, k, alpha, a, a_row, a_col, b, b_row, b_col, beta, c, c_row)`` and ``tw_gemm_f64``: strides are in
elements, C's columns are neighbours. Where C's old content is not asked for (beta = 0) it is not read.

- A panel of B, two vectors of columns wide, goes through all rows of A tile by tile. It is read in place where its
  columns are neighbours and few rows use it, and packed before otherwise; packing a transposed B (a weight, in
  x W^T) transposes squares of one vector's size in registers.
- Products of one to three rows with a transposed B are dot products: four rows of B at a time, no packing.
- Products to a few columns have functions of their own (products_narrow.py).
- With k = 1 and beta = 1 a product is a rank-1 update: rows whose factor is exactly 0 are left alone, unless b holds
  NaN or an infinity.

Each element is added up in the order of k, in blocks, whatever rows are computed together: a product cut into ranges
of four rows or more gives the same bits.

BLAS is not called. On one thread of a Xeon with AVX-512 (benchmarks/products.py), OpenBLAS takes longer for most
products of layers, 0.85 to 0.9 of the library's time for gradients of weights of 1024 x 1024, and 0.83 for squares of
2000, which isn't worth a dependence on how many threads another library starts.
"""

from __future__ import annotations

from typing import Any

from .ir import Function, Module, Value, integer, real, vector_type
from .memory import load_vector, mask_below, store_vector
from .products_narrow import LONGEST, Narrow
from .products_packing import Packing, tile_height, tile_heights
from .tiles import SUFFIX, Tiles

__all__ = ["library_functions"]

DEPTH = 1024  # of k at a time: a packed panel of it stays in the second-level cache
NEAR_DEPTH = 384  # where rows of B are gathered from as many pages of memory
ROWS = 240  # of A at a time, which stay in the second-level cache while all panels of B use them
FEWER_ROWS = 132  # where they are packed
FAR_COLUMNS = 256  # of a transposed A, apart by so many elements or more, are packed
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
        self.packing = Packing(module, target, type)
        self.narrow = Narrow(module, target, type, self.tiles)

    def add_all(self) -> None:
        self.tiles.add_all()
        self.packing.add_all()
        self.narrow.add_all()
        self.add_panel()
        self.add_rank_one()
        self.add_dots()
        self.add_blocks()
        self.add_product()
        self.add_packing()
        self.add_packed_product()

    def function(self, name: str, params: list[tuple[str, str]], inside: bool = True) -> Function:
        attributes = f"{self.target.attributes} nounwind{' noinline' if inside else ''}"
        return Function(f"{name}_{self.suffix}", params, attributes=attributes, linkage="internal" if inside else "")

    def vector(self) -> str:
        return vector_type(self.type, self.lanes)

    # -- panels -------------------------------------------------------------------------------------------

    def add_panel(self) -> None:
        """``tw_panel``: rows of A times one panel of B, in tiles of nearly equal height.

        ``a_step`` is how far a row of A moves the next tile, a_row or, where tiles of A are packed, their depth.
        """
        t = self.type
        params = [
            ("i64", "m"), ("i64", "k"), (t, "alpha"), ("ptr", "a"), ("i64", "a_row"), ("i64", "a_col"),
            ("i64", "a_step"), ("ptr", "b"), ("i64", "b_row"), (t, "beta"), ("ptr", "c"), ("i64", "c_row"),
            ("i64", "width"),
        ]  # fmt: skip
        f = self.function("tw_panel", params)
        m, k, alpha, a, a_row, a_col, a_step, b, b_row, beta, c, c_row, width = f.params
        most = self.tiles.rows
        blocks, height, longer = tile_heights(f, m, most)
        turned = f.emit(f"icmp eq {a_row}, 1", "i1")
        wide = f.emit(f"icmp sgt {width}, {self.lanes}", "i1")
        first = f.add(
            f.emit(f"select {turned}, i64 {2 * (most + 1)}, i64 0", "i64"),
            f.emit(f"select {wide}, i64 {most + 1}, i64 0", "i64"),
        )
        packed = f.emit(f"icmp ne {a_step}, {a_row.name}", "i1")
        table = f.offset(Value(f"@tw_tiles_{self.suffix}", "ptr"), first, "ptr")
        with f.loop(0, blocks, 1, [a, c]) as loop:
            place_a, place_c = loop.values
            rows = tile_height(f, loop.index, height, longer)
            tile = f.load(f.offset(table, rows, "ptr"), "ptr")
            apart = f.emit(f"select {packed}, {rows}, {a_col}", "i64")
            args = [k, alpha, place_a, a_row, apart, b, b_row, beta, place_c, c_row, width]
            f.do(f"call void {tile.name}({', '.join(map(str, args))})")
            loop.next = [
                f.offset(place_a, f.mul(rows, a_step), t), f.offset(place_c, f.mul(rows, c_row), t),
            ]  # fmt: skip
        f.ret()
        self.module.add(f)

    def params(self) -> list[tuple[str, str]]:
        """What ``tw_gemm`` is given."""
        return [
            ("i64", "m"), ("i64", "n"), ("i64", "k"), (self.type, "alpha"), ("ptr", "a"), ("i64", "a_row"),
            ("i64", "a_col"), ("ptr", "b"), ("i64", "b_row"), ("i64", "b_col"), (self.type, "beta"), ("ptr", "c"),
            ("i64", "c_row"),
        ]  # fmt: skip

    def add_product(self) -> None:
        """``tw_gemm``: what is special, and all else by ``tw_blocks``."""
        t = self.type
        f = self.function("tw_gemm", self.params(), inside=False)
        m, n, k, alpha, a, a_row, a_col, b, b_row, b_col, beta, c, c_row = f.params
        empty = f.emit(f"icmp sle {m}, 0", "i1")
        with f.when(empty):
            f.ret()
            f.start(f.fresh("unreached"))
        self.shortcut(f, [(k, 1), (b_col, 1)], f.emit(f"fcmp oeq {beta}, {real(1.0, t).name}", "i1"), "tw_rank_one",
                      [m, n, alpha, a, a_row, b, c, c_row])  # fmt: skip
        few = f.emit(f"icmp sle {m}, {FEW}", "i1")
        self.shortcut(f, [(b_row, 1), (a_col, 1)], few, "tw_dots",
                      [m, n, k, alpha, a, a_row, b, b_col, beta, c, c_row])  # fmt: skip
        self.few_columns(f)
        self.thin(f)
        f.call(f"tw_blocks_{self.suffix}", f.params, "void", declare=False)
        f.ret()
        self.module.add(f)

    def add_packing(self) -> None:
        """``tw_pack(k, n, b, b_row, b_col, out)``: all panels of a B that several products will use.

        A panel takes the rows of k and those that make it a multiple of a vector: packing writes that many.
        """
        params = [("i64", "k"), ("i64", "n"), ("ptr", "b"), ("i64", "b_row"), ("i64", "b_col"), ("ptr", "out")]
        f = self.function("tw_pack", params, inside=False)
        k, n, b, b_row, b_col, out = f.params
        turn = f.emit(f"icmp eq {b_row}, 1", "i1")
        rows = self.padded(f, k)
        with f.loop(0, n, self.width) as loop:
            width = self.least(f, f.binary("sub", n, loop.index), integer(self.width))
            place, target = (f.offset(p, f.mul(loop.index, step), self.type) for p, step in ((b, b_col), (out, rows)))
            self.packing.fill(f, turn, k, width, place, b_row, b_col, target)
        f.ret()
        self.module.add(f)

    def padded(self, f: Function, k: Value) -> Value:
        """The rows of a packed panel."""
        return f.emit(f"and {f.add(k, self.lanes - 1)}, {-self.lanes}", "i64")

    def add_packed_product(self) -> None:
        """``tw_packed(m, n, k, alpha, a, a_row, a_col, panels, beta, c, c_row)``: with a B from ``tw_pack``."""
        t = self.type
        params = [
            ("i64", "m"), ("i64", "n"), ("i64", "k"), (t, "alpha"), ("ptr", "a"), ("i64", "a_row"), ("i64", "a_col"),
            ("ptr", "panels"), (t, "beta"), ("ptr", "c"), ("i64", "c_row"),
        ]  # fmt: skip
        f = self.function("tw_packed", params, inside=False)
        m, n, k, alpha, _, a_row, a_col, panels, beta, c, c_row = f.params
        pack_a = self.worth_packing_rows(f)
        store = f.alloca(t, FEWER_ROWS * NEAR_DEPTH + self.packing.spare)
        panel_rows = self.padded(f, k)
        whole = f.emit(f"select {pack_a}, i64 {NEAR_DEPTH}, {k}", "i64")
        most = f.emit(f"select {pack_a}, i64 {FEWER_ROWS}, {m}", "i64")
        depth, rounds = self.even_depth(f, k, whole)
        with f.loop(0, rounds) as outer, f.loop(0, self.parts(f, m, most)) as block:
            start, first_row = f.mul(outer.index, depth), f.mul(block.index, most)
            length = self.least(f, f.binary("sub", k, start), depth)
            rows = self.least(f, f.binary("sub", m, first_row), most)
            first = f.emit(f"icmp eq {outer.index}, 0", "i1")
            factor = f.emit(f"select {first}, {beta}, {real(1.0, t)}", t)
            place_a, step = self.rows_of(f, pack_a, rows, length, start, first_row, store)
            row_c = f.offset(c, f.mul(first_row, c_row), t)
            with f.loop(0, n, self.width) as loop:
                width = self.least(f, f.binary("sub", n, loop.index), integer(self.width))
                panel = f.offset(f.offset(panels, f.mul(loop.index, panel_rows), t), f.mul(start, self.width), t)
                args = [rows, length, alpha, place_a, a_row, a_col, step, panel, integer(self.width), factor,
                        f.offset(row_c, loop.index, t), c_row, width]  # fmt: skip
                f.call(f"tw_panel_{self.suffix}", args, "void", declare=False)
        f.ret()
        self.module.add(f)

    def rows_of(
        self, f: Function, pack: Value, rows: Value, length: Value, start: Value, first_row: Value, store: Value
    ) -> tuple[Value, Value]:
        """A block of A, packed if that is worth it: where it lies, and how far its rows move the next tile."""
        t, a, a_row, a_col = self.type, *f.params[4:7]
        place = f.offset(f.offset(a, f.mul(start, a_col), t), f.mul(first_row, a_row), t)
        with f.when(pack):
            f.call(f"tw_rows_{self.suffix}", [rows, length, place, a_col, store], "void", declare=False)
        place = f.emit(f"select {pack}, {store}, {place}", "ptr")
        return place, f.emit(f"select {pack}, {length}, {a_row}", "i64")

    def few_columns(self, f: Function) -> None:
        """A C of few columns and no other neighbours is left to functions for each number of them."""
        m, n, k, alpha, a, a_row, a_col, b, b_row, b_col, beta, c, c_row = f.params
        narrow = f.emit(f"icmp sle {n}, {self.narrow.most}", "i1")
        alone = f.emit(f"icmp eq {c_row}, {n.name}", "i1")
        with f.when(f.emit(f"and {narrow}, {alone.name}", "i1")):
            for number in range(1, self.narrow.most + 1):
                here = f.emit(f"icmp eq {n}, {number}", "i1")
                self.shortcut(f, [(a_row, 1)], here, self.narrow.stem("turned", number),
                              [m, k, alpha, a, a_col, b, b_row, b_col, beta, c])  # fmt: skip
                long = f.emit(f"icmp sge {k}, {self.narrow.shortest(number)}", "i1")
                long = f.emit(f"and {long}, {here.name}", "i1")
                self.shortcut(f, [(a_col, 1), (b_row, 1)], long, self.narrow.stem("dots", number),
                              [m, k, alpha, a, a_row, b, b_col, beta, c])  # fmt: skip
                short = f.emit(f"icmp sle {k}, {LONGEST}", "i1")
                more = f.emit(f"icmp sgt {m}, {FEW}", "i1")
                fits = f.emit(f"and {long}, {f.emit(f'and {short}, {more.name}', 'i1').name}", "i1")
                self.shortcut(f, [(a_col, 1)], fits, self.narrow.stem("gathered", number),
                              [m, k, alpha, a, a_row, b, b_row, b_col, beta, c])  # fmt: skip

    def add_blocks(self) -> None:
        """``tw_blocks``: blocks of k, blocks of rows, and panel after panel for each."""
        t = self.type
        f = self.function("tw_blocks", self.params())
        m, n, k, alpha, _, a_row, a_col, b, b_row, b_col, beta, c, c_row = f.params
        near = f.emit(f"icmp eq {b_col}, 1", "i1")
        turn = f.emit(f"icmp eq {b_row}, 1", "i1")
        pack = self.worth_packing(f, near)
        pack_a = self.worth_packing_rows(f)
        panel = f.alloca(t, DEPTH * self.width)
        store = f.alloca(t, FEWER_ROWS * NEAR_DEPTH + self.packing.spare)
        either = f.emit(f"or {near}, {pack_a.name}", "i1")
        depth = f.emit(f"select {either}, i64 {NEAR_DEPTH}, i64 {DEPTH}", "i64")
        most = f.emit(f"select {pack_a}, i64 {FEWER_ROWS}, i64 {ROWS}", "i64")
        depth, rounds = self.even_depth(f, k, depth)
        blocks = self.parts(f, m, most)
        with f.loop(0, rounds) as outer, f.loop(0, blocks) as block:
            start = f.mul(outer.index, depth)
            length = self.least(f, f.binary("sub", k, start), depth)
            first_row = f.mul(block.index, most)
            rows = self.least(f, f.binary("sub", m, first_row), most)
            first = f.emit(f"icmp eq {outer.index}, 0", "i1")
            factor = f.emit(f"select {first}, {beta}, {real(1.0, t)}", t)
            row_b = f.offset(b, f.mul(start, b_row), t)
            row_c = f.offset(c, f.mul(first_row, c_row), t)
            place_a, step = self.rows_of(f, pack_a, rows, length, start, first_row, store)
            with f.loop(0, n, self.width) as loop:
                width = self.least(f, f.binary("sub", n, loop.index), integer(self.width))
                place_b = f.offset(row_b, f.mul(loop.index, b_col), t)
                with f.when(pack):
                    self.packing.fill(f, turn, length, width, place_b, b_row, b_col, panel)
                source = f.emit(f"select {pack}, {panel}, {place_b}", "ptr")
                stride = f.emit(f"select {pack}, i64 {self.width}, {b_row}", "i64")
                args = [rows, length, alpha, place_a, a_row, a_col, step, source, stride, factor,
                        f.offset(row_c, loop.index, t), c_row, width]  # fmt: skip
                f.call(f"tw_panel_{self.suffix}", args, "void", declare=False)
        f.ret()
        self.module.add(f)

    def even_depth(self, f: Function, k: Value, most: Value) -> tuple[Value, Value]:
        """Nearly equal parts of k, multiples of a vector, and their number: at least 1, so that C becomes beta C."""
        some = f.emit(f"icmp sgt {k}, 0", "i1")
        length = f.emit(f"select {some}, {k}, i64 1", "i64")
        rounds = self.parts(f, length, most)
        depth = f.emit(f"and {f.add(self.parts(f, length, rounds), self.lanes - 1)}, {-self.lanes}", "i64")
        return depth, self.parts(f, length, depth)

    def parts(self, f: Function, whole: Value, part: Value) -> Value:
        """The quotient, rounded up."""
        return f.emit(f"udiv {f.add(f.add(whole, part), -1)}, {part.name}", "i64")

    def worth_packing(self, f: Function, near: Value) -> Value:
        """Whether panels of B are packed: always if its columns are apart, otherwise if enough rows use them."""
        m, b_row = f.params[0], f.params[8]
        some = f.emit(f"icmp sge {m}, {SOME}", "i1")
        far = f.emit(f"icmp sge {b_row}, {FAR}", "i1")
        many = f.emit(f"icmp sge {m}, {MANY}", "i1")
        many = f.emit(f"or {many}, {f.emit(f'and {some}, {far.name}', 'i1').name}", "i1")
        apart = f.emit(f"icmp ne {b_row}, {self.width}", "i1")
        worth = f.emit(f"and {many}, {apart.name}", "i1")
        return f.emit(f"select {near}, {worth}, i1 true", "i1")

    def worth_packing_rows(self, f: Function) -> Value:
        """Whether tiles of a transposed A are packed: if many panels use it, and its columns lie far apart."""
        n, a_row, a_col = f.params[1], f.params[5], f.params[6]
        worth = f.emit(f"icmp eq {a_row}, 1", "i1")
        for value, least in ((n, 4 * self.width), (a_col, FAR_COLUMNS)):
            enough = f.emit(f"icmp sge {value}, {least}", "i1")
            worth = f.emit(f"and {worth}, {enough.name}", "i1")
        return worth

    def least(self, f: Function, a: Value, b: Value) -> Value:
        less = f.emit(f"icmp slt {a}, {b.name}", "i1")
        return f.emit(f"select {less}, {a}, {b}", a.type)

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
                    args = [m, k, alpha, a, a_row, a_col, a_row, f.offset(b, loop.index, self.type), b_row, beta,
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
