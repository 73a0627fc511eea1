"""Native loops over arrays, for tests of what is written for a few elements at once."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from thalweg.compile.ir import Function, Module
from thalweg.compile.lanes import Lanes, element_type
from thalweg.compile.native import Loaded, Target, build

BOOL = np.dtype(bool)


class Loops:
    """Loops in one module: ``lanes`` elements at once, what is left one by one."""

    def __init__(self, lanes: int, target: Target) -> None:
        self.lanes = lanes
        self.target = target
        self.module = Module()
        self.loaded: Loaded | None = None

    def add(self, name: str, body: Callable[..., Any], inputs: Sequence[Any], output: Any) -> None:
        """A loop that stores ``body(emit, *lanes)``, converted to ``output`` if its dtype is another."""
        pointers = [("ptr", "y"), *[("ptr", f"x{i}") for i in range(len(inputs))]]
        f = Function(name, [*pointers, ("i64", "whole"), ("i64", "n")], attributes=self.target.attributes)
        *places, whole, n = f.params
        for start, stop, count in ((0, whole, self.lanes), (whole, n, 1)):
            emit = Lanes(f, self.module, count, self.target)
            with f.loop(start, stop, count) as loop:
                operands = [
                    emit.load(f.offset(p, loop.index, _stored(d)), d) for p, d in zip(places[1:], inputs, strict=True)
                ]
                y = emit.convert(body(emit, *operands), output)
                emit.store(y, f.offset(places[0], loop.index, _stored(output)))
        f.ret()
        self.module.add(f)

    def run(self, name: str, output: Any, *arrays: Any) -> Any:
        """The loop's result for arrays of one length."""
        if self.loaded is None:
            self.loaded = build(self.module.text(), self.target)
        n = arrays[0].size
        y = np.empty(n, output)
        function = self.loaded.function(
            name, None, *[ctypes.c_void_p] * (len(arrays) + 1), ctypes.c_int64, ctypes.c_int64
        )
        function(y.ctypes.data, *[a.ctypes.data for a in arrays], n - n % self.lanes, n)
        return y


def _stored(dtype: Any) -> str:
    return "i8" if np.dtype(dtype) == BOOL else element_type(dtype)


# Full width, and what narrower processors would get.
WIDTHS = {
    "16 lanes": (16, Target.host()),
    "8 lanes, 32 bytes": (8, Target.host().narrow(32)),
    "4 lanes, 16 bytes": (4, Target.host().narrow(16)),
    "one by one": (1, Target.host()),
}
