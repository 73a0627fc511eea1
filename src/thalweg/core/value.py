"""What a Tensor can hold besides an ndarray.

A primitive computes on ndarrays. An interpreter (the compiler's tracer, batching, forward mode) hands it values
of its own instead: subclasses of SymbolicValue, which then decide what applying a primitive means. Derivative
rules are written in primitives and operators, so they run on these values as they stand.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .primitive import Primitive

__all__ = ["SymbolicValue"]


class SymbolicValue:
    """A value that interprets primitives. Like arrays it has shape, dtype (NumPy's), ndim and size."""

    __slots__ = ()

    shape: tuple[int, ...]
    dtype: Any

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    def interpret(self, primitive: Primitive, values: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The result of ``primitive(*values, **params)``, at least one of the values being of this class."""
        raise NotImplementedError
