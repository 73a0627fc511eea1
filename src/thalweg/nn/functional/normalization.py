"""Normalisation: of batches, layers, groups and instances, by the mean square, and of neighbouring channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.modes import no_grad
from ...core.tensor import Tensor
from ...errors import ArgumentError, ShapeError
from ...ops.broadcast import mean, reshape
from ...ops.elementwise import rsqrt
from ...ops.pool import sum_pool
from ...ops.shape import pad

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "rms_norm"]


def _standardised(x: Tensor, dims: tuple[int, ...], eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """(x - mean) / sqrt(variance + eps) over ``dims``, with the mean and the (biased) variance."""
    centre = mean(x, dims=dims, keepdim=True)
    centred = x - centre
    variance = mean(centred * centred, dims=dims, keepdim=True)
    return centred * rsqrt(variance + eps), centre, variance


def _scaled(x: Tensor, weight: Tensor | None, bias: Tensor | None, shape: tuple[int, ...]) -> Tensor:
    """x * weight + bias, both brought to ``shape``."""
    if weight is not None:
        x = x * reshape(weight, shape=shape)
    return x if bias is None else x + reshape(bias, shape=shape)


def _check_channels(name: str, input: Tensor, **tensors: Tensor | None) -> tuple[int, ...]:
    """The shape (channels, 1, ...) of what belongs to the channels, axis 1."""
    shape = input._value.shape
    if len(shape) < 2:
        raise ShapeError(f"{name}: expects (batch, channels, ...), got shape {tuple(shape)}")
    for what, x in tensors.items():
        if x is not None and x._value.shape != (shape[1],):
            raise ShapeError(
                f"{name}: {what} has shape {tuple(x.shape)} and should have ({shape[1]},), for the channels of the "
                f"input of shape {tuple(shape)}"
            )
    return (shape[1], *(1,) * (len(shape) - 2))


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel with its mean taken off and divided by its standard deviation, then scaled and shifted.

    input : (n, channels, ...); all others (channels,) or None  ->  the input's shape

    (x - mean) / sqrt(variance + eps) * weight + bias. In training mean and variance are those of the batch, and the
    running ones move towards them by ``momentum`` in place (the variance without bias); otherwise the running ones
    are used.

    Raises:
        ShapeError: the shapes don't fit.
        ArgumentError: training with a single value for each channel, or running statistics are missing.

    Reference: Ioffe and Szegedy (2015), Batch normalization.

    >>> import thalweg as tw
    >>> tw.nn.functional.batch_norm(tw.tensor([[1.0], [3.0]]), None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    shape = _check_channels(
        "batch_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    if not training:
        if running_mean is None or running_var is None:
            raise ArgumentError("batch_norm: without training=True it needs running_mean and running_var")
        scale = rsqrt(running_var + eps)
        if weight is not None:
            scale = scale * weight
        return _scaled(input - reshape(running_mean, shape=shape), scale, bias, shape)
    dims = (0, *range(2, input._value.ndim))
    count = math.prod(input._value.shape[d] for d in dims)
    if count == 1:
        raise ArgumentError(
            f"batch_norm: training needs more than one value for each channel, got shape {tuple(input.shape)}"
        )
    y, centre, variance = _standardised(input, dims, eps)
    _track(running_mean, centre, momentum, 1.0)
    _track(running_var, variance, momentum, count / (count - 1) if count else math.nan)
    return _scaled(y, weight, bias, shape)


@no_grad
def _track(running: Tensor | None, value: Tensor, momentum: Any, factor: float) -> None:
    """Move ``running`` towards ``value`` * ``factor`` in place."""
    if running is not None:
        new = reshape(value.detach(), shape=tuple(running._value.shape)).to(running.dtype) * factor
        running.copy_(running * (1 - momentum) + new * momentum)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """The last axes with their mean taken off and divided by their standard deviation, then scaled and shifted.

    input : (..., *normalized_shape), weight, bias : normalized_shape or None  ->  the input's shape

    Raises:
        ShapeError: the shapes don't fit.

    Reference: Ba, Kiros and Hinton (2016), Layer normalization.

    >>> import thalweg as tw
    >>> tw.nn.functional.layer_norm(tw.tensor([1.0, 3.0]), (2,))
    tensor([-1.0000,  1.0000])
    """
    dims = _last_dims("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    y, _, _ = _standardised(input, dims, eps)
    if weight is not None:
        y = y * weight
    return y if bias is None else y + bias


def _last_dims(name: str, input: Tensor, normalized_shape: Sequence[int], **tensors: Tensor | None) -> tuple[int, ...]:
    """The axes that ``normalized_shape`` stands for, after checking all shapes."""
    wanted = tuple(int(n) for n in normalized_shape)
    shape = tuple(input._value.shape)
    if not wanted or shape[len(shape) - len(wanted) :] != wanted or len(shape) < len(wanted):
        raise ShapeError(f"{name}: the input of shape {shape} does not end in normalized_shape {wanted}")
    for what, x in tensors.items():
        if x is not None and tuple(x._value.shape) != wanted:
            raise ShapeError(f"{name}: {what} has shape {tuple(x.shape)} and should have {wanted}")
    return tuple(range(len(shape) - len(wanted), len(shape)))


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """The last axes divided by the root of their mean square, then scaled.

    input : (..., *normalized_shape), weight : normalized_shape or None  ->  the input's shape

    x / sqrt(mean(x**2) + eps) * weight; ``eps`` is by default the dtype's smallest step at 1.

    Reference: Zhang and Sennrich (2019), Root mean square layer normalization.

    >>> import thalweg as tw
    >>> tw.nn.functional.rms_norm(tw.tensor([3.0, 4.0]), (2,), eps=0.0)
    tensor([0.8485, 1.1314])
    """
    dims = _last_dims("rms_norm", input, normalized_shape, weight=weight)
    small = float(np.finfo(input._value.dtype).eps) if eps is None else eps
    y = input * rsqrt(mean(input * input, dims=dims, keepdim=True) + small)
    return y if weight is None else y * weight


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Groups of channels of each sample standardised, then each channel scaled and shifted.

    input : (n, channels, ...), weight, bias : (channels,) or None  ->  the input's shape

    Raises:
        ShapeError: the channels are no multiple of ``num_groups``, or the shapes don't fit.

    Reference: Wu and He (2018), Group normalization.
    """
    shape = _check_channels("group_norm", input, weight=weight, bias=bias)
    full = tuple(input._value.shape)
    if num_groups < 1 or full[1] % num_groups:
        raise ShapeError(
            f"group_norm: the {full[1]} channels of shape {full} can't be divided into {num_groups} groups"
        )
    members = full[1] // num_groups * math.prod(full[2:])
    y, _, _ = _standardised(reshape(input, shape=(full[0], num_groups, members)), (2,), eps)
    return _scaled(reshape(y, shape=full), weight, bias, shape)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of each sample standardised, then scaled and shifted; see ``batch_norm``.

    input : (n, channels, ...); all others (channels,) or None  ->  the input's shape

    Running statistics, if given, move towards the averages over the batch; without ``use_input_stats`` they are used
    instead of the input's.

    Reference: Ulyanov, Vedaldi and Lempitsky (2016), Instance normalization.
    """
    shape = _check_channels(
        "instance_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    dims = tuple(range(2, input._value.ndim))
    count = math.prod(input._value.shape[2:])
    if count == 1:
        raise ArgumentError(
            f"instance_norm: needs more than one value for each channel of a sample, got shape {tuple(input.shape)}"
        )
    y, centre, variance = _standardised(input, dims, eps)
    _track(running_mean, mean(centre, dims=(0,), keepdim=False), momentum, 1.0)
    _track(running_var, mean(variance, dims=(0,), keepdim=False), momentum, count / (count - 1) if count else math.nan)
    return _scaled(y, weight, bias, shape)


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Each element divided by a power of the mean square of ``size`` neighbouring channels.

    input : (n, channels, ...)  ->  the same

    x / (k + alpha * mean square) ** beta; channels beyond the first and last count as zeros.

    Reference: Krizhevsky, Sutskever and Hinton (2012), ImageNet classification with deep networks.
    """
    shape = tuple(input._value.shape)
    if len(shape) < 3:
        raise ShapeError(f"local_response_norm: expects (batch, channels, ...), got shape {shape}")
    squares = reshape(input * input, shape=(shape[0], shape[1], math.prod(shape[2:])))
    squares = pad(squares, widths=((0, 0), (size // 2, (size - 1) // 2), (0, 0)), value=0.0)
    sums = sum_pool(
        squares, kernel=(size, 1), stride=(1, 1), padding=(0, 0), dilation=(1, 1), counts=(shape[1], squares.shape[2])
    )
    return input / (reshape(sums, shape=shape) * (alpha / size) + k) ** beta
