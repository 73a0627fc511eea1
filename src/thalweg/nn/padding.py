"""Padding layers: a border round the last axes; see ``functional.pad``."""

from __future__ import annotations

from typing import Any, ClassVar

from ..core.tensor import Tensor
from ..errors import ArgumentError, ShapeError
from . import functional as F
from .module import Module

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d",
    "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d",
    "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip


class _Pad(Module):
    axes: ClassVar[int]
    mode: ClassVar[str]

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = self._widths(padding)

    def _widths(self, padding: Any) -> tuple[int, ...]:
        """(before, after) of each axis, the last one first; an int stands for all."""
        widths = (padding,) * (2 * self.axes) if isinstance(padding, int) else tuple(padding)
        if len(widths) != 2 * self.axes:
            raise ArgumentError(
                f"{type(self).__name__}: padding must be an int or {2 * self.axes} of them, got {padding!r}"
            )
        return widths

    def forward(self, input: Tensor) -> Tensor:
        """The input within its border."""
        if self.mode == "circular" and input._value.ndim not in (self.axes + 1, self.axes + 2):
            raise ShapeError(
                f"{type(self).__name__}: expects {self.axes + 1} or {self.axes + 2} dimensions, got shape "
                f"{tuple(input.shape)}"
            )
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    mode = "constant"

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """The input within its border."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """A border of ``value`` at both ends of the last axis; padding : (left, right) or an int."""

    axes = 1


class ConstantPad2d(_ConstantPad):
    """A border of ``value`` round the last two axes; padding : (left, right, top, bottom) or an int.

    >>> import thalweg as tw
    >>> tw.nn.ConstantPad2d((1, 0, 0, 1), 7.0)(tw.ones(1, 1, 2))
    tensor([[[7., 1., 1.],
             [7., 7., 7.]]])
    """

    axes = 2


class ConstantPad3d(_ConstantPad):
    """A border of ``value`` round the last three axes; padding : six widths, the last axis first, or an int."""

    axes = 3


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad):
    """A border of zeros at both ends of the last axis; padding : (left, right) or an int."""

    axes = 1


class ZeroPad2d(_ZeroPad):
    """A border of zeros round the last two axes; padding : (left, right, top, bottom) or an int."""

    axes = 2


class ZeroPad3d(_ZeroPad):
    """A border of zeros round the last three axes; padding : six widths, the last axis first, or an int."""

    axes = 3


class ReflectionPad1d(_Pad):
    """The last axis mirrored at its ends, which are not repeated; padding : (left, right) or an int."""

    axes, mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """The last two axes mirrored at their ends; padding : (left, right, top, bottom) or an int."""

    axes, mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """The last three axes mirrored at their ends; padding : six widths, the last axis first, or an int."""

    axes, mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """The ends of the last axis repeated; padding : (left, right) or an int."""

    axes, mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """The ends of the last two axes repeated; padding : (left, right, top, bottom) or an int."""

    axes, mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """The ends of the last three axes repeated; padding : six widths, the last axis first, or an int."""

    axes, mode = 3, "replicate"


class CircularPad1d(_Pad):
    """The last axis continued by its other end; padding : (left, right) or an int."""

    axes, mode = 1, "circular"


class CircularPad2d(_Pad):
    """The last two axes continued by their other ends; padding : (left, right, top, bottom) or an int."""

    axes, mode = 2, "circular"


class CircularPad3d(_Pad):
    """The last three axes continued by their other ends; padding : six widths, the last axis first, or an int."""

    axes, mode = 3, "circular"
