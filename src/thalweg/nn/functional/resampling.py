"""Other sizes for images: interpolation, and channels exchanged for resolution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.tensor import Tensor, wrap
from ...errors import ArgumentError, ModeError, ShapeError
from ...ops.broadcast import expand, reshape, sum_
from ...ops.index import take
from ...ops.shape import permute
from .adaptive_pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

__all__ = [
    "channel_shuffle",
    "interpolate",
    "native_channel_shuffle",
    "pixel_shuffle",
    "pixel_unshuffle",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]

_AXES = {"linear": (1,), "bilinear": (2,), "bicubic": (2,), "trilinear": (3,)}
_NEAREST = ("nearest", "nearest-exact", "area")
_CUBIC = -0.75  # the slope that PyTorch's bicubic kernel has; with antialias it is -0.5


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """The input with other spatial sizes: ``size``, or ``scale_factor`` times the present ones, rounded down.

    input : (n, channels, *sizes), one to three sizes

    Args:
        mode: "nearest" or "nearest-exact" (any number of axes), "linear" (one), "bilinear" or "bicubic" (two),
            "trilinear" (three), or "area" (``adaptive_avg_pool``).
        align_corners: whether the centres of the corner elements keep their places, instead of the outer edges.
        recompute_scale_factor: compute the scale from the sizes instead of taking ``scale_factor`` for it.
        antialias: widen the kernel by the scale where it shrinks (bilinear and bicubic).

    Raises:
        ArgumentError: both or none of size and scale_factor, or arguments that the mode does not know.
        ShapeError: the mode is for another number of axes.

    >>> import thalweg as tw
    >>> tw.nn.functional.interpolate(tw.tensor([[[0.0, 2.0]]]), scale_factor=2, mode="linear")
    tensor([[[0.0000, 0.5000, 1.5000, 2.0000]]])
    """
    _check_mode(input, mode, align_corners, antialias)
    sizes = tuple(input._value.shape[2:])
    out, scales = _target(sizes, size, scale_factor, recompute_scale_factor)
    if mode == "area":
        return (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[len(sizes) - 1](input, out)
    x = input
    for axis, (n, m, scale) in enumerate(zip(sizes, out, scales, strict=True), start=2):
        if mode.startswith("nearest"):
            x = _nearest(x, axis, n, m, scale, mode == "nearest-exact")
        elif n != m or antialias or scale is not None:
            taps = _antialiased_taps if antialias else _cubic_taps if mode == "bicubic" else _linear_taps
            x = _weighted(x, axis, *taps(n, m, _ratio(n, m, scale, bool(align_corners)), bool(align_corners), mode))
    return x


def _check_mode(input: Tensor, mode: str, align_corners: bool | None, antialias: bool) -> None:
    axes = input._value.ndim - 2
    if mode not in _AXES and mode not in _NEAREST:
        raise ModeError(f"interpolate: mode must be one of {', '.join([*_NEAREST, *_AXES])}, not {mode!r}")
    if axes not in _AXES.get(mode, (1, 2, 3)):
        raise ModeError(f"interpolate: mode {mode!r} does not fit an input of shape {tuple(input.shape)}")
    if mode in _NEAREST and align_corners is not None:
        raise ArgumentError(f"interpolate: align_corners has no meaning for mode {mode!r}")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ArgumentError(f"interpolate: antialias needs mode bilinear or bicubic, not {mode!r}")


def _target(
    sizes: tuple[int, ...], size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """The sizes of the output, and for each axis the scale that was asked for, or None."""
    if (size is None) == (scale_factor is None):
        raise ArgumentError("interpolate: give either size or scale_factor")
    axes = len(sizes)
    if size is not None:
        if recompute:
            raise ArgumentError("interpolate: recompute_scale_factor has no meaning with size")
        out = (int(size),) * axes if isinstance(size, (int, np.integer)) else tuple(int(m) for m in size)
        if len(out) != axes:
            raise ArgumentError(f"interpolate: size must be an int or {axes} of them, got {size!r}")
        scales: tuple[float | None, ...] = (None,) * axes
    else:
        factors = tuple(scale_factor) if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * axes
        if len(factors) != axes:
            raise ArgumentError(f"interpolate: scale_factor must be a number or {axes} of them, got {scale_factor!r}")
        out = tuple(math.floor(float(n) * float(f)) for n, f in zip(sizes, factors, strict=True))
        scales = (None,) * axes if recompute else tuple(float(f) for f in factors)
    if any(n < 1 for n in (*sizes, *out)):
        raise ShapeError(f"interpolate: sizes must be positive, got {sizes} for the input and {out} for the output")
    return out, scales


def _ratio(n: int, m: int, scale: float | None, align_corners: bool) -> float:
    """How far the source moves for each step of the output."""
    if align_corners:
        return (n - 1) / (m - 1) if m > 1 else 0.0
    return 1 / scale if scale is not None and scale > 0 else n / m


def _nearest(x: Tensor, axis: int, n: int, m: int, scale: float | None, exact: bool) -> Tensor:
    if m % n == 0 and scale in (None, m / n):  # each element m / n times, which is cheaper both ways
        shape = tuple(x._value.shape)
        spread = expand(
            reshape(x, shape=(*shape[: axis + 1], 1, *shape[axis + 1 :])),
            shape=(*shape[: axis + 1], m // n, *shape[axis + 1 :]),
        )
        return reshape(spread, shape=(*shape[:axis], m, *shape[axis + 1 :]))
    step = np.float32(1 / scale) if scale is not None and scale > 0 else np.float32(n) / np.float32(m)
    place = np.arange(m, dtype=np.float32) + np.float32(0.5 if exact else 0)
    positions = np.minimum(np.floor(place * step).astype(np.int64), n - 1)
    return take(x, positions, pattern=(*(slice(None),) * axis, "array"))


def _weighted(x: Tensor, axis: int, positions: Any, weights: Any) -> Tensor:
    """Sums of elements along an axis. positions, weights : (out, taps)."""
    rows = take(x, positions, pattern=(*(slice(None),) * axis, "array"))
    shape = (*weights.shape, *(1,) * (x._value.ndim - axis - 1))
    return sum_(rows * wrap(weights.reshape(shape).astype(x._value.dtype)), dims=(axis + 1,), keepdim=False)


def _linear_taps(n: int, m: int, ratio: float, align_corners: bool, mode: str) -> tuple[Any, Any]:
    i = np.arange(m)
    source = i * ratio if align_corners else np.maximum((i + 0.5) * ratio - 0.5, 0)
    low = np.minimum(source.astype(np.int64), n - 1)
    share = np.clip(source - low, 0, 1)
    return np.stack([low, np.minimum(low + 1, n - 1)], 1), np.stack([1 - share, share], 1)


def _cubic_taps(n: int, m: int, ratio: float, align_corners: bool, mode: str) -> tuple[Any, Any]:
    i = np.arange(m)
    source = i * ratio if align_corners else (i + 0.5) * ratio - 0.5
    low = np.floor(source).astype(np.int64)
    offsets = np.arange(-1, 3)
    weights = _cubic(np.abs((source - low)[:, None] - offsets), _CUBIC)
    return np.clip(low[:, None] + offsets, 0, n - 1), weights


def _cubic(t: Any, a: float) -> Any:
    """Keys' kernel with slope ``a`` at 1, for t >= 0."""
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((t - 5) * t + 8) * t * a - 4 * a
    return np.where(t < 1, near, np.where(t < 2, far, 0.0))


def _antialiased_taps(n: int, m: int, ratio: float, align_corners: bool, mode: str) -> tuple[Any, Any]:
    """All elements within the kernel, widened by the ratio where that is above 1; weights that add up to 1."""
    wide = max(ratio, 1.0)
    reach = (2.0 if mode == "bicubic" else 1.0) * wide
    centre = ratio * (np.arange(m) + 0.5)
    first = np.maximum((centre - reach + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + reach + 0.5).astype(np.int64), n)
    offsets = np.arange(int((last - first).max()))
    positions = first[:, None] + offsets
    t = np.abs((positions - centre[:, None] + 0.5) / wide)
    weights = _cubic(t, -0.5) if mode == "bicubic" else np.maximum(1 - t, 0)
    weights = np.where(positions < last[:, None], weights, 0.0)
    return np.minimum(positions, n - 1), weights / weights.sum(1, keepdims=True)


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """``interpolate`` under its older name."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """``interpolate`` with mode "nearest"."""
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """``interpolate`` with mode "bilinear" and aligned corners."""
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


# -- channels ---------------------------------------------------------------------------------------------


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Groups of r² channels as r x r blocks of one channel, r = ``upscale_factor``.

    input : (..., channels * r², height, width)  ->  (..., channels, height * r, width * r)

    Reference: Shi et al. (2016), Real-time single image and video super-resolution.

    >>> import thalweg as tw
    >>> tw.nn.functional.pixel_shuffle(tw.arange(4.0).reshape(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    shape, r = tuple(input._value.shape), int(upscale_factor)
    if len(shape) < 3 or r < 1 or shape[-3] % (r * r):
        raise ShapeError(
            f"pixel_shuffle: shape {shape} must end in (channels, height, width), the channels a multiple of {r}²"
        )
    *lead, c, h, w = shape
    parts = reshape(input, shape=(*lead, c // (r * r), r, r, h, w))
    k = len(lead)
    order = (*range(k + 1), k + 3, k + 1, k + 4, k + 2)
    return reshape(permute(parts, dims=order), shape=(*lead, c // (r * r), h * r, w * r))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """The inverse of ``pixel_shuffle``: r x r blocks as r² channels.

    input : (..., channels, height * r, width * r)  ->  (..., channels * r², height, width)
    """
    shape, r = tuple(input._value.shape), int(downscale_factor)
    if len(shape) < 3 or r < 1 or shape[-2] % r or shape[-1] % r:
        raise ShapeError(
            f"pixel_unshuffle: shape {shape} must end in (channels, height, width), both sizes multiples of {r}"
        )
    *lead, c, h, w = shape
    parts = reshape(input, shape=(*lead, c, h // r, r, w // r, r))
    k = len(lead)
    order = (*range(k + 1), k + 2, k + 4, k + 1, k + 3)
    return reshape(permute(parts, dims=order), shape=(*lead, c * r * r, h // r, w // r))


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of all groups interleaved: first the first of each, then the second of each, and so on.

    input : (n, channels, ...)  ->  the same shape

    Reference: Zhang et al. (2018), ShuffleNet.
    """
    shape = tuple(input._value.shape)
    if len(shape) < 3 or groups < 1 or shape[1] % groups:
        raise ShapeError(
            f"channel_shuffle: shape {shape} must be (batch, channels, ...), the channels a multiple of {groups}"
        )
    parts = reshape(input, shape=(shape[0], groups, shape[1] // groups, *shape[2:]))
    return reshape(permute(parts, dims=(0, 2, 1, *range(3, len(shape) + 1))), shape=shape)


native_channel_shuffle = channel_shuffle
