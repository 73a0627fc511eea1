"""Functions that rearrange, join, split and select, under PyTorch's names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.dtypes import result_dtype
from ..core.tensor import Tensor, wrap
from ..errors import DtypeError, ShapeError
from . import index as indexed
from . import shape as s
from .base import convert, where
from .broadcast import expand as expand_to
from .broadcast import reshape as reshape_to
from .dims import all_dims, one_dim
from .functions import logical_mask
from .ranges import check_range

__all__ = [
    "broadcast_tensors",
    "broadcast_to",
    "cat",
    "chunk",
    "clone",
    "concat",
    "concatenate",
    "diag",
    "flatten",
    "flip",
    "gather",
    "index_select",
    "is_floating_point",
    "is_tensor",
    "masked_fill",
    "masked_select",
    "movedim",
    "narrow",
    "nonzero",
    "numel",
    "permute",
    "reshape",
    "roll",
    "scatter_add",
    "select",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "swapdims",
    "take_along_dim",
    "tile",
    "transpose",
    "tril",
    "triu",
    "unbind",
    "unflatten",
    "unsqueeze",
]


def _sizes(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes given as separate ints or as one sequence."""
    if len(shape) == 1 and not isinstance(shape[0], (int, np.integer, Tensor)):
        shape = tuple(shape[0])
    return tuple(int(n) for n in shape)


def _resolved(sizes: tuple[int, ...], count: int, name: str, source: tuple[int, ...]) -> tuple[int, ...]:
    """``sizes`` with -1 replaced by what the number of elements demands."""
    known = math.prod(n for n in sizes if n != -1)
    unknown = sizes.count(-1)
    if unknown == 1 and known and count % known == 0:
        sizes = tuple(count // known if n == -1 else n for n in sizes)
    elif unknown or known != count:
        raise ShapeError(f"{name}: a tensor of shape {tuple(source)} ({count} elements) can't take the shape {sizes}")
    return sizes


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The elements in row-major order under another shape; -1 stands for what is left. A view where possible.

    >>> import thalweg as tw
    >>> tw.reshape(tw.arange(6), (2, -1))
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    value = input._value
    return reshape_to(input, shape=_resolved(_sizes(shape), value.size, "reshape", value.shape))


def view(input: Tensor, *shape: Any) -> Tensor:
    """``reshape`` that never copies; an error where the strides don't allow a view."""
    result = reshape(input, *shape)
    if result._version is not input._version and result._value.size:
        raise ShapeError(
            f"view: shape {tuple(input.shape)} with strides {stride(input)} can't be viewed as "
            f"{tuple(result.shape)} without a copy; use reshape() or contiguous().view()"
        )
    return result


def stride(input: Tensor, dim: int | None = None) -> Any:
    """For each axis (or for ``dim``), the number of elements in memory from one position to the next."""
    item = input._value.itemsize
    strides = tuple(n // item for n in input._value.strides)
    return strides if dim is None else strides[one_dim(dim, len(strides), "stride")]


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes from ``start_dim`` to ``end_dim`` as one."""
    shape = input._value.shape
    if not shape:
        return reshape_to(input, shape=(1,))
    first, last = one_dim(start_dim, len(shape), "flatten"), one_dim(end_dim, len(shape), "flatten")
    if first > last:
        raise ShapeError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    if first == last:
        return input
    return reshape_to(input, shape=(*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One axis as several, whose sizes multiply to its size."""
    shape = input._value.shape
    d = one_dim(dim, len(shape), "unflatten")
    parts = _resolved(tuple(sizes), shape[d], "unflatten", (shape[d],))
    return reshape_to(input, shape=(*shape[:d], *parts, *shape[d + 1 :]))


def permute(input: Tensor, *dims: Any) -> Tensor:
    """The axes in another order, without a copy."""
    n = input._value.ndim
    order = tuple(one_dim(d, n, "permute") for d in _sizes(dims))
    if sorted(order) != list(range(n)):
        raise ShapeError(f"permute: {order} is not an order of the {n} axes of a tensor of shape {tuple(input.shape)}")
    return s.permute(input, dims=order)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged, without a copy."""
    n = input._value.ndim
    a, b = one_dim(dim0, n, "transpose"), one_dim(dim1, n, "transpose")
    order = list(range(n))
    if n:
        order[a], order[b] = order[b], order[a]
    return s.permute(input, dims=tuple(order))


swapaxes = swapdims = transpose


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Axes moved to other places; the rest keep their order."""
    n = input._value.ndim
    sources = [source] if isinstance(source, int) else list(source)
    targets = [destination] if isinstance(destination, int) else list(destination)
    if len(sources) != len(targets):
        raise ShapeError(f"movedim: {len(sources)} source axes but {len(targets)} destinations")
    sources = [one_dim(d, n, "movedim") for d in sources]
    targets = [one_dim(d, n, "movedim") for d in targets]
    order = [d for d in range(n) if d not in sources]
    for target, source_axis in sorted(zip(targets, sources, strict=True)):
        order.insert(target, source_axis)
    return s.permute(input, dims=tuple(order))


def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without the axes of size 1, or without those of ``dim`` that have size 1."""
    shape = input._value.shape
    dims = range(len(shape)) if dim is None else all_dims(dim, len(shape), "squeeze")
    return reshape_to(input, shape=tuple(n for i, n in enumerate(shape) if i not in dims or n != 1))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a new axis of size 1 at ``dim``."""
    shape = input._value.shape
    d = one_dim(dim, len(shape) + 1, "unsqueeze")
    return reshape_to(input, shape=(*shape[:d], 1, *shape[d:]))


def expand(input: Tensor, *sizes: Any) -> Tensor:
    """Axes of size 1 repeated without a copy; -1 keeps a size, new axes may come in front."""
    wanted, shape = _sizes(sizes), input._value.shape
    lead = len(wanted) - len(shape)
    if lead < 0:
        raise ShapeError(f"expand: {wanted} has fewer dimensions than the tensor's shape {tuple(shape)}")
    target = tuple(shape[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(wanted))
    if any(n < 0 for n in target):
        raise ShapeError(f"expand: -1 can't stand for a new axis, in {wanted}")
    s.expand.shape(input._value, target)
    return expand_to(input, shape=target)


def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """``input`` repeated to ``size`` without a copy."""
    return expand(input, *_sizes((size,)))


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """All tensors repeated to their common shape."""
    try:
        shape = np.broadcast_shapes(*(x._value.shape for x in tensors))
    except ValueError:
        shapes = ", ".join(str(tuple(x.shape)) for x in tensors)
        raise ShapeError(f"broadcast_tensors: shapes {shapes} can't be broadcast together") from None
    return tuple(expand_to(x, shape=shape) for x in tensors)


def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """The tensor laid side by side ``repeats`` times along each axis; a copy."""
    times, shape = _sizes(repeats), input._value.shape
    lead = len(times) - len(shape)
    if lead < 0:
        raise ShapeError(f"repeat: {times} has fewer dimensions than the tensor's shape {tuple(shape)}")
    full = (1,) * lead + tuple(shape)
    interleaved = reshape_to(input, shape=tuple(m for n in full for m in (1, n)))
    spread = expand_to(interleaved, shape=tuple(m for t, n in zip(times, full, strict=True) for m in (t, n)))
    return reshape_to(spread, shape=tuple(t * n for t, n in zip(times, full, strict=True))).clone()


def tile(input: Tensor, *dims: Any) -> Tensor:
    """``repeat``, with ones in front of ``dims`` where it is too short."""
    times = _sizes(dims)
    return repeat(input, *((1,) * (input._value.ndim - len(times)) + times))


def flip(input: Tensor, *dims: Any) -> Tensor:
    """The elements in reverse order along ``dims``; a copy."""
    return s.flip(input, dims=all_dims(_sizes(dims), input._value.ndim, "flip"))


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """The elements moved along axes, those that fall off coming in at the other end."""
    if dims is None:
        return reshape_to(roll(reshape_to(input, shape=(input._value.size,)), shifts, 0), shape=input._value.shape)
    steps = [shifts] if isinstance(shifts, int) else list(shifts)
    axes = [dims] if isinstance(dims, int) else list(dims)
    if len(steps) != len(axes):
        raise ShapeError(f"roll: {len(steps)} shifts but {len(axes)} dims")
    for step, axis in zip(steps, axes, strict=True):
        d = one_dim(axis, input._value.ndim, "roll")
        n = input._value.shape[d]
        if n and step % n:
            input = cat([narrow(input, d, n - step % n, step % n), narrow(input, d, 0, n - step % n)], d)
    return input.clone()


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
    n = input._value.shape[d]
    start = start + n if start < 0 else start
    if not (start >= 0 and length >= 0 and start + length <= n):
        raise ShapeError(f"narrow: start {start} and length {length} leave the {n} positions of dim {dim}")
    return s.index(input, index=(slice(None),) * d + (slice(start, start + length),))


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
    n = tensor._value.shape[d]
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
    n = input._value.shape[one_dim(dim, input._value.ndim, "chunk")]
    return split(input, max(-(-n // chunks), 1), dim) if n else (input,)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """All positions along ``dim``, as views without that axis."""
    d = one_dim(dim, input._value.ndim, "unbind")
    return tuple(select(input, d, i) for i in range(input._value.shape[d]))


# -- selection by tensors ---------------------------------------------------------------------------------


def _check_index(index: Tensor, size: int, name: str) -> None:
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
    _check_index(index, input._value.shape[d] if input._value.ndim else 1, name)
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


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """``input`` with src[i][j][k] added at [index[i][j][k]][j][k] for dim 0, and so for the others.

    ``src`` may be larger than ``index``: what has no index is not used.
    """
    d = check_places(input, dim, index, src, "scatter_add")
    if src._value.dtype != input._value.dtype:
        raise DtypeError(f"scatter_add: src is {src.dtype} but input is {input.dtype}; convert one of them")
    return indexed.scatter_add(input, index, cropped(src, index), dim=d)


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
    _check_index(index, input._value.shape[d], "index_select")
    pattern = (slice(None),) * d + ("array",)
    return indexed.take(input, reshape_to(index, shape=(index._value.size,)), pattern=pattern)


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """``gather`` whose index and input broadcast against each other."""
    if dim is None:
        return gather(reshape(input, -1), 0, reshape(indices, -1))
    d = one_dim(dim, input._value.ndim, "take_along_dim")
    shapes = [list(input._value.shape), list(indices._value.shape)]
    sizes = [shape.pop(d) for shape in shapes]
    common = np.broadcast_shapes(*(tuple(shape) for shape in shapes))
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


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of each matrix, zeros elsewhere."""
    return masked_fill(input, wrap(~_lower(input, diagonal)), 0)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of each matrix, zeros elsewhere."""
    return masked_fill(input, wrap(_lower(input, diagonal - 1)), 0)


def _lower(input: Tensor, diagonal: int) -> Any:
    """A mask of the places on and below a diagonal of each matrix."""
    if input._value.ndim < 2:
        raise ShapeError(f"tril/triu: needs a matrix, got shape {tuple(input.shape)}")
    rows, columns = input._value.shape[-2:]
    return np.tri(rows, columns, diagonal, bool)


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A matrix with the vector on its diagonal, or the diagonal of a matrix."""
    if input._value.ndim == 1:
        n = input._value.shape[0] + abs(diagonal)
        rows, columns = np.nonzero(np.eye(n, k=diagonal))
        zeros = wrap(np.zeros((n, n), input._value.dtype))
        return indexed.index_put(zeros, input, rows, columns, pattern=("array", "array"), accumulate=False)
    if input._value.ndim != 2:
        raise ShapeError(f"diag: needs a vector or a matrix, got shape {tuple(input.shape)}")
    height, width = input._value.shape
    rows, columns = np.nonzero(np.eye(height, width, diagonal))
    return indexed.take(input, rows, columns, pattern=("array", "array"))


def clone(input: Tensor) -> Tensor:
    """A copy in memory of its own, differentiable."""
    return s.copy(input)


def numel(input: Tensor) -> int:
    """The number of elements."""
    return int(input._value.size)


def is_tensor(obj: Any) -> bool:
    """Whether ``obj`` is a Tensor."""
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a floating-point one."""
    return bool(input._value.dtype.kind == "f")
