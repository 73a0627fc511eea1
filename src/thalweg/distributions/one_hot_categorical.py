"""Classes as vectors with a single 1, and their differentiable relaxations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..core.tensor import Size, Tensor
from ..nn.functional import gumbel_softmax, one_hot, softplus
from ..ops.creation import eye
from ..ops.drawing import rand
from ..ops.elementwise import log, sigmoid
from ..ops.functions import logsumexp
from ..ops.shaping import expand
from .categorical import Categorical
from .discrete import Bernoulli
from .distribution import Distribution, as_tensors
from .parameters import inside

__all__ = ["OneHotCategorical", "OneHotCategoricalStraightThrough", "RelaxedBernoulli", "RelaxedOneHotCategorical"]


class OneHotCategorical(Distribution):
    """As ``Categorical``, with samples (..., K) that are 1 at the class and 0 elsewhere.

    Raises:
        ArgumentError: both or none are given, or a probability is negative, or all are 0.
        ShapeError: the parameter has no axis of classes.

    >>> import thalweg as tw
    >>> tw.distributions.OneHotCategorical(tw.tensor([1.0, 3.0])).log_prob(tw.tensor([1.0, 0.0]))
    tensor(-1.3863)
    """

    has_enumerate_support = True

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None
    ) -> None:
        self._categorical = Categorical(probs, logits, validate_args)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args)

    @property
    def probs(self) -> Tensor:
        """The probabilities of the classes."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """Their logarithms."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Size:
        """The shape of ``probs`` and ``logits``."""
        return self._categorical.param_shape

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return one_hot(self._categorical.mode, self._event_shape[0]).to(self.probs.dtype)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Vectors in the dtype of the parameters."""
        return one_hot(self._categorical.sample(sample_shape), self._event_shape[0]).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of the class at which ``value`` is largest."""
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """The unit vectors along axis 0."""
        return self._enumerated(eye(self._event_shape[0], dtype=self.probs.dtype), expand)


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """``OneHotCategorical`` with the biased gradient of the probabilities passed straight through samples.

    Reference: Bengio, Léonard and Courville (2013), Estimating or propagating gradients through stochastic neurons.
    """

    has_rsample = True

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """A sample plus the probabilities, less their value."""
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class RelaxedOneHotCategorical(Distribution):
    """The Gumbel-softmax, or concrete, distribution: softmax((logits + Gumbel noise) / temperature), (..., K).

    Reference: Maddison, Mnih and Teh (2017), The concrete distribution.

    Raises:
        ArgumentError: both or none of probs and logits are given, or a probability is negative, or all are 0.

    >>> import thalweg as tw
    >>> relaxed = tw.distributions.RelaxedOneHotCategorical(1.0, tw.ones(3))
    >>> relaxed.log_prob(tw.ones(3) / 3)
    tensor(0.6931)
    """

    has_rsample = True

    def __init__(
        self,
        temperature: Any,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self._categorical = Categorical(probs, logits, validate_args)
        self._temperature = (temperature,)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args)

    @property
    def temperature(self) -> Any:
        """How soft the samples are: near 0 they are almost one-hot."""
        return self._temperature[0]

    @property
    def probs(self) -> Tensor:
        """The probabilities of the classes."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """Their logarithms."""
        return self._categorical.logits

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return gumbel_softmax(expand(self.logits, self._extended(sample_shape)), self.temperature)

    def log_prob(self, value: Tensor) -> Tensor:
        """log (K - 1)! + (K - 1) log t + sum(s_k) - K logsumexp(s) - sum log value, where s = logits - t log value."""
        classes, log_value = self._event_shape[0], log(value)
        score = self.logits - self.temperature * log_value
        (t,) = as_tensors(self.temperature)
        scale = math.lgamma(classes) + (classes - 1) * log(t)
        return (score - log_value).sum(-1) - classes * logsumexp(score, dim=-1) + scale


class RelaxedBernoulli(Distribution):
    """sigmoid((logits + logistic noise) / temperature): a Bernoulli variable that is differentiable.

    Reference: Maddison, Mnih and Teh (2017), The concrete distribution.

    Raises:
        ArgumentError: both or none of probs and logits are given, or a probability is outside [0, 1].

    >>> import thalweg as tw
    >>> tw.distributions.RelaxedBernoulli(2.0, probs=0.5).log_prob(tw.tensor(0.5))
    tensor(0.6931)
    """

    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._bernoulli = Bernoulli(probs, logits, validate_args)
        self._temperature = (temperature,)
        super().__init__(self._bernoulli.batch_shape, (), validate_args)

    @property
    def temperature(self) -> Any:
        """How soft the samples are: near 0 they are almost 0 or 1."""
        return self._temperature[0]

    @property
    def probs(self) -> Tensor:
        """The probabilities of 1."""
        return self._bernoulli.probs

    @property
    def logits(self) -> Tensor:
        """Their log odds."""
        return self._bernoulli.logits

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        u = inside(rand(*self._extended(sample_shape), dtype=self.logits.dtype))
        return inside(sigmoid((self.logits + log(u) - log(1 - u)) / self.temperature))

    def log_prob(self, value: Tensor) -> Tensor:
        """log t + d - 2 softplus(d) - log value - log(1 - value), where d = logits - t (log odds of value)."""
        (t,) = as_tensors(self.temperature)
        difference = self.logits - t * (log(value) - log(1 - value))
        return log(t) + difference - 2 * softplus(difference) - log(value) - log(1 - value)
