"""``minimize``: a function and where to begin. What it does is imported with the first call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .minimizing.result import OptimizeResult

__all__ = ["minimize"]


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: tuple[Any, ...] = (),
    method: str = "auto",
    tol: float | None = None,
    options: dict[str, Any] | None = None,
    seed: int | None = None,
) -> OptimizeResult:
    """Minimise a function of one tensor, in the shape of SciPy's ``minimize``.

    ``method="auto"`` looks at the function at ``x0`` and four points near by, with a tape. If its gradient is finite
    and says how the cost changes there, LBFGS with strong Wolfe line search goes along it. If the function is piecewise
    constant or random, CMAES takes over (SeparableCMAES without the package cma, or for more than 100 parameters). If
    it leaves no tape, or a gradient that is not finite or misleading, NelderMead does up to 5 parameters, and CMAES
    more. Where LBFGS gets stuck, as at a kink, one of these goes on. ``reason`` in the result says what was seen, and
    which operation has ended the gradient.

    Args:
        fun: ``fun(x, *args)`` returns the cost, a number or tensor of one element; x is a tensor like ``x0``.
        x0: where to begin: a tensor, an array or numbers; what is not floating-point becomes float64.
        args: further arguments of the function.
        method: "auto", "LBFGS", or the name of a derivative-free optimiser of ``thalweg.optim``; case, hyphens and
            spaces don't matter.
        tol: sets ``xatol``, ``fatol`` and ``gtol``.
        options: "maxfev": the most evaluations, by default 1000 (n + 1); a step that has begun is finished.
            "maxiter": the most steps. "xatol", "fatol" (1e-4 each): converged when the search looks no further and the
            costs that it compares differ by no more. "gtol" (1e-5): when no element of the gradient is larger (LBFGS).
            "patience": also when no cost lower by ``fatol`` was found in so many evaluations; by default 500 + 50 n for
            population methods and RandomSearch. All others are given to the optimiser.
        seed: of the random numbers; drawn from the default generator if None.

    Returns:
        An OptimizeResult. If the costs are random, ``x`` is the centre of the search and ``fun`` one cost there, else
        the best point that was seen.

    Raises:
        OptimizerError: an unknown method or option; a function that returns no number; LBFGS without a gradient.

    >>> import thalweg as tw
    >>> def rosenbrock(x):
    ...     return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    >>> found = tw.minimize(rosenbrock, [-1.2, 1.0])
    >>> found.method, found.success, [round(v, 4) for v in found.x.tolist()]
    ('LBFGS', True, [1.0, 1.0])
    >>> found = tw.minimize(lambda x: (x.round() ** 2).sum(), [3.3, -2.4], method="random search", seed=0)
    >>> found.fun
    0.0
    """
    from .minimizing.running import minimized

    return minimized(fun, x0, args, method, tol, options, seed)
