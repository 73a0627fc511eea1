"""Convolutional layers, and the windows that they see."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from ..core.dtypes import dtype
from ..core.tensor import Tensor
from ..errors import ArgumentError
from ..ops.creation import empty
from . import functional as F
from . import init
from .functional.sizes import each_axis
from .module import Module
from .parameter import Parameter

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Fold",
    "Unfold",
]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """What all convolutional layers hold: weight, bias and the numbers that describe the windows."""

    axes: ClassVar[int]
    transposed: ClassVar[bool] = False
    weight: Parameter
    bias: Parameter | None

    def _build(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        output_padding: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: dtype | None,
    ) -> None:
        name = type(self).__name__
        if groups <= 0 or in_channels % groups or out_channels % groups:
            raise ArgumentError(
                f"{name}: in_channels {in_channels} and out_channels {out_channels} must be multiples of "
                f"groups {groups}"
            )
        if padding_mode not in _PADDING_MODES:
            raise ArgumentError(f"{name}: padding_mode must be one of {_PADDING_MODES}, not {padding_mode!r}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = each_axis(kernel_size, self.axes, name, "kernel_size")
        self.stride = each_axis(stride, self.axes, name, "stride")
        self.padding: Any = padding if isinstance(padding, str) else each_axis(padding, self.axes, name, "padding")
        self.dilation = each_axis(dilation, self.axes, name, "dilation")
        self.output_padding = each_axis(output_padding, self.axes, name, "output_padding")
        self.groups = groups
        self.padding_mode = padding_mode
        self._check_padding(name)
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self._make_parameters((first, second // groups, *self.kernel_size), bias, device, dtype)

    def _check_padding(self, name: str) -> None:
        if isinstance(self.padding, str):
            if self.padding not in ("same", "valid"):
                raise ArgumentError(f'{name}: padding must be numbers, "valid" or "same", not {self.padding!r}')
            if self.padding == "same" and any(s != 1 for s in self.stride):
                raise ArgumentError(f'{name}: padding "same" needs stride 1, got {self.stride}')

    def _make_parameters(self, shape: tuple[int, ...], bias: bool, device: Any, dtype: dtype | None) -> None:
        self.weight = Parameter(empty(*shape, dtype=dtype, device=device))
        if bias:
            self.bias = Parameter(empty(self.out_channels, dtype=dtype, device=device))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew: uniform on ±1 / sqrt(fan in)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in:
                init.uniform_(self.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        if isinstance(self.padding, str) or any(self.padding):
            parts.append(f"padding={self.padding}")
        if any(d != 1 for d in self.dilation):
            parts.append(f"dilation={self.dilation}")
        if any(self.output_padding):
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Conv(_ConvNd):
    apply_to: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self._build(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor) -> Tensor:
        """The weighted sums of the windows."""
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._borders(), mode=self.padding_mode)
            padding = 0
        return type(self).apply_to(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def _borders(self) -> list[int]:
        """The widths for ``F.pad``, the last axis first."""
        if not isinstance(self.padding, str):
            return [width for p in reversed(self.padding) for width in (p, p)]
        if self.padding == "valid":
            return [0, 0] * self.axes
        totals = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        return [width for t in reversed(totals) for width in (t // 2, t - t // 2)]


class Conv1d(_Conv):
    """A convolution along one axis; see ``functional.conv1d``.

    input : (n, in_channels, length), or the same without n  ->  (n, out_channels, out)

    ``weight`` (out_channels, in_channels / groups, kernel) and ``bias`` (out_channels,) start uniform on
    ±1 / sqrt(fan in). ``padding_mode`` says what the padding holds: "zeros", or what ``functional.pad`` makes with
    "reflect", "replicate" or "circular".

    >>> import thalweg as tw
    >>> tw.nn.Conv1d(2, 4, 3, padding=1)(tw.zeros(8, 2, 10)).shape
    thalweg.Size([8, 4, 10])
    """

    axes = 1
    apply_to = staticmethod(F.conv1d)


class Conv2d(_Conv):
    """A convolution over images; see ``functional.conv2d`` for the sizes and ``Conv1d`` for the rest.

    input : (n, in_channels, height, width), or the same without n  ->  (n, out_channels, *out)

    Raises:
        ArgumentError: the channels are no multiples of ``groups``, or the padding is unknown.

    >>> import thalweg as tw
    >>> tw.nn.Conv2d(1, 6, kernel_size=5, padding="same")
    Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1), padding=same)
    """

    axes = 2
    apply_to = staticmethod(F.conv2d)


class Conv3d(_Conv):
    """A convolution over volumes; see ``Conv2d``.

    input : (n, in_channels, depth, height, width), or the same without n  ->  (n, out_channels, *out)
    """

    axes = 3
    apply_to = staticmethod(F.conv3d)


class _ConvTransposeNd(_ConvNd):
    transposed = True
    apply_to: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        if padding_mode != "zeros":
            raise ArgumentError(f'{type(self).__name__}: padding_mode can only be "zeros", not {padding_mode!r}')
        self._build(
            in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """The transposed convolution; ``output_size`` names the sizes instead of ``output_padding``."""
        extra = self.output_padding if output_size is None else self._extra(input, tuple(output_size))
        return type(self).apply_to(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )

    def _extra(self, input: Tensor, output_size: tuple[int, ...]) -> tuple[int, ...]:
        """The output padding that leads to ``output_size``."""
        had_batch = input._value.ndim == self.axes + 2
        if len(output_size) == self.axes + 1 + had_batch:
            output_size = output_size[1 + had_batch :]
        sizes = input._value.shape[-self.axes :]
        if len(output_size) != self.axes:
            raise ArgumentError(f"{type(self).__name__}: output_size needs {self.axes} sizes, got {output_size}")
        each = zip(sizes, self.stride, self.padding, self.dilation, self.kernel_size, strict=True)
        least = tuple((n - 1) * s - 2 * int(p) + d * (k - 1) + 1 for n, s, p, d, k in each)
        extra = tuple(m - n for m, n in zip(output_size, least, strict=True))
        if any(not 0 <= e < s for e, s in zip(extra, self.stride, strict=True)):
            raise ArgumentError(
                f"{type(self).__name__}: output_size {output_size} must be at least {least}, by less than the stride"
            )
        return extra


class ConvTranspose1d(_ConvTransposeNd):
    """A transposed convolution along one axis; see ``ConvTranspose2d``.

    input : (n, in_channels, length), or the same without n  ->  (n, out_channels, out)
    """

    axes = 1
    apply_to = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    """A transposed convolution over images; see ``functional.conv_transpose2d`` for the sizes.

    input : (n, in_channels, height, width), or the same without n  ->  (n, out_channels, *out)

    ``weight`` is (in_channels, out_channels / groups, *kernel).

    Raises:
        ArgumentError: the channels are no multiples of ``groups``, or ``padding_mode`` is not "zeros".

    >>> import thalweg as tw
    >>> tw.nn.ConvTranspose2d(3, 2, 4, stride=2, padding=1)(tw.zeros(1, 3, 5, 5)).shape
    thalweg.Size([1, 2, 10, 10])
    """

    axes = 2
    apply_to = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTransposeNd):
    """A transposed convolution over volumes; see ``ConvTranspose2d``."""

    axes = 3
    apply_to = staticmethod(F.conv_transpose3d)


class Unfold(Module):
    """The windows of an image as columns; see ``functional.unfold``."""

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        """The columns."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """Columns added up where their windows stand; see ``functional.fold``."""

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        """The image."""
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )
