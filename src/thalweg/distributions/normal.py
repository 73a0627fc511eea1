"""The normal distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..core.tensor import Tensor
from ..ops.drawing import randn
from ..ops.elementwise import erf, log
from ..ops.normal_curve import erfinv
from .distribution import Distribution, as_tensors, require

__all__ = ["Normal"]


class Normal(Distribution):
    """The normal distribution with mean ``loc`` and standard deviation ``scale``.

    Raises:
        ArgumentError: a scale is not positive.

    >>> import thalweg as tw
    >>> tw.distributions.Normal(0.0, 2.0).log_prob(tw.tensor(0.0))
    tensor(-1.6121)
    """

    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = as_tensors(loc, scale)
        if validate_args is not False:
            require(self.scale > 0, "Normal: scale must be positive everywhere")
        super().__init__(self.loc.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

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
