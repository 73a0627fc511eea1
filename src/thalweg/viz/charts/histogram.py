"""Histograms: how often values fall into each of a row of bins."""

from __future__ import annotations

import math

import numpy as np

from ...errors import ArgumentError
from .axes import LARGEST, Axis, Floats, LogScale, data_axis, moments, number, numbers
from .plot import HEIGHT, WIDTH, Chart, amount

__all__ = ["Histogram", "checked_bins", "histogram_edges"]

MOST_BINS = 60


class Histogram(Chart):
    """A histogram of values of any shape, or of counts that are there already.

    Args:
        values: lists, arrays or a tensor; what is not finite is left out, and the description says how many.
        counts: instead of values: how many fell into each bin, (bins,).
        edges: with ``counts``: where the bins begin and end, (bins + 1,), increasing.
        bins: how many bins the values are counted in; None goes by their spread (Freedman and Diaconis 1981).
        title: above the chart, and the picture's title.
        x_label: what the values are.
        y_log: whether the counts are on a logarithmic axis.
        description: in words; without it, the chart describes itself by its numbers.

    Raises:
        ArgumentError: neither values nor counts are given, or both, or edges don't fit the counts.

    >>> Histogram([1.0, 2.0, 2.0, 4.0], bins=3, title="weights").description
    'weights: 4 values from 1 to 4 in 3 bins, mean 2.25, standard deviation 1.09; the fullest bin holds 2, from 2 to 3.'
    """

    def __init__(
        self,
        values: object = None,
        *,
        counts: object = None,
        edges: object = None,
        bins: int | None = None,
        title: str,
        x_label: str = "value",
        y_label: str = "count",
        y_log: LogScale = False,
        width: float = WIDTH,
        height: float = HEIGHT,
        description: str = "",
    ) -> None:
        super().__init__(title, width, height)
        if (values is None) == (counts is None):
            raise ArgumentError("Histogram takes either values, or counts with edges")
        self.labels = (x_label, y_label)
        self.log = y_log
        self.left_out = 0
        self.moments: tuple[float, float] | None = None
        if values is not None:
            self.counts, self.edges = self._count(numbers(values).ravel(), bins)
        else:
            self.counts, self.edges = checked_bins("Histogram", counts, edges)
        self.description = description or self._describe()

    def _count(self, values: Floats, bins: int | None) -> tuple[Floats, Floats]:
        finite = np.clip(values[np.isfinite(values)], -LARGEST, LARGEST)
        self.left_out = values.size - finite.size
        if not finite.size:
            return np.zeros(0), np.zeros(1)
        self.moments = moments(finite)
        edges = histogram_edges(finite, bins)
        return np.histogram(finite, edges)[0].astype(np.float64), edges

    def body(self) -> str:
        if not self.counts.sum():
            across, up = Axis(0, 1), Axis(0, 1)
        else:
            across = data_axis(self.edges, tight=True)
            up = self._count_axis()
        plot = self.plot(across, up, names=self.labels)
        parts = [*self.page(), *self.frame(plot, *self.labels)]
        if not self.counts.sum():
            return "\n".join([*parts, *self.note("no finite values")])
        places = plot.across.places(self.edges)
        for i, count in enumerate(self.counts):
            if count > 0:
                y, width = plot.up(float(count)), max(float(places[i + 1] - places[i]), 0.5)
                parts.append(
                    f'<rect class="bar s0" x="{places[i]:g}" y="{y:g}" width="{width:.6g}" '
                    f'height="{plot.bottom - y:.6g}"/>'
                )
        parts.append(f'<path class="axis" d="M{plot.left:g} {plot.bottom:g}H{plot.right:g}"/>')
        return "\n".join(parts)

    def _count_axis(self) -> Axis:
        positive = self.counts[self.counts > 0]
        axis = data_axis(positive, self.log)
        if axis.logarithmic:  # a count of one still has a bar
            return Axis(min(0.5, axis.low), axis.high, logarithmic=True)
        return Axis(0, axis.high)

    def _describe(self) -> str:
        total = float(self.counts.sum())
        skipped = f" {amount(self.left_out, 'value')} {'is' if self.left_out == 1 else 'are'} not finite, and left out."
        skipped = skipped if self.left_out else ""
        if not total:
            return f"{self.title}: no finite values.{skipped}"
        low, high = float(self.edges[0]), float(self.edges[-1])
        fullest = int(np.argmax(self.counts))
        words = (
            f"{self.title}: {_values(total)} from {number(low)} to {number(high)} in {amount(len(self.counts), 'bin')}"
        )
        if self.moments is not None:
            words += f", mean {number(self.moments[0])}, standard deviation {number(self.moments[1], 3)}"
        words += (
            f"; the fullest bin holds {number(float(self.counts[fullest]), 6)}, "
            f"from {number(float(self.edges[fullest]))} to {number(float(self.edges[fullest + 1]))}."
        )
        return words + skipped


def _values(total: float) -> str:
    return amount(int(total), "value") if total == int(total) else f"{number(total)} values"


def histogram_edges(values: Floats, bins: int | None = None) -> Floats:
    """Where the bins of finite values (at least one) begin and end, (bins + 1,).

    Without a number of bins, their width is 2 IQR / n^(1/3), but there are at least 10 and at most 60.
    """
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        half = abs(low) / 2 or 0.5
        return np.linspace(low - half, low + half, (bins or 11) + 1)
    if bins is None:
        lower, upper = np.quantile(values, [0.25, 0.75])
        width = 2 * float(upper - lower) / values.size ** (1 / 3)
        bins = min(MOST_BINS, max(10, math.ceil((high - low) / width))) if width > 0 else MOST_BINS
    if bins < 1:
        raise ArgumentError(f"a histogram has at least one bin, not {bins}")
    return np.linspace(low, high, bins + 1)


def checked_bins(where: str, counts: object, edges: object) -> tuple[Floats, Floats]:
    """Counts (bins,) and edges (bins + 1,) as arrays; raises ArgumentError if they are not those of a histogram."""
    heights, borders = numbers(counts), numbers(edges)
    fits = heights.ndim == 1 and borders.shape == (len(heights) + 1,)
    if not (fits and np.isfinite(borders).all() and (np.diff(borders) > 0).all()):
        raise ArgumentError(
            f"{where}: edges should be finite increasing numbers, one more than the counts; the shapes are "
            f"{heights.shape} and {borders.shape}"
        )
    if not (np.isfinite(heights).all() and (heights >= 0).all()):
        raise ArgumentError(f"{where}: counts should be finite and not negative")
    return heights, borders
