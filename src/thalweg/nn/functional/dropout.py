"""Dropout: elements or whole channels set to 0 at random while training."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ...core.tensor import Tensor, wrap
from ...core.value import SymbolicValue
from ...errors import ArgumentError, ShapeError
from ...ops.base import convert
from ...ops.random import default_generator
from .activations import SELU_ALPHA, SELU_SCALE, in_place

__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
]

_DRAW = np.dtype(np.float32)


def check_probability(p: float, name: str) -> None:
    """Refuse a ``p`` that is no probability."""
    if not 0 <= p <= 1:
        raise ArgumentError(f"{name}: the probability must be between 0 and 1, got {p}")


def _kept(input: Tensor, p: float, shape: tuple[int, ...], value: float = 1.0) -> Tensor:
    """``value`` with probability 1 - p, else 0, in the dtype of ``input``."""
    draw = default_generator.uniform(shape, _DRAW)
    kept = draw >= p
    if isinstance(kept, SymbolicValue):
        return convert(wrap(kept), dtype=input._value.dtype) * value
    return wrap(np.multiply(kept, value, dtype=input._value.dtype))


def _dropped(input: Tensor, p: float, shape: tuple[int, ...]) -> Tensor:
    return input if p == 0 else input * _kept(input, p, shape, 1 / (1 - p) if p < 1 else 0.0)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element 0 with probability ``p``, the others divided by 1 - p; unchanged unless ``training``.

    Reference: Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting.

    >>> import thalweg as tw
    >>> sorted(set(tw.nn.functional.dropout(tw.ones(100), 0.2).tolist()))
    [0.0, 1.25]
    """
    check_probability(p, "dropout")
    return _apply(_dropped, input, p, training, inplace, tuple(input._value.shape))


def _apply(function: Any, input: Tensor, p: float, training: bool, inplace: bool, shape: tuple[int, ...]) -> Tensor:
    if not training:
        return input
    return in_place(input, function, p, shape) if inplace else function(input, p, shape)


def _channels(input: Tensor, name: str, batched: int, unbatched: int = -1) -> tuple[int, ...]:
    """The shape of noise that is the same all over a channel."""
    shape = input._value.shape
    if len(shape) not in (batched, unbatched):
        expected = f"{batched}" if unbatched < 0 else f"{batched} or {unbatched}"
        raise ShapeError(f"{name}: expects {expected} dimensions, got shape {tuple(shape)}")
    lead = 1 if len(shape) == unbatched else 2
    return (*shape[:lead], *(1,) * (len(shape) - lead))


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """``dropout`` of whole channels. input : (n, channels, length) or (channels, length)."""
    check_probability(p, "dropout1d")
    return _apply(_dropped, input, p, training, inplace, _channels(input, "dropout1d", 3, 2))


def _channels_of_any(input: Tensor, name: str, usual: tuple[int, ...], lead: int) -> tuple[int, ...]:
    """As ``_channels``, for the layers that take other dimensions too, with PyTorch's warning."""
    shape = input._value.shape
    if len(shape) < lead:
        raise ShapeError(f"{name}: expects at least {lead} dimensions, got shape {tuple(shape)}")
    if len(shape) not in usual:
        expected = " or ".join(map(str, usual))
        warnings.warn(
            f"{name}: received {len(shape)} dimensions, not {expected}; what stands after the first {lead} is dropped "
            "together; use dropout where single elements are meant",
            stacklevel=3,
        )
    return (*shape[:lead], *(1,) * (len(shape) - lead))


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """``dropout`` of whole channels. input : (n, channels, height, width), or, as in PyTorch, (n, channels, length).

    Other shapes (n, channels, ...) are taken with a warning, as there.

    Reference: Tompson et al. (2015), Efficient object localization using convolutional networks.
    """
    check_probability(p, "dropout2d")
    shape = _channels_of_any(input, "dropout2d", (3, 4), 2)
    return _apply(_dropped, input, p, training, inplace, shape)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """``dropout`` of whole channels. input : (n, channels, depth, height, width), or the same without n.

    Other shapes (channels, ...) are taken with a warning, as in PyTorch.
    """
    check_probability(p, "dropout3d")
    lead = 2 if input._value.ndim == 5 else 1
    shape = _channels_of_any(input, "dropout3d", (4, 5), lead)
    return _apply(_dropped, input, p, training, inplace, shape)


def _alpha_dropped(input: Tensor, p: float, shape: tuple[int, ...]) -> Tensor:
    if p == 0:
        return input
    if p == 1:
        return input * 0
    floor = -SELU_ALPHA * SELU_SCALE  # what selu tends to for very negative inputs
    scale = ((1 - p) * (1 + p * floor**2)) ** -0.5  # restores variance 1, and the shift mean 0
    kept = _kept(input, p, shape)
    return (input * kept + (1 - kept) * floor) * scale - scale * floor * p


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout that keeps mean 0 and variance 1: elements become selu's lower limit, then all are rescaled.

    Reference: Klambauer et al. (2017), Self-normalizing neural networks.
    """
    check_probability(p, "alpha_dropout")
    return _apply(_alpha_dropped, input, p, training, inplace, tuple(input._value.shape))


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """``alpha_dropout`` of whole channels. input : (n, channels, ...)."""
    check_probability(p, "feature_alpha_dropout")
    shape = _channels(input, "feature_alpha_dropout", max(input._value.ndim, 2))
    return _apply(_alpha_dropped, input, p, training, inplace, shape)
