"""The gamma distribution, and those made of it: beta and Dirichlet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.tensor import Tensor
from ..errors import ShapeError
from ..ops.elementwise import log
from ..ops.functions import xlogy
from ..ops.gamma import lgamma
from ..ops.pointwise import digamma
from ..ops.shaping import broadcast_tensors, expand, stack
from .distribution import Distribution, as_tensors, density_within, require, within
from .incomplete_gamma import gammainc, standard_gamma

__all__ = ["Beta", "Dirichlet", "Gamma"]


class Gamma(Distribution):
    """The gamma distribution: density rate^a x^(a - 1) exp(-rate x) / gamma(a), where a is ``concentration``.

    Gradients flow through samples by implicit reparametrisation. Samples can't be drawn within a compiled function.

    Raises:
        ArgumentError: a parameter is not positive.

    >>> import thalweg as tw
    >>> tw.distributions.Gamma(2.0, 1.0).log_prob(tw.tensor([1.0, -1.0]))
    tensor([-1., -inf])
    """

    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = as_tensors(concentration, rate)
        if validate_args is not False:
            require((self.concentration > 0) & (self.rate > 0), "Gamma: concentration and rate must be positive")
        super().__init__(self.rate.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.square()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Samples for the rate 1, divided by the rate."""
        return standard_gamma(expand(self.concentration, self._extended(sample_shape))) / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        """a log rate + (a - 1) log value - rate value - log gamma(a), and minus infinity below 0."""
        possible = value >= 0
        x, a = within(possible, value, 1.0), self.concentration
        return density_within(possible, a * log(self.rate) + xlogy(a - 1, x) - self.rate * x - lgamma(a))

    def entropy(self) -> Tensor:
        """a - log rate + log gamma(a) + (1 - a) digamma(a)."""
        a = self.concentration
        return a - log(self.rate) + lgamma(a) + (1 - a) * digamma(a)

    def cdf(self, value: Tensor) -> Tensor:
        a, x = broadcast_tensors(self.concentration, self.rate * value)
        return gammainc(a, x)


class Dirichlet(Distribution):
    """The Dirichlet distribution over probabilities of K classes, with the parameters ``concentration`` (..., K).

    Raises:
        ArgumentError: a concentration is not positive.
        ShapeError: there is no axis of classes.

    >>> import thalweg as tw
    >>> tw.distributions.Dirichlet(tw.ones(3)).log_prob(tw.tensor([0.2, 0.3, 0.5]))  # uniform: density 2
    tensor(0.6931)
    """

    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.ndim < 1:
            raise ShapeError("Dirichlet: concentration needs an axis of classes, got a 0-d tensor")
        if validate_args is not False:
            require(concentration > 0, "Dirichlet: concentration must be positive everywhere")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, keepdim=True)
        return self.concentration * (total - self.concentration) / (total.square() * (total + 1))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Gamma samples divided by their sum."""
        parts = standard_gamma(expand(self.concentration, self._extended(sample_shape)))
        return parts / parts.sum(-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        """sum (a - 1) log value + log gamma(sum a) - sum log gamma(a)."""
        a = self.concentration
        return xlogy(a - 1, value).sum(-1) + lgamma(a.sum(-1)) - lgamma(a).sum(-1)

    def entropy(self) -> Tensor:
        """The logarithm of the multivariate beta function + (sum a - K) digamma(sum a) - sum (a - 1) digamma(a)."""
        a, total = self.concentration, self.concentration.sum(-1)
        size = lgamma(a).sum(-1) - lgamma(total)
        return size + (total - a.shape[-1]) * digamma(total) - ((a - 1) * digamma(a)).sum(-1)


class Beta(Distribution):
    """The beta distribution on [0, 1]: density proportional to x^(a - 1) (1 - x)^(b - 1).

    Args:
        concentration1: a.
        concentration0: b.
        validate_args: False leaves the parameters unchecked.

    Raises:
        ArgumentError: a parameter is not positive.

    >>> import thalweg as tw
    >>> tw.distributions.Beta(2.0, 1.0).log_prob(tw.tensor(0.25))
    tensor(-0.6931)
    """

    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        a, b = as_tensors(concentration1, concentration0)
        if validate_args is not False:
            require((a > 0) & (b > 0), "Beta: concentrations must be positive everywhere")
        self._dirichlet = Dirichlet(stack([a, b], -1), validate_args=False)
        super().__init__(a.shape, (), validate_args)

    @property
    def concentration1(self) -> Tensor:
        """The exponent of x, plus 1."""
        return self._dirichlet.concentration[..., 0]

    @property
    def concentration0(self) -> Tensor:
        """The exponent of 1 - x, plus 1."""
        return self._dirichlet.concentration[..., 1]

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def variance(self) -> Tensor:
        return self._dirichlet.variance[..., 0]

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """The first of two probabilities from the Dirichlet distribution."""
        return self._dirichlet.rsample(sample_shape)[..., 0]

    def log_prob(self, value: Tensor) -> Tensor:
        """(a - 1) log value + (b - 1) log(1 - value) - log beta(a, b), and minus infinity outside [0, 1]."""
        possible = (value >= 0) & (value <= 1)
        x = within(possible, value, 0.5)
        return density_within(possible, self._dirichlet.log_prob(stack([x, 1 - x], -1)))

    def entropy(self) -> Tensor:
        return self._dirichlet.entropy()
