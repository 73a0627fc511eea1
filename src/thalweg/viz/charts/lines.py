"""Line charts: several series over one axis, told apart by colour, by dashes, and by a name at the end of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from ...errors import ArgumentError
from ..style import DASHES, SERIES
from ..text import shortened, text_width
from .axes import Floats, LogScale, data_axis, number, numbers
from .plot import EDGE, HEIGHT, LINE, WIDTH, Chart, Plot, amount, text
from .thinning import segments

__all__ = ["LineChart", "Mark", "Series"]

SAMPLE = 26  # pixels of a line that stand before its name
NAMES = 0.3  # of the chart's width is the most that the names may take
GAP = 8  # pixels between the last point and the sample of the line


@dataclass(frozen=True)
class Series:
    """One line of a chart: its name, and equally many numbers across and up (lists, arrays or tensors)."""

    name: str
    x: object
    y: object


@dataclass(frozen=True)
class Mark:
    """A ring on the point of a series at ``x``, and what it means, such as Mark("kept", "validation", 12)."""

    name: str
    series: str
    x: float


class LineChart(Chart):
    """Lines over one axis.

    Values that are not finite are gaps, and so are values that are not positive on a logarithmic axis; the description
    says how many. Long series are thinned to the first, last, smallest and largest value of each pixel column, so that
    100,000 points make a small file that looks the same.

    Args:
        series: the lines; more than six repeat the colours with other dashes.
        title: above the chart, and the picture's title.
        x_label: the name of the horizontal axis.
        y_label: the name of the vertical axis.
        x_log: whether the horizontal axis is logarithmic.
        y_log: whether the vertical one is; "auto" says yes to positive numbers that span more than a factor of 20.
        marks: rings on certain points.
        description: in words; without it, the chart describes every line by its numbers.

    Raises:
        ArgumentError: a series has differently many numbers across and up, or a mark names no series.

    >>> chart = LineChart([Series("train", [1, 2, 3], [2.0, 1.0, 0.5])], title="loss", x_label="epoch", y_label="loss")
    >>> chart.description
    'loss: 1 line over epoch. train goes from 2 at 1 to 0.5 at 3; smallest 0.5 at 3, largest 2 at 1.'
    """

    def __init__(
        self,
        series: Sequence[Series],
        *,
        title: str,
        x_label: str = "",
        y_label: str = "",
        x_log: LogScale = False,
        y_log: LogScale = "auto",
        marks: Sequence[Mark] = (),
        width: float = WIDTH,
        height: float = HEIGHT,
        description: str = "",
    ) -> None:
        super().__init__(title, width, height)
        self.names_shown = len(series) > 1
        self.lines = [(s.name, *_checked(s)) for s in series]
        self.marks = tuple(marks)
        self.labels = (x_label, y_label)
        xs = np.concatenate([x for _, x, _ in self.lines] or [np.zeros(0)])
        ys = np.concatenate([y for _, _, y in self.lines] or [np.zeros(0)])
        whole = bool(np.all(xs == np.round(xs))) and xs.size > 0
        across = data_axis(xs[np.isfinite(xs)], x_log, whole=whole, tight=True)
        up = data_axis(ys[np.isfinite(xs)], y_log)
        self.axes = (across, up)
        self.shown = [_shown(x, y, across.logarithmic, up.logarithmic) for _, x, y in self.lines]
        self._check_marks()
        self.description = description or self._describe()

    def body(self) -> str:
        marked = [text(mark.name, 0, 0) for mark in self.marks]
        plot = self.plot(*self.axes, names=self.labels, right=self._names_width() + EDGE, top=72 if marked else 52)
        parts = [*self.page(), *self.frame(plot, *self.labels)]
        if not any(np.isfinite(y).any() for _, y in self.shown):
            parts += self.note("no finite values")
        for i, (x, y) in enumerate(self.shown):
            parts += line(i, plot.across.places(x), plot.up.places(y), plot.right - plot.left)
        parts += self._rings(plot)
        if self.names_shown:
            parts += self._direct_labels(plot)
        return "\n".join(parts)

    def _names_width(self) -> float:
        if not self.names_shown:
            return 0
        widest = max((text_width(name) for name, _, _ in self.lines), default=0)
        return round(min(widest, NAMES * self.width) + SAMPLE + GAP)

    def _direct_labels(self, plot: Plot) -> list[str]:
        """Each line's name beside its end, with a piece of the line; moved apart where ends are close."""
        ends = [_last(plot.up.places(y)) for _, y in self.shown]
        middle = (plot.top + plot.bottom) / 2
        wanted = [middle if end is None else end for end in ends]
        parts = []
        x = plot.right + GAP
        for i, y in enumerate(spread(wanted, LINE, plot.top, plot.bottom)):
            name = shortened(self.lines[i][0], NAMES * self.width)
            parts.append(f'<path {stroke(i)} d="M{x:g} {y:g}h{SAMPLE - 6}"/>')
            parts.append(text(name, x + SAMPLE, y + 4.5))
        return parts

    def _rings(self, plot: Plot) -> list[str]:
        """The marked points, and what the rings mean, in a row below the title."""
        parts = []
        left = plot.left
        for mark in self.marks:
            i = self._index(mark)
            x, y = self.shown[i]
            found = np.flatnonzero((x == mark.x) & np.isfinite(y))
            if not found.size:
                continue
            cx, cy = plot.across(mark.x), plot.up(float(y[found[-1]]))
            parts.append(f'<circle class="ring s{i % SERIES}" cx="{cx:g}" cy="{cy:g}" r="5"/>')
            name = f"{mark.name}: {self.labels[0]} {number(mark.x)}, {number(float(y[found[-1]]))}"
            name = shortened(name, self.width - left - EDGE)
            parts.append(f'<circle class="ring s{i % SERIES}" cx="{left + 5:g}" cy="51" r="5"/>')
            parts.append(text(name, left + 16, 55.5))
            left += 16 + text_width(name) + 24
        return parts

    def _check_marks(self) -> None:
        names = [name for name, _, _ in self.lines]
        for mark in self.marks:
            if mark.series not in names:
                raise ArgumentError(f"LineChart: the mark {mark.name!r} names no series; there are {names}")

    def _index(self, mark: Mark) -> int:
        return next(i for i, (name, _, _) in enumerate(self.lines) if name == mark.series)

    def _describe(self) -> str:
        over = f" over {self.labels[0]}" if self.labels[0] else ""
        parts = [f"{self.title}: {amount(len(self.lines), 'line')}{over}."]
        for (name, _, raw), (x, y) in zip(self.lines, self.shown, strict=True):
            parts.append(_describe_line(name, raw, x, y))
        parts += [f"A ring on {mark.series} at {number(mark.x)} marks: {mark.name}." for mark in self.marks]
        return " ".join(parts)


def _checked(series: Series) -> tuple[Floats, Floats]:
    x, y = numbers(series.x), numbers(series.y)
    if x.ndim != 1 or x.shape != y.shape:
        raise ArgumentError(
            f"LineChart: series {series.name!r} should have equally many numbers x and y, not shapes {x.shape} and "
            f"{y.shape}"
        )
    return x, y


def _shown(x: Floats, y: Floats, x_log: bool, y_log: bool) -> tuple[Floats, Floats]:
    """The points of a line, with NaN for y where none can be drawn."""
    keep = np.isfinite(x) & np.isfinite(y)
    keep &= (x > 0) if x_log else True
    keep &= (y > 0) if y_log else True
    return x, np.where(keep, y, np.nan)


def _describe_line(name: str, raw: Floats, x: Floats, y: Floats) -> str:
    drawn = np.flatnonzero(np.isfinite(y))
    missing = len(y) - len(drawn)
    if not len(y):
        return f"{name} has no values."
    if not len(drawn):
        return f"{name}: none of its {amount(len(y), 'value')} can be drawn."
    low, high = drawn[np.argmin(y[drawn])], drawn[np.argmax(y[drawn])]
    first, last = drawn[0], drawn[-1]
    words = (
        f"{name} goes from {number(y[first])} at {number(x[first])} to {number(y[last])} at {number(x[last])}; "
        f"smallest {number(y[low])} at {number(x[low])}, largest {number(y[high])} at {number(x[high])}"
    )
    if missing:
        infinite = int(np.count_nonzero(~np.isfinite(raw)))
        why = "not finite" if infinite == missing else "not finite or not positive"
        words += f"; {amount(missing, 'value')} {'is' if missing == 1 else 'are'} {why}, and left out"
    return words + "."


def _last(places: Floats) -> float | None:
    finite = places[np.isfinite(places)]
    return float(finite[-1]) if finite.size else None


def stroke(i: int) -> str:
    """The attributes of the i-th line: six colours with dashes, then the same colours with other dashes."""
    if i < SERIES:
        return f'class="line s{i}"'
    dash = DASHES[(i + i // SERIES) % SERIES]
    return f'class="line s{i % SERIES}" style="stroke-dasharray: {escape(dash)}"'


def line(i: int, x: Floats, y: Floats, width: float) -> list[str]:
    """One line through places in pixels: a path with gaps where y is NaN, and a dot for a point that stands alone."""
    path, dots = [], []
    for xs, ys in segments(x, y, width):
        if len(xs) == 1:
            dots.append(f'<circle class="mark s{i % SERIES}" cx="{xs[0]:g}" cy="{ys[0]:g}" r="4"/>')
        else:
            path.append("M" + " ".join(f"{a:g},{b:g}" for a, b in zip(xs, ys, strict=True)))
    return ([f'<path {stroke(i)} d="{"".join(path)}"/>'] if path else []) + dots


def spread(wanted: Sequence[float], pitch: float, top: float, bottom: float) -> list[float]:
    """Places that keep a distance from each other, in the order of the wanted ones and near to them.

    Where there is no room for the distance, they share what there is.

    >>> spread([100, 10, 102], 18, 0, 200)
    [92.0, 10.0, 110.0]
    """
    if not wanted:
        return []
    pitch = min(pitch, (bottom - top) / max(1, len(wanted) - 1))
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    groups: list[list[float]] = []  # [centre, count] of labels that touch
    for i in order:
        groups.append([min(max(wanted[i], top), bottom), 1])
        while len(groups) > 1 and _touch(groups[-2], groups[-1], pitch):
            b, a = groups.pop(), groups.pop()
            count = a[1] + b[1]
            half = (count - 1) / 2 * pitch
            centre = (a[0] * a[1] + b[0] * b[1]) / count
            groups.append([min(max(centre, top + half), bottom - half), count])
    places = [centre + (k - (count - 1) / 2) * pitch for centre, count in groups for k in range(int(count))]
    result = [0.0] * len(wanted)
    for i, place in zip(order, places, strict=True):
        result[i] = round(place, 2)
    return result


def _touch(above: list[float], below: list[float], pitch: float) -> bool:
    return below[0] - above[0] < (above[1] + below[1]) / 2 * pitch - 1e-9
