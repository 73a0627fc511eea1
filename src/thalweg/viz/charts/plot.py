"""The frame of a chart: margins that hold all labels, grid and ticks, the names of the axes, title and legend."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from ...errors import ArgumentError
from ..picture import Picture
from ..text import shortened, text_width
from .axes import Axis, distinct

__all__ = ["Chart", "Plot", "amount", "text"]

HEIGHT, WIDTH = 420.0, 720.0
SMALLEST = 120  # pixels that a chart is wide and high at least
EDGE = 24  # free at the right
PITCH = 44  # pixels between ticks on a vertical axis, about
LINE = 18  # pixels from one line of text to the next
TITLE_SIZE = 16
TITLE_ROOM = 38  # pixels from the upper edge that the title takes


@dataclass(frozen=True)
class Plot:
    """Two axes in their place."""

    across: Axis
    up: Axis

    @property
    def left(self) -> float:
        """The left edge of the plotting area, in pixels; so too right, top and bottom."""
        return self.across.start

    @property
    def right(self) -> float:
        return self.across.end

    @property
    def top(self) -> float:
        return self.up.end

    @property
    def bottom(self) -> float:
        return self.up.start

    def up_ticks(self) -> list[float]:
        """The ticks of the vertical axis, one to about 44 pixels."""
        return self.up.ticks(max(1, int((self.bottom - self.top) / PITCH)))


class Chart(Picture):
    """What all charts share: a size, a title that fits, a page, and axes whose labels have room."""

    def __init__(self, title: str, width: float, height: float) -> None:
        if not (width >= SMALLEST and height >= SMALLEST):
            raise ArgumentError(
                f"a chart of {width:g} by {height:g} pixels has no room for its labels; "
                f"width and height should be {SMALLEST} or more"
            )
        self.title = title
        self.width = float(width)
        self.height = float(height)

    def __str__(self) -> str:
        """The chart in words."""
        return self.description

    def page(self) -> list[str]:
        """The background, which the picture brings along, and the title."""
        w, h = self.width, self.height
        title = shortened(self.title, w - 2 * EDGE, TITLE_SIZE, bold=True)
        return [
            f'<rect class="page" x="0.5" y="0.5" width="{w - 1:g}" height="{h - 1:g}" rx="8"/>',
            text(title, EDGE, 30, "title"),
        ]

    def plot(self, across: Axis, up: Axis, *, names: tuple[str, str], top: float = 52, right: float = EDGE) -> Plot:
        """The two axes, placed so that the labels of their ticks and their names fit.

        Args:
            names: of the horizontal and the vertical axis; an empty one takes no room.
            top: pixels above the plotting area, for the title and a legend.
            right: pixels to its right.
        """
        bottom = self.height - (46 if names[0] else 30)
        ticks = Plot(across, up.placed(bottom, top)).up_ticks()
        widest = max(map(text_width, distinct(ticks)), default=0)
        left = 12 + widest + 8 + (22 if names[1] else 0)
        return Plot(across.placed(round(left), self.width - right), up.placed(bottom, top))

    def frame(self, plot: Plot, x_label: str, y_label: str, *, grid: bool = True) -> list[str]:
        """Grid lines (or short ones, and a border), their numbers, and the names of the axes."""
        parts = []
        ticks = plot.up_ticks()
        for value, label in zip(ticks, distinct(ticks), strict=True):
            y = plot.up(value)
            kind, end = ("grid", f"H{plot.right:g}") if grid else ("axis", "h-5")
            parts.append(f'<path class="{kind}" d="M{plot.left:g} {y:g}{end}"/>')
            parts.append(text(label, plot.left - 8, y + 4, anchor="end"))
        if not grid:
            border = f"M{plot.left:g} {plot.top:g}H{plot.right:g}V{plot.bottom:g}H{plot.left:g}z"
            parts.append(f'<path class="axis" d="{border}"/>')
        parts += self.foot(plot)
        parts += self.axis_names(plot, x_label, y_label)
        return parts

    def foot(self, plot: Plot) -> list[str]:
        """The numbers below the plotting area, with short lines that say where they are."""
        parts = []
        ticks = plot.across.fitting()
        for value, label in zip(ticks, distinct(ticks), strict=True):
            x = plot.across(value)
            parts.append(f'<path class="axis" d="M{x:g} {plot.bottom:g}v5"/>')
            half = text_width(label) / 2
            parts.append(text(label, min(x, self.width - half - 4), plot.bottom + 19, anchor="middle"))
        return parts

    def axis_names(self, plot: Plot, x_label: str, y_label: str) -> list[str]:
        """The names of the axes, shortened to the axes' lengths."""
        parts = []
        if x_label:
            middle = (plot.left + plot.right) / 2
            name = shortened(x_label + _scale(plot.across), self.width - 16)
            middle = min(max(middle, text_width(name) / 2 + 8), self.width - text_width(name) / 2 - 8)
            parts.append(text(name, middle, self.height - 10, anchor="middle"))
        if y_label:
            end = self.height - (28 if x_label else 8)
            name = shortened(y_label + _scale(plot.up), end - TITLE_ROOM)
            half = text_width(name) / 2
            y = min(max((plot.top + plot.bottom) / 2, half + TITLE_ROOM), end - half)
            parts.append(
                f'<text x="18" y="{y:g}" text-anchor="middle" transform="rotate(-90 18 {y:g})">{escape(name)}</text>'
            )
        return parts

    def note(self, sentence: str) -> list[str]:
        """A sentence in the middle of an empty chart."""
        return [text(shortened(sentence, self.width - 16), self.width / 2, self.height / 2, anchor="middle")]


def _scale(axis: Axis) -> str:
    return " (logarithmic)" if axis.logarithmic else ""


def text(words: str, x: float, y: float, kind: str = "", anchor: str = "start") -> str:
    """A line of text as an SVG element; ``kind`` is a class of the style sheet."""
    kind = f' class="{kind}"' if kind else ""
    anchor = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text{kind} x="{x:.6g}" y="{y:.6g}"{anchor}>{escape(words)}</text>'


def amount(count: int, noun: str, plural: str = "") -> str:
    """So many of something, in words.

    >>> amount(1, "epoch"), amount(12000, "value"), amount(2, "loss", "losses")
    ('1 epoch', '12,000 values', '2 losses')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
