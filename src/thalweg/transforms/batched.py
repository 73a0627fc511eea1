"""Batches: a tensor that holds one value for each sample, with the shape of one."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from ..core.modes import state
from ..core.primitive import Primitive
from ..core.value import SymbolicValue, level_of
from ..ops.broadcast import expand, spread, sum_
from ..ops.shape import permute
from .cells import Cell
from .levels import Level

__all__ = ["BatchLevel", "Batched", "enter", "leave"]


class Batched(Cell):
    """The values of all samples, along axis 0 of the content."""

    __slots__ = ()

    transformation = "vmap"

    def elements(self) -> Any:
        return self.content

    def detached(self) -> Any:
        content = self.content
        inner = content.detached() if isinstance(content, SymbolicValue) else content
        return self if inner is content else self.home.wrap(inner)

    def __bool__(self) -> bool:
        raise self._refuse(
            "a branch on the value of", "each sample has its own: choose with tw.where(condition, a, b) instead"
        )

    def item(self) -> Any:
        raise self._refuse("item() of", "each sample has a value of its own: keep it a tensor, and read it outside")

    tolist = __float__ = __int__ = __index__ = item

    def nonzero(self) -> Any:
        raise self._refuse(
            "how many elements are True or non-zero in",
            "it differs between samples: keep the shape with tw.where(mask, a, b)",
        )

    def __repr__(self) -> str:
        return f"Batched(size={self.home.size}, level={self.level}, values={self.content!r})"


class BatchLevel(Level):
    """A batch of ``size`` samples. ``randomness`` says what random numbers do: "different", "same" or "error"."""

    def __init__(self, size: int, randomness: str = "error") -> None:
        super().__init__()
        self.size = size
        self.randomness = randomness

    def __enter__(self) -> Self:
        state.batches = (*state.batches, self)
        state.inside += 1
        return self

    def __exit__(self, *_: object) -> None:
        state.batches = state.batches[:-1]
        state.inside -= 1

    def holds(self, value: Any) -> bool:
        """Whether a value is a batch of this level."""
        return type(value) is Batched and value.home is self

    def wrap(self, content: Any) -> Batched:
        """A value of this level."""
        return Batched(self, content, tuple(content.shape[1:]), content.dtype)

    def lifted(self, value: Any) -> Any:
        """The content of a batch that holds ``value``, or is it."""
        if self.holds(value):
            return value.content
        if level_of(value) > self.number:
            raise value._refuse(
                "writing",
                "the tensor that it is written into has no such batch: make that from it, "
                "as with x.new_zeros(...) or tw.zeros_like(x), or use an out-of-place operation",
            )
        return expand(value, shape=(self.size, *value.shape))

    def compute(self, primitive: Primitive, values: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The content of ``primitive(*values, **params)``."""
        if not self.size:
            return np.zeros((0, *primitive.shape(*values, **params)), primitive.dtype(*values, **params))
        batched = tuple([self.holds(v) for v in values])
        inputs = tuple([v.content if b else v for v, b in zip(values, batched, strict=True)])
        return primitive.batch(self.size, inputs, batched, **params)

    def collected(self, dy: Any) -> Any:
        return sum_(leave(dy, level=self), dims=(0,), keepdim=False)


class Enter(Primitive):
    """An array as a batch. x : (size, ...) -> (...) of each sample."""

    linear = True

    def forward(self, x: Any, level: BatchLevel) -> Any:
        return level.wrap(x)

    def shape(self, x: Any, level: BatchLevel) -> tuple[int, ...]:
        return tuple(x.shape[1:])

    def evaluate(self, *values: Any, **params: Any) -> Any:
        (x,), level = values, params["level"]
        return x.interpret(self, values, params) if level_of(x) > level.number else level.wrap(x)

    def batch(self, size: int, inputs: Any, batched: Any, level: BatchLevel) -> Any:
        return enter(_exchanged(inputs[0]), level=level)

    def pullback_0(self, dy: Any, y: Any, x: Any, level: BatchLevel) -> Any:
        return leave(dy, level=level)


class Leave(Primitive):
    """A batch as an array: the adjoint, and the inverse, of Enter. What is no batch is repeated."""

    linear = True

    def forward(self, x: Any, level: BatchLevel) -> Any:
        return expand(x, shape=(level.size, *x.shape))

    def shape(self, x: Any, level: BatchLevel) -> tuple[int, ...]:
        return (level.size, *x.shape)

    def evaluate(self, *values: Any, **params: Any) -> Any:
        (x,), level = values, params["level"]
        if level_of(x) > level.number:
            return x.interpret(self, values, params)
        return spread(x.content if level.holds(x) else x, level.size, level.holds(x))

    def batch(self, size: int, inputs: Any, batched: Any, level: BatchLevel) -> Any:
        return _exchanged(leave(inputs[0], level=level))

    def pullback_0(self, dy: Any, y: Any, x: Any, level: BatchLevel) -> Any:
        return enter(dy, level=level)


def _exchanged(x: Any) -> Any:
    """The first two axes, each of them a batch, exchanged."""
    return permute(x, dims=(1, 0, *range(2, x.ndim)))


enter, leave = Enter(), Leave()
