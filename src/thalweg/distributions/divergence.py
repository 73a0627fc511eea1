"""How far one distribution is from another."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from ..linalg import solve_triangular
from ..nn.functional import softplus
from ..ops.elementwise import log
from .categorical import Categorical
from .discrete import Bernoulli
from .distribution import Distribution
from .independent import Independent
from .multivariate_normal import MultivariateNormal
from .normal import Normal

__all__ = ["kl_divergence"]


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The Kullback-Leibler divergence of ``q`` from ``p``: the mean of log p - log q under p.

    For two distributions of one class: Normal, Bernoulli, Categorical, MultivariateNormal, Independent.

    Raises:
        NotImplementedError: there is no formula for these two.

    >>> import thalweg as tw
    >>> d = tw.distributions
    >>> d.kl_divergence(d.Normal(1.0, 1.0), d.Normal(0.0, 1.0))
    tensor(0.5000)
    """
    for kind, formula in _FORMULAS:
        if isinstance(p, kind) and isinstance(q, kind):
            return formula(p, q)
    raise NotImplementedError(f"kl_divergence: no formula for {type(p).__name__} and {type(q).__name__}")


def _normal(p: Any, q: Any) -> Tensor:
    ratio = (p.scale / q.scale).square()
    return (ratio + ((p.loc - q.loc) / q.scale).square() - 1 - log(ratio)) / 2


def _bernoulli(p: Any, q: Any) -> Tensor:
    zeros = softplus(q.logits) - softplus(p.logits)  # log (1 - p) - log (1 - q)
    return zeros + p.probs * (p.logits - q.logits)


def _categorical(p: Any, q: Any) -> Tensor:
    return (p.probs * (p.logits - q.logits)).sum(-1)


def _multivariate_normal(p: Any, q: Any) -> Tensor:
    half_log_det = q._half_log_det() - p._half_log_det()
    spread = solve_triangular(q.scale_tril, p.scale_tril, upper=False).square().sum((-2, -1))
    shift = solve_triangular(q.scale_tril, (q.loc - p.loc).unsqueeze(-1), upper=False).square().sum((-2, -1))
    return half_log_det + (spread + shift - p.loc.shape[-1]) / 2


def _independent(p: Any, q: Any) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("kl_divergence: the two Independent distributions differ in their number of axes")
    return p.summed(kl_divergence(p.base_dist, q.base_dist))


_FORMULAS: list[tuple[Any, Any]] = [
    (Normal, _normal),
    (Bernoulli, _bernoulli),
    (Categorical, _categorical),
    (MultivariateNormal, _multivariate_normal),
    (Independent, _independent),
]
