"""Images read at any places: affine grids and sampling on grids."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.tensor import Tensor, wrap
from ...errors import ArgumentError, DtypeError, ShapeError
from ...ops.base import convert, where
from ...ops.broadcast import reshape
from ...ops.elementwise import abs_, floor, minimum, round_
from ...ops.functions import clamp, matmul
from ...ops.index import take
from ...ops.linalg import transpose_last
from ...ops.shaping import select

__all__ = ["affine_grid", "grid_sample"]

_CUBIC = -0.75  # the slope of the bicubic kernel


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The places, for ``grid_sample``, that affine maps send the elements of an output to.

    theta : (n, 2, 3) and size (n, C, H, W)  ->  (n, H, W, 2), or theta : (n, 3, 4) and (n, C, D, H, W)

    Places run from -1 to 1, at the centres of the outermost elements with ``align_corners``, else at their edges.

    >>> import thalweg as tw
    >>> same = tw.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> tw.nn.functional.affine_grid(same, (1, 1, 1, 2), align_corners=True)[0, 0]
    tensor([[-1.,  0.],
            [ 1.,  0.]])
    """
    axes = len(size) - 2
    if axes not in (2, 3) or tuple(theta._value.shape) != (size[0], axes, axes + 1):
        raise ShapeError(
            f"affine_grid: theta of shape {tuple(theta.shape)} does not fit the size {tuple(size)}; they must be "
            "(n, 2, 3) and four sizes, or (n, 3, 4) and five"
        )
    if min(size) <= 0:
        raise ShapeError(f"affine_grid: all sizes must be positive, got {tuple(size)}")
    lines = [_line(n, bool(align_corners)) for n in size[2:]]
    mesh = np.meshgrid(*lines, indexing="ij")[::-1]
    places = np.stack([*(m.reshape(-1) for m in mesh), np.ones(math.prod(size[2:]))], 1)
    grid = matmul(wrap(places.astype(theta._value.dtype)), transpose_last(theta))
    return reshape(grid, shape=(size[0], *size[2:], axes))


def _line(n: int, align_corners: bool) -> Any:
    if n == 1:
        return np.zeros(1)
    line = np.linspace(-1, 1, n)
    return line if align_corners else line * (n - 1) / n


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The input interpolated at the places of the grid.

    input : (n, C, H, W), grid : (n, H', W', 2) of (x, y)  ->  (n, C, H', W'); or the same with three axes

    Args:
        mode: "bilinear" (with three axes trilinear), "nearest" or "bicubic" (two axes only).
        padding_mode: what lies outside: "zeros", "border" (the nearest element) or "reflection".
        align_corners: whether -1 and 1 are the centres of the outermost elements, or their edges.

    Raises:
        ShapeError: the shapes don't fit.
        ArgumentError: a mode is unknown.
        DtypeError: the dtypes differ.
    """
    axes = input._value.ndim - 2
    _check_sampling(input, grid, mode, padding_mode, axes)
    sizes = tuple(input._value.shape[2:])
    places = []
    for axis, n in enumerate(sizes):
        place = _unnormalised(select(grid, -1, axes - 1 - axis), n, bool(align_corners))
        if mode != "bicubic":
            place = _padded(place, n, padding_mode, bool(align_corners))
        places.append(place)
    taps = {"nearest": _nearest, "bilinear": _linear, "bicubic": _cubic}[mode]
    total: Any = None
    for corner in itertools.product(*(taps(place) for place in places)):
        weight = None
        for _, w in corner:
            weight = w if weight is None else weight * w
        part = _read(input, [at for at, _ in corner], sizes, padding_mode, bool(align_corners), mode == "bicubic")
        if mode != "nearest" and weight is not None:
            part = part * weight.unsqueeze(1)
        total = part if total is None else total + part
    result: Tensor = total
    return result


def _check_sampling(input: Tensor, grid: Tensor, mode: str, padding_mode: str, axes: int) -> None:
    if mode not in ("bilinear", "nearest", "bicubic") or padding_mode not in ("zeros", "border", "reflection"):
        raise ArgumentError(
            "grid_sample: mode must be bilinear, nearest or bicubic, padding_mode zeros, border or reflection; got "
            f"{mode!r} and {padding_mode!r}"
        )
    fits = axes in (2, 3) and grid._value.ndim == axes + 2 and grid._value.shape[-1] == axes
    if not fits or grid._value.shape[0] != input._value.shape[0] or 0 in input._value.shape[2:]:
        raise ShapeError(
            f"grid_sample: input {tuple(input.shape)} and grid {tuple(grid.shape)} don't fit; they must be "
            "(n, C, H, W) and (n, H', W', 2), or have three axes and places"
        )
    if mode == "bicubic" and axes != 2:
        raise ArgumentError("grid_sample: bicubic interpolation needs two axes")
    if input._value.dtype != grid._value.dtype:
        raise DtypeError(f"grid_sample: the input is {input.dtype} and the grid {grid.dtype}; convert one of them")


def _unnormalised(place: Tensor, n: int, align_corners: bool) -> Tensor:
    """Places between -1 and 1 as positions."""
    return (place + 1) * ((n - 1) / 2) if align_corners else ((place + 1) * n - 1) / 2


def _padded(place: Tensor, n: int, padding_mode: str, align_corners: bool) -> Tensor:
    """Positions outside moved to where ``padding_mode`` reads instead."""
    if padding_mode == "reflection":
        low, high = (0.0, n - 1.0) if align_corners else (-0.5, n - 0.5)
        place = _reflected(place, low, high)
    return place if padding_mode == "zeros" else clamp(place, 0, n - 1)


def _reflected(place: Tensor, low: float, high: float) -> Tensor:
    span = high - low
    if span <= 0:
        return place * 0
    off = abs_(place - low)
    turns = floor(off.detach() / span)
    rest = off - turns * span
    odd = turns - floor(turns / 2) * 2
    reflected: Tensor = where(odd == 0, rest + low, high - rest)
    return reflected


def _nearest(place: Tensor) -> list[tuple[Tensor, Any]]:
    return [(round_(place.detach()), None)]


def _linear(place: Tensor) -> list[tuple[Tensor, Any]]:
    low = floor(place.detach())
    share = place - low
    return [(low, 1 - share), (low + 1, share)]


def _cubic(place: Tensor) -> list[tuple[Tensor, Any]]:
    low = floor(place.detach())
    t = place - low
    return [(low + k, _kernel(abs_(t - k), abs(k - 0.5) < 1)) for k in (-1, 0, 1, 2)]


def _kernel(t: Tensor, near: bool) -> Tensor:
    """Keys' kernel, below 1 or between 1 and 2."""
    a = _CUBIC
    if near:
        return ((a + 2) * t - (a + 3)) * t * t + 1
    return ((t - 5) * t + 8) * t * a - 4 * a


def _read(
    input: Tensor, at: list[Tensor], sizes: tuple[int, ...], padding_mode: str, align_corners: bool, late: bool
) -> Tensor:
    """The elements at whole positions, which outside of the image are 0, or moved first if ``late``."""
    inside: Any = None
    flat: Any = None
    for position, n in zip(at, sizes, strict=True):
        p = _padded(position, n, padding_mode, align_corners) if late else position
        ok = (p >= 0) & (p <= n - 1)
        inside = ok if inside is None else inside & ok
        whole = convert(minimum(clamp(where(ok, p, 0.0), min=0), float(n - 1)), dtype=np.dtype(np.int64))
        flat = whole if flat is None else flat * n + whole
    batch, channels = input._value.shape[:2]
    out = tuple(flat._value.shape[1:])
    rows = reshape(input, shape=(batch, channels, math.prod(sizes)))
    flat = reshape(flat, shape=(batch, 1, math.prod(out)))
    sample = np.arange(batch)[:, None, None]
    channel = np.arange(channels)[None, :, None]
    found = take(rows, sample, channel, flat._value, pattern=("array", "array", "array"))
    found = reshape(found, shape=(batch, channels, *out))
    kept: Tensor = where(inside.unsqueeze(1), found, 0.0)
    return kept
