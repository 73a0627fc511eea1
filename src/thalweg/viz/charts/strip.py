"""A row of histograms as a strip of shades: how a distribution moves over the epochs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import ArgumentError
from .axes import Axis, Floats, data_axis, number, numbers
from .histogram import checked_bins
from .lines import line, spread
from .plot import EDGE, HEIGHT, LINE, WIDTH, Chart, Plot, amount, text
from .shades import cells, scale_bar

__all__ = ["HistogramSeries"]

COLUMNS, ROWS = 80, 48  # cells of the strip at most; more histograms are added up, finer bins too
QUANTILES = (0.05, 0.5, 0.95)
NAMES = ("5 %", "median", "95 %")
SIDE = 114  # pixels for the names of the lines and the scale of shades


class HistogramSeries(Chart):
    """Histograms over time: time goes from left to right, the shade says what share of the values lies there.

    Lines show the median and the 5 % and 95 % quantiles, so that nothing rests on shades alone.

    Args:
        steps: (n,) increasing numbers: the epochs, or the steps.
        counts: n histograms, each (bins,).
        edges: their bins, (bins + 1,), or n of them where each histogram has its own.
        title: above the chart, and the picture's title.
        x_label: what the steps are.
        y_label: what the values are.
        description: in words; without it, the chart describes itself by its numbers.

    Raises:
        ArgumentError: numbers of steps, counts or edges don't fit each other.

    >>> strip = HistogramSeries([1, 2], [[0, 4, 0], [2, 0, 2]], [0, 1, 2, 3], title="weights", x_label="epoch")
    >>> strip.description.split("; ")[1]
    '90 % of the values lie from 1.05 to 1.95 at first, and from 0.1 to 2.9 at last.'
    """

    def __init__(
        self,
        steps: object,
        counts: Sequence[object],
        edges: object,
        *,
        title: str,
        x_label: str = "epoch",
        y_label: str = "value",
        width: float = WIDTH,
        height: float = HEIGHT,
        description: str = "",
    ) -> None:
        super().__init__(title, width, height)
        self.labels = (x_label, y_label)
        self.steps = numbers(steps)
        self.histograms = _checked(self.steps, counts, edges)
        self.full = [i for i, (heights, _) in enumerate(self.histograms) if heights.sum() > 0]
        self.quantiles = np.array([_quantiles(*one) for one in self.histograms]).reshape(-1, len(QUANTILES))
        self.description = description or self._describe()

    def body(self) -> str:
        if not self.full:
            empty = self.plot(Axis(0, 1), Axis(0, 1), names=self.labels)
            return "\n".join([*self.page(), *self.frame(empty, *self.labels), *self.note("no finite values")])
        span = self._span()
        up = data_axis(span, tight=True)
        time, shares = _columns(self.steps, [_rebinned(*one, _grid(span)) for one in self.histograms])
        whole = bool(np.all(self.steps == np.round(self.steps)))
        across = Axis(float(time[0]), float(time[-1]), whole=whole)
        plot = self.plot(across, up, names=self.labels, right=SIDE + EDGE)
        strongest = float(shares.max())
        x, y = plot.across.places(time), plot.up.places(_grid(span))
        parts = [
            *self.page(),
            *cells(np.sqrt(shares.T / strongest)[::-1], x, y[::-1]),
            *self.frame(plot, *self.labels),
            *self._quantile_lines(plot),
            *scale_bar(0, 1, plot.right + 76, plot.top, plot.bottom, ("0 %", f"{number(100 * strongest, 2)} %")),
        ]
        return "\n".join(parts)

    def _span(self) -> Floats:
        """The lowest and highest edges of bins that hold anything."""
        edges = [(e[np.flatnonzero(c)[0]], e[np.flatnonzero(c)[-1] + 1]) for c, e in self.histograms if c.sum() > 0]
        return np.array([min(low for low, _ in edges), max(high for _, high in edges)])

    def _quantile_lines(self, plot: Plot) -> list[str]:
        """The median as a solid line, the outer quantiles dashed, each with its name at the end."""
        parts = []
        x = plot.across.places(self.steps)
        for k, name in enumerate(NAMES):
            y = plot.up.places(self.quantiles[:, k])
            parts += line(5 if name == "median" else 1, x, y, plot.right - plot.left)
        ends = plot.up.places(self.quantiles[self.full[-1]])
        parts += [
            text(name, plot.right + 6, y + 4.5)
            for name, y in zip(NAMES, spread(list(ends), LINE, plot.top, plot.bottom), strict=True)
        ]
        return parts

    def _describe(self) -> str:
        if not self.full:
            return f"{self.title}: {amount(len(self.steps), 'histogram')} without finite values."
        low, high = self._span()
        first, last = self.quantiles[self.full[0]], self.quantiles[self.full[-1]]
        return (
            f"{self.title}: {amount(len(self.steps), 'histogram')} over {self.labels[0]} from {number(self.steps[0])} "
            f"to {number(self.steps[-1])}, values from {number(low)} to {number(high)}. The median goes from "
            f"{number(first[1])} to {number(last[1])}; 90 % of the values lie from {number(first[0])} to "
            f"{number(first[2])} at first, and from {number(last[0])} to {number(last[2])} at last."
        )


def _checked(steps: Floats, counts: Sequence[object], edges: object) -> list[tuple[Floats, Floats]]:
    if steps.ndim != 1 or len(counts) != len(steps) or not (np.diff(steps) > 0).all():
        raise ArgumentError(
            f"HistogramSeries: steps should be increasing numbers, one for each histogram; there are {steps.size} "
            f"steps and {amount(len(counts), 'histogram')}"
        )
    borders = _rows(edges)
    if borders is None:
        borders = [edges] * len(counts)
    if len(borders) != len(counts):
        raise ArgumentError("HistogramSeries: edges should be one row for all histograms, or one row for each")
    return [checked_bins("HistogramSeries", one, row) for one, row in zip(counts, borders, strict=True)]


def _rows(edges: object) -> list[object] | None:
    """The rows of edges that each histogram has for itself, whose lengths may differ; None for one row for all."""
    if isinstance(edges, np.ndarray):
        return list(edges) if edges.ndim == 2 else None
    if isinstance(edges, list | tuple) and edges and np.ndim(edges[0]) == 1:
        return list(edges)
    return None


def _quantiles(counts: Floats, edges: Floats) -> Floats:
    """The quantiles of a histogram whose values are spread evenly within each bin; NaN for an empty one."""
    total = counts.sum()
    if not total:
        return np.full(len(QUANTILES), np.nan)
    below = np.concatenate([[0.0], np.cumsum(counts)]) / total
    return np.array([_inverse(q, below, edges) for q in QUANTILES])


def _inverse(q: float, below: Floats, edges: Floats) -> float:
    """The value below which the share q lies."""
    i = int(np.searchsorted(below, q, side="left"))
    return float(edges[i - 1] + (q - below[i - 1]) / (below[i] - below[i - 1]) * (edges[i] - edges[i - 1]))


def _grid(span: Floats) -> Floats:
    low, high = float(span[0]), float(span[1])
    return np.linspace(low, high, ROWS + 1)


def _rebinned(counts: Floats, edges: Floats, grid: Floats) -> Floats:
    """The shares of a histogram's values in the cells of another row of bins."""
    total = counts.sum()
    below = np.concatenate([[0.0], np.cumsum(counts)]) / (total or 1.0)
    return np.diff(np.interp(grid, edges, below))


def _columns(steps: Floats, shares: list[Floats]) -> tuple[Floats, Floats]:
    """The borders of at most so many columns in time, and the mean share of the histograms in each, (columns, bins)."""
    pieces = np.array_split(np.arange(len(steps)), min(COLUMNS, len(steps)))
    centre = np.array([steps[piece].mean() for piece in pieces])
    middle = (centre[1:] + centre[:-1]) / 2
    before = (middle[0] - centre[0]) if len(middle) else 0.5
    after = (centre[-1] - middle[-1]) if len(middle) else 0.5
    borders = np.concatenate([[centre[0] - before], middle, [centre[-1] + after]])
    return borders, np.array([np.mean([shares[i] for i in piece], axis=0) for piece in pieces])
