"""Primitives: the few operations that everything else is composed of.

A primitive is one class with one instance. It states its NumPy forward, its shape and dtype rule, its
derivatives, and (for the compiler and for vmap) its lowering and batching rules. Calling the instance applies it:

- to Tensors: the values are computed and, if one of the inputs requires a gradient, a Node is recorded;
- to raw values (ndarrays, or the symbolic values of an interpreter): the result is a raw value.

Derivative rules call primitives and operators on whatever they are given. ``backward`` runs them on raw values,
which costs no bookkeeping; with ``create_graph`` it runs the same rules on Tensors, which records them.
"""

from __future__ import annotations

import functools
from collections.abc import Container
from typing import Any, ClassVar

import numpy as np

from .modes import state
from .tape import LEAF, Node, Outline, View, refresh
from .tensor import Tensor, wrap
from .value import SymbolicValue

__all__ = ["EachInput", "Primitive", "ViewPrimitive", "is_floating", "raw_dtype", "shares_memory"]

ndarray = np.ndarray


def is_floating(value: Any) -> bool:
    return bool(value.dtype.kind == "f")


def raw_dtype(x: Any) -> Any:
    """The NumPy dtype of a Tensor or a raw value."""
    return x._value.dtype if isinstance(x, Tensor) else x.dtype


class EachInput:
    """The pullbacks of a primitive with any number of inputs: rule i is ``pullback(i, dy, y, *inputs)``."""

    def __init__(self, pullback: Any) -> None:
        self._pullback = pullback

    def __getitem__(self, i: int) -> Any:
        return functools.partial(self._pullback, i)


class Primitive:
    """One operation on values.

    Attributes:
        saves: positions of the inputs that the pullbacks read.
        saves_output: whether they read the output.
        outlines: whether they read the shapes or dtypes of inputs that are not saved.
        differentiable: False for operations whose derivative is zero or undefined everywhere.
        real: integer inputs are converted to the default dtype first, by ``promote``.

    A subclass defines ``forward(*inputs, **params)`` on ndarrays and, for each differentiable input i, a method
    ``pullback_i(dy, y, *inputs, **params)`` that maps the output's cotangent to the input's. What is not in
    ``saves`` arrives there as None, or as an Outline (shape and dtype) if ``outlines`` is set.
    """

    saves: ClassVar[Container[int]] = ()
    saves_output: ClassVar[bool] = False
    outlines: ClassVar[bool] = False
    differentiable: ClassVar[bool] = True
    real: ClassVar[bool] = False

    def __init__(self) -> None:
        self.__name__ = self.name = type(self).__name__.lower()
        self.__doc__ = type(self).__doc__
        self.pullbacks = self._pullbacks()

    def _pullbacks(self) -> Any:
        """The rule of each input, by position; None where there is none."""
        positions = [int(name[9:]) for name in dir(self) if name.startswith("pullback_")]
        return [getattr(self, f"pullback_{i}", None) for i in range(max(positions, default=-1) + 1)]

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    # -- the rules ----------------------------------------------------------------------------------------

    def forward(self, *inputs: Any, **params: Any) -> Any:
        """The output for ndarray inputs."""
        raise NotImplementedError

    def shape(self, *inputs: Any, **params: Any) -> tuple[int, ...]:
        """The output's shape, from inputs that have ``shape`` and ``dtype``; raises ShapeError if they don't fit."""
        raise NotImplementedError

    def dtype(self, *inputs: Any, **params: Any) -> Any:
        """The output's NumPy dtype; the first input's unless a subclass says otherwise."""
        return next(x.dtype for x in inputs if hasattr(x, "dtype"))

    def batch(self, size: int, inputs: tuple[Any, ...], axes: tuple[int | None, ...], **params: Any) -> Any:
        """The output, with its batch axis, for inputs that carry a batch of ``size`` along ``axes``."""
        raise NotImplementedError(f"{self.name} has no batching rule")

    def lower(self, emit: Any, *inputs: Any, **params: Any) -> Any:
        """Native code for the operation, through the compiler's ``emit``."""
        raise NotImplementedError(f"{self.name} has no lowering rule")

    def promote(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs, converted to the dtype that the operation computes in."""
        raise NotImplementedError

    def unbroadcast(self, dy: Any, shape: tuple[int, ...] | None) -> Any:
        """A cotangent of the output's shape summed to an input's; only elementwise primitives broadcast."""
        raise NotImplementedError

    # -- application --------------------------------------------------------------------------------------

    def evaluate(self, *values: Any, **params: Any) -> Any:
        """The result for raw values."""
        for v in values:
            if type(v) is not ndarray and isinstance(v, SymbolicValue):
                return v.interpret(self, values, params)
        return self.forward(*values, **params)

    def __call__(self, *args: Any, **params: Any) -> Any:
        if len(args) != 1:
            return self._apply(args, params)
        x = args[0]
        if not isinstance(x, Tensor):
            return self.forward(x, **params) if type(x) is ndarray else self.evaluate(x, **params)
        value = x._value
        if self.real and value.dtype.kind != "f":
            return self(self.promote((x,))[0], **params)
        y = self.forward(value, **params) if type(value) is ndarray else value.interpret(self, (value,), params)
        out = wrap(y)
        if (
            (x._node is not None or x._view is not None)
            and state.recording
            and self.differentiable
            and out._value.dtype.kind == "f"
        ):
            out._node = record(self, (x,), (value,), out, params)
        return out

    def _apply(self, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The general case: several inputs, some of which may be Tensors."""
        values = []
        tensors = tracked = False
        for x in args:
            if isinstance(x, Tensor):
                tensors = True
                tracked = tracked or x._node is not None or x._view is not None
                values.append(x._value)
            else:
                values.append(x)
        y = self.evaluate(*values, **params)
        if not tensors:
            return y
        out = wrap(y)
        if tracked and state.recording and self.differentiable and out._value.dtype.kind == "f":
            out._node = record(self, args, values, out, params)
        return out


def record(
    primitive: Primitive, args: Any, values: Any, out: Tensor, params: dict[str, Any], shapes: Any = None
) -> Node | None:
    """The node of one application, or None if no input requires a gradient.

    ``args`` are the tensors and constants, ``values`` what they hold, ``out`` the result.
    """
    saves = primitive.saves
    edges = []
    inputs = []
    versions = []
    tracked = False
    for i, x in enumerate(args):
        if not isinstance(x, Tensor):
            edges.append(None)
            inputs.append(x)
            continue
        if x._view is not None and x._view.count != x._version[0]:
            refresh(x)
        node = x._node
        if node is not None:
            tracked = True
            edges.append(x if node is LEAF else node)
        else:
            edges.append(None)
        if i in saves:
            inputs.append(values[i])
            versions.append((x._version, x._version[0], i))
        else:
            inputs.append(Outline(values[i]) if primitive.outlines else None)
    if not tracked:
        return None
    value = out._value
    output = None
    if primitive.saves_output:
        output = value
        versions.append((out._version, 0, -1))
    return Node(primitive, edges, inputs, output, value.shape, value.dtype, versions, params, shapes)


class ViewPrimitive(Primitive):
    """A primitive whose result may share the memory of its one input."""

    def __call__(self, x: Any, **params: Any) -> Any:  # type: ignore[override]
        if not isinstance(x, Tensor):
            return self.forward(x, **params) if type(x) is ndarray else self.evaluate(x, **params)
        value = x._value
        y = self.forward(value, **params) if type(value) is ndarray else value.interpret(self, (value,), params)
        out = wrap(y)
        recording = state.recording
        if recording and (x._node is not None or x._view is not None) and out._value.dtype.kind == "f":
            out._node = record(self, (x,), (value,), out, params)
        if shares_memory(y, value):
            out._version = version = x._version
            if recording:
                out._view = View(x, self, params, version[0])
        return out


def shares_memory(y: Any, x: Any) -> bool:
    """Whether ``y``, just made from ``x`` by a NumPy view operation, looks at the memory of ``x``."""
    if type(y) is not ndarray:
        return isinstance(y, SymbolicValue)
    base = y.base
    return y is x or (base is not None and (base is x or base is x.base))
