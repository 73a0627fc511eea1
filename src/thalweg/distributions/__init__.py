"""Probability distributions, to sample from and to differentiate: PyTorch's names, the common ones of them."""

from __future__ import annotations

from .categorical import Categorical
from .counts import Binomial, Geometric, Poisson
from .discrete import Bernoulli
from .distribution import Distribution
from .divergence import kl_divergence, register_kl
from .exponential import Exponential
from .gamma import Beta, Dirichlet, Gamma
from .independent import Independent
from .laplace import Laplace
from .multivariate_normal import MultivariateNormal
from .normal import Normal
from .uniform import Uniform

__all__ = [
    "Bernoulli",
    "Beta",
    "Binomial",
    "Categorical",
    "Dirichlet",
    "Distribution",
    "Exponential",
    "Gamma",
    "Geometric",
    "Independent",
    "Laplace",
    "MultivariateNormal",
    "Normal",
    "Poisson",
    "Uniform",
    "kl_divergence",
    "register_kl",
]
