"""The uniform distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..core.tensor import Tensor
from ..ops.base import where
from ..ops.creation import full_like
from ..ops.drawing import rand
from ..ops.elementwise import log
from ..ops.functions import clamp
from .distribution import Distribution, as_tensors, require

__all__ = ["Uniform"]


class Uniform(Distribution):
    """The uniform distribution on [low, high).

    Raises:
        ArgumentError: a ``low`` is not below its ``high``.

    >>> import thalweg as tw
    >>> tw.distributions.Uniform(0.0, 4.0).log_prob(tw.tensor([1.0, 5.0]))
    tensor([-1.3863,    -inf])
    """

    has_rsample = True

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self.low, self.high = as_tensors(low, high)
        if validate_args is not False:
            require(self.low < self.high, "Uniform: low must be below high everywhere")
        super().__init__(self.low.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return (self.low + self.high) / 2

    @property
    def variance(self) -> Tensor:
        return (self.high - self.low).square() / 12

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """low + (high - low) times uniform numbers."""
        return self.low + (self.high - self.low) * rand(*self._extended(sample_shape), dtype=self.low.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """-log(high - low) inside, minus infinity outside."""
        inside = (value >= self.low) & (value < self.high)
        density = -log(self.high - self.low) + 0 * value
        return where(inside, density, full_like(density, -math.inf))

    def entropy(self) -> Tensor:
        """log(high - low)."""
        return log(self.high - self.low)

    def cdf(self, value: Tensor) -> Tensor:
        return clamp((value - self.low) / (self.high - self.low), 0, 1)

    def icdf(self, value: Tensor) -> Tensor:
        return self.low + (self.high - self.low) * value
