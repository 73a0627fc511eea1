"""Pooling layers; the functions of the same names in ``functional`` say what each computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..core.tensor import Tensor
from ..errors import ArgumentError
from . import functional as F
from .functional.sizes import each_axis
from .module import Module

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d", "FractionalMaxPool2d", "FractionalMaxPool3d",
    "LPPool1d", "LPPool2d", "LPPool3d", "MaxPool1d", "MaxPool2d", "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d",
    "MaxUnpool3d",
]  # fmt: skip


class _MaxPool(Module):
    apply_to: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        """The largest elements, and their places if ``return_indices``."""
        return type(self).apply_to(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest element of each window of one axis; see ``functional.max_pool1d``.

    >>> import thalweg as tw
    >>> tw.nn.MaxPool1d(2)(tw.tensor([[1.0, 3.0, 2.0, 5.0]]))
    tensor([[3., 5.]])
    """

    apply_to = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest element of each window of an image; see ``functional.max_pool2d``."""

    apply_to = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPool):
    """The largest element of each window of a volume; see ``functional.max_pool3d``."""

    apply_to = staticmethod(F.max_pool3d)


class _MaxUnpool(Module):
    apply_to: ClassVar[Callable[..., Tensor]]
    axes: ClassVar[int]

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        name = type(self).__name__
        self.kernel_size = each_axis(kernel_size, self.axes, name, "kernel_size")
        self.stride = each_axis(kernel_size if stride is None else stride, self.axes, name, "stride")
        self.padding = each_axis(padding, self.axes, name, "padding")

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        """Zeros with the input at the places ``indices``."""
        return type(self).apply_to(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """The way back from ``MaxPool1d``; see ``functional.max_unpool1d``."""

    axes = 1
    apply_to = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """The way back from ``MaxPool2d``; see ``functional.max_unpool2d``."""

    axes = 2
    apply_to = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """The way back from ``MaxPool3d``; see ``functional.max_unpool3d``."""

    axes = 3
    apply_to = staticmethod(F.max_unpool3d)


class AvgPool1d(Module):
    """The average of each window of one axis; see ``functional.avg_pool1d``."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = each_axis(kernel_size, 1, "AvgPool1d", "kernel_size")
        self.stride = each_axis(kernel_size if stride is None else stride, 1, "AvgPool1d", "stride")
        self.padding = each_axis(padding, 1, "AvgPool1d", "padding")
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """The averages."""
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPool(Module):
    apply_to: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """The averages."""
        return type(self).apply_to(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
            self.divisor_override,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """The average of each window of an image; see ``functional.avg_pool2d``."""

    apply_to = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPool):
    """The average of each window of a volume; see ``functional.avg_pool3d``."""

    apply_to = staticmethod(F.avg_pool3d)


class _LPPool(Module):
    apply_to: ClassVar[Callable[..., Tensor]]

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        """The norms."""
        return type(self).apply_to(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """The p-norm of each window of one axis; see ``functional.lp_pool1d``."""

    apply_to = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPool):
    """The p-norm of each window of an image; see ``functional.lp_pool2d``."""

    apply_to = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPool):
    """The p-norm of each window of a volume; see ``functional.lp_pool3d``."""

    apply_to = staticmethod(F.lp_pool3d)


class _FractionalMaxPool(Module):
    apply_to: ClassVar[Callable[..., Any]]
    axes: ClassVar[int]
    _random_samples: Tensor | None

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if (output_size is None) == (output_ratio is None):
            raise ArgumentError(f"{name}: give either output_size or output_ratio")
        self.kernel_size = each_axis(kernel_size, self.axes, name, "kernel_size")
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else each_axis(output_size, self.axes, name, "output_size")
        ratios = (output_ratio,) * self.axes if isinstance(output_ratio, (int, float)) else output_ratio
        if ratios is not None and not all(0 < r < 1 for r in ratios):
            raise ArgumentError(f"{name}: output_ratio must be between 0 and 1, got {output_ratio}")
        self.output_ratio = ratios

    def forward(self, input: Tensor) -> Any:
        """The largest elements, and their places if ``return_indices``."""
        return type(self).apply_to(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """The largest elements of windows of an image at random distances; see ``functional.fractional_max_pool2d``."""

    axes = 2
    apply_to = staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPool):
    """The largest elements of windows of a volume at random distances; see ``functional.fractional_max_pool3d``."""

    axes = 3
    apply_to = staticmethod(F.fractional_max_pool3d)


class _AdaptiveAvgPool(Module):
    apply_to: ClassVar[Callable[..., Tensor]]

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """The averages."""
        return type(self).apply_to(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Averages of so many windows of one axis; see ``functional.adaptive_avg_pool1d``."""

    apply_to = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Averages of so many windows of an image; see ``functional.adaptive_avg_pool2d``.

    >>> import thalweg as tw
    >>> tw.nn.AdaptiveAvgPool2d((1, None))(tw.ones(1, 3, 4, 5)).shape
    thalweg.Size([1, 3, 1, 5])
    """

    apply_to = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Averages of so many windows of a volume; see ``functional.adaptive_avg_pool3d``."""

    apply_to = staticmethod(F.adaptive_avg_pool3d)


class _AdaptiveMaxPool(Module):
    apply_to: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        """The largest elements, and their places if ``return_indices``."""
        return type(self).apply_to(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest elements of so many windows of one axis; see ``functional.adaptive_max_pool1d``."""

    apply_to = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest elements of so many windows of an image; see ``functional.adaptive_max_pool2d``."""

    apply_to = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest elements of so many windows of a volume; see ``functional.adaptive_max_pool3d``."""

    apply_to = staticmethod(F.adaptive_max_pool3d)
