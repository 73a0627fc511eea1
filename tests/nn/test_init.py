"""Initialisations: constants exactly, distributions by their bounds and moments."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.errors import ShapeError
from thalweg.nn import init
from thalweg.ops.quantile import normal_quantile

SHAPE = (60, 80, 5)  # fan_in 400, fan_out 300
RANDOM: list[Any] = [
    init.uniform_, init.normal_, init.trunc_normal_, init.xavier_uniform_, init.xavier_normal_,
    init.kaiming_uniform_, init.kaiming_normal_, init.orthogonal_, lambda t, **k: init.sparse_(t, 0.5, **k),
]  # fmt: skip


def empty(*shape: int) -> Any:
    return tw.empty(*shape, dtype=tw.float64)


@pytest.fixture(autouse=True)
def _seed() -> None:
    tw.manual_seed(0)


def check_uniform(x: Any, bound: float) -> None:
    """Uniform on ±bound: the extremes come close to it, mean and variance fit to four standard errors."""
    v, n = x.numpy(), x.numel()
    assert np.abs(v).max() <= bound and np.abs(v).max() > 0.999 * bound
    assert abs(v.mean()) < 4 * bound / math.sqrt(3 * n)
    assert abs(v.var() / (bound**2 / 3) - 1) < 4 * math.sqrt(0.8 / n)


def check_normal(x: Any, std: float) -> None:
    v, n = x.numpy(), x.numel()
    assert abs(v.mean()) < 4 * std / math.sqrt(n)
    assert abs(v.std() / std - 1) < 4 / math.sqrt(2 * n)
    assert abs((np.abs(v) < std).mean() - 0.6827) < 4 * math.sqrt(0.22 / n)


# -- gains and fans ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "param", "gain"),
    [
        ("linear", None, 1),
        ("conv2d", None, 1),
        ("conv_transpose3d", None, 1),
        ("sigmoid", None, 1),
        ("tanh", None, 5 / 3),
        ("relu", None, math.sqrt(2)),
        ("leaky_relu", None, math.sqrt(2 / 1.0001)),
        ("leaky_relu", 0.2, math.sqrt(2 / 1.04)),
        ("leaky_relu", 1, 1),
        ("selu", None, 0.75),
    ],
)
def test_gains(name: str, param: float | None, gain: float) -> None:
    assert math.isclose(init.calculate_gain(name, param), gain, rel_tol=1e-15)


def test_unknown_gains_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'softmax'; known are .*leaky_relu.*tanh"):
        init.calculate_gain("softmax")
    for slope in (True, "0.1"):
        with pytest.raises(ValueError, match="slope of leaky_relu must be a number"):
            init.calculate_gain("leaky_relu", slope)


def test_fans_need_two_axes() -> None:
    assert init._calculate_fan_in_and_fan_out(tw.empty(SHAPE)) == (400, 300)
    for function in (init.xavier_uniform_, init.xavier_normal_, init.kaiming_uniform_, init.kaiming_normal_):
        with pytest.raises(ShapeError, match=r"at least 2 dimensions .* got \(3,\)"):
            function(tw.empty(3))
    with pytest.raises(ValueError, match='"fan_in" or "fan_out", not \'fan\''):
        init.kaiming_normal_(tw.empty(2, 2), mode="fan")


# -- constants --------------------------------------------------------------------------------------------


def test_constants() -> None:
    assert init.constant_(empty(2), 0.3).tolist() == [0.3, 0.3]
    assert init.ones_(empty(2)).tolist() == [1, 1] and init.zeros_(empty(2)).tolist() == [0, 0]
    assert init.eye_(empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    with pytest.raises(ShapeError, match=r"eye_: needs a matrix, got shape \(2,\)"):
        init.eye_(empty(2))


def test_dirac_passes_channels_through() -> None:
    assert init.dirac_(empty(3, 2, 3)).tolist() == [
        [[0, 1, 0], [0, 0, 0]],
        [[0, 0, 0], [0, 1, 0]],
        [[0, 0, 0], [0, 0, 0]],
    ]
    grouped = init.dirac_(empty(4, 2, 3), groups=2).numpy()
    assert grouped[2].tolist() == [[0, 1, 0], [0, 0, 0]] and grouped[3].tolist() == [[0, 0, 0], [0, 1, 0]]
    square = init.dirac_(empty(2, 2, 3, 3)).numpy()
    assert square.sum() == 2 and square[0, 0, 1, 1] == square[1, 1, 1, 1] == 1
    assert init.dirac_(empty(2, 2, 3, 3, 3)).numpy()[1, 1, 1, 1, 1] == 1
    with pytest.raises(ShapeError, match="3, 4 or 5 dimensions"):
        init.dirac_(empty(2, 2))
    with pytest.raises(ShapeError, match="3 output channels can't be divided into 2 groups"):
        init.dirac_(empty(3, 2, 3), groups=2)


# -- distributions ----------------------------------------------------------------------------------------


def test_uniform_and_normal() -> None:
    x = init.uniform_(empty(SHAPE), 2.0, 5.0)
    check_uniform(x - 3.5, 1.5)
    check_normal(init.normal_(empty(SHAPE), 4.0, 0.5) - 4.0, 0.5)


def test_xavier() -> None:
    check_uniform(init.xavier_uniform_(empty(SHAPE), gain=2), 2 * math.sqrt(6 / 700))
    check_normal(init.xavier_normal_(empty(SHAPE), gain=2), 2 * math.sqrt(2 / 700))


def test_kaiming() -> None:
    check_uniform(init.kaiming_uniform_(empty(SHAPE)), math.sqrt(6 / 400))
    check_uniform(init.kaiming_uniform_(empty(SHAPE), a=math.sqrt(5)), math.sqrt(1 / 400))
    check_uniform(init.kaiming_uniform_(empty(SHAPE), mode="fan_out", nonlinearity="tanh"), 5 / 3 * math.sqrt(3 / 300))
    check_normal(init.kaiming_normal_(empty(SHAPE), nonlinearity="relu"), math.sqrt(2 / 400))
    check_normal(init.kaiming_normal_(empty(SHAPE), mode="fan_out", a=1), math.sqrt(1 / 300))
    assert init.kaiming_uniform_(empty(0, 3)).shape == (0, 3)
    assert init.kaiming_normal_(empty(3, 0)).shape == (3, 0)


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [(0, 1, -2, 2), (1, 2, -1, 4), (0, 1, 1, 3), (0, 1, -9, -5), (0, 1, 6, 9), (3, 0.1, -1, 1)],
)
def test_truncated_normal(mean: float, std: float, a: float, b: float) -> None:
    x = init.trunc_normal_(empty(20_000), mean, std, a, b).numpy()
    assert x.min() >= a and x.max() <= b
    # Moments by integrating the density over [a, b] numerically.
    t = np.linspace(a, b, 200_001)
    density = np.exp(-0.5 * ((t - mean) / std) ** 2 + 0.5 * min(abs(a - mean), abs(b - mean)) ** 2 / std**2)
    expected = (t * density).sum() / density.sum()
    spread = math.sqrt(((t - expected) ** 2 * density).sum() / density.sum())
    assert abs(x.mean() - expected) < 4 * spread / math.sqrt(x.size) + 1e-5
    assert abs(x.std() / spread - 1) < 0.05


def test_truncated_normal_refuses_reversed_bounds() -> None:
    with pytest.raises(ValueError, match="lower bound 2 must not exceed the upper bound 1"):
        init.trunc_normal_(empty(2), a=2, b=1)


def test_normal_quantile_against_the_standard_library() -> None:
    normal = statistics.NormalDist()
    p = np.concatenate([np.linspace(0.001, 0.999, 501), 10.0 ** -np.arange(4, 300, 20), [0.075, 0.925]])
    np.testing.assert_allclose(normal_quantile(p), [normal.inv_cdf(v) for v in p], rtol=1e-14, atol=1e-15)
    np.testing.assert_array_equal(normal_quantile(np.array([0, 1, 0.5, math.nan])), [-math.inf, math.inf, 0, math.nan])


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3), (3, 2, 4)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    w = init.orthogonal_(empty(*shape), gain=3).numpy().reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, 9 * np.eye(len(product)), atol=1e-12)


def test_orthogonal_matrices_are_uniformly_distributed() -> None:
    turns = [init.orthogonal_(empty(2, 2)).numpy() for _ in range(2000)]
    angles = np.array([math.atan2(q[1, 0], q[0, 0]) for q in turns])
    counts = np.histogram(angles, 8, (-math.pi, math.pi))[0]
    assert ((counts - 250) ** 2 / 250).sum() < 24.3  # chi-squared, 7 degrees of freedom, 0.1 %
    assert abs(np.mean([np.linalg.det(q) > 0 for q in turns]) - 0.5) < 0.05


def test_orthogonal_and_sparse_refusals() -> None:
    assert init.orthogonal_(empty(0, 3)).shape == (0, 3)
    with pytest.raises(ShapeError, match="at least 2 dimensions"):
        init.orthogonal_(empty(3))
    with pytest.raises(ShapeError, match="needs a matrix"):
        init.sparse_(empty(3), 0.5)


def test_sparse_zeroes_a_share_of_every_column() -> None:
    w = init.sparse_(empty(50, 400), 0.31, std=2.0).numpy()
    assert ((w == 0).sum(0) == 16).all()  # ceil(0.31 * 50)
    check_normal(tw.tensor(w[w != 0]), 2.0)
    assert len({tuple(np.flatnonzero(column == 0)) for column in w.T}) > 300


# -- what all have in common ------------------------------------------------------------------------------


@pytest.mark.parametrize("function", RANDOM)
def test_generators_repeat_and_stand_apart(function: Any) -> None:
    before = tw.get_rng_state()
    a = function(tw.empty(4, 5), generator=tw.Generator().manual_seed(3))
    b = function(tw.empty(4, 5), generator=tw.Generator().manual_seed(3))
    c = function(tw.empty(4, 5), generator=tw.Generator().manual_seed(4))
    assert tw.equal(a, b) and not tw.equal(a, c)
    assert tw.equal(tw.get_rng_state(), before)
    function(tw.empty(4, 5))
    assert not tw.equal(tw.get_rng_state(), before)


@pytest.mark.parametrize("function", [*RANDOM, init.ones_, init.zeros_, init.eye_, lambda t: init.constant_(t, 2.0)])
def test_parameters_are_filled_in_place_without_recording(function: Any) -> None:
    p = nn.Parameter(tw.full((3, 4), 7.0))
    version = p._version_count
    assert function(p) is p
    assert p.requires_grad and p.is_leaf and p._version_count > version
    assert p.dtype is tw.float32 and not (p == 7.0).any()


def test_older_names_warn():
    w = tw.zeros(2, 3)
    with pytest.warns(FutureWarning, match="constant_"):
        assert nn.init.constant(w, 2.0) is w
    assert w.tolist() == [[2.0] * 3] * 2
