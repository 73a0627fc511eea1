"""Windows for signals: weights that fall off towards both ends."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import as_numpy_dtype, default_float, dtype
from ..core.tensor import Tensor, wrap
from ..errors import ShapeError

__all__ = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]


def _window(length: int, periodic: bool, kind: dtype | None, requires_grad: bool, shape: Any) -> Tensor:
    """``shape`` at the places of the window as shares of its length; a periodic one lacks the last of them."""
    if length < 0:
        raise ShapeError(f"window: its length must not be negative, got {length}")
    n = length + 1 if periodic else length
    places = np.arange(length) / max(n - 1, 1)
    value = shape(places) if length > 1 else np.ones(length)
    x = wrap(value.astype(default_float() if kind is None else as_numpy_dtype(kind)))
    return x.requires_grad_() if requires_grad else x


def _cosines(places: Any, *weights: float) -> Any:
    return sum(w * np.cos(2 * math.pi * k * places) for k, w in enumerate(weights))


def hann_window(
    window_length: int, periodic: bool = True, *, dtype: dtype | None = None, requires_grad: bool = False
) -> Tensor:
    """(1 - cos(2 pi t)) / 2 for t from 0 to 1."""
    return _window(window_length, periodic, dtype, requires_grad, lambda t: _cosines(t, 0.5, -0.5))


def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: dtype | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Alpha - beta cos(2 pi t) for t from 0 to 1."""
    return _window(window_length, periodic, dtype, requires_grad, lambda t: _cosines(t, alpha, -beta))


def blackman_window(
    window_length: int, periodic: bool = True, *, dtype: dtype | None = None, requires_grad: bool = False
) -> Tensor:
    """0.42 - 0.5 cos(2 pi t) + 0.08 cos(4 pi t) for t from 0 to 1."""
    return _window(window_length, periodic, dtype, requires_grad, lambda t: _cosines(t, 0.42, -0.5, 0.08))


def bartlett_window(
    window_length: int, periodic: bool = True, *, dtype: dtype | None = None, requires_grad: bool = False
) -> Tensor:
    """A triangle: 1 - |2 t - 1| for t from 0 to 1."""
    return _window(window_length, periodic, dtype, requires_grad, lambda t: 1 - np.abs(2 * t - 1))


def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: dtype | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """I0(beta sqrt(1 - (2 t - 1)**2)) / I0(beta) for t from 0 to 1."""
    return _window(
        window_length,
        periodic,
        dtype,
        requires_grad,
        lambda t: np.i0(beta * np.sqrt(np.clip(1 - (2 * t - 1) ** 2, 0, 1))) / np.i0(beta),
    )
