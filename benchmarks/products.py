"""Matrix products on one thread: the library that compiled programs call, against OpenBLAS and NumPy.

``python benchmarks/products.py`` prints, for the products of layers (forward, gradient of the input, gradient of the
weights) and for squares, microseconds and GFLOP/s, and how many times faster than the others the library is: medians
of short runs in turns. The library and OpenBLAS are called by the same native loop, NumPy from Python, with what that
costs. ``--dtype float64``, ``--vector-bytes 32`` and ``--only 64x256`` choose others.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy is imported

import numpy as np

from thalweg.compiler.ir import Module
from thalweg.compiler.native import Target, build
from thalweg.compiler.products import library_functions

# (batch, inputs, outputs) of linear layers.
LAYERS = [
    (1, 600, 60), (1, 60, 40), (1, 40, 10), (32, 4, 64), (32, 64, 64), (32, 64, 2), (64, 784, 256), (64, 256, 128),
    (64, 128, 10), (128, 784, 1024), (128, 1024, 1024), (128, 1024, 10), (256, 32, 128), (256, 128, 128),
    (256, 128, 4), (1024, 2, 32), (1024, 32, 32), (1024, 32, 1),
]  # fmt: skip
SQUARES = [96, 256, 512, 1024, 2000]
ROUNDS = 15

_LOOPS = """
define void @library(i64 %count, i64 %m, i64 %n, i64 %k, REAL %alpha, ptr %a, i64 %a_row, i64 %a_col, ptr %b,
                     i64 %b_row, i64 %b_col, REAL %beta, ptr %c) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  call void @GEMM(i64 %m, i64 %n, i64 %k, REAL %alpha, ptr %a, i64 %a_row, i64 %a_col, ptr %b, i64 %b_row, i64 %b_col,
                  REAL %beta, ptr %c, i64 %n)
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %loop, label %done
done:
  ret void
}

define void @blas(i64 %count, ptr %gemm, i32 %a_way, i32 %b_way, i64 %m, i64 %n, i64 %k, REAL %alpha, ptr %a,
                  i64 %a_step, ptr %b, i64 %b_step, REAL %beta, ptr %c) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  call void %gemm(i32 101, i32 %a_way, i32 %b_way, i64 %m, i64 %n, i64 %k, REAL %alpha, ptr %a, i64 %a_step, ptr %b,
                  i64 %b_step, REAL %beta, ptr %c, i64 %n)
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %loop, label %done
done:
  ret void
}
"""
PLAIN, TRANSPOSED = 111, 112  # CblasNoTrans, CblasTrans


def openblas(letter: str) -> int:
    """The address of ``cblas_?gemm`` with 64-bit integers in the library that NumPy brings; 0 if there is none."""
    folders = [Path(np.__file__).parent / ".dylibs", Path(np.__file__).parent.parent / "numpy.libs"]
    for file in [f for folder in folders for f in sorted(folder.glob("*openblas*"))]:
        function = getattr(ctypes.CDLL(str(file)), f"scipy_cblas_{letter}gemm64_", None)
        if function is not None:
            return ctypes.cast(function, ctypes.c_void_p).value or 0
    return 0


class Rivals:
    """Ways to multiply, as functions that do it a number of times."""

    def __init__(self, dtype: Any, target: Target) -> None:
        self.dtype = np.dtype(dtype)
        single = self.dtype == np.float32
        real, suffix = (ctypes.c_float, "f32") if single else (ctypes.c_double, "f64")
        size, pointer, way = ctypes.c_int64, ctypes.c_void_p, ctypes.c_int32
        module = Module()
        library_functions(module, target)
        loops = _LOOPS.replace("REAL", "float" if single else "double").replace("GEMM", f"tw_gemm_{suffix}")
        built = build(module.text() + loops, target)
        ours = [size, size, size, size, real, pointer, size, size, pointer, size, size, real, pointer]
        self.library = built.function("library", None, *ours)
        theirs = [size, pointer, way, way, size, size, size, real, pointer, size, pointer, size, real, pointer]
        self.blas = built.function("blas", None, *theirs)
        self.gemm = openblas("s" if single else "d")

    def ways(self, m: int, n: int, k: int, a_turned: bool, b_turned: bool, beta: float) -> list[Callable[[int], None]]:
        """The library, OpenBLAS and NumPy for one product; ``turned`` matrices are transposed ones."""
        rng = np.random.default_rng(0)
        a, b = (
            np.ascontiguousarray(x.T).T if turned else x
            for x, turned in ((rng.random((m, k), self.dtype), a_turned), (rng.random((k, n), self.dtype), b_turned))
        )
        c = np.zeros((m, n), self.dtype)
        alpha = 1e-3
        steps = [s // x.itemsize for x in (a, b) for s in x.strides]
        addresses = [x.ctypes.data for x in (a, b, c)]

        def library(count: int) -> None:
            self.library(count, m, n, k, alpha, addresses[0], *steps[:2], addresses[1], *steps[2:], beta, addresses[2])

        def blas(count: int) -> None:
            ways = [TRANSPOSED if turned else PLAIN for turned in (a_turned, b_turned)]
            lengths = [m if a_turned else k, k if b_turned else n]
            self.blas(count, self.gemm, *ways, m, n, k, alpha, addresses[0], lengths[0], addresses[1], lengths[1],
                      beta, addresses[2])  # fmt: skip

        def numpy(count: int) -> None:
            for _ in range(count):
                np.matmul(a, b, out=c)

        return [library, blas, numpy] if self.gemm else [library, numpy]


def seconds(way: Callable[[int], None], count: int) -> float:
    """The time that one product takes."""
    began = time.perf_counter()
    way(count)
    return (time.perf_counter() - began) / count


def medians(ways: list[Callable[[int], None]], length: float) -> list[float]:
    """Seconds a product for each way, of runs in turns that take about ``length`` seconds each."""
    counts = [max(1, round(length / seconds(way, 1))) for way in ways]
    counts = [max(1, round(length / seconds(way, count))) for way, count in zip(ways, counts, strict=True)]
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(ROUNDS):
        for way, count, found in zip(ways, counts, times, strict=True):
            found.append(seconds(way, count))
    return [statistics.median(found) for found in times]


def products() -> list[tuple[str, tuple[int, int, int, bool, bool, float]]]:
    """Names and the arguments of ``ways`` for all that is measured."""
    found = []
    for batch, inputs, outputs in LAYERS:
        name = f"{batch}x{inputs}x{outputs}"
        found += [
            (f"{name} forward", (batch, outputs, inputs, False, True, 0.0)),  # x W^T
            (f"{name} dx", (batch, inputs, outputs, False, False, 0.0)),  # dy W
            (f"{name} dw", (outputs, inputs, batch, True, False, 1.0)),  # dy^T x, subtracted from W
        ]
    for n in SQUARES:
        found += [(f"{n}^3", (n, n, n, False, False, 0.0)), (f"{n}^3, B^T", (n, n, n, False, True, 0.0))]
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--vector-bytes", type=int, default=64, choices=[64, 32, 16])
    parser.add_argument("--only", default="", help="products whose names begin so")
    parser.add_argument("--length", type=float, default=0.002, help="seconds of a run")
    options = parser.parse_args()
    rivals = Rivals(options.dtype, Target.host().narrow(options.vector_bytes))
    others = ["OpenBLAS", "NumPy"] if rivals.gemm else ["NumPy"]
    print(f"{'product':24} {'us':>9} {'GFLOP/s':>8}", *[f"{f'x {name}':>10}" for name in others])
    for name, product in products():
        if name.startswith(options.only):
            ours, *theirs = medians(rivals.ways(*product), options.length)
            m, n, k = product[:3]
            rate = 2e-9 * m * n * k / ours
            print(f"{name:24} {ours * 1e6:9.2f} {rate:8.1f}", *[f"{t / ours:10.2f}" for t in theirs], flush=True)


if __name__ == "__main__":
    main()
