"""Random fills and draws: the same distributions as PyTorch's, by the distance of the empirical distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

N = 40_000
DISTANCE = 0.02  # of two samples of this size from one distribution, exceeded once in 10^13 times


def new(m: Any) -> Any:
    return m.zeros(N, dtype=m.float64)


DRAWS: dict[str, Callable[[Any], Any]] = {
    "uniform_": lambda m: new(m).uniform_(-1, 3), "normal_": lambda m: new(m).normal_(2.0, 0.5),
    "cauchy_": lambda m: new(m).cauchy_(1.0, 2.0), "exponential_": lambda m: new(m).exponential_(3.0),
    "geometric_": lambda m: new(m).geometric_(0.3), "log_normal_": lambda m: new(m).log_normal_(0.5, 0.7),
    "random_": lambda m: new(m).random_(10), "random_ from": lambda m: new(m).random_(-3, 4),
    "random_ of all bytes": lambda m: new(m).to(m.uint8).random_(), "bernoulli_": lambda m: new(m).bernoulli_(0.3),
    "bernoulli_ by tensor": lambda m: new(m).bernoulli_(m.linspace(0, 1, N)), "rand": lambda m: m.rand(N),
    "bernoulli": lambda m: m.bernoulli(m.full((N,), 0.7)), "randn": lambda m: m.randn(N, dtype=m.float64),
    "rand_like": lambda m: m.rand_like(new(m)), "randn_like": lambda m: m.randn_like(new(m)),
    "randint": lambda m: m.randint(-4, 9, (N,)), "randint_like": lambda m: m.randint_like(new(m), 5),
    "randperm": lambda m: m.randperm(N), "normal": lambda m: m.normal(m.linspace(-3, 3, N), 0.5),
    "poisson": lambda m: m.poisson(m.full((N,), 3.5)),
    "binomial": lambda m: m.binomial(m.full((N,), 9.0), m.full((N,), 0.4)),
    "multinomial": lambda m: m.multinomial(m.tensor([0.1, 0.5, 0.2, 0.2]), N, replacement=True),
    "multinomial without replacement": lambda m: m.multinomial(m.tensor([0.1, 0.5, 0.2]).expand(N, 3), 2).flatten(),
    "dropout": lambda m: m.nn.functional.dropout(new(m) + 1, 0.3),
    "alpha_dropout": lambda m: m.nn.functional.alpha_dropout(new(m) + 1, 0.3),
    "feature_alpha_dropout": lambda m: m.nn.functional.feature_alpha_dropout(new(m).reshape(-1, 4) + 1, 0.3).flatten(),
    "rrelu": lambda m: m.nn.functional.rrelu(new(m) - 1, 0.1, 0.6, training=True),
    "gumbel_softmax": lambda m: m.nn.functional.gumbel_softmax(new(m).reshape(-1, 2), 0.7)[:, 0],
    "orthogonal_": lambda m: m.cat([m.nn.init.orthogonal_(m.empty(4, 6)).flatten() for _ in range(800)]),
    "trunc_normal_": lambda m: m.nn.init.trunc_normal_(new(m), 1.0, 2.0, 0.0, 2.0),
}  # fmt: skip


def distance(a: Any, b: Any) -> float:
    """Kolmogorov and Smirnov's: the largest difference of the two empirical distribution functions."""
    points = np.unique(np.concatenate([a, b]))
    ranks = [np.searchsorted(np.sort(x), points, side="right") / len(x) for x in (a, b)]
    return float(abs(ranks[0] - ranks[1]).max())


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_distribution(name: str) -> None:
    tw.manual_seed(1)
    torch.manual_seed(1)
    ours, theirs = DRAWS[name](tw), DRAWS[name](torch)
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1]
    assert distance(ours.numpy(), theirs.numpy()) < (0.04 if "orthogonal" in name else DISTANCE)


def test_the_distance_tells_distributions_apart() -> None:
    rng = np.random.default_rng(0)
    assert distance(rng.normal(size=N), rng.normal(scale=1.1, size=N)) > DISTANCE


REFUSED = [
    lambda m: m.zeros(2).exponential_(-1.0), lambda m: m.zeros(2).cauchy_(0.0, -1.0),
    lambda m: m.zeros(2).geometric_(0.0), lambda m: m.zeros(2).log_normal_(0.0, -1.0),
    lambda m: m.zeros(2).uniform_(2, 1), lambda m: m.zeros(2).bernoulli_(1.5), lambda m: m.zeros(2).random_(3, 3),
    lambda m: m.zeros(2).normal_(0.0, -1.0), lambda m: m.bernoulli(m.tensor([2.0])), lambda m: m.randint(3, 3, (2,)),
    lambda m: m.multinomial(m.tensor([1.0, 0.0]), 3), lambda m: m.multinomial(m.tensor([-1.0, 2.0]), 1),
    lambda m: m.zeros(2, dtype=m.int64).normal_(), lambda m: m.zeros(2, dtype=m.int64).exponential_(),
    lambda m: m.poisson(m.tensor([-1.0])), lambda m: m.nn.functional.dropout(m.zeros(2), 1.5),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_refused_as_by_pytorch(number: int) -> None:
    with pytest.raises((RuntimeError, ValueError)) as theirs:
        REFUSED[number](torch)
    with pytest.raises(ValueError if theirs.type is ValueError else RuntimeError):
        REFUSED[number](tw)
