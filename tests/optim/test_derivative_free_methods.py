"""Each method that sees only the cost does what its source says, step for step where that can be compared."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn, optim
from thalweg.datasets import Digits
from thalweg.errors import OptimizerError
from thalweg.nn import functional as F

START = [1.5, -2.3, 0.7, 3.1, -1.9]


def sphere(w: Any) -> Any:
    return (w * w).sum()


def rosenbrock(w: Any) -> Any:
    """Rosenbrock (1960), in n dimensions: 0 at (1, …, 1)."""
    return ((1 - w[:-1]) ** 2 + 100 * (w[1:] - w[:-1] ** 2) ** 2).sum()


def ellipsoid(w: Any) -> Any:
    """A quadratic of condition 1e6."""
    weights = 10.0 ** (6 * np.arange(len(w)) / (len(w) - 1))
    return ((tw.tensor(weights) if isinstance(w, tw.Tensor) else weights) * w * w).sum()


def staircase(w: Any) -> Any:
    """Whole numbers only: 0 where all |w| <= 1/2."""
    return (w.round() ** 2).sum()


def rastrigin(w: Any) -> Any:
    """Rastrigin (1974): a local minimum near each grid point, 0 at the origin."""
    return (w * w - 10 * tw.cos(2 * tw.pi * w) + 10).sum()


def leaf(values: Any) -> tw.Tensor:
    return tw.tensor(values, dtype=tw.float64)


def evaluations(optimizer: Any, closure: Callable[[], Any], target: float, budget: int) -> int:
    """How many evaluations it takes to see a cost of at most ``target``; fails if that is more than ``budget``."""
    while optimizer.evaluations <= budget:
        optimizer.step(closure)
        if optimizer.best().cost <= target:
            return optimizer.evaluations
    pytest.fail(f"{optimizer.best().cost} after {optimizer.evaluations} evaluations")


# -- convergence ------------------------------------------------------------------------------------------

PROBLEMS: dict[str, tuple[Callable[[Any], Any], list[float], float]] = {
    "sphere": (sphere, START, 1e-8),
    "rosenbrock": (rosenbrock, [-1.2, 1.0], 1e-8),
    "ellipsoid": (ellipsoid, START, 1e-8),
    "staircase": (staircase, START, 0.0),
    "rastrigin": (rastrigin, [2.2, -1.3], 1e-3),
}
CASES: list[tuple[str, dict[str, Any], str, int]] = [
    ("RandomSearch", {"sigma": 0.5, "seed": 0}, "sphere", 800),
    ("RandomSearch", {"sigma": 0.5, "seed": 0}, "staircase", 500),
    ("CoordinateSearch", {}, "sphere", 300),
    ("CoordinateSearch", {}, "ellipsoid", 400),
    ("PatternSearch", {}, "sphere", 500),
    ("PatternSearch", {}, "rosenbrock", 500),
    ("PatternSearch", {}, "ellipsoid", 900),
    ("NelderMead", {}, "sphere", 500),
    ("NelderMead", {}, "rosenbrock", 200),
    ("NelderMead", {}, "ellipsoid", 1200),
    ("NelderMead", {"step_size": 1.0}, "staircase", 50),
    ("SimulatedAnnealing", {"sigma": 4.0, "temperature": 5.0, "cooling": 0.995, "seed": 1}, "rastrigin", 4000),
    ("EvolutionStrategy", {"lr": 0.1, "sigma": 0.3, "population": 20, "seed": 0}, "staircase", 4000),
    ("SeparableNES", {"sigma": 1.0, "seed": 0}, "sphere", 1500),
    ("SeparableNES", {"sigma": 1.0, "seed": 0}, "ellipsoid", 2500),
    ("SeparableNES", {"sigma": 1.0, "seed": 0}, "staircase", 400),
    ("SeparableCMAES", {"sigma": 1.0, "seed": 0}, "sphere", 1000),
    ("SeparableCMAES", {"sigma": 1.0, "seed": 0}, "ellipsoid", 2000),
    ("SeparableCMAES", {"sigma": 1.0, "seed": 0}, "staircase", 400),
    ("SeparableCMAES", {"sigma": 2.0, "population": 60, "seed": 0}, "rastrigin", 5000),
    ("CMAES", {"sigma": 1.0, "seed": 0}, "sphere", 1200),
    ("CMAES", {"sigma": 1.0, "seed": 0}, "rosenbrock", 1200),
    ("CMAES", {"sigma": 1.0, "seed": 0}, "ellipsoid", 2500),
    ("CMAES", {"sigma": 1.0, "seed": 0}, "staircase", 400),
]


@pytest.mark.parametrize(("name", "options", "problem", "budget"), CASES)
def test_convergence(name: str, options: dict[str, Any], problem: str, budget: int) -> None:
    if name == "CMAES":
        pytest.importorskip("cma", exc_type=ImportError)
    cost, start, target = PROBLEMS[problem]
    w = leaf(start)
    evaluations(getattr(optim, name)([w], **options), lambda: cost(w), target, budget)


@pytest.mark.parametrize(
    ("name", "options", "steps"),
    [
        ("SPSA", {"lr": 0.3, "perturbation": 0.3, "seed": 0}, 2000),
        ("SeparableNES", {"sigma": 1.0, "population": 40, "seed": 0}, 60),
        ("SeparableCMAES", {"sigma": 1.0, "population": 40, "seed": 0}, 60),
        ("EvolutionStrategy", {"lr": 0.05, "sigma": 0.3, "population": 40, "seed": 0}, 200),
    ],
)
def test_noise(name: str, options: dict[str, Any], steps: int) -> None:
    """A sphere with noise of standard deviation 1/2: from a true cost of 22.65 to less than the noise."""
    w, noise = leaf(START), np.random.default_rng(0)
    optimizer = getattr(optim, name)([w], **options)
    for _ in range(steps):
        optimizer.step(lambda: sphere(w) + 0.5 * noise.standard_normal())
    assert sphere(w).item() < 0.5


# -- the methods, one by one ------------------------------------------------------------------------------


def test_random_search_keeps_what_is_not_worse_and_one_in_five() -> None:
    w, generator = leaf([3.0, -2.0]), tw.Generator().manual_seed(4)
    optimizer = optim.RandomSearch([w], sigma=0.5, seed=4)
    place, sigma, cost, kept = np.array([3.0, -2.0]), 0.5, 13.0, 0
    for _ in range(60):
        trial = place + sigma * tw.randn(2, dtype=tw.float64, generator=generator).numpy()
        better = float((trial**2).sum()) <= cost
        place, cost = (trial, float((trial**2).sum())) if better else (place, cost)
        sigma *= math.exp((better - 0.2) / math.sqrt(3))
        kept += better
        assert optimizer.step(lambda: sphere(w)) == pytest.approx(cost, rel=1e-12)
        assert optimizer.radius == pytest.approx(sigma)
    np.testing.assert_allclose(w.numpy(), place)
    assert 5 < kept < 30


def test_random_search_crosses_a_plateau() -> None:
    w = leaf([10.0])
    optimizer = optim.RandomSearch([w], sigma=1.0, seed=0)
    evaluations(optimizer, lambda: (w.abs() > 3).sum() + (w.abs() > 15).sum(), 0.0, 1000)


@pytest.mark.parametrize("name", ["RandomSearch", "SeparableNES", "SeparableCMAES", "EvolutionStrategy"])
def test_a_plateau_without_end_leaves_numbers_finite(name: str) -> None:
    for cost in (3.0, math.nan):
        w = leaf([10.0, 1.0])
        optimizer = getattr(optim, name)([w], sigma=1.0, seed=0)
        for _ in range(2000):
            optimizer.step(lambda cost=cost: cost)
        assert bool(w.isfinite().all())
        assert 1e-3 < optimizer.radius < 1e5


def test_coordinate_search_by_hand() -> None:
    """f = x² + 10 |y| from (1, -0.5) with steps 0.5: x is worse at 1.5; y is better at 0, then worse at 1.5."""
    w = leaf([1.0, -0.5])
    optimizer = optim.CoordinateSearch([w], step_size=0.5)
    costs, places = [], []
    for _ in range(3):
        costs.append(optimizer.step(lambda: w[0] ** 2 + 10 * w[1].abs()))
        places.append(w.tolist())
    assert places == [[1.0, 0.0], [0.75, 0.0], [0.0, 0.0]]
    assert costs == [1.0, 0.5625, 0.0]
    assert optimizer.evaluations == 7
    assert optimizer.radius == 2.25


def test_pattern_search_by_hand() -> None:
    """f = |x - 3| + |y| from (0, 0) with h = 1: explored to (1, 0), ahead to (2, 0), explored to (3, 0)."""
    w = leaf([0.0, 0.0])
    optimizer = optim.PatternSearch([w], step_size=1.0)
    places, counts = [], []
    for _ in range(4):
        optimizer.step(lambda: (w[0] - 3).abs() + w[1].abs())
        places.append(w.tolist())
        counts.append(optimizer.evaluations)
    assert places == [[1.0, 0.0], [3.0, 0.0], [3.0, 0.0], [3.0, 0.0]]
    # 1 + (1 + 2); then (1 + 1 + 2); then ahead to (5, 0): 1 + 2 + 2, no better than the base: explored, 4; then 4
    assert counts == [4, 8, 17, 21]
    assert optimizer.radius == 0.25


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("problem", ["sphere", "rosenbrock", "ellipsoid"])
def test_nelder_mead_is_scipys_step_for_step(problem: str, adaptive: bool) -> None:
    minimize = pytest.importorskip("scipy.optimize").minimize
    cost, start, _ = PROBLEMS[problem]
    expected: list[Any] = []
    found = minimize(
        cost, start, method="Nelder-Mead", callback=lambda x: expected.append(x.copy()),
        options={"adaptive": adaptive, "xatol": 1e-6, "fatol": 1e-6},
    )  # fmt: skip
    w = leaf(start)
    optimizer = optim.NelderMead([w], adaptive=adaptive)
    for x in expected:
        optimizer.step(lambda: cost(w.numpy()))  # in NumPy here, too: sums are rounded alike
        np.testing.assert_allclose(w.numpy(), x, rtol=1e-9, atol=1e-12)
    assert abs(optimizer.evaluations - found.nfev) <= 1
    np.testing.assert_allclose(w.numpy(), found.x, rtol=1e-9, atol=1e-12)


def test_nelder_mead_takes_as_many_evaluations_as_scipys_tutorial_says() -> None:
    """339 iterations and 571 evaluations for Rosenbrock's function in 5 dimensions, xatol = 1e-8."""
    w = leaf([1.3, 0.7, 0.8, 1.9, 1.2])
    optimizer = optim.NelderMead([w])
    for _ in range(338):  # SciPy counts the first simplex as an iteration
        optimizer.step(lambda: rosenbrock(w))
    assert optimizer.evaluations == 571
    assert optimizer.radius <= 1e-8
    np.testing.assert_allclose(w.numpy(), np.ones(5), atol=1e-7)


def test_adaptive_coefficients_help_in_many_dimensions() -> None:
    """Gao and Han's observation: with the usual ones the simplex gets stuck on a quadratic of 24 dimensions."""
    found = {}
    for adaptive in (False, True):
        w = tw.ones(24, dtype=tw.float64)
        optimizer = optim.NelderMead([w], adaptive=adaptive)
        while optimizer.evaluations < 5000:
            optimizer.step(lambda w=w: sphere(w))
        found[adaptive] = optimizer.best().cost
    assert found[True] < 1e-4 * found[False]


def test_spsa_is_spalls_recurrence() -> None:
    w, generator = leaf([1.0, -2.0, 0.5]), tw.Generator().manual_seed(2)
    optimizer = optim.SPSA([w], lr=0.2, perturbation=0.1, stability=5.0, seed=2)
    place = w.numpy().copy()
    for k in range(10):
        a, c = 0.2 / (k + 1 + 5) ** 0.602, 0.1 / (k + 1) ** 0.101
        signs = 2.0 * generator.integers(0, 2, (3,)) - 1
        difference = ellipsoid(place + c * signs) - ellipsoid(place - c * signs)
        mean = (ellipsoid(place + c * signs) + ellipsoid(place - c * signs)) / 2
        place = place - a * difference / (2 * c * signs) * 1e-6
        assert optimizer.step(lambda: ellipsoid(w) * 1e-6) == pytest.approx(1e-6 * mean)
        np.testing.assert_allclose(w.numpy(), place)


def test_spsas_direction_is_the_gradient_on_average() -> None:
    w = leaf([1.0, -2.0, 0.5])
    optimizer = optim.SPSA([w], lr=1.0, perturbation=0.01, decay=0.0, repeats=4000, seed=0)
    before = w.numpy().copy()
    optimizer.step(lambda: sphere(w))
    np.testing.assert_allclose(before - w.numpy(), 2 * before, atol=0.2)


def test_annealing_accepts_by_metropolis_rule() -> None:
    """Of steps that raise the cost by 1 at T = 1, a share of 1/e is accepted."""
    w, accepted, trials = leaf([0.0]), 0, 3000
    optimizer = optim.SimulatedAnnealing([w], sigma=1.0, temperature=1.0, cooling=1 - 1e-12, seed=0)
    level = [0]

    def rising() -> float:
        level[0] += 1
        return float(level[0])

    for _ in range(trials):
        level[0] = round(optimizer.state["search"].get("cost", 0.0))
        before = w.item()
        optimizer.step(rising)
        accepted += w.item() != before
    assert abs(accepted / trials - math.exp(-1)) < 0.04


def test_the_evolution_strategys_gradient_is_that_of_the_smoothed_ranks() -> None:
    """Its first step against Salimans' formula; equal costs, as on a plateau, make no step at all."""
    w, generator = leaf([1.0, -2.0, 0.5]), tw.Generator().manual_seed(9)
    optimizer = optim.EvolutionStrategy([w], lr=0.1, sigma=0.2, population=8, betas=(0.0, 0.0), seed=9)
    noise = tw.randn(4, 3, dtype=tw.float64, generator=generator).numpy()
    noise = np.concatenate([noise, -noise])
    start = w.numpy().copy()
    ranks = np.argsort(np.argsort([sphere(start + 0.2 * e) for e in noise]))
    gradient = ((ranks / 7 - 0.5)[:, None] * noise).sum(0) / (8 * 0.2)
    optimizer.step(lambda: sphere(w))
    np.testing.assert_allclose(w.numpy(), start - 0.1 * np.sign(gradient), rtol=1e-6)  # Adam without memory: its sign
    still = w.numpy().copy()
    optim.EvolutionStrategy([w], seed=0).step(lambda: 3.0)
    np.testing.assert_array_equal(w.numpy(), still)


def test_separable_nes_is_the_published_update() -> None:
    w, generator = leaf([1.0, -2.0, 0.5]), tw.Generator().manual_seed(9)
    optimizer = optim.SeparableNES([w], sigma=0.3, seed=9)
    place, sigma = w.numpy().copy(), np.full(3, 0.3)
    count = 4 + int(3 * np.log(3))
    raw = np.array([max(0.0, math.log(count / 2 + 1) - math.log(k)) for k in range(1, count + 1)])
    utilities = raw / raw.sum() - 1 / count
    for _ in range(5):
        samples = tw.randn(count, 3, dtype=tw.float64, generator=generator).numpy()
        samples = samples[np.argsort([ellipsoid(place + sigma * s) for s in samples])]
        place = place + sigma * sum(u * s for u, s in zip(utilities, samples, strict=True))
        rate = (3 + math.log(3)) / (5 * math.sqrt(3))
        sigma = sigma * np.exp(rate / 2 * sum(u * (s**2 - 1) for u, s in zip(utilities, samples, strict=True)))
        optimizer.step(lambda: ellipsoid(w))
        np.testing.assert_allclose(w.numpy(), place)
        assert optimizer.radius == pytest.approx(sigma.max())


def test_separable_cma_needs_about_as_many_evaluations_as_pycmas() -> None:
    cma = pytest.importorskip("cma", exc_type=ImportError)
    start = np.linspace(1, 2, 10)
    ours, theirs = [], []
    for seed in range(1, 6):
        w = leaf(start.copy())
        ours.append(evaluations(optim.SeparableCMAES([w], sigma=0.5, seed=seed), lambda w=w: ellipsoid(w), 1e-8, 20000))
        options = {"CMA_diagonal": True, "seed": seed, "verbose": -9, "verb_log": 0, "ftarget": 1e-8}
        theirs.append(cma.fmin2(ellipsoid, start, 0.5, options)[1].countevals)
    assert np.median(ours) < 1.25 * np.median(theirs)


def test_cmaes_is_pycma_with_our_random_numbers() -> None:
    cma = pytest.importorskip("cma", exc_type=ImportError)
    w, generator = leaf([1.0, -2.0, 0.5]), tw.Generator().manual_seed(9)
    optimizer = optim.CMAES([w], sigma=0.3, seed=9)
    draw = lambda *shape: tw.randn(*shape, dtype=tw.float64, generator=generator).numpy()  # noqa: E731
    theirs = cma.CMAEvolutionStrategy([1.0, -2.0, 0.5], 0.3, {"randn": draw, "seed": np.nan, "verbose": -9})
    for _ in range(12):
        samples = theirs.ask()
        theirs.tell(samples, [float(ellipsoid(s)) for s in samples])
        optimizer.step(lambda: ellipsoid(w))
        np.testing.assert_array_equal(w.numpy(), theirs.mean)


def test_turned_coordinates_make_no_difference_to_cmaes_and_a_great_one_to_separable_methods() -> None:
    pytest.importorskip("cma", exc_type=ImportError)
    turn = tw.tensor(np.linalg.qr(np.random.default_rng(0).standard_normal((5, 5)))[0])
    counts = {}
    for name in ("CMAES", "SeparableCMAES"):
        for turned in (False, True):
            w = turn.mT @ leaf(START) if turned else leaf(START)
            optimizer = getattr(optim, name)([w], sigma=1.0, seed=1)
            closure = (lambda w=w: ellipsoid(turn @ w)) if turned else (lambda w=w: ellipsoid(w))
            while optimizer.evaluations < 8000 and not (optimizer.evaluations and optimizer.best().cost < 1e-6):
                optimizer.step(closure)
            counts[name, turned] = optimizer.evaluations
    assert counts["CMAES", True] < 1.5 * counts["CMAES", False]
    assert counts["SeparableCMAES", True] > 3 * counts["SeparableCMAES", False]


# -- finite differences -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "near"), [("central", 1e-8), ("forward", 1e-5)])
def test_finite_differences_are_the_gradient(method: str, near: float) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    x = tw.randn(6, 3, dtype=tw.float64, generator=tw.Generator().manual_seed(0))
    loss = model(x).square().mean()
    loss.backward()
    expected = [p.grad.clone() for p in model.parameters()]
    before, count = [p.detach().clone() for p in model.parameters()], [0]

    def closure() -> tw.Tensor:
        count[0] += 1
        return model(x).square().mean()

    assert optim.finite_difference_gradients(closure, model.parameters(), method=method) == loss.item()
    n = sum(p.numel() for p in model.parameters())
    assert count[0] == 1 + n * (2 if method == "central" else 1)
    for p, gradient, value in zip(model.parameters(), expected, before, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), gradient.numpy(), atol=near)
        assert bool((p == value).all())


def test_any_optimiser_steps_along_finite_differences() -> None:
    w = tw.tensor([-1.2, 1.0], dtype=tw.float64, requires_grad=True)
    optimizer = optim.LBFGS([w], max_iter=100, line_search_fn="strong_wolfe", tolerance_grad=1e-9)
    optimizer.step(lambda: optim.finite_difference_gradients(lambda: rosenbrock(w).item(), [w]))
    np.testing.assert_allclose(w.detach().numpy(), [1, 1], atol=1e-4)


def test_finite_differences_of_float32_are_near() -> None:
    w = tw.tensor([3.0, -200.0])
    optim.finite_difference_gradients(lambda: (w * w).sum(), [w])
    np.testing.assert_allclose(w.grad.numpy(), [6, -400], rtol=2e-3, atol=0.3)


def test_finite_differences_where_the_cost_is_not_finite() -> None:
    w = leaf([0.0, 1.0])
    assert optim.finite_difference_gradients(lambda: tw.sqrt(w).sum(), [w]) == 1.0
    assert w.grad.tolist() == [0.0, pytest.approx(0.5)]


def test_finite_differences_put_back_what_a_raising_closure_saw_and_refuse_nonsense() -> None:
    w, calls = leaf([0.5, 1.0]), [0]

    def failing() -> float:
        calls[0] += 1
        if calls[0] == 3:
            raise ZeroDivisionError
        return 1.0

    with pytest.raises(ZeroDivisionError):
        optim.finite_difference_gradients(failing, [w])
    assert w.tolist() == [0.5, 1.0]
    with pytest.raises(OptimizerError, match="'central' or 'forward', not 'backward'"):
        optim.finite_difference_gradients(lambda: 1.0, [w], method="backward")
    with pytest.raises(OptimizerError, match="step_size must be above 0"):
        optim.finite_difference_gradients(lambda: 1.0, [w], step_size=0.0)
    with pytest.raises(OptimizerError, match="floating-point"):
        optim.finite_difference_gradients(lambda: 1.0, [tw.ones(2, dtype=tw.int64)])
    with pytest.raises(OptimizerError, match="must return the cost"):
        optim.finite_difference_gradients(lambda: None, [w])


# -- a classifier without gradients -----------------------------------------------------------------------


def test_a_classifier_is_trained_by_evolution() -> None:
    """Digits 0 to 9 by a linear layer, on the rate of errors itself, a staircase, from 10 % to over 80 % right."""
    tw.manual_seed(0)
    x, y = Digits("train")[:600]
    model = nn.Linear(64, 10)
    optimizer = optim.EvolutionStrategy(model.parameters(), lr=0.05, sigma=0.1, population=60, seed=0)

    def errors() -> tw.Tensor:
        return (model(x).argmax(1) != y).float().mean()

    for _ in range(350):
        optimizer.step(errors)
    test_x, test_y = Digits("test")[:]
    assert errors().item() < 0.15
    assert (model(test_x).argmax(1) == test_y).float().mean().item() > 0.8
    assert F.cross_entropy(model(x), y).grad_fn is not None  # the tape is as it was
