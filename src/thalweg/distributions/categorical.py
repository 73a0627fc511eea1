"""The categorical distribution: one of several classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.modes import no_grad
from ..core.tensor import Size, Tensor
from ..errors import ShapeError
from ..ops.base import convert
from ..ops.creation import arange
from ..ops.drawing import multinomial
from ..ops.elementwise import exp, log
from ..ops.functions import logsumexp
from ..ops.shaping import expand, reshape
from .distribution import Distribution, require
from .parameters import inside, one_of

__all__ = ["Categorical"]


class Categorical(Distribution):
    """A class from 0 to K - 1, with probabilities proportional to ``probs`` (..., K), or to exp of ``logits``.

    ``probs`` and ``logits`` of the object are normalised.

    Raises:
        ArgumentError: both or none are given, or a probability is negative, or all are 0.
        ShapeError: the parameter has no axis of classes.

    >>> import thalweg as tw
    >>> c = tw.distributions.Categorical(tw.tensor([1.0, 1.0, 2.0]))
    >>> c.probs, c.log_prob(tw.tensor(2))
    (tensor([0.2500, 0.2500, 0.5000]), tensor(-0.6931))
    """

    has_enumerate_support = True

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None
    ) -> None:
        one_of("Categorical", probs, logits)
        parameter: Any = logits if probs is None else probs
        if parameter.ndim < 1:
            raise ShapeError("Categorical: probs and logits need an axis of classes, got a 0-d tensor")
        if probs is not None:
            total = probs.sum(-1, keepdim=True)
            if validate_args is not False:
                require((probs >= 0) & (total > 0), "Categorical: probs must not be negative, nor all be 0")
            self.probs = probs / total
            self.logits = log(inside(self.probs))
        else:
            self.logits = parameter - logsumexp(parameter, dim=-1, keepdim=True)
            self.probs = exp(self.logits)
        self._classes = int(parameter.shape[-1])
        super().__init__(parameter.shape[:-1], (), validate_args)

    @property
    def param_shape(self) -> Size:
        """The shape of ``probs`` and ``logits``."""
        return self.logits.shape

    @property
    def mean(self) -> Tensor:
        return self.logits.new_full(self.batch_shape, math.nan)

    variance = mean

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """The classes 0 … K - 1 along axis 0."""
        return self._enumerated(arange(self._classes), expand)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Classes, int64."""
        shape = self._extended(sample_shape)
        rows = self._batch_shape.numel()
        with no_grad():
            picks = multinomial(reshape(self.probs, (rows, self._classes)), math.prod(sample_shape), replacement=True)
            return reshape(picks.t(), shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of each class in ``value``."""
        shape = np.broadcast_shapes(value.shape, self._batch_shape)
        index = expand(convert(value, dtype=np.dtype(np.int64)), shape).unsqueeze(-1)
        return expand(self.logits, (*shape, self._classes)).gather(-1, index).squeeze(-1)

    def entropy(self) -> Tensor:
        """-sum p log p."""
        return -(self.probs * self.logits.clamp(min=float(np.finfo(self.logits._value.dtype).min))).sum(-1)
