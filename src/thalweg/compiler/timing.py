"""Kernels timed in native code, and what the machine could do at best.

All kernels run in the order of the program, on one thread, chunk by chunk through each region, with a clock between
them; so each finds in the cache what it finds there in a call.
"""

from __future__ import annotations

import ctypes
import functools
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .fuse import Test
from .ir import Function, Module, Value, integer
from .library import library
from .memory import KERNEL
from .native import Loaded, Target, build
from .native_program import aligned
from .subnormal import guarded_program, is_x86

if TYPE_CHECKING:
    from .native_program import Native

__all__ = ["copy_rate", "kernel_seconds", "product_rate", "program_seconds"]

CHOICES = 5  # runs after which it is known how many more there is time for
MOST = 1000
EMPTY = 1000  # calls of an empty function, to see what the clock costs


def kernel_seconds(code: Native, budget: float) -> tuple[list[float], int]:
    """The median seconds of each kernel, in the order of the regions, and how often they were run.

    The program must be bound to arrays that may change. ``budget`` is about how long it may take, in seconds.
    """
    table = _Table(code)
    start = time.perf_counter()
    table.run(CHOICES)
    each = (time.perf_counter() - start) / CHOICES
    seconds = table.run(max(3, min(MOST, int(budget / each))))
    return np.maximum(np.median(seconds, axis=0), 0.0).tolist(), len(seconds)


def program_seconds(code: Native, budget: float) -> float:
    """The median seconds of the whole program as it is called, with its threads; see ``kernel_seconds``."""
    samples: list[float] = []
    end = time.perf_counter() + budget
    while len(samples) < CHOICES or (time.perf_counter() < end and len(samples) < MOST):
        start = time.perf_counter()
        failed = code.function(code.address)
        samples.append(time.perf_counter() - start)
        if failed:
            break
    return statistics.median(samples)


# -- kernels ------------------------------------------------------------------------------------------------


class _Table:
    """The regions and kernels of a program as the native loop reads them.

    Of a region: its first kernel and the one after its last, rows, rows of a chunk, and chunks. Of a kernel: the
    address of its function, and whether it is a test, which ends everything if it fails.
    """

    def __init__(self, code: Native) -> None:
        plan = code.lowered.plan
        regions: list[list[int]] = []
        kernels: list[list[int]] = []
        chunks: list[int] = []  # of each kernel
        self.owners: list[int] = []  # for each function the kernel that it runs for
        done = 0
        for region in code.schedule.regions:
            for i, kernel in enumerate(region.kernels):
                if kernel in code.lowered.before:
                    name, rows = code.lowered.before[kernel]
                    regions.append([len(kernels), len(kernels) + 1, rows, rows, 1])
                    kernels.append([code.code.address(name), False])
                    chunks.append(1)
                    self.owners.append(done + i)
            self.owners += range(done, done + len(region.kernels))
            done += len(region.kernels)
            chunk = max(plan.chunk[region], 1)
            parts = max(1, -(-region.rows // chunk))
            first = len(kernels)
            kernels += [[code.code.address(code.lowered.names[k]), isinstance(k, Test)] for k in region.kernels]
            regions.append([first, len(kernels), region.rows, chunk, parts])
            chunks += [parts] * len(region.kernels)
        self.regions = np.array(regions, np.int64).reshape(-1, 5)
        self.kernels = np.array(kernels, np.int64).reshape(-1, 2)
        self.scratch = aligned(max([*plan.scratch.values(), 1]))
        self.context = code.address
        self.clock = np.array(chunks, np.float64) * _clock_ticks()

    def run(self, repeats: int) -> Any:
        """Seconds, for each run and kernel.

        There are fewer runs if a test fails, as may be once a run has changed what is an index in the next.
        """
        start = time.perf_counter()
        ticks, total = _run(self.regions, self.kernels, self.scratch.ctypes.data, self.context, repeats)
        second = (time.perf_counter() - start) / max(total, 1)
        seconds = np.zeros((len(ticks), max(self.owners, default=-1) + 1))
        for i, owner in enumerate(self.owners):
            seconds[:, owner] += (ticks[:, i] - self.clock[i]) * second
        return seconds


def _run(regions: Any, kernels: Any, scratch: int, context: int, repeats: int) -> tuple[Any, int]:
    """The ticks of the clock for each run and kernel, and those from begin to end."""
    ticks = np.zeros((repeats, len(kernels)), np.int64)
    words = [regions.ctypes.data, len(regions), kernels.ctypes.data, len(kernels), ticks.ctypes.data, repeats]
    block = np.array([*words, context, scratch, 0, 0], np.uint64)
    _module().function("program", ctypes.c_int64, ctypes.c_void_p)(block.ctypes.data)
    return ticks[: max(int(block[DONE]), 1)], int(block[ELAPSED])


@functools.cache
def _clock_ticks() -> float:
    """What reading the clock adds to a measured time."""
    kernels = np.array([[_module().address("empty"), 0]], np.int64)
    ticks, _ = _run(np.array([[0, 1, EMPTY, 1, EMPTY]], np.int64), kernels, 0, 0, CHOICES)
    return float(ticks.min()) / EMPTY


# -- the native loop ----------------------------------------------------------------------------------------

DONE, ELAPSED = 8, 9  # words of the block that the loop writes


@functools.cache
def _module() -> Loaded:
    """The loop knows no program, so there is one for all."""
    target = Target.host()
    module = Module()
    module.add(_clock(target))
    module.add(_loop(target.attributes))
    module.add(guarded_program("timed", target))
    empty = Function("empty", KERNEL, "i64")
    empty.ret(integer(0))
    module.add(empty)
    copy = Function("copy", KERNEL)
    to, _, size, source = copy.params
    copy.call("llvm.memcpy.p0.p0.i64", [to, source, size, Value("false", "i1")], "void")
    copy.ret()
    module.add(copy)
    return build(module.text(), target, level=0)


def _clock(target: Target) -> Function:
    """``clock()``: ticks of one length."""
    f = Function("clock", [], "i64")
    if is_x86(target):
        f.ret(f.call("llvm.readcyclecounter", [], "i64"))
        return f
    place = f.alloca("i64", 2)
    f.call("clock_gettime", [integer(getattr(time, "CLOCK_MONOTONIC", 1), "i32"), place], "i32")
    nanoseconds = f.mul(f.load(place, "i64"), 10**9)
    f.ret(f.add(nanoseconds, f.load(f.offset(place, 1, "i64"), "i64")))
    return f


def _loop(attributes: str) -> Function:
    """``timed(block)``: run all kernels so many times, as the words of ``_run`` say."""
    f = Function("timed", [("ptr", "block")], "i64", attributes=attributes)
    kinds = ["ptr", "i64", "ptr", "i64", "ptr", "i64", "ptr", "ptr"]
    words = [f.load(f.offset(f.params[0], i, "i64"), kind) for i, kind in enumerate(kinds)]
    regions, region_count, kernels, kernel_count, ticks, repeats, context, scratch = words
    begin = _now(f)
    with f.loop(0, repeats) as runs:
        row = f.offset(ticks, f.mul(runs.index, kernel_count), "i64")
        with f.loop(0, region_count) as places:
            region = f.offset(regions, f.mul(places.index, 5), "i64")
            first, end, rows, chunk, parts = (f.load(f.offset(region, i, "i64"), "i64") for i in range(5))
            with f.loop(0, parts) as chunks:
                low = f.mul(chunks.index, chunk)
                high = f.call("llvm.smin.i64", [f.add(low, chunk), rows], "i64")
                with f.loop(first, end) as turn:
                    kernel = f.offset(kernels, f.mul(turn.index, 2), "i64")
                    _timed_call(f, kernel, [context, low, high, scratch], f.offset(row, turn.index, "i64"))
        f.store(f.add(runs.index, 1), f.offset(f.params[0], DONE, "i64"))
        f.store(f.binary("sub", _now(f), begin), f.offset(f.params[0], ELAPSED, "i64"))
    f.ret(integer(0))
    return f


def _timed_call(f: Function, kernel: Value, args: list[Value], place: Value) -> None:
    """Call a kernel, and add its ticks to what is at ``place``; leave if it is a test that fails."""
    function, tests = f.load(kernel, "ptr"), f.load(f.offset(kernel, 1, "i64"), "i64")
    before = _now(f)
    code = f.emit(f"call i64 {function.name}({', '.join(map(str, args))})", "i64")
    spent = f.binary("sub", _now(f), before)
    f.store(f.add(f.load(place, "i64"), spent), place)
    failed = f.emit(f"select i1 {f.emit(f'icmp ne {tests}, 0', 'i1').name}, {code}, i64 0", "i64")
    with f.when(f.emit(f"icmp ne {failed}, 0", "i1")):
        f.ret(integer(1))
        f.start(f.fresh("unreached"))


def _now(f: Function) -> Value:
    return f.call("clock", [], "i64", declare=False)


# -- limits -------------------------------------------------------------------------------------------------

SIDE = 1024  # of the matrices
LEAST, LARGEST = 1 << 13, 1 << 26  # bytes that are copied
COPY_SECONDS = 0.01


@functools.cache
def product_rate(dtype: Any) -> float:
    """FLOP/s of large matrix products on one thread: those of the library or NumPy's, whichever are faster."""
    dtype = np.dtype(dtype)
    a, b, c = (np.ones((SIDE, SIDE), dtype) for _ in range(3))
    work = 2 * SIDE**3
    rates = [work / s for s in _seconds(lambda: _library_product(a, b, c), time.perf_counter)]
    # the time of all threads, of which NumPy's BLAS may use several
    rates += [work / s for s in _seconds(lambda: np.matmul(a, b, c), time.process_time)]
    return max(rates)


def copy_rate(size: int) -> float:
    """Bytes/s that one thread reads and writes together, copying between two pieces of memory.

    Both together have about ``size`` bytes, so that they lie in the caches in which a program's data of that size do.
    """
    return _copy_rate(min(LARGEST, max(LEAST, 1 << (max(size, 1) - 1).bit_length())) // 2)


@functools.cache
def _copy_rate(size: int) -> float:
    source, target = aligned(size), aligned(size)
    source[:] = target[:] = 1
    region, kernel = np.array([[0, 1, size, size, 1]], np.int64), np.array([[_module().address("copy"), 0]], np.int64)
    expected = 2 * size / 1e10
    start = time.perf_counter()
    ticks, total = _run(
        region, kernel, source.ctypes.data, target.ctypes.data, max(CHOICES, int(COPY_SECONDS / expected))
    )
    second = (time.perf_counter() - start) / total
    return 2 * size / ((float(np.percentile(ticks, 10)) - _clock_ticks()) * second)


def _seconds(run: Callable[[], Any], clock: Callable[[], float]) -> list[float]:
    """The seconds of a few runs after a first one."""
    run()
    samples = []
    for _ in range(CHOICES):
        start = clock()
        run()
        samples.append(max(clock() - start, 1e-9))
    return samples


def _library_product(a: Any, b: Any, c: Any) -> None:
    """C = A B by the library."""
    real: Any = ctypes.c_float if a.dtype == np.float32 else ctypes.c_double
    long, pointer = ctypes.c_int64, ctypes.c_void_p
    types = [long, long, long, real, pointer, long, long, pointer, long, long, real, pointer, long]
    function = library().function("tw_gemm_f32" if real is ctypes.c_float else "tw_gemm_f64", None, *types)
    n = len(a)
    function(n, n, n, 1.0, a.ctypes.data, n, 1, b.ctypes.data, n, 1, 0.0, c.ctypes.data, n)
