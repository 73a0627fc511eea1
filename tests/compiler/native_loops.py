"""Native loops over arrays, for tests of what is written for a few elements at once."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from thalweg.compiler.ir import Function, Module
from thalweg.compiler.lanes import Lanes
from thalweg.compiler.native import Loaded, Target, build

MOST = 3  # inputs


class Loops:
    """Functions of one module that compute ``lanes`` elements at addresses, and the loop that calls them.

    What is left of an array after whole vectors is computed one by one. The loop is a function of its own, so that
    LLVM has none to unroll: it would take most of the time.
    """

    def __init__(self, lanes: int, target: Target) -> None:
        self.lanes = lanes
        self.target = target
        self.module = Module()
        self.loaded: Loaded | None = None
        self.module.add(_loop(target))

    def add(self, name: str, body: Callable[..., Any], inputs: Sequence[Any], output: Any) -> None:
        """A function that stores ``body(emit, *lanes)``, converted to ``output`` if its dtype is another."""
        for count in sorted({1, self.lanes}):
            f = Function(f"{name}_{count}", _pointers(), attributes=self.target.attributes)
            emit = Lanes(f, self.module, count, self.target)
            operands = [emit.load(p, d) for p, d in zip(f.params[1:], inputs, strict=False)]
            emit.store(emit.convert(body(emit, *operands), output), f.params[0])
            f.ret()
            self.module.add(f)

    def run(self, name: str, output: Any, *arrays: Any) -> Any:
        """The result for arrays of one length."""
        if self.loaded is None:
            self.loaded = build(self.module.text(), self.target)
        y = np.empty(arrays[0].size, output)
        whole = y.size - y.size % self.lanes
        for count, part in ((self.lanes, slice(whole)), (1, slice(whole, None))):
            self._call(self.loaded, f"{name}_{count}", count, [y[part], *[a[part] for a in arrays]])
        return y

    def _call(self, loaded: Loaded, name: str, count: int, arrays: list[Any]) -> None:
        loop = loaded.function("loop", None, ctypes.c_void_p, *[ctypes.c_void_p, ctypes.c_int64] * 4, ctypes.c_int64)
        places = [(a.ctypes.data, a.itemsize * count) for a in arrays] + [(0, 0)] * (MOST + 1 - len(arrays))
        loop(loaded.address(name), *[v for place in places for v in place], arrays[0].size // count)


def _pointers() -> list[tuple[str, str]]:
    return [("ptr", "y"), *[("ptr", f"x{i}") for i in range(MOST)]]


def _loop(target: Target) -> Function:
    """Call a function n times, its addresses moved on by a number of bytes each time."""
    moves = [(type, name + suffix) for _, name in _pointers() for type, suffix in (("ptr", ""), ("i64", "step"))]
    f = Function("loop", [("ptr", "function"), *moves, ("i64", "n")], attributes=target.attributes)
    with f.loop(0, f.params[-1]) as loop:
        places = [
            f.offset(base, f.mul(loop.index, step), "i8")
            for base, step in zip(f.params[1:-1:2], f.params[2:-1:2], strict=True)
        ]
        f.do(f"call void %function({', '.join(map(str, places))})")
    f.ret()
    return f


# Full width, and what narrower processors would get.
WIDTHS = {
    "16 lanes": (16, Target.host()),
    "8 lanes": (8, Target.host()),
    "8 lanes, 32 bytes": (8, Target.host().narrow(32)),
    "4 lanes, 16 bytes": (4, Target.host().narrow(16)),
    "one by one": (1, Target.host()),
}
