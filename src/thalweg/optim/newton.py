"""Newton's method in a trust region."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.modes import enable_grad
from ..core.tensor import Tensor, wrap
from ..errors import OptimizerError
from .checks import at_least_zero, number
from .curvature import LossAtPoint, trainable
from .flat import evaluated_at, move_to, place
from .optimizer import Group, Optimizer
from .trust_region import ModelStep, dense_step, gain_ratio, steihaug

__all__ = ["CurvatureStep", "Newton", "check_solver"]

DENSE = 64  # with solver="auto", up to this many parameters get the whole matrix


@dataclass(frozen=True)
class CurvatureStep:
    """What one step of ``Newton`` or ``LevenbergMarquardt`` did.

    Attributes:
        loss: before the step.
        gradient_norm: the Euclidean norm of the gradient before it.
        predicted: by how much the quadratic model said that the loss would fall, with the last step tried.
        got: by how much it fell; NaN or negative if that step was taken back.
        ratio: got / predicted, the gain ratio, with both a little larger than rounding.
        accepted: whether the parameters moved.
        step_norm: the Euclidean norm of the last step tried.
        control: the radius of the trust region (Newton) or the damping (LevenbergMarquardt) of that step.
        at_edge: whether it ended at the region's edge.
        tries: steps tried.
        products: products by the Hessian, or by the Jacobian and its transpose, in all tries.
    """

    loss: float
    gradient_norm: float
    predicted: float
    got: float
    ratio: float
    accepted: bool
    step_norm: float
    control: float
    at_edge: bool
    tries: int
    products: int


def check_solver(name: str, group: Group) -> None:
    """Options that both methods have."""
    if group["solver"] not in ("auto", "dense", "cg"):
        raise OptimizerError(f'{name}: solver must be "auto", "dense" or "cg", got {group["solver"]!r}')
    for key in ("max_iter", "max_tries"):
        value = group[key]
        if value is not None and (not isinstance(value, int) or value < 1):
            raise OptimizerError(f"{name}: {key} must be an integer above 0, got {value!r}")


class Newton(Optimizer):
    """Newton's method, w <- w - H^-1 g, kept from harm by a trust region.

    With the loss f, its gradient g and Hessian H, the step p makes the model f + g . p + 1/2 p . (H + damping I) p
    small in the ball |p| <= radius. The ratio of the decrease got to the one predicted decides: the radius is
    quartered below 1/4 and doubled above 3/4 if the step ended at the edge; the step is taken above ``accept``,
    else tried anew in the smaller ball. The Hessian need not be positive definite. For smooth losses of all data at
    once (or of a large batch); not within ``tw.compile``.

    Args:
        params: one group of parameters.
        radius: of the first ball, in the units of the parameters.
        max_radius: the largest radius.
        accept: the gain ratio above which a step is taken, from 0 to below 1/4.
        damping: added to the Hessian's diagonal, at least 0.
        solver: "dense" makes the Hessian, of n x n elements, and solves the problem in the ball by Cholesky's factors
            or eigenvectors; "cg" only multiplies by it, with conjugate gradients; "auto" is "dense" up to 64
            parameters.
        max_iter: the most conjugate gradient iterations of a try; the number of parameters if None.
        max_tries: the most balls tried in a step.

    ``last`` is the ``CurvatureStep`` of the last step: predicted and got decrease, ratio, radius, products.
    Conjugate gradients stop at the residual min(1/2, sqrt |g|) |g|, which keeps convergence superlinear.

    Raises:
        OptimizerError: an option out of range, more than one group, no closure; a closure that returns something
            else than a finite loss with a graph.

    Source: Nocedal and Wright (2006), Numerical Optimization, algorithms 4.1, 4.3 and 7.2 (Steihaug 1983).

    >>> import thalweg as tw
    >>> w = tw.tensor([-1.2, 1.0], dtype=tw.float64, requires_grad=True)
    >>> optimizer = tw.optim.Newton([w])
    >>> def closure():  # Rosenbrock's valley; backward is not called
    ...     return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2
    >>> for _ in range(25):
    ...     loss = optimizer.step(closure)
    >>> w.detach()
    tensor([1., 1.], dtype=thalweg.float64)
    """

    last: CurvatureStep | None = None

    def __init__(
        self,
        params: Iterable[Any],
        radius: float = 1.0,
        max_radius: float = 1e3,
        accept: float = 0.1,
        damping: float = 0.0,
        solver: str = "auto",
        max_iter: int | None = None,
        max_tries: int = 20,
    ) -> None:
        super().__init__(
            params,
            {
                "radius": radius, "max_radius": max_radius, "accept": accept, "damping": damping, "solver": solver,
                "max_iter": max_iter, "max_tries": max_tries,
            },
        )  # fmt: skip
        self._params()

    def _check_group(self, group: Group) -> None:
        at_least_zero("Newton", group, "radius", "max_radius", "accept", "damping")
        if not 0 < number(group["radius"]) <= number(group["max_radius"]):
            raise OptimizerError(
                f"Newton: radius must be above 0 and not above max_radius, got {group['radius']} and "
                f"{group['max_radius']}"
            )
        if not number(group["accept"]) < 0.25:
            raise OptimizerError(f"Newton: accept must be below 1/4, got {group['accept']}")
        check_solver("Newton", group)

    def _params(self) -> list[Tensor]:
        return trainable("Newton", self.param_groups)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One move; returns the loss before it.

        ``closure`` computes the loss and returns it, without backward. It is called once with a graph, and once
        without for each step tried.

        Raises:
            OptimizerError: without a closure, or if the loss is not a finite number with a graph.
        """
        if closure is None:
            raise OptimizerError("Newton: step needs a closure that returns the loss, without calling backward")
        params, group = self._params(), self.param_groups[0]
        state = self.state[params[0]]
        state.setdefault("radius", float(group["radius"]))
        with enable_grad():
            loss = closure()
        search = _Search(LossAtPoint("Newton", loss, params), group)
        start = place(params)
        precision = float(np.finfo(start._value.dtype).eps)
        for tries in range(1, group["max_tries"] + 1):
            radius = state["radius"]
            found = search.within(radius)
            target = start + wrap(found.step).to(start.dtype)
            got = search.point.loss - float(evaluated_at(params, target, closure))
            ratio = gain_ratio(got, found.predicted, search.point.loss, precision)
            state["radius"] = _new_radius(ratio, radius, found, group["max_radius"])
            accepted = ratio > group["accept"]
            self.last = search.report(found, got, ratio, accepted, radius, tries)
            if accepted:
                move_to(params, target)
                break
        return loss.detach()


class _Search:
    """The steps within balls of different radii around one point."""

    def __init__(self, point: LossAtPoint, group: Group) -> None:
        self.point, self.group = point, group
        self.damping = float(group["damping"])
        self.products = 0
        size = len(point.gradient)
        self.matrix: Any = None
        if group["solver"] == "dense" or (group["solver"] == "auto" and size <= DENSE):
            self.matrix = point.hessian() + self.damping * np.eye(size)
            self.products = size

    def _product(self, vector: Any) -> Any:
        return self.point.product(vector) + self.damping * vector

    def within(self, radius: float) -> ModelStep:
        """The step within the ball."""
        gradient = self.point.gradient
        if self.matrix is not None:
            return dense_step(self.matrix, gradient, radius)
        size = float(np.linalg.norm(gradient))
        tolerance = min(0.5, math.sqrt(size)) * size
        found = steihaug(self._product, gradient, radius, tolerance, self.group["max_iter"] or len(gradient))
        self.products += found.products
        return found

    def report(
        self, found: ModelStep, got: float, ratio: float, accepted: bool, radius: float, tries: int
    ) -> CurvatureStep:
        """What is kept of the step."""
        return CurvatureStep(
            loss=self.point.loss,
            gradient_norm=float(np.linalg.norm(self.point.gradient)),
            predicted=found.predicted,
            got=got,
            ratio=ratio,
            accepted=accepted,
            step_norm=float(np.linalg.norm(found.step)),
            control=radius,
            at_edge=found.at_edge,
            tries=tries,
            products=self.products,
        )


def _new_radius(ratio: float, radius: float, found: ModelStep, largest: float) -> float:
    """Of the next ball; a rejected step that was shorter than the ball shrinks it to a quarter of the step."""
    if ratio < 0.25:
        return 0.25 * min(radius, float(np.linalg.norm(found.step)) or radius)
    if ratio > 0.75 and found.at_edge:
        return min(2 * radius, largest)
    return radius
