"""Primitives: the few operations that everything else is composed of.

A primitive is one class with one instance. It states its NumPy forward, its shape and dtype rule, its
derivatives, and (for the compiler and for vmap) its lowering and batching rules. Calling the instance applies it:

- to Tensors: the values are computed and, if one of the inputs requires a gradient, a Node is recorded;
- to raw values (ndarrays, or the symbolic values of an interpreter): the result is a raw value.

Derivative rules call primitives and operators on whatever they are given. ``backward`` runs them on raw values,
which costs no bookkeeping; with ``create_graph`` it runs the same rules on Tensors, which records them.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..errors import AutogradError
from .dispatch import attach
from .modes import state
from .tape import NO_PARAMS, Node, Outline, View, edge_of
from .tensor import Tensor, wrap
from .transpose import transposed_pullback
from .value import SymbolicValue

__all__ = ["Primitive", "ViewPrimitive", "is_floating", "raw_dtype", "shares_memory", "size_of"]

ndarray = np.ndarray

# As in PyTorch, inf and NaN arise without a warning. Functions that often give them run under np.errstate;
# round every addition it would cost as much as the addition, so NumPy's word on those is not shown instead.
warnings.filterwarnings("ignore", ".* encountered in ", RuntimeWarning, r"thalweg\.")


def is_floating(value: Any) -> bool:
    """Whether a raw value can carry a gradient."""
    return bool(value.dtype.kind == "f")


def raw_dtype(x: Any) -> Any:
    """The NumPy dtype of a Tensor or a raw value."""
    return x._value.dtype if isinstance(x, Tensor) else x.dtype


def size_of(x: Any) -> int:
    """The number of elements of whatever has a shape; 1 of a Python number, 0 of None."""
    return 0 if x is None else math.prod(getattr(x, "shape", ()))


class Primitive:
    """One operation on values.

    Attributes:
        arity: the number of inputs; None for any number.
        has_params: what ``forward`` takes beyond its inputs are parameters, given by keyword.
        own_call: the class applies itself; otherwise ``core.dispatch`` generates its ``__call__``.
        saves: positions of the inputs that the pullbacks read.
        bilinear: of the first two inputs, rule 0 reads only the second and rule 1 only the first; each is saved only
            if the other requires a gradient.
        saves_output: whether they read the output.
        outlines: whether they read the shapes or dtypes of inputs that are not saved.
        linear: the output is a linear function of all floating-point inputs together (of the first, if it is one).
        differentiable: False for operations whose derivative is zero or undefined everywhere.
        real: integer inputs are converted to the default dtype first, by ``promote``.

    A subclass defines ``forward(*inputs, **params)`` on ndarrays and, for each differentiable input i, a method
    ``pullback_i(dy, y, *inputs, **params)`` that maps the output's cotangent to the input's. What is not in
    ``saves`` arrives there as None, or as an Outline (shape and dtype) if ``outlines`` is set.
    """

    arity: ClassVar[int | None] = 1
    has_params: ClassVar[bool] = True
    own_call: ClassVar[bool] = False
    saves: ClassVar[Container[int]] = ()
    bilinear: ClassVar[bool] = False
    linear: ClassVar[bool] = False
    saves_output: ClassVar[bool] = False
    outlines: ClassVar[bool] = False
    differentiable: ClassVar[bool] = True
    real: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "own_call" not in cls.__dict__ and "__call__" in cls.__dict__:
            cls.own_call = True
        attach(cls)

    def __init__(self) -> None:
        words = re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__.strip("_"))
        self.__name__ = self.name = words.lower()
        self.__doc__ = type(self).__doc__
        self.node_name = f"{type(self).__name__}Backward"
        self.pullbacks = self._pullbacks()

    def _pullbacks(self) -> Any:
        """The rule of each input, by position; None where there is none."""
        positions = [int(name[9:]) for name in dir(self) if name.startswith("pullback_")]
        return [getattr(self, f"pullback_{i}", None) for i in range(max(positions, default=-1) + 1)]

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def rule(self, position: int) -> Any:
        """The pullback of an input, or an error that names it."""
        found = self.pullbacks[position] if position < len(self.pullbacks) else None
        if found is None:
            raise AutogradError(f"{self.name}: there is no derivative by input {position}; detach() it")
        return found

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

    def batch(self, size: int, *args: Any, **params: Any) -> Any:
        """The outputs for ``size`` samples at once, along axis 0: ``batch(size, inputs, batched, **params)``.

        Each input i with ``batched[i]`` holds a sample's value at every place of its axis 0; the others are the same
        for all samples. Written in primitives, so that the values may be arrays, tensors or symbolic values.
        """
        raise NotImplementedError(f"{self.name} has no batching rule")

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        """How many operations on numbers the forward takes, by the shapes of its output and inputs.

        A multiplication and an addition count two, a function such as exp one. Moving, choosing and sorting elements
        counts nothing.
        """
        return 0

    def compose(self, *inputs: Any, **params: Any) -> Any:
        """The same by simpler primitives on the inputs, whatever values they are; None where it is simple already."""
        return None

    def limits(self, *inputs: Any, **params: Any) -> Sequence[tuple[Any, int, int, type[Exception], str]]:
        """What integer inputs may hold: (input, low, high, error, message) for values that must lie in [low, high).

        ``forward`` raises by itself; code that is compiled tests this beforehand. "{value}" in the message stands for
        the first one outside.
        """
        return ()

    def by_rows(self, *inputs: Any, **params: Any) -> tuple[tuple[bool, ...], dict[str, Any]] | None:
        """Whether the output at i along the first axis can be computed by ``lower`` from parts of the inputs alone.

        If so: for each input whether its part is what it holds at i (otherwise all of it), and the parameters for
        these parts, which lack the first axis.
        """
        return None

    def lower(self, emit: Any, *inputs: Any, **params: Any) -> Any:
        """Native code for one or several elements at once; elementwise primitives only.

        ``emit`` (``compile.lanes.Lanes``) writes the code. The inputs are its lanes, broadcast already, in the dtypes
        that ``forward`` would see, or Python numbers; the result is a lane of the dtype that ``dtype`` gives.
        """
        raise NotImplementedError(f"{self.name} has no lowering rule")

    def promote(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs, converted to the dtype that the operation computes in."""
        raise NotImplementedError

    def unbroadcast(self, dy: Any, shape: tuple[int, ...] | None) -> Any:
        """A cotangent of the output's shape summed to an input's; only elementwise primitives broadcast."""
        raise NotImplementedError

    def pullback(self, edges: Any, dy: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        """The cotangents of all inputs (two or more) whose edge is not None; override it where they share work."""
        return [
            None if edge is None else rule(dy, y, *inputs, **params)
            for edge, rule in zip(edges, self.pullbacks, strict=False)
        ]

    def pushforward(self, tangents: Sequence[Any], y: Any, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
        """The tangent of the output ``y``, from those of the inputs; None stands for a tangent that is zero.

        By default it is derived: linear and bilinear primitives are applied to the tangents, and of others the
        pullback, which is a linear function of its cotangent, is transposed. Override it where that is much faster.
        """
        if self.linear:
            return self.evaluate(*map(_tangent_or_zero, tangents, inputs), **params)
        if self.bilinear and len(inputs) == 2:
            return pushed_product(self, tangents, inputs, params)
        return transposed_pullback(self, tangents, y, inputs, params)

    # -- application --------------------------------------------------------------------------------------

    def evaluate(self, *values: Any, **params: Any) -> Any:
        """The result for raw values."""
        top = None
        for v in values:
            if type(v) is not ndarray and isinstance(v, SymbolicValue) and (top is None or v.level > top.level):
                top = v
        return self.forward(*values, **params) if top is None else top.interpret(self, values, params)

    def __call__(self, *args: Any, **params: Any) -> Any:
        """Apply the primitive; this general form serves those of any number of inputs (see ``core.dispatch``)."""
        values = [x._value if isinstance(x, Tensor) else x for x in args]
        y = self.evaluate(*values, **params)
        if not any(isinstance(x, Tensor) for x in args):
            return y
        out = wrap(y)
        if state.recording:
            self.record_any(out, args, values, params)
        return out

    def record_any(self, out: Tensor, args: Sequence[Any], values: Sequence[Any], params: dict[str, Any]) -> None:
        """``record`` for any number of inputs."""
        edges = [edge_of(x) if isinstance(x, Tensor) else None for x in args]
        if all(edge is None for edge in edges) or not self.differentiable or not is_floating(out._value):
            return
        inputs: list[Any] = []
        cells: list[Any] = []
        for i, (x, value) in enumerate(zip(args, values, strict=True)):
            saved = not isinstance(x, Tensor) or i in self.saves
            inputs.append(value if saved else Outline(value) if self.outlines else None)
            cells.append(x._version if isinstance(x, Tensor) and saved else None)
        output = None
        if self.saves_output:
            output = out._value
            cells.append(out._version)
        out._node = Node(self, edges, inputs, output, cells, params)

    if TYPE_CHECKING:

        def record(self, out: Tensor, *inputs_and_values: Any, params: Any = NO_PARAMS, shapes: Any = None) -> None:
            """Give ``out`` its node, if an input requires a gradient and ``out`` can have one.

            Takes each input (a tensor or a constant) and the value it holds; generated by ``core.dispatch``.
            """


def _tangent_or_zero(tangent: Any, x: Any) -> Any:
    """What a linear primitive is applied to in forward mode: inputs that are no floating-point numbers stay."""
    if tangent is not None or x is None:
        return tangent
    if isinstance(x, (bool, int, float)):
        return 0
    return np.zeros(x.shape, x.dtype) if getattr(x, "dtype", np.dtype(int)).kind == "f" else x


def pushed_product(primitive: Primitive, tangents: Sequence[Any], inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """The tangent of a product of the first two inputs: a_dot b + a b_dot."""
    a, b = inputs[:2]
    parts = [
        primitive.evaluate(*factors, *inputs[2:], **params)
        for tangent, factors in zip(tangents, ((tangents[0], b), (a, tangents[1])), strict=False)
        if tangent is not None
    ]
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


class ViewPrimitive(Primitive):
    """A primitive whose result may share the memory of its one input."""

    def __call__(self, x: Any, **params: Any) -> Any:
        if not isinstance(x, Tensor):
            return self.forward(x, **params) if type(x) is ndarray else self.evaluate(x, **params)
        value = x._value
        y = self.forward(value, **params) if type(value) is ndarray else value.interpret(self, (value,), params)
        out = wrap(y)
        recording = state.recording
        if recording and (x._node is not None or x._view is not None):
            self.record(out, x, value, params=params)
        if shares_memory(y, value):
            out._version = version = x._version
            if recording:
                out._view = View(x, self, params, version[0])
            else:
                out._extra = {"unrecorded view": True}  # recorded in-place changes of it are refused
        return out


def shares_memory(y: Any, x: Any) -> bool:
    """Whether ``y``, just made from ``x`` by a NumPy view operation, looks at the memory of ``x``."""
    if type(y) is not ndarray:
        return isinstance(y, SymbolicValue)
    base = y.base
    return y is x or (base is not None and (base is x or base is x.base))
