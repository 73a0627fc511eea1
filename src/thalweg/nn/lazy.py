"""Layers that learn their input's size from the first input they see."""

from __future__ import annotations

from typing import Any, ClassVar

from ..core.dtypes import dtype, int64
from ..core.tensor import Tensor
from ..errors import ArgumentError, ShapeError
from ..ops.creation import zeros
from .convolution import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .linear import Linear
from .module import Module
from .normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from .parameter import UninitializedBuffer, UninitializedParameter

__all__ = [
    "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "LazyConv1d", "LazyConv2d", "LazyConv3d",
    "LazyConvTranspose1d", "LazyConvTranspose2d", "LazyConvTranspose3d", "LazyInstanceNorm1d", "LazyInstanceNorm2d",
    "LazyInstanceNorm3d", "LazyLinear",
]  # fmt: skip

_LAZY = (UninitializedParameter, UninitializedBuffer)


class LazyModuleMixin:
    """What lazy modules share: before the first forward ``initialize_parameters`` sees its arguments.

    After it the module's class is ``cls_to_become``.
    """

    cls_to_become: ClassVar[type[Module] | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        module: Any = self
        self._initialize_hook = module.register_forward_pre_hook(_infer_parameters, with_kwargs=True)
        self._load_hook = module.register_load_state_dict_pre_hook(_materialize_for)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give every parameter its shape; the arguments are those of ``forward``."""
        raise NotImplementedError(f"{type(self).__name__} has no initialize_parameters()")

    def has_uninitialized_params(self) -> bool:
        """Whether some parameter or buffer has no shape yet."""
        module: Any = self
        return any(isinstance(x, _LAZY) for x in (*module._parameters.values(), *module._buffers.values()))


def _infer_parameters(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """The hook before the first forward."""
    module.initialize_parameters(*args, **kwargs)
    if module.has_uninitialized_params():
        raise ArgumentError(f"{type(module).__name__}: initialize_parameters() has left a parameter without a shape")
    module._initialize_hook.remove()
    module._load_hook.remove()
    del module._initialize_hook, module._load_hook
    if module.cls_to_become is not None:
        module.__class__ = module.cls_to_become


def _materialize_for(module: Any, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
    """The hook before loading: parameters without a shape get that of the entry."""
    for name, x in (*module._parameters.items(), *module._buffers.items()):
        value = state_dict.get(prefix + name)
        if isinstance(x, _LAZY) and isinstance(value, Tensor) and not isinstance(value, _LAZY):
            x.materialize(tuple(value.shape))


class LazyLinear(LazyModuleMixin, Linear):
    """``Linear`` whose ``in_features`` is the last size of its first input.

    >>> import thalweg as tw
    >>> layer = tw.nn.LazyLinear(2)
    >>> layer(tw.zeros(5, 3)).shape, layer
    (thalweg.Size([5, 2]), Linear(in_features=3, out_features=2, bias=True))
    """

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: dtype | None = None) -> None:
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw the parameters anew, if they have a shape."""
        if not self.has_uninitialized_params() and self.in_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Take the last size of the input."""
        if self.has_uninitialized_params():
            self.in_features = input._value.shape[-1]
            _give_shape(self.weight, (self.out_features, self.in_features))
            _give_shape(self.bias, (self.out_features,))
            self.reset_parameters()
        if self.in_features == 0:
            self.in_features = self.weight._value.shape[-1]


def _give_shape(x: Any, shape: tuple[int, ...]) -> None:
    if isinstance(x, _LAZY):
        x.materialize(shape)


class _LazyConv(LazyModuleMixin):
    """What lazy convolutions share."""

    def _make_parameters(self, shape: tuple[int, ...], bias: bool, device: Any, dtype: dtype | None) -> None:
        module: Any = self
        module.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            module.bias = UninitializedParameter(device=device, dtype=dtype)
        else:
            module.register_parameter("bias", None)

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Take the number of channels of the input."""
        module: Any = self
        if not self.has_uninitialized_params():
            if module.in_channels == 0:
                channels = module.weight._value.shape[0 if module.transposed else 1]
                module.in_channels = channels if module.transposed else channels * module.groups
            return
        shape = input._value.shape
        if len(shape) not in (module.axes + 1, module.axes + 2):
            raise ShapeError(
                f"{type(self).__name__}: expects {module.axes + 1} or {module.axes + 2} dimensions, got {tuple(shape)}"
            )
        module.in_channels = shape[len(shape) - module.axes - 1]
        if module.in_channels % module.groups:
            raise ArgumentError(
                f"{type(self).__name__}: the {module.in_channels} channels of the input must be a multiple of groups "
                f"{module.groups}"
            )
        first, second = module.out_channels, module.in_channels
        if module.transposed:
            first, second = second, first
        _give_shape(module.weight, (first, second // module.groups, *module.kernel_size))
        _give_shape(module.bias, (module.out_channels,))
        module.reset_parameters()


class _LazyForwardConv(_LazyConv):
    def __init__(
        self,
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
        super().__init__(
            0, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )


class LazyConv1d(_LazyForwardConv, Conv1d):
    """``Conv1d`` whose ``in_channels`` is that of its first input."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyForwardConv, Conv2d):
    """``Conv2d`` whose ``in_channels`` is that of its first input."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyForwardConv, Conv3d):
    """``Conv3d`` whose ``in_channels`` is that of its first input."""

    cls_to_become = Conv3d


class _LazyTransposedConv(_LazyConv):
    def __init__(
        self,
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
        super().__init__(
            0, out_channels, kernel_size, stride, padding, output_padding, groups, bias, dilation, padding_mode, device,
            dtype,
        )  # fmt: skip


class LazyConvTranspose1d(_LazyTransposedConv, ConvTranspose1d):
    """``ConvTranspose1d`` whose ``in_channels`` is that of its first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyTransposedConv, ConvTranspose2d):
    """``ConvTranspose2d`` whose ``in_channels`` is that of its first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyTransposedConv, ConvTranspose3d):
    """``ConvTranspose3d`` whose ``in_channels`` is that of its first input."""

    cls_to_become = ConvTranspose3d


class _LazyNorm(LazyModuleMixin):
    """What lazy normalisations share."""

    def _make_members(self, device: Any, dtype: dtype | None, bias: bool) -> None:
        module: Any = self
        self._options = {"device": device, "dtype": dtype}
        for name, exists in (("weight", module.affine), ("bias", module.affine and bias)):
            module.register_parameter(name, UninitializedParameter(**self._options) if exists else None)
        tracked = module.track_running_stats
        for name in ("running_mean", "running_var"):
            module.register_buffer(name, UninitializedBuffer(**self._options) if tracked else None)
        module.register_buffer("num_batches_tracked", zeros((), dtype=int64) if tracked else None)

    def reset_running_stats(self) -> None:
        """Mean 0 and variance 1, once they have a shape."""
        module: Any = super()
        if not self.has_uninitialized_params():
            module.reset_running_stats()

    def initialize_parameters(self, input: Tensor) -> None:
        """Take the number of channels of the input."""
        module: Any = self
        if not self.has_uninitialized_params():
            return
        shape = input._value.shape
        unbatched = len(module.dims) > 1 and isinstance(self, _UNBATCHED) and len(shape) == min(module.dims)
        module.num_features = shape[0 if unbatched else 1]
        for x in (*module._parameters.values(), *module._buffers.values()):
            _give_shape(x, (module.num_features,))
        module.reset_parameters()


_UNBATCHED = (InstanceNorm1d, InstanceNorm2d, InstanceNorm3d)


class _LazyBatchNorm(_LazyNorm):
    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)


class LazyBatchNorm1d(_LazyBatchNorm, BatchNorm1d):
    """``BatchNorm1d`` whose ``num_features`` is that of its first input."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyBatchNorm, BatchNorm2d):
    """``BatchNorm2d`` whose ``num_features`` is that of its first input."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyBatchNorm, BatchNorm3d):
    """``BatchNorm3d`` whose ``num_features`` is that of its first input."""

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyBatchNorm, InstanceNorm1d):
    """``InstanceNorm1d`` whose ``num_features`` is that of its first input."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyBatchNorm, InstanceNorm2d):
    """``InstanceNorm2d`` whose ``num_features`` is that of its first input."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyBatchNorm, InstanceNorm3d):
    """``InstanceNorm3d`` whose ``num_features`` is that of its first input."""

    cls_to_become = InstanceNorm3d
