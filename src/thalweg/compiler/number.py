"""Numbers that are read anew for each run, such as learning rates and floats among the arguments."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ops import elementwise as e
from ..ops.operators import COMPARISONS
from .graph import Node
from .handle import Handle

if TYPE_CHECKING:
    from .trace import Trace

__all__ = ["Number"]


class Number(Handle):
    """A number that is read from somewhere for each run; arithmetic with numbers gives numbers again.

    ``actual`` is its value now. Python code may use it as a float: what this decides holds only for this value, or
    while a comparison comes out the same, and is noted as a guard.
    """

    __slots__ = ("actual", "source")

    def __init__(self, trace: Trace, node: Node, actual: float, source: Any) -> None:
        super().__init__(trace, node, weak=True)
        self.actual = actual
        self.source = source

    def compare(self, operation: str, other: Any) -> Any:
        """The outcome now, which later runs must reproduce."""
        among = isinstance(other, Number)
        outcome = getattr(float(self.actual), operation)(float(other.actual if among else other))
        self.trace.guard_number(self, operation, other.source if among else float(other), outcome)
        return outcome

    def __float__(self) -> float:
        self.compare("__eq__", self if math.isnan(self.actual) else self.actual)
        return float(self.actual)

    def __int__(self) -> int:
        return int(float(self))

    __trunc__ = __int__

    def __index__(self) -> int:
        raise TypeError("'float' object cannot be interpreted as an integer")

    def __bool__(self) -> bool:
        return bool(self.compare("__ne__", 0.0))

    def __hash__(self) -> int:
        return hash(float(self))

    def __repr__(self) -> str:
        return repr(float(self))

    def __format__(self, spec: str) -> str:
        return format(float(self), spec)

    def __round__(self, digits: int | None = None) -> Any:
        return round(float(self), digits)

    def __floor__(self) -> int:
        return math.floor(float(self))

    def __ceil__(self) -> int:
        return math.ceil(float(self))

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return np.array(float(self), *args[:1])

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """NumPy's numbers and arrays compute with it as with tensors; other functions see its value now."""
        if ufunc in _UFUNCS and method == "__call__" and not kwargs:
            return _UFUNCS[ufunc](*(v.item() if isinstance(v, np.generic) else v for v in inputs))
        return getattr(ufunc, method)(*(float(v) if isinstance(v, Number) else v for v in inputs), **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(float, name):
            raise AttributeError(f"'float' object has no attribute {name!r}")
        return getattr(float(self), name)

    def item(self) -> Any:
        return float(self)

    def tolist(self) -> Any:
        return float(self)


_UFUNCS: dict[Any, Any] = {
    np.add: e.add, np.subtract: e.sub, np.multiply: e.mul, np.divide: e.div, np.power: e.pow_,
    np.floor_divide: e.floor_divide, np.remainder: e.remainder,
}  # fmt: skip


def _compared(number: Number, operation: str, other: Any, primitive: Any) -> Any:
    if isinstance(other, (int, float)) or type(other) is Number:
        return number.compare(operation, other)
    return primitive(number, other) if hasattr(other, "dtype") else NotImplemented


def _comparison(name: str, primitive: Any) -> None:
    setattr(Number, name, lambda self, other: _compared(self, name, other, primitive))


for _name, _primitive in COMPARISONS:
    _comparison(f"__{_name}__", _primitive)
