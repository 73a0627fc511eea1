"""x[index] and x[index] = value, by PyTorch's rules."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.modes import state
from ..core.tape import Node, Outline, edge_of, mark_changed
from ..core.tensor import Tensor, wrap
from ..core.value import SymbolicValue
from ..errors import DtypeError, ShapeError
from .base import convert, where
from .broadcast import broadcasts, expand, reshape
from .index import fill, index_put, take
from .inplace import check_memory, check_writable, fitting, overwrite, rebase
from .shape import index as basic_index

__all__ = ["getitem", "setitem"]


def getitem(x: Tensor, index: Any) -> Tensor:
    """``x[index]``: a view for ints, slices, None and ``...``; a copy for integer or boolean arrays.

    As in PyTorch, ints, slices and None are applied first and the arrays to what they leave: where ints and arrays
    stand on both sides of a slice, the axes come out in another order than NumPy's.
    """
    basic, pattern, arrays = _parse(index, x._value.shape)
    try:
        part: Tensor = x if basic is None else basic_index(x, index=basic)
        result: Tensor = part if pattern is None else take(part, *arrays, pattern=pattern)
        return result
    except IndexError as error:
        raise IndexError(f"index: {error} (tensor of shape {tuple(x.shape)})") from None


def setitem(x: Tensor, index: Any, value: Any) -> None:
    """``x[index] = value`` in place, differentiable in ``x`` and in ``value``."""
    source = value if isinstance(value, Tensor) else _as_source(value)
    if isinstance(index, Tensor) and isinstance(index._value, SymbolicValue) and index._value.dtype.kind == "b":
        _write_masked(x, index, source)
        return
    basic, pattern, arrays = _parse(index, x._value.shape)
    check_writable(x, "x[index] = value")
    _check_cast(source, x, isinstance(value, Tensor))
    try:
        if pattern is None:
            # An integer everywhere gives NumPy a scalar; the Ellipsis keeps it a view.
            view = wrap(x._value[(*basic, Ellipsis)] if Ellipsis not in basic else x._value[basic])
            _check_shape(source, view._value.shape, x)
            _write_basic(x, basic, view, source)
        else:
            part: Tensor = x if basic is None else basic_index(x, index=basic)
            probe = part._value[fill(pattern, _values(arrays))]
            _check_shape(source, probe.shape, x)
            _write_arrays(part, pattern, arrays, _trimmed(source, probe.ndim))
    except IndexError as error:
        raise IndexError(f"index: {error} (tensor of shape {tuple(x.shape)})") from None


def _as_source(value: Any) -> Tensor:
    """A tensor round a number, an array, or a number that is read anew in each run."""
    return wrap(value if isinstance(value, SymbolicValue) else np.asarray(value))


def _write_masked(x: Tensor, mask: Tensor, source: Tensor) -> None:
    """A single number written where a mask holds of which the values are not known yet."""
    check_writable(x, "x[index] = value")
    _check_cast(source, x, True)
    shape = x._value.shape
    _check_mask(mask._value, shape, (mask,), 0)
    if source._value.size != 1:
        message = (
            f"x[mask] = value: how many elements the mask selects is not known inside a compiled function, so a value "
            f"of shape {tuple(source.shape)} can't be spread over them; use tw.where(mask, value, x)"
        )
        raise state.tracer.refuse(message) if state.tracer is not None else ShapeError(message)
    wide = reshape(mask, shape=(*mask.shape, *(1,) * (len(shape) - mask.ndim)))
    result = where(wide, convert(reshape(source, shape=()), dtype=x._value.dtype), x)
    overwrite(x, result._value, edge_of(result) if state.recording else None)


def _write_basic(x: Tensor, pattern: tuple[Any, ...], view: Tensor, source: Tensor) -> None:
    edge = edge_of(source) if state.recording else None
    if state.recording and (edge is not None or x.requires_grad):
        part: Tensor = basic_index(x, index=pattern)
        value = source._value
        node = None
        if edge is not None:  # the value as it is stored: converted and broadcast
            stored = expand(convert(_trimmed(source, part._value.ndim), dtype=x._value.dtype), shape=part._value.shape)
            node, value = edge_of(stored), stored._value
        overwrite(part, value, node)
        return
    overwrite(view, source._value, None)
    mark_changed(x)


def _trimmed(source: Tensor, ndim: int) -> Tensor:
    """Without leading axes of size 1 that a target of ``ndim`` axes does not have."""
    extra = source._value.ndim - ndim
    if extra <= 0:
        return source
    trimmed: Tensor = basic_index(source, index=(0,) * extra)
    return trimmed


def _write_arrays(x: Tensor, pattern: tuple[Any, ...], arrays: tuple[Any, ...], source: Tensor) -> None:
    check_memory(x)
    params: dict[str, Any] = {"pattern": pattern, "accumulate": False}
    values = _values(arrays)
    if state.recording and (source.requires_grad or x.requires_grad):
        stored = convert(source, dtype=x._value.dtype) if source._value.dtype != x._value.dtype else source
        edges = (edge_of(x), edge_of(stored), *(None for _ in arrays))
        inputs = (Outline(x._value), Outline(stored._value), *values)
        cells = (None, None, *(a._version if isinstance(a, Tensor) else None for a in arrays))
        rebase(x, Node(index_put, edges, inputs, cells=cells, params=params))
    written = (fitting(x, value) for value in (source._value, *values))
    index_put.write(x._value, *written, **params)
    mark_changed(x)


def _values(arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(a._value if isinstance(a, Tensor) else a for a in arrays)


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
    if not broadcasts(shape, target):
        raise ShapeError(
            f"x[index] = value: a value of shape {tuple(source.shape)} does not fit into the selected shape "
            f"{tuple(target)} of a tensor of shape {tuple(x.shape)}"
        )


def _parse(index: Any, shape: tuple[int, ...]) -> tuple[Any, Any, tuple[Any, ...]]:
    """(the basic index, the pattern of arrays for what it leaves, the arrays); None for a step that does nothing.

    Masks become integer arrays. A single True or False adds an axis, of size 1 or 0.
    """
    if type(index) is int or type(index) is slice:
        _check_slice(index)
        return (index,), None, ()
    items = index if isinstance(index, tuple) else (index,)
    basic: list[Any] = []
    pattern: list[Any] = []
    arrays: list[Any] = []
    for position, item in enumerate(items):
        if type(item) is int:
            basic.append(item)
            continue
        if isinstance(item, (slice, type(None), type(Ellipsis))):
            basic.append(_plain(item))
            # What "..." stands for is written out: where it is nothing, the arrays around it are neighbours.
            pattern.extend([slice(None)] * (len(shape) - sum(map(_axes, items)) if item is Ellipsis else 1))
            continue
        kind, found = _index_arrays(item)
        if kind == "int":
            basic.append(int(found))
            continue
        if kind == "mask":
            _check_mask(found, shape, items, position)
        parts = np.nonzero(found) if kind == "mask" else (found,)
        basic.extend([None] if kind == "bool" else [slice(None)] * len(parts))
        pattern.extend(["array"] * len(parts))
        arrays.extend(parts)
    if not arrays:
        return tuple(basic), None, ()
    does_nothing = all(item is Ellipsis or item == slice(None) for item in basic)
    return None if does_nothing else tuple(basic), tuple(pattern), tuple(arrays)


def _plain(item: Any) -> Any:
    """Slices with Python ints in them, also where tensors were written."""
    if not isinstance(item, slice):
        return item
    _check_slice(item)
    return slice(*(None if v is None else int(v) for v in (item.start, item.stop, item.step)))


def _check_slice(item: Any) -> None:
    if isinstance(item, slice) and item.step is not None and item.step <= 0:
        raise ShapeError(f"index: slice steps must be positive, got {item.step}; use flip() to reverse an axis")


def _index_arrays(item: Any) -> tuple[str, Any]:
    """What an index item is: an "int", a "bool" (as the positions it keeps), a "mask", or an "array" of positions."""
    value = item._value if isinstance(item, Tensor) else np.asarray(item)
    kind = value.dtype.kind
    if kind == "f" and not isinstance(item, Tensor) and value.size == 0:  # an empty list
        return "array", value.astype(np.int64)
    if kind == "b":
        return ("mask", value) if value.ndim else ("bool", np.flatnonzero(value))
    if kind not in "iu":
        raise IndexError(f"index: tensors used as indices must be integer or bool, not {value.dtype}")
    if isinstance(item, Tensor) and value.dtype == np.uint8:
        raise IndexError("index: a uint8 tensor may mean a mask or positions; convert it with .bool() or .long()")
    if not value.ndim and isinstance(value, np.ndarray):
        return "int", value
    return "array", item if isinstance(item, Tensor) else value  # a Tensor: changes of it are noticed


def _check_mask(mask: Any, shape: tuple[int, ...], items: tuple[Any, ...], position: int) -> None:
    """A mask has the sizes of the axes that it stands for."""
    before, after = items[:position], items[position + 1 :]
    if any(item is Ellipsis for item in before):
        start = len(shape) - mask.ndim - sum(map(_axes, after))
    else:
        start = sum(map(_axes, before))
    covered = shape[max(start, 0) : max(start, 0) + mask.ndim]
    if covered != mask.shape:
        raise IndexError(
            f"index: the mask of shape {mask.shape} stands for axes of sizes {covered} of a tensor of shape {shape}; "
            "they must be equal"
        )


def _axes(item: Any) -> int:
    """How many axes of the tensor an index item stands for."""
    if item is None or item is Ellipsis or isinstance(item, (bool, np.bool_)):
        return 0
    if isinstance(item, (int, slice, np.integer)):
        return 1
    value = item._value if isinstance(item, Tensor) else np.asarray(item)
    return int(value.ndim) if value.dtype.kind == "b" else 1
