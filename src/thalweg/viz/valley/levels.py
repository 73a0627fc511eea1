"""Level curves: which levels, where their lines are, and where there is room for their numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ...errors import DependencyError
from ..charts.axes import LOG_RATIO, Floats, linear_ticks

__all__ = ["Curves", "label_places", "levels_for", "require_contourpy"]

COUNT = 12  # levels, about
DECADES = 6  # at most, below the largest loss
STEPS = ((1.0, 1.5, 2.0, 3.0, 5.0, 7.0), (1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))  # levels within a decade
TRIES = 48  # places along a line where its number may stand

Box = tuple[float, float, float, float]  # left, top, right, bottom


def levels_for(losses: Floats, count: int = COUNT) -> list[float]:
    """About ``count`` round numbers between the smallest and the largest finite loss.

    They are evenly spaced, or by factors if the losses are not negative and span more than a factor of 20.

    >>> levels_for(np.array([0.04, 3.0]), 8)
    [0.05, 0.1, 0.2, 0.5, 1.0, 2.0]
    >>> levels_for(np.array([1.0, 2.0]), 5)
    [1.2, 1.4, 1.6, 1.8]
    """
    finite = losses[np.isfinite(losses)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if not high > low:
        return []
    if low >= 0 and high > LOG_RATIO * low:
        return _by_factors(max(low, high * 10.0**-DECADES), high, count)
    return [level for level in linear_ticks(low, high, count) if low < level < high]


def _by_factors(low: float, high: float, count: int) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    found: list[float] = []
    for steps in STEPS:
        found = [v for d in decades for v in (float(f"{m}e{d}") for m in steps) if low < v < high]
        if len(found) <= count:
            break
    return found


def require_contourpy() -> Any:
    """The package contourpy.

    Raises:
        DependencyError: it is not installed.
    """
    try:
        import contourpy
    except ImportError:
        raise DependencyError("level curves need contourpy: pip install 'thalweg[viz]'") from None
    return contourpy


class Curves:
    """The level curves of losses on a grid.

    Args:
        x: (columns,) increasing or decreasing, in any unit.
        y: (rows,)
        losses: (rows, columns); around what is not finite there is a hole.

    Raises:
        DependencyError: contourpy is not installed.
    """

    def __init__(self, x: Floats, y: Floats, losses: Floats) -> None:
        contourpy = require_contourpy()
        masked = np.ma.masked_invalid(losses)
        self._generator = contourpy.contour_generator(
            x, y, masked, name="serial", line_type="Separate", fill_type="OuterOffset"
        )

    def lines(self, level: float) -> list[Floats]:
        """The lines at one level, each (points, 2)."""
        return list(self._generator.lines(level))

    def area(self, low: float, high: float) -> list[Floats]:
        """The rings (points, 2) around the area between two levels, holes included."""
        points, offsets = self._generator.filled(low, high)
        return [p[a:b] for p, ends in zip(points, offsets, strict=True) for a, b in pairwise(ends)]


def label_places(
    lines: Sequence[Sequence[Floats]], sizes: Sequence[tuple[float, float]], frame: Box, taken: Sequence[Box]
) -> list[tuple[float, float] | None]:
    """Where each level's number may stand on its line: within the frame and over no other; None where there is no room.

    Args:
        lines: of each level its lines, in pixels.
        sizes: the width and height of each level's number.
        frame: within which numbers stay.
        taken: boxes that they keep off.

    Returns:
        The centre of each number.
    """
    busy = list(taken)
    places: list[tuple[float, float] | None] = []
    for pieces, (width, height) in zip(lines, sizes, strict=True):
        place = next((p for p in _candidates(pieces, width) if _is_free(_box(p, width, height), frame, busy)), None)
        places.append(place)
        if place is not None:
            busy.append(_box(place, width, height))
    return places


def _candidates(pieces: Sequence[Floats], width: float) -> list[tuple[float, float]]:
    """Points along the lines, the longest first; none of a line that its number would hide."""
    found: list[tuple[float, float]] = []
    for piece in sorted(pieces, key=_length, reverse=True):
        if _length(piece) > 2.5 * width:
            found += _evenly(piece)
    return found


def _evenly(line: Floats) -> list[tuple[float, float]]:
    """Points at even distances, from the middle of the line to its ends."""
    at = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    wanted = (np.arange(TRIES) + 0.5) / TRIES
    wanted = wanted[np.argsort(np.abs(wanted - 0.5), kind="stable")] * at[-1]
    x, y = (np.interp(wanted, at, line[:, k]).tolist() for k in (0, 1))
    return list(zip(x, y, strict=True))


def _length(line: Floats) -> float:
    return float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())


def _box(centre: tuple[float, float], width: float, height: float) -> Box:
    return centre[0] - width / 2, centre[1] - height / 2, centre[0] + width / 2, centre[1] + height / 2


def _is_free(box: Box, frame: Box, busy: Sequence[Box]) -> bool:
    inside = box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]
    return inside and not any(
        box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3] for other in busy
    )
