"""Forward mode: a tensor that holds a value together with its tangent, its derivative along one direction."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from ..core.modes import state
from ..core.primitive import Primitive, raw_dtype
from ..core.value import SymbolicValue, level_of
from ..ops.broadcast import expand, spread
from .cells import Cell
from .levels import Level

__all__ = ["Dual", "DualLevel", "dualize", "primal", "tangent"]


class Dual(Cell):
    """A value, and its tangent of the same shape; None where there is none yet."""

    __slots__ = ()

    transformation = "forward mode"

    @property
    def primal(self) -> Any:
        return self.content[0]

    @property
    def tangent(self) -> Any:
        return self.content[1]

    def elements(self) -> Any:
        return self.primal

    def detached(self) -> Any:
        inner = self.primal
        return self.home.wrap((inner.detached() if isinstance(inner, SymbolicValue) else inner, None))

    def stripped(self) -> Any:
        if self.tangent is not None:
            return self
        return self.primal.stripped() if isinstance(self.primal, SymbolicValue) else self.primal

    def item(self) -> Any:
        """The value without its tangent, as a Python number."""
        return self.primal.item()

    def tolist(self) -> Any:
        return self.primal.tolist()

    def __bool__(self) -> bool:
        return bool(self.primal)

    def __float__(self) -> float:
        return float(self.primal)

    def __int__(self) -> int:
        return int(self.primal)

    def nonzero(self) -> Any:
        return self.primal.nonzero()

    def __repr__(self) -> str:
        return f"Dual(level={self.level}, primal={self.primal!r}, tangent={self.tangent!r})"


class DualLevel(Level):
    """One direction along which derivatives are taken."""

    def __init__(self) -> None:
        super().__init__()
        self._before: list[Any] = []

    def holds(self, value: Any) -> bool:
        """Whether a value has a tangent of this level."""
        return type(value) is Dual and value.home is self

    def __enter__(self) -> Self:
        self._before.append(state.forward)
        state.forward = self
        state.inside += 1
        return self

    def __exit__(self, *_: object) -> None:
        state.forward = self._before.pop()
        state.inside -= 1

    def wrap(self, content: Any) -> Any:
        """A value of this level, which can be given a tangent later; integers and booleans never have one."""
        value = content[0]
        return Dual(self, content, tuple(value.shape), value.dtype) if value.dtype.kind == "f" else value

    def held(self, value: Any) -> Any:
        """New memory, made while this level is the innermost, as memory that can be given a tangent."""
        return value if level_of(value) >= self.number else self.wrap((value, None))

    def lifted(self, value: Any) -> Any:
        """The content of memory that holds ``value``."""
        if self.holds(value):
            return value.content
        if level_of(value) > self.number:
            raise value._refuse(
                "writing",
                "the tensor that it is written into can't hold it: make that from it, as with"
                " x.new_zeros(...) or tw.zeros_like(x), or use an out-of-place operation",
            )
        return value, None

    def compute(self, primitive: Primitive, values: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The value of ``primitive(*values, **params)`` and its tangent."""
        contents = [v.content if self.holds(v) else (v, None) for v in values]
        inputs = tuple([c[0] for c in contents])
        y = primitive.evaluate(*inputs, **params)
        if isinstance(y, np.generic):
            y = np.asarray(y)
        tangents = [c[1] for c in contents]
        if not primitive.differentiable or y.dtype.kind != "f" or all(t is None for t in tangents):
            return y, None
        return y, primitive.pushforward(tangents, y, inputs, params)

    def collected(self, dy: Any) -> Any:
        return tangent(dy, level=self)


def no_tangent(value: Any) -> Any:
    """The tangent of a value that does not change along the direction."""
    return expand(np.zeros((), value.dtype), shape=tuple(value.shape))


class Dualize(Primitive):
    """A value and a tangent of the same shape, put together.

    Cotangents of a level are pairs, too: with the cotangent (c, d), a perturbation of value x and tangent t changes
    the result by d x + c t. So every pullback can run on pairs as it stands, c first.
    """

    arity = 2
    linear = True

    def forward(self, x: Any, t: Any, level: DualLevel) -> Any:
        return level.wrap((x, t))

    def shape(self, x: Any, t: Any, level: DualLevel) -> tuple[int, ...]:
        return tuple(x.shape)

    def evaluate(self, *values: Any, **params: Any) -> Any:
        top, level = max(values, key=level_of), params["level"]
        if level_of(top) > level.number:
            return top.interpret(self, values, params)
        return level.wrap(tuple([primal.half(v, level) for v in values]))

    def batch(self, size: int, inputs: Any, batched: Any, level: DualLevel) -> Any:
        return dualize(*(spread(x, size, b) for x, b in zip(inputs, batched, strict=True)), level=level)

    def pullback_0(self, dy: Any, y: Any, x: Any, t: Any, level: DualLevel) -> Any:
        return tangent(dy, level=level)

    def pullback_1(self, dy: Any, y: Any, x: Any, t: Any, level: DualLevel) -> Any:
        return primal(dy, level=level)


class _Half(Primitive):
    linear = True

    def shape(self, x: Any, level: DualLevel) -> tuple[int, ...]:
        return tuple(x.shape)

    def forward(self, x: Any, level: DualLevel) -> Any:
        return self.half(x, level)

    def half(self, x: Any, level: DualLevel) -> Any:
        """What is asked for of a value that is not of a higher level."""
        raise NotImplementedError

    def evaluate(self, *values: Any, **params: Any) -> Any:
        (x,), level = values, params["level"]
        return x.interpret(self, values, params) if level_of(x) > level.number else self.half(x, level)

    def batch(self, size: int, inputs: Any, batched: Any, level: DualLevel) -> Any:
        return self(inputs[0], level=level)


class Primal(_Half):
    """The value of a pair."""

    def half(self, x: Any, level: DualLevel) -> Any:
        return x.primal if level.holds(x) else x

    def pullback_0(self, dy: Any, y: Any, x: Any, level: DualLevel) -> Any:
        return dualize(_zeros(dy), dy, level=level)


class Tangent(_Half):
    """The tangent of a pair; zeros for a value without."""

    def half(self, x: Any, level: DualLevel) -> Any:
        found = x.tangent if level.holds(x) else None
        return no_tangent(x) if found is None else found

    def pullback_0(self, dy: Any, y: Any, x: Any, level: DualLevel) -> Any:
        return dualize(dy, _zeros(dy), level=level)


def _zeros(dy: Any) -> Any:
    return np.broadcast_to(np.zeros((), raw_dtype(dy)), dy.shape)


dualize, primal, tangent = Dualize(), Primal(), Tangent()
