"""Shades: numbers from 0 to 1 as the opacity of a colour, so that one drawing suits light and dark pages."""

from __future__ import annotations

import numpy as np

from ..text import text_width
from .axes import Floats, number
from .plot import text

__all__ = ["GAP", "READABLE", "STRONGEST", "cells", "scale_bar", "scale_room"]

READABLE = 0.55  # the strongest shade behind text: its contrast with the text is above 4.5 on both kinds of pages
STRONGEST = 0.9  # opacity of the strongest shade without text
LEVELS = 24  # shades that are told apart
BAR = 10  # pixels that a scale is wide
GAP = 14  # pixels between the plotting area and a scale


def cells(shade: Floats, x: Floats, y: Floats, kind: str = "heat", strongest: float = STRONGEST) -> list[str]:
    """The cells of a grid as one path for each shade.

    Args:
        shade: (rows, columns), from 0 (not drawn) to 1; NaN is not drawn either.
        x: (columns + 1,) borders in pixels.
        y: (rows + 1,) borders in pixels.
        kind: the class of the style sheet that has the colour.
        strongest: the opacity of shade 1.
    """
    level = np.where(np.isfinite(shade), np.ceil(np.clip(shade, 0, 1) * LEVELS - 1e-9), 0).astype(int)
    parts = []
    for k in np.unique(level[level > 0]):
        path = "".join(_strips(level == k, x, y))
        parts.append(f'<path class="{kind}" fill-opacity="{k / LEVELS * strongest:.3g}" d="{path}"/>')
    return parts


def _strips(chosen: np.ndarray[tuple[int, int], np.dtype[np.bool_]], x: Floats, y: Floats) -> list[str]:
    """The chosen cells as rectangles; neighbours in a row are one."""
    padded = np.pad(chosen, ((0, 0), (1, 1)))
    row, change = np.nonzero(np.diff(padded, axis=1))
    height = np.diff(y)
    return [
        f"M{x[first]:g} {y[i]:g}H{x[last]:g}v{height[i]:.6g}H{x[first]:g}z"
        for i, first, last in zip(row[::2], change[::2], change[1::2], strict=True)
    ]


def scale_room(*values: float) -> float:
    """How many pixels a scale with these numbers takes beside a plotting area, the gap before it included."""
    return GAP + BAR + 5 + max(text_width(number(value, 3)) for value in values)


def scale_bar(
    low: float, high: float, x: float, top: float, bottom: float, labels: tuple[str, str] = ("", "")
) -> list[str]:
    """What the shades from 0 to 1 stand for: a bar with the numbers ``low`` below and ``high`` above.

    Args:
        labels: text instead of the two numbers.
    """
    border = np.linspace(bottom, top, LEVELS + 1)
    shade = (np.arange(LEVELS) + 1.0)[:, None] / LEVELS
    lowest, highest = labels[0] or number(low, 3), labels[1] or number(high, 3)
    return [
        *cells(shade[::-1], np.array([x, x + BAR]), np.round(border[::-1], 2)),
        f'<rect class="grid" x="{x:g}" y="{top:g}" width="{BAR}" height="{bottom - top:g}"/>',
        text(highest, x + BAR + 5, top + 10),
        text(lowest, x + BAR + 5, bottom),
    ]
