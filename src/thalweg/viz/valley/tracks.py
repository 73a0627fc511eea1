"""Tracks: how the paths of optimisers are drawn over a plane, and the legend that tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import ArgumentError
from ..charts.axes import Floats, number
from ..charts.plot import EDGE, LINE, Plot, text
from ..style import DASHES, SERIES
from ..text import shortened

__all__ = ["coordinates", "inside_of", "legend", "path_marks", "placed", "span"]

ROOM = 0.15  # of the paths' extent is free on each side

COLOURS = (5, 1, 2, 3, 0, 4)  # of the style's series, in the order in which paths take them
NEAR = 6.0  # pixels from one dot of a path to the next, at least
END = "diamond"
SHAPES = ("dot", "square", "triangle", "cross")

Flags = np.ndarray[Any, np.dtype[np.bool_]]


def inside_of(track: Floats, a: Floats, b: Floats) -> Flags:
    """Which points of a path lie within the grid."""
    return (track[:, 0] >= a[0]) & (track[:, 0] <= a[-1]) & (track[:, 1] >= b[0]) & (track[:, 1] <= b[-1])


def placed(track: Floats, plot: Plot) -> tuple[Floats, Floats, Flags]:
    """The points of a path in pixels, and which of them are in the picture."""
    across, up = plot.across, plot.up
    inside = inside_of(track, np.array([across.low, across.high]), np.array([up.low, up.high]))
    return across.places(track[:, 0]), up.places(track[:, 1]), inside


def coordinates(point: Floats) -> str:
    """A point in words.

    >>> coordinates(np.array([0.5, -1.0]))
    '(0.5, -1)'
    """
    return f"({number(float(point[0]), 3)}, {number(float(point[1]), 3)})"


def span(caller: str, values: Sequence[Floats], wanted: tuple[float, float] | None) -> tuple[float, float]:
    """The range that was asked for, or one with room around all values.

    >>> span("chart", [np.array([0.0, 1.0])], None)
    (-0.15, 1.15)

    Raises:
        ArgumentError: the range is not one from a number to a larger one.
    """
    if wanted is not None:
        if not (np.isfinite(wanted).all() and wanted[0] < wanted[1]):
            raise ArgumentError(f"{caller}: a range should go from a number to a larger one, not {wanted}")
        return wanted
    every = np.concatenate(values)
    low, high = float(every.min()), float(every.max())
    room = ROOM * (high - low) or max(1.0, abs(low)) / 2
    return low - room, high + room


def legend(words: Sequence[str], width: float) -> list[str]:
    """A line for each path with its words, and one for the marks at its ends."""
    parts = []
    for k, line in enumerate(words):
        y = 52 + LINE * k
        parts.append(f'<path {stroke(k)} d="M{EDGE} {y}h34"/>')
        parts.append(mark(SHAPES[k % len(SHAPES)], k, EDGE + 17, y))
        parts.append(text(shortened(line, width - 2 * EDGE - 42), EDGE + 42, y + 4.5))
    y = 52 + LINE * len(words)
    parts.append(ring(0, EDGE + 17, y))
    parts.append(text("start", EDGE + 42, y + 4.5, "small"))
    parts.append(mark(END, 0, EDGE + 90, y, 6))
    parts.append(text("end", EDGE + 102, y + 4.5, "small"))
    return parts


def colour(k: int) -> int:
    return COLOURS[k % SERIES]


def stroke(k: int) -> str:
    return f'class="line thin s{colour(k)}" style="stroke-dasharray: {DASHES[k % SERIES]}"'


def path_marks(k: int, x: Floats, y: Floats, inside: Flags) -> list[str]:
    """The line of a path, a dot for each step that is a few pixels from the one before, and marks at its ends."""
    parts = []
    runs = np.split(np.arange(len(x)), np.flatnonzero(np.diff(inside)) + 1)
    pieces = [run for run in runs if inside[run[0]] and len(run) > 1]
    if pieces:
        path = "".join("M" + " ".join(f"{x[i]:.5g},{y[i]:.5g}" for i in run) for run in pieces)
        parts.append(f'<path {stroke(k)} d="{path}"/>')
    last: tuple[float, float] | None = None
    for i in np.flatnonzero(inside):
        if last is None or np.hypot(x[i] - last[0], y[i] - last[1]) >= NEAR:
            parts.append(mark(SHAPES[k % len(SHAPES)], k, x[i], y[i]))
            last = float(x[i]), float(y[i])
    if inside[0]:
        parts.append(ring(k, x[0], y[0]))
    if inside[-1]:
        parts.append(mark(END, k, x[-1], y[-1], 6))
    return parts


def ring(k: int, x: float, y: float) -> str:
    return f'<circle class="ring s{colour(k)}" cx="{x:g}" cy="{y:g}" r="6"/>'


def mark(shape: str, k: int, x: float, y: float, r: float = 3.0) -> str:
    """A mark: a dot, square, triangle, cross or diamond."""
    kind = f'class="mark s{colour(k)}"'
    if shape == "dot":
        return f'<circle {kind} cx="{x:g}" cy="{y:g}" r="{r:g}"/>'
    outline = {
        "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        "triangle": ((0, -1.3), (1.2, 0.9), (-1.2, 0.9)),
        "diamond": ((0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)),
        "cross": ((-1.3, -0.5), (-0.5, -0.5), (-0.5, -1.3), (0.5, -1.3), (0.5, -0.5), (1.3, -0.5),
                  (1.3, 0.5), (0.5, 0.5), (0.5, 1.3), (-0.5, 1.3), (-0.5, 0.5), (-1.3, 0.5)),
    }[shape]  # fmt: skip
    points = " ".join(f"{x + r * dx:.5g},{y + r * dy:.5g}" for dx, dy in outline)
    return f'<path {kind} d="M{points}z"/>'
