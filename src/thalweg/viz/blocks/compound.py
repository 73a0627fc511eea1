"""The places of everything in a picture: containers are arranged on their own, and are boxes in what is around them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .layers import Arrangement, Box, Link, arrange
from .sizes import HEADER, LINE, PADDING, header_of, look_of, variable_labels
from .units import Unit, Variable
from .view import View

__all__ = ["Direction", "Edge", "Frame", "Layout", "place"]

Direction = Literal["down", "right"]

GAP_ALONG, GAP_ACROSS = 18.0, 18.0
PORT = 6.0  # half the room of a link where it passes the edge of a container
Point = tuple[float, float]


@dataclass
class Frame:
    """A rectangle in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass
class Edge:
    """A line from a variable to a unit that reads it, or from a unit to what it makes."""

    source: str
    target: str
    arrow: bool
    points: list[Point] = field(default_factory=list)


@dataclass
class Layout:
    """Frames of units, centres of variables, lines, and the size of the whole, in pixels."""

    frames: dict[str, Frame]
    centres: dict[str, Point]
    edges: list[Edge]
    width: float
    height: float


def place(view: View, direction: Direction) -> Layout:
    """Arrange what a view shows."""
    return _Placing(view, direction).layout()


@dataclass
class _Inside:
    """A container's contents, arranged: ``anchor`` is where its middle is, ``ports`` where links pass its edges."""

    found: Arrangement
    anchor: float
    lead: float  # room along before the contents
    side: float  # room across before the contents
    length: float
    breadth: float


class _Placing:
    def __init__(self, view: View, direction: Direction) -> None:
        self.view, self.down = view, direction == "down"
        self.insides: dict[str, _Inside] = {}
        self.boxes: dict[str, Box] = {}  # of units and variables
        self.shapes = {v.key: variable_labels(v) for v in view.variables}
        self.looks = {u.key: look_of(u, view) for u in view.blocks()}
        self.links: dict[str, dict[tuple[str, str], None]] = {}  # by container: (item, item), ports as "in:", "out:"
        self.steps: list[tuple[Edge, list[tuple[str, tuple[str, str]]]]] = []
        self._route_all()

    # -- which containers a line passes -------------------------------------------------------------------

    def _route_all(self) -> None:
        made: dict[object, Variable] = {v.node: v for v in self.view.variables if v.role in ("computed", "observed")}
        for v in self.view.variables:
            home = _path(self.view.home(v))
            before = made.get(v.node) if v.role == "result" else None
            if before is not None:
                self._route(before.key, before.key, _path(self.view.home(before)), v.key, home, arrow=True)
            elif v.producer is not None:
                self._route(v.producer.key, v.key, _around(v.producer), v.key, home, arrow=v.role == "result")
            for unit in v.consumers:
                self._route(v.key, v.key, home, unit.key, _around(unit), arrow=True)

    def _route(self, source: str, value: str, home: list[Unit], target: str, goal: list[Unit], *, arrow: bool) -> None:
        """A line from an item in the innermost container of ``home`` to one in that of ``goal``."""
        shared = 0
        while shared < min(len(home), len(goal)) and home[shared] is goal[shared]:
            shared += 1
        steps: list[tuple[str, tuple[str, str]]] = []
        item = source
        for unit in reversed(home[shared:]):
            steps.append((unit.key, (item, f"out:{value}")))
            item = unit.key
        for outer, unit in zip(goal[shared - 1 :], goal[shared:], strict=False):
            into = item if outer is goal[shared - 1] else f"in:{value}"
            steps.append((outer.key, (into, unit.key)))
        into = item if len(goal) == shared else f"in:{value}"
        steps.append((goal[-1].key, (into, target)))
        for container, link in steps:
            named = self._named(link, value)
            self.links.setdefault(container, {})[named] = None
        edge = Edge(source, target, arrow)
        self.steps.append((edge, [(c, self._named(link, value)) for c, link in steps]))

    def _named(self, link: tuple[str, str], value: str) -> tuple[str, str]:
        """The ends of a link; at an open container with the value, which says which port is meant."""
        a, b = link
        return (f"{a}|{value}" if a.startswith("root/") else a, f"{b}|{value}" if b.startswith("root/") else b)

    # -- sizes, from the inside out -----------------------------------------------------------------------

    def layout(self) -> Layout:
        inside = self._arranged(self.view.root)
        result = Layout({}, {}, [], 0.0, 0.0)
        routes: dict[tuple[str, tuple[str, str]], list[Point]] = {}
        self._put(self.view.root, inside, 0.0, 0.0, result, routes)
        for edge, steps in self.steps:
            for step in steps:
                edge.points.extend(routes[step])
            self._meet_circles(edge, result)
            edge.points = [self._xy(a, b) for a, b in _without_repeats(edge.points)]
            result.edges.append(edge)
        result.width, result.height = self._xy(inside.length, inside.breadth)
        return result

    def _meet_circles(self, edge: Edge, result: Layout) -> None:
        """Lines begin and end at the circles of variables, which may be shorter than the text beside them."""
        for key, place, sign in ((edge.source, 0, 1), (edge.target, -1, -1)):
            if key in result.centres:
                x, y = result.centres[key]
                middle, r = (y if self.down else x), self.shapes[key].radius
                edge.points[place] = (middle + sign * r, edge.points[place][1])

    def _xy(self, along: float, across: float) -> Point:
        return (round(across, 1), round(along, 1)) if self.down else (round(along, 1), round(across, 1))

    def _arranged(self, unit: Unit) -> _Inside:
        pairs = list(self.links.get(unit.key, {}))
        boxes: dict[str, Box] = {}
        for child in unit.children:
            boxes[child.key] = self._box(child)
        for v in self.view.variables:
            if self.view.home(v) is unit:
                boxes[v.key] = self._circle(v)
        for pair in pairs:
            for end in pair:
                if end.startswith(("in:", "out:")):
                    is_in = end.startswith("in:")
                    boxes[end] = Box(end, 0.0, PORT, PORT, first=is_in, last=not is_in)
        self.boxes.update(boxes)
        links = [Link(_item(a), _item(b), self._offset(a, "out"), self._offset(b, "in")) for a, b in pairs]
        found = arrange(list(boxes.values()), links, GAP_ALONG, GAP_ACROSS)
        inside = self._framed(unit, found)
        self.insides[unit.key] = inside
        return inside

    def _framed(self, unit: Unit, found: Arrangement) -> _Inside:
        """The contents with the room that a container's frame and title take."""
        pad = PADDING
        lead = side = pad
        width = 0.0
        if unit is not self.view.root:
            labels = header_of(unit)
            width = max(label.width for label in labels)
            if self.down:
                lead += HEADER * len(labels)
                ports = [y for key, (_, y) in found.places.items() if key.startswith("in:")]
                if ports:  # the title stands where no line comes in
                    side = max(pad, width + 24 - min(ports))
            else:
                side += HEADER * len(labels)
        length, breadth = found.length + lead + pad, found.breadth + side + pad
        if self.down:
            breadth = max(breadth, width + 2 * pad)
        else:
            length = max(length, width + 2 * pad)
        return _Inside(found, breadth / 2, lead, side, length, breadth)

    def _box(self, unit: Unit) -> Box:
        if self.view.is_open(unit):
            inside = self._arranged(unit)
            return Box(unit.key, inside.length, inside.anchor, inside.breadth - inside.anchor)
        look = self.looks[unit.key]
        length, breadth = (look.height, look.width) if self.down else (look.width, look.height)
        return Box(unit.key, length, breadth / 2, breadth / 2)

    def _circle(self, v: Variable) -> Box:
        shape = self.shapes[v.key]
        r, lines = shape.radius, len(shape.beside)
        if self.down:
            height = max(2 * r, lines * LINE)
            return Box(v.key, height, r, r + (shape.label_width + 8 if lines else 0.0), late=v.role == "observed")
        width = max(2 * r, shape.label_width + 4)
        return Box(v.key, width, r, r + 6 + lines * LINE, late=v.role == "observed")

    def _offset(self, end: str, side: str) -> float:
        """Where a link meets an item, across, from the item's anchor."""
        key, _, value = end.partition("|")
        inside = self.insides.get(key)
        if inside is None or not value:
            return 0.0
        return inside.found.places[f"{side}:{value}"][1] + inside.side - inside.anchor

    # -- places, from the outside in ----------------------------------------------------------------------

    def _put(
        self, unit: Unit, inside: _Inside, along: float, across: float, result: Layout,
        routes: dict[tuple[str, tuple[str, str]], list[Point]],
    ) -> None:  # fmt: skip
        """Contents at their places; (along, across) is the container's corner."""
        along, across = along + inside.lead, across + inside.side
        for pair, points in zip(self.links.get(unit.key, {}), inside.found.routes, strict=True):
            routes[unit.key, pair] = [(a + along, b + across) for a, b in points]
        children = {child.key: child for child in unit.children}
        for key, (a, b) in inside.found.places.items():
            if key in self.shapes:
                result.centres[key] = self._xy(a + self.boxes[key].length / 2 + along, b + across)
            elif key in children:
                child, box = children[key], self.boxes[key]
                x, y = self._xy(a + along, b + across - box.before)
                w, h = self._xy(box.length, box.before + box.after)
                result.frames[key] = Frame(x, y, w, h)
                if self.view.is_open(child):
                    self._put(child, self.insides[key], a + along, b + across - box.before, result, routes)


def _path(unit: Unit) -> list[Unit]:
    """The containers around a container, from the outermost, and itself."""
    found = [unit]
    while found[-1].parent is not None:
        found.append(found[-1].parent)
    return found[::-1]


def _around(unit: Unit) -> list[Unit]:
    """The containers around a unit, from the outermost."""
    return _path(unit)[:-1]


def _item(end: str) -> str:
    return end.partition("|")[0]


def _without_repeats(points: list[Point]) -> list[Point]:
    return [p for i, p in enumerate(points) if i == 0 or p != points[i - 1]]
