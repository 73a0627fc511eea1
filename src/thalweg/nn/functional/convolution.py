"""Convolutions, transposed convolutions, and the windows that they see."""

from __future__ import annotations

import math
from typing import Any

from ...core.tensor import Tensor
from ...errors import ArgumentError, DtypeError, ShapeError
from ...ops.broadcast import reshape
from ...ops.conv import convolution, convolution_input
from ...ops.shape import pad
from ...ops.windows import output_sizes, windows, windows_adjoint
from .sizes import batched, each_axis, positive

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "fold",
    "unfold",
]

Sizes = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The sums of windows of ``input`` weighted with ``weight``, along one axis; see ``conv2d``.

    input : (n, channels, length) or (channels, length), weight : (filters, channels / groups, kernel)

    >>> import thalweg as tw
    >>> x, w = tw.tensor([[1.0, 2.0, 3.0, 4.0]]), tw.tensor([[[1.0, 0.0, -1.0]]])
    >>> tw.nn.functional.conv1d(x, w, padding="same")
    tensor([[-2., -2., -2.,  3.]])
    """
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The sums of windows of ``input`` weighted with ``weight``; the kernel is not flipped.

    input : (n, channels, height, width), or the same without n
    weight : (filters, channels / groups, *kernel), bias : (filters,)
    ->  (n, filters, *out), out = (size + 2 padding - dilation (kernel - 1) - 1) // stride + 1

    ``padding`` puts zeros round the input: an int for each axis, "valid" for none, "same" for as many as keep the
    sizes (stride 1 only; an odd one goes to the end). ``groups`` convolves groups of channels each with its own
    filters.

    Raises:
        ShapeError: the shapes don't fit, or the kernel is larger than the padded input.
        DtypeError: input, weight and bias have different dtypes.

    >>> import thalweg as tw
    >>> tw.nn.functional.conv2d(tw.ones(1, 1, 3, 3), tw.ones(1, 1, 2, 2))
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """``conv2d`` over three axes. input : (n, channels, depth, height, width), or the same without n."""
    return _convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def _convolve(
    name: str,
    axes: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    x, had_batch = batched(input, axes, name)
    _check_operands(name, input, weight, bias, axes)
    steps = positive(each_axis(stride, axes, name, "stride"), name, "stride")
    spread = positive(each_axis(dilation, axes, name, "dilation"), name, "dilation")
    widths = _padding(name, padding, weight._value.shape[2:], steps, spread)
    if groups < 1:
        raise ArgumentError(f"{name}: groups must be positive, got {groups}")
    convolution.shape(x._value, weight._value, steps, widths, spread, groups)
    y: Tensor = convolution(x, weight, stride=steps, padding=widths, dilation=spread, groups=groups)
    return _finished(name, y, bias, had_batch)


def _check_operands(name: str, input: Tensor, weight: Tensor, bias: Tensor | None, axes: int) -> None:
    if weight._value.ndim != axes + 2:
        raise ShapeError(f"{name}: the weight needs {axes + 2} dimensions, got shape {tuple(weight.shape)}")
    for what, x in (("weight", weight), ("bias", bias)):
        if x is not None and x._value.dtype != input._value.dtype:
            raise DtypeError(
                f"{name}: the input is {input.dtype} and the {what} {x.dtype}; convert one of them, for example with "
                f".to({x.dtype})"
            )


def _padding(name: str, padding: Any, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Padding:
    """(before, after) for each axis."""
    if not isinstance(padding, str):
        widths = each_axis(padding, len(kernel), name, "padding")
        if any(p < 0 for p in widths):
            raise ArgumentError(f"{name}: padding must not be negative, got {widths}")
        return tuple((p, p) for p in widths)
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding != "same":
        raise ArgumentError(f'{name}: padding must be numbers, "valid" or "same", not {padding!r}')
    if any(s != 1 for s in stride):
        raise ArgumentError(f'{name}: padding "same" needs stride 1, got {stride}')
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return tuple((t // 2, t - t // 2) for t in totals)


def _finished(name: str, y: Tensor, bias: Tensor | None, had_batch: bool) -> Tensor:
    """``y`` with the bias of each channel, and without the batch axis if there was none."""
    shape = y._value.shape
    if bias is not None:
        if bias._value.shape != shape[1:2]:
            raise ShapeError(f"{name}: the bias has shape {tuple(bias.shape)} and should have ({shape[1]},)")
        y = y + reshape(bias, shape=(shape[1], *(1,) * (len(shape) - 2)))
    return y if had_batch else reshape(y, shape=tuple(shape[1:]))


# -- transposed -------------------------------------------------------------------------------------------


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The adjoint of ``conv1d`` by its input; see ``conv_transpose2d``.

    >>> import thalweg as tw
    >>> tw.nn.functional.conv_transpose1d(tw.tensor([[1.0, 2.0]]), tw.tensor([[[1.0, 10.0]]]), stride=2)
    tensor([[ 1., 10.,  2., 20.]])
    """
    return _transposed("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The adjoint of ``conv2d`` by its input: each element spreads ``weight`` over a window of the output.

    input : (n, channels, height, width), or the same without n
    weight : (channels, filters / groups, *kernel), bias : (filters,)
    ->  (n, filters, *out), out = (size - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1

    ``output_padding`` picks one of the sizes that ``conv2d`` takes to ``size``; it is less than stride or dilation.

    Raises:
        ShapeError: the shapes don't fit.
        ArgumentError: the output padding is too large.
        DtypeError: input, weight and bias have different dtypes.
    """
    return _transposed("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """``conv_transpose2d`` over three axes. input : (n, channels, depth, height, width), or the same without n."""
    return _transposed("conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def _transposed(
    name: str,
    axes: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    x, had_batch = batched(input, axes, name)
    _check_operands(name, input, weight, bias, axes)
    steps = positive(each_axis(stride, axes, name, "stride"), name, "stride")
    spread = positive(each_axis(dilation, axes, name, "dilation"), name, "dilation")
    widths = each_axis(padding, axes, name, "padding")
    extra = each_axis(output_padding, axes, name, "output_padding")
    for e, s, d in zip(extra, steps, spread, strict=True):
        if not 0 <= e < max(s, d):
            raise ArgumentError(
                f"{name}: output_padding {extra} must be less than the stride {steps} or the dilation {spread}"
            )
    kernel = weight._value.shape[2:]
    each = zip(x._value.shape[2:], kernel, steps, spread, widths, extra, strict=True)
    sizes = tuple((n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, k, s, d, p, e in each)
    if any(n < 1 for n in sizes):
        raise ShapeError(f"{name}: an input of shape {tuple(input.shape)} would give an output of the sizes {sizes}")
    if any(e >= s for e, s in zip(extra, steps, strict=True)):  # sizes that more than these elements lead to
        more = tuple((0, e // s) for e, s in zip(extra, steps, strict=True))
        x = pad(x, widths=((0, 0), (0, 0), *more), value=0.0)
    params: dict[str, Any] = {
        "sizes": sizes, "stride": steps, "padding": tuple((p, p) for p in widths), "dilation": spread, "groups": groups
    }  # fmt: skip
    convolution_input.shape(x._value, weight._value, **params)
    return _finished(name, convolution_input(x, weight, **params), bias, had_batch)


# -- windows ----------------------------------------------------------------------------------------------


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The windows that a convolution sees, as columns.

    input : (n, channels, height, width), or without n  ->  (n, channels * kernel height * kernel width, windows)

    >>> import thalweg as tw
    >>> tw.nn.functional.unfold(tw.arange(6.0).reshape(1, 1, 2, 3), (2, 2))
    tensor([[[0., 1.],
             [1., 2.],
             [3., 4.],
             [4., 5.]]])
    """
    x, had_batch = batched(input, 2, "unfold")
    kernel, params = _window_params("unfold", kernel_size, dilation, padding, stride)
    out = output_sizes(x._value.shape[2:], kernel, **params)
    if any(n < 1 for n in out):
        raise ShapeError(f"unfold: no window of {kernel} fits into the input of shape {tuple(input.shape)}")
    n, channels = x._value.shape[:2]
    matrix = (channels * math.prod(kernel), math.prod(out))
    return reshape(windows(x, kernel=kernel, **params), shape=(n, *matrix) if had_batch else matrix)


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The adjoint of ``unfold``: columns added up where their windows stand.

    input : (n, channels * kernel height * kernel width, windows), or without n  ->  (n, channels, *output_size)

    Raises:
        ShapeError: the columns don't fit the kernel, or their number the output.
    """
    columns, had_batch = batched(input, 1, "fold")
    kernel, params = _window_params("fold", kernel_size, dilation, padding, stride)
    sizes = each_axis(output_size, 2, "fold", "output_size")
    out = output_sizes(sizes, kernel, **params)
    n, depth, count = columns._value.shape
    if depth % math.prod(kernel) or any(m < 1 for m in out) or count != math.prod(out):
        raise ShapeError(
            f"fold: an input of shape {tuple(input.shape)} does not hold the {' x '.join(map(str, out))} windows of "
            f"{kernel} of an output of sizes {sizes}"
        )
    columns = reshape(columns, shape=(n, depth // math.prod(kernel), *kernel, *out))
    y = windows_adjoint(columns, sizes=sizes, kernel=kernel, **params)
    return y if had_batch else reshape(y, shape=tuple(y._value.shape[1:]))


def _window_params(
    name: str, kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> tuple[Sizes, dict[str, Any]]:
    kernel = positive(each_axis(kernel_size, 2, name, "kernel_size"), name, "kernel_size")
    steps = positive(each_axis(stride, 2, name, "stride"), name, "stride")
    spread = positive(each_axis(dilation, 2, name, "dilation"), name, "dilation")
    widths = _padding(name, padding, kernel, steps, spread)
    return kernel, {"stride": steps, "padding": widths, "dilation": spread}
