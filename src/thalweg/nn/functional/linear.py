"""Linear and bilinear maps, one-hot codes, distances between rows, and padding."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.dtypes import INT64
from ...core.modes import state
from ...core.tensor import Tensor, wrap
from ...errors import ArgumentError, DtypeError, ModeError, ShapeError
from ...ops import linalg
from ...ops.base import convert
from ...ops.elementwise import eq
from ...ops.functions import clamp, norm
from ...ops.products import pdist
from ...ops.ranges import check_range
from ...ops.shape import pad as pad_with
from ...ops.shaping import broadcast_tensors, index_select, narrow, reshape, squeeze, unsqueeze

__all__ = ["bilinear", "cosine_similarity", "linear", "one_hot", "pad", "pairwise_distance", "pdist"]


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x weight^T + bias.

    input : (..., in), weight : (out, in) or (in,), bias : (out,), () or None  ->  (..., out), or (...) for one output

    Raises:
        ShapeError: the shapes don't fit.
        DtypeError: the dtypes differ.

    >>> import thalweg as tw
    >>> tw.nn.functional.linear(tw.tensor([1.0, 2.0]), tw.tensor([[3.0, 4.0]]), tw.tensor([5.0]))
    tensor([16.])
    """
    if bias is not None and bias._value.shape != weight._value.shape[:1]:  # NumPy might broadcast it
        if weight._value.ndim == 1 and bias._value.ndim == 0:
            return linear_of_vector(input, weight) + bias
        raise linear_error(input, weight, bias)
    try:
        if input._value.dtype != weight._value.dtype:
            raise linear_error(input, weight, bias)
        if weight._value.ndim == 1:
            return linear_of_vector(input, weight)
        return linalg.linear(input, weight, bias)
    except (AttributeError, IndexError, ValueError):
        raise linear_error(input, weight, bias) from None


def linear_of_vector(input: Tensor, weight: Tensor) -> Tensor:
    """``linear`` with a weight of shape (in,): one output, without an axis of its own."""
    return squeeze(linear(input, unsqueeze(weight, 0)), -1)


def linear_error(input: Any, weight: Tensor, bias: Tensor | None) -> Exception:
    """Why ``linear`` can't work on these: the error to raise. Looked into only after it has failed."""
    if not isinstance(input, Tensor):
        return TypeError(f"linear: the input must be a Tensor, not {type(input).__name__}; make one with tw.tensor")
    try:
        linalg.linear.shape(input._value, weight._value, None if bias is None else bias._value)
    except ShapeError as error:
        return error
    return DtypeError(
        f"linear: the input is {input.dtype} and the weight {weight.dtype}; convert one of them, for example with "
        f".to({weight.dtype})"
    )


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """For each k, x1^T weight[k] x2 + bias[k].

    input1 : (..., in1), input2 : (..., in2), weight : (out, in1, in2), bias : (out,) or None  ->  (..., out)

    Raises:
        ShapeError: the shapes don't fit.
    """
    lead, (n, m) = input1._value.shape[:-1], weight._value.shape[1:]
    if input1._value.shape != (*lead, n) or input2._value.shape != (*lead, m):
        raise ShapeError(
            f"bilinear: inputs of shapes {tuple(input1.shape)} and {tuple(input2.shape)} don't fit the weight of shape "
            f"{tuple(weight.shape)}; they must be (..., {n}) and (..., {m}) with the same leading sizes"
        )
    products = reshape(unsqueeze(input1, -1) * unsqueeze(input2, -2), *lead, n * m)
    return linear(products, reshape(weight, weight._value.shape[0], n * m), bias)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """A new last axis with a 1 at the position that each element names and 0 elsewhere.

    tensor : (...) integers  ->  (..., num_classes) int64; -1 counts classes up to the largest that occurs

    >>> import thalweg as tw
    >>> tw.nn.functional.one_hot(tw.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    index = tensor._value
    if index.dtype.kind not in "iu":
        raise DtypeError(f"one_hot: classes must be integers, not {tensor.dtype}")
    if num_classes == -1 and not index.size:
        raise ShapeError("one_hot: can't count the classes of an empty tensor; give num_classes")
    if num_classes == -1 and state.tracer is not None:
        raise state.tracer.refuse("one_hot: the number of classes would depend on the values; give num_classes")
    count = int(index.max()) + 1 if num_classes == -1 else num_classes
    if num_classes != -1 and num_classes < 1:
        raise ShapeError(f"one_hot: num_classes must be positive, got {num_classes}")
    check_range(index, 0, count, ShapeError, f"one_hot: class {{value}} is not in 0 … {count - 1}")
    return wrap(convert(eq(index[..., None], np.arange(count)), dtype=INT64))


_MODES = ("reflect", "replicate", "circular")


def pad(input: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """A border round the tensor; negative widths cut off instead.

    Args:
        input: any shape.
        pad: (before, after) of the last axis, then of the one before it, and so on.
        mode: "constant", "reflect" (mirrored, without the edge), "replicate" (the edge) or "circular".
        value: what a constant border holds (0 if None).

    >>> import thalweg as tw
    >>> tw.nn.functional.pad(tw.tensor([1.0, 2.0]), (1, 2), value=9.0)
    tensor([9., 1., 2., 9., 9.])
    """
    widths = _widths(tuple(pad), input)
    if mode == "constant":
        for d, (before, after) in enumerate(widths):
            if before < 0 or after < 0:
                size = input._value.shape[d] + min(before, 0) + min(after, 0)
                if size < 0:
                    raise ShapeError(f"pad: {pad} cuts off more than there is of shape {tuple(input.shape)}")
                input = narrow(input, d, max(-before, 0), size)
        grown = tuple((max(a, 0), max(b, 0)) for a, b in widths)
        return pad_with(input, widths=grown, value=0.0 if value is None else value)
    if mode not in _MODES:
        raise ModeError(f"pad: mode must be constant, {', '.join(_MODES)}, not {mode!r}")
    if value:
        raise ArgumentError(f'pad: value has a meaning only for mode "constant", not for {mode!r}')
    for d, (before, after) in enumerate(widths):
        if before or after:
            input = index_select(input, d, wrap(_border(input, d, before, after, mode)))
    return input


def _widths(pad: tuple[int, ...], input: Tensor) -> list[tuple[int, int]]:
    """(before, after) for each axis in order."""
    ndim = input._value.ndim
    if len(pad) % 2 or len(pad) > 2 * ndim:
        raise ShapeError(f"pad: expects a pair of widths for each of at most {ndim} axes, got {pad}")
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    return [(0, 0)] * (ndim - len(pairs)) + pairs[::-1]


def _border(input: Tensor, dim: int, before: int, after: int, mode: str) -> Any:
    """The positions along ``dim`` that a padded tensor is read from."""
    n = input._value.shape[dim]
    most = {"reflect": n - 1, "replicate": max(before, after) if n else -1, "circular": n}[mode]
    if max(before, after) > most or n + before + after < 0:
        raise ShapeError(f"pad: widths {(before, after)} don't fit mode {mode!r} and size {n} along dim {dim}")
    places = np.arange(-before, n + after)
    if mode == "circular":
        start, kept = max(-before, 0), max(n + min(before, 0) + min(after, 0), 1)
        return start + (places - start) % kept
    if mode == "reflect":
        places = np.abs(places)
        places = np.where(places < n, places, 2 * (n - 1) - places)
    return np.clip(places, 0, n - 1)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between x1 and x2 along ``dim``; norms below ``eps`` count as ``eps``.

    >>> import thalweg as tw
    >>> tw.nn.functional.cosine_similarity(tw.tensor([3.0, 4.0]), tw.tensor([4.0, 3.0]), dim=0)
    tensor(0.9600)
    """
    if x1._value.shape != x2._value.shape:
        x1, x2 = broadcast_tensors(x1, x2)
    a = x1 / clamp(norm(x1, 2, dim, keepdim=True), min=eps)
    b = x2 / clamp(norm(x2, 2, dim, keepdim=True), min=eps)
    return (a * b).sum(dim)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The ``p``-norm of x1 - x2 + eps along the last axis."""
    return norm(x1 - x2 + eps, p, -1, keepdim)
