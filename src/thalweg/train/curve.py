"""Loss curves as SVG, written by hand: small, readable on light and dark pages, and described in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["loss_curve"]

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 24, 56, 52
LOG_RATIO = 20  # losses that span more than this factor are drawn on a logarithmic axis

# The picture brings its own background, so it does not depend on the page's. Blue and orange of Okabe and Ito (2008)
# differ for colour-blind readers too; the dashes tell the lines apart without any colour.
STYLE = """
  .page { fill: #ffffff; stroke: #d0d7de; }
  .grid { stroke: #d0d7de; stroke-width: 1; }
  text { fill: #24292f; font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
  .title { font-size: 16px; font-weight: 600; }
  .train, .validation { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
  .train { stroke: #0072b2; }
  .validation { stroke: #d55e00; stroke-dasharray: 7 4; }
  .train-dot { fill: #0072b2; }
  .validation-dot { fill: #d55e00; }
  .best { fill: #ffffff; stroke: #d55e00; stroke-width: 2; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; stroke: #30363d; }
    .grid { stroke: #30363d; }
    text { fill: #e6edf3; }
    .train { stroke: #56b4e9; }
    .validation { stroke: #e69f00; }
    .train-dot { fill: #56b4e9; }
    .validation-dot { fill: #e69f00; }
    .best { fill: #0d1117; stroke: #e69f00; }
  }
"""


@dataclass(frozen=True)
class Axis:
    """Numbers from ``low`` to ``high`` to pixels from ``start`` to ``end``, on a linear or logarithmic scale."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        low, high, value = (math.log10(v) if self.logarithmic else v for v in (self.low, self.high, value))
        return round(self.start + (value - low) / (high - low) * (self.end - self.start), 2)

    def ticks(self) -> list[float]:
        """A few round numbers within the axis."""
        return log_ticks(self.low, self.high) if self.logarithmic else linear_ticks(self.low, self.high)


def loss_curve(
    epochs: Sequence[int], train: Sequence[float], validation: Sequence[float], best_epoch: int, title: str
) -> str:
    """The SVG text of the training loss (solid) and the validation loss (dashed) over the epochs.

    Losses that are not finite are left out of their line. A loss that spans more than a factor of 20 gets a
    logarithmic axis. A ring marks ``best_epoch``, the epoch whose weights were kept.
    """
    finite = [v for v in (*train, *validation) if math.isfinite(v)] or [0.0]
    across = Axis(min(epochs), max(max(epochs), min(epochs) + 1), LEFT, WIDTH - RIGHT)
    up = loss_axis(min(finite), max(finite))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"',
        ' role="img" aria-labelledby="title desc">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(describe(epochs, train, validation, best_epoch))}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="8"/>',
        f'<text class="title" x="{LEFT}" y="30">{escape(title)}</text>',
        *grid(across, up),
        *line("train", epochs, train, across, up),
        *line("validation", epochs, validation, across, up),
        *ring(epochs, validation, best_epoch, across, up),
        *legend(),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def loss_axis(low: float, high: float) -> Axis:
    """The vertical axis: logarithmic for a wide span of positive numbers, else from zero."""
    bottom, top = HEIGHT - BOTTOM, TOP
    if low > 0 and high / low > LOG_RATIO:
        return Axis(low / 1.2, high * 1.2, bottom, top, logarithmic=True)
    low, high = min(low, 0.0), max(high, 0.0)
    return Axis(low, high + 0.05 * (high - low) if high > low else low + 1.0, bottom, top)


def linear_ticks(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, at most about six.

    >>> linear_ticks(0, 2.4)
    [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    rough = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [float(f"{i * step:.10g}") for i in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten within the span, with their doubles and quintuples where there is room for them.

    >>> log_ticks(0.04, 3)
    [0.05, 0.1, 0.2, 0.5, 1.0, 2.0]
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    stride = max(1, len(decades) // 6)
    steps = (1, 2, 5) if high / low < 1000 else (1,)
    return [v for d in decades[::stride] for v in (float(f"{m}e{d}") for m in steps) if low <= v <= high]


def grid(across: Axis, up: Axis) -> list[str]:
    """Grid lines, their numbers, and the names of the axes."""
    parts = []
    for value in up.ticks():
        y = up(value)
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.2f}" text-anchor="end">{value:g}</text>')
    foot = f'y="{HEIGHT - BOTTOM + 20}" text-anchor="middle"'
    whole = (int(value) for value in across.ticks() if value == int(value))
    parts += [f'<text x="{across(epoch)}" {foot}>{epoch}</text>' for epoch in whole]
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 12}" text-anchor="middle">epoch</text>')
    name = "loss (logarithmic)" if up.logarithmic else "loss"
    y = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(f'<text x="18" y="{y}" text-anchor="middle" transform="rotate(-90 18 {y})">{name}</text>')
    return parts


def line(name: str, epochs: Sequence[int], losses: Sequence[float], across: Axis, up: Axis) -> list[str]:
    """One polyline, or a dot where there is a single point."""
    points = [(across(e), up(v)) for e, v in zip(epochs, losses, strict=True) if math.isfinite(v)]
    if len(points) == 1:
        return [f'<circle class="{name}-dot" cx="{points[0][0]}" cy="{points[0][1]}" r="4"/>']
    coordinates = " ".join(f"{x},{y}" for x, y in points)
    return [f'<polyline class="{name}" points="{coordinates}"/>'] if points else []


def ring(epochs: Sequence[int], validation: Sequence[float], best_epoch: int, across: Axis, up: Axis) -> list[str]:
    """The mark on the epoch whose weights were kept."""
    loss = dict(zip(epochs, validation, strict=True)).get(best_epoch, math.nan)
    if not math.isfinite(loss):
        return []
    return [f'<circle class="best" cx="{across(best_epoch)}" cy="{up(loss)}" r="5"/>']


def legend() -> list[str]:
    """What each line is, in the upper right corner above the plot."""
    parts = []
    for x, name in ((WIDTH - 270, "train"), (WIDTH - 180, "validation")):
        parts.append(f'<line class="{name}" x1="{x}" y1="26" x2="{x + 30}" y2="26"/>')
        parts.append(f'<text x="{x + 36}" y="30">{name}</text>')
    parts.append(f'<circle class="best" cx="{WIDTH - 62}" cy="26" r="5"/><text x="{WIDTH - 52}" y="30">kept</text>')
    return parts


def describe(epochs: Sequence[int], train: Sequence[float], validation: Sequence[float], best_epoch: int) -> str:
    """The curve in words, for readers who don't see it."""
    best = dict(zip(epochs, validation, strict=True)).get(best_epoch, math.nan)
    return (
        f"Loss over {len(epochs)} epoch{'s' if len(epochs) != 1 else ''}. "
        f"The training loss goes from {train[0]:.4g} to {train[-1]:.4g}, "
        f"the validation loss from {validation[0]:.4g} to {validation[-1]:.4g}. "
        f"The weights of epoch {best_epoch} were kept, with validation loss {best:.4g}."
    )
