"""Pooling: the largest element, the average or the p-norm of each window."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.tensor import Tensor, wrap
from ...errors import ArgumentError, ShapeError
from ...ops import elementwise as e
from ...ops.broadcast import reshape
from ...ops.index import index_put
from ...ops.pool import max_pool, max_pool_indices, sum_pool
from .sizes import each_axis, positive

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]

Sizes = tuple[int, ...]


def check_axes(name: str, input: Tensor, axes: int) -> None:
    """Refuse an input that is neither (n, channels, *sizes) nor (channels, *sizes), or has no elements there."""
    shape = input._value.shape
    if len(shape) not in (axes + 1, axes + 2) or 0 in shape[len(shape) - axes - (len(shape) == axes + 2) :]:
        raise ShapeError(
            f"{name}: expects {axes + 2} dimensions (batch, channels, {axes} spatial), or {axes + 1} without the "
            f"batch, none of them empty but the batch; got shape {tuple(shape)}"
        )


def _windows(
    name: str, input: Tensor, axes: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> dict[str, Sizes]:
    """The parameters of the pooling primitives."""
    check_axes(name, input, axes)
    kernel = positive(each_axis(kernel_size, axes, name, "kernel_size"), name, "kernel_size")
    none = stride is None or (isinstance(stride, (tuple, list)) and not stride)
    steps = kernel if none else positive(each_axis(stride, axes, name, "stride"), name, "stride")
    spread = positive(each_axis(dilation, axes, name, "dilation"), name, "dilation")
    before = each_axis(padding, axes, name, "padding")
    for p, k, d in zip(before, kernel, spread, strict=True):
        if not 0 <= p <= (d * (k - 1) + 1) // 2:
            raise ArgumentError(f"{name}: padding {before} must be between 0 and half the kernel {kernel}")
    sizes = input._value.shape[input._value.ndim - axes :]
    each = zip(sizes, kernel, steps, before, spread, strict=True)
    counts = tuple(_count(n, k, s, p, d, ceil_mode) for n, k, s, p, d in each)
    if any(n < 1 for n in counts):
        raise ShapeError(f"{name}: no window of {kernel} fits into the input of shape {tuple(input.shape)}")
    return {"kernel": kernel, "stride": steps, "padding": before, "dilation": spread, "counts": counts}


def _count(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    """How many windows an axis has; with ``ceil_mode`` also one that reaches beyond the end, if it starts before it."""
    rest = n + 2 * p - d * (k - 1) - 1
    if not ceil_mode:
        return rest // s + 1
    count = -(-rest // s) + 1
    return count - 1 if (count - 1) * s >= n + p else count


# -- largest elements -------------------------------------------------------------------------------------


def _max_pool(
    axes: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    params = _windows(f"max_pool{axes}d", input, axes, kernel_size, stride, padding, dilation, ceil_mode)
    values = max_pool(input, **params)
    return (values, max_pool_indices(input, **params)) if return_indices else values


def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of one axis; see ``max_pool2d``.

    >>> import thalweg as tw
    >>> tw.nn.functional.max_pool1d(tw.tensor([[1.0, 3.0, 2.0, 5.0, 4.0]]), 2)
    tensor([[3., 5.]])
    """
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window, NaN if it holds one; its gradient goes to the first of equal ones.

    input : (n, channels, height, width), or the same without n  ->  (n, channels, *out),
    out = (size + 2 padding - dilation (kernel - 1) - 1) // stride + 1, rounded up with ``ceil_mode``

    The stride is by default the kernel's size. With ``return_indices`` also the places of the largest elements,
    counted along each channel in row-major order.

    Raises:
        ShapeError: no window fits.
        ArgumentError: the padding is more than half the kernel.
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """``max_pool2d`` over three axes. input : (n, channels, depth, height, width), or the same without n."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """``max_pool1d`` with ``return_indices``."""
    pair: tuple[Tensor, Tensor] = _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, True)
    return pair


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """``max_pool2d`` with ``return_indices``."""
    pair: tuple[Tensor, Tensor] = _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, True)
    return pair


def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """``max_pool3d`` with ``return_indices``."""
    pair: tuple[Tensor, Tensor] = _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, True)
    return pair


# -- the way back -----------------------------------------------------------------------------------------


def max_unpool1d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Zeros with ``input`` at the places from which ``max_pool1d`` took it; see ``max_unpool2d``."""
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Zeros with ``input`` at the places from which ``max_pool2d`` took it.

    input, indices : (n, channels, height, width), or the same without n  ->  (n, channels, *output_size); by default
    (size - 1) stride + kernel - 2 padding

    Raises:
        ShapeError: input and indices have different shapes, or the output can't have this size.
        IndexError: an index lies outside of the output.
    """
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """``max_unpool2d`` over three axes."""
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)


def _max_unpool(
    axes: int, input: Tensor, indices: Tensor, kernel_size: Any, stride: Any, padding: Any, output_size: Any
) -> Tensor:
    name = f"max_unpool{axes}d"
    check_axes(name, input, axes)
    if indices._value.shape != input._value.shape:
        raise ShapeError(
            f"{name}: the indices have shape {tuple(indices.shape)} and must have the input's, {tuple(input.shape)}"
        )
    kernel = each_axis(kernel_size, axes, name, "kernel_size")
    steps = kernel if stride is None else each_axis(stride, axes, name, "stride")
    before = each_axis(padding, axes, name, "padding")
    shape = tuple(input._value.shape)
    lead, sizes = shape[: len(shape) - axes], shape[len(shape) - axes :]
    default = tuple((n - 1) * s + k - 2 * p for n, k, s, p in zip(sizes, kernel, steps, before, strict=True))
    out = _unpooled(name, default, steps, output_size)
    rows, count, size = math.prod(lead), math.prod(sizes), math.prod(out)
    places = reshape(indices, shape=(rows, count))
    zeros = wrap(np.zeros((rows, size), input._value.dtype))
    row = np.arange(rows).reshape(rows, 1)
    y = index_put(zeros, reshape(input, shape=(rows, count)), row, places, pattern=("array", "array"), accumulate=False)
    return reshape(y, shape=(*lead, *out))


def _unpooled(name: str, default: Sizes, stride: Sizes, output_size: Any) -> Sizes:
    """The sizes asked for, which may differ from the default by less than a stride."""
    if output_size is None:
        return default
    sizes = tuple(int(n) for n in output_size)[-len(default) :]
    fits = len(sizes) == len(default) and all(d - s < n < d + s for n, d, s in zip(sizes, default, stride, strict=True))
    if not fits:
        raise ShapeError(f"{name}: output_size {tuple(output_size)} must differ from {default} by less than {stride}")
    return sizes


# -- averages ---------------------------------------------------------------------------------------------


def avg_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The average of each window of one axis; see ``avg_pool2d``.

    >>> import thalweg as tw
    >>> tw.nn.functional.avg_pool1d(tw.tensor([[1.0, 3.0, 2.0, 6.0]]), 2)
    tensor([[2., 4.]])
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The average of each window: its sum, divided by the number of its elements.

    input : (n, channels, height, width), or the same without n  ->  (n, channels, *out); see ``max_pool2d``

    Elements of the padding count as zeros, or not at all if ``count_include_pad`` is False. ``divisor_override``
    divides by another number.

    Raises:
        ShapeError: no window fits.
        ArgumentError: the padding is more than half the kernel, or the divisor is 0.
    """
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """``avg_pool2d`` over three axes. input : (n, channels, depth, height, width), or the same without n."""
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _avg_pool(
    axes: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    name = f"avg_pool{axes}d"
    params = _windows(name, input, axes, kernel_size, stride, padding, 1, ceil_mode)
    total: Tensor = sum_pool(input, **params)
    if divisor_override is not None:
        if divisor_override == 0:
            raise ArgumentError(f"{name}: divisor_override must not be 0")
        return total / float(divisor_override)
    sizes = input._value.shape[input._value.ndim - axes :]
    members = _members(sizes, params, count_include_pad)
    if (members == members.flat[0]).all():
        return total / float(members.flat[0])
    return total / wrap(members.astype(input._value.dtype))


def _members(sizes: Sizes, params: dict[str, Sizes], count_include_pad: bool) -> Any:
    """How many elements each window averages."""
    members: Any = np.ones(())
    each = zip(sizes, params["kernel"], params["stride"], params["padding"], params["counts"], strict=True)
    for n, k, s, p, count in each:
        start = np.arange(count) * s - p
        end = np.minimum(start + k, n + p)
        if not count_include_pad:
            start, end = np.maximum(start, 0), np.minimum(end, n)
        members = members[..., None] * (end - start)
    return members


# -- norms ------------------------------------------------------------------------------------------------


def lp_pool1d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """(sum x**p) ** (1/p) of each window of one axis; see ``lp_pool2d``."""
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """(sum x**p) ** (1/p) of each window, p = ``norm_type``; 0 where the sum is negative, as for odd p it may be.

    With p = 1 it is the sum; p = inf is the largest magnitude, p = -inf the smallest.
    """
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """``lp_pool2d`` over three axes."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


def _lp_pool(axes: int, input: Tensor, p: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Tensor:
    kernel = each_axis(kernel_size, axes, f"lp_pool{axes}d", "kernel_size")
    if math.isinf(p):
        sign = math.copysign(1.0, p)
        largest: Tensor = _max_pool(axes, e.abs_(input) * sign, kernel, stride, 0, 1, ceil_mode, False)
        return largest * sign
    mean = _avg_pool(axes, e.pow_(input, p), kernel, stride, 0, ceil_mode, True, None)
    positive_part = e.sign(mean) * e.relu(e.abs_(mean))
    root: Tensor = e.pow_(positive_part * float(math.prod(kernel)), 1.0 / p)
    return root
