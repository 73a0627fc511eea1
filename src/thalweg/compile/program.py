"""One record made executable: values are fetched, the code runs, values are put back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ..core import tape
from ..core.primitive import Primitive
from ..core.tape import Node
from ..core.tensor import Tensor, wrap
from ..errors import AutogradError
from .graph import Graph, evaluate
from .guards import Source
from .trace import Outside, Recording, Result

__all__ = ["Executable", "Interpreted", "Program"]


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
    """A recording with its executable."""

    def __init__(self, recording: Recording, build: Callable[[Graph, list[int]], Executable]) -> None:
        self.recording = recording
        self.guards = recording.guards
        self.executable = build(recording.graph, recording.writes)
        self._lock = threading.Lock()
        self._fresh = [(node.shape, node.dtype) for node in recording.graph.outputs]
        leaf: Any = tape.LEAF
        self._node = Node(_compiled_result, (leaf,), (None,)) if recording.requires_history else None

    def __call__(self, arguments: list[Tensor]) -> Any:
        """Run with these tensors in the places of the arguments."""
        recording = self.recording
        with self._lock:
            for function in recording.before:
                function()
            inputs, tensors = self._inputs(arguments)
            outputs, moved = self._outputs(inputs)
            self.executable.run([_contiguous(x) for x in inputs] if moved is None else moved, outputs)
            self._finish(inputs, outputs, tensors, arguments)
            for function, positions in recording.after:
                function(*(wrap(outputs[i]) for i in positions))
        return self._pack(recording.results, outputs, arguments)

    # -- fetching -----------------------------------------------------------------------------------------

    def _inputs(self, arguments: list[Tensor]) -> tuple[list[Any], list[Tensor | None]]:
        """The arrays of the inputs, and the tensors that hold them."""
        arrays: list[Any] = []
        tensors: list[Tensor | None] = []
        for source in self.recording.sources:
            if type(source) is Outside:
                if source.argument is not None:
                    tensor = arguments[source.argument]
                elif source.owner is not None:
                    tensor = source.owner._grad  # type: ignore[assignment]
                else:
                    tensor = source.tensor
                arrays.append(tensor._value)
                tensors.append(tensor)
            elif type(source) is Source:
                arrays.append(np.array(source.number(), np.float64))
                tensors.append(None)
            else:
                arrays.append(np.array([source._seed, source._counter], np.uint64))
                tensors.append(None)
        return arrays, tensors

    def _outputs(self, inputs: list[Any]) -> tuple[list[Any], list[Any] | None]:
        """Arrays for the outputs: the inputs' own where they are written, new ones for the others."""
        moved = [_contiguous(x) for x in inputs]
        outputs = [moved[position] for position in self.recording.writes]
        outputs += [np.empty(shape, dtype) for shape, dtype in self._fresh[len(outputs) :]]
        return outputs, moved

    # -- putting back -------------------------------------------------------------------------------------

    def _finish(
        self, inputs: list[Any], outputs: list[Any], tensors: list[Tensor | None], arguments: list[Tensor]
    ) -> None:
        recording = self.recording
        for position, array in zip(recording.writes, outputs, strict=False):
            if array is not inputs[position]:
                inputs[position][...] = array
            tensor = tensors[position]
            assert tensor is not None
            tape.mark_changed(tensor)
        for gradient in recording.gradients:
            grad = gradient.replacement if gradient.position < 0 else wrap(outputs[gradient.position])
            owner = gradient.tensor
            if gradient.argument is not None:
                owner = arguments[gradient.argument]
            owner._grad = grad
        for generator, blocks in recording.generators.items():
            generator._counter += blocks

    def _pack(self, results: Any, outputs: list[Any], arguments: list[Tensor]) -> Any:
        """The function's result with tensors in the places."""
        if type(results) is Result:
            if results.position < 0:
                return results.tensor if results.argument is None else arguments[results.argument]
            x = wrap(outputs[results.position])
            if results.requires_grad:
                x._node = self._node
            return x
        if isinstance(results, dict):
            return {k: self._pack(v, outputs, arguments) for k, v in results.items()}
        if isinstance(results, tuple) and hasattr(results, "_fields"):
            return type(results)(*(self._pack(v, outputs, arguments) for v in results))
        if isinstance(results, (list, tuple)):
            return type(results)(self._pack(v, outputs, arguments) for v in results)
        return results


def _contiguous(x: Any) -> Any:
    return x if x.flags.c_contiguous else np.ascontiguousarray(x).reshape(x.shape)
