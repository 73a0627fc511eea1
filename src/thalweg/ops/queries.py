"""Questions about objects and tensors."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from ..errors import ShapeError
from .legacy import type_of

__all__ = ["is_complex", "is_floating_point", "is_nonzero", "is_storage", "is_tensor", "typename"]


def is_tensor(obj: Any) -> bool:
    """Whether the object is a Tensor.

    >>> import thalweg as tw
    >>> tw.is_tensor(tw.zeros(1)), tw.is_tensor(0.0)
    (True, False)
    """
    return isinstance(obj, Tensor)


def is_storage(obj: Any) -> bool:
    """False: a tensor's memory is a NumPy array, and no object of its own."""
    return False


def is_floating_point(input: Tensor) -> bool:
    """Whether the tensor's dtype is a floating-point one."""
    return bool(input._value.dtype.kind == "f")


def is_complex(input: Tensor) -> bool:
    """False: there are no complex tensors."""
    return False


def is_nonzero(input: Tensor) -> bool:
    """Whether the one element of the tensor is not zero.

    Raises:
        ShapeError: the tensor has not just one element.
    """
    if input._value.size != 1:
        raise ShapeError(f"is_nonzero: needs a tensor of one element, this one has shape {tuple(input.shape)}")
    return bool(input)


def typename(obj: Any) -> str:
    """The full name of the object's type; of a tensor that of its elements too.

    >>> import thalweg as tw
    >>> tw.typename(tw.zeros(1)), tw.typename(tw.nn.Linear(1, 1)), tw.typename(3)
    ('thalweg.FloatTensor', 'thalweg.nn.linear.Linear', 'int')
    """
    if isinstance(obj, Tensor):
        return f"thalweg.{type_of(obj).__name__}"
    kind = obj if isinstance(obj, type) or (callable(obj) and hasattr(obj, "__qualname__")) else type(obj)
    module = getattr(kind, "__module__", "")
    return kind.__qualname__ if module in ("", "builtins") else f"{module}.{kind.__qualname__}"
