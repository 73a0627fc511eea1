"""What elementwise primitives share: promotion, broadcasting, and the product that derivative rules use."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..core.dtypes import BOOL, FLOAT64, default_float, result_dtype
from ..core.modes import state
from ..core.primitive import Primitive, size_of
from ..core.tape import NO_PARAMS
from ..core.tensor import Tensor, wrap
from ..core.value import SymbolicValue
from ..errors import DtypeError, ShapeError
from .broadcast import aligned, expand, sum_to

__all__ = ["Elementwise", "Unary", "convert", "isfinite", "quiet", "safe_mul", "where"]

ndarray = np.ndarray
quiet = np.errstate(all="ignore")  # as PyTorch, no warnings for inf and NaN


class Elementwise(Primitive):
    """Each output element depends on the elements at its place; inputs broadcast and are promoted.

    ``pullback_i`` may return a cotangent of the output's shape: it is summed back to the input's.
    """

    arity = 2
    has_params = False
    boolean: ClassVar[bool] = False  # the output is bool whatever the inputs are

    def shape(self, *inputs: Any, **params: Any) -> tuple[int, ...]:
        shapes = [x.shape for x in inputs if hasattr(x, "shape")]
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            raise self.broadcast_error(shapes) from None

    def dtype(self, *inputs: Any, **params: Any) -> Any:
        return BOOL if self.boolean else result_dtype(list(inputs))

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return size_of(y)

    def broadcast_error(self, shapes: list[Any]) -> ShapeError:
        text = " and ".join(str(tuple(s)) for s in shapes)
        return ShapeError(
            f"{self.name}: shapes {text} can't be broadcast together; from the right, sizes must be equal or 1"
        )

    def misfit(self, *values: Any) -> Exception:
        """What to raise after a failed forward: it was the shapes, or the dtypes."""
        try:
            self.shape(*values)
        except ShapeError as error:
            return error
        dtypes = " and ".join(str(v.dtype) if hasattr(v, "dtype") else type(v).__name__ for v in values)
        return DtypeError(f"{self.name}: can't compute with {dtypes}; convert the operands first, as with .float()")

    def unbroadcast(self, dy: Any, shape: tuple[int, ...] | None) -> Any:
        return dy if shape is None or dy.shape == shape else sum_to(dy, shape)

    def batch(self, size: int, inputs: Any, batched: Any, **params: Any) -> Any:
        """The inputs with their axes aligned, as broadcasting counts them from the right."""
        rank = max(len(getattr(x, "shape", ())) - b for x, b in zip(inputs, batched, strict=True))
        return self.evaluate(*(aligned(x, rank) if b else x for x, b in zip(inputs, batched, strict=True)), **params)

    def pushforward(self, tangents: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        """The pullback of each tangent, added up: an elementwise derivative is a diagonal, its own transpose."""
        total = None
        for i, tangent in enumerate(tangents):
            if tangent is not None:
                part = self.rule(i)(_wide(tangent, y.shape), y, *inputs, **params)
                total = part if total is None else total + part
        return None if total is None else _wide(total, y.shape)

    def promote(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Tensors of one dtype; Python numbers stay as they are where they don't change it."""
        values = [x._value if isinstance(x, Tensor) else x for x in args]
        target = result_dtype(values)
        if self.real and target.kind != "f":
            target = default_float()
        return tuple(
            convert(x, dtype=target) if isinstance(x, Tensor) and x._value.dtype != target else _constant(x, target)
            for x in args
        )

    def __call__(self, a: Any, b: Any) -> Any:
        if type(a) is ndarray and type(b) is ndarray:
            return self.forward(a, b)
        if isinstance(a, Tensor):
            va = a._value
            tracked = a._node is not None or a._view is not None
            if isinstance(b, Tensor):
                vb = b._value
                if va.dtype is not vb.dtype and va.dtype != vb.dtype:
                    return self(*self.promote((a, b)))
                tracked = tracked or b._node is not None or b._view is not None
            elif (va.dtype.kind, type(b)) in _FITS:
                vb = b
            else:
                return self._with_constant(a, b)
        elif isinstance(b, Tensor):
            va, vb = a, b._value
            if (vb.dtype.kind, type(a)) not in _FITS:
                return self._with_constant(a, b)
            tracked = b._node is not None or b._view is not None
        else:
            return self.evaluate(a, b)
        if self.real and (getattr(va, "dtype", FLOAT64).kind != "f" or getattr(vb, "dtype", FLOAT64).kind != "f"):
            return self(*self.promote((a, b)))
        try:
            y = self.forward(va, vb) if type(va) is ndarray and type(vb) is ndarray else self.evaluate(va, vb)
        except (ValueError, TypeError):
            raise self.misfit(va, vb) from None
        out = wrap(y)
        if tracked and state.recording:
            self.record(out, a, va, b, vb, NO_PARAMS, _broadcast_shapes(y, va, vb))
        return out

    def _with_constant(self, a: Any, b: Any) -> Any:
        """One operand is no Tensor and does not fit as it stands."""
        other = b if isinstance(a, Tensor) else a
        if isinstance(other, (list, tuple, str)) or other is None:
            raise TypeError(
                f"{self.name}: unsupported operand of type {type(other).__name__}; make a tensor of it with tw.tensor"
            )
        if isinstance(other, (np.ndarray, np.generic, SymbolicValue)):
            other = wrap(other)
            return self(a, other) if isinstance(a, Tensor) else self(other, b)
        if not isinstance(other, (bool, int, float)):
            try:
                other = float(other)
            except (TypeError, ValueError):
                raise TypeError(f"{self.name}: unsupported operand of type {type(other).__name__}") from None
            return self(a, other) if isinstance(a, Tensor) else self(other, b)
        return self(*self.promote((a, b)))


# Where NumPy treats a Python number beside an array of this kind as PyTorch does.
_FITS = frozenset({("f", float), ("f", int), ("f", bool), ("i", int), ("i", bool), ("u", bool), ("b", bool)})


def _constant(x: Any, target: np.dtype[Any]) -> Any:
    """A Python number beside an array of ``target``; integers wrap round as PyTorch's do."""
    if isinstance(x, Tensor) or target.kind == "f":
        return x
    return wrap(np.asarray(x).astype(target))


def _wide(x: Any, shape: tuple[int, ...]) -> Any:
    return x if x.shape == shape else expand(x, shape=shape)


def _broadcast_shapes(y: Any, a: Any, b: Any) -> tuple[Any, ...] | None:
    """The inputs' shapes where one of them was broadcast, else None."""
    a_shape, b_shape, shape = getattr(a, "shape", None), getattr(b, "shape", None), y.shape
    if (a_shape is None or a_shape == shape) and (b_shape is None or b_shape == shape):
        return None
    return a_shape, b_shape


class Unary(Elementwise):
    """An elementwise primitive of one input: it states ``derivative(y, x)``, of which ``saves`` are given."""

    arity = 1
    own_call = False

    def derivative(self, y: Any, x: Any) -> Any:
        """dy/dx, elementwise."""
        raise NotImplementedError

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        return safe_mul(dy, self.derivative(y, x))

    if TYPE_CHECKING:

        def __call__(self, x: Any) -> Any:  # type: ignore[override]
            """Apply the primitive."""


class Convert(Primitive):
    """The same numbers in another dtype; its derivative converts back."""

    outlines = True
    linear = True

    def forward(self, x: Any, dtype: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.asarray(x).astype(dtype)

    def shape(self, x: Any, dtype: Any) -> tuple[int, ...]:
        return tuple(x.shape)

    def dtype(self, x: Any, dtype: Any) -> Any:
        return np.dtype(dtype)

    def batch(self, size: int, inputs: Any, batched: Any, dtype: Any) -> Any:
        return convert(inputs[0], dtype=dtype)

    def pullback_0(self, dy: Any, y: Any, x: Any, dtype: Any) -> Any:
        return convert(dy, dtype=x.dtype)

    def lower(self, emit: Any, x: Any, dtype: Any) -> Any:
        return emit.convert(x, dtype)


class IsFinite(Unary):
    """True where ``x`` is neither infinite nor NaN."""

    differentiable = False
    boolean = True
    forward = staticmethod(np.isfinite)

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.isfinite(x)


_PLAIN = (ndarray, float)


class Where(Elementwise):
    """``a`` where ``condition`` holds, ``b`` elsewhere.

    Cotangents go to the branch that was taken; the other receives exact zeros.
    """

    arity = 3
    saves = (0,)

    def forward(self, condition: Any, a: Any, b: Any) -> Any:
        return np.where(condition, a, b)

    def dtype(self, condition: Any, a: Any, b: Any) -> Any:
        return result_dtype([a, b])

    def pullback_1(self, dy: Any, y: Any, condition: Any, a: Any, b: Any) -> Any:
        return where(condition, dy, 0.0)

    def pullback_2(self, dy: Any, y: Any, condition: Any, a: Any, b: Any) -> Any:
        return where(condition, 0.0, dy)

    def lower(self, emit: Any, condition: Any, a: Any, b: Any) -> Any:
        return emit.select(condition, a, b)

    def __call__(self, condition: Any, a: Any, b: Any) -> Any:  # type: ignore[override]
        if not (isinstance(condition, Tensor) or isinstance(a, Tensor) or isinstance(b, Tensor)):
            if type(condition) is ndarray and type(a) in _PLAIN and type(b) in _PLAIN:
                return np.where(condition, a, b)
            return self.evaluate(condition, a, b)
        args = (condition, *self.promote((a, b)))
        values = tuple(x._value if isinstance(x, Tensor) else x for x in args)
        if getattr(values[0], "dtype", BOOL) != BOOL:
            raise DtypeError(
                f"where: the condition must be a bool tensor, not {values[0].dtype}; compare first, as in x > 0"
            )
        if not (isinstance(args[1], Tensor) or isinstance(args[2], Tensor)):
            target = result_dtype([a, b])
            values = (values[0], *(_as_value(v, target) for v in (a, b)))
        shape = self.shape(*values)
        out = wrap(self.evaluate(*values))
        if state.recording:
            shapes = tuple(getattr(v, "shape", None) for v in values)
            broadcast = shapes if any(s is not None and s != shape for s in shapes) else None
            pairs = zip(args, values, strict=True)
            self.record(out, *(item for pair in pairs for item in pair), NO_PARAMS, broadcast)
        return out


def _as_value(x: Any, target: Any) -> Any:
    return convert(x, dtype=target) if isinstance(x, SymbolicValue) else np.asarray(x, target)


class SafeMul(Elementwise):
    """dy * d, where 0 * d is 0 even if d is infinite or NaN: a branch that was not taken sends nothing back.

    dy, d : broadcast together -> the product. Its own derivatives obey the same rule, to any order.
    """

    saves = (0, 1)

    def forward(self, dy: Any, d: Any) -> Any:
        y = dy * d
        if type(y) is not ndarray:
            return y if y == y or dy != 0 else np.zeros_like(y)
        flat = y.ravel()
        norm = np.dot(flat, flat) if y.dtype != np.float16 else np.nan
        if norm != norm:  # a NaN somewhere
            y[np.isnan(y) & (np.asarray(dy) == 0)] = 0
        return y

    def pullback_0(self, dz: Any, z: Any, dy: Any, d: Any) -> Any:
        if isinstance(d, (int, float)) and math.isfinite(d):
            return safe_mul(dz, d)  # where() would make a tensor of the default dtype of it
        return safe_mul(dz, where((dy != 0) | isfinite(d), d, 0.0))

    def pullback_1(self, dz: Any, z: Any, dy: Any, d: Any) -> Any:
        return safe_mul(dz, dy)

    def lower(self, emit: Any, dy: Any, d: Any) -> Any:
        if isinstance(d, (int, float)) and math.isfinite(d):
            return emit.mul(dy, d)
        if getattr(dy, "dtype", None) == BOOL and getattr(d, "dtype", BOOL) != BOOL:
            return emit.select(dy, d, emit.copysign(0.0, d) if d.dtype.kind == "f" else 0)
        y = emit.mul(dy, d)
        if y.dtype.kind != "f":
            return y
        return emit.select(emit.logical_and(emit.isnan(y), emit.eq(dy, 0)), 0, y)


convert = Convert()
isfinite = IsFinite()
where = Where()
safe_mul = SafeMul()
