"""Selecting elements by positions or masks, under PyTorch's names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap
from ..errors import ShapeError
from . import elementwise as e
from . import index as indexed
from . import reduce
from . import shape as s
from .base import convert, where
from .broadcast import reshape as reshape_to
from .comparing import logical_mask
from .dims import one_dim
from .ranges import check_range
from .reshaping import broadcast_tensors, expand, reshape

__all__ = [
    "argwhere", "gather", "index_select", "masked_fill", "masked_scatter", "masked_select", "nonzero", "take",
    "take_along_dim", "unravel_index",
]  # fmt: skip


def check_index(index: Tensor, size: int, name: str) -> None:
    value = index._value
    if value.dtype.kind not in "iu":
        raise IndexError(f"{name}: the index must be an integer tensor, not {index.dtype}")
    check_range(value, 0, size, IndexError, f"{name}: index {{value}} is out of range for an axis of size {size}")


def check_places(input: Tensor, dim: int, index: Tensor, src: Tensor | None, name: str) -> int:
    """The axis of a gather or scatter, whose index (and source) must fit the input; 0-d tensors count as vectors."""
    d = one_dim(dim, input._value.ndim, name)
    for what, x in (("index", index), ("src", src)):
        if x is not None and x._value.ndim != input._value.ndim:
            raise ShapeError(f"{name}: {what} {tuple(x.shape)} and input {tuple(input.shape)} need equally many axes")
    check_index(index, input._value.shape[d] if input._value.ndim else 1, name)
    for i, n in enumerate(index._value.shape):
        if i != d and n > input._value.shape[i]:
            raise ShapeError(
                f"{name}: index {tuple(index.shape)} is larger than input {tuple(input.shape)} along dim {i}"
            )
        if src is not None and n > src._value.shape[i]:
            raise ShapeError(f"{name}: index {tuple(index.shape)} is larger than src {tuple(src.shape)} along dim {i}")
    return d


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """out[i][j][k] = input[index[i][j][k]][j][k] for dim 0, and so for the others."""
    return indexed.gather(input, index, dim=check_places(input, dim, index, None, "gather"))


def cropped(src: Tensor, index: Tensor) -> Tensor:
    """The part of ``src`` that has an index."""
    if src._value.shape == index._value.shape:
        return src
    return s.index(src, index=tuple(slice(0, n) for n in index._value.shape))


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The positions in the vector ``index`` along ``dim``; a copy."""
    if not input._value.ndim:
        return reshape_to(index_select(reshape_to(input, shape=(1,)), dim, index), shape=())
    d = one_dim(dim, input._value.ndim, "index_select")
    check_index(index, input._value.shape[d], "index_select")
    pattern = (slice(None),) * d + ("array",)
    return indexed.take(input, reshape_to(index, shape=(index._value.size,)), pattern=pattern)


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """``gather`` whose index and input broadcast against each other."""
    if dim is None:
        return gather(reshape(input, -1), 0, reshape(indices, -1))
    d = one_dim(dim, input._value.ndim, "take_along_dim")
    shapes = [list(input._value.shape), list(indices._value.shape)]
    sizes = [shape.pop(d) for shape in shapes]
    try:
        common = np.broadcast_shapes(*(tuple(shape) for shape in shapes))
    except ValueError:
        raise ShapeError(
            f"take_along_dim: shapes {tuple(input.shape)} and {tuple(indices.shape)} don't broadcast but for dim {dim}"
        ) from None
    a = expand(input, *common[:d], sizes[0], *common[d:])
    b = expand(indices, *common[:d], sizes[1], *common[d:])
    return gather(a, d, b)


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """``value`` where ``mask`` holds, ``input`` elsewhere."""
    own = input._value.dtype
    if isinstance(value, Tensor) and value._value.ndim:
        raise ShapeError(f"masked_fill: a value that is a tensor must be 0-d, got shape {tuple(value.shape)}")
    fill = convert(value, dtype=own) if isinstance(value, Tensor) and value._value.dtype != own else value
    filled: Tensor = where(logical_mask(mask, "masked_fill"), fill, input)
    return filled if filled._value.dtype == own else convert(filled, dtype=own)


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where ``mask`` holds, as a vector."""
    a, m = broadcast_tensors(input, logical_mask(mask, "masked_select"))
    return a[m]


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The positions of the non-zero elements: a matrix with a row for each, or a tuple of index vectors."""
    value = input._value
    found = np.nonzero(value if value.ndim else np.atleast_1d(value))
    if as_tuple:
        return tuple(wrap(i) for i in found)
    rows = np.stack(found, 1).astype(np.int64)
    return wrap(rows if input._value.ndim else rows[:, :0])


def where_(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """``input`` where ``condition`` holds, ``other`` elsewhere; with the condition alone, ``nonzero`` as a tuple.

    >>> import thalweg as tw
    >>> x = tw.tensor([-1.0, 4.0], requires_grad=True)
    >>> tw.where(x > 0, tw.sqrt(x), x).sum().backward()
    >>> x.grad
    tensor([1.0000, 0.2500])
    """
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    return where(condition, input, other)


def argwhere(input: Tensor) -> Tensor:
    """The positions of the non-zero elements, as rows."""
    found: Tensor = nonzero(input)
    return found


def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements at positions in the flattened tensor (negative: from the end), in the shape of ``index``."""
    return indexed.take(reshape_to(input, shape=(input._value.size,)), flat_places(input, index), pattern=("array",))


def flat_places(input: Tensor, index: Tensor) -> Tensor:
    """``index`` if it holds positions in the flattened tensor."""
    n, value = input._value.size, index._value
    if value.dtype.kind not in "iu":
        raise IndexError(f"take: the index must be an integer tensor, not {index.dtype}")
    check_range(value, -n, n, IndexError, f"take: index {{value}} is out of range for {n} elements")
    return index


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """The elements of ``source``, one after the other, where ``mask`` holds, ``input`` elsewhere."""
    x, m = broadcast_tensors(input, logical_mask(mask, "masked_scatter"))
    if not isinstance(m._value, np.ndarray) or m._value.sum() <= source._value.size:
        places = reduce.cumsum(reshape_to(m, shape=(m._value.size,)), dim=0) - 1
    else:
        raise ShapeError(
            f"masked_scatter: the mask holds at {int(m._value.sum())} places, source has {source._value.size} elements"
        )
    if not source._value.size:
        return s.copy(x)
    flat = reshape_to(source, shape=(source._value.size,))
    values = indexed.take(flat, e.maximum(e.minimum(places, source._value.size - 1), 0), pattern=("array",))
    return where(m, reshape_to(values, shape=m._value.shape), x)


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """Positions in a flattened tensor of ``shape`` as positions along each axis."""
    sizes = (int(shape),) if isinstance(shape, int) else tuple(int(n) for n in shape)
    count = math.prod(sizes)
    check_range(indices._value, -count, count, ShapeError, f"unravel_index: {{value}} is no place in shape {sizes}")
    found, rest = [], e.remainder(indices, count)
    for n in reversed(sizes):
        found.append(e.remainder(rest, n))
        rest = e.floor_divide(rest, n)
    return tuple(reversed(found))
