"""Linear layers: dense, masked, bilinear, and the identity."""

from __future__ import annotations

import math
from typing import Any

from ..core.dtypes import dtype
from ..core.tensor import Tensor
from ..errors import ArgumentError, DtypeError, ShapeError
from ..ops.base import where
from ..ops.creation import empty
from ..ops.linalg import linear
from . import functional as F
from . import init
from .functional.linear import linear_error
from .module import Module
from .parameter import Parameter

__all__ = ["Bilinear", "Identity", "Linear", "MaskedLinear"]


class Identity(Module):
    """Its output is its input; it takes, and forgets, any arguments."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input


class Linear(Module):
    """A weighted sum of the inputs for each output: y = x weight^T + bias.

    x : (..., in_features)  ->  (..., out_features)

    ``weight`` (out_features, in_features) and ``bias`` (out_features,) start uniform on ±1 / sqrt(in_features).

    Raises:
        ShapeError: the input's last size is not ``in_features``.
        DtypeError: the input's dtype is not the weight's.

    >>> import thalweg as tw
    >>> layer = tw.nn.Linear(3, 2)
    >>> layer(tw.ones(5, 3)).shape
    thalweg.Size([5, 2])
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: dtype | None = None
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty(out_features, in_features, dtype=dtype, device=device))
        if bias:
            self.bias = Parameter(empty(out_features, dtype=dtype, device=device))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """The weighted sums."""
        return self._apply_with(linear, input)

    def _apply_with(self, primitive: Any, input: Tensor) -> Tensor:
        """What ``linear``, or ``linear_relu`` for this layer and a ReLU behind it, makes of input, weight and bias."""
        weight = self.weight
        try:
            if input._value.dtype != weight._value.dtype:
                raise linear_error(input, weight, self.bias)
            return primitive(input, weight, self.bias)
        except (AttributeError, IndexError, ValueError):  # what was wrong is asked only after the fact
            raise linear_error(input, weight, self.bias) from None

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class NonDynamicallyQuantizableLinear(Linear):
    """``Linear``, under the name that the output projection of ``MultiheadAttention`` has in PyTorch."""


class MaskedLinear(Linear):
    """A linear layer in which output i sums over the inputs UP(i) only: those where ``mask[i]`` is True.

    s[i] = sum of weight[i, j] z[j] over j in UP(i), + bias[i]

    Outside the mask the weights count as exactly 0 whatever they hold, and their gradient is exactly 0. The mask is
    a buffer of booleans, (out_features, in_features), and is saved in the ``state_dict``. Weights start uniform on
    ±1 / sqrt(in_features), as ``Linear``'s do.

    Raises:
        ShapeError: the mask is not (out_features, in_features).
        DtypeError: the mask is not boolean.

    >>> import thalweg as tw
    >>> mask = tw.tensor([[True, True, False], [False, False, True]])
    >>> layer = tw.nn.MaskedLinear(3, 2, mask)
    >>> layer(tw.ones(3)).sum().backward()
    >>> layer.weight.grad
    tensor([[1., 1., 0.],
            [0., 0., 1.]])
    """

    mask: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        mask: Tensor,
        bias: bool = True,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(in_features, out_features, bias, device, dtype)
        if tuple(mask.shape) != (out_features, in_features):
            raise ShapeError(
                f"MaskedLinear: the mask has shape {tuple(mask.shape)} and should have "
                f"(out_features, in_features) = ({out_features}, {in_features})"
            )
        if mask._value.dtype.kind != "b":
            raise DtypeError(f"MaskedLinear: the mask must be boolean, not {mask.dtype}; compare, as in mask != 0")
        self.register_buffer("mask", mask.detach().clone())

    def forward(self, input: Tensor) -> Tensor:
        """The weighted sums over the inputs within the mask."""
        return F.linear(input, where(self.mask, self.weight, 0.0), self.bias)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, connections={int(self.mask._value.sum())}"


class Bilinear(Module):
    """A bilinear form of two inputs for each output: y[k] = x1^T weight[k] x2 + bias[k].

    x1 : (..., in1_features), x2 : (..., in2_features)  ->  (..., out_features)

    ``weight`` (out_features, in1_features, in2_features) and ``bias`` start uniform on ±1 / sqrt(in1_features).

    Raises:
        ShapeError: the inputs don't fit the weight or each other.

    >>> import thalweg as tw
    >>> tw.nn.Bilinear(2, 3, 4)(tw.ones(5, 2), tw.ones(5, 3)).shape
    thalweg.Size([5, 4])
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ArgumentError(f"Bilinear: in1_features must be positive, got {in1_features}")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = Parameter(empty(out_features, in1_features, in2_features, dtype=dtype, device=device))
        if bias:
            self.bias = Parameter(empty(out_features, dtype=dtype, device=device))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """The bilinear forms of the two inputs."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )
