"""Numbers smaller than the smallest normal one.

A moving average of a gradient that has become 0, as behind a dead ReLU, ends among the subnormal numbers and stays
there. Intel's processors take a hundred times longer for a result of this kind; a step of a small network was measured
to take five times as long. Native programs therefore round such results to 0, and leave the mode as they found it:
NumPy, in the same thread, keeps them. Subnormal numbers that a program is given count as they are.
"""

from __future__ import annotations

from .ir import Function, Value
from .native import Target

__all__ = ["flush_text", "guarded_program"]

FLUSH = 1 << 15  # of MXCSR on x86: flush results to zero


def is_x86(target: Target) -> bool:
    return target.triple.startswith(("x86_64", "amd64"))


def guarded_program(inside: str, target: Target) -> Function:
    """``program(ctx)``: call the function ``inside`` with results flushed to zero."""
    f = Function("program", [("ptr", "ctx")], "i64", attributes=target.attributes)
    if not is_x86(target):
        f.ret(f.emit(f"call i64 @{inside}(ptr %ctx)", "i64"))
        return f
    place, changed = f.alloca("i32"), f.alloca("i32")
    f.call("llvm.x86.sse.stmxcsr", [place], "void")
    before = f.load(place, "i32")
    f.store(f.emit(f"or {before}, {FLUSH}", "i32"), changed)
    f.call("llvm.x86.sse.ldmxcsr", [changed], "void")
    result = f.emit(f"call i64 @{inside}(ptr %ctx)", "i64")
    f.call("llvm.x86.sse.ldmxcsr", [place], "void")
    f.ret(result)
    return f


def flush_text(target: Target) -> str:
    """``tw_flush()``: a thread that only runs programs sets the mode once."""
    f = Function("tw_flush", [], "void")
    if is_x86(target):
        place = f.alloca("i32")
        f.call("llvm.x86.sse.stmxcsr", [place], "void")
        before: Value = f.load(place, "i32")
        f.store(f.emit(f"or {before}, {FLUSH}", "i32"), place)
        f.call("llvm.x86.sse.ldmxcsr", [place], "void")
    f.ret()
    return "\n".join([*f.calls.values(), f.text(), ""])
