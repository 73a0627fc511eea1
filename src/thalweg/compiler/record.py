"""``record``: run a function under a trace, and collect what it has read and written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from ..core.backward import Watcher
from ..core.modes import state
from ..core.origin import Scope, here, scope_of, set_scope, tracking_modules, user_line
from ..core.structure import mapped
from ..core.tape import LEAF
from ..core.tensor import Tensor
from ..errors import TraceError
from .graph import Graph, Node
from .handle import Handle
from .lifting import GRAD, VALUE, lifting
from .number import Number
from .recording import Gradient, NumberResult, Outside, Recording, Result
from .trace import Trace

__all__ = ["numbered", "record", "tracing"]

ndarray = np.ndarray


class _Backward(Watcher):
    """What a node's pullbacks do belongs to the call of a module that recorded the node."""

    def __init__(self) -> None:
        self.around: Scope | None = None
        self.walking = False

    def entering(self, node: Any, dy: Any) -> None:
        if not self.walking:
            self.walking, self.around = True, here().scope
        set_scope(scope_of(node), backward=True)

    def done(self) -> None:
        if self.walking:
            self.walking = False
            set_scope(self.around)


def record(
    function: Callable[..., Any], args: Any, kwargs: Any, arguments: list[Tensor], keep: bool, loops: bool = True
) -> Recording:
    """Run ``function(*args, **kwargs)`` with symbolic values; ``arguments`` are the tensors among what it is given.

    ``keep`` asks for gradients to survive that the function clears and uses up itself; without ``loops`` recurrent
    layers are recorded step by step.
    """
    trace = Trace(arguments, loops)
    with tracing(trace), tracking_modules():
        state.watcher = _Backward()
        floats: list[float] = []
        args, kwargs = mapped(partial(numbered, trace, floats), (args, kwargs))
        trace.numbers_read = False
        recorded = state.recording
        result = function(*args, **kwargs)
        if state.recording is not recorded:
            state.recording = recorded
            raise TraceError(
                "the function changes the grad mode for what comes after it, which only its first call would do "
                "once it is compiled; use `with tw.set_grad_enabled(...)`, or change it outside"
            )
        recording = _finish(trace, result, keep)
        recording.floats = floats
    return recording


@contextmanager
def tracing(trace: Trace) -> Iterator[None]:
    """Within it this thread's operations are recorded; afterwards all is as it was before."""
    if state.tracer is not None:
        raise TraceError(f"{user_line()}: a compiled function can't be traced inside another trace")
    with lifting(trace):
        watcher = state.watcher
        state.tracer = trace
        state.inside += 1
        try:
            for x in trace.arguments:
                x._value  # noqa: B018 - lifts it, so that the arguments are the first inputs
            yield
        finally:
            state.tracer = None
            state.watcher = watcher
            state.inside -= 1
            _restore(trace)
            trace.closed = True


def numbered(trace: Trace, floats: list[float], value: Any) -> Any:
    """A float among the arguments becomes a number that is read anew for each run."""
    if type(value) is not float:
        return value
    floats.append(value)
    return trace.number(floats, len(floats) - 1)


def _restore(trace: Trace) -> None:
    """Everything outside as it was before."""
    for outside in trace.outsides.values():
        outside.restore()
    for x, grad in trace.grads.items():
        if type(VALUE.__get__(x)) is ndarray:
            GRAD.__set__(x, grad)


def _finish(trace: Trace, result: Any, keep: bool) -> Recording:
    """Collect what has been read and written."""
    recording = Recording()
    outputs: list[Node] = []
    names: list[str] = []
    written = _written(trace)
    for outside in written:
        assert outside.handle is not None
        recording.writes.append(outside.position)
        outputs.append(outside.handle.node)
        names.append(f"input {outside.position}")
    for x, before in trace.grads.items():
        after = GRAD.__get__(x)
        if after is before or not trace._is_outside(x):
            continue
        recording.gradients.append(_gradient(trace, x, after, keep, outputs, names))
    recording.results = mapped(partial(_result, trace, outputs, names, recording), result)
    for function, values in trace.after:
        recording.after.append((function, [len(outputs) + i for i in range(len(values))]))
        outputs.extend(trace.node_of(v._value if isinstance(v, Tensor) else v) for v in values)
        names.extend("effect" for _ in values)
    recording.before = trace.before
    recording.graph = Graph(trace.inputs, outputs, names, trace.checks)
    recording.sources = trace.sources
    recording.generators = {generator: drawn for generator, (_, drawn) in trace.generators.items()}
    recording.guards = trace.guards
    recording.argument_grads = trace.argument_grads
    present = [trace.grads[x] for x, had in trace.guards.grads if had]
    if len(present) > 1:
        trace.guards.distinct_grads = len(set(map(id, present)))
    return recording


def _written(trace: Trace) -> list[Outside]:
    """The tensors from outside with other content than before, one for each memory; refuses overlaps."""
    seen: set[Handle] = set()
    found = []
    for outside in list(trace.outsides.values()):
        handle = outside.handle
        assert handle is not None
        if outside.tensor._node is not None and outside.tensor._node is not LEAF:
            raise TraceError(
                f"{user_line()}: a tensor from outside (shape {handle.shape}) would keep the history of this call; "
                "detach() what is stored in it"
            )
        if handle in seen or handle.parent is not None or handle.node is trace.inputs[outside.position]:
            continue
        seen.add(handle)
        found.append(outside)
        _refuse_overlaps(trace, outside)
    return found


def _refuse_overlaps(trace: Trace, written: Outside) -> None:
    for other in trace.outsides.values():
        if other.handle is not written.handle and np.may_share_memory(other.array, written.array):
            raise TraceError(
                f"a tensor of shape {tuple(written.array.shape)} is changed in place inside a compiled function, and "
                f"another one, of shape {tuple(other.array.shape)}, that it uses looks at the same memory; use one of "
                "the two only, or clone() the other"
            )


def _gradient(
    trace: Trace, x: Tensor, after: Tensor | None, keep: bool, outputs: list[Node], names: list[str]
) -> Gradient:
    """What a run does with the gradient of ``x``."""
    argument = trace.arguments.get(x)
    if after is None or (after in trace.outsides and trace.outsides[after].array is not None):
        return Gradient(x, argument, after)
    if not keep and x in trace.cleared and x in trace.consumed:
        return Gradient(x, argument, None)
    outputs.append(trace.node_of(after._value))
    names.append("gradient")
    return Gradient(x, argument, None, len(outputs) - 1)


def _result(trace: Trace, outputs: list[Node], names: list[str], recording: Recording, result: Any) -> Any:
    """The place of a tensor or number in the function's result; anything else as it is."""
    if isinstance(result, Tensor):
        outside = trace.outsides.get(result)
        if outside is None and type(VALUE.__get__(result)) is ndarray:
            return result  # from outside, and not used
        if outside is not None:
            return Result(-1, result if outside.argument is None else None, outside.argument, False)
        outputs.append(trace.node_of(result._value))
        names.append("result")
        requires_grad = result._node is not None
        recording.requires_history |= requires_grad
        return Result(len(outputs) - 1, None, None, requires_grad)
    if isinstance(result, Number):
        outputs.append(result.node)
        names.append("result")
        return NumberResult(len(outputs) - 1, None, None, False)
    if isinstance(result, Handle):
        raise TraceError("a compiled function returned a raw symbolic value; return tensors")
    return result
