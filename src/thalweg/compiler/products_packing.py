"""Parts of matrices copied to where the tiles of a product read them one after the other."""

from __future__ import annotations

from typing import Any

from .ir import Function, Module, Value, element, integer, real, vector_type
from .memory import load_vector, mask_below, store_vector
from .tiles import SUFFIX, tile_rows

__all__ = ["Packing", "tile_heights"]


def tile_heights(f: Function, m: Value, most: int) -> tuple[Value, Value, Value]:
    """How m rows are cut into tiles of nearly equal height: their number, the height, and how many have a row more."""
    blocks = f.emit(f"udiv {f.add(m, most - 1)}, {most}", "i64")
    height = f.emit(f"udiv {m}, {blocks.name}", "i64")
    longer = f.emit(f"urem {m}, {blocks.name}", "i64")
    return blocks, height, longer


def tile_height(f: Function, index: Value, height: Value, longer: Value) -> Value:
    """The rows of the tile of this index."""
    more = f.emit(f"icmp slt {index}, {longer.name}", "i1")
    return f.add(height, f.emit(f"zext {more} to i64", "i64"))


class Packing:
    """Writes the functions that pack panels of B, two vectors wide, and blocks of a transposed A."""

    def __init__(self, module: Module, target: Any, type: str) -> None:
        self.module = module
        self.target = target
        self.type = type
        self.suffix = SUFFIX[type]
        self.lanes = target.lanes(type)
        self.width = 2 * self.lanes
        self.rows = tile_rows(target)
        self.spare = -(-self.rows // self.lanes) * self.lanes  # that a block of A may be written beyond its end

    def add_all(self) -> None:
        self.add_copying()
        self.add_transposing()
        self.add_rows()

    def function(self, name: str, params: list[tuple[str, str]]) -> Function:
        attributes = f"{self.target.attributes} noinline"
        return Function(f"{name}_{self.suffix}", params, attributes=attributes, linkage="internal")

    def fill(
        self, f: Function, turn: Value, length: Value, width: Value, b: Value, b_row: Value, b_col: Value, out: Value
    ) -> None:
        """Fill a panel in the way that fits B's strides; ``turn`` says that b_row is 1."""
        by_turning, by_copying, done = f.fresh("turn"), f.fresh("copy"), f.fresh("packed")
        f.branch_if(turn, by_turning, by_copying)
        f.start(by_turning)
        f.call(f"tw_turn_{self.suffix}", [length, width, b, b_col, out], "void", declare=False)
        f.branch(done)
        f.start(by_copying)
        f.call(f"tw_copy_{self.suffix}", [length, width, b, b_row, b_col, out], "void", declare=False)
        f.branch(done)
        f.start(done)

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
                value = load_vector(f, f.offset(source, v * self.lanes, self.type), 1, self.type, self.lanes, masks[v])
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
        """``tw_turn(k, width, b, b_col, out)``: a panel whose columns are rows in memory (b_row = 1).

        Squares of one vector's size are transposed in registers. What is missing in the last ones is written as 0.
        """
        params = [("i64", "k"), ("i64", "width"), ("ptr", "b"), ("i64", "b_col"), ("ptr", "out")]
        f = self.function("tw_turn", params)
        k, width, b, b_col, out = f.params
        with f.loop(0, width, self.lanes) as half:
            columns = f.binary("sub", width, half.index)
            source = f.offset(b, f.mul(half.index, b_col), self.type)
            target = f.offset(out, half.index, self.type)
            whole = f.emit(f"icmp sge {columns}, {self.lanes}", "i1")
            deep = f.emit(f"select {whole}, {f.emit(f'and {k}, {-self.lanes}', 'i64')}, i64 0", "i64")
            for start, stop, cut in ((Value("0", "i64"), deep, False), (deep, k, True)):
                with f.loop(start, stop, self.lanes) as loop:
                    left = f.binary("sub", k, loop.index)
                    place = f.offset(source, loop.index, self.type)
                    rows = [self.column(f, place, b_col, i, columns, left, cut) for i in range(self.lanes)]
                    out_row = f.offset(target, f.mul(loop.index, self.width), self.type)
                    for i, row in enumerate(self.transposed(f, rows)):
                        store_vector(f, row, f.offset(out_row, i * self.width, self.type), 1, None)
        f.ret()
        self.module.add(f)

    def column(
        self, f: Function, place: Value, step: Value, i: int, columns: Value, left: Value, cut: bool
    ) -> Value:  # fmt: skip
        """Column ``i`` of a square, a vector in memory; if it may be ``cut``, only what there is."""
        mask = None
        if cut:
            there = f.emit(f"icmp sgt {columns}, {i}", "i1")
            mask = mask_below(f, f.emit(f"select {there}, {left}, i64 0", "i64"), self.lanes)
        return load_vector(f, f.offset(place, f.mul(step, i), self.type), 1, self.type, self.lanes, mask)

    def transposed(self, f: Function, rows: list[Value]) -> list[Value]:
        """The square of vectors with rows and columns exchanged: blocks of half the size change places, and so on."""
        n = self.lanes
        rows = list(rows)
        half = n // 2
        while half:
            for i in range(n):
                if i & half:
                    continue
                a, b = rows[i], rows[i + half]
                low = [j if not j & half else n + j - half for j in range(n)]
                high = [j + half if not j & half else n + j for j in range(n)]
                rows[i], rows[i + half] = shuffled(f, a, b, low), shuffled(f, a, b, high)
            half //= 2
        return rows

    def add_rows(self) -> None:
        """``tw_rows(m, k, a, a_col, out)``: rows of a transposed A (a_row = 1), tile by tile.

        A tile of h rows takes h k elements of ``out``, the h of one column of A after those of the other. A column is
        read through all tiles, so that what is read next lies beside it.
        """
        t = self.type
        params = [("i64", "m"), ("i64", "k"), ("ptr noalias", "a"), ("i64", "a_col"), ("ptr noalias", "out")]
        f = self.function("tw_rows", params)
        m, k, a, a_col, out = f.params
        blocks, height, longer = tile_heights(f, m, self.rows)
        starts = range(0, self.spare, self.lanes)
        with f.loop(0, k, 1, [a]) as loop:
            column = loop.values[0]
            with f.loop(0, blocks, 1, [integer(0)]) as tiles:
                first = tiles.values[0]
                rows = tile_height(f, tiles.index, height, longer)
                end = f.offset(out, f.add(f.mul(first, k), f.mul(loop.index, rows)), t)
                for start in starts:
                    mask = mask_below(f, self.clipped(f, rows, start // self.lanes), self.lanes)
                    source = f.offset(f.offset(column, first, t), start, t)
                    value = load_vector(f, source, 1, t, self.lanes, mask)
                    store_vector(f, value, f.offset(end, start, t), 1, mask)
                tiles.next = [f.add(first, rows)]
            loop.next = [f.offset(column, a_col, t)]
        f.ret()
        self.module.add(f)


def shuffled(f: Function, a: Value, b: Value, picks: list[int]) -> Value:
    """Lanes of two vectors; those of b are numbered after those of a."""
    numbers = ", ".join(f"i32 {p}" for p in picks)
    count = len(picks)
    return f.emit(f"shufflevector {a}, {b}, <{count} x i32> <{numbers}>", vector_type(element(a.type), count))
