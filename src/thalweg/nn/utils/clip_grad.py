"""Gradients kept from growing too large."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterable

import numpy as np

from ...core.dtypes import default_float
from ...core.modes import no_grad
from ...core.tensor import Tensor, wrap
from ...errors import AutogradError
from ...ops import elementwise as e
from ...ops.base import isfinite, quiet
from ...ops.broadcast import sum_
from ...ops.functions import norm
from ...ops.ranges import check_all
from ...ops.shaping import stack

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def _as_list(tensors: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _grads(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [p._grad for p in _as_list(parameters) if p._grad is not None]


def _joint_norm(tensors: list[Tensor], p: float) -> Tensor:
    """The p-norm of all elements together."""
    if not tensors:
        return wrap(np.zeros((), default_float()))
    if p == 2:  # by far the commonest: the squares add up, and only one root is taken
        return e.sqrt(functools.reduce(e.add, (sum_(e.mul(x, x), dims=_all(x), keepdim=False) for x in tensors)))
    parts = [norm(x, p) for x in tensors]
    return parts[0] if len(parts) == 1 else norm(stack(parts), p)


def _all(x: Tensor) -> tuple[int, ...]:
    return tuple(range(x._value.ndim))


@no_grad
@quiet
def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The ``norm_type``-norm of all elements of all tensors, as if they were one vector. ``foreach`` has no effect.

    Raises:
        AutogradError: the norm is infinite or NaN and ``error_if_nonfinite`` is set.

    >>> import thalweg as tw
    >>> tw.nn.utils.get_total_norm([tw.tensor([3.0]), tw.tensor([4.0])])
    tensor(5.)
    """
    total = _joint_norm(_as_list(tensors), float(norm_type))
    if error_if_nonfinite:
        message = (
            f"clip_grad_norm_: the total norm of order {norm_type} must be finite to clip to it (pass "
            "error_if_nonfinite=False to go on all the same)"
        )
        check_all(isfinite(total._value), AutogradError, message, total._value)
    return total


@no_grad
@quiet
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Multiply all gradients, in place, by max_norm / (total_norm + 1e-6) if that is below 1."""
    factor = e.minimum(max_norm / (total_norm + 1e-6), 1.0)
    for g in _grads(parameters):
        g.mul_(factor)


@no_grad
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients down together, in place, until their norm is at most ``max_norm``.

    Returns the norm before. The factor is max_norm / (norm + 1e-6), as in PyTorch; ``foreach`` has no effect.

    Reference: Pascanu et al. (2013), On the difficulty of training recurrent neural networks.

    Raises:
        AutogradError: the norm is infinite or NaN and ``error_if_nonfinite`` is set.

    >>> import thalweg as tw
    >>> w = tw.nn.Parameter(tw.zeros(2))
    >>> w.grad = tw.tensor([3.0, 4.0])
    >>> tw.nn.utils.clip_grad_norm_(w, 1.0), w.grad
    (tensor(5.), tensor([0.6000, 0.8000]))
    """
    held = _as_list(parameters)
    total = get_total_norm(_grads(held), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(held, max_norm, total)
    return total


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """``clip_grad_norm_`` under its old name, with PyTorch's warning."""
    warnings.warn("clip_grad_norm is deprecated; use clip_grad_norm_", FutureWarning, stacklevel=2)
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@no_grad
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Every element of every gradient brought, in place, between -clip_value and clip_value.

    >>> import thalweg as tw
    >>> w = tw.nn.Parameter(tw.zeros(2))
    >>> w.grad = tw.tensor([3.0, -0.5])
    >>> tw.nn.utils.clip_grad_value_(w, 1.0)
    >>> w.grad
    tensor([ 1.0000, -0.5000])
    """
    bound = float(clip_value)
    for g in _grads(parameters):
        g.clamp_(-bound, bound)
