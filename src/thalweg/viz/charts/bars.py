"""Horizontal bars: one number for each of several names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import ArgumentError
from ..text import shortened, text_width
from .axes import Axis, data_axis, number, numbers
from .plot import EDGE, WIDTH, Chart, amount, text

__all__ = ["Bars"]

PITCH = 24  # pixels from one bar to the next, where the height is not given
THICKNESS = 0.7  # of the pitch
NAMES = 0.4  # of the width is the most that the names may take
TOP, BOTTOM = 48, 14


class Bars(Chart):
    """Horizontal bars, each with its name on the left and its number at its end.

    Args:
        labels: the names, from the top down.
        values: a number for each, negative ones too; what is not finite has no bar.
        title: above the chart, and the picture's title.
        unit: what follows each number, such as "ms".
        most: only the largest so many are drawn, in the order given; one line says what the others come to.
        height: in pixels; None takes what the bars need.
        description: in words; without it, the chart describes itself by its numbers.

    Raises:
        ArgumentError: there are not equally many labels and values.

    >>> Bars(["matmul", "relu"], [3.0, 1.0], title="time", unit="ms").description
    'time: 2 bars, together 4 ms. The largest is matmul with 3 ms (75 %), the smallest relu with 1 ms.'
    """

    def __init__(
        self,
        labels: Sequence[object],
        values: object,
        *,
        title: str,
        unit: str = "",
        most: int = 40,
        width: float = WIDTH,
        height: float | None = None,
        description: str = "",
    ) -> None:
        self.values = numbers(values)
        if self.values.shape != (len(labels),):
            raise ArgumentError(
                f"Bars: there should be one number for each of {len(labels)} labels, not {self.values.shape}"
            )
        self.unit = f" {unit}" if unit else ""
        size = np.where(np.isfinite(self.values), np.abs(self.values), -1)
        chosen = np.sort(np.argsort(-size, kind="stable")[:most])
        self.rows = [(str(labels[i]), float(self.values[i])) for i in chosen]
        self.labels = [str(label) for label in labels]
        self.others = np.delete(self.values, chosen)
        count = max(3, len(self.rows) + (self.others.size > 0))
        super().__init__(title, width, TOP + BOTTOM + PITCH * count if height is None else height)
        self.description = description or self._describe()

    def body(self) -> str:
        parts = self.page()
        if not self.rows:
            return "\n".join([*parts, *self.note("no values")])
        axis, left = self._axis()
        pitch = (self.height - TOP - BOTTOM) / (len(self.rows) + (self.others.size > 0))
        zero = axis(0.0)
        for k, (name, value) in enumerate(self.rows):
            y = TOP + (k + 0.5) * pitch
            parts.append(text(shortened(name, NAMES * self.width), left - 8, y + 4.5, anchor="end"))
            parts += self._bar(axis, zero, value, y, THICKNESS * pitch)
        if self.others.size:
            rest = float(self.others[np.isfinite(self.others)].sum())
            words = f"and {self.others.size:,} more, together {number(rest)}{self.unit}"
            parts.append(text(words, left, TOP + (len(self.rows) + 0.5) * pitch + 4.5, "small"))
        bottom = TOP + len(self.rows) * pitch
        parts.append(f'<path class="axis" d="M{zero:g} {TOP}V{bottom:.6g}"/>')
        return "\n".join(parts)

    def _axis(self) -> tuple[Axis, float]:
        """The axis of the values, with room for the numbers at the ends of the bars, and its left end."""
        values = np.array([value for _, value in self.rows])
        left = round(EDGE + 8 + min(max(text_width(name) for name, _ in self.rows), NAMES * self.width))
        room = max(text_width(self._words(value)) for value in values) + 8
        axis = data_axis(np.append(values, 0.0))
        low = left + (room if axis.low < 0 else 0)
        high = self.width - EDGE - (room if axis.high > 0 else 0)
        return axis.placed(low, max(high, low + 1)), left

    def _words(self, value: float) -> str:
        return number(value) + (self.unit if np.isfinite(value) else "")

    def _bar(self, axis: Axis, zero: float, value: float, y: float, thickness: float) -> list[str]:
        end = axis(value) if np.isfinite(value) else zero
        x, side = (end, "end") if -np.inf < value < 0 else (zero, "start")
        width = max(abs(end - zero), 0.5)
        words = self._words(value)
        size = f'width="{width:.6g}" height="{thickness:.6g}"'
        return [
            f'<rect class="bar s0" x="{x:g}" y="{y - thickness / 2:.6g}" {size}/>',
            text(words, end + (-6 if side == "end" else 6), y + 4.5, anchor=side),
        ]

    def _describe(self) -> str:
        finite = np.flatnonzero(np.isfinite(self.values))
        if not finite.size:
            return f"{self.title}: {amount(len(self.labels), 'bar')} without finite values."
        values = self.values[finite]
        total = float(values.sum())
        low, high = int(finite[np.argmin(values)]), int(finite[np.argmax(values)])
        share = f" ({number(100 * float(self.values[high]) / total, 3)} %)" if values.min() >= 0 and total > 0 else ""
        return (
            f"{self.title}: {amount(len(self.labels), 'bar')}, together {self._words(total)}. The largest is "
            f"{self.labels[high]} with {self._words(float(self.values[high]))}{share}, the smallest "
            f"{self.labels[low]} with {self._words(float(self.values[low]))}."
        )
