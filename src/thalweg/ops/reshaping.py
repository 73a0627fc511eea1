"""Other shapes of the same elements, under PyTorch's names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.dtypes import as_numpy_dtype, dtype
from ..core.tensor import Size, Tensor, wrap
from ..errors import ArgumentError, DtypeError, ShapeError
from . import shape as s
from .broadcast import expand as expand_to
from .broadcast import reshape as reshape_to
from .broadcast import sum_to
from .dims import all_dims, one_dim
from .index import take

__all__ = [
    "as_strided", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_shapes", "broadcast_tensors", "broadcast_to",
    "clone", "detach", "flatten", "flip", "fliplr", "flipud", "moveaxis", "movedim", "permute", "ravel",
    "repeat_interleave", "reshape", "roll", "rot90", "squeeze", "swapaxes", "swapdims", "t", "tile", "transpose",
    "unflatten", "unsqueeze",
]  # fmt: skip


def sizes_of(shape: tuple[Any, ...], keyword: Any = None) -> tuple[int, ...]:
    """Sizes given as separate ints, as one sequence, or by a keyword."""
    if keyword is not None:
        shape = (keyword,)
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


def reshape(input: Tensor, *sizes: Any, shape: Any = None) -> Tensor:
    """The elements in row-major order under another shape; -1 stands for what is left. A view where possible.

    >>> import thalweg as tw
    >>> tw.reshape(tw.arange(6), (2, -1))
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    value = input._value
    return reshape_to(input, shape=_resolved(sizes_of(sizes, shape), value.size, "reshape", value.shape))


def view(input: Tensor, *shape: Any) -> Tensor:
    """``reshape`` that never copies; an error where the strides don't allow a view.

    With a dtype instead of a shape: the same bytes read as other numbers, a copy without history.
    """
    if len(shape) == 1 and isinstance(shape[0], dtype):
        return _reinterpreted(input, shape[0])
    result = reshape(input, *shape)
    if result._version is not input._version and result._value.size:
        raise ShapeError(
            f"view: shape {tuple(input.shape)} with strides {stride(input)} can't be viewed as "
            f"{tuple(result.shape)} without a copy; use reshape() or contiguous().view()"
        )
    return result


def _reinterpreted(input: Tensor, kind: dtype) -> Tensor:
    value, target = input._value, as_numpy_dtype(kind)
    if not isinstance(value, np.ndarray):
        raise DtypeError("view: the bytes of a tensor can't be read as another dtype inside a compiled function")
    if not value.ndim and value.itemsize != target.itemsize:
        raise ShapeError(f"view: a 0-d {input.dtype} tensor can't be read as {kind}, whose elements have another size")
    if value.ndim and value.shape[-1] * value.itemsize % target.itemsize:
        raise ShapeError(f"view: rows of {value.shape[-1]} {input.dtype} elements don't hold whole {kind} elements")
    return wrap(value.view(target) if value.flags.c_contiguous else value.copy(order="C").view(target))


def stride(input: Tensor, dim: int | None = None) -> Any:
    """For each axis (or for ``dim``), the number of elements in memory from one position to the next."""
    item = input._value.itemsize
    strides = tuple(n // item for n in input._value.strides)
    return strides if dim is None else strides[one_dim(dim, len(strides), "stride")]


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes from ``start_dim`` to ``end_dim`` as one."""
    shape = input._value.shape
    if not shape:
        one_dim(start_dim, 0, "flatten"), one_dim(end_dim, 0, "flatten")
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
    if not shape:
        raise ShapeError("unflatten: a 0-d tensor has no axis to divide")
    parts = _resolved(tuple(sizes), shape[d], "unflatten", (shape[d],))
    return reshape_to(input, shape=(*shape[:d], *parts, *shape[d + 1 :]))


def permute(input: Tensor, *order: Any, dims: Any = None) -> Tensor:
    """The axes in another order, without a copy."""
    n = input._value.ndim
    axes = tuple(one_dim(d, n, "permute") for d in sizes_of(order, dims))
    if sorted(axes) != list(range(n)):
        raise ShapeError(f"permute: {axes} is not an order of the {n} axes of a tensor of shape {tuple(input.shape)}")
    return s.permute(input, dims=axes)


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


moveaxis = movedim


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


def expand(input: Tensor, *sizes: Any, size: Any = None) -> Tensor:
    """Axes of size 1 repeated without a copy; -1 keeps a size, new axes may come in front."""
    wanted, shape = sizes_of(sizes, size), input._value.shape
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
    return expand(input, *sizes_of((size,)))


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """All tensors repeated to their common shape."""
    try:
        shape = np.broadcast_shapes(*(x._value.shape for x in tensors))
    except ValueError:
        shapes = ", ".join(str(tuple(x.shape)) for x in tensors)
        raise ShapeError(f"broadcast_tensors: shapes {shapes} can't be broadcast together") from None
    return tuple(expand_to(x, shape=shape) for x in tensors)


def repeat(input: Tensor, *counts: Any, repeats: Any = None) -> Tensor:
    """The tensor laid side by side ``repeats`` times along each axis; a copy."""
    times, shape = sizes_of(counts, repeats), input._value.shape
    lead = len(times) - len(shape)
    if lead < 0:
        raise ShapeError(f"repeat: {times} has fewer dimensions than the tensor's shape {tuple(shape)}")
    full = (1,) * lead + tuple(shape)
    interleaved = reshape_to(input, shape=tuple(m for n in full for m in (1, n)))
    spread = expand_to(interleaved, shape=tuple(m for t, n in zip(times, full, strict=True) for m in (t, n)))
    return reshape_to(spread, shape=tuple(t * n for t, n in zip(times, full, strict=True))).clone()


def tile(input: Tensor, *counts: Any, dims: Any = None) -> Tensor:
    """``repeat``, with ones in front of ``dims`` where it is too short."""
    times = sizes_of(counts, dims)
    return repeat(input, *((1,) * (input._value.ndim - len(times)) + times))


def flip(input: Tensor, *axes: Any, dims: Any = None) -> Tensor:
    """The elements in reverse order along ``dims``; a copy."""
    return s.flip(input, dims=all_dims(sizes_of(axes, dims), input._value.ndim, "flip"))


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
            lead, at = (slice(None),) * d, n - step % n
            parts = (s.index(input, index=(*lead, cut)) for cut in (slice(at, n), slice(0, at)))
            input = s.cat(*parts, dim=d)
    return input.clone()


def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy in memory of its own, differentiable."""
    return s.copy(input)


def detach(input: Tensor) -> Tensor:
    """The same memory without its history."""
    return input.detach()


def t(input: Tensor) -> Tensor:
    """A matrix transposed; tensors of fewer dimensions as they are."""
    if input._value.ndim > 2:
        raise ShapeError(f"t: expects at most 2 dimensions, got shape {tuple(input.shape)}; use transpose(dim0, dim1)")
    return s.permute(input, dims=(1, 0)) if input._value.ndim == 2 else input


def ravel(input: Tensor) -> Tensor:
    """All elements as one axis."""
    return reshape_to(input, shape=(input._value.size,))


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """Summed over the axes along which ``size`` would have to be repeated to give the tensor's shape."""
    wanted = sizes_of(size)
    if np.broadcast_shapes(wanted, input._value.shape) != input._value.shape:
        raise ShapeError(f"sum_to_size: {wanted} does not broadcast to the tensor's shape {tuple(input.shape)}")
    return sum_to(input, wanted)


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of these shapes are repeated to when they meet."""
    try:
        return Size(np.broadcast_shapes(*((n,) if isinstance(n, int) else tuple(n) for n in shapes)))
    except ValueError:
        raise ShapeError(f"broadcast_shapes: {', '.join(map(str, shapes))} can't be broadcast together") from None


def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element (or each slice along ``dim``) ``repeats`` times, one after the other.

    With a vector of counts alone: position 0 as often as the first says, then position 1, …

    >>> import thalweg as tw
    >>> tw.repeat_interleave(tw.tensor([1, 2]), tw.tensor([1, 3]))
    tensor([1, 2, 2, 2])
    """
    if repeats is None:
        counts = input.numpy()
        return wrap(np.repeat(np.arange(counts.size), counts))
    x = ravel(input) if dim is None or not input._value.ndim else input
    d = 0 if dim is None else one_dim(dim, input._value.ndim, "repeat_interleave")
    n = x._value.shape[d]
    counts = repeats.numpy() if isinstance(repeats, Tensor) else np.asarray(repeats)
    if counts.dtype.kind not in "iu" or counts.size not in (1, n) or (counts.size and counts.min() < 0):
        raise ShapeError(
            f"repeat_interleave: needs one count or {n} for dim {d}, not negative, got {counts.dtype} {counts.shape}"
        )
    places = np.repeat(np.arange(n), np.broadcast_to(counts.reshape(-1), (n,)))
    if output_size is not None and output_size != places.size:
        raise ArgumentError(f"repeat_interleave: output_size {output_size} is not the {places.size} that repeats gives")
    return take(x, places, pattern=(slice(None),) * d + ("array",))


def fliplr(input: Tensor) -> Tensor:
    """The columns (axis 1) in reverse order."""
    _require_axes(input, 2, "fliplr")
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """The rows (axis 0) in reverse order."""
    _require_axes(input, 1, "flipud")
    return flip(input, 0)


def _require_axes(input: Tensor, n: int, name: str) -> None:
    if input._value.ndim < n:
        raise ShapeError(f"{name}: needs at least {n} dimensions, got shape {tuple(input.shape)}")


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Turned by ``k`` right angles in the plane of two axes, from the first towards the second."""
    _require_axes(input, 2, "rot90")
    a, b = (one_dim(d, input._value.ndim, "rot90") for d in dims)
    if a == b:
        raise ShapeError(f"rot90: needs two different axes, got {tuple(dims)}")
    turns = k % 4
    if turns == 2:
        return flip(input, a, b)
    if turns == 1:
        return transpose(flip(input, b), a, b)
    return transpose(flip(input, a), a, b) if turns == 3 else clone(input)


def _each(function: Any, tensors: Any) -> Any:
    """A function of one tensor on a tensor, or on each of several."""
    if len(tensors) == 1 and isinstance(tensors[0], Tensor):
        return function(tensors[0])
    many = tensors[0] if len(tensors) == 1 else tensors
    return tuple(function(x) for x in many)


def atleast_1d(*tensors: Any) -> Any:
    """0-d tensors with one axis; others as they are."""
    return _each(_at_least_1d, tensors)


def _at_least_1d(x: Tensor) -> Tensor:
    return x if x._value.ndim else reshape_to(x, shape=(1,))


def atleast_2d(*tensors: Any) -> Any:
    """Tensors of fewer than two axes with new ones in front; others as they are."""
    return _each(_at_least_2d, tensors)


def _at_least_2d(x: Tensor) -> Tensor:
    return x if x._value.ndim >= 2 else reshape_to(x, shape=(1, x._value.size))


def atleast_3d(*tensors: Any) -> Any:
    """Vectors as (1, n, 1), matrices as (n, m, 1); tensors of three and more axes as they are."""
    return _each(_at_least_3d, tensors)


def _at_least_3d(x: Tensor) -> Tensor:
    shape = x._value.shape
    return x if len(shape) >= 3 else reshape_to(x, shape=(*shape, 1) if len(shape) == 2 else (1, x._value.size, 1))


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """All windows of ``size`` places, ``step`` apart, along an axis; their places are a new last axis.

    A copy, where PyTorch gives a view.
    """
    d = one_dim(dimension, input._value.ndim, "unfold")
    if not input._value.ndim:
        return unfold(ravel(input), 0, size, step)[0]
    x = input
    n = x._value.shape[d]
    if not (0 <= size <= n and step > 0):
        raise ShapeError(f"unfold: size {size} and step {step} don't fit the {n} places of dim {dimension}")
    places = np.arange(0, n - size + 1, step)[:, None] + np.arange(size)
    windows = take(x, places, pattern=(slice(None),) * d + ("array",))  # the window, then its places
    ndim = windows._value.ndim
    return s.permute(windows, dims=(*(i for i in range(ndim) if i != d + 1), d + 1))


def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """The elements of a contiguous tensor at ``storage_offset`` + the sum of index times stride.

    A copy, where PyTorch gives a view.
    """
    if not input._value.flags.c_contiguous:
        raise ShapeError("as_strided: only for contiguous tensors; call contiguous() first, or index the tensor")
    places = np.full((), storage_offset or 0)
    for n, step in zip(size, stride, strict=True):
        places = places[..., None] + np.arange(n) * step
    if places.size and not 0 <= places.min() <= places.max() < input._value.size:
        raise ShapeError(f"as_strided: size {tuple(size)} and stride {tuple(stride)} leave the tensor's memory")
    return take(ravel(input), places, pattern=("array",))
