"""Probability distributions, to sample from and to differentiate: PyTorch's names, the common ones of them."""

from __future__ import annotations

from .categorical import Categorical
from .discrete import Bernoulli
from .distribution import Distribution
from .divergence import kl_divergence
from .independent import Independent
from .multivariate_normal import MultivariateNormal
from .normal import Normal
from .uniform import Uniform

__all__ = [
    "Bernoulli",
    "Categorical",
    "Distribution",
    "Independent",
    "MultivariateNormal",
    "Normal",
    "Uniform",
    "kl_divergence",
]
