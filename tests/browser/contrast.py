"""Whether texts stand out from what is behind them, by WCAG's measure, whatever the theme."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["contrast", "faint_texts"]

LEAST = 4.5  # WCAG 2.2, success criterion 1.4.3
_GATHER = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")


def faint_texts(page: Any, least: float = LEAST) -> list[tuple[str, float]]:
    """The visible texts whose contrast is below ``least``, with their contrast: those of SVGs, and of the page."""
    found = [(text, round(contrast(ink, paper), 2)) for text, ink, paper in page.evaluate(_GATHER)]
    return [(text, value) for text, value in found if value < least]


def contrast(ink: list[float], paper: list[float]) -> float:
    """Of two colours, each as red, green and blue from 0 to 255: from 1 to 21."""
    light, dark = sorted((_luminance(ink), _luminance(paper)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: list[float]) -> float:
    """The relative luminance of a colour in sRGB (WCAG 2.2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
