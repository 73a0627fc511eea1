"""Activation functions, composed of primitives.

At a kink the derivative is the one that PyTorch takes, stated where it is not obvious. With ``inplace`` the result
also overwrites the input; the gradient is the same, and a leaf that requires one is refused.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.tensor import Tensor, wrap
from ...errors import ArgumentError, ShapeError
from ...ops import elementwise as e
from ...ops.base import convert, where
from ...ops.dims import one_dim
from ...ops.drawing import rand_like
from ...ops.elementwise import sigmoid, tanh
from ...ops.functions import clamp, log_softmax, norm, softmax
from ...ops.random import Generator, default_generator
from ...ops.shaping import narrow, reshape

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "log_softmax",
    "logsigmoid",
    "mish",
    "normalize",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
]

# Klambauer et al. (2017), Self-normalizing neural networks, appendix A: the fixed point of mean 0 and variance 1.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def in_place(input: Tensor, function: Any, *args: Any) -> Tensor:
    """``input`` overwritten by ``function`` of its old values, of which the tape keeps a copy."""
    return input.copy_(function(input.clone(), *args))


# -- with a kink ------------------------------------------------------------------------------------------


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0); the derivative at 0 is 0.

    >>> import thalweg as tw
    >>> tw.nn.functional.relu(tw.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return input.relu_() if inplace else e.relu(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, ``negative_slope`` x elsewhere; the derivative at 0 is ``negative_slope``."""
    if inplace:
        return in_place(input, leaky_relu, negative_slope)
    return where(e.gt(input, 0), input, input * negative_slope)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, ``weight`` x elsewhere, with one weight for all or one for each channel.

    input : (n, channels, ...) or any shape; weight : (channels,), or of one element

    Raises:
        ShapeError: the weight has another number of elements.
    """
    if weight._value.size != 1:
        shape = input._value.shape
        if len(shape) < 2 or weight._value.shape != (shape[1],):
            raise ShapeError(
                f"prelu: the weight has shape {tuple(weight.shape)} and should have one element, or one for each "
                f"channel (dim 1) of the input of shape {tuple(shape)}"
            )
        weight = reshape(weight, -1, *(1,) * (len(shape) - 2))
    elif weight._value.ndim:
        weight = reshape(weight, ())
    return where(e.gt(input, 0), input, input * weight)


def rrelu(
    input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """``leaky_relu`` whose slope is drawn uniformly from [lower, upper) for each element while ``training``.

    Otherwise the slope is the middle. Reference: Xu et al. (2015), Empirical evaluation of rectified activations.
    """
    if lower > upper:
        raise ArgumentError(f"rrelu: the lower bound {lower} must not exceed the upper bound {upper}")
    if inplace:
        return in_place(input, rrelu, lower, upper, training)
    if not training:
        return leaky_relu(input, (lower + upper) / 2)
    slope = lower + (upper - lower) * rand_like(input)
    return where(e.gt(input, 0), input, input * slope)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > ``threshold`` (or is NaN), ``value`` elsewhere."""
    if inplace:
        return in_place(input, _threshold, threshold, value)
    return _threshold(input, threshold, value)


def _threshold(x: Tensor, bound: float, value: float) -> Tensor:
    if x._value.dtype.kind in "iu":
        bound, value = int(bound), int(value)
    return where(e.le(x, bound), value, x)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x, but no less than ``min_val`` and no more than ``max_val``; on the bounds the derivative is 0."""
    if min_val > max_val:
        raise ArgumentError(f"hardtanh: min_val {min_val} must not exceed max_val {max_val}")
    if inplace:
        return in_place(input, hardtanh, min_val, max_val)
    return where(e.le(input, min_val), min_val, where(e.ge(input, max_val), max_val, input))


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6); the derivative at 0 and 6 is 0."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """(x + 3) / 6, but no less than 0 and no more than 1."""
    if inplace:
        return in_place(input, hardsigmoid)
    return relu6(input + 3) / 6


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """0 for x <= -3, x for x >= 3, x (x + 3) / 6 between; the derivative at -3 is 0 and at 3 is 1.

    Reference: Howard et al. (2019), Searching for MobileNetV3.
    """
    if inplace:
        return in_place(input, hardswish)
    return where(e.le(input, -3), 0.0, where(e.ge(input, 3), input, input * (input + 3) / 6))


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by ``lambd``, 0 where |x| <= ``lambd``."""
    if lambd < 0:
        raise ArgumentError(f"softshrink: lambd must not be negative, got {lambd}")
    return where(e.gt(input, lambd), input - lambd, where(e.ge(input, -lambd), 0.0, input + lambd))


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x, but 0 where |x| <= ``lambd``."""
    return where(e.le(e.abs_(input), lambd), 0.0, input)


# -- smooth, exponential ----------------------------------------------------------------------------------


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, ``alpha`` (exp(x) - 1) elsewhere.

    Reference: Clevert et al. (2016), Fast and accurate deep network learning by exponential linear units.
    """
    if inplace:
        return in_place(input, elu, alpha)
    return where(e.gt(input, 0), input, e.expm1(input) * alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """1.0507… ``elu(x, 1.6733…)``: layers of it keep mean 0 and variance 1.

    Reference: Klambauer et al. (2017), Self-normalizing neural networks.
    """
    if inplace:
        return in_place(input, selu)
    return elu(input, SELU_ALPHA) * SELU_SCALE


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, ``alpha`` (exp(x / alpha) - 1) elsewhere: continuously differentiable for every alpha.

    Reference: Barron (2017), Continuously differentiable exponential linear units.
    """
    if alpha == 0:
        raise ArgumentError("celu: alpha must not be 0")
    if inplace:
        return in_place(input, celu, alpha)
    return where(e.gt(input, 0), input, e.expm1(input / alpha) * alpha)


def gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    """x times the normal distribution function of x; ``approximate="tanh"`` replaces that by a tanh.

    0.5 x (1 + erf(x / sqrt(2))), or 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x³))).

    Reference: Hendrycks and Gimpel (2016), Gaussian error linear units.
    """
    if approximate == "none":
        return input * 0.5 * (e.erf(input * math.sqrt(0.5)) + 1)
    if approximate == "tanh":
        inner = (input + input**3 * 0.044715) * math.sqrt(2 / math.pi)
        return input * 0.5 * (tanh(inner) + 1)
    raise ArgumentError(f'gelu: approximate must be "none" or "tanh", not {approximate!r}')


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x sigmoid(x), also called swish."""
    if inplace:
        return in_place(input, silu)
    return input * sigmoid(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(softplus(x)). Reference: Misra (2020), Mish: a self regularized non-monotonic activation function."""
    if inplace:
        return in_place(input, mish)
    return input * tanh(e.softplus(input))


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta x)) / beta; x itself where beta x > ``threshold``.

    >>> import thalweg as tw
    >>> tw.nn.functional.softplus(tw.tensor([0.0, 30.0]))
    tensor([ 0.6931, 30.0000])
    """
    scaled = input if beta == 1 else input * beta
    smooth = e.softplus(scaled)
    return where(e.gt(scaled, threshold), input, smooth if beta == 1 else smooth / beta)


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)), without overflow."""
    return -e.softplus(-input)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return input / (e.abs_(input) + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    return input - tanh(input)


# -- along an axis ----------------------------------------------------------------------------------------


def softmin(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """``softmax`` of -x."""
    return softmax(-input, dim, dtype)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along ``dim`` times the sigmoid of the second.

    Reference: Dauphin et al. (2017), Language modeling with gated convolutional networks.
    """
    d = one_dim(dim, input._value.ndim, "glu")
    if not input._value.ndim or input._value.shape[d] % 2:
        raise ShapeError(f"glu: the size along dim {dim} must be even to be halved, got shape {tuple(input.shape)}")
    half = input._value.shape[d] // 2
    return narrow(input, d, 0, half) * sigmoid(narrow(input, d, half, half))


def gumbel_softmax(
    logits: Tensor,
    tau: float = 1,
    hard: bool = False,
    eps: float = 1e-10,
    dim: int = -1,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """A sample from a relaxed categorical distribution: softmax((logits + noise) / tau), with Gumbel noise.

    With ``hard`` the result is one-hot, and its gradient that of the relaxed sample. ``eps`` has no effect.

    Reference: Jang et al. (2017), Categorical reparameterization with Gumbel-softmax.
    """
    value = logits._value
    u = (generator or default_generator).uniform(value.shape, value.dtype)
    tiny = float(np.finfo(value.dtype).tiny)
    waiting = e.maximum(e.neg(e.log1p(e.neg(u))), tiny)  # exponentially distributed, never 0
    soft: Tensor = softmax((logits + wrap(e.neg(e.log(waiting)))) / tau, dim)
    if not hard:
        return soft
    d = one_dim(dim, value.ndim, "gumbel_softmax")
    places = wrap(np.arange(value.shape[d]).reshape(-1, *(1,) * (value.ndim - 1 - d)))
    one_hot: Tensor = convert(e.eq(soft.argmax(dim, keepdim=True), places), dtype=value.dtype)
    return one_hot - soft.detach() + soft


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x divided by its ``p``-norm along ``dim``, or by ``eps`` where that is larger."""
    return input / clamp(norm(input, p, dim, keepdim=True), min=eps)


# -- in place ---------------------------------------------------------------------------------------------


def relu_(input: Tensor) -> Tensor:
    """``relu`` in place."""
    return relu(input, inplace=True)


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """``leaky_relu`` in place."""
    return leaky_relu(input, negative_slope, inplace=True)


def rrelu_(input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> Tensor:
    """``rrelu`` in place."""
    return rrelu(input, lower, upper, training, inplace=True)


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """The function ``threshold`` in place."""
    return _thresholded(input, threshold, value, inplace=True)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """``hardtanh`` in place."""
    return hardtanh(input, min_val, max_val, inplace=True)


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """``elu`` in place."""
    return elu(input, alpha, inplace=True)


def selu_(input: Tensor) -> Tensor:
    """``selu`` in place."""
    return selu(input, inplace=True)


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """``celu`` in place."""
    return celu(input, alpha, inplace=True)


_thresholded = threshold  # whose name is also that of an argument
