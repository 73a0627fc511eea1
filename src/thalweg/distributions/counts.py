"""Distributions of counts: Poisson, binomial, geometric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.modes import no_grad
from ..core.tensor import Tensor
from ..nn.functional import softplus
from ..ops.creation import arange, zeros_like
from ..ops.drawing import binomial, poisson, rand
from ..ops.elementwise import exp, floor, log, log1p, sigmoid
from ..ops.functions import xlogy
from ..ops.gamma import lgamma
from ..ops.shaping import broadcast_tensors, expand
from .distribution import Distribution, as_tensors, density_within, require, within
from .parameters import inside, log_odds, one_of

__all__ = ["Binomial", "Geometric", "Poisson"]


class Poisson(Distribution):
    """The Poisson distribution: counts k with the probability rate^k exp(-rate) / k!.

    Samples can't be drawn within a compiled function, as ``tw.poisson`` can't.

    Raises:
        ArgumentError: a rate is negative.

    >>> import thalweg as tw
    >>> tw.distributions.Poisson(1.0).log_prob(tw.tensor([0.0, 3.0]))
    tensor([-1.0000, -2.7918])
    """

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = as_tensors(rate)
        if validate_args is not False:
            require(self.rate >= 0, "Poisson: rate must not be negative")
        super().__init__(self.rate.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return floor(self.rate)

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Counts in the dtype of the rate."""
        with no_grad():
            return poisson(expand(self.rate, self._extended(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """value log rate - rate - log(value!), and minus infinity below 0."""
        rate, value = broadcast_tensors(self.rate, value)
        possible = value >= 0
        count = within(possible, value, 0.0)
        return density_within(possible, xlogy(count, rate) - rate - lgamma(count + 1))


class Binomial(Distribution):
    """How many of ``total_count`` trials succeed, each with the probability ``probs``, or sigmoid of ``logits``.

    Samples take memory in proportion to ``total_count``, and can't be drawn within a compiled function.

    Raises:
        ArgumentError: both or none of probs and logits are given, a probability is outside [0, 1], or a count is
            negative or no integer; from ``entropy`` and ``enumerate_support``: the counts are not all the same.

    >>> import thalweg as tw
    >>> tw.distributions.Binomial(3, probs=tw.tensor(0.5)).log_prob(tw.tensor([0.0, 1.0])).exp()
    tensor([0.1250, 0.3750])
    """

    has_enumerate_support = True

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        one_of("Binomial", probs, logits)
        if probs is not None:
            (given,) = as_tensors(probs)
            self.probs, self.total_count = broadcast_tensors(given, _like(total_count, given))
            if validate_args is not False:
                require((self.probs >= 0) & (self.probs <= 1), "Binomial: probs must be from 0 to 1")
            self.logits = log_odds(self.probs)
        else:
            (given,) = as_tensors(logits)
            self.logits, self.total_count = broadcast_tensors(given, _like(total_count, given))
            self.probs = sigmoid(self.logits)
        if validate_args is not False:
            counts = self.total_count
            require((counts >= 0) & (counts == floor(counts)), "Binomial: total_count must be an integer from 0 on")
        super().__init__(self.logits.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return floor((self.total_count + 1) * self.probs).clamp(max=self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Counts in the dtype of the parameters."""
        shape = self._extended(sample_shape)
        with no_grad():
            return binomial(expand(self.total_count, shape), expand(self.probs, shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """log(n choose value) + value log p + (n - value) log(1 - p), and minus infinity outside 0 … n."""
        n, logits, value = broadcast_tensors(self.total_count, self.logits, value)
        possible = (value >= 0) & (value <= n)
        k = within(possible, value, 0.0)
        ways = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
        return density_within(possible, ways + k * logits - n * softplus(logits))

    def entropy(self) -> Tensor:
        """-sum p log p over 0 … n, which has to be the same n for all."""
        log_probs = self.log_prob(self.enumerate_support(False))
        return -(exp(log_probs) * log_probs).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """0 … n along axis 0."""
        counts = self.total_count.detach().numpy()
        n = int(counts.max(initial=0))
        require(self.total_count == n, "Binomial: the counts must all be the same to enumerate the support")
        return self._enumerated(arange(n + 1, dtype=self.probs.dtype), expand)


def _like(count: Any, parameter: Tensor) -> Tensor:
    return as_tensors(parameter, count)[1].to(parameter.dtype)


class Geometric(Distribution):
    """How often a trial fails until it succeeds, with the probability ``probs``, or sigmoid of ``logits``: 0, 1, ….

    Raises:
        ArgumentError: both or none are given, or a probability is not in (0, 1].

    >>> import thalweg as tw
    >>> tw.distributions.Geometric(0.5).log_prob(tw.tensor([0.0, 2.0])).exp()
    tensor([0.5000, 0.1250])
    """

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        one_of("Geometric", probs, logits)
        if probs is not None:
            (self.probs,) = as_tensors(probs)
            if validate_args is not False:
                require((self.probs > 0) & (self.probs <= 1), "Geometric: probs must be above 0 and at most 1")
            self.logits = log_odds(self.probs)
        else:
            (self.logits,) = as_tensors(logits)
            self.probs = sigmoid(self.logits)
        super().__init__(self.logits.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return 1 / self.probs - 1

    @property
    def mode(self) -> Tensor:
        return zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Counts in the dtype of the parameters: floor(log(1 - u) / log(1 - p)), with uniform numbers u."""
        with no_grad():
            u = rand(*self._extended(sample_shape), dtype=self.probs.dtype)
            return floor(log1p(-u) / log1p(-inside(self.probs)))

    def log_prob(self, value: Tensor) -> Tensor:
        """value log(1 - p) + log p, and minus infinity below 0."""
        value, probs = broadcast_tensors(value, self.probs)
        possible = value >= 0
        return density_within(possible, xlogy(within(possible, value, 0.0), 1 - probs) + log(probs))

    def entropy(self) -> Tensor:
        """(-p log p - (1 - p) log(1 - p)) / p."""
        return (softplus(self.logits) - self.probs * self.logits) / self.probs
