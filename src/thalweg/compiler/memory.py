"""Where buffers lie, and how code finds and moves through them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .graph import CONSTANT, Node
from .ir import Function, Module, Value, element, integer, lanes, real_text, size_of, vector_type
from .layout import Layout

__all__ = ["KERNEL", "Access", "Memory", "Place", "ir_type", "load_vector", "store_vector"]

KERNEL = [("ptr", "ctx"), ("i64", "lo"), ("i64", "hi"), ("ptr", "scratch")]  # what a kernel's function is given

_TYPES = {"f2": "half", "f4": "float", "f8": "double", "b1": "i8"}


def ir_type(dtype: Any) -> str:
    """The type of an element in memory."""
    code = dtype.kind + str(dtype.itemsize)
    return _TYPES.get(code, f"i{8 * dtype.itemsize}")


class Place:
    """Where a buffer lies: in a slot of the context, at an offset of the arena or of a thread's scratch, or a global.

    ``row_bytes`` is set for a buffer in scratch, which holds only the rows of one chunk.
    """

    __slots__ = ("kind", "position", "row_bytes")

    def __init__(self, kind: str, position: Any, row_bytes: int = 0) -> None:
        self.kind = kind
        self.position = position
        self.row_bytes = row_bytes


class Access:
    """A node's elements as seen from the axes of a loop: byte-free strides, in elements of ``root``'s buffer."""

    __slots__ = ("offset", "root", "strides")

    def __init__(self, layout: Layout, axes: dict[int, int], rank: int) -> None:
        """``axes`` maps an axis of the node to one of the loop's ``rank`` axes."""
        self.root = layout.root
        self.offset = layout.offset
        strides = [0] * rank
        for j, axis in axes.items():
            strides[axis] += layout.strides[j]
        self.strides = tuple(strides)

    @property
    def key(self) -> Any:
        return (self.root, self.offset, self.strides)


class Memory:
    """The places of all buffers, and the addresses that a kernel function computes from them once, at its entry."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.places: dict[Node, Place] = {}

    def pointer(self, f: Function, root: Node, first_row: Value | None) -> Value:
        """The address of the buffer's first element; of a row that may lie before what the scratch holds."""
        place = self.places[root] if root in self.places else self.constant(root)
        context = f.params[0]
        if place.kind == "global":
            return Value(f"@{place.position}", "ptr")
        if place.kind == "slot":
            return f.load(f.offset(context, place.position, "ptr"), "ptr")
        base = f.load(context, "ptr") if place.kind == "arena" else f.params[3]
        address = f.offset(base, place.position, "i8")
        if place.kind == "scratch" and first_row is not None:
            back = f.mul(first_row, -place.row_bytes)
            address = f.offset(address, back, "i8")
        return address

    def constant(self, node: Node) -> Place:
        """A global for an array that is known now."""
        assert node.op is CONSTANT, f"no place for {node!r}"
        name = f"constant_{len(self.module.globals)}"
        array = np.ascontiguousarray(node.params["array"])
        type = ir_type(array.dtype)
        if array.dtype.kind == "f":
            items = ", ".join(f"{type} {real_text(x, type)}" for x in array.ravel().tolist())
        else:
            items = ", ".join(f"{type} {int(x)}" for x in array.ravel().tolist())
        count = max(array.size, 1)
        body = f"[{items}]" if array.size else "zeroinitializer"
        self.module.globals[name] = f"@{name} = private unnamed_addr constant [{count} x {type}] {body}, align 64"
        place = Place("global", name)
        self.places[node] = place
        return place


def lane_numbers(count: int, type: str = "i32") -> Value:
    """0, 1, 2, ... in the lanes."""
    return Value("<" + ", ".join(f"{type} {i}" for i in range(count)) + ">", vector_type(type, count))


def mask_below(f: Function, limit: Value | int, count: int) -> Value:
    """True in the lanes below ``limit``."""
    type = vector_type("i1", count)
    if isinstance(limit, int):
        return Value("<" + ", ".join(f"i1 {'true' if i < limit else 'false'}" for i in range(count)) + ">", type)
    narrow = f.emit(f"trunc {limit} to i32", "i32") if limit.type == "i64" else limit
    wide = f.splat(narrow, count)
    return f.emit(f"icmp ult {lane_numbers(count)}, {wide.name}", type)


def _suffix(type: str) -> str:
    return f"v{lanes(type)}{ {'float': 'f32', 'double': 'f64', 'half': 'f16'}.get(element(type), element(type)) }"


def load_vector(f: Function, address: Value, stride: int, type: str, count: int, mask: Value | None) -> Value:
    """``count`` elements that are ``stride`` apart; lanes outside of the mask are 0."""
    wide = vector_type(type, count)
    align = size_of(type)
    if stride == 0:
        return f.splat(f.load(address, type), count)
    if count == 1:
        return f.load(address, type)
    if stride == 1:
        if mask is None:
            return f.load(address, wide)
        name = f"llvm.masked.load.{_suffix(wide)}.p0"
        zero = Value("zeroinitializer", wide)
        return f.call(name, [address, integer(align, "i32"), mask, zero], wide)
    pointers = _spread(f, address, stride, type, count)
    everywhere = mask if mask is not None else mask_below(f, count, count)
    name = f"llvm.masked.gather.{_suffix(wide)}.v{count}p0"
    return f.call(name, [pointers, integer(align, "i32"), everywhere, Value("zeroinitializer", wide)], wide)


def store_vector(f: Function, value: Value, address: Value, stride: int, mask: Value | None) -> None:
    """Put the lanes of ``value`` ``stride`` elements apart; those outside of the mask are left as they are."""
    count = lanes(value.type)
    align = size_of(element(value.type))
    if count == 1:
        f.store(value, address)
    elif stride == 1:
        if mask is None:
            f.store(value, address)
        else:
            f.call(f"llvm.masked.store.{_suffix(value.type)}.p0", [value, address, integer(align, "i32"), mask], "void")
    else:
        pointers = _spread(f, address, stride, element(value.type), count)
        everywhere = mask if mask is not None else mask_below(f, count, count)
        name = f"llvm.masked.scatter.{_suffix(value.type)}.v{count}p0"
        f.call(name, [value, pointers, integer(align, "i32"), everywhere], "void")


def _spread(f: Function, address: Value, stride: int, type: str, count: int) -> Value:
    """The addresses of ``count`` elements that are ``stride`` apart."""
    offsets = "<" + ", ".join(f"i64 {i * stride}" for i in range(count)) + ">"
    return f.emit(f"getelementptr {type}, {address}, <{count} x i64> {offsets}", f"<{count} x ptr>")
