"""Heat maps: a matrix as shaded cells, with its numbers in them where they fit."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from ...errors import ArgumentError
from ..text import shortened, text_width
from .axes import Floats, number, numbers
from .plot import EDGE, HEIGHT, WIDTH, Chart, amount, text
from .shades import GAP, READABLE, STRONGEST, cells, scale_bar, scale_room

__all__ = ["Heatmap"]

FONT = 13
LABELS = 0.3  # of the width is the most that the labels of rows may take, and of the height those of columns


class Heatmap(Chart):
    """A matrix as shaded cells: the confusion matrix, weights, correlations.

    Where they fit, each cell shows its number, and shades are kept so light that it can be read in both themes. Where
    they don't, a scale beside the cells says what the shades are. Negative numbers have another colour, and a sign.

    Args:
        matrix: (rows, columns).
        row_labels: what the rows are; None numbers them from 0.
        column_labels: what the columns are; None numbers them from 0.
        title: above the chart, and the picture's title.
        x_label: what the columns are together, such as "predicted".
        y_label: what the rows are together, such as "true".
        values: whether numbers are in the cells; None puts them where they fit.
        description: in words; without it, the chart describes itself by its numbers.

    Raises:
        ArgumentError: the matrix is none, or there are more or fewer labels than rows or columns.

    >>> Heatmap([[5, 1], [0, 6]], title="confusion").description
    'confusion: 2 rows by 2 columns, from 0 at row 1, column 0 to 6 at row 1, column 1.'
    """

    def __init__(
        self,
        matrix: object,
        row_labels: Sequence[object] | None = None,
        column_labels: Sequence[object] | None = None,
        *,
        title: str,
        x_label: str = "",
        y_label: str = "",
        values: bool | None = None,
        width: float = WIDTH,
        height: float = HEIGHT,
        description: str = "",
    ) -> None:
        super().__init__(title, width, height)
        self.matrix = numbers(matrix)
        if self.matrix.ndim != 2:
            raise ArgumentError(f"Heatmap draws a matrix, not an array of shape {self.matrix.shape}")
        self.rows = _labels("row_labels", row_labels, self.matrix.shape[0])
        self.columns = _labels("column_labels", column_labels, self.matrix.shape[1])
        self.labels = (x_label, y_label)
        self.words = [[number(v) for v in row] for row in self.matrix.tolist()]
        self.right = self.width - EDGE
        self.place()
        self.with_values = self._room() if values is None else values
        if not self.with_values:
            self.right += EDGE / 2 - scale_room(self._largest(), -self._largest())
            self.place()
        self.description = description or self._describe()

    def place(self) -> None:
        """Where the cells lie, in pixels, if they may go as far as ``right``."""
        widest = max((text_width(label) for label in self.rows), default=0)
        self.left = round(16 + min(widest, LABELS * self.width) + (22 if self.labels[1] else 0))
        self.top = 48.0
        pitch = (self.right - self.left) / max(1, len(self.columns))
        self.upright = max((text_width(label) for label in self.columns), default=0) + 6 > pitch
        tall = max((text_width(label) for label in self.columns), default=0) if self.upright else FONT
        self.bottom = round(self.height - 14 - min(tall, LABELS * self.height) - (22 if self.labels[0] else 0))

    def body(self) -> str:
        rows, columns = self.matrix.shape
        parts = self.page()
        if not self.matrix.size:
            return "\n".join([*parts, *self.note("no values")])
        x = np.round(np.linspace(self.left, self.right, columns + 1), 2)
        y = np.round(np.linspace(self.top, self.bottom, rows + 1), 2)
        largest = self._largest()
        strongest = READABLE if self.with_values else STRONGEST
        parts += cells(np.where(self.matrix > 0, self.matrix, 0) / largest, x, y, "heat", strongest)
        parts += cells(np.where(self.matrix < 0, -self.matrix, 0) / largest, x, y, "heat-minus", strongest)
        parts.append(
            f'<rect class="grid" x="{x[0]:g}" y="{y[0]:g}" width="{x[-1] - x[0]:.6g}" height="{y[-1] - y[0]:.6g}"/>'
        )
        parts += self._cell_texts(x, y) if self.with_values else self._scale(largest)
        parts += self._row_labels(y)
        parts += self._column_labels(x)
        return "\n".join([*parts, *self._names_of_axes()])

    def _largest(self) -> float:
        finite = np.abs(self.matrix[np.isfinite(self.matrix)])
        return float(finite.max(initial=0.0)) or 1.0

    def _room(self) -> bool:
        """Whether every number fits into its cell."""
        rows, columns = self.matrix.shape
        if not self.matrix.size:
            return True
        widest = max(text_width(word, FONT) for row in self.words for word in row)
        return widest + 6 <= (self.right - self.left) / columns and (self.bottom - self.top) / rows >= FONT + 3

    def _cell_texts(self, x: Floats, y: Floats) -> list[str]:
        return [
            text(word, (x[j] + x[j + 1]) / 2, (y[i] + y[i + 1]) / 2 + 4.5, anchor="middle")
            for i, row in enumerate(self.words)
            for j, word in enumerate(row)
        ]

    def _scale(self, largest: float) -> list[str]:
        x = self.right + GAP
        if not (self.matrix < 0).any():
            return scale_bar(0, largest, x, self.top, self.bottom)
        middle = (self.top + self.bottom) / 2
        upper = scale_bar(0, largest, x, self.top, middle)
        lower = scale_bar(0, largest, x, self.bottom, middle, ("0", number(-largest, 3)))
        return [*upper[:-1], *(part.replace('"heat"', '"heat-minus"') for part in lower[:-3]), *lower[-2:]]

    def _row_labels(self, y: Floats) -> list[str]:
        every = max(1, round((FONT + 2) / float(y[1] - y[0]) + 0.49))
        return [
            text(shortened(self.rows[i], LABELS * self.width), self.left - 6, (y[i] + y[i + 1]) / 2 + 4.5, anchor="end")
            for i in range(0, len(self.rows), every)
        ]

    def _column_labels(self, x: Floats) -> list[str]:
        pitch = float(x[1] - x[0])
        if not self.upright:
            return [
                text(label, (x[j] + x[j + 1]) / 2, self.bottom + 18, anchor="middle")
                for j, label in enumerate(self.columns)
            ]
        every = max(1, round((FONT + 2) / pitch + 0.49))
        parts = []
        for j in range(0, len(self.columns), every):
            label = escape(shortened(self.columns[j], LABELS * self.height))
            place = f"{(x[j] + x[j + 1]) / 2 + 4.5:.6g} {self.bottom + 8:g}"
            parts.append(f'<text text-anchor="end" transform="translate({place}) rotate(-90)">{label}</text>')
        return parts

    def _names_of_axes(self) -> list[str]:
        parts = []
        if self.labels[0]:
            name = shortened(self.labels[0], self.right - self.left)
            parts.append(text(name, (self.left + self.right) / 2, self.height - 10, anchor="middle"))
        if self.labels[1]:
            name, y = escape(shortened(self.labels[1], self.bottom - self.top)), (self.top + self.bottom) / 2
            parts.append(f'<text x="18" y="{y:g}" text-anchor="middle" transform="rotate(-90 18 {y:g})">{name}</text>')
        return parts

    def _describe(self) -> str:
        rows, columns = self.matrix.shape
        words = f"{self.title}: {amount(rows, 'row')} by {amount(columns, 'column')}"
        finite = np.isfinite(self.matrix)
        if not finite.any():
            return f"{words}, without finite values."
        low = np.unravel_index(np.argmin(np.where(finite, self.matrix, np.inf)), self.matrix.shape)
        high = np.unravel_index(np.argmax(np.where(finite, self.matrix, -np.inf)), self.matrix.shape)
        words += f", from {self._at(*low)} to {self._at(*high)}."
        missing = int(np.count_nonzero(~finite))
        return words + (f" {amount(missing, 'value')} {'is' if missing == 1 else 'are'} not finite." if missing else "")

    def _at(self, i: np.intp, j: np.intp) -> str:
        return f"{self.words[i][j]} at row {self.rows[i]}, column {self.columns[j]}"


def _labels(name: str, labels: Sequence[object] | None, count: int) -> list[str]:
    found = [str(i) for i in range(count)] if labels is None else [str(label) for label in labels]
    if len(found) != count:
        raise ArgumentError(f"Heatmap: {name} has {amount(len(found), 'label')} for {count}")
    return found
