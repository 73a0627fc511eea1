"""What sharing loops between threads brings, and what it costs beside a busy process.

``python benchmarks/threads.py`` runs loops of several lengths on one thread and on all, in turns, first on the machine
as it is and then beside processes that keep one core busy, and prints means: microseconds a loop, the ratio, and how
many processors others used meanwhile (on Linux), without which the ratio tells nothing.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import thalweg as tw
from thalweg.compiler.library import library
from thalweg.compiler.native import build
from thalweg.compiler.workers import ensure_workers

# A row is a chain of dependent additions, which takes its time in registers: ctx holds how many, and a place for sums.
_TEXT = """
define void @rows(ptr %ctx, i64 %lo, i64 %hi) nounwind {
entry:
  %steps = load i64, ptr %ctx
  %place = getelementptr ptr, ptr %ctx, i64 1
  %sums = load ptr, ptr %place
  br label %row
row:
  %i = phi i64 [ %lo, %entry ], [ %i_next, %end ]
  br label %step
step:
  %k = phi i64 [ 0, %row ], [ %k_next, %step ]
  %x = phi double [ 0.0, %row ], [ %x_next, %step ]
  %x_next = fadd double %x, 1.0
  %k_next = add i64 %k, 1
  %more = icmp slt i64 %k_next, %steps
  br i1 %more, label %step, label %end
end:
  %sum = getelementptr double, ptr %sums, i64 %i
  store double %x_next, ptr %sum
  %i_next = add i64 %i, 1
  %on = icmp slt i64 %i_next, %hi
  br i1 %on, label %row, label %done
done:
  ret void
}

define void @loops(ptr %ctx, i64 %total, i64 %grain, i64 %threads, i64 %count) nounwind {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  call void @tw_parallel(ptr @rows, ptr %ctx, i64 %total, i64 %grain, i64 %threads)
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %loop, label %done
done:
  ret void
}
declare void @tw_parallel(ptr, ptr, i64, i64, i64)
"""


class Loops:
    """Runs loops of ``chunks`` chunks that take ``microseconds`` each."""

    def __init__(self, chunks: int, microseconds: float) -> None:
        library()
        self.run = build(_TEXT).function("loops", None, ctypes.c_void_p, *[ctypes.c_int64] * 4)
        self.chunks = chunks
        self.sums = (ctypes.c_double * chunks)()
        self.ctx = (ctypes.c_int64 * 2)(100_000, ctypes.addressof(self.sums))
        speed = min(self.seconds(1, 1) for _ in range(20)) / (chunks * 100_000)
        self.ctx[0] = max(1, round(microseconds * 1e-6 / speed))

    def seconds(self, threads: int, count: int) -> float:
        """The time that ``count`` loops take."""
        began = time.perf_counter()
        self.run(ctypes.addressof(self.ctx), self.chunks, 1, threads, count)
        return time.perf_counter() - began


def measure(loops: Loops, threads: int, seconds: float, rounds: int) -> tuple[float, float]:
    """Mean microseconds a loop on one thread and on several, in turns: a stall counts in full."""
    count = max(1, round(seconds / rounds / 2 / loops.seconds(1, 1)))
    times: dict[int, list[float]] = {1: [], threads: []}
    for _ in range(rounds):
        for n, found in times.items():
            found.append(loops.seconds(n, count) / count * 1e6)
    return statistics.fmean(times[1]), statistics.fmean(times[threads])


def processor_seconds() -> float:
    """The time that all processors together have worked, except for this process."""
    try:
        user, nice, system = Path("/proc/stat").read_text().split(maxsplit=4)[1:4]
    except OSError:
        return float("nan")
    return (int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK") - time.process_time()


def table(title: str, threads: int, seconds: float) -> None:
    """Print a line for each length of loop."""
    print(f"{title}\n{'loop':>14} {'1 thread':>10} {f'{threads} threads':>10} {'ratio':>6} {'others':>7}")
    for chunks, length in ((2, 1.0), (2, 10.0), (2, 20.0), (2, 100.0), (8, 25.0), (2, 1000.0)):
        loops = Loops(chunks, length)
        began, others = time.perf_counter(), processor_seconds()
        one, several = measure(loops, threads, seconds, rounds=10)
        used = (processor_seconds() - others) / (time.perf_counter() - began)
        print(f"{f'{chunks} x {length:g} us':>14} {one:10.2f} {several:10.2f} {one / several:6.2f} {used:7.1f}")


def beside(busy: int, body: Callable[[], None]) -> None:
    """Run with processes beside that do nothing but keep a core busy."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
    try:
        time.sleep(0.5)
        body()
    finally:
        for other in others:
            other.kill()
            other.wait()


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=tw.get_num_threads())
    parser.add_argument("--seconds", type=float, default=2.0, help="for each line")
    parser.add_argument("--busy", type=int, default=1, help="processes beside")
    options = parser.parse_args()
    ensure_workers(options.threads)
    table("as it is", options.threads, options.seconds)
    beside(options.busy, lambda: table(f"beside {options.busy} busy", options.threads, options.seconds))


if __name__ == "__main__":
    main()
