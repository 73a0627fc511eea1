"""In-place changes: the memory is overwritten and the tape is told.

A change of a tensor replaces its node by that of the out-of-place operation. A change of a view replaces the
node of its base by a ViewScatter of the new value, and every view of the base finds its own node stale
(``core.tape.refresh``). The version counter, shared by all views, goes up each time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import promote_numpy
from ..core.modes import state
from ..core.primitive import Primitive
from ..core.tape import LEAF, Node, Outline, carry_retained, edge_of, mark_changed, refresh
from ..core.tensor import Tensor, wrap
from ..core.value import SymbolicValue, level_of
from ..errors import AutogradError, DtypeError, ShapeError, TransformError
from .base import convert
from .shape import view_scatter

__all__ = ["apply_function", "apply_inplace", "overwrite", "take_over"]


def check_writable(x: Tensor, name: str) -> None:
    """Refuse a recorded change of a leaf that requires a gradient, or of a view of one."""
    if not state.recording:
        return
    y = x
    if y._view is not None:
        refresh(y)
    if y._node is LEAF:
        raise AutogradError(
            f"{name}: a leaf tensor that requires grad can't be changed in place; do it under tw.no_grad(), or on a "
            "clone()"
        )
    while y._view is not None:
        y = y._view.parent
        if y._node is LEAF:
            raise AutogradError(
                f"{name}: a view of a leaf tensor that requires grad can't be changed in place; do it under "
                "tw.no_grad(), or on a clone()"
            )
    if y._extra is not None and "argument" in y._extra:
        raise AutogradError(
            f"{name}: an argument that a function is being differentiated by (grad, vjp, checkpoint), or a view of it, "
            "can't be changed in place; change a clone()"
        )


def apply_inplace(x: Tensor, primitive: Primitive, args: tuple[Any, ...], name: str, **params: Any) -> Tensor:
    """``x`` becomes ``primitive(*args)``, where ``x`` itself is among ``args``."""
    check_writable(x, name)
    result = primitive(*args, **params)
    if result._value.shape != x._value.shape:
        raise ShapeError(
            f"{name}: the result has shape {tuple(result._value.shape)}, which does not fit into the tensor's shape "
            f"{tuple(x._value.shape)}"
        )
    _check_storable(result._value.dtype, x._value.dtype, name)
    node = result._node
    if node is not None and node.inputs is not None:
        _detach_saved(node, x)
    return overwrite(x, result._value, None if node is None else edge_of(result))


def apply_function(x: Tensor, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> Tensor:
    """``x`` becomes ``function(x, *args, **kwargs)``."""
    check_writable(x, name)
    given = (x, *args, *kwargs.values())
    if state.recording and any(isinstance(a, Tensor) and a.requires_grad for a in given):
        given = tuple(_before_change(a, x) for a in given)  # what is recorded may keep values
    count = len(args) + 1
    result = function(*given[:count], **dict(zip(kwargs, given[count:], strict=True)))
    if result._value.shape != x._value.shape:
        raise ShapeError(
            f"{name}: the result has shape {tuple(result._value.shape)}, which does not fit into the tensor's shape "
            f"{tuple(x._value.shape)}"
        )
    _check_storable(result._value.dtype, x._value.dtype, name)
    if result._value.dtype != x._value.dtype:
        result = convert(result, dtype=x._value.dtype)
    return overwrite(x, result._value, edge_of(result) if state.recording else None)


def _before_change(a: Any, x: Tensor) -> Any:
    """An argument that shares the memory of ``x``, as it is now, in memory of its own."""
    if not isinstance(a, Tensor) or a._version is not x._version:
        return a
    old = wrap(a._value.copy())
    old._node = edge_of(a)
    return old


def _check_storable(new: Any, old: Any, name: str) -> None:
    if promote_numpy(old, new) != old and "biuf".index(new.kind) > "biuf".index(old.kind):
        raise DtypeError(f"{name}: a result of dtype {new} can't be stored in a tensor of dtype {old}")


def take_over(x: Tensor, function: Any, name: str, *args: Any) -> Tensor:
    """``x`` becomes the view ``function(x, *args)`` of what it was. Views made of it before keep the old shape."""
    check_writable(x, name)
    old = wrap(x._value)
    old._node, old._view, old._version, old._extra = x._node, x._view, x._version, x._extra
    result = function(old, *args)
    x._value, x._node, x._view = result._value, result._node, result._view
    return x


def _detach_saved(node: Node, x: Tensor) -> None:
    """Give the node a copy of the old value of ``x`` where its rules need it: that memory is about to change."""
    assert node.inputs is not None
    inputs, cells = list(node.inputs), list(node.cells)
    for i, cell in enumerate(cells):
        if cell is x._version:
            inputs[i] = inputs[i].copy()
            cells[i] = None
    node.inputs, node.cells = inputs, cells


def overwrite(x: Tensor, value: Any, edge: Any) -> Tensor:
    """Write ``value`` into the memory of ``x``; ``edge`` leads to the node that made it, or is None."""
    check_memory(x)
    value = fitting(x, value)
    recorded = state.recording and (edge is not None or x.requires_grad)
    if recorded:
        rebase(x, edge)
    with np.errstate(all="ignore"):
        x._value[...] = value
    mark_changed(x)
    if recorded and x._view is not None:
        x._view.count = -1  # its node is made anew from the base's
    return x


def check_memory(x: Tensor) -> None:
    """Refuse memory that can't be written, before anything is changed."""
    if not x._value.flags.writeable:
        raise ShapeError(
            "in-place: this memory can't be written: it is an expanded view whose elements share places, or a "
            "read-only array; clone() it first"
        )


def fitting(x: Tensor, value: Any) -> Any:
    """``value`` as it can be written into ``x``: an array has no place for a batch, or for a tangent.

    A tangent is left out where nothing is recorded, as where a layer keeps running averages.
    """
    if not isinstance(value, SymbolicValue) or value.level <= level_of(x._value):
        return value
    plain = (value if state.recording else value.detached()).stripped()
    if level_of(plain) <= level_of(x._value):
        return plain
    raise TransformError(
        "in-place: a value of each sample (vmap), or one with a tangent (jvp), can't be written into a tensor that is "
        "the same for all samples, or was made outside of the function; make that from an argument, as with "
        "x.new_zeros(...) or tw.zeros_like(x), or use tw.stack or tw.where"
    )


def rebase(x: Tensor, edge: Any) -> None:
    """Give ``x``, or the base that it is a view of, the history of its new value.

    ``edge`` may be a node that nobody else has: ``x`` then takes it over.
    """
    steps: list[Any] = []
    base = x
    while base._view is not None:
        steps.append((base._view.primitive, base._view.params))
        base = base._view.parent
    steps.reverse()
    if base._extra is not None and "unrecorded view" in base._extra:
        raise AutogradError(
            "in-place: a view that was made under no_grad can't be changed while gradients are recorded, as its base "
            "would not learn of it; make the view outside of no_grad, or change it inside"
        )
    if not steps and type(edge) is Node:
        base._node = edge
    else:
        base._node = Node(
            view_scatter,
            (edge_of(base), edge),
            (Outline(base._value), Outline(x._value)),
            params={"steps": tuple(steps)},
        )
    if base._extra is not None:
        carry_retained(base)
