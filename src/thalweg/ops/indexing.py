"""x[index] and x[index] = value, by PyTorch's rules."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.modes import state
from ..core.tape import Node, Outline, edge_of, mark_changed
from ..core.tensor import Tensor, wrap
from ..errors import DtypeError, ShapeError
from .base import convert
from .broadcast import expand
from .index import fill, index_put, take
from .inplace import check_memory, check_writable, overwrite, rebase
from .shape import index as basic_index

__all__ = ["getitem", "setitem"]

_BASIC = (int, slice, type(None), type(Ellipsis), np.integer)


def getitem(x: Tensor, index: Any) -> Tensor:
    """``x[index]``: a view for ints, slices, None and ``...``; a copy for integer or boolean arrays."""
    basic, pattern, arrays = _parse(index, x._value.ndim)
    try:
        if basic:
            result: Tensor = basic_index(x, index=pattern)
        else:
            result = take(x, *arrays, pattern=pattern)
        return result
    except IndexError as error:
        raise IndexError(f"index: {error} (tensor of shape {tuple(x.shape)})") from None


def setitem(x: Tensor, index: Any, value: Any) -> None:
    """``x[index] = value`` in place, differentiable in ``x`` and in ``value``."""
    basic, pattern, arrays = _parse(index, x._value.ndim)
    check_writable(x, "x[index] = value")
    source = value if isinstance(value, Tensor) else wrap(np.asarray(value))
    _check_cast(source, x, isinstance(value, Tensor))
    try:
        if basic:
            # An integer everywhere gives NumPy a scalar; the Ellipsis keeps it a view.
            view = wrap(x._value[(*pattern, Ellipsis)] if Ellipsis not in pattern else x._value[pattern])
            _check_shape(source, view._value.shape, x)
            _write_basic(x, pattern, view, source)
        else:
            probe = x._value[fill(pattern, arrays)]
            _check_shape(source, probe.shape, x)
            _write_arrays(x, pattern, arrays, source)
    except IndexError as error:
        raise IndexError(f"index: {error} (tensor of shape {tuple(x.shape)})") from None


def _write_basic(x: Tensor, pattern: tuple[Any, ...], view: Tensor, source: Tensor) -> None:
    edge = edge_of(source) if state.recording else None
    if state.recording and (edge is not None or x.requires_grad):
        part: Tensor = basic_index(x, index=pattern)
        value = source._value
        node = None
        if edge is not None:  # the value as it is stored: converted and broadcast
            stored = expand(convert(_trimmed(source, part), dtype=x._value.dtype), shape=part._value.shape)
            node, value = edge_of(stored), stored._value
        overwrite(part, value, node)
        return
    overwrite(view, source._value, None)
    mark_changed(x)


def _trimmed(source: Tensor, part: Tensor) -> Tensor:
    """Without leading axes of size 1 that the target does not have."""
    extra = source._value.ndim - part._value.ndim
    if extra <= 0:
        return source
    trimmed: Tensor = basic_index(source, index=(0,) * extra)
    return trimmed


def _write_arrays(x: Tensor, pattern: tuple[Any, ...], arrays: tuple[Any, ...], source: Tensor) -> None:
    check_memory(x)
    params: dict[str, Any] = {"pattern": pattern, "accumulate": False}
    if state.recording and (source.requires_grad or x.requires_grad):
        stored = convert(source, dtype=x._value.dtype) if source._value.dtype != x._value.dtype else source
        edges = (edge_of(x), edge_of(stored), *(None for _ in arrays))
        inputs = (Outline(x._value), Outline(stored._value), *arrays)
        node = Node(index_put, edges, inputs, params=params)
        rebase(x, node)
    index_put.write(x._value, source._value, *arrays, **params)
    mark_changed(x)


def _check_cast(source: Tensor, x: Tensor, strict: bool) -> None:
    if source._value.dtype.kind not in "biuf":
        raise DtypeError(f"x[index] = value: can't store {source._value.dtype} in a tensor of dtype {x.dtype}")
    if strict and x._value.dtype.kind != "f" and source._value.dtype.kind == "f" and source.requires_grad:
        raise DtypeError(
            f"x[index] = value: a differentiable {source.dtype} value can't be stored in a tensor of dtype {x.dtype}"
        )


def _check_shape(source: Tensor, target: tuple[int, ...], x: Tensor) -> None:
    shape = source._value.shape
    while len(shape) > len(target) and shape[0] == 1:
        shape = shape[1:]
    try:
        fits = np.broadcast_shapes(shape, target) == tuple(target)
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"x[index] = value: a value of shape {tuple(source.shape)} does not fit into the selected shape "
            f"{tuple(target)} of a tensor of shape {tuple(x.shape)}"
        )


def _parse(index: Any, ndim: int) -> tuple[bool, tuple[Any, ...], tuple[Any, ...]]:
    """(is it basic, the pattern, the index arrays). Boolean masks become integer arrays."""
    if type(index) is int or type(index) is slice:
        _check_slice(index)
        return True, (index,), ()
    items = index if isinstance(index, tuple) else (index,)
    pattern: list[Any] = []
    arrays: list[Any] = []
    for item in items:
        if isinstance(item, bool):
            pattern.extend([None, "array"])
            arrays.append(np.flatnonzero(np.array([item])))
        elif isinstance(item, _BASIC):
            _check_slice(item)
            pattern.append(_plain(item))
        else:
            for a in _index_arrays(item):
                pattern.append("array")
                arrays.append(a)
    if arrays and all(a.ndim == 0 for a in arrays):  # 0-d integer tensors count as ints
        numbers = iter(arrays)
        return True, tuple(int(next(numbers)) if isinstance(p, str) else p for p in pattern), ()
    return not arrays, tuple(pattern), tuple(arrays)


def _plain(item: Any) -> Any:
    """Slices with Python ints in them, also where tensors were written."""
    if isinstance(item, slice):
        return slice(*(None if v is None else int(v) for v in (item.start, item.stop, item.step)))
    return int(item) if isinstance(item, np.integer) else item


def _check_slice(item: Any) -> None:
    if isinstance(item, slice) and item.step is not None and item.step <= 0:
        raise ShapeError(f"index: slice steps must be positive, got {item.step}; use flip() to reverse an axis")


def _index_arrays(item: Any) -> list[Any]:
    """The integer arrays that one index item stands for; a mask gives one for each of its axes."""
    array = item._value if isinstance(item, Tensor) else np.asarray(item)
    if array.dtype.kind == "f" and array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind == "b":
        return list(np.nonzero(array)) if array.ndim else [np.flatnonzero(array)]
    if array.dtype.kind not in "iu":
        raise IndexError(f"index: tensors used as indices must be integer or bool, not {array.dtype}")
    return [array]
