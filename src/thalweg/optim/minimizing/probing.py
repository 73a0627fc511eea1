"""Whether the gradient of a function says anything: looked up at the start and near by."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...autograd.explain import explain
from ...errors import AutogradError
from ...nn.module import Module
from ...nn.parameter import Parameter
from ...ops.random import Generator
from .objective import Objective

__all__ = ["Nature", "probe"]

NEAR = 1e-3  # how far the points near by are, relative to max(1, |x|)
WIDTHS = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)  # of moves, relative to max(1, |x|), until one changes the cost
POINTS = 4  # near by, and directions in which the cost is asked for changes
AGREES = 0.1  # the share by which the change of the cost may differ from what the gradients say
DEAD = 0.25  # the share of parameters without gradient from which on these count


@dataclass(frozen=True)
class Nature:
    """What kind of function it is, in a word and in a sentence.

    ``kind`` is "smooth", "steps" (piecewise constant), "black box" (no tape), "undefined" (the gradient is not finite),
    "misleading" (the cost changes otherwise than the gradient says) or "noisy". ``width`` is the length of a move,
    relative to max(1, |x|), that changes the cost.
    """

    kind: str
    why: str
    width: float


@dataclass(frozen=True)
class Look:
    """The cost and the gradient at a point."""

    value: Any
    cost: float
    gradient: Any | None


def probe(objective: Objective, generator: Generator) -> Nature:
    """Look at the function at x and near by; x stands where it stood, afterwards."""
    start = objective.x._value.copy()
    try:
        here = look(objective, start)
        again = objective.number()
        if again != here.cost:
            return Nature("noisy", f"the cost is random: {here.cost:.6g} and {again:.6g} at the same place", 0.1)
        near = [look(objective, moved(start, NEAR, generator)) for _ in range(POINTS)]
        nature = judged(objective, here, near)
        if nature.kind == "smooth":
            return partly_flat(objective, here, near) or nature
        objective.move_to(start)
        why = nature.why + culprit(objective) if nature.kind == "steps" else nature.why
        return Nature(nature.kind, why, width(objective, here, generator))
    finally:
        objective.move_to(start)


def look(objective: Objective, value: Any) -> Look:
    """The cost and the gradient with x at a value."""
    objective.move_to(value)
    cost, gradient = objective.slope_if_any()
    return Look(value, cost, gradient)


def lengths(value: Any) -> Any:
    """What counts as a length of 1 for each parameter: max(1, |x|)."""
    return np.maximum(1.0, np.abs(value))


def moved(value: Any, far: float, generator: Generator) -> Any:
    """A random place at about ``far`` from a value, in each parameter."""
    return value + far * lengths(value) * generator.normal(value.shape, np.dtype(np.float64))


def judged(objective: Objective, here: Look, near: list[Look]) -> Nature:
    """The kind of function that the looks show."""
    looks = [here, *near]
    changes = any(each.cost != here.cost for each in near)
    gradients = [each.gradient for each in looks if each.gradient is not None]
    if not gradients:
        if changes:
            return Nature("black box", "the function leaves no tape from x to the cost, so there is no gradient", NEAR)
        return Nature("steps", "there is no gradient, and small changes of x do not change the cost", NEAR)
    if len(gradients) < len(looks) or not all(np.isfinite(g).all() for g in gradients):
        return Nature("undefined", "the gradient is NaN, infinite or missing there or near by", NEAR)
    if here.cost == math.inf:
        return Nature("undefined", "the cost there is not finite", NEAR)
    if not changes and not any(g.any() for g in gradients):
        return Nature("steps", "the gradient is 0, and small changes of x do not change the cost", NEAR)
    if not all(agrees(here, each) for each in near):
        return Nature("misleading", "the cost changes otherwise than the gradient says", NEAR)
    return Nature("smooth", "the gradient says how the cost changes near by", NEAR)


def agrees(one: Look, other: Look) -> bool:
    """Whether the change of the cost is that of the gradients' mean along the way, up to third order and rounding."""
    assert one.gradient is not None
    assert other.gradient is not None
    said = float(np.sum((one.gradient + other.gradient).astype(np.float64) / 2 * (other.value - one.value)))
    got = other.cost - one.cost
    rounding = 100 * float(np.finfo(one.gradient.dtype).eps) * max(abs(one.cost), abs(other.cost))
    return abs(said - got) <= AGREES * max(abs(said), abs(got)) + rounding


def partly_flat(objective: Objective, here: Look, near: list[Look]) -> Nature | None:
    """Of a function that is smooth in some parameters: whether it changes in steps with many of the others."""
    dead = np.all([each.gradient == 0 for each in (here, *near)], axis=0)
    if dead.mean() < DEAD:
        return None
    for far in WIDTHS:
        for sign in (1.0, -1.0):
            objective.move_to(here.value + sign * far * dead * lengths(here.value))
            if objective.number() != here.cost:
                count = f"{int(dead.sum())} of {dead.size} parameters"
                return Nature(
                    "steps", f"the gradient by {count} is 0 near by, though longer moves of them change the cost", far
                )
    return None


def width(objective: Objective, here: Look, generator: Generator) -> float:
    """The shortest of some lengths at which a random move changes the cost; the longest if none does."""
    for far in WIDTHS:
        for _ in range(POINTS):
            objective.move_to(moved(here.value, far, generator))
            if objective.number() != here.cost:
                return far
    return WIDTHS[-1]


class Point(Module):
    """x as the parameter of a module, which is what ``autograd.explain`` asks about."""

    def __init__(self, x: Any) -> None:
        super().__init__()
        self.x = Parameter(x)


def culprit(objective: Objective) -> str:
    """The operation that ends the gradient, if a recorded call shows it, as " (round at f.py:3: …)"; else nothing."""
    point = Point(objective.x.detach().clone())
    objective.evaluations += 1
    try:
        found = explain(lambda: objective.fun(point.x, *objective.args), point)
    except (AutogradError, RuntimeError, TypeError, ValueError):  # no tensor was returned, or x is taken as an array
        return ""
    blames = [finding.blame for finding in found.findings if finding.blame.op]
    if not blames:
        return ""
    return f" ({blames[0].op}{f' at {blames[0].line}' if blames[0].line else ''}: {blames[0].reason})"
