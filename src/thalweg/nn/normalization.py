"""Normalisation layers; the functions of the same names in ``functional`` say what each computes."""

from __future__ import annotations

from typing import Any, ClassVar

from ..core.dtypes import dtype, int64
from ..core.modes import no_grad
from ..core.tensor import Tensor
from ..errors import ShapeError
from ..ops.creation import empty, ones, tensor, zeros
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d",
    "LayerNorm", "LocalResponseNorm", "RMSNorm",
]  # fmt: skip


class _NormBase(Module):
    """What layers with a scale, a shift and running statistics for each channel share."""

    _version = 2
    dims: ClassVar[tuple[int, ...]]  # the numbers of dimensions that the input may have
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: Any,
        dtype: dtype | None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._make_members(device, dtype, bias)

    def _make_members(self, device: Any, dtype: dtype | None, bias: bool) -> None:
        n, options = self.num_features, {"dtype": dtype, "device": device}
        if self.affine:
            self.weight = Parameter(empty(n, **options))
        else:
            self.register_parameter("weight", None)
        if self.affine and bias:
            self.bias = Parameter(empty(n, **options))
        else:
            self.register_parameter("bias", None)
        tracked = self.track_running_stats
        self.register_buffer("running_mean", zeros(n, **options) if tracked else None)
        self.register_buffer("running_var", ones(n, **options) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0, dtype=int64) if tracked else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Mean 0, variance 1 and no batch so far."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Fresh statistics, scale 1 and shift 0."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _bring_up_to_date(self, entries: dict[str, Any], prefix: str, metadata: dict[str, Any]) -> None:
        """Before version 2 there was no number of batches."""
        if metadata.get("version", 1) < 2 and self.num_batches_tracked is not None:
            entries.setdefault(f"{prefix}num_batches_tracked", self.num_batches_tracked)

    def _check_input_dim(self, input: Tensor) -> None:
        if input._value.ndim not in self.dims:
            expected = " or ".join(map(str, self.dims))
            raise ShapeError(
                f"{type(self).__name__}: expects {expected} dimensions, got an input of shape {tuple(input.shape)}"
            )

    def _next_momentum(self) -> Any:
        """How far running statistics move now: ``momentum``, or for None so that they become plain averages."""
        count = self.num_batches_tracked
        if not (self.training and self.track_running_stats) or count is None:
            return 0.0 if self.momentum is None else self.momentum
        with no_grad():
            count.add_(1)
            if self.momentum is None:
                return 1.0 / (count if self.running_mean is None else count.to(self.running_mean.dtype))
        return self.momentum

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_NormBase):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        """The normalised input; in training the running statistics move."""
        self._check_input_dim(input)
        momentum = self._next_momentum()
        own = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if own else None,
            self.running_var if own else None,
            self.weight,
            self.bias,
            self.training or (self.running_mean is None and self.running_var is None),
            momentum,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """Each channel normalised over the batch; see ``functional.batch_norm``.

    input : (n, num_features) or (n, num_features, length)  ->  the same

    ``momentum`` None makes the running statistics plain averages over all batches so far; without
    ``track_running_stats`` there are none, and evaluation uses the batch's. ``weight`` starts at 1, ``bias`` at 0.

    >>> import thalweg as tw
    >>> norm = tw.nn.BatchNorm1d(1, affine=False)
    >>> norm(tw.tensor([[1.0], [3.0]])), norm.running_mean
    (tensor([[-1.0000],
            [ 1.0000]]), tensor([0.2000]))
    """

    dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Each channel of images normalised over the batch; see ``BatchNorm1d``.

    input : (n, num_features, height, width)  ->  the same
    """

    dims = (4,)


class BatchNorm3d(_BatchNorm):
    """Each channel of volumes normalised over the batch; see ``BatchNorm1d``.

    input : (n, num_features, depth, height, width)  ->  the same
    """

    dims = (5,)


class _InstanceNorm(_NormBase):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        """The normalised input; in training the running statistics, if there are any, move."""
        self._check_input_dim(input)
        had_batch = input._value.ndim == max(self.dims)
        if input._value.shape[1 if had_batch else 0] != self.num_features and self.affine:
            raise ShapeError(
                f"{type(self).__name__}: expects {self.num_features} channels, got shape {tuple(input.shape)}"
            )
        y = F.instance_norm(
            input if had_batch else input.unsqueeze(0),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return y if had_batch else y.squeeze(0)


class InstanceNorm1d(_InstanceNorm):
    """Each channel of each sample normalised; see ``functional.instance_norm``.

    input : (n, num_features, length), or the same without n  ->  the same

    Scale and shift, and running statistics, exist only if asked for by ``affine`` and ``track_running_stats``.
    """

    dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Each channel of each image normalised. input : (n, num_features, height, width), or the same without n."""

    dims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Each channel of each volume normalised. input : (n, num_features, depth, height, width), or without n."""

    dims = (4, 5)


def _sizes(normalized_shape: Any) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(int(n) for n in normalized_shape)


class LayerNorm(Module):
    """The last axes of each sample normalised; see ``functional.layer_norm``.

    input : (..., *normalized_shape)  ->  the same

    ``weight`` and ``bias``, of that shape, start at 1 and 0; without ``elementwise_affine`` there are none.

    >>> import thalweg as tw
    >>> tw.nn.LayerNorm(2)(tw.tensor([[1.0, 3.0]])).tolist()
    [[-0.9999949932098389, 0.9999949932098389]]
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.register_parameter("weight", None)
        self.register_parameter("bias", None)
        if elementwise_affine:
            self.weight = Parameter(empty(*self.normalized_shape, dtype=dtype, device=device))
            if bias:
                self.bias = Parameter(empty(*self.normalized_shape, dtype=dtype, device=device))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1 and shift 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """The normalised input."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        bias = f", bias={self.bias is not None}"
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}{bias}"


class RMSNorm(Module):
    """The last axes of each sample divided by the root of their mean square; see ``functional.rms_norm``.

    input : (..., *normalized_shape)  ->  the same. ``weight``, of that shape, starts at 1.
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        if elementwise_affine:
            self.weight = Parameter(empty(*self.normalized_shape, dtype=dtype, device=device))
        else:
            self.register_parameter("weight", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """The normalised input."""
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """Groups of channels of each sample normalised; see ``functional.group_norm``.

    input : (n, num_channels, ...)  ->  the same. ``weight`` and ``bias`` (num_channels,) start at 1 and 0.

    Raises:
        ShapeError: the channels are no multiple of ``num_groups``.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ShapeError(f"GroupNorm: {num_channels} channels can't be divided into {num_groups} groups")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self.register_parameter("weight", None)
        self.register_parameter("bias", None)
        if affine:
            self.weight = Parameter(empty(num_channels, dtype=dtype, device=device))
            if bias:
                self.bias = Parameter(empty(num_channels, dtype=dtype, device=device))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1 and shift 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """The normalised input."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        bias = self.bias is not None
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={bias}"


class LocalResponseNorm(Module):
    """Each element divided by a power of the mean square of neighbouring channels.

    See ``functional.local_response_norm``.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        """The normalised input."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
