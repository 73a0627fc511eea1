"""Making methods of primitives and functions."""

from __future__ import annotations

from typing import Any

from ...core.tensor import Tensor
from ..inplace import apply_function, apply_inplace

IN_PLACE: Any = object()  # what ``install`` replaces by the in-place form of the method without the underscore


def in_place(method: Any, name: str) -> Any:
    """x.op_(...) for the method x.op(...)."""
    primitive = getattr(method, "primitive", None)
    if primitive is not None:
        return (inplace_unary if primitive.arity == 1 else inplace_binary)(primitive, name)
    return inplace_function(method, name)


def inplace_function(function: Any, name: str) -> Any:
    """x.op_(...) for a function composed of primitives."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Tensor:
        return apply_function(self, function, args, kwargs, name)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"``{name[:-1]}`` in place."
    return method


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
    method.primitive = primitive  # type: ignore[attr-defined]
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
    method.primitive = primitive  # type: ignore[attr-defined]
    return method


def function(function: Any) -> Any:
    """A plain function whose first argument is the tensor."""
    return function
