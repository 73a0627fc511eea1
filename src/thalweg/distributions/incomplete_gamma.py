"""The regularised lower incomplete gamma function, and samples of a gamma distribution with their pathwise gradient.

Both rest on one series with positive terms, DLMF 8.7.1: P(a, x) = x^a exp(-x) / gamma(a + 1) · sum_n t_n, where
t_n = x^n / ((a + 1) … (a + n)), whose derivative by a is taken term by term.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Function, once_differentiable
from ..core.modes import state
from ..core.tensor import Tensor, wrap
from ..errors import TransformError
from ..ops.elementwise import exp, log
from ..ops.gamma import lgamma
from ..ops.pointwise import digamma
from ..ops.random import Generator, default_generator

__all__ = ["gammainc", "standard_gamma"]


def gammainc(a: Tensor, x: Tensor) -> Tensor:
    """P(a, x) for a > 0: the probability that a gamma variable of shape ``a`` and rate 1 is at most ``x``.

    a, x : (...) floating-point, of one shape.

    The number of terms grows with sqrt(a). Differentiable once, by both.
    """
    return GammaIncomplete.apply(a, x)


def standard_gamma(a: Tensor) -> Tensor:
    """One sample of the gamma distribution with rate 1 for each shape in ``a``, differentiable once by ``a``.

    The gradient is the implicit one, -(dP/da) / (dP/dx): what moves the sample so that its P stays the same.
    Reference: Figurnov, Mohamed and Mnih (2018), Implicit reparameterization gradients.

    Raises:
        TraceError: within a compiled function: how often a draw is rejected depends on the numbers.
        TransformError: within ``vmap`` or ``jvp``.
    """
    return StandardGamma.apply(a)


class GammaIncomplete(Function):
    """``gammainc`` on the tape."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(a, x)
        shape, point = _array(a, "gammainc"), _array(x, "gammainc")
        return wrap(_probability(shape.astype(np.float64), point.astype(np.float64)).astype(shape.dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor]:
        a, x = ctx.saved_tensors
        inner = x.clamp(min=float(np.finfo(x._value.dtype).tiny))
        density = exp((a - 1) * log(inner) - inner - lgamma(a)) * (x > 0)
        return -dy * density * wrap(implicit_slope(a._value, inner._value)), dy * density


class StandardGamma(Function):
    """``standard_gamma`` on the tape."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        z = wrap(_draw(_array(a, "standard_gamma"), default_generator))
        ctx.save_for_backward(a, z)
        return z

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dz: Tensor) -> Tensor:
        a, z = ctx.saved_tensors
        return dz * wrap(implicit_slope(a._value, z._value))


def _array(x: Tensor, name: str) -> Any:
    """The numbers of a tensor, which must be there."""
    if state.tracer is not None:
        raise state.tracer.refuse(f"{name}: how far to compute depends on the values; call it outside")
    if not isinstance(x._value, np.ndarray):
        raise TransformError(f"{name}: how far to compute depends on the values, so it can't be transformed")
    return x._value


def _draw(a: Any, generator: Generator) -> Any:
    """Samples by Marsaglia and Tsang's method; a shape below 1 is raised by 1, and u^(1/a) multiplied on.

    Reference: Marsaglia and Tsang (2000), A simple method for generating gamma variables.
    """
    raised = np.where(a < 1, a + 1.0, a).astype(np.float64).ravel()
    d = raised - 1 / 3
    c = 1 / np.sqrt(9 * d)
    z, waiting = np.empty_like(d), np.arange(d.size)
    while waiting.size:
        noise = generator.normal((waiting.size,), np.float64)
        u = 1 - generator.uniform((waiting.size,), np.float64)
        v = (1 + c[waiting] * noise) ** 3
        positive = np.where(v > 0, v, 1.0)
        accepted = (v > 0) & (np.log(u) < noise**2 / 2 + d[waiting] * (1 - positive + np.log(positive)))
        z[waiting[accepted]] = (d[waiting] * positive)[accepted]
        waiting = waiting[~accepted]
    z = z.reshape(a.shape)
    if (a < 1).any():
        u = 1 - generator.uniform(a.shape, np.float64)
        z = np.where(a < 1, z * np.exp(np.log(u) / a.astype(np.float64)), z)
    return np.maximum(z.astype(a.dtype), np.finfo(a.dtype).tiny)


def implicit_slope(a: Any, z: Any) -> Any:
    """dz/da at constant P(a, z): -(z / a) sum_n t_n (log z - digamma(a + 1) - 1/(a + 1) - … - 1/(a + n))."""
    shape, x = a.astype(np.float64), z.astype(np.float64)
    start = np.log(x) - digamma(wrap(shape + 1)).numpy()
    term, harmonic, total, n = np.ones_like(x), np.zeros_like(x), start.copy(), 0
    while _goes_on(term, total, shape + n, x):
        n += 1
        term = term * (x / (shape + n))
        harmonic = harmonic + 1 / (shape + n)
        total = total + term * (start - harmonic)
    return (-(x / shape) * total).astype(z.dtype)


def _probability(a: Any, x: Any) -> Any:
    far = x > a + 40 * np.sqrt(a) + 60  # where the rest is below the precision of float64
    inner = np.where(far | (x <= 0), a, x)
    term, total, n = np.ones_like(inner), np.ones_like(inner), 0
    while _goes_on(term, total, a + n, inner):
        n += 1
        term = term * (inner / (a + n))
        total = total + term
    value = np.exp(a * np.log(inner) - inner - lgamma(wrap(a + 1)).numpy() + np.log(total))
    return np.where(x <= 0, 0.0, np.where(far, 1.0, value))


def _goes_on(term: Any, total: Any, denominator: Any, x: Any) -> bool:
    """Whether terms still grow, or are not yet below the precision of their sum."""
    return bool(((denominator < x) | (term > 1e-17 * np.abs(total))).any())
