"""The code that applies a primitive, generated from what its class declares.

Applying a primitive means: take the values out of the tensors, run ``forward``, wrap the result, and record a Node
if an input requires a gradient. Written as a loop over the inputs this costs several times what the arithmetic of a
small network costs, so the loop is unrolled here once for each class, as dataclasses do with ``__init__``. For
Tanh (one input, saves its output) the generated functions read, shortened::

    def __call__(self, x0):
        if type(x0) is ndarray:
            return self.forward(x0)
        if not isinstance(x0, Tensor):
            return self.evaluate(x0)
        v0 = x0._value
        y = self.forward(v0) if type(v0) is ndarray else self.evaluate(v0)
        out = ...                                       # a new Tensor round y
        if (x0._node is not None or x0._view is not None) and state.recording:
            self.record(out, x0, v0)
        return out

    def record(self, out, x0, v0):
        e0 = None
        ...                                             # the edge to x0
        node = new(Node)
        node.edges, node.inputs, node.output, node.cells = (e0,), (None,), out._value, (None, out._version)
"""

from __future__ import annotations

import functools
import inspect
import types
from typing import Any

import numpy as np

from . import tape
from .modes import state
from .tape import LEAF, NO_PARAMS, Node, Outline, refresh
from .tensor import Tensor

__all__ = ["attach"]

_RECORD = """\
def record(self, out, {inputs_and_values}, params=NO_PARAMS, shapes=None):
    value = out._value
    if not self.differentiable or value.dtype.kind != "f":
        return
{edges}
    if {untracked}:
        return
    node = new(Node)
    node.primitive = self
    node.edges = ({e_all})
    node.inputs = ({kept})
    node.output = {output}
    node.cells = ({cells})
    node.params = params
    node.shapes = shapes
    node.hooks = None
    node.number = -next(stamps)
    out._node = node
"""

_EDGE_OF_ANY = """\
    e{i} = None
    if isinstance(x{i}, Tensor):
        if x{i}._view is not None and x{i}._view.count != x{i}._version[0]:
            refresh(x{i})
        e{i} = x{i}._node
        if e{i} is LEAF:
            e{i} = x{i}"""

_CALL = """\
def __call__(self, {signature}):
    if {raw_plain}:
        return self.forward({raw_forward})
    if not ({any_tensor}):
        return self.evaluate({raw_evaluate})
{values}
    y = self.forward({forward}) if {plain} else self.evaluate({evaluate})
    out = new(Tensor)
    out._value = y if type(y) is ndarray or not isinstance(y, generic) else asarray(y)
    out._node = out._grad = out._view = out._extra = None
    out._version = [0]
    if ({tracked}) and state.recording:
        self.record(out, {inputs_and_values}{record_params})
    return out
"""

_PROMOTE = """\
    if v0.dtype.kind != "f":
        return self(*self.promote(({inputs},)){keywords})
"""


def attach(cls: type) -> None:
    """Give a primitive's class its ``record`` and, unless it has its own, its ``__call__``."""
    arity = cls.arity  # type: ignore[attr-defined]
    if arity is None:
        return
    scope: dict[str, Any] = {
        "__name__": __name__,
        "LEAF": LEAF,
        "NO_PARAMS": NO_PARAMS,
        "Node": Node,
        "Outline": Outline,
        "Tensor": Tensor,
        "asarray": np.asarray,
        "generic": np.generic,
        "ndarray": np.ndarray,
        "new": object.__new__,
        "refresh": refresh,
        "stamps": tape._stamps,
        "state": state,
    }
    _define(cls, "record", _record_source(cls, arity), scope)
    if not cls.own_call:  # type: ignore[attr-defined]
        _define(cls, "__call__", _call_source(cls, arity), scope)


def _define(cls: type, name: str, source: str, scope: dict[str, Any]) -> None:
    """Set the function that ``source`` defines on the class.

    Classes that declare the same share the source, compiled once; each gets a code object of its own, as the
    interpreter adapts code to the types that it meets.
    """
    template = _compiled(source, name)
    code = template.__code__.replace(co_filename=f"<{name} of {cls.__name__}>")
    function = types.FunctionType(code, scope, name, template.__defaults__)
    function.__kwdefaults__ = template.__kwdefaults__
    function.__qualname__ = f"{cls.__qualname__}.{name}"
    function.__module__ = cls.__module__
    setattr(cls, name, function)


@functools.cache
def _compiled(source: str, name: str) -> types.FunctionType:
    namespace: dict[str, Any] = {"NO_PARAMS": NO_PARAMS}
    exec(compile(source, f"<{name}>", "exec"), namespace)
    function: types.FunctionType = namespace[name]
    return function


def _join(template: str, arity: int) -> str:
    return ", ".join(template.format(i=i) for i in range(arity))


def _record_source(cls: Any, arity: int) -> str:
    kept, cells = [], []
    for i in range(arity):
        is_tensor = f"isinstance(x{i}, Tensor)"
        if cls.bilinear and i < 2:
            needed = f"e{1 - i} is not None"
            kept.append(f"v{i} if {needed} else {f'Outline(v{i})' if cls.outlines else 'None'}")
            cells.append(f"x{i}._version if {needed} and {is_tensor} else None")
        elif i in cls.saves:
            kept.append(f"v{i}")
            cells.append(f"x{i}._version if {is_tensor} else None" if arity > 1 else f"x{i}._version")
        elif arity == 1:
            kept.append(f"Outline(v{i})" if cls.outlines else "None")
            cells.append("None")
        else:
            kept.append(f"({f'Outline(v{i})' if cls.outlines else 'None'}) if {is_tensor} else x{i}")
            cells.append("None")
    if not cls.saves:
        cells = ["None"] * arity if cls.saves_output else []
    if cls.saves_output:
        cells.append("out._version")
    return _RECORD.format(
        inputs_and_values=_join("x{i}, v{i}", arity),
        edges="\n".join(_EDGE_OF_ANY.format(i=i) for i in range(arity)),
        untracked=" and ".join(f"e{i} is None" for i in range(arity)),
        e_all=_join("e{i}", arity) + ",",
        kept=", ".join(kept) + ",",
        output="value" if cls.saves_output else "None",
        cells=", ".join(cells) + ("," if cells else ""),
    )


def _call_source(cls: Any, arity: int) -> str:
    names = _param_names(cls, arity)
    inputs = _join("x{i}", arity)
    keywords = "".join(f", {n}={n}" for n in names)
    values = "\n".join(
        f"    v{i} = x{i}._value" if arity == 1 else f"    v{i} = x{i}._value if isinstance(x{i}, Tensor) else x{i}"
        for i in range(arity)
    )
    if cls.real:
        values += "\n" + _PROMOTE.format(inputs=inputs, keywords=keywords).rstrip("\n")
    tracked = "x{i}._node is not None or x{i}._view is not None"
    return _CALL.format(
        signature=inputs + (", *, " + ", ".join(names) if names else ""),
        any_tensor=" or ".join(f"isinstance(x{i}, Tensor)" for i in range(arity)),
        values=values,
        forward=_join("v{i}", arity) + "".join(f", {n}" for n in names),
        evaluate=_join("v{i}", arity) + keywords,
        plain=" and ".join(f"type(v{i}) is ndarray" for i in range(arity)),
        raw_forward=inputs + "".join(f", {n}" for n in names),
        raw_evaluate=inputs + keywords,
        raw_plain=" and ".join(f"type(x{i}) is ndarray" for i in range(arity)),
        tracked=tracked.format(i=0) if arity == 1 else "True",
        inputs_and_values=_join("x{i}, v{i}", arity),
        record_params=", {" + ", ".join(f'"{n}": {n}' for n in names) + "}" if names else "",
    )


def _param_names(cls: Any, arity: int) -> list[str]:
    """The parameters that ``forward`` takes after its inputs."""
    if not cls.has_params:
        return []
    names = [name for name in inspect.signature(cls.forward).parameters if name != "self"]
    return names[arity:]
