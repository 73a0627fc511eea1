"""A batch of distributions taken as one of several dimensions."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.tensor import Tensor
from ..errors import ArgumentError
from .distribution import Distribution

__all__ = ["Independent"]


class Independent(Distribution):
    """A distribution whose last batch axes count as axes of the event: their log-probabilities are added.

    Raises:
        ArgumentError: there are fewer batch axes than ``reinterpreted_batch_ndims``.

    >>> import thalweg as tw
    >>> d = tw.distributions
    >>> d.Independent(d.Normal(tw.zeros(3), tw.ones(3)), 1).log_prob(tw.zeros(3))
    tensor(-2.7568)
    """

    def __init__(
        self, base_distribution: Distribution, reinterpreted_batch_ndims: int, validate_args: bool | None = None
    ) -> None:
        shape = (*base_distribution.batch_shape, *base_distribution.event_shape)
        kept = len(base_distribution.batch_shape) - reinterpreted_batch_ndims
        if kept < 0:
            raise ArgumentError(
                f"Independent: reinterpreted_batch_ndims is {reinterpreted_batch_ndims}, but there are only "
                f"{len(base_distribution.batch_shape)} batch axes"
            )
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        self.has_rsample = base_distribution.has_rsample
        super().__init__(shape[:kept], shape[kept:], validate_args)

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return self.summed(self.base_dist.log_prob(value))

    def entropy(self) -> Tensor:
        return self.summed(self.base_dist.entropy())

    def summed(self, x: Tensor) -> Tensor:
        """``x`` added up over the axes that are the event's now."""
        n = self.reinterpreted_batch_ndims
        return x.sum(tuple(range(-n, 0))) if n else x
