"""A compiled function looked at step by step: it is traced, and NumPy evaluates the trace on the values of now.

Nothing is written: neither parameters nor gradients, states or random generators change.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..autograd.explaining.steps import Step
from ..autograd.explaining.walk import Recorder
from ..core.bundle import Bundle
from ..core.structure import mapped
from ..core.tensor import Tensor
from ..core.value import SymbolicValue
from ..core.watching import watching
from ..ops.broadcast import reshape
from ..ops.elementwise import add
from ..ops.shape import cat
from .graph import Graph, Node, apply, evaluate
from .handle import Handle
from .record import numbered, tracing
from .recording import value_of
from .trace import Trace

__all__ = ["examined_walk"]


class _NodeRecorder(Recorder):
    """Records nodes of the graph in the places of arrays, and puts the arrays there at the end."""

    def value_of(self, x: Any) -> Any:
        value = x._value if isinstance(x, Tensor) else x
        while isinstance(value, SymbolicValue) and not isinstance(value, Handle):
            value = value.elements()
        return value.node if isinstance(value, Handle) else super().value_of(value)

    def added(self, old: Any, new: Any) -> Any:
        if isinstance(new, Bundle):
            parts = [self.value_of(part) for part in new.parts.values()]
            flat = [apply(reshape, part, shape=(part.size,)) for part in parts]
            return apply(cat, *flat, dim=0) if len(flat) > 1 else flat[0]
        new = self.value_of(new)
        return new if old is None or new is None else apply(add, old, new)

    def evaluate(self, trace: Trace) -> None:
        """Put values in the places of nodes."""
        wanted = {x: None for step in self.steps for x in _held(step) if type(x) is Node}
        given = [value_of(source) for source in trace.sources]
        known = dict(zip(wanted, evaluate(Graph(trace.inputs, wanted), given), strict=True))
        for step in self.steps:
            step.inputs = tuple(_filled(x, known) for x in step.inputs)
            step.cotangents = [_filled(x, known) for x in step.cotangents]
            step.output, step.cotangent = _filled(step.output, known), _filled(step.cotangent, known)


def _filled(value: Any, known: dict[Node, Any]) -> Any:
    return known[value] if type(value) is Node else value


def _held(step: Step) -> list[Any]:
    return [*step.inputs, step.output, step.cotangent, *step.cotangents]


def examined_walk(
    function: Callable[..., Any], args: Any, kwargs: Any, arguments: list[Tensor], model: Any = None
) -> Recorder:
    """The steps of ``function(*args, **kwargs)`` with their values; ``arguments`` are the tensors among these.

    With a ``model``, backward is gone through too, if the function returns a loss and does not do it itself.
    """
    trace = Trace(arguments, loops=False)
    recorder = _NodeRecorder(model)
    with tracing(trace), watching(recorder, model):
        args, kwargs = mapped(partial(numbered, trace, []), (args, kwargs))
        recorder.run(partial(function, *args, **kwargs))
        if model is not None:
            recorder.run_backward()
    recorder.evaluate(trace)
    return recorder
