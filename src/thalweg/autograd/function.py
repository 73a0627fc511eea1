"""Functions with a derivative of the user's own."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.bundle import Bundle, pick_node
from ..core.modes import no_grad, state
from ..core.primitive import Primitive, is_floating
from ..core.tape import Node, edge_of, mark_changed
from ..core.tensor import Tensor, wrap
from ..core.value import level_of
from ..errors import AutogradError
from ..ops.base import convert
from ..ops.broadcast import broadcasts, sum_to
from ..ops.creation import zeros
from ..ops.inplace import check_writable
from ..transforms.duals import Dual, DualLevel, dualize, primal, tangent
from ..transforms.forward import linearize
from ..transforms.trees import leaves_of, rebuilt

__all__ = ["Function", "FunctionCtx", "once_differentiable"]


class FunctionCtx:
    """What ``forward`` hands to ``backward``: saved tensors and attributes of any name."""

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        self._to_save: tuple[Any, ...] = ()
        self._dirty: tuple[Tensor, ...] = ()
        self._constant: tuple[Tensor, ...] = ()
        self._materialize = True
        self._saved: tuple[Any, ...] = ()
        self._node: Any = None
        self._inputs: tuple[Any, ...] = ()  # shape and dtype of what forward was given, and of what it returned
        self._outlines: tuple[Any, ...] = ()

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs or outputs for ``backward``; changes made to them in place meanwhile are then noticed."""
        self._to_save = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """There for PyTorch's ``jvp``: forward mode needs nothing but ``forward`` and ``backward``."""

    def mark_dirty(self, *args: Tensor) -> None:
        """Say which inputs ``forward`` has changed in place; they must be returned."""
        self._dirty = args

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Say which outputs have no gradient."""
        self._constant = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` sees zeros (the default) or None for outputs that were not used."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What ``save_for_backward`` was given."""
        return tuple(item() if isinstance(item, _SavedOutput) else item for item in self._saved)

    def keep(self, outputs: tuple[Any, ...]) -> list[Any]:
        """Take over what was to be saved; returns the version cells to be checked.

        An output is kept as its value: the tensor leads to the node, and the node to this object.
        """
        saved: list[Any] = []
        cells: list[Any] = []
        for x in self._to_save:
            place = next((i for i, y in enumerate(outputs) if y is x and x is not None), None)
            saved.append(x if place is None else _SavedOutput(self, x._value, place, len(outputs) > 1))
            cells.append(x._version if isinstance(x, Tensor) else None)
        self._saved, self._to_save = tuple(saved), ()
        return cells


class _SavedOutput:
    """An output that was saved, to be rebuilt at its place in the graph."""

    def __init__(self, ctx: FunctionCtx, value: Any, place: int, several: bool) -> None:
        self.ctx = weakref.ref(ctx)
        self.value, self.place, self.several = value, place, several

    def __call__(self) -> Tensor:
        x = wrap(self.value)
        ctx = self.ctx()
        node = None if ctx is None or ctx._node is None else ctx._node()
        if node is not None:
            x._node = pick_node(node, self.place) if self.several else node
        return x


class _FunctionCall(Primitive):
    """One application of a Function, as a primitive of its own. Its first input is the context."""

    def __init__(self, function: type[Function]) -> None:
        super().__init__()
        self.function = function
        self.name = self.__name__ = function.__name__
        self.node_name = f"{self.name}Backward"

    def pullback(self, edges: Any, dy: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        """The cotangents of all inputs from one run of the function's ``backward``."""
        ctx, *rest = inputs
        gradients = [
            g if edge is None or g is None else self._fitted(i, g, *outline)
            for i, (edge, g, outline) in enumerate(
                zip(edges[1:], self._run(dy, ctx, len(rest)), ctx._inputs, strict=True)
            )
        ]
        if state.recording:
            return (None, *gradients)
        return (None, *(g if g is None else g._value for g in gradients))

    def _fitted(self, position: int, g: Tensor, shape: tuple[int, ...], dtype: Any) -> Tensor:
        """A gradient in the shape and dtype of its input: broadcast axes are summed, other shapes refused."""
        if g._value.shape != shape:
            if not broadcasts(shape, g._value.shape):
                raise AutogradError(
                    f"{self.name}.backward: gradient {position} has shape {tuple(g.shape)}, but input {position} of "
                    f"forward has shape {shape}; they must be equal"
                )
            g = sum_to(g, shape)
        return g if g._value.dtype == dtype else convert(g, dtype=dtype)

    def _run(self, dy: Any, ctx: FunctionCtx, count: int) -> tuple[Any, ...]:
        parts = dy.parts if isinstance(dy, Bundle) else {0: dy}
        cotangents = []
        for i, (shape, dtype) in enumerate(ctx._outlines):
            if i in parts:
                cotangents.append(parts[i] if isinstance(parts[i], Tensor) else wrap(parts[i]))
            else:
                cotangents.append(zeros(shape, dtype=dtype) if ctx._materialize and shape is not None else None)
        result = self.function.backward(ctx, *cotangents)
        gradients = result if isinstance(result, tuple) else (result,)
        if len(gradients) < count or any(g is not None for g in gradients[count:]):
            raise AutogradError(
                f"{self.name}.backward: returned {len(gradients)} gradients for {count} inputs of forward; return one "
                "for each, None where there is none"
            )
        for position, g in enumerate(gradients[:count]):
            if g is not None and not isinstance(g, Tensor):
                raise AutogradError(
                    f"{self.name}.backward: gradient {position} is a {type(g).__name__}; return a tensor or None"
                )
        return tuple(gradients[:count])


class Function:
    """A differentiable function that states its own derivative.

    Subclasses define static methods ``forward(ctx, *args)`` and ``backward(ctx, *grad_outputs)``, which returns one
    gradient for each argument of ``forward``. With a static ``setup_context(ctx, inputs, output)``, ``forward``
    takes no ctx. What ``backward`` does is recorded under ``create_graph``, so it can be differentiated again.

    >>> import thalweg as tw
    >>> class Cube(tw.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x**3
    ...     @staticmethod
    ...     def backward(ctx, dy):
    ...         (x,) = ctx.saved_tensors
    ...         return 3 * x**2 * dy
    >>> x = tw.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The value."""
        raise NotImplementedError("Function.forward: define a static method forward(ctx, *args)")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients by the arguments of ``forward``, from those by its outputs."""
        raise NotImplementedError("Function.backward: define a static method backward(ctx, *grad_outputs)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Compute the function and record it.

        Forward mode transposes ``backward``. Where a gradient is asked for as well, it goes through what ``forward``
        does.
        """
        needs = tuple(isinstance(x, Tensor) and x.requires_grad for x in args)
        level = _direction(args)
        if level is not None and not (state.recording and any(needs)):
            return _pushed(cls, args, level)
        ctx = FunctionCtx(needs)
        with no_grad():
            if hasattr(cls, "setup_context"):
                result = cls.forward(*args)
                cls.setup_context(ctx, args, result)
            else:
                result = cls.forward(ctx, *args)
        outputs = result if isinstance(result, tuple) else (result,)
        outputs = tuple(_fresh(y, args, ctx) for y in outputs)
        if state.recording and any(needs):
            _record(cls, ctx, args, outputs)
        return outputs if isinstance(result, tuple) else outputs[0]


def _direction(args: tuple[Any, ...]) -> DualLevel | None:
    """The level of forward mode that the values of highest level belong to."""
    values = [x._value for x in args if isinstance(x, Tensor) and type(x._value) is not np.ndarray]
    top = max(values, key=level_of, default=None)
    return top.home if isinstance(top, Dual) else None


def _pushed(cls: type[Function], args: tuple[Any, ...], level: DualLevel) -> Any:
    """The outputs with their tangents."""
    moving = [i for i, x in enumerate(args) if isinstance(x, Tensor) and level.holds(x._value)]
    primals = [primal(args[i], level=level) for i in moving]
    outputs, push = linearize(functools.partial(_apply_to, cls, args, moving), *primals)
    tangents = push(*(tangent(args[i], level=level) for i in moving))
    pairs = zip(leaves_of(outputs), leaves_of(tangents), strict=True)
    return rebuilt(outputs, (dualize(y, t, level=level) for y, t in pairs))


def _apply_to(cls: type[Function], args: tuple[Any, ...], places: list[int], *tensors: Tensor) -> Any:
    given = list(args)
    for i, x in zip(places, tensors, strict=True):
        given[i] = x
    return cls.apply(*given)


def _fresh(y: Any, args: tuple[Any, ...], ctx: FunctionCtx) -> Any:
    """An output that is one of the inputs, unchanged, becomes a tensor of its own."""
    if isinstance(y, Tensor) and any(y is x for x in args) and not any(y is d for d in ctx._dirty):
        x = wrap(y._value)
        x._version = y._version
        return x
    return y


def _record(cls: type[Function], ctx: FunctionCtx, args: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
    for x in ctx._dirty:
        check_writable(x, cls.__name__)
        mark_changed(x)
    edges = (None, *(edge_of(x) if isinstance(x, Tensor) else None for x in args))
    ctx._inputs = tuple((x._value.shape, x._value.dtype) if isinstance(x, Tensor) else (None, None) for x in args)
    ctx._outlines = tuple((y._value.shape, y.dtype) if isinstance(y, Tensor) else (None, None) for y in outputs)
    cells = ctx.keep(outputs)
    inputs = (ctx, *(None for _ in args))
    node = Node(_FunctionCall(cls), edges, inputs, cells=cells)
    ctx._node = weakref.ref(node)
    for i, y in enumerate(outputs):
        if isinstance(y, Tensor) and is_floating(y._value) and not any(y is c for c in ctx._constant):
            y._node = node if len(outputs) == 1 else pick_node(node, i)


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator for ``backward`` methods that can't be differentiated again: asking for it is then an error."""

    @functools.wraps(backward)
    def wrapper(ctx: Any, *grad_outputs: Any) -> Any:
        with no_grad():
            result = backward(ctx, *grad_outputs)
        if not state.recording:
            return result
        gradients = result if isinstance(result, tuple) else (result,)
        sources = [g for g in grad_outputs if isinstance(g, Tensor) and g.requires_grad]
        return tuple(_Once.apply(g, *sources) if isinstance(g, Tensor) and sources else g for g in gradients)

    return wrapper


class _Once(Function):
    """Passes its first argument on; differentiating through it is an error."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *sources: Tensor) -> Tensor:
        return x

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise AutogradError("backward: this function is marked once_differentiable; it has no second derivative")
