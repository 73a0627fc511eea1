"""Symbolic values: what a Tensor holds while its function is traced.

A Handle stands for a piece of memory, as an ndarray does: tensors that share memory share the handle, or hold
handles that are views of one another. What the memory contains is a node of the graph; writing exchanges the node,
and views find theirs anew from the base's.
"""

from __future__ import annotations

import operator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.dtypes import FLOAT64, result_dtype
from ..core.origin import here, user_line
from ..core.primitive import Primitive, ViewPrimitive
from ..errors import TraceError
from ..ops.base import Elementwise, convert
from ..ops.broadcast import expand, reshape
from ..ops.memory import Memory
from ..ops.shape import index
from .graph import CONSTANT, Node, apply

if TYPE_CHECKING:
    from .trace import Trace

__all__ = ["Handle"]


class Handle(Memory):
    """Memory whose content is a node; ``plain`` says whether it is known to be contiguous."""

    __slots__ = ("plain", "trace", "weak")

    def __init__(self, trace: Trace, node: Node, weak: bool = False, plain: bool = True) -> None:
        super().__init__(node, node.shape, node.dtype)
        self.trace = trace
        self.weak = weak
        self.plain = plain

    # -- memory -------------------------------------------------------------------------------------------

    @property
    def node(self) -> Node:
        """What the memory contains now."""
        if self.trace.closed:
            raise self._refuse("the value of", "")
        node: Node = self.content
        return node

    def computed(self, primitive: Primitive, values: tuple[Any, ...], params: dict[str, Any]) -> Node:
        return apply(primitive, *map(self.trace.node_of, values), origin=here(), **params)

    def holding(self, content: Any) -> Handle:
        return Handle(self.trace, content)

    def taken(self, value: Any) -> Handle:
        return Handle(self.trace, self.trace.node_of(value))

    def lifted(self, value: Any) -> Node:
        return self.trace.node_of(value)

    def view(self, primitive: Primitive, params: dict[str, Any]) -> Handle:
        """What a view primitive makes: another look at this memory, or a copy where NumPy would have to make one."""
        result = Handle(self.trace, apply(primitive, self.node, origin=here(), **params), self.weak)
        if primitive is reshape and not self.plain and _without_ones(self.shape) != _without_ones(result.shape):
            return result
        result.plain = self.plain and (primitive is reshape or (primitive is index and _is_leading(params["index"])))
        result.look_at(self, primitive, params)
        return result

    def write(self, content: Any) -> None:
        if self.step is not None and self.step[0] is expand:
            raise TraceError(f"{user_line()}: an expanded tensor can't be changed in place; clone() it first")
        super().write(content)
        if self.parent is None:
            self.trace.written(self)

    def copy(self, order: str = "C") -> Handle:
        """The same content in memory of its own."""
        return Handle(self.trace, self.node, self.weak)

    @property
    def flags(self) -> Any:
        writeable = self.step is None or self.step[0] is not expand
        return SimpleNamespace(writeable=writeable, c_contiguous=self.plain)

    def interpret(self, primitive: Primitive, values: tuple[Any, ...], params: dict[str, Any]) -> Any:
        return self.trace.apply(primitive, values, params)

    # -- what a program that is not running can't answer ----------------------------------------------------

    @property
    def known(self) -> Any:
        """The content if it is the same in all runs, as of ``tw.tensor(3)``; else None."""
        return self.node.params["array"] if not self.trace.closed and self.node.op is CONSTANT else None

    @property
    def strides(self) -> tuple[int, ...]:
        if not self.plain:
            raise self._refuse("the strides of", "they are known of contiguous() tensors only")
        return super().strides

    def nonzero(self) -> Any:
        if self.known is not None:
            return self.known.nonzero()
        raise self._refuse(
            "how many elements are True or non-zero in",
            "keep the shape with tw.where(mask, a, b), or set elements with x[mask] = number",
        )

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise self._refuse("storing or pickling", "return the tensor and store it outside")

    def _refuse(self, what: str, instead: str) -> TraceError:
        if self.trace.closed:
            return TraceError(
                f"{user_line()}: this tensor (shape {self.shape}) was made inside a compiled function and kept there, "
                "as in a list or an attribute; it never had a value: return it from the function instead"
            )
        return TraceError(
            f"{user_line()}: {what} a tensor (shape {self.shape}) inside a compiled function, where it has no value "
            f"yet; {instead}"
        )

    def _element(self, what: str, instead: str = "return the tensor and read it outside") -> Any:
        if self.known is None:
            raise self._refuse(what, instead)
        return self.known.item()

    def __bool__(self) -> bool:
        return bool(
            self._element("a branch on the value of", "choose with tw.where(condition, a, b), or branch outside")
        )

    def item(self) -> Any:
        return self._element("item() of")

    def tolist(self) -> Any:
        return self.__array__().tolist()

    def __float__(self) -> float:
        return float(self._element("float() of"))

    def __int__(self) -> int:
        return int(self._element("int() of"))

    def __index__(self) -> int:
        return operator.index(
            self._element("an index, size or range() from", "index with the tensor itself, as in x[i]")
        )

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        if self.known is None:
            raise self._refuse("NumPy asks for the values of", "use thalweg's operations, or return the tensor")
        return np.array(self.known, *args[:1])

    def __repr__(self) -> str:
        raise self._refuse("printing", "return the tensor and print it outside")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        raise self._refuse(f"NumPy's {name} of", "use thalweg's operations, or return the tensor")


def _is_leading(key: tuple[Any, ...]) -> bool:
    """Whether a basic index leaves one contiguous stretch: ints, at most one slice of step 1, then all of the rest."""
    sliced = False
    for part in key:
        if sliced and part != slice(None) and part is not Ellipsis:
            return False
        if isinstance(part, slice):
            if part.step not in (None, 1):
                return False
            sliced = True
        elif part is Ellipsis:
            sliced = True
    return True


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


def weak_dtype(primitive: Primitive, values: tuple[Any, ...]) -> Any:
    """The dtype in which numbers among the operands take part: that of the arrays; None if there are only numbers."""
    arrays = [v for v in values if getattr(v, "shape", None) is not None and not getattr(v, "weak", False)]
    if not arrays:
        return None
    target = result_dtype([*arrays, 1.0])
    return target if target.kind == "f" else FLOAT64


def operands(primitive: Primitive, values: tuple[Any, ...], trace: Trace) -> tuple[list[Any], bool]:
    """The inputs of the node for ``primitive(*values)``, and whether its result is a number as these are."""
    weak = [isinstance(v, Handle) and v.weak for v in values]
    numbers_only = any(weak) and isinstance(primitive, Elementwise)
    target = weak_dtype(primitive, values) if any(weak) else None
    inputs: list[Any] = []
    for v, is_weak in zip(values, weak, strict=True):
        if v is None or isinstance(v, (bool, int, float)):
            inputs.append(v)
            continue
        node = trace.node_of(v)
        if is_weak and target is not None:
            node = apply(convert, node, dtype=target, origin=here()) if node.dtype != target else node
        elif not is_weak:
            numbers_only = False
        inputs.append(node)
    return inputs, numbers_only


def is_view(primitive: Primitive) -> bool:
    return isinstance(primitive, ViewPrimitive)
