"""How far an optimiser's step is from the steepest descent, and whether it brought what it promised."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.modes import enable_grad
from ..core.tensor import Tensor
from ..errors import ArgumentError, OptimizerError
from .curvature import LossAtPoint
from .flat import evaluated_at, flattened, place, placed_at
from .optimizer import Optimizer

__all__ = ["Descent", "measured_step", "steepest_descent_angle"]


@dataclass
class Descent:
    """A step, seen from the gradient g and the Hessian H at its beginning; NaN until the block of the step has ended.

    Attributes:
        angle: between the step s and -g, in degrees: 0 is the steepest descent, above 90 the step climbs at first.
            NaN if one of them is 0.
        step_norm: |s|
        gradient_norm: |g|
        loss: at the beginning.
        first_order: the decrease predicted by the slope, -g . s
        second_order: the decrease predicted with the curvature, -(g . s + 1/2 s . H s); NaN if not asked for.
        got: the decrease of the loss.
    """

    angle: float = math.nan
    step_norm: float = math.nan
    gradient_norm: float = math.nan
    loss: float = math.nan
    first_order: float = math.nan
    second_order: float = math.nan
    got: float = math.nan


def steepest_descent_angle(step: Tensor | Sequence[Tensor], gradient: Tensor | Sequence[Tensor]) -> float:
    """The angle between a step and the negative gradient, in degrees from 0 to 180; NaN if one of them is 0.

    Args:
        step: the change of one parameter, or of several.
        gradient: of the loss by the same parameters, with as many elements.

    A step M (-g) with a positive definite matrix M stays below 90 degrees.

    Raises:
        ArgumentError: the numbers of elements differ.

    >>> import thalweg as tw
    >>> round(tw.optim.steepest_descent_angle(tw.tensor([-1.0, 0.0]), tw.tensor([2.0, 2.0])), 3)
    45.0
    """
    s, g = _vector(step), _vector(gradient)
    if s.shape != g.shape:
        raise ArgumentError(
            f"steepest_descent_angle: the step has {s.size} elements and the gradient {g.size}; give both for the same "
            "parameters"
        )
    return _angle(s, -g)


def _vector(tensors: Tensor | Sequence[Tensor]) -> Any:
    parts = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    return flattened(parts)._value.astype(np.float64)


def _angle(a: Any, b: Any) -> float:
    """Between two vectors, in degrees; exact for small angles too (Kahan 2006, How futile are mindless assessments)."""
    sizes = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if 0.0 in sizes:
        return math.nan
    u, v = a / sizes[0], b / sizes[1]
    return math.degrees(2 * math.atan2(float(np.linalg.norm(u - v)), float(np.linalg.norm(u + v))))


@contextmanager
def measured_step(
    params: Optimizer | Iterable[Tensor], closure: Callable[[], Tensor], second_order: bool = True
) -> Iterator[Descent]:
    """A ``with`` block around the step of any optimiser, which measures the step when the block ends.

    Args:
        params: the optimiser, or the parameters that the block changes.
        closure: returns the loss, without calling backward; it is called twice when the block ends, at the place
            where the parameters were before and where they are now. Gradients in ``grad`` are left alone.
        second_order: also predict the decrease with the curvature, for one product by the Hessian.

    Yields:
        The ``Descent``, filled in at the end of the block.

    The two losses can be compared only if the closure gives the same loss for the same parameters: same batch, no
    dropout.

    Raises:
        OptimizerError: no parameter requires a gradient, or the loss is not a finite number with a graph.

    >>> import thalweg as tw
    >>> w = tw.tensor([1.0, 1.0], requires_grad=True)
    >>> optimizer = tw.optim.SGD([w], lr=0.01)
    >>> def loss():
    ...     return 0.5 * (w[0] ** 2 + 100 * w[1] ** 2)
    >>> loss().backward()
    >>> with tw.optim.measured_step(optimizer, loss) as descent:
    ...     optimizer.step()
    >>> round(descent.angle, 3), round(descent.first_order, 2), round(descent.second_order, 2), round(descent.got, 2)
    (0.0, 100.01, 50.01, 50.01)
    """
    if isinstance(params, Optimizer):
        params = [p for group in params.param_groups for p in group["params"]]
    watched = [p for p in params if p.requires_grad]
    if not watched:
        raise OptimizerError("measured_step: none of the parameters requires a gradient; set requires_grad on some")
    descent, start = Descent(), place(watched)
    yield descent
    step = (place(watched) - start)._value.astype(np.float64)
    with placed_at(watched, start):
        with enable_grad():
            loss = closure()
        point = LossAtPoint("measured_step", loss, watched)
        slope = float(point.gradient @ step)
        if second_order:
            descent.second_order = -slope - float(step @ point.product(step)) / 2
    descent.angle = _angle(step, -point.gradient)
    descent.step_norm, descent.gradient_norm = float(np.linalg.norm(step)), float(np.linalg.norm(point.gradient))
    descent.loss, descent.first_order = point.loss, -slope
    descent.got = point.loss - float(evaluated_at(watched, place(watched), closure))
