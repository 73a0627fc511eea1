"""How wide text is, for boxes that have to hold it."""

from __future__ import annotations

__all__ = ["FONT", "shortened", "text_width"]

FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif"

# Advances of the printable ASCII characters in hundredths of the font size, measured in DejaVu Sans, regular and bold.
# It is the widest of the fonts that FONT can come to, so that what fits with these numbers fits.
_REGULAR = (
    32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34, 84,
    84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79, 60, 79, 69, 63, 61, 73, 68, 99, 69, 61,
    69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63, 63, 28, 28, 58, 28, 97, 63, 61, 63, 63, 41, 52, 39, 63, 59,
    82, 59, 59, 52, 64, 34, 64, 84,
)  # fmt: skip
_BOLD = (
    35, 46, 52, 84, 70, 100, 87, 31, 46, 46, 52, 84, 38, 42, 38, 37, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 40, 40, 84,
    84, 84, 58, 100, 77, 76, 73, 83, 68, 68, 82, 84, 37, 37, 77, 64, 100, 84, 85, 73, 85, 77, 72, 68, 81, 77, 110, 77,
    72, 73, 46, 37, 46, 84, 50, 50, 67, 72, 59, 72, 68, 44, 72, 71, 34, 34, 67, 34, 104, 71, 69, 72, 72, 49, 60, 48, 71,
    65, 92, 65, 65, 58, 71, 37, 71, 84,
)  # fmt: skip
_OTHER = 84  # mathematical signs; Chinese characters count double
_WIDE = 0x1100  # from here on characters may be as wide as they are high


def text_width(text: str, size: float = 13, *, bold: bool = False) -> float:
    """The width of a line of text in pixels, at a font size in pixels.

    >>> text_width("Linear", 10) < text_width("Linear", 10, bold=True)
    True
    """
    table = _BOLD if bold else _REGULAR
    return sum(_advance(ord(c), table) for c in text) * size / 100


def _advance(code: int, table: tuple[int, ...]) -> int:
    if 32 <= code < 127:
        return table[code - 32]
    return 104 if code >= _WIDE and not 0x2000 <= code < 0x2E80 else _OTHER


def shortened(text: str, width: float, size: float = 13, *, bold: bool = False) -> str:
    """The text, or as much of it as fits with an ellipsis.

    >>> shortened("a_rather_long_name", 60, 10)
    'a_rather_l…'
    """
    if text_width(text, size, bold=bold) <= width:
        return text
    while text and text_width(text + "…", size, bold=bold) > width:
        text = text[:-1]
    return text + "…"
