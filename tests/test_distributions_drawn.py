"""Random fills: of 40,000 numbers the mean, the variance and the quartiles are those of the distribution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import ArgumentError, ShapeError

N = 40_000


def draw(name: str, *args: Any, dtype: Any = tw.float64, **kwargs: Any) -> Any:
    tw.manual_seed(1)
    return getattr(tw.zeros(N, dtype=dtype), name)(*args, **kwargs).numpy()


def close(x: Any, mean: float, variance: float) -> None:
    """Within five standard errors."""
    assert abs(x.mean() - mean) < 5 * math.sqrt(variance / N)
    assert abs(x.var() - variance) < 5 * x.var() * math.sqrt(8 / N)


@pytest.mark.parametrize("dtype", [tw.float32, tw.float64])
@pytest.mark.parametrize("rate", [0.5, 1.0, 4.0])
def test_exponential(dtype: Any, rate: float) -> None:
    x = draw("exponential_", rate, dtype=dtype)
    close(x, 1 / rate, 1 / rate**2)
    assert x.min() >= 0
    assert np.isfinite(x).all()
    assert abs(np.median(x) - math.log(2) / rate) < 0.03 / rate


def test_log_normal() -> None:
    x = np.log(draw("log_normal_", 0.5, 0.25))
    close(x, 0.5, 0.0625)


def test_cauchy() -> None:
    x = draw("cauchy_", 2.0, 3.0)
    assert np.allclose(np.quantile(x, [0.25, 0.5, 0.75]), [-1, 2, 5], atol=0.15)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_geometric(p: float) -> None:
    x = draw("geometric_", p)
    close(x, 1 / p, (1 - p) / p**2)
    assert x.min() == 1
    assert abs((x == 1).mean() - p) < 0.02


@pytest.mark.parametrize("dtype", [tw.int64, tw.int16, tw.float32])
def test_random_integers(dtype: Any) -> None:
    x = draw("random_", -3, 4, dtype=dtype)
    assert set(np.unique(x)) == set(range(-3, 4))
    assert np.ptp(np.unique(x, return_counts=True)[1]) < 600
    assert set(np.unique(draw("random_", 3, dtype=dtype))) == {0, 1, 2}
    assert tw.zeros(5).random_(**{"from": 7, "to": 8}).tolist() == [7] * 5


@pytest.mark.parametrize(("dtype", "end"), [(tw.bool, 2), (tw.uint8, 255), (tw.float16, 2049), (tw.int32, 2**31 - 1)])
def test_random_integers_fill_the_dtype(dtype: Any, end: int) -> None:
    x = draw("random_", dtype=dtype).astype(np.float64)
    assert x.min() >= 0
    assert end * 0.98 - 1 < x.max() + 1 <= end + 1


def test_poisson() -> None:
    tw.manual_seed(2)
    rates = [0.0, 0.3, 4.0, 60.0]
    x = tw.poisson(tw.tensor(rates, dtype=tw.float64).repeat(N, 1)).numpy()
    assert (x[:, 0] == 0).all()
    for column, rate in zip(x.T[1:], rates[1:], strict=True):
        close(column, rate, rate)


def test_binomial() -> None:
    tw.manual_seed(2)
    x = tw.binomial(tw.full((N,), 10.0), tw.full((N,), 0.3)).numpy()
    close(x, 3.0, 2.1)
    assert set(np.unique(x)) <= set(range(11))


def test_generators_are_used() -> None:
    fills: list[tuple[str, tuple[Any, ...]]] = [
        ("exponential_", ()), ("log_normal_", ()), ("cauchy_", ()), ("geometric_", (0.5,)), ("random_", (1000,)),
    ]  # fmt: skip
    for name, args in fills:
        results = [getattr(tw.zeros(9), name)(*args, generator=tw.Generator().manual_seed(k)) for k in (3, 3, 4)]
        assert tw.equal(results[0], results[1])
        assert not tw.equal(results[0], results[2])


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: tw.zeros(2).exponential_(0.0), ArgumentError),
        (lambda: tw.zeros(2).geometric_(1.0), ArgumentError),
        (lambda: tw.zeros(2).cauchy_(0, -1), ArgumentError),
        (lambda: tw.zeros(2).random_(3, 3), ArgumentError),
        (lambda: tw.poisson(tw.tensor([-1.0])), ArgumentError),
        (lambda: tw.hann_window(-1), ShapeError),
    ],
)
def test_impossible_arguments(call: Any, error: Any) -> None:
    with pytest.raises(error):
        call()


def test_fills_are_compiled() -> None:
    def fill(x: Any) -> Any:
        y = x * 0
        return y.exponential_(2.0), (x * 0).log_normal_(), (x * 0).geometric_(0.3), (x * 0).random_(50)

    x = tw.zeros(5)
    tw.manual_seed(9)
    want = fill(x)
    compiled = tw.compile(fill)
    tw.manual_seed(9)
    for a, b in zip(compiled(x), want, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5)
