"""vmap: a function of one sample, applied to all samples of a batch at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..core.structure import parts
from ..core.tensor import Tensor
from ..errors import ArgumentError
from ..ops import shaping
from .batched import Batched, BatchLevel, enter, leave
from .levels import close, result
from .trees import leaves_of, rebuilt, spread_prefix

__all__ = ["vmap"]

RANDOMNESS = ("error", "different", "same")


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The function that applies ``func`` to each sample of its arguments, all at once, and stacks the results.

    Inside ``func`` tensors have the shape of one sample. Every operation runs once for the whole batch.

    Args:
        func: takes tensors, or lists, tuples and dictionaries of them, and returns tensors in the same way.
        in_dims: along which axis of each argument the samples lie; None for an argument that is the same for all.
            One number for all arguments, or a tuple that has their structure.
        out_dims: where the axis of the samples goes in each result; None for a result that is the same for all.
        randomness: what random numbers are inside: "different" for each sample, the "same" for all, or an "error".
        chunk_size: compute for so many samples at a time, which saves memory.

    Arguments by keyword are the same for all samples.

    Raises:
        ArgumentError: ``in_dims`` or ``out_dims`` don't fit, or the numbers of samples differ.
        TransformError: ``func`` branches on a value, asks for one as a Python number, draws random numbers under
            "error", or writes a batch into a tensor that has none.

    >>> import thalweg as tw
    >>> tw.vmap(tw.dot)(tw.tensor([[1.0, 2.0], [3.0, 4.0]]), tw.ones(2, 2))
    tensor([3., 7.])
    """
    if randomness not in RANDOMNESS:
        raise ArgumentError(f"vmap: randomness must be one of {', '.join(RANDOMNESS)}, not {randomness!r}")
    if chunk_size is not None and not chunk_size > 0:
        raise ArgumentError(f"vmap: chunk_size must be positive, got {chunk_size}")

    @functools.wraps(func)
    def batched(*args: Any, **kwargs: Any) -> Any:
        dims, size = _batch_dims(in_dims, args)
        leaves = leaves_of(args)
        if chunk_size is None or size <= chunk_size:
            return _applied(func, args, leaves, dims, size, out_dims, randomness, kwargs)
        pieces = []
        for start in range(0, size, chunk_size):
            length = min(chunk_size, size - start)
            part = [x if d is None else shaping.narrow(x, d, start, length) for x, d in zip(leaves, dims, strict=True)]
            pieces.append(_applied(func, args, part, dims, length, out_dims, randomness, kwargs))
        return _joined(pieces, out_dims)

    return batched


def _batch_dims(in_dims: Any, args: tuple[Any, ...]) -> tuple[list[int | None], int]:
    """For each leaf of the arguments the axis of the samples, counted from the front, and the number of samples."""
    if isinstance(in_dims, list):
        in_dims = tuple(in_dims)
    if not isinstance(in_dims, (int, tuple)):
        raise ArgumentError(f"vmap: in_dims must be an int or a tuple with the structure of the arguments, {in_dims!r}")
    if not args:
        raise ArgumentError("vmap: the function was called without arguments to take samples from")
    leaves, dims = leaves_of(args), spread_prefix(in_dims, args, "vmap: in_dims")
    found = [_batch_dim(x, d) for x, d in zip(leaves, dims, strict=True)]
    sizes = {x._value.shape[d] for x, d in zip(leaves, found, strict=True) if d is not None}
    if not sizes:
        raise ArgumentError("vmap: in_dims has None for every tensor; at least one argument must hold samples")
    if len(sizes) > 1:
        raise ArgumentError(f"vmap: the arguments hold different numbers of samples, {sorted(sizes)}; see in_dims")
    return found, sizes.pop()


def _batch_dim(x: Any, d: Any) -> int | None:
    if d is None:
        return None
    if not isinstance(d, int) or isinstance(d, bool):
        raise ArgumentError(f"vmap: in_dims must hold ints and None, not {d!r}")
    if not isinstance(x, Tensor):
        raise ArgumentError(f"vmap: in_dims says {d} for a {type(x).__name__}; only tensors hold samples, say None")
    ndim = x._value.ndim
    if not -ndim <= d < ndim:
        raise ArgumentError(f"vmap: in_dims says {d} for a tensor of {ndim} dimensions, {tuple(x.shape)}")
    return d % ndim


def _applied(
    func: Callable[..., Any],
    args: Any,
    leaves: list[Any],
    dims: Sequence[int | None],
    size: int,
    out_dims: Any,
    randomness: str,
    kwargs: Any,
) -> Any:
    moved = [x if not d else shaping.movedim(x, d, 0) for x, d in zip(leaves, dims, strict=True)]
    level = BatchLevel(size, randomness)  # after what is made outside of it
    entered = [x if d is None else enter(x, level=level) for x, d in zip(moved, dims, strict=True)]
    with level:
        outputs = func(*rebuilt(args, entered), **kwargs)
    _write_back(leaves, entered, dims, level)
    return _left(outputs, out_dims, level)


def _left(outputs: Any, out_dims: Any, level: BatchLevel) -> Any:
    """The results of a level as tensors that hold all samples."""
    ys = leaves_of(outputs)
    for y in ys:
        if not isinstance(y, Tensor):
            raise ArgumentError(f"vmap: the function must return tensors only, got {type(y).__name__}")
    dims = _out_dims(out_dims, outputs)
    edges = close(ys, level)
    return rebuilt(outputs, (_taken_out(y, e, d, level) for y, e, d in zip(ys, edges, dims, strict=True)))


def _out_dims(out_dims: Any, outputs: Any) -> list[Any]:
    single = isinstance(outputs, Tensor)
    if single and isinstance(out_dims, (tuple, list)) and len(out_dims) == 1:
        out_dims = out_dims[0]
    if parts(out_dims) is not None and type(outputs) in (list, tuple):
        out_dims = type(outputs)(out_dims) if isinstance(out_dims, (list, tuple)) else out_dims
    dims = spread_prefix(out_dims, outputs, "vmap: out_dims")
    for d in dims:
        if d is not None and (not isinstance(d, int) or isinstance(d, bool)):
            raise ArgumentError(f"vmap: out_dims must hold ints and None, not {d!r}")
    return dims


def _taken_out(y: Tensor, edge: Any, d: int | None, level: BatchLevel) -> Tensor:
    value = y._value
    if d is None:
        if level.holds(value):
            raise ArgumentError(
                f"vmap: out_dims is None for a result of shape {tuple(value.shape)} that differs between samples"
            )
        return y
    ndim = value.ndim + 1
    if not -ndim <= d < ndim:
        raise ArgumentError(f"vmap: out_dims says {d} for a result with {value.ndim} dimensions in each sample")
    out = result(leave(value, level=level), edge, leave, level)
    return out if d == 0 else shaping.movedim(out, 0, d)


def _write_back(leaves: list[Any], entered: list[Any], dims: Sequence[int | None], level: BatchLevel) -> None:
    """Arguments that the function has changed in place are changed outside, too."""
    for x, inner, d in zip(leaves, entered, dims, strict=True):
        if d is not None and isinstance(inner._value, Batched) and inner._value.root.writes:
            (edge,) = close([inner], level)
            new = result(leave(inner._value, level=level), edge, leave, level)
            x.copy_(new if d == 0 else shaping.movedim(new, 0, d))


def _joined(pieces: list[Any], out_dims: Any) -> Any:
    """The results for consecutive samples one after the other."""
    dims = _out_dims(out_dims, pieces[0])
    columns = zip(*map(leaves_of, pieces), strict=True)
    return rebuilt(
        pieces[0],
        (column[0] if d is None else shaping.cat(column, d) for column, d in zip(columns, dims, strict=True)),
    )
