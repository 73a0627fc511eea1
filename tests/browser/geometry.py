"""Where the texts, blocks and edges of a page's SVGs really are, and what must not be in each other's way.

A block is ``<g class="node" data-id="…">``, whose first child is its shape, with class ``shape``, or a container
``<g class="group" data-id="…">``, whose first child is ``<rect class="shape">`` and which holds nodes and groups. An
edge is ``<path class="edge" data-from="…" data-to="…">``; its ends name blocks. All places are pixels of the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

Point = tuple[float, float]

SLACK = 1.0  # pixels that boxes may share
LABEL_SLACK = 2.0  # of texts, whose boxes are taller than their letters
REACH = 10.0  # pixels between an edge's end and its block: an arrowhead may stand there
_GATHER = (Path(__file__).parent / "geometry.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Box:
    """One visible text or shape.

    Attributes:
        kind: "text", "node" or "group" (the shapes of those), or "shape" for any other.
        name: a text's words, a block's id, or another shape's tag and classes.
        corners: of its box, in the order around it; a rotated text's box is rotated.
        svg: the number of the picture on the page.
        blocks: the ids of the blocks around it, the outermost first; a block's shape counts its own.
        inside: of a text in a block: whether its box lies within the block's shape.
    """

    kind: str
    name: str
    corners: tuple[Point, Point, Point, Point]
    svg: int
    blocks: tuple[str, ...]
    inside: bool = True

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom."""
        across, down = zip(*self.corners, strict=True)
        return min(across), min(down), max(across), max(down)


@dataclass(frozen=True)
class Edge:
    """One visible edge: the ids of its ends, and points along it, no further apart than four pixels."""

    source: str
    target: str
    points: tuple[Point, ...]
    svg: int

    @property
    def name(self) -> str:
        return f"{self.source} → {self.target}"


@dataclass(frozen=True)
class Geometry:
    """All that is visible of a page's SVGs; ``frames`` are the pictures' own boxes."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    frames: tuple[Box, ...]

    def of(self, *kinds: str) -> list[Box]:
        return [box for box in self.boxes if box.kind in kinds]


def geometry(page: Any) -> Geometry:
    """Measure the page as it is rendered now; what has been measured stays as it is, for several checks."""
    if isinstance(page, Geometry):
        return page
    found = page.evaluate(_GATHER)
    return Geometry(
        tuple(_box(**box) for box in found["boxes"]),
        tuple(Edge(e["source"], e["target"], tuple((x, y) for x, y in e["points"]), e["svg"]) for e in found["edges"]),
        tuple(_box(**box) for box in found["frames"]),
    )


def overlapping_labels(page: Any) -> list[tuple[str, str]]:
    """The pairs of visible texts that lie over each other."""
    texts = geometry(page).of("text")
    return [
        (a.name, b.name)
        for a, b in combinations(texts, 2)
        if _meet(a.bounds, b.bounds) and overlap(a.corners, b.corners, LABEL_SLACK)
    ]


def texts_outside_their_block(page: Any) -> list[tuple[str, str]]:
    """(text, block's id) of the texts in nodes and groups that leave the shape they belong to."""
    return [(text.name, text.blocks[-1]) for text in geometry(page).of("text") if not text.inside]


def texts_outside_their_picture(page: Any) -> list[str]:
    """The texts that the picture's own edge cuts off."""
    found = geometry(page)
    return [text.name for text in found.of("text") if not _contains(found.frames[text.svg], text)]


def crossing_blocks(page: Any) -> list[tuple[str, str]]:
    """The pairs of blocks, or of an edge and a node, that are in each other's way.

    Nodes do not overlap; a group overlaps what it holds, which lies inside it, and nothing else; an edge runs over no
    node but its ends and what these hold.
    """
    found = geometry(page)
    blocks = found.of("node", "group")
    wrong = [(a.name, b.name) for a, b in combinations(blocks, 2) if a.svg == b.svg and _collide(a, b)]
    for edge in found.edges:
        ends = {edge.source, edge.target}
        wrong += [
            (edge.name, node.name)
            for node in found.of("node")
            if node.svg == edge.svg and ends.isdisjoint(node.blocks) and any(_within(p, node) for p in edge.points)
        ]
    return wrong


def loose_edges(page: Any) -> list[str]:
    """The edges that name a block which is not there, or do not reach the blocks that they name."""
    found = geometry(page)
    blocks = {(block.svg, block.name): block for block in found.of("node", "group")}
    loose = []
    for edge in found.edges:
        ends = ((edge.source, edge.points[0]), (edge.target, edge.points[-1]))
        at = [(blocks.get((edge.svg, name)), point) for name, point in ends]
        if not all(block is not None and _within(point, block, -REACH) for block, point in at):
            loose.append(edge.name)
    return loose


def overlap(a: tuple[Point, ...], b: tuple[Point, ...], slack: float = SLACK) -> bool:
    """Whether two convex polygons share more than ``slack`` in every direction (the separating axis theorem)."""
    for polygon in (a, b):
        for (x0, y0), (x1, y1) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
            if length == 0:
                continue
            normal = ((y0 - y1) / length, (x1 - x0) / length)
            along_a, along_b = _project(a, normal), _project(b, normal)
            if min(along_a[1], along_b[1]) - max(along_a[0], along_b[0]) <= slack:
                return False
    return True


def _project(polygon: tuple[Point, ...], normal: Point) -> Point:
    along = [x * normal[0] + y * normal[1] for x, y in polygon]
    return min(along), max(along)


def _box(kind: str, name: str, corners: Any, svg: int, blocks: list[str], inside: bool) -> Box:
    a, b, c, d = ((x, y) for x, y in corners)
    return Box(kind, name, (a, b, c, d), svg, tuple(blocks), inside)


def _meet(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether two upright boxes share anything; quickly, since most pairs do not."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _within(point: Point, box: Box, slack: float = SLACK) -> bool:
    x0, y0, x1, y1 = box.bounds
    return x0 + slack < point[0] < x1 - slack and y0 + slack < point[1] < y1 - slack


def _contains(outer: Box, inner: Box) -> bool:
    return all(_within(corner, outer, -SLACK) for corner in inner.corners)


def _collide(a: Box, b: Box) -> bool:
    if a.name in b.blocks or b.name in a.blocks:
        outer, inner = (a, b) if a.name in b.blocks else (b, a)
        return not _contains(outer, inner)
    return overlap(a.corners, b.corners)
