"""The way into native code: arrays are handed over as Python objects, and their addresses are read natively.

Asking an ndarray for its address costs Python most of a microsecond, more than a small step takes. CPython hands any
object to a native function at once, and an ndarray keeps its address and flags at fixed places, which are checked
against what NumPy says before they are relied upon.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np

from .ir import Function, Value, integer

__all__ = ["NOT_CONTIGUOUS", "entry_function", "knows_arrays"]

DATA, FLAGS = 16, 64  # bytes from the start of the object (CPython on 64 bits, NumPy's PyArrayObject_fields)
CONTIGUOUS = 1  # the flag NPY_ARRAY_C_CONTIGUOUS
NOT_CONTIGUOUS = -1


@functools.cache
def knows_arrays() -> bool:
    """Whether ndarrays look in memory as is assumed here."""
    if ctypes.sizeof(ctypes.c_void_p) != 8 or object.__basicsize__ != 16 or np.ndarray.__basicsize__ < FLAGS + 4:
        return False
    straight = np.zeros((3, 4), np.float32)
    samples: list[Any] = [straight, straight[1:, 2], straight.T, straight[::2], np.zeros(()), np.zeros((2, 0))]
    return all(
        ctypes.c_void_p.from_address(id(x) + DATA).value == x.__array_interface__["data"][0]
        and bool(ctypes.c_int.from_address(id(x) + FLAGS).value & CONTIGUOUS) == x.flags.c_contiguous
        for x in samples
    )


def entry_function(slots: list[int], attributes: str) -> Function:
    """``entry(ctx, array, array, ...)``: put the addresses into the slots and run the program.

    Returns what the program does; NOT_CONTIGUOUS, and nothing is run, if one of the arrays is not contiguous.
    """
    params = [("ptr", "ctx"), *(("ptr", f"a{i}") for i in range(len(slots)))]
    f = Function("entry", params, "i64", attributes=attributes)
    context, *arrays = f.params
    every: Value = integer(CONTIGUOUS, "i32")
    for x in arrays:
        flags = f.load(f.offset(x, FLAGS, "i8"), "i32")
        every = f.emit(f"and {every}, {flags.name}", "i32")
    straight = f.emit(f"icmp ne {every}, 0", "i1")
    f.branch_if(straight, "run", "refuse")
    f.start("run")
    for slot, x in zip(slots, arrays, strict=True):
        address = f.load(f.offset(x, DATA, "i8"), "ptr")
        f.store(address, f.offset(context, slot, "ptr"))
    f.ret(f.emit("call i64 @program(ptr %ctx)", "i64"))
    f.start("refuse")
    f.ret(integer(NOT_CONTIGUOUS))
    return f
