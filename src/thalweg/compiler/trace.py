"""Tracing: a function is run once, with symbolic values in its tensors, and everything that it does is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from ..core.backward import Watcher
from ..core.modes import state
from ..core.origin import Scope, here, scope_of, set_scope, tracking_modules, user_line
from ..core.primitive import Primitive
from ..core.structure import mapped
from ..core.tape import LEAF
from ..core.tensor import Tensor
from ..core.value import Tracer
from ..errors import TraceError
from ..ops.base import convert
from .graph import Check, Graph, Node, apply, constant, placeholder
from .guards import Computed, Guards, Source
from .handle import Handle, is_view, operands
from .lifting import GRAD, VALUE, lifting
from .number import Number
from .scan_trace import recorded

__all__ = ["Gradient", "Recording", "Trace", "record", "tracing"]

ndarray = np.ndarray


class Outside:
    """A tensor from outside that the function has touched, as it was before."""

    __slots__ = (
        "argument", "array", "count", "extra", "handle", "node", "owner", "owner_argument", "position", "tensor",
        "version", "view",
    )  # fmt: skip

    def __init__(self, tensor: Tensor, array: Any, argument: int | None) -> None:
        self.tensor = tensor
        self.array = array
        self.argument = argument
        self.owner: Tensor | None = None  # whose gradient it is
        self.owner_argument: int | None = None
        self.handle: Handle | None = None
        self.position = -1  # among the inputs of the graph
        self.node, self.view, self.extra = tensor._node, tensor._view, tensor._extra
        self.version, self.count = tensor._version, tensor._version[0]

    def restore(self) -> None:
        VALUE.__set__(self.tensor, self.array)
        self.tensor._node, self.tensor._view, self.tensor._extra = self.node, self.view, self.extra
        self.tensor._version = self.version
        self.version[0] = self.count


class Gradient:
    """What becomes of ``tensor.grad`` in a run: None, another tensor, or the output at ``position``."""

    __slots__ = ("argument", "position", "replacement", "tensor")

    def __init__(self, tensor: Tensor, argument: int | None, replacement: Tensor | None, position: int = -1) -> None:
        self.tensor = tensor
        self.argument = argument
        self.replacement = replacement
        self.position = position


class Recording:
    """What tracing gives: the graph, where its inputs come from, and where its outputs go.

    Attributes:
        graph: outputs are, in this order, the written tensors, gradients, results, and values for effects.
        sources: for each input an Outside, a Number's Source, or a Generator.
        writes: for each written tensor the position of the input that it is.
        gradients: tensors whose ``grad`` a run exchanges.
        results: the function's result with ``Result`` places for tensors.
        generators: how many blocks each generator draws.
        floats: the floats among the arguments of the run.
        argument_grads: which arguments, by position, had a gradient, where the function looks at it.
        before, after: what else to call with each run, with the positions of the outputs it is given.
    """

    def __init__(self) -> None:
        self.graph = Graph([], [])
        self.sources: list[Any] = []
        self.writes: list[int] = []
        self.gradients: list[Gradient] = []
        self.results: Any = None
        self.generators: dict[Any, int] = {}
        self.before: list[Callable[..., Any]] = []
        self.after: list[tuple[Callable[..., Any], list[int]]] = []
        self.guards = Guards()
        self.requires_history = False
        self.floats: list[float] = []
        self.argument_grads: dict[int, bool] = {}


class Result:
    """The place of a tensor in a function's result: an output of the graph, or a tensor from outside."""

    __slots__ = ("argument", "position", "requires_grad", "tensor")

    def __init__(self, position: int, tensor: Tensor | None, argument: int | None, requires_grad: bool) -> None:
        self.position = position
        self.tensor = tensor
        self.argument = argument
        self.requires_grad = requires_grad


class NumberResult(Result):
    """The place of a number that is read or computed anew for each run."""


class Trace(Tracer):
    """The record while it is being made."""

    def __init__(self, arguments: list[Tensor], loops: bool = True) -> None:
        self.loops = loops
        self.outsides: dict[Tensor, Outside] = {}
        self.by_memory: dict[Any, Handle] = {}
        self.inputs: list[Node] = []
        self.sources: list[Any] = []
        self.positions: dict[Handle, int] = {}
        self.numbers: dict[Any, Number] = {}
        self.numbers_read = False  # by the function itself: what is called for each run then has to wait for its end
        self.generators: dict[Any, tuple[Handle, int]] = {}
        self.grads: dict[Tensor, Any] = {}  # before the function, for those that it has touched
        self.cleared: set[Tensor] = set()  # whose gradient was overwritten before it was read
        self.consumed: set[Tensor] = set()
        self.owners: dict[Tensor, Tensor] = {}
        self.arguments = {x: i for i, x in enumerate(arguments)}  # by identity, as tensors hash
        self.paused = False
        self.before: list[Callable[..., Any]] = []
        self.after: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self.guards = Guards()
        self.argument_grads: dict[int, bool] = {}
        self.checks: list[Check] = []
        self.closed = False  # its values are of no use any more

    # -- tensors from outside -----------------------------------------------------------------------------

    def read_value(self, x: Tensor, value: Any) -> Any:
        """What reading ``x._value`` gives: the handle of a tensor from outside."""
        if self.paused:
            return self.outsides[x].array if x in self.outsides else value
        return self.lift(x, value) if type(value) is ndarray else value

    def set_value(self, x: Tensor, value: Any) -> None:
        """Assigning ``x._value``: a new tensor holds a constant, one from outside another content."""
        if self.paused:
            if x in self.outsides:
                self.outsides[x].array = value
            else:
                VALUE.__set__(x, value)
            return
        try:
            old = VALUE.__get__(x)
        except AttributeError:  # a new tensor
            VALUE.__set__(x, self.constant(value) if type(value) is ndarray else value)
            return
        if type(old) is ndarray:
            old = self.lift(x, old)
        if x not in self.outsides:
            VALUE.__set__(x, self.constant(value) if type(value) is ndarray else value)
            return
        node = self.node_of(value)
        if node.shape != old.shape or node.dtype != old.dtype:
            raise TraceError(
                f"{user_line()}: a tensor from outside ({old.dtype}, shape {old.shape}) can't become {node.dtype} of "
                f"shape {node.shape} inside a compiled function; make the change outside"
            )
        old.write(node)

    def lift(self, x: Tensor, array: Any) -> Handle:
        """The handle of a tensor from outside, which takes the array's place in it."""
        owner = self.owners.get(x)
        outside = Outside(x, array, self.arguments.get(x))
        outside.owner = owner
        outside.owner_argument = None if owner is None else self.arguments.get(owner)
        key = (array.__array_interface__["data"][0], array.shape, array.strides, array.dtype)
        handle = self.by_memory.get(key) if array.size and outside.argument is None else None
        if handle is None:
            name = f"argument {outside.argument}" if outside.argument is not None else _described(x, owner)
            handle = Handle(self, self._input(placeholder(name, array.shape, array.dtype), outside))
            self.positions[handle] = len(self.inputs) - 1
            handle.plain = bool(array.flags.c_contiguous)
            if outside.argument is None:
                self.by_memory[key] = handle
        outside.handle = handle
        outside.position = self.positions[handle]
        self.outsides[x] = outside
        if x._node is not None and x._node is not LEAF:
            x._node = LEAF  # the walk must not leave the function
        x._view = None
        if outside.argument is None and owner is None:
            self.guards.add_tensor(x, array, outside.node)
        VALUE.__set__(x, handle)
        return handle

    def _input(self, node: Node, source: Any) -> Node:
        self.inputs.append(node)
        self.sources.append(source)
        return node

    def written(self, handle: Handle) -> None:
        """Called when the memory of ``handle`` has got other content."""

    def read_grad(self, x: Tensor, grad: Any) -> Any:
        """What reading ``x._grad`` gives; whether there was a gradient is then part of the record."""
        if self.paused:
            return self.grads.get(x, grad)
        if x not in self.grads:
            self.grads[x] = grad
            if self._is_outside(x):
                if x in self.arguments:
                    self.argument_grads[self.arguments[x]] = grad is not None
                else:
                    self.guards.grads.append((x, grad is not None))
                if grad is not None:
                    self.owners.setdefault(grad, x)
        return grad

    def set_grad(self, x: Tensor, grad: Any) -> None:
        """Assigning ``x._grad``."""
        if self.paused and x not in self.grads:
            GRAD.__set__(x, grad)
            return
        outside = self.outsides.get(x)
        if outside is not None and outside.node is not None and outside.node is not LEAF:
            raise TraceError(
                f"{user_line()}: backward() reaches a tensor of shape {tuple(outside.array.shape)} that was computed "
                "outside of the compiled function, where it can't go on; compute it inside, or detach() it"
            )
        if x not in self.grads:
            try:
                self.grads[x] = GRAD.__get__(x)
                self.cleared.add(x)
            except AttributeError:  # a new tensor
                self.grads[x] = None
        GRAD.__set__(x, grad)

    def _is_outside(self, x: Tensor) -> bool:
        return x in self.outsides or type(VALUE.__get__(x)) is ndarray

    # -- what the eager code tells -------------------------------------------------------------------------

    def constant(self, array: Any) -> Handle:
        return Handle(self, constant(np.array(array), here()))

    def number(self, container: Any, key: Any, *path: Any) -> Any:
        if self.after:
            raise TraceError(
                f"{user_line()}: {key!r} is read after a scheduler's step(), which a compiled function takes at its "
                "end; call scheduler.step() last"
            )
        place = (id(container), key, path)
        self.numbers_read = True
        if place not in self.numbers:
            source = Source(container, key, path)
            node = self._input(placeholder(repr(source), (), np.float64), source)
            self.numbers[place] = Number(self, node, source.number(), source)
        return self.numbers[place]

    def guard_number(self, number: Number, operation: str, other: Any, outcome: bool) -> None:
        """Later runs need the same outcome."""
        entry = (number.source, operation, other, outcome)
        if entry not in self.guards.numbers:
            self.guards.numbers.append(entry)

    def as_number(self, value: Any) -> Any:
        node = self.node_of(value)
        if node.dtype != np.float64:
            node = apply(convert, node, dtype=np.dtype(np.float64), origin=here())
        return Handle(self, node, weak=True)

    def watch(self, container: Any, key: Any) -> Any:
        source = Source(container, key)
        value = source.read()
        self.guards.watched.append((source, value))
        return value

    def effect(self, function: Callable[..., Any], *values: Any) -> None:
        if self.numbers_read or values:
            self.after.append((function, values))
        else:
            self.before.append(function)

    def random(self, generator: Any, blocks: int) -> tuple[Any, int]:
        if generator not in self.generators:
            node = self._input(placeholder("random state", (2,), np.uint64), generator)
            self.generators[generator] = (Handle(self, node), 0)
        handle, drawn = self.generators[generator]
        self.generators[generator] = (handle, drawn + blocks)
        return handle, drawn

    def mark(self, generator: Any) -> Any:
        return self.generators[generator][1] if generator in self.generators else 0

    def rewind(self, generator: Any, mark: Any) -> None:
        if generator in self.generators:
            self.generators[generator] = (self.generators[generator][0], mark)

    def scan(self, step: Any, state: Any, inputs: Any, constants: Any, reverse: bool) -> Any:
        if not self.loops:
            return None
        length = inputs[0]._value.shape[0]
        loop = recorded(self, partial(_several, step), state, inputs, constants, length, reverse)
        return None if loop is None else (loop.results[0], tuple(loop.last))

    def refuse(self, message: str) -> TraceError:
        return TraceError(f"{user_line()}: {message}")

    def require(self, value: Any, low: int, high: int, error: type[Exception], message: str) -> None:
        self.checks.append(Check(self.node_of(value), low, high, error, message))

    def stepped(self, params: Any) -> None:
        self.consumed.update(params)

    @contextmanager
    def suspended(self) -> Iterator[None]:
        self.paused, state.tracer = True, None
        try:
            yield
        finally:
            self.paused, state.tracer = False, self

    # -- primitives ---------------------------------------------------------------------------------------

    def node_of(self, value: Any) -> Node:
        """The content of a handle; a constant for an array or number."""
        if isinstance(value, Handle):
            if value.trace is not self:
                raise TraceError(f"{user_line()}: a value from another compiled function was kept and used here")
            return value.node
        return constant(np.array(value), here())

    def apply(self, primitive: Primitive, values: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The handle of ``primitive(*values, **params)``; a number among the parameters is fixed by a guard."""
        if any(type(p) is Number for p in params.values()):
            params = {name: float(p) if type(p) is Number else p for name, p in params.items()}
        if is_view(primitive):
            return values[0].view(primitive, params)
        inputs, weak = operands(primitive, values, self)
        node = apply(primitive, *inputs, origin=here(), **params)
        if weak and node.dtype.kind == "f" and node.dtype != np.float64:
            node = apply(convert, node, dtype=np.dtype(np.float64), origin=here())
        if weak and all(isinstance(v, (Number, int, float)) for v in values):
            source = Computed(primitive, tuple(v.source if isinstance(v, Number) else v for v in values), params)
            return Number(self, node, source.number(), source)
        plain = all(v.plain for v in values if isinstance(v, Handle) and v.shape == node.shape)
        return Handle(self, node, weak, plain)


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


def _several(step: Any, state: Any, x: Any, constants: Any) -> Any:
    """A step with one result besides the states, as one with several."""
    new, result = step(tuple(state), tuple(x), tuple(constants))
    return new, (result,)


def _described(x: Tensor, owner: Tensor | None) -> str:
    return ("gradient" if owner is not None else type(x).__name__.lower()) + " outside"


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
