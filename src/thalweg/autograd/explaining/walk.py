"""The record of a computation: each operation with its values, and with the cotangents that passed it.

A walk is a list of Steps in the order in which they ran. What a step reads comes from other steps or from tensors that
were there before; so the steps are the graph of the computation as it was written, whether or not it was recorded for
differentiation. Where backward passed, a step also has the cotangent of its output and those of its inputs.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.bundle import Bundle
from ...core.modes import state
from ...core.origin import NOWHERE, Origin, Scope, here, scope_of, set_scope
from ...core.primitive import Primitive
from ...core.tape import LEAF, Node, Outline, edge_of
from ...core.tensor import Tensor
from ...core.value import SymbolicValue
from ...core.watching import Observer, watching
from ...errors import AutogradError

__all__ = ["Recorder", "Step", "Taken", "array_of", "origins", "parameters_of", "recorded_walk", "root_memory"]

ndarray = np.ndarray

# Where the nodes were made that were recorded while anomalies were looked for.
origins: weakref.WeakKeyDictionary[Node, Origin] = weakref.WeakKeyDictionary()


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


class Recorder(Observer):
    """Records the steps of a thread.

    Attributes:
        steps: in the order in which they ran.
        roots: the steps, or tensors, that ``backward`` began at, or refused to begin at.
        taken_off: what the user has taken off the tape.
        result: what the function has returned.
        stopped: whether it has ended at a backward that had nothing to walk.
    """

    def __init__(self, leaves: Sequence[Tensor] = ()) -> None:
        self.steps: list[Step] = []
        self.roots: list[Any] = []
        self.taken_off: list[Taken] = []
        self.clock = itertools.count(1)
        self.by_node: dict[Node, Step] = {}
        self.by_tensor: dict[Tensor, Step] = {}
        self.by_memory: dict[int, tuple[Any, Any]] = {}  # the memory itself keeps its number from being used again
        self.kept: dict[Any, tuple[Any, Any]] = {}
        self.entered: list[Step] = []
        self.walks: list[int] = []  # of each walk that is running: how many steps had been entered when it began
        self.around: Scope | None = None
        self.line = ""
        self.result: Any = None
        self.stopped = False
        for x in leaves:
            memory = root_memory(x._value)
            self.by_memory[id(memory)] = (x, memory)

    # -- forward ------------------------------------------------------------------------------------------

    def applied(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any], out: Tensor) -> None:
        known = self.by_tensor.get(out)
        if known is not None and known.primitive is primitive:
            return  # it has called itself, with inputs of one dtype
        step = Step(primitive, params, here())
        found = [self.source_of(x) for x in args]
        step.sources = tuple(source for source, _ in found)
        step.cut = tuple(cut for _, cut in found)
        step.inputs = tuple(self.value_of(x) for x in args)
        step.output = self.value_of(out)
        step.recording = state.recording
        self.add(step, out._node if type(out._node) is Node else None)
        self.by_tensor[out] = step
        memory = root_memory(out._value)
        self.by_memory[id(memory)] = (step, memory)

    def noted(self, node: Node) -> None:
        step = Step(node.primitive, node.params, here())
        step.sources = tuple(self.by_node.get(e) if type(e) is Node else e for e in node.edges)
        step.cut = (False,) * len(step.sources)
        step.inputs = tuple(None if isinstance(v, Outline) else array_of(v) for v in node.inputs or ())
        self.add(step, node)

    def add(self, step: Step, node: Node | None) -> None:
        known = None if node is None else self.by_node.get(node)
        if known is not None:  # noted before its output was known
            self.steps.remove(known)
        step.node, step.time = node, next(self.clock)
        step.cotangents = [None] * len(step.sources)
        self.steps.append(step)
        if node is not None:
            self.by_node[node] = step

    def source_of(self, x: Any) -> tuple[Any, bool]:
        """What has computed ``x``, or ``x`` itself; and whether that was on the tape, as ``x`` is not."""
        if not isinstance(x, Tensor):
            return None, False
        edge = edge_of(x)
        if edge in self.by_node:
            return self.by_node[edge], False
        if x in self.by_tensor:
            return self.by_tensor[x], False
        memory = root_memory(x._value)
        source = self.by_memory[id(memory)][0] if id(memory) in self.by_memory else x
        return source, edge is None and is_on_tape(source)

    def taken(self, x: Tensor, how: str) -> None:
        if x._value.dtype.kind == "f" or how == "__bool__":
            self.taken_off.append(Taken(self.source_of(x)[0], how, here(), next(self.clock)))

    def value_of(self, x: Any) -> Any:
        """A value as it is now, safe from later changes."""
        value = array_of(x)
        if type(value) is not ndarray:
            return value
        key = (id(value), x._version[0] if isinstance(x, Tensor) else None)
        if key not in self.kept:
            self.kept[key] = (value, value.copy())
        return self.kept[key][1]

    # -- backward -----------------------------------------------------------------------------------------

    def starting(self, roots: Sequence[Tensor], accumulating: bool) -> None:
        if not self.walks:
            self.line, self.around, _ = here()
            if accumulating:
                self.roots.extend(self.source_of(x)[0] for x in roots)
        self.walks.append(len(self.entered))

    def entering(self, node: Node, dy: Any) -> None:
        step = self.by_node.get(node)
        if step is None:  # made before anyone looked
            step = Step(node.primitive, node.params, Origin("", scope_of(node)))
            step.sources = tuple(self.by_node.get(e) if type(e) is Node else e for e in node.edges)
            self.add(step, node)
        self.entered.append(step)
        step.visited, step.called = next(self.clock), self.line
        step.cotangent = self.added(step.cotangent, dy)
        set_scope(step.origin.scope, backward=True)

    def left(self, node: Node, edges: Sequence[Any], cotangents: Sequence[Any]) -> None:
        step = self.entered.pop()
        for i, dx in enumerate(cotangents):
            if i < len(edges) and edges[i] is not None and dx is not None:
                step.cotangents[i] = self.added(step.cotangents[i], dx)

    def added(self, old: Any, new: Any) -> Any:
        """The sum of what came in several walks; a bundle as one vector."""
        if isinstance(new, Bundle):
            parts = [self.value_of(part) for part in new.parts.values()]
            new = None if any(part is None for part in parts) else np.concatenate([np.ravel(part) for part in parts])
            old = None
        else:
            new = self.value_of(new)
        return new if old is None or new is None else old + new

    def done(self) -> None:
        del self.entered[self.walks.pop() :]  # what an error has left there
        if not self.walks:
            set_scope(self.around)

    def refused(self, x: Tensor) -> None:
        self.roots.append(self.source_of(x)[0])
        self.stopped = True

    def run(self, function: Callable[[], Any]) -> None:
        """Call the function and keep its ``result``; a backward that has nothing to walk ends it."""
        try:
            self.result = function()
        except AutogradError:
            if not self.stopped:
                raise

    def run_backward(self) -> None:
        """Go back from the loss that the function returned, unless it has called backward itself."""
        loss = self.result
        if self.roots:
            return
        if not isinstance(loss, Tensor):
            raise AutogradError(
                f"explain: the function must return the loss as a tensor, or call backward(); it returned a "
                f"{type(loss).__name__}"
            )
        self.run(loss.backward)
        self.result = loss


def is_on_tape(source: Any) -> bool:
    """Whether a step was recorded, or a tensor requires a gradient."""
    return source.node is not None if isinstance(source, Step) else source is not None and source._node is LEAF


def recorded_walk(function: Callable[[], Any], model: Any = None) -> Recorder:
    """What ``function()`` computes, and what backward does if it calls it, as a list of ``steps``.

    ``model`` gives the modules their names. Values are copied, so that the record is true of the time of each step.

    >>> import thalweg as tw
    >>> w = tw.tensor([1.0, -2.0], requires_grad=True)
    >>> walk = recorded_walk(lambda: w.relu().sum().backward())
    >>> [(step.name, step.cotangent.tolist()) for step in walk.steps]
    [('relu', [1.0, 1.0]), ('sum', 1.0)]
    >>> w.grad = None
    """
    recorder = Recorder(parameters_of(model))
    with watching(recorder, model):
        recorder.run(function)
    return recorder


def parameters_of(model: Any) -> list[Tensor]:
    """The parameters of a module; none of None."""
    return [] if model is None else [p for _, p in model.named_parameters()]
