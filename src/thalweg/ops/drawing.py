"""Random tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import FLOAT64, INT64, as_numpy_dtype, default_float, dtype, from_numpy_dtype
from ..core.modes import state
from ..core.tensor import Tensor, wrap
from ..errors import ArgumentError
from .base import convert, isfinite
from .broadcast import reshape, sum_
from .creation import finish, float_dtype, like_dtype, shape_of
from .elementwise import ge, gt, le, logical_and, lt
from .random import Generator, default_generator, require_float
from .ranges import check_all
from .sampling import pick_distinct, pick_repeated

__all__ = [
    "bernoulli", "binomial", "multinomial", "normal", "poisson", "rand", "rand_like", "randint", "randint_like",
    "randn", "randn_like", "randperm",
]  # fmt: skip


def rand(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Uniform random numbers on [0, 1)."""
    target = float_dtype(dtype)
    require_float(target, "rand")
    return finish(
        (generator or default_generator).uniform(shape_of(sizes, "rand", size), target), requires_grad, device
    )


def randn(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Standard normal random numbers."""
    target = float_dtype(dtype)
    require_float(target, "randn")
    return finish(
        (generator or default_generator).normal(shape_of(sizes, "randn", size), target), requires_grad, device
    )


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Uniform random numbers in the shape of ``input``."""
    target = like_dtype(input, dtype)
    require_float(target, "rand_like")
    return finish((generator or default_generator).uniform(input._value.shape, target), requires_grad, device)


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Standard normal random numbers in the shape of ``input``."""
    target = like_dtype(input, dtype)
    require_float(target, "randn_like")
    return finish((generator or default_generator).normal(input._value.shape, target), requires_grad, device)


def randint(
    low: int = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Random integers in [low, high); ``randint(high, size)`` counts from 0."""
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if high is None or size is None:
        raise TypeError("randint: needs (high, size) or (low, high, size)")
    if low >= high:
        raise ArgumentError(f"randint: low must be below high, got [{low}, {high})")
    value = (generator or default_generator).integers(low, high, shape_of((size,), "randint"))
    return finish(value.astype(INT64 if dtype is None else as_numpy_dtype(dtype)), requires_grad, device)


def randint_like(
    input: Tensor,
    low: Any,
    high: Any = None,
    *,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Random integers in [low, high) in the shape and dtype of ``input``; ``randint_like(input, high)`` from 0."""
    low, high = (0, low) if high is None else (low, high)
    target = from_numpy_dtype(like_dtype(input, dtype))
    return randint(int(low), int(high), input._value.shape, generator=generator, dtype=target).requires_grad_(
        requires_grad
    )


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """A Poisson variable for each element, which is its rate.

    A uniform number is looked up in the running sum of the probabilities, which is cut off 12 standard deviations
    (and 30) above the largest rate.
    """
    rates = input.detach()._value
    if not isinstance(rates, np.ndarray):
        assert state.tracer is not None
        raise state.tracer.refuse("poisson: how far to count depends on the rates; draw outside")
    if rates.dtype.kind != "f" or (rates.size and not rates.min() >= 0):
        raise ArgumentError("poisson: rates must be floating-point and not negative")
    draw = (generator or default_generator).uniform(rates.shape, FLOAT64)
    largest = float(rates.max(initial=0.0))
    return wrap(
        _poisson_counts(rates.astype(FLOAT64), draw, int(largest + 12 * math.sqrt(largest) + 30)).astype(rates.dtype)
    )


def _poisson_counts(rates: Any, draw: Any, end: int) -> Any:
    """How many of the running sums of each rate's probabilities the uniform number passes."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm, rate_logarithm = -rates, np.log(rates)
        counts, total = np.zeros(rates.shape), np.exp(logarithm)
        for k in range(1, end):
            passed = draw >= total
            if not passed.any():
                break
            counts += passed
            logarithm = np.where(rates > 0, logarithm + rate_logarithm - math.log(k), -math.inf)
            total = total + np.exp(logarithm)
    return counts


def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """How many of ``count`` trials with the chance ``prob`` succeed, elementwise."""
    n, p = np.broadcast_arrays(count.detach()._value, prob.detach()._value)
    trials = int(n.max(initial=0.0))
    draw = (generator or default_generator).uniform((trials, *n.shape), FLOAT64)
    hits = (draw < p) & (np.arange(trials).reshape(-1, *(1,) * n.ndim) < n)
    return wrap(hits.sum(0).astype(count._value.dtype))


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A random permutation of 0 … n - 1."""
    value = (generator or default_generator).permutation(n)
    return finish(value.astype(INT64 if dtype is None else as_numpy_dtype(dtype)), requires_grad, device)


NEGATIVE = "normal: std must not be negative"


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal random numbers: of the shape ``size``, or one for each element of the tensors ``mean`` and ``std``."""
    if size is not None:
        if std < 0:
            raise ArgumentError(NEGATIVE)
        noise = (generator or default_generator).normal(shape_of((size,), "normal"), float_dtype(dtype))
        return finish(mean + std * noise, requires_grad, device)
    values = [x._value if isinstance(x, Tensor) else x for x in (mean, std)]
    check_all(ge(np.asarray(values[1]) if np.isscalar(std) else values[1], 0), ArgumentError, NEGATIVE)
    shape = np.broadcast_shapes(*(getattr(v, "shape", ()) for v in values))
    target = next((v.dtype for v in values if hasattr(v, "dtype")), default_float())
    noise = (generator or default_generator).normal(shape, target)
    return convert(wrap(values[0] + values[1] * noise), dtype=target)


def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that ``input`` holds (or ``p``), else 0."""
    value = input._value
    given = input if p is None else p
    probability = given._value if isinstance(given, Tensor) else np.asarray(given)
    possible = logical_and(ge(probability, 0), le(probability, 1))
    check_all(possible, ArgumentError, "bernoulli: probabilities must lie between 0 and 1")
    draw = (generator or default_generator).uniform(value.shape, default_float())
    return convert(wrap(lt(draw, probability)), dtype=value.dtype)


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Positions drawn with the weights in the rows of ``input``: (n,) or (m, n) -> (..., num_samples) int64."""
    shape, wide = input._value.shape, convert(input._value, dtype=FLOAT64)
    rows = reshape(wide, shape=(math.prod(shape[:-1]), shape[-1]))
    possible, used = logical_and(isfinite(rows), ge(rows, 0)), convert(gt(rows, 0), dtype=INT64)
    counts = sum_(used, dims=(1,), keepdim=False)
    error = "multinomial: weights must be finite, not negative, and not all zero"
    check_all(possible, ArgumentError, error)
    check_all(ge(counts, 1), ArgumentError, error)
    source = generator or default_generator
    if replacement:
        picks = pick_repeated(rows, source.uniform((rows.shape[0], num_samples), FLOAT64))
    else:
        error = f"multinomial: can't draw {num_samples} samples without replacement from fewer weights"
        check_all(ge(counts, num_samples), ArgumentError, error)
        picks = pick_distinct(rows, source.uniform(rows.shape, FLOAT64), count=num_samples)
    return wrap(reshape(picks, shape=(*shape[:-1], num_samples)))
