"""``step.epoch(loader)``: a pass over the data as native code.

Over tensors in memory the loop runs natively, in slices of a few hundredths of a second: between two slices Python
sees Ctrl-C, and progress is reported. Other loaders and iterables take one native call a batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .native_program import Native
from .pass_data import Results, Rows, rows_of
from .program import Program
from .slices import leaves, slices_of

if TYPE_CHECKING:
    from .compiled import Compiled

__all__ = ["Progress", "run_epoch"]

SLICE = 0.03  # seconds of native code between two looks at the outside

Progress = Callable[[int, int | None, Any], Any]


def run_epoch(compiled: Compiled, loader: Any, progress: Progress | None = None) -> Any:
    """The stacked results of ``compiled`` over all batches of ``loader``."""
    rows = rows_of(loader)
    results = Results()
    if rows is None:
        for batch in loader:
            results.add(call(compiled, batch))
            if progress is not None and progress(results.count, None, results.last()):
                break
        return results.stacked()
    total = rows.count + (rows.rest > 0)
    _Epoch(compiled, rows, results, total, progress).run()
    return results.stacked()


def call(compiled: Compiled, batch: Any) -> Any:
    """``step(*batch)``; a batch that is no list or tuple is one argument."""
    return compiled(*batch) if isinstance(batch, (list, tuple)) else compiled(batch)


class _Epoch:
    """One pass over rows in memory."""

    def __init__(self, compiled: Compiled, rows: Rows, results: Results, total: int, progress: Progress | None) -> None:
        self.compiled = compiled
        self.rows = rows
        self.results = results
        self.total = total
        self.progress = progress

    def run(self) -> None:
        step = 0
        rows, size = self.rows, self.rows.batch_size
        ahead = 1  # steps of the next slice
        while step < rows.count:
            batch = rows.batch(step * size, (step + 1) * size)
            arguments = batch if isinstance(batch, list) else [batch]
            program = None if step == 0 else self.compiled.program_for(tuple(arguments))
            if program is None or not runs_natively(program):
                self.results.add(self.compiled(*arguments))
                step += 1
                if self.report():
                    return
                continue
            slices = slices_of(program, rows, arguments, rows.count - step)
            while step < rows.count:
                start = time.perf_counter()
                done = slices.run(step, min(ahead, rows.count - step), self.results)
                if done == 0:
                    break  # the program does not hold any more
                step += done
                spent = time.perf_counter() - start
                ahead = max(1, min(4 * ahead, int(ahead * SLICE / max(spent, 1e-7))))
                if self.report():
                    return
        if rows.rest:
            self.results.add(call(self.compiled, rows.batch(step * size, step * size + rows.rest)))
            self.report()

    def report(self) -> bool:
        """Tell how far the epoch is; whether to stop."""
        if self.progress is None:
            return False
        return bool(self.progress(self.results.count, self.total, self.results.last()))


def runs_natively(program: Program) -> bool:
    """Whether the loop over the batches can run in the program's native code."""
    native = program.executable
    return (
        isinstance(native, Native)
        and not native.lowered.callbacks
        and not any(positions for _, positions in program.recording.after)
        and not any(r.position < 0 for r in leaves(program.recording.results))
    )
