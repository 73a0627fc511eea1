"""The normal distribution of several dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..core.tensor import Tensor
from ..errors import ArgumentError, ShapeError
from ..linalg import cholesky, inv, solve_triangular
from ..ops.drawing import randn
from ..ops.elementwise import log
from ..ops.shaping import expand
from .distribution import Distribution

__all__ = ["MultivariateNormal"]


class MultivariateNormal(Distribution):
    """The normal distribution with mean ``loc`` (..., k), and one of three matrices (..., k, k).

    Args:
        loc: the mean.
        covariance_matrix: the covariance.
        precision_matrix: or its inverse.
        scale_tril: or its lower triangular factor L, where L L^T is the covariance.

    Raises:
        ArgumentError: not just one of the matrices is given.
        ShapeError: ``loc`` has no axis.
        LinAlgError: a matrix is not positive definite.

    >>> import thalweg as tw
    >>> d = tw.distributions.MultivariateNormal(tw.zeros(2), covariance_matrix=4 * tw.eye(2))
    >>> d.log_prob(tw.zeros(2))
    tensor(-3.2242)
    """

    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.ndim < 1:
            raise ShapeError("MultivariateNormal: loc needs an axis of dimensions, got a 0-d tensor")
        given = [m for m in (covariance_matrix, precision_matrix, scale_tril) if m is not None]
        if len(given) != 1:
            raise ArgumentError(
                "MultivariateNormal: give just one of covariance_matrix, precision_matrix and scale_tril"
            )
        if precision_matrix is not None:
            given = [inv(precision_matrix)]
        factor = given[0] if scale_tril is not None else cholesky(given[0])
        k = loc.shape[-1]
        batch = np.broadcast_shapes(loc.shape[:-1], factor.shape[:-2])
        self.loc = expand(loc, (*batch, k))
        self.scale_tril = expand(factor, (*batch, k, k))
        super().__init__(batch, (k,), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def covariance_matrix(self) -> Tensor:
        return self.scale_tril @ self.scale_tril.mT

    @property
    def variance(self) -> Tensor:
        return self.scale_tril.square().sum(-1)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """loc + L times standard normal numbers."""
        noise = randn(*self._extended(sample_shape), dtype=self.loc.dtype)
        return self.loc + (self.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """-|L⁻¹ (value - loc)|² / 2 - log det L - k / 2 log 2 pi."""
        z = solve_triangular(self.scale_tril, (value - self.loc).unsqueeze(-1), upper=False).squeeze(-1)
        return -z.square().sum(-1) / 2 - self._half_log_det() - self.loc.shape[-1] / 2 * math.log(2 * math.pi)

    def entropy(self) -> Tensor:
        """k / 2 (1 + log 2 pi) + log det L."""
        return self.loc.shape[-1] / 2 * (1 + math.log(2 * math.pi)) + self._half_log_det()

    def _half_log_det(self) -> Tensor:
        return log(self.scale_tril.diagonal(dim1=-2, dim2=-1)).sum(-1)
