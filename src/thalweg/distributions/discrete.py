"""The Bernoulli distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..core.modes import no_grad
from ..core.tensor import Tensor
from ..nn.functional import binary_cross_entropy_with_logits
from ..ops.base import where
from ..ops.creation import arange, full_like
from ..ops.drawing import bernoulli
from ..ops.elementwise import sigmoid
from ..ops.shaping import broadcast_tensors, expand
from .distribution import Distribution, as_tensors, require
from .parameters import log_odds, one_of

__all__ = ["Bernoulli"]


class Bernoulli(Distribution):
    """1 with the probability ``probs``, else 0; or with ``logits`` = log(p / (1 - p)).

    Raises:
        ArgumentError: both or none are given, or a probability is outside [0, 1].

    >>> import thalweg as tw
    >>> tw.distributions.Bernoulli(tw.tensor([0.5, 0.1])).log_prob(tw.tensor([1.0, 1.0]))
    tensor([-0.6931, -2.3026])
    """

    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        one_of("Bernoulli", probs, logits)
        if probs is not None:
            (self.probs,) = as_tensors(probs)
            if validate_args is not False:
                require((self.probs >= 0) & (self.probs <= 1), "Bernoulli: probs must be from 0 to 1")
            self.logits = log_odds(self.probs)
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

    @property
    def mode(self) -> Tensor:
        undecided = full_like(self.probs, math.nan)
        return where(self.probs == 0.5, undecided, (self.probs > 0.5).to(self.probs.dtype))

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """0 and 1 along axis 0."""
        return self._enumerated(arange(2, dtype=self.probs.dtype), expand)

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
