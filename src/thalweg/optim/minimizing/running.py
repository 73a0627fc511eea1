"""What ``minimize`` does: the choice of a method, and the loops that run it until it has converged or may not go on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.tensor import Tensor, wrap
from ...errors import OptimizerError
from ...ops.creation import tensor
from ...ops.random import Generator, default_generator
from ..derivative_free import DerivativeFreeOptimizer
from ..derivative_free.base import SEARCH
from ..lbfgs import LBFGS
from .choosing import FEW, Choice, choose, made, method_named
from .choosing import LBFGS as LBFGS_NAME
from .objective import Objective
from .probing import Nature, probe
from .result import OptimizeResult

__all__ = ["minimized"]

CONVERGED, OUT_OF_EVALUATIONS, OUT_OF_ITERATIONS, NOT_FINITE, STUCK = range(5)
LARGE = 0.01  # what an element of the gradient is compared with at the end, relative to max(1, |cost|)
LIMITS = ("maxfev", "maxiter", "xatol", "fatol", "gtol", "patience")  # options that are not the optimiser's
IMPATIENT = ("CMAES", "SeparableCMAES", "SeparableNES", "EvolutionStrategy", "RandomSearch")


@dataclass(frozen=True)
class Limits:
    """When to stop."""

    evaluations: int
    iterations: float
    x_tolerance: float
    cost_tolerance: float
    gradient_tolerance: float
    patience: float


def minimized(
    fun: Callable[..., Any],
    x0: Any,
    args: tuple[Any, ...],
    method: str,
    tol: float | None,
    options: dict[str, Any] | None,
    seed: int | None,
) -> OptimizeResult:
    """What ``minimize`` returns."""
    objective = Objective(fun, _start(x0), args)
    given = dict(options or {})
    if seed is None:
        seed = int(default_generator.words(1)[0])
    if method == "auto":
        return _chosen_and_run(objective, given, tol, seed)
    chosen = Choice(method_named(method), {}, "it was asked for")
    return run(objective, chosen, given, tol, seed, noisy=chosen.method == "SPSA")


def _chosen_and_run(objective: Objective, given: dict[str, Any], tol: float | None, seed: int) -> OptimizeResult:
    """Run the method that the function calls for, and a second one from where the first is misled by the gradient."""
    generator = Generator().manual_seed(seed)
    nature = probe(objective, generator)
    first = run(objective, choose(nature, objective.x), given, tol, seed, noisy=nature.kind == "noisy")
    if first.status != STUCK:
        return first
    objective.move_to(first.x._value)
    nature = probe(objective, generator)
    if nature.kind == "smooth" and first.x.numel() <= FEW:
        nature = Nature("misleading", "the gradient is large, but the cost does not fall along it, as at a kink", 0.0)
    chosen = choose(nature, objective.x)
    if chosen.method == LBFGS_NAME:
        return OptimizeResult(first, nfev=objective.evaluations, njev=objective.gradients)
    second = run(objective, chosen, {k: v for k, v in given.items() if k in LIMITS}, tol, seed, nature.kind == "noisy")
    reason = f"{first.reason}; where it got stuck, {chosen.reason}"
    best = second if second.fun < first.fun else OptimizeResult(second, x=first.x, fun=first.fun)
    return OptimizeResult(best, reason=reason, nit=first.nit + second.nit)


def run(
    objective: Objective, chosen: Choice, options: dict[str, Any], tol: float | None, seed: int, noisy: bool
) -> OptimizeResult:
    """Run one method from where x stands."""
    given = dict(options)
    limits = _limits(given, objective.x.numel(), tol, chosen.method in IMPATIENT)
    if chosen.method == LBFGS_NAME:
        result = run_lbfgs(objective, limits, given)
    else:
        optimizer = made(chosen.method, objective.x, {**chosen.options, **given}, seed)
        result = run_without_gradient(objective, optimizer, limits, noisy)
    return OptimizeResult(result, nfev=objective.evaluations, method=chosen.method, reason=chosen.reason)


def _start(x0: Any) -> Tensor:
    start = x0.detach() if isinstance(x0, Tensor) else tensor(np.array(x0))
    if start._value.dtype.kind != "f":
        start = wrap(start._value.astype(np.float64))
    if not start.numel() or not np.isfinite(start._value).all():
        raise OptimizerError("minimize: x0 must have at least one number, and only finite ones")
    return start


def _limits(given: dict[str, Any], size: int, tol: float | None, impatient: bool) -> Limits:
    """The limits among the options, which are taken out."""
    evaluations = given.pop("maxfev", None)
    return Limits(
        evaluations=1000 * (size + 1) if evaluations is None else evaluations,
        iterations=given.pop("maxiter", math.inf),
        x_tolerance=given.pop("xatol", 1e-4 if tol is None else tol),
        cost_tolerance=given.pop("fatol", 1e-4 if tol is None else tol),
        gradient_tolerance=given.pop("gtol", 1e-5 if tol is None else tol),
        patience=given.pop("patience", 500 + 50 * size if impatient else math.inf),
    )


# -- along the gradient -----------------------------------------------------------------------------------


class Slopes:
    """The closure that LBFGS asks: it leaves the gradient at x, and remembers the best place."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.cost = math.inf
        self.place: Any = objective.x._value.copy()
        self.gradient: Any = None

    def __call__(self) -> float:
        cost, gradient = self.objective.slope()
        if gradient is None:
            raise OptimizerError(
                "minimize: LBFGS needs a gradient, but the function leaves no tape from x to the cost; stay with "
                "thalweg's operations, or choose a method that needs costs only"
            )
        if cost < self.cost:
            self.cost, self.place, self.gradient = cost, self.objective.x._value.copy(), gradient
        self.objective.x.grad = wrap(np.array(gradient))
        return cost


def run_lbfgs(objective: Objective, limits: Limits, options: dict[str, Any]) -> dict[str, Any]:
    """LBFGS with strong Wolfe conditions, in one step."""
    closure, most = Slopes(objective), int(min(limits.iterations, limits.evaluations))
    before = objective.evaluations
    try:
        optimizer = LBFGS(
            [objective.x],
            max_iter=most,
            max_eval=limits.evaluations - before,
            tolerance_grad=limits.gradient_tolerance,
            line_search_fn="strong_wolfe",
            **options,
        )
    except TypeError as error:
        raise OptimizerError(f"minimize: LBFGS does not take these options: {error}") from None
    optimizer.step(closure)
    iterations = optimizer.state[objective.x]["n_iter"]
    status, message = _end_of_lbfgs(closure, iterations, objective.evaluations, limits)
    return {
        "x": wrap(closure.place),
        "fun": closure.cost,
        "success": status == CONVERGED,
        "status": status,
        "message": message,
        "nit": iterations,
        "njev": objective.gradients,
        "jac": None if closure.gradient is None else wrap(closure.gradient),
    }


def _end_of_lbfgs(closure: Slopes, iterations: int, evaluations: int, limits: Limits) -> tuple[int, str]:
    if closure.cost == math.inf:
        return NOT_FINITE, "no finite cost was found"
    largest = float(np.abs(closure.gradient).max())
    if largest <= limits.gradient_tolerance:
        return CONVERGED, f"converged: no element of the gradient is larger than {limits.gradient_tolerance:g}"
    if iterations >= limits.iterations:
        return OUT_OF_ITERATIONS, f"stopped after {iterations} iterations"
    if evaluations >= limits.evaluations:
        return OUT_OF_EVALUATIONS, f"stopped after {evaluations} evaluations"
    if largest > LARGE * max(1.0, abs(closure.cost)):
        return STUCK, f"stuck: neither the cost nor x changes, though elements of the gradient are up to {largest:.3g}"
    return CONVERGED, "converged: neither the cost nor x changes any more"


# -- without gradient -------------------------------------------------------------------------------------


def run_without_gradient(
    objective: Objective, optimizer: DerivativeFreeOptimizer, limits: Limits, noisy: bool
) -> dict[str, Any]:
    """Steps of a derivative-free optimiser."""
    iterations, lowest, since = 0, math.inf, objective.evaluations
    while True:
        optimizer.step(objective.cost)
        iterations += 1
        best: float = optimizer.state[SEARCH]["best_cost"]
        if best < lowest - limits.cost_tolerance or (lowest == math.inf and best < math.inf):
            lowest, since = best, objective.evaluations
        end = _end(optimizer, limits, iterations, objective.evaluations, since)
        if end is not None:
            break
    status, message = (NOT_FINITE, "no finite cost was found") if best == math.inf else end
    cost = _final(objective, optimizer, noisy) if best < math.inf else math.inf
    return {
        "x": objective.x.detach().clone(),
        "fun": cost,
        "success": status == CONVERGED,
        "status": status,
        "message": message,
        "nit": iterations,
        "njev": objective.gradients,
    }


def _end(
    optimizer: DerivativeFreeOptimizer, limits: Limits, iterations: int, evaluations: int, since: int
) -> tuple[int, str] | None:
    """The status and the message with which to stop; None to go on."""
    if optimizer.radius <= limits.x_tolerance and optimizer.spread <= limits.cost_tolerance:
        return CONVERGED, f"converged: the search looks no further than {optimizer.radius:.2g}"
    if evaluations - since >= limits.patience:
        return CONVERGED, f"converged: no lower cost was found in the last {evaluations - since} evaluations"
    if iterations >= limits.iterations:
        return OUT_OF_ITERATIONS, f"stopped after {iterations} iterations"
    if evaluations >= limits.evaluations:
        return OUT_OF_EVALUATIONS, f"stopped after {evaluations} evaluations"
    return None


def _final(objective: Objective, optimizer: DerivativeFreeOptimizer, noisy: bool) -> float:
    """Leave x at the result, and return its cost."""
    if noisy:
        return objective.number()
    return optimizer.use_best()
