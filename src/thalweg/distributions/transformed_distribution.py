"""Distributions of functions of a random variable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.modes import no_grad
from ..core.tensor import Tensor
from ..errors import ShapeError
from ..ops.elementwise import exp, expm1
from .distribution import Distribution
from .normal import Normal
from .transforms import ComposeTransform, ExpTransform, Transform, summed

__all__ = ["LogNormal", "TransformedDistribution"]


class TransformedDistribution(Distribution):
    """The distribution of t(x), where x is drawn from ``base_distribution`` and t is one transform or several in turn.

    log p(y) = log p(x) - log|dy/dx|, where x is the inverse of y.

    Raises:
        ShapeError: a transform needs more axes than a sample of the batch has.

    >>> import thalweg as tw
    >>> d = tw.distributions
    >>> squashed = d.TransformedDistribution(d.Normal(0.0, 1.0), [d.TanhTransform()])
    >>> squashed.log_prob(tw.tensor(0.5))
    tensor(-0.7821)
    """

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ) -> None:
        self.transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        self.base_dist = base_distribution
        self.has_rsample = base_distribution.has_rsample
        shape = (*base_distribution.batch_shape, *base_distribution.event_shape)
        event = max([len(base_distribution.event_shape), *(t.event_dim for t in self.transforms)])
        if event > len(shape):
            raise ShapeError(
                f"TransformedDistribution: a transform works on {event} axes, but samples have {len(shape)}"
            )
        self._event_axes = event
        kept = len(shape) - event
        super().__init__(shape[:kept], shape[kept:], validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        gone = self._event_axes - len(self.base_dist.event_shape)
        base = self.base_dist.expand((*batch_shape, *self._event_shape[:gone]))
        return TransformedDistribution(base, self.transforms)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self._forward(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        total: Any = 0
        for t in reversed(self.transforms):
            x = t._inverse(value)
            total = total - summed(t.log_abs_det_jacobian(x, value), self._event_axes - t.event_dim)
            value = x
        return total + summed(self.base_dist.log_prob(value), self._event_axes - len(self.base_dist.event_shape))

    def cdf(self, value: Tensor) -> Tensor:
        whole = ComposeTransform(self.transforms)
        probability = self.base_dist.cdf(whole._inverse(value))
        return self._turned(whole, probability)

    def icdf(self, value: Tensor) -> Tensor:
        whole = ComposeTransform(self.transforms)
        return whole(self.base_dist.icdf(self._turned(whole, value)))

    @staticmethod
    def _turned(whole: ComposeTransform, probability: Tensor) -> Tensor:
        """1 - p where the function falls."""
        return whole.sign * (probability - 0.5) + 0.5

    def _forward(self, x: Tensor) -> Tensor:
        for t in self.transforms:
            x = t(x)
        return x


class LogNormal(TransformedDistribution):
    """The distribution of exp(x), where x is normal with mean ``loc`` and standard deviation ``scale``.

    Raises:
        ArgumentError: a scale is not positive.

    >>> import thalweg as tw
    >>> tw.distributions.LogNormal(0.0, 1.0).log_prob(tw.tensor(1.0))
    tensor(-0.9189)
    """

    base_dist: Normal

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Normal(loc, scale, validate_args), ExpTransform(), validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        base = self.base_dist.expand(batch_shape)
        return LogNormal(base.loc, base.scale, validate_args=False)

    @property
    def loc(self) -> Tensor:
        """The mean of the logarithm."""
        return self.base_dist.loc

    @property
    def scale(self) -> Tensor:
        """The standard deviation of the logarithm."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        return exp(self.loc + self.scale.square() / 2)

    @property
    def mode(self) -> Tensor:
        return exp(self.loc - self.scale.square())

    @property
    def variance(self) -> Tensor:
        variance = self.scale.square()
        return expm1(variance) * exp(2 * self.loc + variance)

    def entropy(self) -> Tensor:
        """The entropy of the normal distribution, plus loc."""
        return self.base_dist.entropy() + self.loc
