"""How large blocks and variables are, from the text in them."""

from __future__ import annotations

from dataclasses import dataclass

from ..text import shortened, text_width
from .units import Unit, Variable, title_of
from .view import View

__all__ = ["HEADER", "LINE", "PADDING", "Label", "Look", "Shape", "look_of", "variable_labels"]

LINE = 16.0  # pixels from one line of text to the next
SIZE, SMALL = 13.0, 11.0  # of letters
WIDEST = 250.0  # of a line in a block
LINES = 4  # of parameters in a block
PADDING = 14.0  # within a container
HEADER = 16.0  # of a line of a container's title
DOT, CIRCLE = 4.5, 15.0  # radii of a variable between blocks, and of one that is given or comes out


@dataclass(frozen=True)
class Label:
    """A line of text and its style: "bold", "small" or ""; of a note also the step from which it is known."""

    text: str
    style: str = ""
    since: int = 0

    @property
    def width(self) -> float:
        size = SMALL if self.style.startswith("small") else SIZE
        return text_width(self.text, size, bold=self.style == "bold")


@dataclass(frozen=True)
class Look:
    """A block's lines of text and its size in pixels."""

    labels: list[Label]
    width: float
    height: float


@dataclass(frozen=True)
class Shape:
    """A variable's radius, the label inside of its circle if it fits, and the labels beside it."""

    radius: float
    inside: str
    beside: list[Label]

    @property
    def label_width(self) -> float:
        return max((label.width for label in self.beside), default=0.0)


def look_of(unit: Unit, view: View) -> Look:
    """The text in a closed block: what it is, its parameters, their number, and gradients that are not drawn apart."""
    labels = [Label(shortened(title_of(unit), WIDEST, SIZE, bold=True), "bold")]
    prefix = f"{unit.scope.path}." if unit.scope is not None and unit.scope.path else ""
    lines = [f"{p.name.removeprefix(prefix)} {_sizes(p.shape)}" for p in unit.parameters]
    lines += [f"{name.replace(prefix, '')} {_sizes(node.shape)}" for node, name in view.gradients_of(unit)]
    labels += [Label(shortened(text, WIDEST, SMALL), "small") for text in lines[:LINES]]
    if len(lines) > LINES:
        labels.append(Label(f"and {len(lines) - LINES} more", "small"))
    if unit.elements and unit.op is None:
        labels.append(Label(_count(unit), "small"))
    labels += [Label(note.text, "small note", note.since) for note in unit.notes]
    width = max(label.width for label in labels) + 32
    return Look(labels, round(max(width, 48.0), 1), len(labels) * LINE + 12)


def _sizes(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "scalar"


def header_of(unit: Unit) -> list[Label]:
    """The title lines of an open container."""
    return [Label(title_of(unit), "bold"), *([Label(_count(unit), "small")] if unit.elements else [])]


def _count(unit: Unit) -> str:
    each = f"{unit.repeats} × " if unit.repeats > 1 else ""
    return f"{each}{unit.elements:,} parameter{'s' if unit.elements != 1 else ''}"


def variable_labels(v: Variable) -> Shape:
    """The circle of a variable; a short name stands inside."""
    if v.role in ("computed", "kept"):
        named = [Label(v.name, "bold")] if v.name else []
        return Shape(DOT, "", [*named, *_details(v)])
    fits = len(v.name) <= 2
    named = [] if fits else [Label(v.name, "bold")]
    return Shape(CIRCLE, v.name if fits else "", [*named, *_details(v)])


def _details(v: Variable) -> list[Label]:
    return [Label(v.type, "small"), *(Label(note.text, "small note", note.since) for note in v.notes)]
