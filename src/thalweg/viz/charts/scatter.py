"""Points: one number against another, such as predictions against truth, or residuals."""

from __future__ import annotations

from math import hypot

import numpy as np

from ...errors import ArgumentError
from .axes import FINEST, Floats, LogScale, data_axis, moments, number, numbers
from .plot import EDGE, HEIGHT, WIDTH, Chart, Plot, amount, text
from .shades import GAP, cells, scale_bar

__all__ = ["Scatter"]

MOST_POINTS = 2000  # more are counted in small cells, whose shade says how many
CELL = 7  # pixels that such a cell is wide and high
RADIUS = 2.5
SCALE = 60  # pixels for the scale of shades


class Scatter(Chart):
    """Points with coordinates x and y; those that are not finite are left out, and the description says how many.

    More than 2,000 points are counted in cells, whose shades say how many points they hold.

    Args:
        x: numbers across, (n,).
        y: numbers up, (n,).
        title: above the chart, and the picture's title.
        x_label: what x is.
        y_label: what y is.
        identity: draw the line y = x, where perfect predictions lie; both axes then span the same numbers.
        zero: draw the line y = 0, around which residuals lie.
        x_log: whether the horizontal axis is logarithmic; so too ``y_log``.
        description: in words; without it, the chart describes itself by its numbers.

    Raises:
        ArgumentError: x and y are not equally many numbers.

    >>> Scatter([1, 2, 3], [1, 2, 4], title="test", x_label="true", y_label="predicted").description
    'test: 3 points, true from 1 to 3, predicted from 1 to 4, correlation 0.982.'
    """

    def __init__(
        self,
        x: object,
        y: object,
        *,
        title: str,
        x_label: str = "x",
        y_label: str = "y",
        identity: bool = False,
        zero: bool = False,
        x_log: LogScale = False,
        y_log: LogScale = False,
        width: float = WIDTH,
        height: float = HEIGHT,
        description: str = "",
    ) -> None:
        super().__init__(title, width, height)
        self.x, self.y = numbers(x), numbers(y)
        if self.x.ndim != 1 or self.x.shape != self.y.shape:
            raise ArgumentError(
                f"Scatter: x and y should be equally many numbers, not shapes {self.x.shape} and {self.y.shape}"
            )
        keep = np.isfinite(self.x) & np.isfinite(self.y)
        keep &= (self.x > 0) if x_log is True else True
        keep &= (self.y > 0) if y_log is True else True
        self.left_out = int(np.count_nonzero(~keep))
        self.x, self.y = self.x[keep], self.y[keep]
        self.identity, self.zero = identity, zero
        self.logs = (x_log, y_log)
        self.labels = (x_label, y_label)
        self.description = description or self._describe()

    def body(self) -> str:
        xs = np.concatenate([self.x, self.y]) if self.identity else self.x
        ys = xs if self.identity else np.append(self.y, 0.0) if self.zero else self.y
        across, up = data_axis(xs, self.logs[0], zero=False), data_axis(ys, self.logs[1], zero=False)
        many = len(self.x) > MOST_POINTS
        plot = self.plot(across, up, names=self.labels, right=EDGE + (SCALE if many else 0))
        parts = [*self.page(), *self.frame(plot, *self.labels)]
        if not self.x.size:
            return "\n".join([*parts, *self.note("no finite points")])
        x, y = plot.across.places(self.x), plot.up.places(self.y)
        lines = self._lines(plot)
        return "\n".join([*parts, *(_counted(x, y, plot) if many else _points(x, y)), *lines])

    def _lines(self, plot: Plot) -> list[str]:
        parts = []
        if self.identity:
            low, high = max(plot.across.low, plot.up.low), min(plot.across.high, plot.up.high)
            ends = f"M{plot.across(low):g} {plot.up(low):g}L{plot.across(high):g} {plot.up(high):g}"
            parts.append(f'<path class="line s1" d="{ends}"/>')
            parts.append(text(f"{self.labels[1]} = {self.labels[0]}", plot.right - 6, plot.top - 6, "small", "end"))
        if self.zero and not plot.up.logarithmic:
            parts.append(f'<path class="line s1" d="M{plot.left:g} {plot.up(0):g}H{plot.right:g}"/>')
        return parts

    def _describe(self) -> str:
        n = len(self.x)
        skipped = (
            f" {amount(self.left_out, 'point')} can't be drawn, and {'is' if self.left_out == 1 else 'are'} left out."
        )
        skipped = skipped if self.left_out else ""
        if not n:
            return f"{self.title}: no finite points.{skipped}"
        words = f"{self.title}: {amount(n, 'point')}, " + ", ".join(
            f"{label} from {number(float(v.min()))} to {number(float(v.max()))}"
            for label, v in zip(self.labels, (self.x, self.y), strict=True)
        )
        correlation = _correlation(self.x, self.y)
        words += f", correlation {number(correlation, 3)}" if correlation is not None else ""
        if self.identity:
            mean, deviation = moments(self.y / 2 - self.x / 2)  # halves don't overflow
            words += f"; root mean square of {self.labels[1]} - {self.labels[0]}: {number(2 * hypot(mean, deviation))}"
        if self.zero:
            mean, deviation = moments(self.y)
            words += f"; mean {number(mean)}, standard deviation {number(deviation)}"
        return words + "." + skipped


def _correlation(x: Floats, y: Floats) -> float | None:
    """Pearson's correlation; None where one of the two does not vary."""
    x, y = (v / (float(np.abs(v).max()) or 1.0) for v in (x, y))
    if len(x) < 2 or not (x.std() > FINEST and y.std() > FINEST):
        return None
    return float(np.corrcoef(x, y)[0, 1])


def _points(x: Floats, y: Floats) -> list[str]:
    """A dot for each point; one for those in the same tenth of a pixel."""
    places = np.unique(np.round(np.stack([x, y], axis=1), 1), axis=0)
    return [f'<circle class="mark s0" cx="{a:g}" cy="{b:g}" r="{RADIUS}"/>' for a, b in places]


def _counted(x: Floats, y: Floats, plot: Plot) -> list[str]:
    """Cells whose shades go with the logarithm of how many points they hold, and the scale of the shades."""
    columns = np.linspace(plot.left, plot.right, max(2, round((plot.right - plot.left) / CELL)) + 1)
    rows = np.linspace(plot.top, plot.bottom, max(2, round((plot.bottom - plot.top) / CELL)) + 1)
    counts = np.histogram2d(y, x, (rows, columns))[0]
    most = float(counts.max())
    shade = np.log1p(counts) / np.log1p(most)
    return [
        *cells(shade, np.round(columns, 1), np.round(rows, 1)),
        *scale_bar(0, most, plot.right + GAP, plot.top, plot.bottom),
        text("points", plot.right + 12, plot.top - 8, "small"),
    ]
