"""How far one distribution is from another."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from ..linalg import solve_triangular
from ..nn.functional import softplus
from ..ops.base import where
from ..ops.creation import full_like
from ..ops.elementwise import abs_, exp, log
from ..ops.functions import xlogy
from ..ops.gamma import lgamma
from ..ops.pointwise import digamma
from .categorical import Categorical
from .counts import Binomial, Geometric, Poisson
from .discrete import Bernoulli
from .distribution import Distribution, require
from .exponential import Exponential
from .gamma import Beta, Dirichlet, Gamma
from .independent import Independent
from .laplace import Laplace
from .multivariate_normal import MultivariateNormal
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .transformed_distribution import LogNormal
from .uniform import Uniform

__all__ = ["kl_divergence", "register_kl"]


Formula = Callable[[Any, Any], Tensor]

_formulas: dict[tuple[type[Distribution], type[Distribution]], Formula] = {}


def register_kl(type_p: type[Distribution], type_q: type[Distribution]) -> Callable[[Formula], Formula]:
    """A decorator that makes a function of (p, q) the divergence for these two classes and those derived from them.

    >>> import thalweg as tw
    >>> d = tw.distributions
    >>> class Standard(d.Normal):
    ...     def __init__(self):
    ...         super().__init__(0.0, 1.0)
    >>> @d.register_kl(Standard, Standard)
    ... def same(p, q):
    ...     return tw.zeros(())
    >>> d.kl_divergence(Standard(), Standard())
    tensor(0.)
    """
    return functools.partial(_register, (type_p, type_q))


def _register(pair: tuple[type[Distribution], type[Distribution]], formula: Formula) -> Formula:
    _formulas[pair] = formula
    return formula


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The Kullback-Leibler divergence of ``q`` from ``p``: the mean of log p - log q under p, in nats.

    Of the formulas that fit, the one for the nearest classes is used; ``register_kl`` adds more.

    Raises:
        NotImplementedError: there is no formula for these two.

    >>> import thalweg as tw
    >>> d = tw.distributions
    >>> d.kl_divergence(d.Normal(1.0, 1.0), d.Normal(0.0, 1.0))
    tensor(0.5000)
    """
    for pair in itertools.product(type(p).__mro__, type(q).__mro__):
        if pair in _formulas:
            return _formulas[pair](p, q)
    raise NotImplementedError(f"kl_divergence: no formula for {type(p).__name__} and {type(q).__name__}")


@register_kl(Normal, Normal)
def _normal(p: Any, q: Any) -> Tensor:
    ratio = (p.scale / q.scale).square()
    return (ratio + ((p.loc - q.loc) / q.scale).square() - 1 - log(ratio)) / 2


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Any, q: Any) -> Tensor:
    zeros = softplus(q.logits) - softplus(p.logits)  # log (1 - p) - log (1 - q)
    return zeros + p.probs * (p.logits - q.logits)


@register_kl(Categorical, Categorical)
def _categorical(p: Any, q: Any) -> Tensor:
    return (p.probs * (p.logits - q.logits)).sum(-1)


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p: Any, q: Any) -> Tensor:
    half_log_det = q._half_log_det() - p._half_log_det()
    spread = solve_triangular(q.scale_tril, p.scale_tril, upper=False).square().sum((-2, -1))
    shift = solve_triangular(q.scale_tril, (q.loc - p.loc).unsqueeze(-1), upper=False).square().sum((-2, -1))
    return half_log_det + (spread + shift - p.loc.shape[-1]) / 2


@register_kl(Independent, Independent)
def _independent(p: Any, q: Any) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("kl_divergence: the two Independent distributions differ in their number of axes")
    return p.summed(kl_divergence(p.base_dist, q.base_dist))


@register_kl(Laplace, Laplace)
def _laplace(p: Any, q: Any) -> Tensor:
    ratio, distance = p.scale / q.scale, abs_(p.loc - q.loc)
    return -log(ratio) + distance / q.scale + ratio * exp(-distance / p.scale) - 1


@register_kl(Exponential, Exponential)
def _exponential(p: Any, q: Any) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - log(ratio) - 1


@register_kl(Uniform, Uniform)
def _uniform(p: Any, q: Any) -> Tensor:
    value = log((q.high - q.low) / (p.high - p.low))
    return where((q.low <= p.low) & (p.high <= q.high), value, full_like(value, math.inf))


@register_kl(Poisson, Poisson)
def _poisson(p: Any, q: Any) -> Tensor:
    return xlogy(p.rate, p.rate) - xlogy(p.rate, q.rate) - (p.rate - q.rate)


@register_kl(Binomial, Binomial)
def _binomial(p: Any, q: Any) -> Tensor:
    """Infinite where p can count further than q, and not known where q can count further than p."""
    require(p.total_count >= q.total_count, "kl_divergence: the Binomial q must not have more trials than p")
    value = p.total_count * _bernoulli(p, q)
    return where(p.total_count > q.total_count, full_like(value, math.inf), value)


@register_kl(Geometric, Geometric)
def _geometric(p: Any, q: Any) -> Tensor:
    return _bernoulli(p, q) / p.probs


@register_kl(Gamma, Gamma)
def _gamma(p: Any, q: Any) -> Tensor:
    a, b = p.concentration, q.concentration
    return b * log(p.rate / q.rate) + lgamma(b) - lgamma(a) + (a - b) * digamma(a) + a * (q.rate / p.rate - 1)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Any, q: Any) -> Tensor:
    a, b = p.concentration, q.concentration
    sizes = lgamma(a.sum(-1)) - lgamma(b.sum(-1)) + (lgamma(b) - lgamma(a)).sum(-1)
    return sizes + ((a - b) * (digamma(a) - digamma(a.sum(-1, keepdim=True)))).sum(-1)


@register_kl(Beta, Beta)
def _beta(p: Any, q: Any) -> Tensor:
    return _dirichlet(p._dirichlet, q._dirichlet)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot_categorical(p: Any, q: Any) -> Tensor:
    return _categorical(p, q)


@register_kl(LogNormal, LogNormal)
def _log_normal(p: Any, q: Any) -> Tensor:
    return _normal(p.base_dist, q.base_dist)
