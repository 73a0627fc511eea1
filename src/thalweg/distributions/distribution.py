"""What all distributions have in common."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.dtypes import default_float
from ..core.modes import no_grad
from ..core.tensor import Size, Tensor, wrap
from ..errors import ArgumentError
from ..ops.base import where
from ..ops.creation import full_like
from ..ops.ranges import check_all
from ..ops.shaping import broadcast_tensors, expand
from ..ops.shaping import reshape as reshaped

__all__ = ["Distribution", "as_tensors", "density_within", "require", "within"]


def as_tensors(*parameters: Any) -> list[Tensor]:
    """Parameters, numbers or tensors, as tensors of one shape."""
    dtype = next((p._value.dtype for p in parameters if isinstance(p, Tensor)), default_float())
    tensors = [p if isinstance(p, Tensor) else wrap(np.asarray(p, dtype)) for p in parameters]
    return list(broadcast_tensors(*tensors))


def require(condition: Tensor, message: str) -> None:
    """Refuse parameters of which one does not fulfil a condition, within a compiled function too."""
    check_all(condition._value, ArgumentError, message)


def within(condition: Tensor, value: Tensor, safe: float) -> Tensor:
    """``value`` where the condition holds and the number ``safe`` elsewhere, so that formulas stay finite there."""
    return where(condition, value, full_like(value, safe))


def density_within(condition: Tensor, log_density: Tensor) -> Tensor:
    """A logarithmic density that is minus infinity where the condition does not hold."""
    return where(condition, log_density, full_like(log_density, -math.inf))


class Distribution:
    """A distribution, or a batch of independent ones: parameters with ``batch_shape``, samples of ``event_shape``.

    ``validate_args`` says whether parameters are checked; they are unless it is False.
    """

    has_rsample = False
    has_enumerate_support = False

    def __init__(
        self, batch_shape: Sequence[int] = (), event_shape: Sequence[int] = (), validate_args: bool | None = None
    ) -> None:
        self._batch_shape = Size(batch_shape)
        self._event_shape = Size(event_shape)

    @property
    def batch_shape(self) -> Size:
        """The shape of the parameters: how many distributions this is."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one sample of one of them."""
        return self._event_shape

    @property
    def mean(self) -> Tensor:
        raise self._missing("mean")

    @property
    def mode(self) -> Tensor:
        raise self._missing("mode")

    @property
    def variance(self) -> Tensor:
        raise self._missing("variance")

    @property
    def stddev(self) -> Tensor:
        return self.variance.sqrt()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Samples of the shape ``sample_shape + batch_shape + event_shape``, through which no gradient flows."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Samples as a differentiable function of the parameters, where there is one (``has_rsample``)."""
        raise self._missing("rsample")

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or of the probability, of a value."""
        raise self._missing("log_prob")

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        raise self._missing("entropy")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of a sample up to ``value``."""
        raise self._missing("cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The inverse of ``cdf``: the point up to which a sample lies with the probability ``value``."""
        raise self._missing("icdf")

    def perplexity(self) -> Tensor:
        """exp of the entropy."""
        return self.entropy().exp()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values of a discrete distribution along axis 0, for each of the batch or (``expand=False``) once."""
        raise self._missing("enumerate_support")

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        """The same distribution with parameters broadcast to ``batch_shape``; ``_instance`` has no effect."""
        kept, result = len(self._batch_shape), copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(result, name, expand(value, (*batch_shape, *value.shape[kept:])))
            elif isinstance(value, Distribution):
                setattr(result, name, value.expand((*batch_shape, *value.batch_shape[kept:])))
        result._batch_shape = Size(batch_shape)
        return result

    def _enumerated(self, values: Tensor, expanded: bool) -> Tensor:
        """Values (n, *event) with an axis for each of the batch, broadcast along them if asked for."""
        event = values.shape[1:]
        spread = reshaped(values, (-1, *(1,) * len(self._batch_shape), *event))
        return expand(spread, (spread.shape[0], *self._batch_shape, *event)) if expanded else spread

    def _extended(self, sample_shape: Sequence[int]) -> tuple[int, ...]:
        return (*sample_shape, *self._batch_shape, *self._event_shape)

    def _missing(self, name: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__} has no {name}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(batch_shape={tuple(self.batch_shape)}, event_shape={tuple(self.event_shape)})"
