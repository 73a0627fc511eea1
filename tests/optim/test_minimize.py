"""``minimize`` looks whether the gradient says anything, picks a method, and returns what SciPy's would."""

from __future__ import annotations

import importlib.util
import math
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import optim
from thalweg.errors import DtypeError, OptimizerError
from thalweg.ops.random import Generator
from thalweg.optim.minimizing import choosing
from thalweg.optim.minimizing.choosing import METHODS, choose, method_named
from thalweg.optim.minimizing.objective import Objective
from thalweg.optim.minimizing.probing import Nature, probe


def rosenbrock(x: Any) -> Any:
    return ((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2).sum()


def stairs(x: Any) -> Any:
    return (x.round() ** 2).sum()


def nature_of(fun: Any, start: Any, *args: Any) -> Nature:
    objective = Objective(fun, tw.tensor(start, dtype=tw.float64), args)
    found = probe(objective, Generator().manual_seed(0))
    assert objective.x.tolist() == start
    return found


# -- what kind of function it is --------------------------------------------------------------------------

RANDOM = np.random.default_rng(0)
KINDS: list[tuple[str, Any, list[float], str]] = [
    ("smooth", rosenbrock, [-1.2, 1.0], "says how the cost changes"),
    ("smooth", lambda x: (x**2).sum(), [0.0, 0.0], "says how the cost changes"),
    ("smooth", lambda x: 1e6 * x[0] ** 2 + x[1] ** 2, [1.0, 1.0], "says how"),
    ("smooth", lambda x: tw.exp(5 * x).sum() + tw.sin(30 * x).sum(), [0.1, 0.3], "says how"),
    ("smooth", lambda x: (x[0] - 1) ** 2 + 0 * x[1], [0.0, 0.0], "says how"),  # the other parameter does nothing
    ("steps", stairs, [3.3, -2.4], "round at test_minimize.py:"),
    ("steps", lambda x: (x > 1).sum(), [3.0, -2.0], "gt at test_minimize.py:"),
    ("steps", lambda x: float((x > 1).sum()), [3.0, -2.0], "no gradient, and small changes of x"),
    ("steps", lambda x: 7, [3.0, -2.0], "no gradient, and small changes of x"),
    ("steps", lambda x: x[0] ** 2 + x[1].round() ** 2, [2.0, 4.0], "gradient by 1 of 2 parameters is 0"),
    ("black box", lambda x: float((x * x).sum()), [3.0, -2.0], "leaves no tape"),
    ("black box", lambda x: np.sum(x.numpy() ** 2), [3.0, -2.0], "leaves no tape"),
    ("black box", lambda x: (x.detach() ** 2).sum(), [3.0, -2.0], "leaves no tape"),
    ("undefined", lambda x: tw.sqrt(x - 2).sum(), [1.0, 3.0], "NaN, infinite or missing"),
    ("undefined", lambda x: (x * tw.tensor([math.inf, 1.0])).sum(), [1.0, 3.0], "NaN, infinite or missing"),
    ("misleading", lambda x: (x.detach() ** 2).sum() + 0.01 * x.sum(), [1.0, 3.0], "otherwise than the gradient"),
    ("misleading", lambda x: x.abs().sum(), [0.0, 0.0], "otherwise than the gradient"),
    ("noisy", lambda x: (x**2).sum() + 0.01 * RANDOM.standard_normal(), [1.0, 3.0], "the cost is random"),
]


@pytest.mark.parametrize(("kind", "fun", "start", "why"), KINDS)
def test_nature(kind: str, fun: Any, start: list[float], why: str) -> None:
    found = nature_of(fun, start)
    assert found.kind == kind
    assert why in found.why


def test_width_is_how_far_a_change_lies() -> None:
    assert nature_of(lambda x: (x / 4).round().sum(), [0.1, 0.1]).width in (1.0, 10.0)
    assert nature_of(lambda x: (x * 40).round().sum(), [0.0, 0.0]).width in (0.01, 0.1)


def test_kinds_call_for_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(kind: str, size: int, width: float = 0.1) -> tuple[str, dict[str, Any]]:
        choice = choose(Nature(kind, "why", width), tw.ones(size))
        assert choice.reason.startswith("why; so ")
        return choice.method, choice.options

    monkeypatch.setattr(choosing.importlib.util, "find_spec", lambda name: None)
    assert chosen("smooth", 1000) == ("LBFGS", {})
    assert chosen("black box", 5) == ("NelderMead", {"step_size": 0.3, "adaptive": True})
    assert chosen("misleading", 1) == ("NelderMead", {"step_size": 0.3, "adaptive": False})
    assert chosen("steps", 3, 10.0) == ("SeparableCMAES", {"sigma": 10.0})
    assert chosen("noisy", 3) == ("SeparableCMAES", {"sigma": 0.3, "population": 28})
    assert "pip install 'thalweg[cma]'" in choose(Nature("steps", "why", 0.1), tw.ones(3)).reason
    monkeypatch.setattr(choosing.importlib.util, "find_spec", lambda name: object())
    assert chosen("steps", 3) == ("CMAES", {"sigma": 0.3})
    assert chosen("undefined", 6)[0] == "CMAES"
    assert chosen("undefined", 101)[0] == "SeparableCMAES"


# -- results ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fun", "start", "place", "near"),
    [
        (rosenbrock, [1.3, 0.7, 0.8, 1.9, 1.2], np.ones(5), 1e-4),
        (lambda x: float(np.sum((x.numpy() - 1) ** 2)), [3.3, -2.4], np.ones(2), 1e-3),
        (lambda x: float(np.sum((x.numpy() - 1) ** 2)), [3.0] * 7, np.ones(7), 1e-3),
        (stairs, [3.3, -2.4, 4.0], np.zeros(3), 0.5),
        (lambda x: (x - 0.3).abs().sum(), [1.0, 3.0], np.full(2, 0.3), 1e-3),
        (lambda x: x[0] ** 2 + x[1].round() ** 2, [2.0, 4.0], np.zeros(2), 0.5),
        (lambda x: (x - 1).square().sum() / (x.min() > 0), [3.0, 0.2], np.ones(2), 1e-3),
    ],
)
def test_auto_finds_the_minimum(fun: Any, start: list[float], place: Any, near: float) -> None:
    found = tw.minimize(fun, start, seed=0)
    assert found.success
    assert found.status == 0
    assert found.message.startswith("converged")
    assert found.x.dtype == tw.float64
    assert not found.x.requires_grad
    np.testing.assert_allclose(found.x.numpy(), place, atol=near)
    assert float(fun(found.x)) == pytest.approx(found.fun, abs=1e-12)


def test_auto_of_a_noisy_cost_ends_near_the_minimum() -> None:
    random = np.random.default_rng(0)
    found = tw.minimize(lambda x: ((x - 1) ** 2).sum() + 0.1 * random.standard_normal(), [3.0] * 4, seed=0)
    assert "the cost is random" in found.reason
    assert ((found.x - 1) ** 2).sum().item() < 0.1


def test_where_lbfgs_gets_stuck_another_goes_on() -> None:
    found = tw.minimize(lambda x: tw.maximum((x[0] - 1) ** 2 + 5 * x[1].abs(), x.sum()), [2.0, -3.0], seed=0)
    assert found.method == "NelderMead"
    assert "LBFGS" in found.reason
    assert "where it got stuck" in found.reason
    assert found.fun == pytest.approx((3 - math.sqrt(5)) / 2, abs=1e-3)  # (x - 1)² = x
    stuck = tw.minimize(lambda x: (x - 0.3).abs().sum(), [1.0, 3.0], method="L-BFGS")
    assert stuck.status == 4
    assert not stuck.success
    assert "up to 1" in stuck.message


def test_evaluations_are_counted_and_limited() -> None:
    calls = [0]

    def counted(x: Any) -> Any:
        calls[0] += 1
        return rosenbrock(x)

    for method in ("auto", "LBFGS", *METHODS):
        if method == "CMAES" and importlib.util.find_spec("cma") is None:
            continue
        calls[0] = 0
        found = tw.minimize(counted, [3.3, -2.4], method=method, seed=0, options={"maxfev": 20})
        assert found.nfev == calls[0]
        assert found.status == 1
        assert not found.success
        assert "evaluations" in found.message
        assert calls[0] <= 70


def test_iterations_are_limited() -> None:
    found = tw.minimize(rosenbrock, [-1.2, 1.0], method="nelder mead", options={"maxiter": 10})
    assert (found.nit, found.status) == (10, 2)
    assert found.message == "stopped after 10 iterations"
    assert tw.minimize(rosenbrock, [-1.2, 1.0], options={"maxiter": 3}).status == 2


@pytest.mark.parametrize("start", [[-1.2, 1.0], [1.3, 0.7, 0.8, 1.9, 1.2]])
def test_nelder_mead_is_scipys(start: list[float]) -> None:
    minimize = pytest.importorskip("scipy.optimize").minimize
    expected = minimize(rosenbrock, start, method="Nelder-Mead")
    found = tw.minimize(lambda x: rosenbrock(x.numpy()), start, method="Nelder-Mead")
    assert found.nfev == expected.nfev
    np.testing.assert_allclose(found.x.numpy(), expected.x, rtol=1e-12)
    assert {k for k in expected if not k.startswith("final")} <= set(found)


def test_lbfgs_is_as_good_as_scipys() -> None:
    minimize = pytest.importorskip("scipy.optimize").minimize
    start = np.tile([-1.2, 1.0], 5)
    expected = minimize(rosenbrock, start, method="L-BFGS-B")  # its differences take n + 1 evaluations for a gradient
    found = tw.minimize(rosenbrock, start)
    assert found.fun < 1e-8
    assert found.nfev < 2 * expected.nfev / 11 + 10
    np.testing.assert_allclose(found.jac.numpy(), 0, atol=1e-3)
    assert found.njev <= found.nfev


def test_the_same_seed_gives_the_same_result() -> None:
    runs = [tw.minimize(stairs, [3.3, -2.4], seed=seed, method="SeparableNES").x.tolist() for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    tw.manual_seed(3)
    first = tw.minimize(stairs, [3.3, -2.4], method="SeparableNES").x.tolist()
    tw.manual_seed(3)
    assert tw.minimize(stairs, [3.3, -2.4], method="SeparableNES").x.tolist() == first


def test_shapes_dtypes_and_arguments_are_kept() -> None:
    target = tw.tensor([[1.0, 2.0], [3.0, 4.0]])
    start = tw.zeros(2, 2)
    found = tw.minimize(lambda x, y, factor: factor * ((x - y) ** 2).sum(), start, args=(target, 2.0))
    assert found.x.dtype == tw.float32
    np.testing.assert_allclose(found.x.numpy(), target.numpy(), atol=1e-3)
    assert start.abs().sum().item() == 0
    assert tw.minimize(lambda x: (x - 1.5) ** 2, 4).x.item() == pytest.approx(1.5)
    assert tw.minimize(lambda x: ((x - 1.5) ** 2).sum(), [4, 2]).x.dtype == tw.float64


def test_tolerances() -> None:
    coarse = tw.minimize(rosenbrock, [-1.2, 1.0], method="nelder-mead", tol=1e-1)
    fine = tw.minimize(rosenbrock, [-1.2, 1.0], method="nelder-mead", tol=1e-9)
    assert coarse.nfev < fine.nfev
    assert fine.fun < 1e-17
    patient = tw.minimize(lambda x: 1.0, [1.0], method="random search", options={"patience": 50}, seed=0)
    assert patient.nfev == 52  # the first step takes two
    assert "no lower cost was found in the last 50" in patient.message


def test_costs_that_are_never_finite() -> None:
    found = tw.minimize(lambda x: math.nan, [1.0, 2.0], options={"maxfev": 50}, seed=0)
    assert (found.status, found.success, found.fun) == (3, False, math.inf)
    assert found.x.isfinite().all()
    assert tw.minimize(lambda x: tw.log(x).sum(), [-1.0], method="lbfgs").status == 3


def test_methods_by_name() -> None:
    assert method_named("Nelder-Mead") == method_named("nelder_mead") == "NelderMead"
    assert method_named("CMA-ES") == "CMAES"
    assert method_named("l-bfgs") == "LBFGS"
    assert set(METHODS) <= set(optim.__all__)


def test_what_is_refused() -> None:
    with pytest.raises(OptimizerError, match=r"method must be 'auto' or one of LBFGS, CMAES, .*, not 'Powell'"):
        tw.minimize(rosenbrock, [1.0, 2.0], method="Powell")
    with pytest.raises(OptimizerError, match=r"NelderMead does not take these options: .*sigma"):
        tw.minimize(rosenbrock, [1.0, 2.0], method="NelderMead", options={"sigma": 1.0})
    with pytest.raises(OptimizerError, match=r"LBFGS does not take these options: .*sigma"):
        tw.minimize(rosenbrock, [1.0, 2.0], method="LBFGS", options={"sigma": 1.0})
    with pytest.raises(OptimizerError, match="LBFGS needs a gradient"):
        tw.minimize(lambda x: 1.0, [1.0, 2.0], method="LBFGS")
    with pytest.raises(OptimizerError, match="must return the cost"):
        tw.minimize(lambda x: x, [1.0, 2.0])
    with pytest.raises(OptimizerError, match="x0 must have at least one number, and only finite ones"):
        tw.minimize(rosenbrock, [1.0, math.nan])
    with pytest.raises(DtypeError, match="complex128"):
        tw.minimize(rosenbrock, [1j])
    with pytest.raises(ZeroDivisionError):
        tw.minimize(lambda x: 1 / 0, [1.0])


def test_a_result_is_a_dictionary_with_attributes() -> None:
    found = optim.OptimizeResult(x=tw.tensor([[1.0], [2.0]]), fun=2.0)
    assert found.fun == found["fun"] == 2.0
    found.success = True
    assert found["success"] is True
    assert "fun" in dir(found)
    assert repr(found) == "      x: tensor([[1.],\n                 [2.]])\n    fun: 2.0\nsuccess: True"
    with pytest.raises(AttributeError, match="has no 'jac'; it has x, fun, success"):
        _ = found.jac
