"""A view and its layout as SVG elements, in the notation of block diagrams.

Shaded circles are observed variables, open ones computed; blocks are deterministic functions, rounded on the side of
their output, which is the side that is easy to compute; rectangles are scalar costs.
"""

from __future__ import annotations

from html import escape
from itertools import pairwise

from .compound import Direction, Edge, Frame, Layout, Point
from .sizes import HEADER, LINE, PADDING, Label, header_of, look_of, variable_labels
from .units import Unit, Variable, title_of
from .view import View, is_cost

__all__ = ["drawn"]

ROUND = 16.0  # radius of a block's corners on the output side
SHARP = 2.0  # and on the input side
ARROW = 7.0
STACK = 4.0  # how far the blocks behind show that a block stands for several


def drawn(view: View, layout: Layout, direction: Direction, step: int | None = None, at_work: str = "") -> str:
    """The SVG elements of a picture; it begins at (0, 0).

    Of a pass through the diagram only what is known after ``step`` steps is written, and the unit with the key
    ``at_work`` is marked.
    """
    return _Drawing(view, layout, direction, step, at_work).text()


class _Drawing:
    def __init__(self, view: View, layout: Layout, direction: Direction, step: int | None, at_work: str) -> None:
        self.view, self.layout, self.down = view, layout, direction == "down"
        self.step, self.at_work = step, at_work

    def text(self) -> str:
        parts = self.inside(self.view.root)
        for edge in self.layout.edges:
            parts += self.edge(edge)
        return "\n".join(parts)

    def inside(self, unit: Unit) -> list[str]:
        """The units and variables in an open container."""
        parts = [part for child in unit.children for part in self.unit(child)]
        return parts + [part for v in self.view.variables if self.view.home(v) is unit for part in self.variable(v)]

    # -- units --------------------------------------------------------------------------------------------

    def unit(self, unit: Unit) -> list[str]:
        frame = self.layout.frames[unit.key]
        if not self.view.is_open(unit):
            return self.block(unit, frame)
        parts = [
            *(_rectangle("group-shape", frame, STACK * k) for k in (2, 1) if unit.repeats > 1),
            f'<g class="group" data-id="{unit.key}"{_clickable(unit, opened=True)}>',
            _rectangle("shape group-shape", frame, 0.0),
        ]
        for i, label in enumerate(header_of(unit)):
            parts.append(_text(label, frame.x + PADDING - 2, frame.y + 18 + i * HEADER, "start"))
        return [*parts, *self.inside(unit), "</g>"]

    def block(self, unit: Unit, frame: Frame) -> list[str]:
        look = look_of(unit, self.view)
        cost = is_cost(unit, self.view)
        kind = "cost" if cost else "operation" if unit.op is not None else "block"
        parts = [self.outline(frame, f"{kind} stack", STACK * k, cost) for k in (2, 1) if unit.repeats > 1]
        kind += " now" if unit.key == self.at_work else ""
        parts.append(f'<g class="node {kind}" data-id="{unit.key}"{_clickable(unit, opened=False)}>')
        parts.append(self.outline(frame, "shape", 0.0, cost))
        y = frame.y + 6 + 12
        for label in look.labels:
            if self.knows(label):
                parts.append(_text(label, frame.x + frame.width / 2, y, "middle"))
            y += LINE
        return [*parts, "</g>"]

    def knows(self, label: Label) -> bool:
        """Whether a line is known by now."""
        return self.step is None or label.since <= self.step

    def outline(self, frame: Frame, kind: str, shift: float, cost: bool) -> str:
        """A block's outline: a rectangle for a cost, else rounded where the output leaves."""
        x, y, w, h = frame.x + shift, frame.y + shift, frame.width, frame.height
        a, b = (SHARP, SHARP) if cost else (SHARP, min(ROUND, h / 2))
        top_left, top_right, bottom_right, bottom_left = (a, a, b, b) if self.down else (a, b, b, a)
        path = (
            f"M{_n(x + top_left)} {_n(y)} H{_n(x + w - top_right)} {_arc(top_right, x + w, y + top_right)} "
            f"V{_n(y + h - bottom_right)} {_arc(bottom_right, x + w - bottom_right, y + h)} "
            f"H{_n(x + bottom_left)} {_arc(bottom_left, x, y + h - bottom_left)} "
            f"V{_n(y + top_left)} {_arc(top_left, x + top_left, y)} Z"
        )
        return f'<path class="{kind}" d="{path}"/>'

    # -- variables ----------------------------------------------------------------------------------------

    def variable(self, v: Variable) -> list[str]:
        x, y = self.layout.centres[v.key]
        shape = variable_labels(v)
        spoken = escape(f"{v.role} variable {v.name}".strip() + f", {v.type}", quote=True)
        parts = [
            f'<g class="node variable {v.role}" data-id="{v.key}" aria-label="{spoken}">',
            f'<circle class="shape" cx="{_n(x)}" cy="{_n(y)}" r="{_n(shape.radius)}"/>',
        ]
        if shape.inside:
            parts.append(_text(Label(shape.inside, "bold"), x, y + 4.5, "middle"))
        parts.append("</g>")
        count = len(shape.beside)
        for i, label in enumerate(shape.beside):
            if not self.knows(label):
                continue
            if self.down:
                top = y - (count - 1) * LINE / 2 + 4
                parts.append(_text(label, x + shape.radius + 6, top + i * LINE, "start", "edge-label"))
            else:
                parts.append(_text(label, x, y + shape.radius + LINE - 2 + i * LINE, "middle", "edge-label"))
        return parts

    # -- lines --------------------------------------------------------------------------------------------

    def edge(self, edge: Edge) -> list[str]:
        points = list(edge.points)
        tip = points[-1]
        if edge.arrow:
            points[-1] = (tip[0], tip[1] - ARROW) if self.down else (tip[0] - ARROW, tip[1])
        path = f"M{_p(points[0])}"
        for a, b in pairwise(points):
            path += self._piece(a, b)
        parts = [f'<path class="edge" data-from="{edge.source}" data-to="{edge.target}" d="{path}"/>']
        if edge.arrow:
            x, y = tip
            half = ARROW / 2
            left, right = ((x - half, y - ARROW), (x + half, y - ARROW)) if self.down else (
                (x - ARROW, y - half), (x - ARROW, y + half))  # fmt: skip
            parts.append(f'<path class="arrow" d="M{_p(tip)} L{_p(left)} L{_p(right)} Z"/>')
        return parts

    def _piece(self, a: Point, b: Point) -> str:
        """A straight line, or a curve that leaves and arrives in the direction of the links."""
        straight = a[0] == b[0] if self.down else a[1] == b[1]
        if straight:
            return f" L{_p(b)}"
        if self.down:
            middle = (a[1] + b[1]) / 2
            return f" C{_p((a[0], middle))} {_p((b[0], middle))} {_p(b)}"
        middle = (a[0] + b[0]) / 2
        return f" C{_p((middle, a[1]))} {_p((middle, b[1]))} {_p(b)}"


def _clickable(unit: Unit, opened: bool) -> str:
    """The attributes by which a page opens and closes a container, and a reader is told what it is."""
    label = escape(title_of(unit), quote=True)
    if not unit.opens():
        return f' aria-label="{label}"'
    return f' data-opens="{unit.key}" aria-label="{label}, {"open" if opened else "closed"}"'


def _rectangle(kind: str, frame: Frame, shift: float) -> str:
    x, y = _n(frame.x + shift), _n(frame.y + shift)
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{_n(frame.width)}" height="{_n(frame.height)}" rx="8"/>'


def _text(label: Label, x: float, y: float, anchor: str, kind: str = "") -> str:
    classes = " ".join(c for c in (kind, label.style) if c)
    named = f' class="{classes}"' if classes else ""
    named += f' data-since="{label.since}"' if label.since else ""
    return f'<text{named} x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}">{escape(label.text)}</text>'


def _arc(radius: float, x: float, y: float) -> str:
    return f"A{_n(radius)} {_n(radius)} 0 0 1 {_n(x)} {_n(y)}"


def _n(x: float) -> str:
    return f"{x:.1f}".removesuffix(".0")


def _p(point: Point) -> str:
    return f"{_n(point[0])} {_n(point[1])}"
