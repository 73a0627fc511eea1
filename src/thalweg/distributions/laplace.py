"""The Laplace distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..core.tensor import Tensor
from ..ops.drawing import rand
from ..ops.elementwise import abs_, expm1, log, log1p, sign
from .location_scale import LocationScale

__all__ = ["Laplace"]


class Laplace(LocationScale):
    """The Laplace distribution: density exp(-|x - loc| / scale) / (2 scale).

    Raises:
        ArgumentError: a scale is not positive.

    >>> import thalweg as tw
    >>> tw.distributions.Laplace(0.0, 0.5).log_prob(tw.tensor([0.0, 1.0]))
    tensor([-0., -2.])
    """

    @property
    def variance(self) -> Tensor:
        return 2 * self.scale.square()

    @property
    def stddev(self) -> Tensor:
        return math.sqrt(2) * self.scale

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """The inverse of the cdf, of uniform numbers."""
        eps = float(np.finfo(self.loc._value.dtype).eps)
        u = (2 - eps) * rand(*self._extended(sample_shape), dtype=self.loc.dtype) - (1 - eps)  # in (-1, 1)
        return self.loc - self.scale * sign(u) * log1p(-abs_(u))

    def log_prob(self, value: Tensor) -> Tensor:
        """-|value - loc| / scale - log(2 scale)."""
        return -abs_(value - self.loc) / self.scale - log(2 * self.scale)

    def entropy(self) -> Tensor:
        """1 + log(2 scale)."""
        return 1 + log(2 * self.scale)

    def cdf(self, value: Tensor) -> Tensor:
        z = (value - self.loc) / self.scale
        return 0.5 - 0.5 * sign(z) * expm1(-abs_(z))

    def icdf(self, value: Tensor) -> Tensor:
        centred = value - 0.5
        return self.loc - self.scale * sign(centred) * log1p(-2 * abs_(centred))
