"""Joining tensors and cutting them to pieces, under PyTorch's names."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations as _combinations
from itertools import combinations_with_replacement as _with_replacement
from itertools import pairwise
from typing import Any

import numpy as np

from ..core.dtypes import result_dtype
from ..core.tensor import Tensor
from ..errors import ShapeError
from . import shape as s
from .base import convert
from .broadcast import reshape as reshape_to
from .dims import DimensionError, one_dim
from .index import take
from .reshaping import atleast_1d, atleast_2d, atleast_3d, broadcast_tensors, unsqueeze

__all__ = [
    "block_diag", "cartesian_prod", "cat", "chunk", "column_stack", "combinations", "concat", "concatenate", "dsplit",
    "dstack", "hsplit", "hstack", "meshgrid", "narrow", "row_stack", "select", "split", "split_with_sizes", "stack",
    "tensor_split", "unbind", "unsafe_chunk", "unsafe_split", "vsplit", "vstack",
]  # fmt: skip


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors one after the other along ``dim``."""
    parts = list(tensors)
    if not parts:
        raise ShapeError("cat: expects at least one tensor")
    for x in parts:
        if not isinstance(x, Tensor):
            raise TypeError(f"cat: expects tensors, got {type(x).__name__}")
    target = result_dtype([x._value for x in parts])
    parts = [x if x._value.dtype == target else convert(x, dtype=target) for x in parts]
    ndim = max(x._value.ndim for x in parts)
    if ndim == 0:
        raise ShapeError("cat: 0-d tensors can't be joined; use stack")
    full = [x for x in parts if x._value.shape != (0,) or ndim == 1]  # as PyTorch, (0,) joins with anything
    d = one_dim(dim, ndim, "cat")
    s.cat.shape(*(x._value for x in full), dim=d)
    return s.cat(*full, dim=d)


concat = concatenate = cat


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors, all of one shape, along a new axis."""
    parts = list(tensors)
    if not parts:
        raise ShapeError("stack: expects at least one tensor")
    for i, x in enumerate(parts):
        if x._value.shape != parts[0]._value.shape:
            raise ShapeError(f"stack: tensor {i} has shape {tuple(x.shape)}, tensor 0 has {tuple(parts[0].shape)}")
    return cat([unsqueeze(x, dim) for x in parts], one_dim(dim, parts[0]._value.ndim + 1, "stack"))


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """The positions start … start + length - 1 along ``dim``; a view."""
    d = one_dim(dim, input._value.ndim, "narrow")
    n = _size(input, d, "narrow")
    if not -n <= start <= n:
        raise DimensionError(f"narrow: start {start} is out of range for dim {dim} of size {n}")
    start = start + n if start < 0 else start
    if not (start >= 0 and length >= 0 and start + length <= n):
        raise ShapeError(f"narrow: start {start} and length {length} leave the {n} positions of dim {dim}")
    return s.index(input, index=(slice(None),) * d + (slice(start, start + length),))


def _size(x: Tensor, d: int, name: str) -> int:
    """The size of axis ``d``, which a 0-d tensor has not."""
    if not x._value.ndim:
        raise ShapeError(f"{name}: a 0-d tensor has no axis; give it one with unsqueeze(0)")
    return x._value.shape[d]


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """One position along ``dim``, whose axis disappears; a view."""
    d = one_dim(dim, input._value.ndim, "select")
    n = input._value.shape[d]
    if not -n <= index < n:
        raise IndexError(f"select: index {index} is out of range for dim {dim} of size {n}")
    return s.index(input, index=(slice(None),) * d + (int(index),))


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of consecutive pieces along ``dim``: all of one size (the last may be smaller), or of given sizes."""
    d = one_dim(dim, tensor._value.ndim, "split")
    n = _size(tensor, d, "split")
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0 or (size == 0 and n):
            raise ShapeError(f"split: the size of the pieces must be positive, got {size}")
        sections = [min(size, n - i) for i in range(0, n, size)] if n else [0]
    else:
        sections = list(split_size_or_sections)
        if sum(sections) != n:
            raise ShapeError(f"split: the sizes {sections} must add up to {n}, the size of dim {dim}")
    starts = np.cumsum([0, *sections])
    return tuple(narrow(tensor, d, int(a), m) for a, m in zip(starts, sections, strict=False))


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most ``chunks`` pieces of equal size along ``dim``; the last may be smaller."""
    if chunks < 1:
        raise ShapeError(f"chunk: the number of pieces must be positive, got {chunks}")
    n = _size(input, one_dim(dim, input._value.ndim, "chunk"), "chunk")
    return split(input, max(-(-n // chunks), 1) if n else [0] * chunks, dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """All positions along ``dim``, as views without that axis."""
    d = one_dim(dim, input._value.ndim, "unbind")
    return tuple(select(input, d, i) for i in range(input._value.shape[d]))


split_with_sizes = unsafe_split = split
unsafe_chunk = chunk


def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """``narrow`` as a copy."""
    return s.copy(narrow(input, dim, start, length))


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """So many parts whose sizes differ by at most 1, the larger first; or the parts between given places."""
    d = one_dim(dim, input._value.ndim, "tensor_split")
    n = input._value.shape[d] if input._value.ndim else 0
    if not input._value.ndim:
        raise ShapeError("tensor_split: needs at least one dimension, got a 0-d tensor")
    if isinstance(indices_or_sections, Tensor):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        if indices_or_sections < 1:
            raise ShapeError(f"tensor_split: the number of parts must be positive, got {indices_or_sections}")
        size, larger = divmod(n, indices_or_sections)
        ends = np.cumsum([size + (i < larger) for i in range(indices_or_sections)]).tolist()[:-1]
    else:
        ends = list(indices_or_sections)
    lead, bounds = (slice(None),) * d, [0, *ends, n]
    cuts = (slice(a, b) for a, b in pairwise(bounds))
    return tuple(s.index(input, index=(*lead, cut)) for cut in cuts)


def _axis_split(input: Tensor, indices_or_sections: Any, dim: int, ndim: int, name: str) -> tuple[Tensor, ...]:
    if input._value.ndim < ndim:
        raise ShapeError(f"{name}: needs at least {ndim} dimensions, got shape {tuple(input.shape)}")
    n = input._value.shape[dim]
    if isinstance(indices_or_sections, int) and (indices_or_sections < 1 or n % indices_or_sections):
        raise ShapeError(f"{name}: dim {dim} of size {n} can't be cut into {indices_or_sections} equal parts")
    return tensor_split(input, indices_or_sections, dim)


def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Equal parts along the columns (axis 1; of a vector axis 0), or the parts between given places."""
    return _axis_split(input, indices_or_sections, 0 if input._value.ndim == 1 else 1, 1, "hsplit")


def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Equal parts along the rows (axis 0), or the parts between given places."""
    return _axis_split(input, indices_or_sections, 0, 2, "vsplit")


def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Equal parts along axis 2, or the parts between given places."""
    return _axis_split(input, indices_or_sections, 2, 3, "dsplit")


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Side by side: along axis 1, vectors along axis 0."""
    parts = [atleast_1d(x) for x in tensors]
    return cat(parts, 0 if parts and parts[0]._value.ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """One below the other: along axis 0, vectors as rows."""
    return cat([atleast_2d(x) for x in tensors], 0)


row_stack = vstack


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """One behind the other: along axis 2."""
    return cat([atleast_3d(x) for x in tensors], 2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Side by side, vectors as columns."""
    return hstack([reshape_to(x, shape=(x._value.size, 1)) if x._value.ndim < 2 else x for x in tensors])


def block_diag(*tensors: Tensor) -> Tensor:
    """A matrix with the given matrices (or rows, or numbers) along its diagonal, zeros elsewhere."""
    parts = [atleast_2d(x) for x in tensors]
    for i, x in enumerate(parts):
        if x._value.ndim != 2:
            raise ShapeError(f"block_diag: tensor {i} has shape {tuple(x.shape)}; at most 2 dimensions can be placed")
    if not parts:
        parts = [Tensor(1, 0)]
    width, target = sum(x._value.shape[1] for x in parts), result_dtype([x._value for x in parts])
    rows, before = [], 0
    for x in parts:
        x = x if x._value.dtype == target else convert(x, dtype=target)
        after = width - before - x._value.shape[1]
        rows.append(s.pad(x, widths=((0, 0), (before, after)), value=0))
        before += x._value.shape[1]
    return s.cat(*rows, dim=0)


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """For each vector a tensor over the grid of all, which holds that vector's coordinate.

    ``indexing`` "ij" (the default) has the axes in the order of the vectors; "xy" exchanges the first two.
    """
    given = tensors[0] if len(tensors) == 1 and not isinstance(tensors[0], Tensor) else tensors
    axes = list(given)
    if indexing not in (None, "ij", "xy"):
        raise ShapeError(f'meshgrid: indexing must be "ij" or "xy", not {indexing!r}')
    for i, x in enumerate(axes):
        if x._value.ndim > 1:
            raise ShapeError(f"meshgrid: tensor {i} has shape {tuple(x.shape)}; only vectors and numbers span a grid")
    swap = indexing == "xy" and len(axes) >= 2
    order = [1, 0, *range(2, len(axes))] if swap else list(range(len(axes)))
    shaped = []
    for i, x in enumerate(axes):
        shape = [1] * len(axes)
        shape[order.index(i)] = x._value.size
        shaped.append(reshape_to(x, shape=tuple(shape)))
    return broadcast_tensors(*shaped)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All combinations of an element of each vector, as rows; of one vector itself."""
    if len(tensors) == 1:
        return tensors[0]
    return stack([reshape_to(x, shape=(x._value.size,)) for x in meshgrid(*tensors, indexing="ij")], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of ``r`` elements of a vector, as rows."""
    if input._value.ndim != 1:
        raise ShapeError(f"combinations: needs a vector, got shape {tuple(input.shape)}")
    pick = _with_replacement if with_replacement else _combinations
    places = np.array(list(pick(range(input._value.size), r)), np.int64).reshape(-1, r)
    return take(input, places, pattern=("array",))
