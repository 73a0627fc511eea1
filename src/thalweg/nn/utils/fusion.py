"""A batch normalisation that no longer learns, taken into the layer before it."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from ...core.tensor import Tensor
from ...errors import ArgumentError
from ...ops.creation import ones_like, zeros_like
from ...ops.elementwise import rsqrt
from ...ops.shaping import reshape
from ..module import Module
from ..parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]

M = TypeVar("M", bound=Module)


def _checked(name: str, layer: Any, bn: Any) -> None:
    if layer.training or bn.training:
        raise ArgumentError(f"{name}: both modules must be in eval mode; call .eval() on them first")
    if bn.running_mean is None or bn.running_var is None:
        raise ArgumentError(f"{name}: the normalisation has no running mean and variance (track_running_stats=False)")


def fuse_conv_bn_eval(conv: M, bn: Any, transpose: bool = False) -> M:
    """A convolution that computes what ``bn(conv(x))`` does. ``transpose`` is for transposed convolutions.

    Raises:
        ArgumentError: one of the modules is in training mode, or ``bn`` has no running statistics.
    """
    _checked("fuse_conv_bn_eval", conv, bn)
    return _fused(conv, bn, transpose)


def fuse_linear_bn_eval(linear: M, bn: Any) -> M:
    """A linear layer that computes what ``bn(linear(x))`` does.

    Raises:
        ArgumentError: one of the modules is in training mode, ``bn`` has no running statistics, or its number of
            features is neither 1 nor that of the layer's outputs.
    """
    _checked("fuse_linear_bn_eval", linear, bn)
    layer: Any = linear
    if bn.num_features not in (1, layer.out_features):
        raise ArgumentError(
            f"fuse_linear_bn_eval: the layer has {layer.out_features} outputs, the normalisation {bn.num_features} "
            "features"
        )
    return _fused(linear, bn, False)


def _fused(layer: M, bn: Any, transpose: bool) -> M:
    fused: Any = copy.deepcopy(layer)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the fused layer: w s and (b - mean) s + bn_b, where s = bn_w / sqrt(var + eps).

    The channels of the output are the weight's axis 0, or axis 1 with ``transpose``.
    """
    bias = zeros_like(bn_rm) if conv_b is None else conv_b
    scale = rsqrt(bn_rv + bn_eps) * (ones_like(bn_rm) if bn_w is None else bn_w)
    shift = zeros_like(bn_rm) if bn_b is None else bn_b
    channels = (1, -1) if transpose else (-1, 1)
    weight = conv_w * reshape(scale, (*channels, *[1] * (conv_w.ndim - 2)))
    fused = (bias - bn_rm) * scale + shift
    return (
        Parameter(weight.detach().to(conv_w.dtype), conv_w.requires_grad),
        Parameter(fused.detach().to(bias.dtype), bias.requires_grad),
    )


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor,
    bn_b: Tensor,
) -> tuple[Parameter, Parameter]:
    """``fuse_conv_bn_weights`` of a linear layer: weight (out, in), bias (out,).

    >>> import thalweg as tw
    >>> ones, weight = tw.ones(2), tw.tensor([[1.0], [2.0]])
    >>> tw.nn.utils.fuse_linear_bn_weights(weight, None, ones, 4 * ones, 0.0, 3 * ones, ones)[1]
    Parameter containing:
    tensor([-0.5000, -0.5000])
    """
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
