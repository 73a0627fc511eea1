"""Max pooling with windows at random distances, which add up to the given size of the output."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.tensor import Tensor, wrap
from ...errors import ArgumentError, ShapeError
from ...ops.base import convert, where
from ...ops.broadcast import expand, reshape
from ...ops.elementwise import floor
from ...ops.functions import max as largest
from ...ops.index import gather
from ...ops.random import default_generator
from .pooling import check_axes
from .sizes import each_axis, positive

__all__ = [
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
]

_INT64 = np.dtype(np.int64)


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """The largest element of each of so many windows, at random distances, that ``output_size`` comes out.

    input : (n, channels, height, width), or the same without n  ->  (n, channels, *output_size)

    The distances are drawn anew for each channel of each sample. ``output_ratio`` gives the output's size as a part
    of the input's. With ``return_indices`` also the places of the largest elements, as in ``max_pool2d``.

    Raises:
        ArgumentError: both or none of output_size and output_ratio.
        ShapeError: the windows don't fit.

    Reference: Graham (2014), Fractional max-pooling.
    """
    pair = _pool(2, input, kernel_size, output_size, output_ratio, _random_samples)
    return pair if return_indices else pair[0]


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """``fractional_max_pool2d`` over three axes."""
    pair = _pool(3, input, kernel_size, output_size, output_ratio, _random_samples)
    return pair if return_indices else pair[0]


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """``fractional_max_pool2d`` with ``return_indices``."""
    return _pool(2, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """``fractional_max_pool3d`` with ``return_indices``."""
    return _pool(3, input, kernel_size, output_size, output_ratio, _random_samples)


def _pool(
    axes: int, input: Tensor, kernel_size: Any, output_size: Any, output_ratio: Any, samples: Tensor | None
) -> tuple[Tensor, Tensor]:
    name = f"fractional_max_pool{axes}d"
    check_axes(name, input, axes)
    shape = tuple(input._value.shape)
    lead, sizes = shape[: len(shape) - axes], shape[len(shape) - axes :]
    kernel = positive(each_axis(kernel_size, axes, name, "kernel_size"), name, "kernel_size")
    out = _output_sizes(name, sizes, output_size, output_ratio)
    if any(m < 1 or m + k - 1 > n for n, m, k in zip(sizes, out, kernel, strict=True)):
        raise ShapeError(f"{name}: {out} windows of {kernel} don't fit into the sizes {sizes}")
    rows = math.prod(lead)
    if samples is None:
        draws = default_generator.uniform((*(1,) * (axes + 2 - len(shape)), *lead, axes), input._value.dtype)
        samples = wrap(draws)
    places: Any = None
    u = reshape(samples, shape=(rows, axes))
    order = (1, 0) if axes == 2 else (0, 1, 2)  # PyTorch's, of the samples
    for axis, (n, m, k) in enumerate(zip(sizes, out, kernel, strict=True)):
        own = _positions(u[:, order[axis]], n, m, k, axis, axes)
        places = own if places is None else places * n + own
    return _largest(input, places, lead, out, kernel)


def _output_sizes(name: str, sizes: tuple[int, ...], output_size: Any, output_ratio: Any) -> tuple[int, ...]:
    if (output_size is None) == (output_ratio is None):
        raise ArgumentError(f"{name}: give either output_size or output_ratio")
    if output_size is not None:
        return each_axis(output_size, len(sizes), name, "output_size")
    ratios = (output_ratio,) * len(sizes) if isinstance(output_ratio, (int, float)) else tuple(output_ratio)
    return tuple(int(n * r) for n, r in zip(sizes, ratios, strict=True))


def _positions(u: Tensor, n: int, count: int, kernel: int, axis: int, axes: int) -> Any:
    """The positions of the windows' elements along an axis, in the place of (row, *windows, *kernel)."""
    i = wrap(np.arange(count, dtype=u._value.dtype))
    u = reshape(u, shape=(u._value.shape[0], 1))
    alpha = (n - kernel) / (count - 1) if count > 1 else 0.0
    start = floor((u + i) * alpha) - floor(u * alpha)
    start = where(wrap(np.arange(count) == count - 1), float(n - kernel), start)
    start = convert(start, dtype=_INT64)
    rows = start._value.shape[0]
    windows = tuple(count if a == axis else 1 for a in range(axes))
    offsets = np.arange(kernel).reshape((1,) * (1 + axes) + tuple(kernel if a == axis else 1 for a in range(axes)))
    return reshape(start, shape=(rows, *windows, *(1,) * axes)) + wrap(offsets)


def _largest(
    input: Tensor, places: Tensor, lead: tuple[int, ...], out: tuple[int, ...], kernel: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """The largest element of each window and its place. places : (rows, *out, *kernel)."""
    rows, windows, members = math.prod(lead), math.prod(out), math.prod(kernel)
    flat = reshape(input, shape=(rows, input._value.size // max(rows, 1)))
    places = expand(places, shape=(rows, *out, *kernel))
    places = reshape(places, shape=(rows, windows, members))
    elements = gather(flat, reshape(places, shape=(rows, windows * members)), dim=1)
    best = largest(reshape(elements, shape=(rows, windows, members)), 2, keepdim=True)
    found = gather(places, best.indices, dim=2)
    shape = (*lead, *out)
    return reshape(best.values, shape=shape), reshape(found, shape=shape)
