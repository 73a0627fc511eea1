"""The Bernoulli distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.modes import no_grad
from ..core.tensor import Tensor
from ..nn.functional import binary_cross_entropy_with_logits
from ..ops.drawing import bernoulli
from ..ops.elementwise import log, sigmoid
from ..ops.shaping import broadcast_tensors, expand
from .distribution import Distribution, as_tensors, require
from .parameters import inside, one_of

__all__ = ["Bernoulli"]


class Bernoulli(Distribution):
    """1 with the probability ``probs``, else 0; or with ``logits`` = log(p / (1 - p)).

    Raises:
        ArgumentError: both or none are given, or a probability is outside [0, 1].

    >>> import thalweg as tw
    >>> tw.distributions.Bernoulli(tw.tensor([0.5, 0.1])).log_prob(tw.tensor([1.0, 1.0]))
    tensor([-0.6931, -2.3026])
    """

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        one_of("Bernoulli", probs, logits)
        if probs is not None:
            (self.probs,) = as_tensors(probs)
            if validate_args is not False:
                require((self.probs >= 0) & (self.probs <= 1), "Bernoulli: probs must be from 0 to 1")
            p = inside(self.probs)
            self.logits = log(p) - log(1 - p)
        else:
            (self.logits,) = as_tensors(logits)
            self.probs = sigmoid(self.logits)
        super().__init__(self.logits.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Zeros and ones in the dtype of the parameters."""
        with no_grad():
            return bernoulli(expand(self.probs, self._extended(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """value log p + (1 - value) log(1 - p)."""
        logits, value = broadcast_tensors(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        """-p log p - (1 - p) log(1 - p)."""
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
