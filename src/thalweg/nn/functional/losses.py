"""Losses that compare an input with a target element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ...errors import ArgumentError, ShapeError
from ...ops import costs
from ...ops import elementwise as e
from ...ops import functions as f
from ...ops.base import where
from ...ops.broadcast import reshape
from ...ops.creation import as_tensor
from ...ops.ranges import check_all
from .reduction import (
    REDUCTIONS,
    check_same_shape,
    expected,
    reduce_loss,
    reduce_weighted,
    settle,
    warn_if_broadcast,
    weighted,
)

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "gaussian_nll_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]

Flag = bool | None

# -- distances --------------------------------------------------------------------------------------------


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The squared difference, (x - t)**2.

    Args:
        input: of any shape.
        target: of the same shape; another one that broadcasts gives a UserWarning.
        size_average: deprecated, as ``reduce``; see ``reduction``.
        reduce: deprecated.
        reduction: "none", "mean" or "sum".
        weight: of the same shape, a factor of each element; "mean" divides by the sum of the weights.

    >>> import thalweg as tw
    >>> tw.nn.functional.mse_loss(tw.tensor([1.0, 2.0]), tw.tensor([0.0, 4.0]))
    tensor(2.5000)
    """
    plain = weight is None and size_average is None and reduce is None
    if plain and reduction == "mean" and _fits_fused(input, target):
        return costs.mean_squared_error(input, target)
    reduction = settle("mse_loss", reduction, size_average, reduce, input=input, target=target)
    warn_if_broadcast("mse_loss", input, target)
    difference = input - target
    return reduce_weighted("mse_loss", difference * difference, weight, reduction)


def _fits_fused(input: Any, target: Any) -> bool:
    """Whether two values are tensors of one shape and one floating dtype, and not empty."""
    try:
        x, t = input._value, target._value
    except AttributeError:
        return False
    return x.shape == t.shape and x.dtype == t.dtype and x.dtype.kind == "f" and 0 not in x.shape


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The absolute difference, |x - t|; its derivative is 0 where they are equal. Arguments as for ``mse_loss``.

    >>> import thalweg as tw
    >>> tw.nn.functional.l1_loss(tw.tensor([1.0, 2.0]), tw.tensor([0.0, 4.0]))
    tensor(1.5000)
    """
    reduction = settle("l1_loss", reduction, size_average, reduce, input=input, target=target)
    warn_if_broadcast("l1_loss", input, target)
    return reduce_weighted("l1_loss", e.abs_(input - target), weight, reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """With d = |x - t|: d**2 / (2 beta) where d < beta, else d - beta / 2.

    ``beta=0`` is ``l1_loss``. Girshick (2015), Fast R-CNN, equation 3.

    Raises:
        ArgumentError: beta is negative.

    >>> import thalweg as tw
    >>> tw.nn.functional.smooth_l1_loss(tw.tensor([0.5, 3.0]), tw.zeros(2), reduction="none")
    tensor([0.1250, 2.5000])
    """
    reduction = settle("smooth_l1_loss", reduction, size_average, reduce, input=input, target=target)
    if beta < 0:
        raise ArgumentError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    warn_if_broadcast("smooth_l1_loss", input, target)
    d = input - target
    size = e.abs_(d)
    if beta == 0:
        return reduce_loss(size, reduction)
    return reduce_loss(where(size < beta, d * d * (0.5 / beta), size - 0.5 * beta), reduction)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """With d = |x - t|: d**2 / 2 where d <= delta, else delta (d - delta / 2).

    It is delta times ``smooth_l1_loss`` with ``beta=delta``. Huber (1964), Robust estimation of a location
    parameter. ``weight`` is a factor of each element; unlike for ``mse_loss`` "mean" divides by their number.

    Raises:
        ArgumentError: delta is not positive.

    >>> import thalweg as tw
    >>> tw.nn.functional.huber_loss(tw.tensor([0.5, 3.0]), tw.zeros(2), reduction="none", delta=2.0)
    tensor([0.1250, 4.0000])
    """
    reduction = settle("huber_loss", reduction, None, None, input=input, target=target)
    if delta <= 0:
        raise ArgumentError(f"huber_loss: delta must be positive, got {delta}")
    warn_if_broadcast("huber_loss", input, target)
    d = input - target
    size = e.abs_(d)
    loss = where(size <= delta, d * d * 0.5, (size - 0.5 * delta) * delta)
    return reduce_loss(weighted("huber_loss", loss, weight), reduction)


# -- probabilities ----------------------------------------------------------------------------------------


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """-(t log(p) + (1 - t) log(1 - p)) of probabilities p and t.

    Each logarithm counts as -100 where it is lower, and the derivative (p - t) / (p (1 - p)) has a denominator of at
    least 1e-12, so both stay finite at p = 0 and p = 1. From logits use ``binary_cross_entropy_with_logits``, which
    is exact.

    Args:
        input: probabilities, of any shape.
        target: of the same shape, each in [0, 1].
        weight: a factor of each element, broadcast to that shape; "mean" divides by the number of elements.
        size_average: deprecated, as ``reduce``; see ``reduction``.
        reduce: deprecated.
        reduction: "none", "mean" or "sum".

    Raises:
        ShapeError: the shapes differ.
        ArgumentError: a value of input or target lies outside [0, 1] or is NaN.

    >>> import thalweg as tw
    >>> tw.nn.functional.binary_cross_entropy(tw.tensor([0.5, 0.0]), tw.tensor([1.0, 1.0]), reduction="none")
    tensor([  0.6931, 100.0000])
    """
    name = "binary_cross_entropy"
    reduction = settle(name, reduction, size_average, reduce, input=input, target=target)
    check_same_shape(name, input=input, target=target)
    _check_probabilities(name, "input", input)
    _check_probabilities(name, "target", target)
    loss: Tensor = costs.binary_cross_entropy(input, target)
    return reduce_loss(_times(name, loss, "weight", weight), reduction)


def _check_probabilities(name: str, argument: str, x: Tensor) -> None:
    value = x._value
    if type(value) is np.ndarray and value.size and value.min() >= 0 and value.max() <= 1:
        return  # what eager code nearly always finds, in the shortest way
    message = (
        f"{name}: every {argument} must be a probability between 0 and 1 (for logits use "
        "binary_cross_entropy_with_logits)"
    )
    check_all(e.logical_and(e.ge(value, 0), e.le(value, 1)), ArgumentError, message, value)


def _times(name: str, x: Tensor, argument: str, factor: Tensor | None) -> Tensor:
    """x times a factor that may be missing and that must not enlarge it."""
    if factor is None:
        return x
    shape = x._value.shape
    try:
        fits = np.broadcast_shapes(shape, factor._value.shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(f"{name}: {argument} of shape {tuple(factor.shape)} does not broadcast to the input's {shape}")
    return x * factor


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """The binary cross-entropy of p = sigmoid(x), from the logits x.

    Written pos_weight t softplus(-x) + (1 - t) softplus(x): no overflow, and exact for infinite logits too, where
    PyTorch gives NaN (a certain and right answer costs 0).

    Args:
        input: logits, of any shape.
        target: of the same shape, each in [0, 1].
        weight: a factor of each element, broadcast to that shape; "mean" divides by the number of elements.
        size_average: deprecated, as ``reduce``; see ``reduction``.
        reduce: deprecated.
        reduction: "none", "mean" or "sum".
        pos_weight: a factor of the positive part, broadcast to that shape (usually one for each class).

    Raises:
        ShapeError: the shapes differ, or a weight does not broadcast to them.

    >>> import thalweg as tw
    >>> tw.nn.functional.binary_cross_entropy_with_logits(tw.tensor([0.0, 1000.0]), tw.tensor([1.0, 0.0]))
    tensor(500.3466)
    """
    name = "binary_cross_entropy_with_logits"
    reduction = settle(name, reduction, size_average, reduce, input=input, target=target)
    check_same_shape(name, input=input, target=target)
    positive = _times(name, target, "pos_weight", pos_weight)
    return reduce_loss(_times(name, logistic_cost(input, target, positive), "weight", weight), reduction)


def logistic_cost(input: Tensor, target: Tensor, positive: Tensor) -> Tensor:
    """-(positive log(p) + (1 - target) log(1 - p)) with p = sigmoid(input), without overflow."""
    return expected(positive, e.softplus(-input)) + expected(1 - target, e.softplus(input))


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """The terms of the Kullback-Leibler divergence, t (log(t) - x), of log-probabilities x from probabilities t.

    Terms with t = 0 are 0, also where x = -inf. "batchmean", the sum divided by the size of the first axis, is the
    divergence averaged over a batch of distributions; "mean" divides by the number of elements and so is rarely what
    is meant. (PyTorch warns of that at each call with "mean", its default; thalweg says it here.)

    Args:
        input: log-probabilities.
        target: probabilities, or log-probabilities with ``log_target``; broadcast against the input.
        size_average: deprecated, as ``reduce``; see ``reduction``.
        reduce: deprecated.
        reduction: "none", "mean", "sum" or "batchmean".
        log_target: the target is given as logarithms.

    >>> import thalweg as tw
    >>> p = tw.tensor([[0.5, 0.5]])
    >>> tw.nn.functional.kl_div(tw.log(tw.tensor([[0.25, 0.75]])), p, reduction="batchmean")
    tensor(0.1438)
    """
    allowed = (*REDUCTIONS, "batchmean")
    reduction = settle("kl_div", reduction, size_average, reduce, allowed, input=input, target=target)
    if log_target:
        loss = expected(e.exp(target), target - input)
    else:
        loss = expected(target, e.log(where(target == 0, 1.0, target)) - input)
    if reduction != "batchmean":
        return reduce_loss(loss, reduction)
    total = f.sum(loss)
    return total / input._value.shape[0] if input._value.ndim else total


# -- likelihoods ------------------------------------------------------------------------------------------


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: Flag = None,
    eps: float = 1e-8,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log-likelihood of counts t under a Poisson distribution, without the constant log(t!).

    exp(x) - t x where x is the logarithm of the rate (``log_input``), else x - t log(x + eps) where it is the rate.
    ``full`` adds Stirling's approximation of log(t!), t log(t) - t + log(2 pi t) / 2, where t > 1.

    >>> import thalweg as tw
    >>> tw.nn.functional.poisson_nll_loss(tw.tensor([0.0, 1.0]), tw.tensor([3.0, 2.0]), reduction="none")
    tensor([1.0000, 0.7183])
    """
    reduction = settle("poisson_nll_loss", reduction, size_average, reduce, input=input, target=target)
    loss = e.exp(input) - target * input if log_input else input - target * e.log(input + eps)
    if full:
        many = target > 1
        t = where(many, target, 1.0)
        loss = loss + where(many, t * e.log(t) - t + 0.5 * e.log(2 * math.pi * t), 0.0)
    return reduce_loss(loss, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """The negative log-likelihood of t under a normal distribution of mean x and variance var.

    (log(v) + (x - t)**2 / v) / 2 with v = max(var, eps); ``full`` adds log(2 pi) / 2. The maximum is not seen by the
    derivative, so a variance below eps is still pushed. Nix and Weigend (1994), Estimating the mean and variance of
    the target probability distribution.

    Args:
        input: the means.
        target: the observations, of the same shape or one that broadcasts.
        var: the variances: a number, a tensor of the input's shape, or one that lacks the last axis (or has it with
            size 1).
        full: add the constant.
        eps: the smallest variance.
        reduction: "none", "mean" or "sum".

    Raises:
        ShapeError: the shape of ``var`` fits in none of these ways.
        ArgumentError: a variance is negative.

    >>> import thalweg as tw
    >>> tw.nn.functional.gaussian_nll_loss(tw.tensor([1.0, 2.0]), tw.tensor([1.0, 4.0]), tw.tensor([1.0, 4.0]))
    tensor(0.5966)
    """
    name = "gaussian_nll_loss"
    reduction = settle(name, reduction, None, None, input=input, target=target)
    v = _variance(name, var, input)
    v = v + where(v < eps, eps - v, 0.0).detach()
    difference = input - target
    loss = 0.5 * (e.log(v) + difference * difference / v)
    return reduce_loss(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


def _variance(name: str, var: Tensor | float, input: Tensor) -> Tensor:
    """The variance, checked, in a shape that broadcasts to the input's."""
    v = var if isinstance(var, Tensor) else as_tensor(var, dtype=input.dtype)
    shape, own = input._value.shape, v._value.shape
    check_all(e.logical_not(e.lt(v._value, 0)), ArgumentError, f"{name}: var must not be negative", v._value)
    if not isinstance(var, Tensor) or own == shape or (shape and own == (*shape[:-1], 1)):
        return v
    if shape and own == shape[:-1]:
        return reshape(v, shape=(*own, 1))
    raise ShapeError(
        f"{name}: var has shape {own} and must have the input's {shape}, or that without its last axis, or with size 1 "
        "there"
    )
