"""The inner loops of matrix products: a tile of C held in registers while k runs.

A tile is up to ``rows`` by two vectors. B is read in place, a row of two vectors at a time; an element of A is
spread over the lanes. The last vector of a tile may be cut short by a mask, so that nothing is read or written
outside of the matrices.
"""

from __future__ import annotations

from typing import Any

from .ir import Function, Module, Value, real, vector_type
from .memory import load_vector, mask_below, store_vector

__all__ = ["SUFFIX", "Tiles", "tile_rows"]

SUFFIX = {"float": "f32", "double": "f64"}


def tile_rows(target: Any) -> int:
    """Rows of a tile: two vectors each as accumulators, and registers left for B and for one element of A."""
    return 12 if target.registers >= 32 else 6


class Tiles:
    """Writes the tile functions of one element type.

    ``tile(k, alpha, a, a_row, a_col, b, b_row, beta, c, c_row, width)`` adds up C = beta C + alpha A B for a tile of
    ``width`` columns; there is one for each number of rows, number of vectors, and for A transposed (a_row = 1).
    """

    def __init__(self, module: Module, target: Any, type: str) -> None:
        self.module = module
        self.target = target
        self.type = type
        self.lanes = target.lanes(type)
        self.rows = tile_rows(target)
        self.vector = vector_type(type, self.lanes)

    def name(self, rows: int, vectors: int, transposed: bool) -> str:
        return f"tw_tile_{SUFFIX[self.type]}_{rows}x{vectors}{'t' if transposed else ''}"

    def add_all(self) -> None:
        """Every tile, and the table of their addresses by [transposed][vectors - 1][rows]."""
        names = []
        for transposed in (False, True):
            for vectors in (1, 2):
                names.append("null")
                for rows in range(1, self.rows + 1):
                    self.add(rows, vectors, transposed)
                    names.append(f"@{self.name(rows, vectors, transposed)}")
        for rows in (1, 2):
            self.add(rows, 8, False)
        entries = ", ".join(f"ptr {n}" for n in names)
        table = f"tw_tiles_{SUFFIX[self.type]}"
        self.module.globals[table] = f"@{table} = internal constant [{len(names)} x ptr] [{entries}], align 64"

    def add(self, rows: int, vectors: int, transposed: bool) -> None:
        t = self.type
        params = [
            ("i64", "k"), (t, "alpha"), ("ptr noalias", "a"), ("i64", "a_row"), ("i64", "a_col"), ("ptr noalias", "b"),
            ("i64", "b_row"), (t, "beta"), ("ptr noalias", "c"), ("i64", "c_row"), ("i64", "width"),
        ]  # fmt: skip
        name = self.name(rows, vectors, transposed)
        f = Function(name, params, attributes=f"{self.target.attributes} noinline nounwind", linkage="internal")
        k, alpha, a, a_row, a_col, b, b_row, beta, c, c_row, width = f.params
        mask = None
        if vectors <= 2:
            mask = mask_below(f, f.add(width, -(vectors - 1) * self.lanes), self.lanes)
        zero = Value("zeroinitializer", self.vector)
        steps = self.row_steps(f, a_row, rows, transposed)
        groups = range(0, rows, 4)
        starts = [f.offset(a, f.mul(a_row, g), t) if not transposed else f.offset(a, g, t) for g in groups]
        carried = [*starts, b, *[zero] * (rows * vectors)]
        with f.loop(0, k, 1, carried) as loop:
            pointers, row_b, sums = loop.values[: len(starts)], loop.values[len(starts)], loop.values[len(starts) + 1 :]
            columns = [self.load(f, row_b, v, mask if v == vectors - 1 else None) for v in range(vectors)]
            after: list[Value] = []
            for i in range(rows):
                x = f.load(f.offset(pointers[i // 4], steps[i % 4], t), t)
                spread = f.splat(x, self.lanes)
                after.extend(self.fma(f, spread, columns[v], sums[i * vectors + v]) for v in range(vectors))
            moved = [f.offset(p, a_col, t) for p in pointers]
            loop.next = [*moved, f.offset(row_b, b_row, t), *after]
        self.finish(f, loop.results[len(starts) + 1 :], alpha, beta, c, c_row, rows, vectors, mask)
        f.ret()
        self.module.add(f)

    def row_steps(self, f: Function, a_row: Value, rows: int, transposed: bool) -> list[Any]:
        """How far rows 0 to 3 of a group of four are apart."""
        if transposed:
            return [0, 1, 2, 3]
        return [0, a_row, f.mul(a_row, 2), f.mul(a_row, 3)]

    def load(self, f: Function, row: Value, vector: int, mask: Value | None) -> Value:
        return load_vector(f, f.offset(row, vector * self.lanes, self.type), 1, self.type, self.lanes, mask)

    def fma(self, f: Function, a: Value, b: Value, c: Value) -> Value:
        suffix = f"v{self.lanes}{SUFFIX[self.type]}" if self.lanes > 1 else SUFFIX[self.type]
        return f.call(f"llvm.fmuladd.{suffix}", [a, b, c], self.vector)

    def finish(
        self, f: Function, sums: list[Value], alpha: Value, beta: Value, c: Value, c_row: Value, rows: int,
        vectors: int, mask: Value | None,
    ) -> None:  # fmt: skip
        """Scale and store; C is read only if beta is not 0."""
        scale = f.splat(alpha, self.lanes)
        scaled = [f.binary("fmul", s, scale) for s in sums]
        places = []
        row = c
        for i in range(rows):
            places.append(row)
            row = f.offset(row, c_row, self.type) if i < rows - 1 else row
        fresh = f.emit(f"fcmp oeq {beta}, {real(0.0, self.type).name}", "i1")
        f.branch_if(fresh, "write", "add")
        f.start("write")
        for i, place in enumerate(places):
            for v in range(vectors):
                self.store(f, scaled[i * vectors + v], place, v, mask if v == vectors - 1 else None)
        f.branch("end")
        f.start("add")
        factor = f.splat(beta, self.lanes)
        for i, place in enumerate(places):
            for v in range(vectors):
                cut = mask if v == vectors - 1 else None
                old = self.load(f, place, v, cut)
                self.store(f, self.fma(f, old, factor, scaled[i * vectors + v]), place, v, cut)
        f.branch("end")
        f.start("end")

    def store(self, f: Function, value: Value, row: Value, vector: int, mask: Value | None) -> None:
        store_vector(f, value, f.offset(row, vector * self.lanes, self.type), 1, mask)
