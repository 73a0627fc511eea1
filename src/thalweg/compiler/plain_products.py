"""Matrix products of the dtypes that the product library does not have: float16, integers, bool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .ir import Value
from .lanes import Lane, Lanes

if TYPE_CHECKING:
    from .moves import Moves, View

__all__ = ["plain_product"]


def plain_product(code: Moves, a: View, b: View) -> None:
    """The kernel's rows of a @ b. As in NumPy float16 is summed in float32, and booleans are joined by "or"."""
    lead, (m, n) = code.out.shape[:-2], code.out.shape[-2:]
    a, b = a.expanded((*lead, m, a.shape[-1])), b.expanded((*lead, b.shape[-2], n))
    work = np.dtype(np.float32) if code.out.dtype == np.float16 else code.out.dtype
    width = code.target.vector_bytes // max(work.itemsize, 2)
    done = n - n % width if b.strides[-1] == 1 else 0
    f = code.f
    with f.loop(f.params[1], f.params[2]) as first, code.each(code.out.shape[1:-1]) as others:
        place = (first.index, *others)
        row = code.at(a, *place)
        matrix, target = code.at(b, *place[:-1]), code.at(code.out, *place)
        with f.loop(0, done, width) as loop:
            _columns(code, code.lanes(width), row, matrix, target, loop.index, work)
        with f.loop(done, n) as loop:
            _columns(code, code.emit, row, matrix, target, loop.index, work)


def _columns(code: Moves, emit: Lanes, row: View, matrix: View, target: View, column: Value, work: Any) -> None:
    """As many elements of a row of the result as there are lanes."""
    f = code.f
    with f.loop(0, row.shape[0], 1, [emit.constant(0, work).value]) as loop:
        left = code.emit.convert(code.load(row, loop.index), work)
        right = emit.load(code.address(code.at(matrix, loop.index, column)), matrix.dtype)
        product = emit.mul(emit.splat(left.value, work), emit.convert(right, work))
        loop.next = [emit.add(Lane(loop.values[0], work), product).value]
    result = emit.convert(Lane(loop.results[0], work), target.dtype)
    emit.store(result, code.address(code.at(target, column)))
