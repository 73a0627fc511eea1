"""Levenberg and Marquardt's method for least squares."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..core.modes import enable_grad
from ..core.tensor import Tensor, wrap
from ..errors import OptimizerError
from .checks import at_least_zero, number
from .curvature import ResidualAtPoint, trainable
from .flat import evaluated_at, move_to, place
from .newton import CurvatureStep, check_solver
from .optimizer import Group, Optimizer
from .trust_region import gain_ratio, steihaug

__all__ = ["LevenbergMarquardt"]

DENSE = 1 << 22  # with solver="auto", a Jacobian of up to this many elements is made, 32 MB,
DENSE_WIDTH = 512  # if it has no more rows or no more columns than this


class LevenbergMarquardt(Optimizer):
    """Levenberg and Marquardt's method: Gauss and Newton's, damped as much as it has to be.

    For the loss 1/2 |r(w)|^2 of residuals r with the Jacobian J, the step h solves::

        (J^T J + mu I) h = -J^T r

    and the gain ratio q, the decrease got over the decrease that the model |r + J h|^2 / 2 predicted, sets the
    damping: if q > 0 the step is taken and mu <- mu max(1/3, 1 - (2 q - 1)^3); else it is tried anew with mu <- nu mu,
    nu <- 2 nu. With mu near 0 this is Gauss and Newton's step, with a large mu a short step against the gradient. It
    starts from mu = ``damping`` times the largest diagonal element of J^T J. For residuals of all data at once; not
    within ``tw.compile``.

    Args:
        params: one group of parameters, n elements in all.
        damping: above 0; small (1e-6) if the start is believed to be near the solution, 1 if nothing is known.
        solver: "dense" makes J, m x n, and solves the least-squares problem of J over sqrt(mu) I, whose condition is
            the root of the equation's; "cg" solves the equation by conjugate gradients with products by J and J^T;
            "auto" is "dense" for up to 4 million elements of J and up to 512 residuals or parameters.
        max_iter: the most conjugate gradient iterations of a try; the number of parameters if None.
        tolerance: conjugate gradients stop where the equation holds to this part of the gradient's norm.
        max_tries: the most dampings tried in a step.

    ``last`` is the ``CurvatureStep`` of the last step, its ``control`` the damping mu.

    Raises:
        OptimizerError: an option out of range, more than one group, no closure; a closure that returns something
            else than finite residuals with a graph.

    Source: Nielsen (1999), Damping parameter in Marquardt's method; Marquardt (1963), An algorithm for least-squares
    estimation of nonlinear parameters.

    >>> import thalweg as tw
    >>> t = tw.linspace(0, 3, 20, dtype=tw.float64)
    >>> y = 2.0 * tw.exp(-1.5 * t)
    >>> w = tw.tensor([1.0, 0.0], dtype=tw.float64, requires_grad=True)
    >>> optimizer = tw.optim.LevenbergMarquardt([w])
    >>> for _ in range(12):
    ...     loss = optimizer.step(lambda: w[0] * tw.exp(-w[1] * t) - y)  # the residuals
    >>> w.detach()
    tensor([2.0000, 1.5000], dtype=thalweg.float64)
    """

    last: CurvatureStep | None = None

    def __init__(
        self,
        params: Iterable[Any],
        damping: float = 1e-3,
        solver: str = "auto",
        max_iter: int | None = None,
        tolerance: float = 1e-6,
        max_tries: int = 20,
    ) -> None:
        super().__init__(
            params,
            {
                "damping": damping, "solver": solver, "max_iter": max_iter, "tolerance": tolerance,
                "max_tries": max_tries,
            },
        )  # fmt: skip
        self._params()

    def _check_group(self, group: Group) -> None:
        at_least_zero("LevenbergMarquardt", group, "damping", "tolerance")
        if number(group["damping"]) == 0:
            raise OptimizerError("LevenbergMarquardt: damping must be above 0; take 1e-12 for Gauss and Newton's step")
        check_solver("LevenbergMarquardt", group)

    def _params(self) -> list[Tensor]:
        return trainable("LevenbergMarquardt", self.param_groups)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One move; returns the loss 1/2 |r|^2 before it.

        ``closure`` returns the residuals, a tensor of any shape, without backward. It is called once with a graph,
        and once without for each damping tried.

        Raises:
            OptimizerError: without a closure, or if the residuals are not finite or have no graph.
        """
        if closure is None:
            raise OptimizerError("LevenbergMarquardt: step needs a closure that returns the residuals")
        params, group = self._params(), self.param_groups[0]
        with enable_grad():
            residual = closure()
        solver = _Damped(ResidualAtPoint("LevenbergMarquardt", residual, params), group)
        state = self.state[params[0]]
        if "damping" not in state:
            state.update(damping=float(group["damping"]) * solver.scale(), factor=2.0)
        start = place(params)
        precision = float(np.finfo(start._value.dtype).eps)
        for tries in range(1, group["max_tries"] + 1):
            damping = state["damping"]
            step, predicted = solver.step(damping)
            target = start + wrap(step).to(start.dtype)
            got = solver.point.loss - half_square(evaluated_at(params, target, closure))
            ratio = gain_ratio(got, predicted, solver.point.loss, precision)
            accepted = ratio > 0
            if accepted:
                state.update(damping=damping * max(1 / 3, 1 - (2 * min(ratio, 1.0) - 1) ** 3), factor=2.0)
            else:
                state.update(damping=damping * state["factor"], factor=2 * state["factor"])
            self.last = CurvatureStep(
                loss=solver.point.loss,
                gradient_norm=float(np.linalg.norm(solver.point.gradient)),
                predicted=predicted,
                got=got,
                ratio=ratio,
                accepted=accepted,
                step_norm=float(np.linalg.norm(step)),
                control=damping,
                at_edge=False,
                tries=tries,
                products=solver.products,
            )
            if accepted:
                move_to(params, target)
                break
        return wrap(np.array(solver.point.loss, residual._value.dtype))


def half_square(residual: Tensor) -> float:
    """1/2 |r|^2, in float64."""
    values = residual._value.astype(np.float64).ravel()
    return float(values @ values) / 2


class _Damped:
    """The steps with different damping from one point."""

    def __init__(self, point: ResidualAtPoint, group: Group) -> None:
        self.point, self.group = point, group
        rows, count = len(point.values), len(point.gradient)
        fits = rows * count <= DENSE and min(rows, count) <= DENSE_WIDTH
        self.jacobian: Any = None
        self.products = 0
        if group["solver"] == "dense" or (group["solver"] == "auto" and fits):
            self.jacobian = point.jacobian()
            self.products = min(rows, count)

    def scale(self) -> float:
        """The largest diagonal element of J^T J; without J, its curvature along the gradient. 1 if that is 0."""
        if self.jacobian is not None:
            return float(np.max(np.sum(self.jacobian**2, axis=0))) or 1.0
        gradient = self.point.gradient
        size = float(np.linalg.norm(gradient))
        if size == 0:
            return 1.0
        pushed = self.point.product(gradient / size)
        self.products += 1
        return float(pushed @ pushed) or 1.0

    def step(self, damping: float) -> tuple[Any, float]:
        """The step h, and the decrease -(g . h + 1/2 |J h|^2) that the model predicts."""
        gradient = self.point.gradient
        if self.jacobian is not None:
            count = len(gradient)
            over = np.concatenate([self.jacobian, np.sqrt(damping) * np.eye(count)])
            step = np.linalg.lstsq(over, np.concatenate([-self.point.values, np.zeros(count)]), rcond=None)[0]
            pushed = self.jacobian @ step
            return step, float(-(gradient @ step) - pushed @ pushed / 2)
        tolerance = float(self.group["tolerance"]) * float(np.linalg.norm(gradient))
        equation = _NormalEquation(self.point, damping)
        found = steihaug(equation, gradient, np.inf, tolerance, self.group["max_iter"] or len(gradient))
        self.products += 2 * found.products
        return found.step, found.predicted + damping * float(found.step @ found.step) / 2


class _NormalEquation:
    """The product v -> (J^T J + mu I) v."""

    def __init__(self, point: ResidualAtPoint, damping: float) -> None:
        self.point, self.damping = point, damping

    def __call__(self, vector: Any) -> Any:
        return self.point.transposed_product(self.point.product(vector)) + self.damping * vector
