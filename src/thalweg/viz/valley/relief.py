"""What pictures of a valley share: the losses on a grid, drawn as level curves with numbers, or as shades."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np

from ..charts.axes import LOG_RATIO, Axis, Floats, number
from ..charts.plot import Chart, Plot, text
from ..charts.shades import GAP, cells, scale_bar
from ..charts.thinning import simplified
from ..text import text_width
from .levels import Box, Curves, label_places, levels_for

__all__ = ["Draw", "Relief"]

Draw = Literal["levels", "heat"]

SMALL = 11  # pixels of the numbers of levels
DEEPEST = 0.4  # opacity of the deepest part of a valley


class Relief(Chart):
    """Losses on a grid over two coordinates.

    Attributes:
        a: the coordinates across, (columns,).
        b: the coordinates up, (rows,).
        loss: the losses, (columns, rows): ``loss[i, j]`` is that at ``a[i]``, ``b[j]``.
        draw: as level curves, or as shades in cells.
    """

    a: Floats
    b: Floats
    loss: Floats
    draw: Draw = "levels"

    @property
    def levels(self) -> list[float]:
        """The losses whose level curves are drawn."""
        return levels_for(self.loss)

    def extent(self) -> str:
        """The smallest and the largest loss, in words."""
        finite = np.isfinite(self.loss)
        if not finite.any():
            return "No loss on the plane is finite."
        low = np.unravel_index(np.argmin(np.where(finite, self.loss, np.inf)), self.loss.shape)
        high = np.unravel_index(np.argmax(np.where(finite, self.loss, -np.inf)), self.loss.shape)
        words = f"The loss is smallest, {number(self.loss[low])}, at {self._at(low)}, and largest, "
        words += f"{number(self.loss[high])}, at {self._at(high)}."
        missing = int(np.count_nonzero(~finite))
        return words + (f" At {missing:,} of {finite.size:,} points it is not finite." if missing else "")

    def _at(self, place: Sequence[np.intp]) -> str:
        return f"({number(self.a[place[0]], 3)}, {number(self.b[place[1]], 3)})"

    def axes(self) -> tuple[Axis, Axis]:
        """Axes that end where the grid does."""
        return Axis(float(self.a[0]), float(self.a[-1])), Axis(float(self.b[0]), float(self.b[-1]))

    def relief(self, plot: Plot, taken: Sequence[Box] = ()) -> tuple[list[str], list[str]]:
        """The losses as SVG elements: what lies below paths and marks, and the numbers, which lie above them.

        Args:
            plot: where the axes are.
            taken: boxes, in pixels, that the numbers keep off.
        """
        if self.draw == "heat":
            return self._shades(plot), []
        x, y = plot.across.places(self.a), plot.up.places(self.b)
        curves = Curves(x, y, self.loss.T)
        levels = self.levels
        lines = [curves.lines(level) for level in levels]
        below = self._areas(curves, levels)
        below += [f'<path class="level" d="{"".join(map(_path, pieces))}"/>' for pieces in lines if pieces]
        return below, _numbers(levels, lines, plot, taken)

    def _areas(self, curves: Curves, levels: list[float]) -> list[str]:
        """The areas between levels, the darker the deeper."""
        parts = []
        bottom = float(self.loss[np.isfinite(self.loss)].min(initial=0.0)) - 1.0
        for k, (low, high) in enumerate(pairwise([bottom, *levels])):
            rings = curves.area(low, high)
            opacity = DEEPEST * (1 - k / len(levels))
            if rings:
                path = "".join(_path(ring) for ring in rings)
                parts.append(f'<path class="heat smooth" fill-opacity="{opacity:.3g}" fill-rule="evenodd" d="{path}"/>')
        return parts

    def _shades(self, plot: Plot) -> list[str]:
        """A cell around each point of the grid, the darker the lower its loss stands among the levels."""
        finite = np.where(np.isfinite(self.loss), self.loss, np.nan)
        low, high = self.range()
        shade = 1 - (finite - low) / ((high - low) or 1.0)
        if low > 0 and high > LOG_RATIO * low:
            shade = 1 - np.log(finite / low) / np.log(high / low)
        x, y = (_borders(axis.places(values)) for axis, values in ((plot.across, self.a), (plot.up, self.b)))
        bar = scale_bar(high, low, plot.right + GAP, plot.top, plot.bottom)
        return [*cells(shade.T[::-1], x, y[::-1]), *bar]

    def range(self) -> tuple[float, float]:
        """The smallest and the largest finite loss; 0 and 0 if there is none."""
        finite = self.loss[np.isfinite(self.loss)]
        return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _borders(places: Floats) -> Floats:
    """Borders half-way between places; the first and last places are borders, too."""
    return np.round(np.concatenate([places[:1], (places[1:] + places[:-1]) / 2, places[-1:]]), 2)


def _path(line: Floats) -> str:
    """A line as a path, to the tenth of a pixel; points that fall together are one."""
    rounded = np.round(simplified(line), 1) + 0.0
    keep = np.concatenate([[True], (np.diff(rounded, axis=0) != 0).any(axis=1)])
    closed = len(line) > 2 and bool((line[0] == line[-1]).all())
    points = rounded[keep][: -1 if closed and keep.sum() > 2 else None]
    return "M" + " ".join(f"{x:g},{y:g}" for x, y in points) + ("z" if closed else "")


def _numbers(levels: list[float], lines: list[list[Floats]], plot: Plot, taken: Sequence[Box]) -> list[str]:
    words = [number(level, 3) for level in levels]
    sizes = [(text_width(word, SMALL) + 6, SMALL + 3.0) for word in words]
    frame = (plot.left, plot.top, plot.right, plot.bottom)
    places = label_places(lines, sizes, frame, taken)
    return [
        text(word, round(place[0], 1), round(place[1] + 4, 1), "small halo", "middle")
        for word, place in zip(words, places, strict=True)
        if place is not None
    ]
