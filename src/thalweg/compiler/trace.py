"""The record of a function while it is made: tensors hold symbolic values, and what happens to them is noted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from ..core.modes import state
from ..core.origin import here, user_line
from ..core.primitive import Primitive
from ..core.tape import LEAF
from ..core.tensor import Tensor
from ..core.value import Tracer
from ..errors import TraceError
from ..ops.base import convert
from .graph import Check, Node, apply, constant, placeholder
from .guards import Computed, Guards, Source
from .handle import Handle, is_view, operands
from .lifting import GRAD, VALUE
from .number import Number
from .recording import Outside
from .scan_trace import recorded

__all__ = ["Trace"]

ndarray = np.ndarray


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


def _several(step: Any, state: Any, x: Any, constants: Any) -> Any:
    """A step with one result besides the states, as one with several."""
    new, result = step(tuple(state), tuple(x), tuple(constants))
    return new, (result,)


def _described(x: Tensor, owner: Tensor | None) -> str:
    return ("gradient" if owner is not None else type(x).__name__.lower()) + " outside"
