"""Primitives: the few operations that everything else is composed of.

A primitive is one class with one instance. It states its NumPy forward, its shape and dtype rule, its
derivatives, and (for the compiler and for vmap) its lowering and batching rules. Calling the instance applies it:

- to Tensors: the values are computed and, if one of the inputs requires a gradient, a Node is recorded;
- to raw values (ndarrays, or the symbolic values of an interpreter): the result is a raw value.

Derivative rules call primitives and operators on whatever they are given. ``backward`` runs them on raw values,
which costs no bookkeeping; with ``create_graph`` it runs the same rules on Tensors, which records them.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, ClassVar

import numpy as np

from .modes import state
from .tape import LEAF, Node, Outline, View, refresh
from .tensor import Tensor, wrap
from .value import SymbolicValue

__all__ = ["Primitive", "ViewPrimitive", "is_floating", "raw_dtype", "shares_memory"]

ndarray = np.ndarray


def is_floating(value: Any) -> bool:
    return bool(value.dtype.kind == "f")


def raw_dtype(x: Any) -> Any:
    """The NumPy dtype of a Tensor or a raw value."""
    return x._value.dtype if isinstance(x, Tensor) else x.dtype


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

    def pullback(self, edges: Any, dy: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        """The cotangents of all inputs whose edge is not None; override it where they share work."""
        if len(edges) == 1:
            return (self.pullbacks[0](dy, y, *inputs, **params),)
        return [
            None if edge is None else rule(dy, y, *inputs, **params)
            for edge, rule in zip(edges, self.pullbacks, strict=False)
        ]

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
            return self(self.promote(args)[0], **params)
        y = self.forward(value, **params) if type(value) is ndarray else value.interpret(self, (value,), params)
        out = wrap(y)
        if (x._node is not None or x._view is not None) and state.recording:
            self.record_unary(x, out, params)
        return out

    def _apply(self, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The general case: several inputs, some of which may be Tensors."""
        values = []
        tensors = tracked = False
        plain = True
        for x in args:
            if isinstance(x, Tensor):
                tensors = True
                if x._node is not None or x._view is not None:
                    tracked = True
                x = x._value  # noqa: PLW2901
            if type(x) is not ndarray:
                plain = False
            values.append(x)
        y = self.forward(*values, **params) if plain else self.evaluate(*values, **params)
        if not tensors:
            return y
        out = wrap(y)
        if tracked and state.recording:
            self.record(args, values, out, params)
        return out

    def record_unary(self, x: Tensor, out: Tensor, params: dict[str, Any]) -> None:
        """``record`` for one input."""
        if x._view is not None and x._view.count != x._version[0]:
            refresh(x)
        node, value = x._node, out._value
        if node is None or value.dtype.kind != "f" or not self.differentiable:
            return
        cells: tuple[Any, ...] = ()
        if 0 in self.saves:
            kept, cells = x._value, (x._version,)
        else:
            kept = Outline(x._value) if self.outlines else None
        edge = x if node is LEAF else node
        if self.saves_output:
            out._node = Node(self, (edge,), (kept,), value, (*cells, out._version), params)
        else:
            out._node = Node(self, (edge,), (kept,), None, cells, params)

    def record(
        self, args: Sequence[Any], values: Sequence[Any], out: Tensor, params: dict[str, Any], shapes: Any = None
    ) -> None:
        """Give ``out`` its node, if an input requires a gradient and ``out`` can have one.

        ``args`` are the tensors and constants, ``values`` what they hold.
        """
        value = out._value
        if value.dtype.kind != "f" or not self.differentiable:
            return
        saves = self.saves
        edges = []
        inputs = []
        cells = []
        tracked = False
        i = 0
        for x in args:
            if isinstance(x, Tensor):
                if x._view is not None and x._view.count != x._version[0]:
                    refresh(x)
                node = x._node
                if node is None:
                    edges.append(None)
                else:
                    edges.append(x if node is LEAF else node)
                    tracked = True
                if i in saves:
                    inputs.append(values[i])
                    cells.append(x._version)
                else:
                    inputs.append(Outline(values[i]) if self.outlines else None)
                    cells.append(None)
            else:
                edges.append(None)
                inputs.append(x)
                cells.append(None)
            i += 1  # noqa: SIM113 - enumerate costs more than the loop's body may
        if not tracked:
            return
        if self.saves_output:
            cells.append(out._version)
            out._node = Node(self, edges, inputs, value, cells, params, shapes)
        else:
            out._node = Node(self, edges, inputs, None, cells if saves else (), params, shapes)


class ViewPrimitive(Primitive):
    """A primitive whose result may share the memory of its one input."""

    def __call__(self, x: Any, **params: Any) -> Any:  # type: ignore[override]
        if not isinstance(x, Tensor):
            return self.forward(x, **params) if type(x) is ndarray else self.evaluate(x, **params)
        value = x._value
        y = self.forward(value, **params) if type(value) is ndarray else value.interpret(self, (value,), params)
        out = wrap(y)
        recording = state.recording
        if recording and (x._node is not None or x._view is not None):
            self.record_unary(x, out, params)
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
