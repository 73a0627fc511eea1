"""What looks for anomalies, and how it names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.origin import Origin, Scope, here, scope_of, set_scope
from ...core.primitive import Primitive
from ...core.tape import Node, Outline
from ...core.tensor import Tensor
from ...core.watching import Observer
from ...errors import AutogradError
from ...ops.base import Elementwise
from ...ops.broadcast import broadcasts
from .anomalies import Anomaly, in_backward, in_forward
from .steps import Note, Step, array_of, notes
from .walk import Recorder
from .wording import first_bad, outline, place, signature

__all__ = ["Detector", "check_walk"]


class Detector(Observer):
    """Refuses the first operation that gives a NaN or makes an infinity."""

    def __init__(self, check_nan: bool) -> None:
        self.check_nan = check_nan
        self.around: Scope | None = None
        self.incoming: list[Any] = []  # the cotangents of the nodes whose pullbacks are running
        self.walks: list[int] = []  # how many there were when each of the running walks began

    def applied(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any], out: Tensor) -> None:
        step = Step(primitive, params, here())
        if type(out._node) is Node:
            step.node = out._node
            notes[out._node] = Note(step.origin, tuple(map(_outlined, args)), _outlined(out))
        if self.check_nan and not self.incoming:  # values inside of a pullback may be infinite, times zero
            step.output = array_of(out)
            step.inputs = tuple(map(array_of, args))
            refuse(in_forward(step))

    def noted(self, node: Node) -> None:
        notes[node] = Note(here())

    def starting(self, roots: Sequence[Tensor], accumulating: bool) -> None:
        if not self.walks:
            self.around = here().scope
        self.walks.append(len(self.incoming))

    def entering(self, node: Node, dy: Any) -> None:
        self.incoming.append(dy)
        set_scope(note_of(node).origin.scope, backward=True)

    def left(self, node: Node, edges: Sequence[Any], cotangents: Sequence[Any]) -> None:
        dy = self.incoming.pop()
        if self.check_nan:
            asked = [None if edge is None else dx for edge, dx in zip(edges, cotangents, strict=False)]
            note = note_of(node)
            step = Step(node.primitive, node.params, note.origin)
            step.node, step.called = node, here().line
            step.inputs = tuple(map(_saved_or, node.inputs or (), note.inputs or (None,) * len(edges)))
            step.output = _saved_or(node.output, note.output)
            refuse(in_backward(step, dy, asked))

    def done(self) -> None:
        del self.incoming[self.walks.pop() :]
        if not self.walks:
            set_scope(self.around)


def note_of(node: Node) -> Note:
    """What is known of the operation of a node."""
    return notes.get(node) or Note(Origin("", scope_of(node)))


def _outlined(x: Any) -> Any:
    """Shape and dtype of a tensor or an array, a number as it is."""
    value = x._value if isinstance(x, Tensor) else x
    return Outline(value) if hasattr(value, "shape") else array_of(value)


def _saved_or(saved: Any, outline: Any) -> Any:
    """What a node has saved, or else the outline of it."""
    value = array_of(saved)
    return outline if value is None else value


def refuse(anomaly: Anomaly | None) -> None:
    """Raise what an anomaly is."""
    if anomaly is not None:
        raise AutogradError(backward_words(anomaly) if anomaly.position >= 0 else forward_words(anomaly))


def forward_words(anomaly: Anomaly) -> str:
    """An anomaly in the forward pass."""
    step = anomaly.step
    if anomaly.inherited is None:
        cause = there(anomaly) or "none of its inputs has one"
    else:
        cause = f"its input {anomaly.inherited} has one already, which comes from outside: look at the data and weights"
    return (
        f"forward: {step.name} gives {first_bad(anomaly.value, anomaly.bad)}{place(step.origin)}; {signature(step)}; "
        f"{cause} (detect_anomaly is on)"
    )


def backward_words(anomaly: Anomaly) -> str:
    """An anomaly in a gradient."""
    step = anomaly.step
    name = step.primitive.node_name if step.node is None else step.node.name()
    known = step.output is not None or any(x is not None for x in step.inputs)
    shapes = signature(step) if known else outline(anomaly.value)
    inherited = "" if anomaly.inherited is None else "; the gradient that it was given has one already"
    return (
        f"backward: {name} returned {anomaly.kind} values in its output {anomaly.position}, "
        f"{first_bad(anomaly.value, anomaly.bad)}: the gradient of {step.name} by its input {anomaly.position}; it "
        f"ran{place(step.origin)}; {shapes}{inherited}{there(anomaly, '; ')}"
        + (f"; backward was called at {step.called}" if step.called else "")
        + " (detect_anomaly is on)"
    )


def there(anomaly: Anomaly, before: str = "") -> str:
    """What an elementwise operation was given, or else what it gave, at the first bad place."""
    step = anomaly.step
    if not isinstance(step.primitive, Elementwise):
        return ""
    index = np.unravel_index(int(np.argmax(anomaly.bad)), anomaly.value.shape)
    given = [(f"input {i}", x) for i, x in enumerate(step.inputs) if x is not None and not isinstance(x, Outline)]
    if not given and isinstance(step.output, np.ndarray):
        given = [("its output", step.output)]
    fitting = [(name, x) for name, x in given if broadcasts(np.shape(x), anomaly.value.shape)]
    parts = [f"{name} is {np.broadcast_to(x, anomaly.value.shape)[index]}" for name, x in fitting]
    return f"{before}{', '.join(parts)} there" if parts else ""


def check_walk(walk: Recorder) -> None:
    """Raise the first anomaly of a recorded walk, in the order of its time."""
    events = [(step.time, step, False) for step in walk.steps if not step.origin.backward]
    events += [(step.visited, step, True) for step in walk.steps if step.visited]
    for _, step, visited in sorted(events, key=_time):
        refuse(in_backward(step, step.cotangent, step.cotangents) if visited else in_forward(step))


def _time(event: tuple[int, Step, bool]) -> int:
    return event[0]
