"""The quadratic model g . p + 1/2 p . H p made small within a ball |p| <= radius."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["ModelStep", "dense_step", "gain_ratio", "steihaug"]

Product = Callable[[Any], Any]


@dataclass(frozen=True)
class ModelStep:
    """A step and what the model says of it.

    Attributes:
        step: p, (n,)
        predicted: by how much the model falls, -(g . p + 1/2 p . H p).
        at_edge: whether |p| is the radius.
        products: how many products by H were needed.
    """

    step: Any
    predicted: float
    at_edge: bool
    products: int


def gain_ratio(got: float, predicted: float, loss: float, precision: float) -> float:
    """The decrease got over the decrease predicted, not led astray by rounding.

    Both get 10 ``precision`` |loss| more, so that a change below what the loss can resolve counts as kept. The source
    takes max(1, |loss|), which in single precision would hide the whole decrease of a loss of 1e-6.

    Reference: Conn, Gould and Toint (2000), Trust-Region Methods, section 17.4.2.
    """
    if not math.isfinite(got):
        return -math.inf
    slack = 10 * precision * abs(loss)
    if predicted + slack == 0:
        return 1.0 if got == 0 else math.copysign(math.inf, got)
    return (got + slack) / (predicted + slack)


def steihaug(product: Product, gradient: Any, radius: float, tolerance: float, most: int) -> ModelStep:
    """Conjugate gradients from p = 0 until |H p + g| <= tolerance, stopped at the ball's edge.

    Along a direction of curvature <= 0 the step goes to the edge. With ``radius`` infinite and H positive definite
    these are plain conjugate gradients, which solve H p = -g.

    Args:
        product: v -> H v.
        gradient: g, (n,)
        radius: of the ball; finite unless H is positive definite.
        tolerance: on the norm of the residual.
        most: products by H.

    Reference: Nocedal and Wright (2006), Numerical Optimization, algorithm 7.2.
    """
    step = np.zeros_like(gradient)
    curved = np.zeros_like(gradient)  # H p
    residual, direction, count, at_edge = gradient, -gradient, 0, False
    square = residual @ residual
    while count < most and math.sqrt(square) > tolerance:
        turned = product(direction)
        count += 1
        curvature = direction @ turned
        length = square / curvature if curvature > 0 else math.inf
        at_edge = not np.linalg.norm(step + length * direction) < radius if math.isfinite(length) else True
        if at_edge:
            length = _to_edge(step, direction, radius)
        step, curved = step + length * direction, curved + length * turned
        if at_edge:
            break
        residual = residual + length * turned
        before, square = square, residual @ residual
        direction = (square / before) * direction - residual
    return ModelStep(step, float(-(gradient @ step) - step @ curved / 2), at_edge, count)


def _to_edge(step: Any, direction: Any, radius: float) -> float:
    """The length t >= 0 at which |step + t direction| = radius."""
    a, b, c = direction @ direction, step @ direction, step @ step - radius * radius
    root = math.sqrt(max(b * b - a * c, 0.0))
    return float(-c / (b + root) if b > 0 else (root - b) / a)


def dense_step(matrix: Any, gradient: Any, radius: float) -> ModelStep:
    """The best step in the ball: Newton's, by Cholesky's factors, if H is positive definite and it fits inside.

    Otherwise p = -(H + s I)^-1 g with the s >= 0 that makes H + s I positive semi-definite and |p| the radius, found
    in the eigenvectors of H; where g has no part along the lowest one (the "hard case"), that is added to the edge.

    matrix : (n, n) symmetric;  gradient : (n,)

    Reference: Nocedal and Wright (2006), Numerical Optimization, section 4.3.
    """
    step = _newton_step(matrix, gradient)
    if step is None or np.linalg.norm(step) > radius:
        values, vectors = np.linalg.eigh(matrix)
        step = vectors @ _step_to_edge(values, vectors.T @ gradient, radius)
    at_edge = bool(np.linalg.norm(step) > 0.999 * radius)
    return ModelStep(step, float(-(gradient @ step) - step @ (matrix @ step) / 2), at_edge, len(gradient))


def _newton_step(matrix: Any, gradient: Any) -> Any:
    """-H^-1 g, or None if H is not positive definite."""
    try:
        factor = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return None
    return -np.linalg.solve(factor.T, np.linalg.solve(factor, gradient))


def _step_to_edge(values: Any, slopes: Any, radius: float) -> Any:
    """The step in the basis of eigenvectors, where H is diagonal.

    values : (n,) ascending;  slopes : (n,)  ->  (n,)
    """
    lowest = values[0]
    size = float(np.linalg.norm(slopes))
    if size == 0 and lowest >= 0:
        return np.zeros_like(slopes)
    tiny = np.finfo(np.float64).eps * max(1.0, float(np.max(np.abs(values))))
    low = max(-lowest, 0.0) + tiny
    step = -slopes / (values + low)
    if np.linalg.norm(step) <= radius:  # the hard case
        if lowest < 0:
            lowest_direction = np.copysign(np.eye(len(step))[0], -slopes[0])
            step = step + _to_edge(step, lowest_direction, radius) * lowest_direction
        return step
    high = low + size / radius
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if np.linalg.norm(slopes / (values + middle)) > radius else (low, middle)
    return -slopes / (values + high)
