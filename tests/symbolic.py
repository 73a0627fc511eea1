"""A recorder of primitives: the smallest interpreter, and the contract that a compiler can rely on.

A Recorded value computes with an ndarray inside and writes down each primitive that is applied to it. Nothing
else is possible with it: it is no ndarray, has no methods but operators, and can't be changed in place. A rule
that runs on it uses only primitives, operators, shape, dtype, ndim, and the methods T and sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from thalweg.core.primitive import Primitive
from thalweg.core.value import SymbolicValue
from thalweg.ops import elementwise as e
from thalweg.ops.broadcast import sum_
from thalweg.ops.shape import permute


class Recorded(SymbolicValue):
    """An array that remembers in ``tape`` what is done with it."""

    __slots__ = ("inner", "tape")
    __array_ufunc__ = None  # ndarray op Recorded is left to Recorded
    __hash__ = object.__hash__

    def __init__(self, inner: Any, tape: list[Any]) -> None:
        self.inner = np.asarray(inner)
        self.tape = tape

    @property
    def shape(self) -> tuple[int, ...]:
        return self.inner.shape

    @property
    def dtype(self) -> Any:
        return self.inner.dtype

    def interpret(self, primitive: Primitive, values: tuple[Any, ...], params: dict[str, Any]) -> Recorded:
        """Apply the primitive to what is inside, and hold it to its shape rule and dtype rule."""
        arrays = [v.inner if isinstance(v, Recorded) else v for v in values]
        with np.errstate(all="ignore"):
            y = np.asarray(primitive.forward(*arrays, **params))
        assert tuple(primitive.shape(*values, **params)) == y.shape, f"shape rule of {primitive}"
        assert primitive.dtype(*values, **params) == y.dtype, f"dtype rule of {primitive}"
        self.tape.append(primitive.name)
        return Recorded(y, self.tape)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("a rule turned a symbolic value into an array")

    def __bool__(self) -> bool:
        raise TypeError("a rule asked for the truth of a symbolic value")

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        return permute(self, dims=tuple(range(self.ndim))[::-1])

    def sum(self, dim: int) -> Any:
        return sum_(self, dims=(dim,), keepdim=False)

    def __neg__(self) -> Any:
        return e.neg(self)

    def __invert__(self) -> Any:
        return e.bitwise_not(self)


def _operators(name: str, primitive: Primitive, reflected: bool = True) -> None:
    setattr(Recorded, f"__{name}__", lambda self, other: primitive(self, other))
    if reflected:
        setattr(Recorded, f"__r{name}__", lambda self, other: primitive(other, self))


for _name, _primitive in (
    ("add", e.add), ("sub", e.sub), ("mul", e.mul), ("truediv", e.div), ("pow", e.pow_),
    ("and", e.bitwise_and), ("or", e.bitwise_or),
):  # fmt: skip
    _operators(_name, _primitive)
for _name, _primitive in (("eq", e.eq), ("ne", e.ne), ("lt", e.lt), ("le", e.le), ("gt", e.gt), ("ge", e.ge)):
    _operators(_name, _primitive, reflected=False)
