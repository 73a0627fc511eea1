"""The normal distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..core.tensor import Tensor
from ..ops.drawing import randn
from ..ops.elementwise import erf, log
from ..ops.normal_curve import erfinv
from .location_scale import LocationScale

__all__ = ["Normal"]


class Normal(LocationScale):
    """The normal distribution with mean ``loc`` and standard deviation ``scale``.

    Raises:
        ArgumentError: a scale is not positive.

    >>> import thalweg as tw
    >>> tw.distributions.Normal(0.0, 2.0).log_prob(tw.tensor(0.0))
    tensor(-1.6121)
    """

    @property
    def stddev(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        return self.scale * self.scale

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """loc + scale times standard normal numbers."""
        return self.loc + self.scale * randn(*self._extended(sample_shape), dtype=self.loc.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """-((value - loc) / scale)² / 2 - log scale - log sqrt(2 pi)."""
        z = (value - self.loc) / self.scale
        return -(z * z) / 2 - log(self.scale) - math.log(math.sqrt(2 * math.pi))

    def entropy(self) -> Tensor:
        """1/2 + log sqrt(2 pi) + log scale."""
        return 0.5 + 0.5 * math.log(2 * math.pi) + log(self.scale)

    def cdf(self, value: Tensor) -> Tensor:
        return 0.5 * (1 + erf((value - self.loc) / (self.scale * math.sqrt(2))))

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc + self.scale * erfinv(2 * value - 1) * math.sqrt(2)
