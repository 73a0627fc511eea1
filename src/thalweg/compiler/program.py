"""One record made executable: values are fetched, the code runs, values are put back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np

from ..core import tape
from ..core.primitive import Primitive
from ..core.structure import mapped
from ..core.tape import Node
from ..core.tensor import Tensor, wrap
from ..errors import AutogradError, CompileError
from .entry import NOT_CONTIGUOUS, knows_arrays
from .graph import Graph, evaluate
from .guards import Source
from .recording import NumberResult, Outside, Recording, Result, value_of

__all__ = ["Executable", "Interpreted", "Program"]


Build = Callable[[Graph, list[int], list[int]], "Executable"]


class Executable(Protocol):
    """What a graph was made into."""

    def run(self, inputs: list[Any], outputs: list[Any]) -> None:
        """Compute the outputs into the arrays given; those of written inputs are the inputs' own arrays.

        All arrays are contiguous. Nothing is written if the inputs are refused.
        """


class Interpreted:
    """A graph that NumPy evaluates node by node."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def run(self, inputs: list[Any], outputs: list[Any]) -> None:
        results = [np.array(y) for y in evaluate(self.graph, inputs)]
        for target, y in zip(outputs, results, strict=True):
            target[...] = y


class _CompiledResult(Primitive):
    """Stands for the history that a compiled function has used and not kept."""

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        raise AutogradError(
            "backward: this tensor was returned by a compiled function, which keeps no graph; call backward() inside "
            "the function, or return detached results"
        )


_compiled_result = _CompiledResult()


class Program:
    """A recording with its executable.

    A call binds what stays (parameters, the optimiser's state) once, as long as the same arrays hold it, and hands
    over only what is new: the arguments and arrays for the results.
    """

    def __init__(self, recording: Recording, build: Build) -> None:
        self.recording = recording
        self.guards = recording.guards
        self.numbers = [(i, s) for i, s in enumerate(recording.sources) if type(s) is Source]
        self.generators = [(i, s) for i, s in enumerate(recording.sources) if type(s) not in (Source, Outside)]
        moving: list[tuple[int, Outside]] = [
            (i, s) for i, s in enumerate(recording.sources) if type(s) is Outside and is_moving(s)
        ]
        self.moving = moving
        self.executable = build(recording.graph, recording.writes, [i for i, _ in moving])
        self.only_arguments = all(s.argument is not None for _, s in moving)
        self.argument_order = [s.argument for _, s in moving if s.argument is not None]
        self.fits: Any = None  # the ArgumentGuards
        self.blocked: Any = None  # for single samples: another form of the graph, and its native code; False if none
        self._lock = threading.Lock()
        self._fresh = [(node.shape, node.dtype) for node in recording.graph.outputs]
        self._new = self._fresh[len(recording.writes) :]
        leaf: Any = tape.LEAF
        self._node = Node(_compiled_result, (leaf,), (None,)) if recording.requires_history else None
        self._bound: Any = None  # the arrays of the tensors from outside, when they were bound
        self._enter = getattr(self.executable, "enter", None) if knows_arrays() else None
        if getattr(self.executable, "callbacks", ()):
            self._enter = None  # NumPy has to see the arrays themselves

    def failure(self, arguments: Sequence[Tensor], floats: Sequence[float] = ()) -> str | None:
        """Why the record does not hold for these arguments; None if it does."""
        if not floats:
            return self.guards.failure() or self.fits.failure(arguments)
        with self._lock:
            self.recording.floats[:] = floats
            return self.guards.failure() or self.fits.failure(arguments)

    def __call__(self, arguments: Sequence[Tensor], floats: Sequence[float] = ()) -> Any:
        """Run with these tensors and floats in the places of the arguments."""
        recording = self.recording
        with self._lock:
            if floats:
                recording.floats[:] = floats
            if recording.before:
                self.prepare_run()
            outputs = self._run_bound(arguments) if self._enter is not None else None
            if outputs is None:
                outputs = self._run_anyhow(arguments)
            self._put_gradients(outputs, arguments)
            for generator, blocks in recording.generators.items():
                generator._counter += blocks
            for function, positions in recording.after:
                function(*(wrap(outputs[i]) for i in positions))
        results = recording.results
        if type(results) is Result and results.position >= 0:
            x = wrap(outputs[results.position])
            if results.requires_grad:
                x._node = self._node
            return x
        return mapped(partial(self._filled, outputs, arguments), results)

    def prepare_run(self) -> None:
        """What the function does before it reads anything, such as a scheduler's step."""
        for function in self.recording.before:
            function()
        failure = self.guards.failure()
        if failure is not None:
            raise CompileError(
                f"a scheduler's step() at the beginning of a compiled function has changed what the function was "
                f"compiled for ({failure}); call scheduler.step() last"
            )

    # -- the short way ------------------------------------------------------------------------------------

    def _run_bound(self, arguments: Sequence[Tensor]) -> list[Any] | None:
        """Run with what is bound; None if an array is not contiguous."""
        if self._bound is not self.guards.arrays and not self._bind(arguments):
            return None
        for array, source in self._number_arrays:
            array[()] = source.number()
        for array, generator in self._states:
            array[0], array[1] = generator._seed, generator._counter
        if self.only_arguments:
            arrays = [arguments[i]._value for i in self.argument_order]
        else:
            arrays = [self._holder(s, arguments)._value for _, s in self.moving]
        new = [np.empty(shape, dtype) for shape, dtype in self._new]
        assert self._enter is not None
        code = self._enter(*arrays, *new)
        if code:
            if code == NOT_CONTIGUOUS:
                return None
            self.executable.raise_error(code)  # type: ignore[attr-defined]
        stamp = next(tape._stamps)
        for cell in self._cells:
            cell[0] = stamp
        for moved in self._written_moving:
            tape.mark_changed(self._holder(moved, arguments))
        return [None] * len(self.recording.writes) + new

    def _bind(self, arguments: Sequence[Tensor]) -> bool:
        """Tell the executable where everything lies that stays there; False if an array is not contiguous."""
        inputs, tensors = self._inputs(arguments)
        moving = {i for i, _ in self.moving}
        if not all(x.flags.c_contiguous for i, x in enumerate(inputs) if i not in moving):
            return False
        written = self.recording.writes
        outputs = [inputs[i] for i in written] + [np.empty(shape, dtype) for shape, dtype in self._new]
        self.executable.bind(inputs, outputs)  # type: ignore[attr-defined]
        self._number_arrays = [(inputs[i], s) for i, s in self.numbers]
        self._states = [(inputs[i], s) for i, s in self.generators]
        self._cells = [tensors[i]._version for i in written if i not in moving]  # type: ignore[union-attr]
        sources = dict(self.moving)
        self._written_moving = [sources[i] for i in written if i in moving]
        self._bound = self.guards.arrays
        return True

    def _holder(self, source: Outside, arguments: Sequence[Tensor]) -> Tensor:
        """The tensor that an input's array is taken from."""
        if source.argument is not None:
            return arguments[source.argument]
        if source.owner is not None:
            owner: Any = source.owner if source.owner_argument is None else arguments[source.owner_argument]
            return owner._grad
        return source.tensor

    # -- the long way -------------------------------------------------------------------------------------

    def _run_anyhow(self, arguments: Sequence[Tensor]) -> list[Any]:
        """Run with copies where arrays are not contiguous."""
        inputs, tensors = self._inputs(arguments)
        moved = [_contiguous(x) for x in inputs]
        writes = self.recording.writes
        outputs = [moved[position] for position in writes]
        outputs += [np.empty(shape, dtype) for shape, dtype in self._new]
        self._bound = None
        self.executable.run(moved, outputs)
        for position, array in zip(writes, outputs, strict=False):
            if array is not inputs[position]:
                inputs[position][...] = array
            tensor = tensors[position]
            assert tensor is not None
            tape.mark_changed(tensor)
        return outputs

    def _inputs(self, arguments: Sequence[Tensor]) -> tuple[list[Any], list[Tensor | None]]:
        """The arrays of the inputs, and the tensors that hold them."""
        arrays: list[Any] = []
        tensors: list[Tensor | None] = []
        for source in self.recording.sources:
            if type(source) is Outside:
                tensor = self._holder(source, arguments)
                arrays.append(tensor._value)
                tensors.append(tensor)
            else:
                arrays.append(value_of(source))
                tensors.append(None)
        return arrays, tensors

    # -- putting back -------------------------------------------------------------------------------------

    def _put_gradients(self, outputs: list[Any], arguments: Sequence[Tensor]) -> None:
        for gradient in self.recording.gradients:
            grad = gradient.replacement if gradient.position < 0 else wrap(outputs[gradient.position])
            owner = gradient.tensor if gradient.argument is None else arguments[gradient.argument]
            owner._grad = grad

    def _filled(self, outputs: list[Any], arguments: Sequence[Tensor], results: Any) -> Any:
        """What a run gives in a place of the function's result."""
        if type(results) is Result:
            if results.position < 0:
                return results.tensor if results.argument is None else arguments[results.argument]
            x = wrap(outputs[results.position])
            if results.requires_grad:
                x._node = self._node
            return x
        if type(results) is NumberResult:
            return float(outputs[results.position])
        return results


def is_moving(source: Outside) -> bool:
    """Whether an input may be another tensor in each run: an argument, or the gradient that a tensor then has."""
    return source.argument is not None or source.owner is not None


def _contiguous(x: Any) -> Any:
    return x if x.flags.c_contiguous else np.ascontiguousarray(x).reshape(x.shape)
