"""A search along a line for a place where Wolfe's conditions hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ..core.tensor import Tensor

__all__ = ["Point", "strong_wolfe"]


@dataclass
class Point:
    """A place on the line: how far along it, the loss, the gradient, and the slope along the line."""

    length: float
    loss: float
    gradient: Tensor
    slope: float


def cubic_minimum(a: Point, b: Point, low: float, high: float) -> float:
    """Where the cubic through two points, with their slopes, is lowest between ``low`` and ``high``.

    Reference: Nocedal and Wright (2006), Numerical Optimization, formula 3.59.
    """
    if a.length > b.length:
        a, b = b, a
    if a.length == b.length:
        return (low + high) / 2
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.length - b.length)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2
    d2 = math.sqrt(square)
    below = b.slope - a.slope + 2 * d2
    if below == 0:
        return (low + high) / 2
    place = b.length - (b.length - a.length) * (b.slope + d2 - d1) / below
    return min(max(place, low), high)


def strong_wolfe(
    look: Callable[[float], Point],
    start: Point,
    length: float,
    size: float,
    tolerance: float,
    c1: float = 1e-4,
    c2: float = 0.9,
    most: int = 25,
) -> tuple[Point, int]:
    """A point where the loss has fallen by c1 times what the slope promised and the slope by the factor c2.

    Args:
        look: evaluates a place on the line.
        start: the place at length 0.
        length: the first place to try.
        size: the largest element of the direction.
        tolerance: an interval that moves no parameter by more is not cut again.
        c1: of the first condition.
        c2: of the second one.
        most: evaluations.

    Returns:
        The point, the best one found if none fulfils both, and the number of evaluations.

    Reference: Nocedal and Wright (2006), Numerical Optimization, algorithms 3.5 and 3.6.
    """
    previous, point, calls = start, look(length), 1
    while calls < most:
        high = point.loss > start.loss + c1 * point.length * start.slope or not math.isfinite(point.loss)
        if high or (calls > 1 and point.loss >= previous.loss) or point.slope >= 0:
            if not high and abs(point.slope) <= -c2 * start.slope:
                return point, calls
            return _narrowed(look, start, [previous, point], (size, tolerance, c1, c2), (calls, most))
        if abs(point.slope) <= -c2 * start.slope:
            return point, calls
        nearest = point.length + 0.01 * (point.length - previous.length)
        length = cubic_minimum(previous, point, nearest, point.length * 10)
        previous, point, calls = point, look(length), calls + 1
    return min(start, previous, point, key=_rank), calls


def _rank(point: Point) -> float:
    return point.loss if math.isfinite(point.loss) else math.inf


def _narrowed(
    look: Callable[[float], Point],
    start: Point,
    bracket: list[Point],
    limits: tuple[float, float, float, float],
    counts: tuple[int, int],
) -> tuple[Point, int]:
    """A point that fulfils both conditions between two that enclose one."""
    size, tolerance, c1, c2 = limits
    calls, most = counts
    slow = False
    while calls < most:
        best, other = sorted(bracket, key=_rank)
        low, high = sorted((best.length, other.length))
        if (high - low) * size < tolerance:
            break
        length = cubic_minimum(best, other, low, high) if math.isfinite(other.loss) else (low + high) / 2
        edge = 0.1 * (high - low)
        if min(high - length, length - low) < edge:  # too near to an end to be trusted twice
            if slow or length in (low, high):
                length = high - edge if abs(length - high) < abs(length - low) else low + edge
            slow = not slow
        else:
            slow = False
        point, calls = look(length), calls + 1
        if point.loss > start.loss + c1 * length * start.slope or not point.loss < best.loss:
            bracket = [best, point]
            continue
        if abs(point.slope) <= -c2 * start.slope:
            return point, calls
        bracket = [point, other if point.slope * (other.length - best.length) < 0 else best]
    return min(bracket, key=_rank), calls
