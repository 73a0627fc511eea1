"""What all distributions have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.dtypes import default_float
from ..core.modes import no_grad
from ..core.tensor import Size, Tensor, wrap
from ..errors import ArgumentError
from ..ops.ranges import check_all
from ..ops.shaping import broadcast_tensors

__all__ = ["Distribution", "as_tensors", "require"]


def as_tensors(*parameters: Any) -> list[Tensor]:
    """Parameters, numbers or tensors, as tensors of one shape."""
    dtype = next((p._value.dtype for p in parameters if isinstance(p, Tensor)), default_float())
    tensors = [p if isinstance(p, Tensor) else wrap(np.asarray(p, dtype)) for p in parameters]
    return list(broadcast_tensors(*tensors))


def require(condition: Tensor, message: str) -> None:
    """Refuse parameters of which one does not fulfil a condition, within a compiled function too."""
    check_all(condition._value, ArgumentError, message)


class Distribution:
    """A distribution, or a batch of independent ones: parameters with ``batch_shape``, samples of ``event_shape``.

    ``validate_args`` says whether parameters are checked; they are unless it is False.
    """

    has_rsample = False

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

    def _extended(self, sample_shape: Sequence[int]) -> tuple[int, ...]:
        return (*sample_shape, *self._batch_shape, *self._event_shape)

    def _missing(self, name: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__} has no {name}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(batch_shape={tuple(self.batch_shape)}, event_shape={tuple(self.event_shape)})"
