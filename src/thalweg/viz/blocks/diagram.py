"""``diagram``: a model, or any function, as a block diagram."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from typing import Any

from ...errors import ArgumentError
from ..picture import Picture
from ..text import text_width
from .compound import Direction, Layout, place
from .drawing import drawn
from .folding import fold
from .page import interactive
from .program import Program, traced
from .units import Unit, is_layer, title_of, tree_of
from .view import View

__all__ = ["Diagram", "diagram"]

FEW = 40  # blocks: as many containers are opened as this allows, if the user does not say
MARGIN = 10.0
TITLE = 34.0  # pixels for the title


def diagram(
    function: Callable[..., Any],
    *inputs: Any,
    depth: int | None = None,
    direction: Direction = "down",
    backward: bool = False,
    repeats: bool = True,
    title: str | None = None,
    **kwargs: Any,
) -> Diagram:
    """Draw what ``function(*inputs, **kwargs)`` computes as a block diagram in the notation of Y. LeCun's lectures.

    A shaded circle is an observed variable: an argument, or data that the function finds. A small open circle is a
    computed one, with its dtype and shape; where it goes to several blocks, the lines part there. A block is a
    deterministic function, rounded on the side of its output, with the parameters that are implicit in it: their
    names, shapes and number. A rectangle is a scalar cost. What ``tw.compile`` would compile is drawn: the function is
    traced, nothing is computed, and nothing changes.

    Args:
        function: a module, or any function of tensors, also one that ``tw.compile`` has made.
        inputs: example arguments; only their shapes and dtypes matter.
        depth: how many levels of containers are open: 0 draws the model as one block. By default as many as give a
            picture of at most 40 blocks.
        direction: "down", or "right".
        backward: draw the backward pass too, from cotangents of ones at the results to the gradients by the parameters.
        repeats: draw containers of the same make that follow one another once, with their number.
        title: stands above the picture; by default the function's name.
        kwargs: further arguments of the function.

    Raises:
        TraceError: the function can't be traced; the message names the line.
        ArgumentError: an option is out of range, or ``backward`` is asked for and nothing requires a gradient.

    >>> import thalweg as tw
    >>> model = tw.nn.Sequential(tw.nn.Linear(4, 3), tw.nn.ReLU())
    >>> tw.viz.diagram(model, tw.ones(2, 4))
    Sequential: 2 blocks, 15 parameters
    input float32[2, 4] -> Linear 0
    Linear 0 -> float32[2, 3] -> ReLU 1
    ReLU 1 -> output float32[2, 3]
    """
    if direction not in ("down", "right"):
        raise ArgumentError(f"diagram: direction must be 'down' or 'right', not {direction!r}")
    if depth is not None and depth < 0:
        raise ArgumentError(f"diagram: depth must be at least 0, not {depth}")
    program = traced(function, inputs, kwargs, backward)
    return Diagram(program, depth, direction, repeats, title)


class Diagram(Picture):
    """The picture that ``diagram`` makes. In a notebook or as HTML, a click opens and closes containers.

    Attributes:
        depth: how many levels of containers are open.
    """

    def __init__(
        self, program: Program, depth: int | None, direction: Direction, repeats: bool, title: str | None
    ) -> None:
        self.direction: Direction = direction
        if depth == 0 or (program.module is not None and is_layer(type(program.module), program.module.children())):
            program.module = None
        self.program = program
        self.root = tree_of(program)
        self.instead = fold(self.root, [node for node, _ in program.results]) if repeats else {}
        self.deepest = max((unit.depth + 1 for unit in self.root.walk() if unit.opens() and unit.parent), default=0)
        outside = 0 if program.module is None else 1  # the levels that the picture itself is
        self.depth = self._fitting() + outside if depth is None else depth
        self._level = max(self.depth - outside, 0)
        self.view = self.view_of(self._opened_by_depth)
        self.layout = place(self.view, direction)
        self.title = title or program.title
        self.description = self._described()
        self.width, self.height = self.size_of(self.layout)

    def body(self) -> str:
        return self.body_of(self.view, self.layout)

    def body_of(self, view: View, layout: Layout, step: int | None = None, at_work: str = "") -> str:
        """The elements of a view of this diagram; of a pass through it, what is known after ``step`` steps."""
        elements = drawn(view, layout, self.direction, step, at_work)
        return (
            f'<text class="title" x="{MARGIN + 6:g}" y="24">{escape(self.title)}</text>\n'
            f'<g transform="translate({MARGIN:g} {TITLE:g})">\n{elements}\n</g>'
        )

    def size_of(self, layout: Layout) -> tuple[float, float]:
        """The width and height of the picture of a layout."""
        title = text_width(self.title, 16, bold=True) + 12
        return round(max(layout.width, title) + 2 * MARGIN, 1), round(layout.height + TITLE + MARGIN, 1)

    def _repr_html_(self) -> str:
        return self.fragment()

    def fragment(self, *, style: bool = True) -> str:
        """The picture for a page, with the script that opens and closes containers."""
        return interactive(self, self.svg(style=style))

    def view_of(self, is_open: Callable[[Unit], bool]) -> View:
        """What is visible if these containers are open."""
        return View(self.program, self.root, self.instead, is_open)

    def _opened_by_depth(self, unit: Unit) -> bool:
        return unit.depth < self._level

    def _fitting(self) -> int:
        """The largest number of open levels with few blocks."""
        for level in range(self.deepest, 0, -1):
            self._level = level
            if len(self.view_of(self._opened_by_depth).blocks()) <= FEW:
                return level
        return 0

    def lines(self) -> Iterator[str]:
        """What goes where, in words: one line for each variable."""
        names = {unit.key: title_of(unit) for unit in self.root.walk()}
        for v in self.view.variables:
            before = f"{names[v.producer.key]} -> " if v.producer is not None else ""
            if v.role == "result" and v.producer is None:
                before = f"{self.program.inputs[v.node].name} -> "
            after = f" -> {', '.join(names[unit.key] for unit in v.consumers)}" if v.consumers else ""
            if before or after:
                yield f"{before}{f'{v.name} {v.type}'.strip()}{after}"

    def _summary(self) -> str:
        blocks, count = len(self.view.blocks()), self.root.elements
        return f"{self.title}: {blocks} block{'s' if blocks != 1 else ''}, {count:,} parameters"

    def _described(self) -> str:
        return f"Block diagram. {self._summary()}. " + "; ".join(self.lines())

    def __repr__(self) -> str:
        return "\n".join([self._summary(), *self.lines()])
