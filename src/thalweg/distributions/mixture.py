"""Mixtures of distributions of one family."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.modes import no_grad
from ..core.tensor import Tensor
from ..errors import ShapeError
from ..ops.functions import logsumexp
from ..ops.shaping import expand, reshape
from .categorical import Categorical
from .distribution import Distribution

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """One of K distributions, chosen by a Categorical for each sample: the last batch axis of the components.

    Raises:
        ShapeError: the components have no batch axis, or not as many along it as there are classes.

    >>> import thalweg as tw
    >>> d = tw.distributions
    >>> two = d.MixtureSameFamily(d.Categorical(tw.ones(2)), d.Normal(tw.tensor([-1.0, 1.0]), 1.0))
    >>> two.mean, two.variance
    (tensor(0.), tensor(2.))
    """

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        batch, classes = component_distribution.batch_shape, mixture_distribution.param_shape[-1]
        if not batch or batch[-1] != classes:
            raise ShapeError(
                f"MixtureSameFamily: the last batch axis of the components must be the {classes} classes, got {batch}"
            )
        self.mixture_distribution = mixture_distribution
        self.component_distribution = component_distribution
        super().__init__(batch[:-1], component_distribution.event_shape, validate_args)

    @property
    def mean(self) -> Tensor:
        return (self._weights() * self.component_distribution.mean).sum(self._axis())

    @property
    def variance(self) -> Tensor:
        """The mean of the variances and the variance of the means."""
        parts, weights = self.component_distribution, self._weights()
        means = parts.mean
        centre = (weights * means).sum(self._axis(), keepdim=True)
        return (weights * (parts.variance + (means - centre).square())).sum(self._axis())

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            drawn = self.component_distribution.sample(sample_shape)
            axis = self._axis()
            picks = self.mixture_distribution.expand(self._batch_shape).sample(sample_shape)
            index = reshape(picks, (*picks.shape, 1, *(1,) * len(self._event_shape)))
            wide = expand(index, (*picks.shape, 1, *self._event_shape))
            return drawn.gather(drawn.ndim + axis, wide).squeeze(axis)

    def log_prob(self, value: Tensor) -> Tensor:
        """log sum_k weight_k p_k(value)."""
        parts = self.component_distribution.log_prob(value.unsqueeze(self._axis()))
        return logsumexp(parts + self.mixture_distribution.logits, dim=-1)

    def cdf(self, value: Tensor) -> Tensor:
        return (self.component_distribution.cdf(value.unsqueeze(-1)) * self.mixture_distribution.probs).sum(-1)

    def _axis(self) -> int:
        """Where the components lie in samples."""
        return -1 - len(self._event_shape)

    def _weights(self) -> Tensor:
        probs = self.mixture_distribution.probs
        return reshape(probs, (*probs.shape, *(1,) * len(self._event_shape)))
