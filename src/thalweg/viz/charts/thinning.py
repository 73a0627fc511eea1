"""Fewer points that look the same: what a screen can't show is not written."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .axes import Floats

__all__ = ["segments", "simplified"]

ROUNDS = 6  # each drops at most every other point
ENOUGH = 4  # points for each pixel column, beyond which a line is thinned


def segments(x: Floats, y: Floats, width: float) -> Iterator[tuple[Floats, Floats]]:
    """The pieces of a line, given in pixels, between its gaps, which are where y is NaN.

    A line with more than 4 points for each of its ``width`` pixel columns keeps of each column the first, the last,
    the smallest and the largest (Jugel et al. 2014, "M4: A Visualization-Oriented Time Series Data Aggregation"), and
    only gaps that are wider than a pixel.

    >>> [len(xs) for xs, ys in segments(np.arange(4.0), np.array([1.0, np.nan, 2.0, 3.0]), 100)]
    [1, 2]
    """
    finite = np.flatnonzero(np.isfinite(y))
    if not finite.size:
        return
    thin = finite.size > ENOUGH * width
    kept = finite[_corners(np.floor(x[finite]), y[finite])] if thin else finite
    missing = np.cumsum(~np.isfinite(y))
    breaks = np.diff(missing[kept]) > 0
    if thin:
        breaks &= np.abs(np.diff(x[kept])) > 1
    for piece in np.split(kept, np.flatnonzero(breaks) + 1):
        yield x[piece], y[piece]


def simplified(line: Floats, tolerance: float = 0.05) -> Floats:
    """A smooth line (points, 2) with fewer points, in pixels: without those near the chord of their neighbours.

    >>> simplified(np.array([[0, 0], [1, 0.01], [2, 0], [3, 5]])).tolist()
    [[0.0, 0.0], [2.0, 0.0], [3.0, 5.0]]
    """
    for _ in range(ROUNDS):
        if len(line) < 4:
            break
        before, here, after = line[:-2:2], line[1:-1:2], line[2::2]
        chord = after - before
        length = np.maximum(np.hypot(chord[:, 0], chord[:, 1]), 1e-9)
        apart = np.abs(chord[:, 0] * (here - before)[:, 1] - chord[:, 1] * (here - before)[:, 0]) / length
        between = ((here - before) * chord).sum(axis=1)
        keep = np.ones(len(line), dtype=bool)
        keep[1:-1:2] = (apart > tolerance) | (between < 0) | (between > length**2)
        if keep.all():
            break
        line = line[keep]
    return line


def _corners(column: Floats, y: Floats) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Indices, in order, of the first, last, smallest and largest point of each run in one column."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(column)) + 1])
    lengths = np.diff(np.concatenate([starts, [len(y)]]))
    run = np.repeat(np.arange(len(starts)), lengths)
    low = np.flatnonzero(y == np.minimum.reduceat(y, starts)[run])
    high = np.flatnonzero(y == np.maximum.reduceat(y, starts)[run])
    firsts = [
        starts,
        starts + lengths - 1,
        *(found[np.unique(run[found], return_index=True)[1]] for found in (low, high)),
    ]
    return np.unique(np.concatenate(firsts))
