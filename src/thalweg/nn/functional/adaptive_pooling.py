"""Pooling to a given size: window i of an axis covers the positions floor(i n / out) up to ceil((i + 1) n / out).

Where the windows differ in size, each is laid out to the size of the largest, and pooled with that as the stride.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.tensor import Tensor, wrap
from ...errors import ShapeError
from ...ops.base import where
from ...ops.index import take
from ...ops.pool import max_pool, max_pool_indices, sum_pool
from .pooling import check_axes

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
]

Sizes = tuple[int, ...]


class _Windows:
    """The windows of all pooled axes: the positions they are read from, and how many of those are their own."""

    def __init__(self, name: str, input: Tensor, output_size: Any, axes: int) -> None:
        check_axes(name, input, axes)
        shape = input._value.shape
        self.lead, self.sizes = tuple(shape[: len(shape) - axes]), tuple(shape[len(shape) - axes :])
        self.counts = _output_sizes(name, output_size, self.sizes)
        self.even = all(m and n % m == 0 for n, m in zip(self.sizes, self.counts, strict=True))
        self.spans = [_span(n, m) for n, m in zip(self.sizes, self.counts, strict=True)]
        kernel = tuple(positions.shape[1] for positions, _ in self.spans)
        self.params = {
            "kernel": kernel, "stride": kernel, "padding": (0,) * axes, "dilation": (1,) * axes, "counts": self.counts
        }  # fmt: skip

    def laid_out(self, x: Tensor) -> Tensor:
        """``x`` with the windows side by side; short ones repeat their last element."""
        if self.even:
            return x
        for i, (positions, _) in enumerate(self.spans):
            axis = len(self.lead) + i
            x = take(x, positions.reshape(-1), pattern=(*(slice(None),) * axis, "array"))
        return x

    def own(self) -> Any:
        """Where the laid out windows hold elements of their own."""
        mask = np.ones((), bool)
        for positions, sizes in self.spans:
            mask = mask[..., None] & (np.arange(positions.shape[1]) < sizes[:, None]).reshape(-1)
        return mask

    def members(self) -> Any:
        """How many elements each window has."""
        members = np.ones(())
        for _, sizes in self.spans:
            members = members[..., None] * sizes
        return members

    def places(self, found: Any) -> Any:
        """Indices into the windows side by side as indices into the input."""
        if self.even:
            return found
        wide = [positions.size for positions, _ in self.spans]
        table = np.zeros((), np.int64)
        for (positions, _), n in zip(self.spans, self.sizes, strict=True):
            table = table[..., None] * n + positions.reshape(-1)
        assert table.shape == tuple(wide)
        return take(table.reshape(-1), found, pattern=("array",))


def _output_sizes(name: str, output_size: Any, sizes: Sizes) -> Sizes:
    """``output_size`` for each axis; None keeps a size."""
    wanted = (output_size,) * len(sizes) if isinstance(output_size, (int, np.integer)) else tuple(output_size)
    if len(wanted) == 1:
        wanted = wanted * len(sizes)
    if len(wanted) != len(sizes) or any(m is not None and m < 0 for m in wanted):
        raise ShapeError(f"{name}: output_size must be {len(sizes)} sizes, each an int or None, got {output_size!r}")
    return tuple(n if m is None else int(m) for n, m in zip(sizes, wanted, strict=True))


def _span(n: int, count: int) -> tuple[Any, Any]:
    """The positions (count, largest window) and the sizes (count,) of the windows of an axis."""
    i = np.arange(count)
    start, end = i * n // max(count, 1), -(-(i + 1) * n // max(count, 1))
    sizes = end - start
    offsets = np.arange(int(sizes.max()) if count else 1)
    return np.minimum(start[:, None] + offsets, end[:, None] - 1), sizes


def _average(axes: int, input: Tensor, output_size: Any) -> Tensor:
    windows = _Windows(f"adaptive_avg_pool{axes}d", input, output_size, axes)
    x, dtype = windows.laid_out(input), input._value.dtype
    if windows.even:
        total: Tensor = sum_pool(x, **windows.params)
        return total / float(np.prod(windows.params["kernel"]))
    total = sum_pool(where(wrap(windows.own()), x, wrap(np.zeros((), dtype))), **windows.params)
    return total / wrap(windows.members().astype(dtype))


def _largest(axes: int, input: Tensor, output_size: Any, return_indices: bool) -> Any:
    windows = _Windows(f"adaptive_max_pool{axes}d", input, output_size, axes)
    x = windows.laid_out(input)
    values = max_pool(x, **windows.params)
    if not return_indices:
        return values
    return values, wrap(windows.places(max_pool_indices(x._value, **windows.params)))


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The averages of ``output_size`` windows of one axis; see ``adaptive_avg_pool2d``.

    >>> import thalweg as tw
    >>> tw.nn.functional.adaptive_avg_pool1d(tw.tensor([[1.0, 2.0, 6.0]]), 2)
    tensor([[1.5000, 4.0000]])
    """
    return _average(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The averages of so many windows, as equal as can be, that ``output_size`` comes out; None keeps a size.

    input : (n, channels, height, width), or the same without n  ->  (n, channels, *output_size)

    Raises:
        ShapeError: the input or the output size has the wrong number of axes.
    """
    return _average(2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """``adaptive_avg_pool2d`` over three axes."""
    return _average(3, input, output_size)


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of ``output_size`` windows of one axis; see ``adaptive_max_pool2d``."""
    return _largest(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of the windows of ``adaptive_avg_pool2d``; with ``return_indices`` also their places."""
    return _largest(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """``adaptive_max_pool2d`` over three axes."""
    return _largest(3, input, output_size, return_indices)


def adaptive_max_pool1d_with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """``adaptive_max_pool1d`` with ``return_indices``."""
    return _largest(1, input, output_size, True)


def adaptive_max_pool2d_with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """``adaptive_max_pool2d`` with ``return_indices``."""
    return _largest(2, input, output_size, True)


def adaptive_max_pool3d_with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """``adaptive_max_pool3d`` with ``return_indices``."""
    return _largest(3, input, output_size, True)
