"""Axes: the span of numbers that one shows, its ticks, and where each number lies on the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ..text import text_width

__all__ = [
    "Axis",
    "Floats",
    "LogScale",
    "data_axis",
    "distinct",
    "linear_ticks",
    "log_ticks",
    "moments",
    "number",
    "numbers",
]

Floats = np.ndarray[Any, np.dtype[np.float64]]
LogScale = Literal["auto"] | bool

LOG_RATIO = 20  # numbers that span more than this factor are drawn on a logarithmic axis
MARGIN = 0.05  # of the span is left free above the largest number, and below the smallest if that is not zero
LARGEST = 1e300  # spans are computed in float64; what is larger is drawn at the edge
MOST_DIGITS = 10  # of a label; ticks are multiples of powers of ten to so many
FINEST = 1e-9  # numbers that differ by less than this factor are drawn as one
LABEL_ROOM = 1.5  # room for a label on an axis from left to right, in widths of the widest


@dataclass(frozen=True)
class Axis:
    """Numbers from ``low`` to ``high`` to pixels from ``start`` to ``end``, on a linear or logarithmic scale.

    >>> axis = Axis(0, 10, 100, 300)
    >>> axis(2.5), axis.ticks(), axis.labels()
    (150.0, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0], ['0', '2', '4', '6', '8', '10'])
    """

    low: float
    high: float
    start: float = 0.0
    end: float = 1.0
    logarithmic: bool = False
    whole: bool = False  # ticks on whole numbers only: epochs, steps

    def __call__(self, value: float) -> float:
        """The place of a number, in pixels to the hundredth."""
        return float(self.places(np.array([value]))[0])

    def places(self, values: Floats) -> Floats:
        """The places of many numbers; those outside the axis lie at its ends, and NaN stays NaN."""
        values = np.clip(values, self.low, self.high)
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, values = math.log10(low), math.log10(high), np.log10(values)
        places: Floats = np.round(self.start + (values - low) / (high - low) * (self.end - self.start), 2)
        return places

    def placed(self, start: float, end: float) -> Axis:
        """The same axis between other pixels."""
        return replace(self, start=start, end=end)

    def ticks(self, count: int = 6) -> list[float]:
        """At most about ``count`` round numbers within the axis."""
        found = log_ticks(self.low, self.high, count) if self.logarithmic else linear_ticks(self.low, self.high, count)
        return [value for value in found if value == int(value)] if self.whole else found

    def labels(self, count: int = 6) -> list[str]:
        """The ticks as text."""
        return distinct(self.ticks(count))

    def fitting(self, most: int = 8) -> list[float]:
        """The ticks of an axis from left to right: as many as have room side by side, at most about ``most``."""
        room = abs(self.end - self.start)
        for count in range(most, 1, -1):
            ticks = self.ticks(count)
            if LABEL_ROOM * len(ticks) * max(map(text_width, distinct(ticks)), default=0) <= room:
                return ticks
        return self.ticks(1)[:1]


def data_axis(
    values: Floats, log: LogScale = False, *, whole: bool = False, tight: bool = False, zero: bool = True
) -> Axis:
    """The axis that shows all finite numbers of an array (any shape).

    It is logarithmic if ``log`` says so and there are positive numbers, and, for "auto", if all are positive and span
    more than a factor of 20. A linear axis includes zero unless that would squeeze the numbers into less than half.

    Args:
        log: whether the axis is logarithmic; "auto" decides by the numbers.
        whole: put ticks on whole numbers only.
        zero: include zero in a linear axis where there is room.
        tight: end at the smallest and largest number, without zero and margins.
    """
    finite = np.clip(values[np.isfinite(values)], -LARGEST, LARGEST)
    if log is True:
        finite = finite[finite > 0]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if low > 0 and (log is True or (log == "auto" and high / low > LOG_RATIO)):
        if tight and high > low * (1 + FINEST):
            return Axis(low, high, logarithmic=True, whole=whole)
        return Axis(low / 1.2, high * 1.2, logarithmic=True, whole=whole)
    return _linear(low, high, whole, tight, zero)


def _linear(low: float, high: float, whole: bool, tight: bool, zero: bool) -> Axis:
    if tight:
        return Axis(low, high, whole=whole) if high - low > FINEST * max(abs(low), abs(high)) else _around(low, whole)
    span = high - low
    if (zero and 0 < low <= span) or span <= FINEST * high:
        low = 0.0
    elif (zero and 0 < -high <= span) or span <= FINEST * -low:
        high = 0.0
    if high == low:
        return Axis(low, low + 1, whole=whole)
    margin = MARGIN * (high - low)
    return Axis(low - margin * (low != 0), high + margin * (high != 0), whole=whole)


def _around(value: float, whole: bool) -> Axis:
    half = 0.5 if whole or value == 0 else abs(value) / 2
    return Axis(value - half, value + half, whole=whole)


def linear_ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, at most about ``count``.

    >>> linear_ticks(0, 2.4)
    [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [float(f"{i * step:.10g}") + 0.0 for i in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Powers of ten within the span, with their doubles and quintuples, or triples, where there is room for them.

    >>> log_ticks(0.04, 3)
    [0.05, 0.1, 0.2, 0.5, 1.0, 2.0]
    >>> log_ticks(0.5, 0.6)
    [0.5, 0.52, 0.54, 0.56, 0.58, 0.6]
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    stride = max(1, len(decades) // count)
    wide = math.log10(high / low)
    steps: tuple[int, ...] = (1, 2, 5) if wide <= count / 2 else (1, 3) if wide <= 0.8 * count else (1,)
    ticks = [v for d in decades[::stride] for v in (float(f"{m}e{d}") for m in steps) if low <= v <= high]
    return ticks if len(ticks) >= 2 else linear_ticks(low, high, count)


def number(value: float, digits: int = 4) -> str:
    """A number for a label, as short as it can be at so many digits.

    >>> number(0.25), number(12345678.0), number(-1e-7), number(1e5)
    ('0.25', '1.235e7', '-1e-7', '100000')
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    text = f"{value:.{digits}g}"
    if "e" in text and 1 <= abs(value) < 1e6 and value == int(value):
        return str(int(value))
    return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def distinct(values: Sequence[float]) -> list[str]:
    """Different numbers for the labels of an axis, with as many digits as tell them apart.

    >>> distinct([0.04998, 0.05, 0.05002]), distinct([0.049998, 0.05])
    (['0.04998', '0.05', '0.05002'], ['0.049998', '0.05'])
    """
    texts = [number(value) for value in values]
    for digits in range(5, MOST_DIGITS + 1):
        if len(set(texts)) == len(set(values)):
            break
        texts = [number(value, digits) for value in values]
    return texts


def moments(values: Floats) -> tuple[float, float]:
    """Mean and standard deviation of finite numbers (at least one), of any size.

    >>> moments(np.array([1e308, -1e308]))
    (0.0, 1e+308)
    """
    scale = float(np.abs(values).max()) or 1.0
    scaled = values / scale
    return scale * float(scaled.mean()), scale * float(scaled.std())


def numbers(values: object) -> Floats:
    """Numbers of any kind (lists, arrays, tensors) as a float64 array; booleans count as 0 and 1."""
    if hasattr(values, "detach"):
        values = values.detach().numpy()
    return np.asarray(values, dtype=np.float64)
