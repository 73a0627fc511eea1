"""Operators on symbolic values: what derivative rules and compositions of primitives are written with."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.value import SymbolicValue
from . import elementwise as e
from .broadcast import reshape, sum_
from .index import take
from .shape import index, permute

__all__ = ["Operators", "arrays_apart"]


class Operators(SymbolicValue):
    """Gives a symbolic value the operators, and the few methods of arrays, that stand for primitives."""

    __slots__ = ()
    __array_ufunc__: Any = None  # ndarray op value is left to the value
    __hash__ = object.__hash__  # by identity: == compares the elements

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        return permute(self, dims=tuple(range(self.ndim))[::-1])

    def sum(self, dim: int) -> Any:
        return sum_(self, dims=(dim,), keepdim=False)

    def reshape(self, *shape: Any) -> Any:
        return reshape(self, shape=shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape)

    def __getitem__(self, key: Any) -> Any:
        key = key if isinstance(key, tuple) else (key,)
        pattern, arrays = arrays_apart(key)
        return take(self, *arrays, pattern=pattern) if arrays else index(self, index=key)

    def __len__(self) -> int:
        return self.shape[0]

    def __neg__(self) -> Any:
        return e.neg(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return e.abs_(self)

    def __invert__(self) -> Any:
        return e.bitwise_not(self)


def arrays_apart(key: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """An index as the pattern and the index arrays of ``ops.index.take``."""
    arrays = tuple(k for k in key if isinstance(k, (SymbolicValue, np.ndarray)))
    return tuple("array" if isinstance(k, (SymbolicValue, np.ndarray)) else k for k in key), arrays


def _operator(name: str, primitive: Any, reflected: bool) -> None:
    setattr(Operators, f"__{name}__", lambda self, other: primitive(self, other))
    if reflected:
        setattr(Operators, f"__r{name}__", lambda self, other: primitive(other, self))


ARITHMETIC: tuple[tuple[str, Any], ...] = (
    ("add", e.add), ("sub", e.sub), ("mul", e.mul), ("truediv", e.div), ("pow", e.pow_),
    ("floordiv", e.floor_divide), ("mod", e.remainder),
    ("and", e.bitwise_and), ("or", e.bitwise_or), ("xor", e.bitwise_xor),
)  # fmt: skip
COMPARISONS: tuple[tuple[str, Any], ...] = (
    ("eq", e.eq), ("ne", e.ne), ("lt", e.lt), ("le", e.le), ("gt", e.gt), ("ge", e.ge),
)  # fmt: skip
for _name, _primitive in ARITHMETIC:
    _operator(_name, _primitive, reflected=True)
for _name, _primitive in COMPARISONS:
    _operator(_name, _primitive, reflected=False)
