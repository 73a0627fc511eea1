"""Values in registers: how they are loaded, stored, combined, and made by a node's own code."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops.base import Convert
from ..ops.broadcast import sum_
from ..ops.reduce import all_, amax, any_, prod
from ..ops.shape import copy
from .graph import CONSTANT, Node
from .ir import Function, Value
from .lanes import Lane, Lanes
from .memory import ir_type

__all__ = ["Combine", "in_memory", "in_register", "is_literal", "lane_type", "literal", "lowered"]


class Combine:
    """How a reduction puts two values together, and the value that changes nothing."""

    @staticmethod
    def neutral(node: Node) -> Any:
        op, kind = node.op, node.dtype.kind
        if op is sum_ or op is any_:
            return 0
        if op is prod or op is all_:
            return 1
        if kind == "f":
            return float("-inf") if op is amax else float("inf")
        if kind == "b":
            return 0 if op is amax else 1
        info = np.iinfo(node.dtype)
        return int(info.min if op is amax else info.max)

    @staticmethod
    def pair(emit: Lanes, node: Node, a: Lane, b: Lane) -> Lane:
        op = node.op
        if op is sum_:
            return emit.add(a, b)
        if op is prod:
            return emit.mul(a, b)
        if op is any_:
            return emit.logical_or(a, b)
        if op is all_:
            return emit.logical_and(a, b)
        return emit.maximum(a, b) if op is amax else emit.minimum(a, b)


def lane_type(dtype: Any) -> str:
    """The type of an element in a register."""
    return "i1" if dtype.kind == "b" else ir_type(dtype)


def is_literal(node: Node) -> bool:
    """Whether the node is one constant number."""
    return node.op is CONSTANT and node.size == 1


def lowered(emit: Lanes, node: Node, operands: list[Any]) -> Lane:
    """The code of one elementwise node."""
    if node.op is copy:
        return operands[0]
    params = node.params
    value = node.op.lower(emit, *operands, **params)
    if value.dtype != node.dtype and not isinstance(node.op, Convert):
        value = emit.convert(value, node.dtype)
    return value


def literal(emit: Lanes, node: Node) -> Lane:
    """A constant of one element."""
    return emit.constant(node.params["array"].reshape(-1)[0].item(), node.dtype)


def in_register(f: Function, value: Lane) -> Lane:
    """What was loaded: booleans become single bits."""
    if value.dtype.kind != "b":
        return value
    type = value.value.type
    zero = "zeroinitializer" if type.startswith("<") else "0"
    bits = type.replace("i8", "i1")
    return Lane(f.emit(f"icmp ne {type} {value.value.name}, {zero}", bits), value.dtype)


def in_memory(f: Function, value: Lane) -> Value:
    """What is stored: booleans become bytes."""
    if value.dtype.kind != "b":
        return value.value
    return f.emit(f"zext {value.value} to {value.value.type.replace('i1', 'i8')}", value.value.type.replace("i1", "i8"))
