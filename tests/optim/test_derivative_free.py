"""What all optimisers have in common that see only the cost: PyTorch's conventions, and a search that can go on."""

from __future__ import annotations

import copy
import importlib.util
import io
import math
import pickle
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn, optim
from thalweg.errors import DependencyError, OptimizerError, TraceError

CLASSES: list[tuple[str, dict[str, Any]]] = [
    ("RandomSearch", {"seed": 3}),
    ("CoordinateSearch", {}),
    ("PatternSearch", {}),
    ("NelderMead", {}),
    ("NelderMead", {"step_size": 0.5, "adaptive": True}),
    ("SPSA", {"lr": 0.02, "seed": 3, "repeats": 2}),
    ("SimulatedAnnealing", {"seed": 3}),
    ("EvolutionStrategy", {"population": 6, "seed": 3}),
    ("SeparableNES", {"seed": 3}),
    ("SeparableCMAES", {"seed": 3}),
    ("CMAES", {"seed": 3}),
]
every = pytest.mark.parametrize(("name", "options"), CLASSES, ids=[f"{n}{i}" for i, (n, _) in enumerate(CLASSES)])


def made(name: str, params: Any, options: dict[str, Any]) -> Any:
    if name == "CMAES":
        pytest.importorskip("cma", exc_type=ImportError)
    return getattr(optim, name)(params, **options)


def parameters(dtype: Any = tw.float32) -> list[tw.Tensor]:
    return [
        tw.tensor([[1.5, -2.25], [0.5, 3.0]], dtype=dtype, requires_grad=True),
        tw.tensor([-1.0], dtype=dtype, requires_grad=True),
    ]


def cost_of(params: list[tw.Tensor]) -> Callable[[], tw.Tensor]:
    def closure() -> tw.Tensor:
        return sum(((p - 1) ** 2 * (1 + i)).sum() for i, p in enumerate(params))  # type: ignore[return-value]

    return closure


def breaking(closure: Callable[[], tw.Tensor], good: int) -> Callable[[], tw.Tensor]:
    """A closure that raises after ``good`` evaluations, which cost a lot."""
    left = [good]

    def broken() -> tw.Tensor:
        left[0] -= 1
        if left[0] < 0:
            raise ZeroDivisionError("the black box is broken")
        return closure() + 100

    return broken


def bits(params: list[tw.Tensor]) -> list[bytes]:
    return [p.detach().numpy().tobytes() for p in params]


# -- the convention ---------------------------------------------------------------------------------------


@every
def test_lowers_the_cost_and_knows_the_best_place(name: str, options: dict[str, Any]) -> None:
    params = parameters()
    closure, seen = cost_of(params), []

    def counted() -> tw.Tensor:
        assert not tw.is_grad_enabled()
        seen.append(closure().item())
        return closure()

    optimizer = made(name, params, options)
    assert optimizer.evaluations == 0
    assert optimizer.radius == math.inf
    returned = [optimizer.step(counted) for _ in range(60)]
    assert optimizer.evaluations == len(seen)
    assert all(isinstance(cost, float) for cost in returned)
    assert optimizer.best().cost == min(seen) < seen[0]
    assert 0 < optimizer.radius < math.inf
    assert [p.dtype for p in optimizer.best().parameters] == [tw.float32, tw.float32]
    for p, value in zip(params, optimizer.best().parameters, strict=True):
        assert p.shape == value.shape
    assert optimizer.use_best() == min(seen)
    assert closure().item() == min(seen)


@every
def test_a_loaded_search_goes_on_bit_by_bit(name: str, options: dict[str, Any]) -> None:
    """By state_dict through a file, by deepcopy, by pickle: in the middle of the search, after one step, after none."""
    for steps in (0, 1, 7):
        params = parameters()
        optimizer = made(name, params, options)
        for _ in range(steps):
            optimizer.step(cost_of(params))
        file = io.BytesIO()
        tw.save({"optimizer": optimizer.state_dict(), "params": params}, file)
        file.seek(0)
        loaded = tw.load(file)
        others = [p.detach().clone().requires_grad_() for p in loaded["params"]]
        other = made(name, others, {k: v for k, v in options.items() if k != "seed"})
        other.load_state_dict(loaded["optimizer"])
        pickled = pickle.loads(pickle.dumps((optimizer, params)))
        copied = copy.deepcopy((optimizer, params))
        expected = [optimizer.step(cost_of(params)) for _ in range(9)]
        for again, theirs in ((other, others), pickled, copied):
            assert [again.step(cost_of(theirs)) for _ in range(9)] == expected
            assert bits(theirs) == bits(params)
            assert again.evaluations == optimizer.evaluations
            assert again.best().cost == optimizer.best().cost


@every
def test_a_state_dict_is_a_snapshot(name: str, options: dict[str, Any]) -> None:
    params = parameters()
    optimizer = made(name, params, options)
    optimizer.step(cost_of(params))
    saved, values = optimizer.state_dict(), [p.detach().clone() for p in params]
    expected = [optimizer.step(cost_of(params)) for _ in range(5)]
    optimizer.load_state_dict(saved)
    with tw.no_grad():
        for p, value in zip(params, values, strict=True):
            p.copy_(value)
    assert [optimizer.step(cost_of(params)) for _ in range(5)] == expected


@every
def test_the_seed_decides(name: str, options: dict[str, Any]) -> None:
    def run(**more: Any) -> list[bytes]:
        params = parameters()
        optimizer = made(name, params, {**{k: v for k, v in options.items() if k != "seed"}, **more})
        for _ in range(4):
            optimizer.step(cost_of(params))
        return bits(params)

    if "seed" not in options:
        assert run() == run()
        return
    assert run(seed=1) == run(seed=1) == run(generator=tw.Generator().manual_seed(1)) != run(seed=2)
    tw.manual_seed(5)
    first, second = run(), run()
    tw.manual_seed(5)
    assert run() == first != second


@every
def test_what_the_closure_raises_leaves_all_as_before_the_step(name: str, options: dict[str, Any]) -> None:
    params, twins = parameters(), parameters()
    optimizer, twin = made(name, params, options), made(name, twins, options)
    for _ in range(3):
        assert optimizer.step(cost_of(params)) == twin.step(cost_of(twins))
    at_least = {"RandomSearch": 1, "SimulatedAnnealing": 1, "NelderMead": 1}.get(name, 4)  # evaluations of a step
    for good in range(at_least):
        before, evaluations = bits(params), optimizer.evaluations
        with pytest.raises(ZeroDivisionError):
            optimizer.step(breaking(cost_of(params), good))
        assert bits(params) == before
        assert optimizer.evaluations == evaluations + good
    for _ in range(3):
        assert optimizer.step(cost_of(params)) == twin.step(cost_of(twins))
    assert bits(params) == bits(twins)


@every
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_cost_that_is_not_finite_is_worse_than_all(name: str, options: dict[str, Any], bad: float) -> None:
    params = parameters()
    optimizer = made(name, params, options)

    def holed() -> Any:
        return tw.tensor(bad) if params[1].item() < -1.01 else cost_of(params)()

    start = cost_of(params)().item()
    for _ in range(40):
        optimizer.step(holed)
    assert math.isfinite(optimizer.best().cost)
    assert optimizer.best().cost < start
    assert all(math.isfinite(v) for p in params for v in p.detach().numpy().ravel())


@every
def test_nothing_but_bad_costs_leaves_finite_parameters_and_no_best(name: str, options: dict[str, Any]) -> None:
    params = parameters()
    optimizer = made(name, params, options)
    returned = [optimizer.step(lambda: math.nan) for _ in range(3)]
    assert returned == [math.inf] * 3
    assert all(np.isfinite(p.detach().numpy()).all() for p in params)
    with pytest.raises(OptimizerError, match="no finite cost was seen"):
        optimizer.best()


@pytest.mark.parametrize("cost", [None, "3", (1.0,), tw.ones(2), 1j, np.ones((2, 2))])
def test_a_closure_that_returns_no_number_is_refused(cost: Any) -> None:
    params = parameters()
    before = bits(params)
    with pytest.raises(OptimizerError, match="RandomSearch: the closure must return the cost"):
        optim.RandomSearch(params).step(lambda: cost)
    assert bits(params) == before


@pytest.mark.parametrize("cost", [2, 2.0, np.float32(2), tw.tensor(2.0), tw.tensor([[2]]), True])
def test_any_single_number_is_a_cost(cost: Any) -> None:
    optimizer = optim.RandomSearch(parameters())
    assert optimizer.step(lambda: cost) == float(cost)


def test_a_closure_is_needed_and_may_not_be_compiled_with_the_step() -> None:
    params = parameters()
    optimizer = optim.RandomSearch(params)
    with pytest.raises(OptimizerError, match="needs a closure"):
        optimizer.step()
    with pytest.raises(TraceError, match="compile the closure"):
        tw.compile(lambda: optimizer.step(cost_of(params)))()
    compiled = tw.compile(cost_of(params))
    costs = [optimizer.step(compiled) for _ in range(30)]
    assert costs[-1] < costs[0]


def test_backward_in_the_closure_is_an_error() -> None:
    params = parameters()
    with pytest.raises(RuntimeError):
        optim.RandomSearch(params).step(lambda: cost_of(params)().backward())


# -- groups, places, states -------------------------------------------------------------------------------


@every
def test_scale_is_the_unit_of_length_of_a_group(name: str, options: dict[str, Any]) -> None:
    """Scaling a group's parameters and its scale by a power of two gives the same search, bit by bit."""
    if name == "NelderMead" and not options:
        options = {"step_size": 0.1}  # its own first corners depend on the parameters' sizes
    plain, scaled = parameters(tw.float64), parameters(tw.float64)
    with tw.no_grad():
        scaled[1] *= 1024
    one = made(name, plain, options)
    other = made(name, [{"params": [scaled[0]]}, {"params": [scaled[1]], "scale": 1024.0}], options)
    for _ in range(12):
        one.step(lambda: ((plain[0] - 1) ** 2).sum() + (plain[1] ** 2).sum())
        other.step(lambda: ((scaled[0] - 1) ** 2).sum() + ((scaled[1] / 1024) ** 2).sum())
    assert bits([scaled[0], scaled[1] / 1024]) == bits(plain)


@every
def test_only_the_order_of_costs_counts(name: str, options: dict[str, Any]) -> None:
    """A rising function of the cost gives the same path; not with SPSA, and annealing, which look at differences."""
    if name in ("SPSA", "SimulatedAnnealing"):
        return
    one, other = parameters(tw.float64), parameters(tw.float64)
    first, second = made(name, one, options), made(name, other, options)
    for _ in range(15):
        first.step(cost_of(one))
        second.step(lambda: 3 * cost_of(other)() ** 3 - 5)
    assert bits(one) == bits(other)


@every
def test_where_the_origin_lies_does_not_matter(name: str, options: dict[str, Any]) -> None:
    if name == "NelderMead" and not options:
        return  # its first corners depend on the parameters' sizes
    one, other = parameters(tw.float64), parameters(tw.float64)
    with tw.no_grad():
        for p in other:
            p += 4
    first, second = made(name, one, options), made(name, other, options)
    for _ in range(6):
        first.step(cost_of(one))
        second.step(lambda: cost_of([p - 4 for p in other])())
    for p, q in zip(one, other, strict=True):
        np.testing.assert_allclose(q.detach().numpy() - 4, p.detach().numpy(), atol=1e-9)


def test_options_other_than_scale_can_not_differ() -> None:
    a, b = parameters()
    with pytest.raises(OptimizerError, match="sigma can't differ between groups; only scale can"):
        optim.RandomSearch([{"params": [a]}, {"params": [b], "sigma": 3.0}])


def test_parameters_that_were_moved_begin_a_new_search() -> None:
    params = parameters()
    optimizer = optim.NelderMead(params)
    for _ in range(5):
        optimizer.step(cost_of(params))
    best, evaluations = optimizer.best().cost, optimizer.evaluations
    with tw.no_grad():
        params[0].fill_(50.0)
    cost = optimizer.step(cost_of(params))
    assert cost > 1000
    assert optimizer.best().cost == best
    assert optimizer.evaluations >= evaluations + 6  # the corners of a new simplex


def test_a_group_can_be_added_between_steps() -> None:
    a, b = parameters()
    optimizer = optim.RandomSearch([a], seed=0)
    optimizer.step(cost_of([a, b]))
    optimizer.add_param_group({"params": [b]})
    for _ in range(400):
        optimizer.step(cost_of([a, b]))
    assert cost_of([a, b])().item() < 1e-3
    assert [p.shape for p in optimizer.best().parameters] == [a.shape, b.shape]


def test_states_that_do_not_fit_are_refused_and_change_nothing() -> None:
    params = parameters()
    optimizer = optim.RandomSearch(params, seed=0)
    optimizer.step(cost_of(params))
    before = optimizer.state_dict()["state"]["search"]
    wider = [tw.ones(3, 3), tw.ones(1)]
    other = optim.RandomSearch(wider, seed=0)
    other.step(cost_of(wider))
    with pytest.raises(OptimizerError, match="one in 10 numbers, the parameters are 5"):
        optimizer.load_state_dict(other.state_dict())
    with pytest.raises(OptimizerError, match="holds no search"):
        optimizer.load_state_dict({**optimizer.state_dict(), "state": {}})
    assert optimizer.state_dict()["state"]["search"] is before


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("RandomSearch", {"sigma": 0.0}, "sigma must be above 0"),
    ("RandomSearch", {"seed": 1, "generator": tw.Generator()}, "a generator or a seed, not both"),
    ("CoordinateSearch", {"step_size": -1.0}, "step_size must be a finite number"),
    ("PatternSearch", {"shrink": 1.0}, r"shrink\[0\] must lie in \[0, 1\)"),
    ("NelderMead", {"step_size": 0}, "step_size must be above 0"),
    ("SPSA", {"perturbation": 0}, "perturbation must be above 0"),
    ("SPSA", {"repeats": 1.5}, "repeats must be a whole number"),
    ("SimulatedAnnealing", {"cooling": 1.5}, "cooling"),
    ("EvolutionStrategy", {"population": 7}, "population must be even"),
    ("EvolutionStrategy", {"betas": (0.9, 1.0)}, "betas"),
    ("SeparableNES", {"population": 0}, "population must be a whole number"),
    ("SeparableNES", {"sigma_lr": -1}, "sigma_lr"),
    ("SeparableCMAES", {"population": 3}, "population must be at least 4"),
    ("CMAES", {"population": 2}, "population must be a whole number of at least 4"),
]


@pytest.mark.parametrize(("name", "options", "message"), REFUSED)
def test_options_out_of_range(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptimizerError, match=f"^{name}: .*{message}|^{name}: {message}"):
        made(name, parameters(), options)


def test_integers_are_refused() -> None:
    with pytest.raises(OptimizerError, match="must be floating-point"):
        optim.RandomSearch([tw.ones(3, dtype=tw.int64)])


def test_cmaes_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cma", None)
    with pytest.raises(DependencyError, match=r"pip install 'thalweg\[cma\]'"):
        optim.CMAES(parameters())


@pytest.mark.skipif(importlib.util.find_spec("cma") is None, reason="cma is not installed")
def test_cmaes_leaves_numpys_generator_alone() -> None:
    params = parameters()
    np.random.seed(0)
    before = np.random.get_state()[1].tolist()  # type: ignore[index, union-attr]
    optim.CMAES(params, seed=1).step(cost_of(params))
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index, union-attr]


def test_a_schedule_works_on_the_learning_rate() -> None:
    params = parameters()
    optimizer = optim.EvolutionStrategy(params, lr=0.5, population=10, seed=0)
    schedule = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    for _ in range(3):
        optimizer.step(cost_of(params))
        schedule.step()
    assert optimizer.param_groups[0]["lr"] == 0.0625


def test_modules_in_half_the_precision_of_the_search() -> None:
    """What is rounded on its way into float16 parameters is not lost to the search."""
    model = nn.Linear(3, 1).to(tw.float16)
    optimizer = optim.SeparableCMAES(model.parameters(), sigma=0.3, seed=0)
    x = tw.tensor([[1.0, 0.5, -1.0], [0.0, 2.0, 1.0]], dtype=tw.float16)
    costs = [optimizer.step(lambda: ((model(x) - 1).float() ** 2).sum()) for _ in range(60)]
    assert costs[-1] < 0.01 < costs[0]
