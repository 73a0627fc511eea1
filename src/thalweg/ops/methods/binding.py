"""Making methods of primitives and functions."""

from __future__ import annotations

from typing import Any

from ...core.tensor import Tensor
from .. import elementwise
from ..inplace import apply_inplace

e = elementwise


def inplace_binary(primitive: Any, name: str) -> Any:
    """x.op_(other) for an elementwise primitive."""

    def method(self: Any, other: Any) -> Tensor:
        return apply_inplace(self, primitive, (self, other), name)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"``{primitive.name}`` in place."
    return method


def inplace_unary(primitive: Any, name: str) -> Any:
    """x.op_() for an elementwise primitive."""

    def method(self: Any) -> Tensor:
        return apply_inplace(self, primitive, (self,), name)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"``{primitive.name}`` in place."
    return method


def reflected(primitive: Any) -> Any:
    """A primitive as the method whose tensor is the right operand."""

    def method(self: Any, other: Any) -> Any:
        return primitive(other, self)

    return method


def operator(primitive: Any) -> Any:
    """A primitive as a method: instances have no binding of their own."""

    def method(self: Any, other: Any) -> Any:
        return primitive(self, other)

    method.__doc__ = primitive.__doc__
    return method


def comparison(primitive: Any) -> Any:
    """A comparison as a method; None and strings equal no tensor."""

    def method(self: Any, other: Any) -> Any:
        if other is None or isinstance(other, str):
            return NotImplemented
        return primitive(self, other)

    return method


def unary(primitive: Any) -> Any:
    """A primitive of one input as a method."""

    def method(self: Any) -> Any:
        return primitive(self)

    method.__doc__ = primitive.__doc__
    return method


def function(function: Any) -> Any:
    """A plain function whose first argument is the tensor."""
    return function
