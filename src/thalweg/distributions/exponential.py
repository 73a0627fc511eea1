"""The exponential distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.tensor import Tensor
from ..ops.creation import zeros_like
from ..ops.drawing import rand
from ..ops.elementwise import exp, log, log1p
from .distribution import Distribution, as_tensors, density_within, require

__all__ = ["Exponential"]


class Exponential(Distribution):
    """The exponential distribution: density rate exp(-rate x) for x >= 0.

    Raises:
        ArgumentError: a rate is not positive.

    >>> import thalweg as tw
    >>> tw.distributions.Exponential(1.0).log_prob(tw.tensor([0.0, 3.0, -1.0]))
    tensor([ 0., -3., -inf])
    """

    has_rsample = True

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = as_tensors(rate)
        if validate_args is not False:
            require(self.rate > 0, "Exponential: rate must be positive everywhere")
        super().__init__(self.rate.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return 1 / self.rate

    @property
    def mode(self) -> Tensor:
        return zeros_like(self.rate)

    @property
    def stddev(self) -> Tensor:
        return 1 / self.rate

    @property
    def variance(self) -> Tensor:
        return 1 / self.rate.square()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """-log(1 - u) / rate, with uniform numbers u."""
        return -log1p(-rand(*self._extended(sample_shape), dtype=self.rate.dtype)) / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        """log rate - rate value, and minus infinity below 0."""
        return density_within(value >= 0, log(self.rate) - self.rate * value)

    def entropy(self) -> Tensor:
        """1 - log rate."""
        return 1 - log(self.rate)

    def cdf(self, value: Tensor) -> Tensor:
        return 1 - exp(-self.rate * value.clamp(min=0))

    def icdf(self, value: Tensor) -> Tensor:
        return -log1p(-value) / self.rate
