"""Axes as users give them: negative, one or several, or None for all."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError


class DimensionError(ShapeError, IndexError):
    """An axis that the tensor does not have, or that is empty; an IndexError, as in PyTorch."""


def one_dim(dim: Any, ndim: int, name: str) -> int:
    """``dim`` counted from the front. A 0-d tensor has axis 0 for this purpose, as in PyTorch."""
    n = max(ndim, 1)
    d = int(dim)
    if not -n <= d < n:
        raise DimensionError(f"{name}: dim {d} is out of range for a tensor of {ndim} dimensions ({-n} … {n - 1})")
    return d + n if d < 0 else d


def all_dims(dim: Any, ndim: int, name: str) -> tuple[int, ...]:
    """The axes to reduce over, ascending: all for None or an empty sequence."""
    if dim is None:
        return tuple(range(ndim))
    if isinstance(dim, (int, np.integer)):
        d = one_dim(dim, ndim, name)
        return (d,) if ndim else ()
    if len(dim) == 0:
        return tuple(range(ndim))
    dims = sorted(one_dim(d, ndim, name) for d in dim)
    if len(set(dims)) != len(dims):
        raise ShapeError(f"{name}: dim {dims} appears twice in {tuple(dim)}")
    return tuple(dims) if ndim else ()
