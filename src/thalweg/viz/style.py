"""One style for all pictures, on light and dark pages.

A picture's elements carry classes and no colours. All pictures share these classes, so that a page may hold many of
them with one copy of the style. Colours are written as names here, and each theme says what they are. No meaning is in
colour alone: lines have dashes, marks have shapes, and everything has a label.
"""

from __future__ import annotations

import re
from typing import Literal

from .text import FONT

__all__ = ["DARK", "LIGHT", "SERIES", "Theme", "stylesheet"]

Theme = Literal["auto", "light", "dark"]

SERIES = 6  # how many lines of one chart can be told apart, by colour and by dashes

# Colours of Okabe and Ito (2008), which colour-blind readers can tell apart too, darker where they carry text on white.
LIGHT = {
    "page": "#ffffff", "ink": "#24292f", "muted": "#57606a", "grid": "#d0d7de", "panel": "#f6f8fa",
    "block": "#eef4fb", "block-edge": "#3b6ea5", "cost": "#fdf0e3", "cost-edge": "#b45309",
    "observed": "#c9d1d9", "group": "#f6f8fa", "group-edge": "#afb8c1",
    "s0": "#0072b2", "s1": "#d55e00", "s2": "#007a5a", "s3": "#a4527f", "s4": "#8a6d00", "s5": "#24292f",
    "good": "#007a5a", "bad": "#b42318",
}  # fmt: skip
DARK = {
    "page": "#0d1117", "ink": "#e6edf3", "muted": "#9da7b3", "grid": "#30363d", "panel": "#161b22",
    "block": "#14263c", "block-edge": "#6ea8e0", "cost": "#33230f", "cost-edge": "#e69f00",
    "observed": "#484f58", "group": "#161b22", "group-edge": "#484f58",
    "s0": "#56b4e9", "s1": "#e69f00", "s2": "#3fc79a", "s3": "#d993b8", "s4": "#e3d44f", "s5": "#e6edf3",
    "good": "#3fc79a", "bad": "#ff7b72",
}  # fmt: skip

DASHES = ("none", "7 4", "2 3", "10 3 2 3", "4 2", "12 4")

_RULES = """
.tw { font: 13px $FONT; background: $page; }
.tw text { fill: $ink; font: 13px $FONT; }
.tw .page { fill: $page; stroke: $grid; }
.tw .title { font-size: 16px; font-weight: 600; }
.tw .small { font-size: 11px; fill: $muted; }
.tw .bold { font-weight: 600; }
.tw .grid { stroke: $grid; stroke-width: 1; fill: none; }
.tw .axis { stroke: $muted; stroke-width: 1; fill: none; }
.tw .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.tw .mark { stroke: $page; stroke-width: 1; }
.tw .bar { stroke: $page; stroke-width: 0.5; }
.tw .ring { fill: $page; stroke-width: 2; }
.tw .heat { fill: $s0; shape-rendering: crispEdges; }
.tw .heat-minus { fill: $s1; shape-rendering: crispEdges; }
.tw .smooth { shape-rendering: auto; }
.tw .level { fill: none; stroke: $muted; stroke-width: 0.8; stroke-opacity: 0.8; }
.tw .thin { stroke-width: 1.6; }
.tw .halo { fill: $ink; stroke: $page; stroke-width: 5; stroke-linejoin: round; paint-order: stroke; }
.tw .panel { fill: $panel; stroke: $grid; }
.tw .node .shape, .tw .stack { fill: $block; stroke: $block-edge; stroke-width: 1.5; }
.tw .operation .shape { fill: $page; }
.tw .cost .shape, .tw .cost.stack { fill: $cost; stroke: $cost-edge; }
.tw .group-shape { fill: $group; stroke: $group-edge; stroke-dasharray: 5 3; }
.tw .variable .shape { fill: $page; stroke: $ink; stroke-width: 1.3; }
.tw .observed .shape, .tw .kept .shape { fill: $observed; }
.tw .edge { fill: none; stroke: $muted; stroke-width: 1.3; }
.tw .arrow { fill: $muted; }
.tw .note { fill: $ink; }
.tw .now > .shape { stroke: $s1; stroke-width: 4; }
.tw [role="button"] { cursor: pointer; }
.tw [role="button"]:focus > .shape { stroke: $s1; stroke-width: 2.5; }
"""


def stylesheet(theme: Theme = "auto") -> str:
    """The style sheet of all pictures; "auto" follows the page's preference.

    >>> "prefers-color-scheme" in stylesheet(), "prefers-color-scheme" in stylesheet("dark")
    (True, False)
    """
    rules = _RULES + "".join(_series(i) for i in range(SERIES))
    if theme != "auto":
        return _with_colours(rules, LIGHT if theme == "light" else DARK)
    dark = "\n".join(
        "  " + line for line in _with_colours(_coloured(rules), DARK).strip().splitlines()
    )  # fmt: skip
    return f"{_with_colours(rules, LIGHT)}@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def _series(i: int) -> str:
    return (
        f".tw .line.s{i} {{ stroke: $s{i}; stroke-dasharray: {DASHES[i]}; }}\n"
        f".tw .mark.s{i}, .tw .bar.s{i} {{ fill: $s{i}; }}\n.tw .ring.s{i} {{ stroke: $s{i}; }}\n"
    )


def _coloured(rules: str) -> str:
    """The rules that a theme changes, reduced to their colours."""
    lines = []
    for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", rules):
        kept = [part.strip() for part in body.split(";") if re.search(r"\$(?!FONT)", part)]
        if kept:
            lines.append(f"{selector.strip()} {{ {'; '.join(kept)}; }}")
    return "\n".join(lines)


def _with_colours(rules: str, colours: dict[str, str]) -> str:
    rules = rules.replace("$FONT", FONT)
    return re.sub(r"\$([a-z0-9-]+)", lambda found: colours[found[1]], rules)
