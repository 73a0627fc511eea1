"""One operation of a computation: what it read and gave, and the gradients that passed it."""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

import numpy as np

from ...core.origin import NOWHERE, Origin
from ...core.primitive import Primitive
from ...core.tape import LEAF, Node
from ...core.tensor import Tensor
from ...core.value import SymbolicValue

__all__ = ["Note", "Step", "Taken", "array_of", "is_on_tape", "notes", "parameters_of", "root_memory"]

ndarray = np.ndarray


class Note(NamedTuple):
    """What is kept of an operation that was recorded while anomalies were looked for.

    Attributes:
        origin: where it ran.
        inputs: outlines of its inputs, numbers as they are.
        output: the outline of its output; None if it is not known.
    """

    origin: Origin
    inputs: tuple[Any, ...] = ()
    output: Any = None


notes: weakref.WeakKeyDictionary[Node, Note] = weakref.WeakKeyDictionary()


class Step:
    """One operation, and what backward did at it.

    Attributes:
        primitive: what was applied.
        params: its parameters.
        origin: the user's line, and the call of a module, that it belongs to.
        inputs: its inputs as they were then, arrays and numbers; None where they are not known.
        output: its output; None if it is not known.
        sources: for each input the Step that computed it, the Tensor from outside that it is, or None.
        cut: for each input, whether its source was on the tape and the input was not.
        node: its node on the tape, if it has one.
        recording: whether operations were being recorded.
        time: when it ran, on a clock of this walk.
        cotangent: the gradient by its output; None where backward did not come.
        cotangents: the gradients by its inputs; None for those that none was asked for, or that backward did not reach.
        visited: when backward came, on the same clock; 0 if it did not.
        called: the line from which backward was called then.
    """

    __slots__ = (
        "called",
        "cotangent", "cotangents", "cut", "inputs", "node", "origin", "output", "params", "primitive", "recording",
        "sources", "time", "visited",
    )  # fmt: skip

    def __init__(self, primitive: Primitive, params: dict[str, Any], origin: Origin = NOWHERE) -> None:
        self.primitive = primitive
        self.params = params
        self.origin = origin
        self.inputs: tuple[Any, ...] = ()
        self.output: Any = None
        self.sources: tuple[Any, ...] = ()
        self.cut: tuple[bool, ...] = ()
        self.node: Node | None = None
        self.recording = True
        self.time = 0
        self.cotangent: Any = None
        self.cotangents: list[Any] = []
        self.visited = 0
        self.called = ""

    @property
    def name(self) -> str:
        """The name of the operation."""
        return self.primitive.name

    def __repr__(self) -> str:
        return f"<{self.name} at {self.origin.line or '?'}>"


class Taken:
    """The user has taken a value off the tape: by ``how``, at ``origin``, at a ``time`` on the walk's clock."""

    __slots__ = ("how", "origin", "source", "time")

    def __init__(self, source: Any, how: str, origin: Origin, time: int) -> None:
        self.source = source
        self.how = how
        self.origin = origin
        self.time = time


def array_of(value: Any) -> Any:
    """The array in which the elements of a value are; a number as it is; None for what holds none."""
    if isinstance(value, Tensor):
        value = value._value
    while isinstance(value, SymbolicValue):
        value = value.elements()
    if isinstance(value, np.generic):
        return np.asarray(value)
    return value if isinstance(value, (ndarray, bool, int, float)) else None


def root_memory(value: Any) -> Any:
    """What a value looks at: views of one memory have the same."""
    while type(value) is ndarray and type(value.base) is ndarray:
        value = value.base
    return getattr(value, "root", value)


def is_on_tape(source: Any) -> bool:
    """Whether a step was recorded, or a tensor requires a gradient."""
    return source.node is not None if isinstance(source, Step) else source is not None and source._node is LEAF


def parameters_of(model: Any) -> list[Tensor]:
    """The parameters of a module; none of None."""
    return [] if model is None else [p for _, p in model.named_parameters()]
