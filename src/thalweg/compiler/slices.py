"""Many steps of one program in native code: what the loop over the batches is told, and what it leaves behind."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..core import tape
from ..core.structure import mapped, parts
from ..core.tensor import Tensor, wrap
from .blocks import BLOCK, Blocked, blocked
from .guards import Source
from .memory import ir_type
from .native_program import Native
from .pass_data import Results, Rows
from .plan import FIRST_SLOT
from .program import Program
from .recording import Outside, Result
from .simplify import simplify

__all__ = ["leaves", "slices_of"]

WORTH_BLOCKS = 256  # steps from which a program for blocks of samples is made


def slices_of(program: Program, rows: Rows, arguments: list[Tensor], steps: int) -> _Slices:
    """How to run many steps: sample by sample in blocks where that can be, and pays."""
    if rows.batch_size > 1 or steps < WORTH_BLOCKS:
        return _Slices(program, rows, arguments)
    if program.blocked is None:
        places = [i for i, s in program.moving if s.argument is not None]
        found = blocked(simplify(program.recording.graph), program.recording.writes, places)
        program.blocked = False if found is None else (found, block_program(program, found))
    if program.blocked is False:
        return _Slices(program, rows, arguments)
    return _Blocks(program, rows, arguments, *program.blocked)


def block_program(program: Program, found: Blocked) -> Native:
    """The native code of the graph without its first weight."""
    writes = program.recording.writes
    updates = [*writes[: found.update], *writes[found.update + 1 :]]
    fed = [i for i, _ in program.moving]
    return Native(found.graph, updates, fed, block_type=ir_type(found.graph.inputs[found.weight].dtype))


class _Slices:
    """Runs of several steps of one program."""

    def __init__(self, program: Program, rows: Rows, arguments: list[Tensor]) -> None:
        self.program = program
        self.rows = rows
        self.arguments = arguments
        self.native: Native = program.executable  # type: ignore[assignment]
        self.apart = -1  # an argument that the native loop handles by itself
        self.keep: Any = None  # arrays whose addresses native code has
        self.written = {program.recording.sources[i].argument for i in program.recording.writes}

    def run(self, step: int, count: int, results: Results) -> int:
        """Do up to ``count`` steps from ``step`` on; how many were done."""
        program, native = self.program, self.native
        if program.guards.failure() is not None:
            return 0
        with program._lock:
            program._bound = None
            inputs, tensors = program._inputs(self.arguments)
            if not all(x.flags.c_contiguous for x in inputs):
                return 0
            numbers, count = self.numbers(count)
            fixed, stacked = self.outputs(inputs, count)
            code = np.zeros(1, np.int64)
            done = self.run_native(inputs, fixed, stacked, numbers, step, count, code)
            self.finish(inputs, fixed, tensors, done)
            if done:
                results.add_many(done, self.packed(stacked, done))
            native.raise_error(int(code[0]))
        return done

    def run_native(
        self, inputs: list[Any], fixed: list[Any], stacked: dict[int, Any], numbers: dict[int, Any], step: int,
        count: int, code: Any,
    ) -> int:  # fmt: skip
        """The steps in native code; how many were done."""
        words = self.describe(inputs, len(inputs), stacked, numbers, step)
        self.keep = (words, stacked, numbers)
        return self.native.run_many(inputs, fixed, self.rows.order.ctypes.data, words, step, step + count, code)

    def numbers(self, count: int) -> tuple[dict[int, Any], int]:
        """The numbers of the next steps; what goes with each step is called for it now."""
        recording = self.program.recording
        sources = {i: s for i, s in enumerate(recording.sources) if type(s) is Source}
        if not (recording.before or recording.after):
            return {i: np.full(count, s.number()) for i, s in sources.items()}, count
        values: dict[int, list[float]] = {i: [] for i in sources}
        for done in range(count):
            if done and self.program.guards.failure() is not None:
                count = done
                break
            if recording.before:
                self.program.prepare_run()
            for i, s in sources.items():
                values[i].append(s.number())
            for function, _ in recording.after:
                function()
        return {i: np.array(v, np.float64) for i, v in values.items()}, count

    def outputs(self, inputs: list[Any], count: int) -> tuple[list[Any], dict[int, Any]]:
        """For each output one array that stays, or for a result one for all steps."""
        recording = self.program.recording
        fixed: list[Any] = [inputs[position] for position in recording.writes]
        fresh = self.program._fresh[len(fixed) :]
        kept = {g.position for g in recording.gradients}
        stacked: dict[int, Any] = {}
        for i, (shape, dtype) in enumerate(fresh, len(fixed)):
            if i in kept:
                fixed.append(np.empty(shape, dtype))
            else:
                stacked[i] = np.empty((count, *shape), dtype)
                fixed.append(stacked[i])
        return fixed, stacked

    def describe(
        self, inputs: list[Any], count: int, stacked: dict[int, Any], numbers: dict[int, Any], step: int
    ) -> Any:
        """The words that tell the native loop what changes from step to step; ``count`` inputs come before outputs."""
        recording, rows = self.program.recording, self.rows
        words: list[int] = []
        places = [
            (i, s.argument) for i, s in enumerate(recording.sources) if type(s) is Outside and s.argument is not None
        ]
        words.append(len(places))
        for i, argument in places:
            data = rows.tensors[argument]._value
            row_bytes = data.nbytes // len(data)
            buffer = 0
            if rows.batch_size > 1 or argument in self.written:
                buffer = inputs[i].ctypes.data
            words += [FIRST_SLOT + i, data.ctypes.data, row_bytes, rows.batch_size, buffer]
        words.append(len(stacked))
        for i, y in stacked.items():
            step_bytes = y.nbytes // len(y)
            words += [FIRST_SLOT + count + i, y.ctypes.data - step * step_bytes, step_bytes]
        words.append(len(numbers))
        for i, values in numbers.items():
            words += [FIRST_SLOT + i, values.ctypes.data - 8 * step]
        words.append(len(recording.generators))
        for i, source in enumerate(recording.sources):
            if not isinstance(source, (Outside, Source)):
                words += [inputs[i].ctypes.data + 8, recording.generators[source]]
        return np.array(words, np.int64)

    def finish(self, inputs: list[Any], fixed: list[Any], tensors: list[Tensor | None], done: int) -> None:
        """Versions, gradients and counters, as after ``done`` calls."""
        recording = self.program.recording
        for position in recording.writes:
            tensor = tensors[position]
            if tensor is not None:
                tape.mark_changed(tensor)
        if not done:
            return
        for gradient in recording.gradients:
            if gradient.argument is None:
                new = gradient.replacement if gradient.position < 0 else wrap(fixed[gradient.position])
                gradient.tensor._grad = new
        for generator, blocks in recording.generators.items():
            generator._counter += blocks * done

    def packed(self, stacked: dict[int, Any], done: int) -> Any:
        """The results of ``done`` steps in the structure of the function's result."""
        return mapped(partial(stacked_result, stacked, done), self.program.recording.results)


class _Blocks(_Slices):
    """Runs of single samples, the first layer's work done in blocks."""

    def __init__(self, program: Program, rows: Rows, arguments: list[Tensor], found: Blocked, native: Native) -> None:
        super().__init__(program, rows, arguments)
        self.found = found
        self.native = native
        self.apart = found.sample
        n, k = found.size
        dtype = found.graph.inputs[found.weight].dtype
        self.memory = [np.empty(shape, dtype) for shape in ((BLOCK, k), (BLOCK, n), (BLOCK, BLOCK), (BLOCK, n))]

    def run_native(
        self, inputs: list[Any], fixed: list[Any], stacked: dict[int, Any], numbers: dict[int, Any], step: int,
        count: int, code: Any,
    ) -> int:  # fmt: skip
        found = self.found
        samples, products, among, steps = self.memory
        out = found.update
        outputs = [*fixed[:out], *fixed[out + 1 :], steps[0]]
        moved = {i - 1: y for i, y in stacked.items()}  # results stand behind all written inputs
        words = self.describe(inputs, len(inputs) + 1, moved, numbers, step)
        argument = self.program.recording.sources[found.sample].argument
        data = self.rows.tensors[argument]._value
        block = np.array(
            [
                FIRST_SLOT + found.sample, data.ctypes.data, data.nbytes // len(data),
                inputs[found.weight].ctypes.data, *found.size,
                samples.ctypes.data, products.ctypes.data, among.ctypes.data, steps.ctypes.data,
                FIRST_SLOT + len(inputs), FIRST_SLOT + len(inputs) + 1 + len(outputs) - 1, BLOCK,
            ],
            np.int64,
        )  # fmt: skip
        self.keep = (words, stacked, numbers, block)
        order = self.rows.order.ctypes.data
        given = [*inputs, products[0]]
        return self.native.run_many(given, outputs, order, words, step, step + count, code, block)


def leaves(results: Any) -> list[Result]:
    """The places of tensors in a result."""
    held = parts(results)
    if held is None:
        return [results] if isinstance(results, Result) else []
    return [leaf for v in held for leaf in leaves(v)]


def stacked_result(stacked: dict[int, Any], done: int, place: Any) -> Any:
    """What the first ``done`` steps have given in a place of the function's result."""
    return wrap(stacked[place.position][:done]) if isinstance(place, Result) else place
