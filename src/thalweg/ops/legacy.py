"""PyTorch's types from before dtypes: ``FloatTensor`` and its like, as constructors and for ``isinstance``."""

from __future__ import annotations

from typing import Any

from ..core.dtypes import (
    bool_,
    dtype,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    set_default_dtype,
    uint8,
)
from ..core.tensor import Tensor
from ..errors import DtypeError
from .creation import empty, tensor

__all__ = [
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "set_default_tensor_type",
]


class TensorType:
    """The tensors of one dtype: calling it makes one, and ``isinstance`` asks for the dtype.

    Called with sizes it leaves the elements unset; called with numbers, lists or an array it copies them.

    >>> import thalweg as tw
    >>> tw.LongTensor([1, 2]), isinstance(tw.zeros(2), tw.FloatTensor), tw.FloatTensor(2, 3).shape
    (tensor([1, 2]), True, thalweg.Size([2, 3]))
    """

    def __init__(self, name: str, kind: dtype) -> None:
        self.__name__ = self.__qualname__ = name
        self.__module__ = "thalweg"
        self.dtype = kind

    def __call__(self, *data: Any, device: Any = None) -> Tensor:
        if not data or all(isinstance(n, int) for n in data):
            return empty(*(data or (0,)), dtype=self.dtype, device=device)
        if len(data) > 1:
            raise TypeError(f"{self.__name__}: takes sizes or one sequence, array or tensor, not {len(data)} arguments")
        if isinstance(data[0], Tensor):
            if data[0].dtype is not self.dtype:
                raise DtypeError(f"{self.__name__}: expected a tensor of {self.dtype}, got {data[0].dtype}; use .to()")
            return data[0].detach()
        return tensor(data[0], dtype=self.dtype, device=device)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is self.dtype

    def __repr__(self) -> str:
        return f"<class 'thalweg.{self.__name__}'>"


FloatTensor = TensorType("FloatTensor", float32)
DoubleTensor = TensorType("DoubleTensor", float64)
HalfTensor = TensorType("HalfTensor", float16)
ByteTensor = TensorType("ByteTensor", uint8)
CharTensor = TensorType("CharTensor", int8)
ShortTensor = TensorType("ShortTensor", int16)
IntTensor = TensorType("IntTensor", int32)
LongTensor = TensorType("LongTensor", int64)
BoolTensor = TensorType("BoolTensor", bool_)

_TYPES = (
    FloatTensor, DoubleTensor, HalfTensor, ByteTensor, CharTensor, ShortTensor, IntTensor, LongTensor, BoolTensor
)  # fmt: skip


class VariableType:
    """PyTorch's wrapper from before tensors had gradients: calling it gives a tensor, and every tensor is one.

    >>> import thalweg as tw
    >>> tw.autograd.Variable(tw.ones(1), requires_grad=True)
    tensor([1.], requires_grad=True)
    """

    __name__ = __qualname__ = "Variable"
    __module__ = "thalweg.autograd"

    def __call__(self, data: Any, requires_grad: bool = False, volatile: bool = False) -> Tensor:
        x = data.detach() if isinstance(data, Tensor) else tensor(data)
        return x.requires_grad_() if requires_grad else x

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, Tensor)


Variable = VariableType()


def type_of(x: Tensor) -> TensorType:
    """The type that ``x`` belongs to."""
    return next(t for t in _TYPES if t.dtype is x.dtype)


def type_named(name: str) -> TensorType:
    """The type with a name such as "FloatTensor", with or without a module before it.

    Raises:
        DtypeError: there is none.
    """
    last = name.rpartition(".")[2]
    for t in _TYPES:
        if t.__name__ == last and ".cuda." not in name:
            return t
    raise DtypeError(f"type: there is no tensor type {name!r}; give a dtype such as tw.float32")


def set_default_tensor_type(t: Any) -> None:
    """Set the dtype of new floating-point tensors by a type such as ``tw.DoubleTensor``, or by its name.

    PyTorch has replaced it by ``set_default_dtype``.
    """
    set_default_dtype((type_named(t) if isinstance(t, str) else t).dtype)
