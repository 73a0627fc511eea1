"""The record of a computation: each operation with its values, and with the cotangents that passed it.

A walk is a list of Steps in the order in which they ran. What a step reads comes from other steps or from tensors that
were there before; so the steps are the graph of the computation as it was written, whether or not it was recorded for
differentiation. Where backward passed, a step also has the cotangent of its output and those of its inputs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.bundle import Bundle
from ...core.modes import state
from ...core.origin import Scope, here, set_scope
from ...core.primitive import Primitive
from ...core.tape import Node, Outline, edge_of
from ...core.tensor import Tensor
from ...core.watching import Observer, watching
from ...errors import AutogradError
from .nodes import Places, nodes_of, step_of
from .steps import Step, Taken, array_of, is_on_tape, parameters_of, root_memory

__all__ = ["Recorder", "recorded_walk"]

ndarray = np.ndarray


class Recorder(Observer):
    """Records the steps of a thread.

    Attributes:
        steps: in the order in which they ran.
        roots: the steps, or tensors, that ``backward`` began at, or refused to begin at.
        taken_off: what the user has taken off the tape.
        result: what the function has returned.
        stopped: whether it has ended at a backward that had nothing to walk.
    """

    def __init__(self, model: Any = None) -> None:
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
        self.places = Places(model)
        for x in parameters_of(model):
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

    def read_tape(self, roots: Sequence[Tensor]) -> None:
        """Add the steps that were recorded before anyone looked."""
        for node in nodes_of(roots):
            if node not in self.by_node:
                self.add(step_of(node, self.by_node, self.places), node)

    def starting(self, roots: Sequence[Tensor], accumulating: bool) -> None:
        self.read_tape(roots)
        if not self.walks:
            self.line, self.around, _ = here()
            if accumulating:
                self.roots.extend(self.source_of(x)[0] for x in roots)
        self.walks.append(len(self.entered))

    def entering(self, node: Node, dy: Any) -> None:
        step = self.by_node[node]
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
    recorder = Recorder(model)
    with watching(recorder, model):
        recorder.run(function)
    return recorder
