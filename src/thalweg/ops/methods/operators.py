"""The operators of a Tensor, and Python's protocols."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from inspect import getattr_static
from typing import Any

import numpy as np

from ...core.tape import LEAF
from ...core.tensor import Tensor
from ...errors import AutogradError, ShapeError
from ...missing import MissingMethod
from .. import creation, elementwise, functions, shaping
from ..indexing import getitem, setitem
from ..printing import format_tensor
from .binding import comparison, function, inplace_binary, operator, reflected, unary

e = elementwise


def rebuild(cls: Any, value: Any, requires_grad: bool, grad: Tensor | None) -> Tensor:
    """The tensor that ``__reduce_ex__`` took apart."""
    x: Tensor = cls.__new__(cls)
    x._value, x._grad = value, grad
    x._node = LEAF if requires_grad else None
    return x


class Operators:
    """Operators, indexing and what Python's built-ins ask for."""

    __slots__ = ()

    # -- operators ----------------------------------------------------------------------------------------

    __add__ = operator(e.add)
    __radd__ = operator(e.add)
    __sub__ = operator(e.sub)
    __rsub__ = reflected(e.sub)
    __mul__ = operator(e.mul)
    __rmul__ = operator(e.mul)
    __truediv__ = operator(e.div)
    __rtruediv__ = reflected(e.div)
    __floordiv__ = operator(e.floor_divide)
    __rfloordiv__ = reflected(e.floor_divide)
    __mod__ = operator(e.remainder)
    __rmod__ = reflected(e.remainder)
    __pow__ = operator(e.pow_)
    __rpow__ = reflected(e.pow_)
    __matmul__ = function(functions.matmul)
    __neg__ = unary(e.neg)
    __abs__ = unary(e.abs_)
    __invert__ = unary(e.bitwise_not)
    __and__ = operator(e.bitwise_and)
    __rand__ = operator(e.bitwise_and)
    __or__ = operator(e.bitwise_or)
    __ror__ = operator(e.bitwise_or)
    __xor__ = operator(e.bitwise_xor)
    __rxor__ = operator(e.bitwise_xor)
    __lshift__ = operator(e.bitwise_left_shift)
    __rlshift__ = reflected(e.bitwise_left_shift)
    __rshift__ = operator(e.bitwise_right_shift)
    __rrshift__ = reflected(e.bitwise_right_shift)
    __eq__ = comparison(e.eq)
    __ne__ = comparison(e.ne)
    __lt__ = comparison(e.lt)
    __le__ = comparison(e.le)
    __gt__ = comparison(e.gt)
    __ge__ = comparison(e.ge)

    def __pos__(self: Any) -> Tensor:
        return self

    __hash__ = object.__hash__  # by identity: == compares the elements

    def __rmatmul__(self: Any, other: Any) -> Tensor:
        return functions.matmul(creation.as_tensor(other), self)

    __getitem__ = function(getitem)
    __setitem__ = function(setitem)

    __iadd__ = inplace_binary(e.add, "add_")
    __isub__ = inplace_binary(e.sub, "sub_")
    __imul__ = inplace_binary(e.mul, "mul_")
    __itruediv__ = inplace_binary(e.div, "div_")
    __ifloordiv__ = inplace_binary(e.floor_divide, "floor_divide_")
    __imod__ = inplace_binary(e.remainder, "remainder_")
    __ipow__ = inplace_binary(e.pow_, "pow_")
    __iand__ = inplace_binary(e.bitwise_and, "bitwise_and_")
    __ior__ = inplace_binary(e.bitwise_or, "bitwise_or_")
    __ixor__ = inplace_binary(e.bitwise_xor, "bitwise_xor_")
    __ilshift__ = inplace_binary(e.bitwise_left_shift, "bitwise_left_shift_")
    __irshift__ = inplace_binary(e.bitwise_right_shift, "bitwise_right_shift_")

    # -- Python's protocols -------------------------------------------------------------------------------

    def __dir__(self: Any) -> list[str]:
        owner = type(self)
        return [n for n in object.__dir__(self) if not isinstance(getattr_static(owner, n, None), MissingMethod)]

    def __repr__(self: Any) -> str:
        return format_tensor(self)

    def __format__(self: Any, spec: str) -> str:
        return format(self.item(), spec) if self._value.ndim == 0 and spec else format(repr(self), spec)

    def __len__(self: Any) -> int:
        if not self._value.ndim:
            raise TypeError("len() of a 0-d tensor")
        return int(self._value.shape[0])

    def __iter__(self: Any) -> Iterator[Tensor]:
        if not self._value.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(shaping.unbind(self))

    def __contains__(self: Any, element: Any) -> bool:
        return bool((self == element).any().item())

    def __bool__(self: Any) -> bool:
        if self._value.size != 1:
            raise ShapeError(
                f"bool: the truth of a tensor with {self._value.size} elements is ambiguous; use any() or all()"
            )
        return bool(self._value.reshape(())[()])

    def __float__(self: Any) -> float:
        return float(self.item())

    def __int__(self: Any) -> int:
        return int(self.item())

    def __index__(self: Any) -> int:
        if self._value.dtype.kind not in "iub":
            raise TypeError(f"only integer tensors of one element can be used as an index, not {self.dtype}")
        return int(self.item())

    def __array__(self: Any, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __deepcopy__(self: Any, memo: dict[int, Any]) -> Tensor:
        if self._node is not None and self._node is not LEAF:
            raise AutogradError(
                "deepcopy: only leaf tensors can be copied with their gradient; use clone() or detach()"
            )
        if id(self) in memo:
            return memo[id(self)]
        cls: Any = type(self)
        x: Tensor = cls.__new__(cls)
        memo[id(self)] = x
        x._value = self._value.copy(order="K")
        x._node = self._node
        if self._grad is not None:
            x._grad = self._grad.detach().clone()
        if hasattr(self, "__dict__"):
            x.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return x

    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        """What a worker process is sent: the values, whether a gradient is asked for, and the gradient."""
        if self._node is not None and self._node is not LEAF:
            raise AutogradError("pickle: a tensor's history can't be sent to another process; use x.detach()")
        return rebuild, (type(self), self._value, self._node is LEAF, self._grad), getattr(self, "__dict__", None)
