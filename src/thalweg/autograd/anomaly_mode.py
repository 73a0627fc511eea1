"""``detect_anomaly``: the computation stops where the first NaN or infinity comes up."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.modes import state
from ..core.origin import Origin, Scope, here, scope_of, set_scope
from ..core.primitive import Primitive
from ..core.tape import Node
from ..core.tensor import Tensor
from ..core.watching import Observer, Watch
from ..errors import AutogradError
from ..ops.base import Elementwise
from ..ops.broadcast import broadcasts
from .explaining.anomalies import Anomaly, in_backward, in_forward
from .explaining.steps import Step, array_of, origins
from .explaining.walk import Recorder
from .explaining.wording import first_bad, outline, place, signature

__all__ = [
    "check_walk",
    "detect_anomaly",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "set_anomaly_enabled",
    "set_detect_anomaly",
]


class _Detector(Observer):
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
            origins[out._node] = step.origin
        if self.check_nan and not self.incoming:  # values inside of a pullback may be infinite, times zero
            step.output = array_of(out)
            step.inputs = tuple(map(array_of, args))
            refuse(in_forward(step))

    def noted(self, node: Node) -> None:
        origins[node] = here()

    def starting(self, roots: Sequence[Tensor], accumulating: bool) -> None:
        if not self.walks:
            self.around = here().scope
        self.walks.append(len(self.incoming))

    def entering(self, node: Node, dy: Any) -> None:
        self.incoming.append(dy)
        set_scope(origin_of(node).scope, backward=True)

    def left(self, node: Node, edges: Sequence[Any], cotangents: Sequence[Any]) -> None:
        dy = self.incoming.pop()
        if self.check_nan:
            asked = [None if edge is None else dx for edge, dx in zip(edges, cotangents, strict=False)]
            step = Step(node.primitive, node.params, origin_of(node))
            step.node, step.output, step.called = node, array_of(node.output), here().line
            step.inputs = tuple(map(array_of, node.inputs or ()))
            refuse(in_backward(step, dy, asked))

    def done(self) -> None:
        del self.incoming[self.walks.pop() :]
        if not self.walks:
            set_scope(self.around)


def origin_of(node: Node) -> Origin:
    """Where a node was made, as far as it is known."""
    return origins.get(node) or Origin("", scope_of(node))


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
    inherited = "" if anomaly.inherited is None else "; the gradient that it was given has one already"
    return (
        f"backward: {name} returned {anomaly.kind} values in its output {anomaly.position}, "
        f"{first_bad(anomaly.value, anomaly.bad)}: the gradient of {step.name}, which ran{place(step.origin)}, by its "
        f"input {anomaly.position}; the gradient is {outline(anomaly.value)}{inherited}{there(anomaly, '; ')}"
        + (f"; backward was called at {step.called}" if step.called else "")
        + " (detect_anomaly is on)"
    )


def there(anomaly: Anomaly, before: str = "") -> str:
    """What an elementwise operation was given, or else what it gave, at the first bad place."""
    step = anomaly.step
    if not isinstance(step.primitive, Elementwise):
        return ""
    index = np.unravel_index(int(np.argmax(anomaly.bad)), anomaly.value.shape)
    given = [(f"input {i}", x) for i, x in enumerate(step.inputs) if x is not None]
    if not given and anomaly.position >= 0 and step.output is not None:
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


class _Local(threading.local):
    watch: Watch | None = None  # while anomalies are looked for
    check_nan: bool | None = None  # None while they are not


_local = _Local()


def _switch(check_nan: bool | None) -> bool | None:
    """Look for anomalies (with or without checking values), or not (None); what was before."""
    before = _local.check_nan
    if check_nan is not before:
        if _local.watch is not None:
            _local.watch.stop()
            _local.watch = None
        if check_nan is not None:
            _local.watch = Watch(_Detector(check_nan))
            _local.watch.start()
        state.inside += (check_nan is not None) - (before is not None)
        state.examined += (check_nan is not None) - (before is not None)
        _local.check_nan = check_nan
    return before


class set_detect_anomaly:  # noqa: N801 - PyTorch's name
    """Switch ``detect_anomaly`` on or off: as a function at once, as a context for a while."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = _switch(check_nan if mode else None)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        _switch(self._before)


class detect_anomaly:  # noqa: N801 - PyTorch's name
    """A context in which the first NaN or infinity that comes up, forward or backward, is an error.

    The message names the operation, the user's line, the module by path and class, shapes and dtypes, and the first bad
    place. PyTorch looks at backward only. What counts:

    - forward: a NaN that an operation makes of numbers that are none, or that comes from outside (in the data, in a
      weight) into what is recorded for differentiation; an infinity that an operation makes of finite numbers, if
      the result is recorded. So masks may hold -inf, and may be written, added and passed through softmax.
    - backward: a NaN in a gradient, an infinity that a derivative makes of a finite gradient. Only what an operation
      hands on counts, not what its rule computes on the way: where a gradient is 0, it stays 0.

    A program of ``tw.compile`` that is called here is first evaluated with NumPy, operation by operation, with the
    values it is given; it runs, and writes, only if nothing is found. All this takes several times as long: use it to
    look for an error, not to train.

    Args:
        check_nan: False only notes where operations ran, for ``explain``, and checks no values.

    Raises:
        AutogradError: (within the context) an operation gave a NaN or an infinity.

    >>> import thalweg as tw
    >>> x = tw.tensor([4.0, 0.0], requires_grad=True)
    >>> with tw.autograd.detect_anomaly():
    ...     x.sqrt().sum().backward()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    thalweg.errors.AutogradError: backward: SqrtBackward returned inf values in its output 0, inf at index [1]: ...
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan

    def __enter__(self) -> None:
        self._before = _switch(self.check_nan)

    def __exit__(self, *error: object) -> None:
        _switch(self._before)


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Switch ``autograd.detect_anomaly`` on or off, until further notice.

    >>> import thalweg as tw
    >>> tw.set_anomaly_enabled(True)
    >>> tw.is_anomaly_enabled()
    True
    >>> tw.set_anomaly_enabled(False)
    """
    _switch(check_nan if mode else None)


def is_anomaly_enabled() -> bool:
    """Whether anomalies are looked for in this thread."""
    return _local.check_nan is not None


def is_anomaly_check_nan_enabled() -> bool:
    """Whether values are checked, too."""
    return bool(_local.check_nan)
