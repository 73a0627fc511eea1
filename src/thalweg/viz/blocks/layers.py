"""Boxes and the links between them, arranged in layers along the direction in which the links lead.

The method of Sugiyama, Tagawa and Toda (1981), in four steps: every box gets a layer behind those of the boxes that
lead to it; a link over several layers gets a place of its own in each; the order within the layers is sorted by the
neighbours' middle positions, to have few crossings; and the places across are fitted to those of the neighbours, by
least squares under the condition that nothing overlaps.

Everything is measured along the direction of the links and across it, so that one arrangement serves pictures from
left to right and from top to bottom.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

__all__ = ["Arrangement", "Box", "Link", "arrange"]

STRAIGHTENED = 6  # how often lines are straightened
SWEEPS = 12  # over all layers, to sort them, and then to place them
LANE = 7.0  # half the room that a passing link takes across
Neighbour = tuple[str, float, float]  # its key, and where the link meets the box and the neighbour
STRAIGHT = 8.0  # how much more it counts that a long link is straight than that a box is near its neighbours


@dataclass
class Box:
    """Something with a place: ``length`` along, and across ``before`` and ``after`` its anchor."""

    key: str
    length: float
    before: float
    after: float
    first: bool = False  # whether it has to be in the first layer
    last: bool = False  # whether it has to be in the last layer
    late: bool = False  # whether it stands at the end of its layer, and not in the middle


@dataclass
class Link:
    """From one box to another; where it meets them, across, from their anchors."""

    source: str
    target: str
    source_offset: float = 0.0
    target_offset: float = 0.0


@dataclass
class Arrangement:
    """Where everything is: boxes by (start along, anchor across), links by the points that they pass."""

    length: float
    breadth: float
    places: dict[str, tuple[float, float]] = field(default_factory=dict)
    routes: list[list[tuple[float, float]]] = field(default_factory=list)


def arrange(boxes: Sequence[Box], links: Sequence[Link], gap_along: float, gap_across: float) -> Arrangement:
    """The places of boxes and the routes of links.

    >>> boxes = [Box("a", 10, 5, 5), Box("b", 10, 5, 5)]
    >>> found = arrange(boxes, [Link("a", "b")], gap_along=20, gap_across=4)
    >>> found.places, found.length
    ({'a': (0.0, 5.0), 'b': (30.0, 5.0)}, 40.0)
    """
    return _Layers(boxes, links, gap_along, gap_across).arrangement()


class _Layers:
    def __init__(self, boxes: Sequence[Box], links: Sequence[Link], gap_along: float, gap_across: float) -> None:
        self.boxes = {box.key: box for box in boxes}
        self.links = links
        self.gap_along, self.gap_across = gap_along, gap_across
        self.layer = _layers(list(self.boxes.values()), links)
        self.rows: list[list[str]] = [[] for _ in range(max(self.layer.values(), default=-1) + 1)]
        self.lanes: list[list[str]] = []  # for each link its places in the layers that it passes
        self.before: dict[str, list[Neighbour]] = {}
        self.behind: dict[str, list[Neighbour]] = {}
        for key in self.boxes:
            self.rows[self.layer[key]].append(key)
        for i, link in enumerate(links):
            self.lanes.append(self._lanes_of(i, link))

    def _lanes_of(self, i: int, link: Link) -> list[str]:
        """Boxes for a link in the layers between its ends; everything is linked up."""
        start, end = self.layer[link.source], self.layer[link.target]
        step = 1 if end >= start else -1
        lanes = []
        for layer in range(start + step, end, step):
            key = f"\0{i}:{layer}"
            self.boxes[key] = Box(key, 0.0, LANE, LANE)
            self.rows[layer].append(key)
            self.layer[key] = layer
            lanes.append(key)
        chain = [link.source, *lanes, link.target]
        for k, (a, b) in enumerate(pairwise(chain)):
            own = link.source_offset if k == 0 else 0.0
            other = link.target_offset if k == len(chain) - 2 else 0.0
            if step > 0:
                self._join(a, b, own, other)
            else:
                self._join(b, a, other, own)
        return lanes

    def _join(self, a: str, b: str, offset_a: float, offset_b: float) -> None:
        self.behind.setdefault(a, []).append((b, offset_a, offset_b))
        self.before.setdefault(b, []).append((a, offset_b, offset_a))

    def arrangement(self) -> Arrangement:
        self._sort()
        across = self._place()
        low = min((across[k] - b.before for k, b in self.boxes.items()), default=0.0)
        high = max((across[k] + b.after for k, b in self.boxes.items()), default=0.0)
        starts, lengths, total = [], [], 0.0
        for i, row in enumerate(self.rows):
            lengths.append(max((self.boxes[k].length for k in row), default=0.0))
            starts.append(total)
            total += lengths[-1] + (self.gap_along if i < len(self.rows) - 1 else 0.0)
        found = Arrangement(round(total, 2), round(high - low, 2))
        for key, box in self.boxes.items():
            if not key.startswith("\0"):
                i = self.layer[key]
                spare = lengths[i] - box.length
                start = starts[i] + (0.0 if box.first else spare if box.last or box.late else spare / 2)
                found.places[key] = (round(start, 2), round(across[key] - low, 2))
        for link, lanes in zip(self.links, self.lanes, strict=True):
            found.routes.append(self._route(link, lanes, found, across, low, starts, lengths))
        return found

    def _route(
        self, link: Link, lanes: list[str], found: Arrangement, across: dict[str, float], low: float,
        starts: list[float], lengths: list[float],
    ) -> list[tuple[float, float]]:  # fmt: skip
        """The corners of a link: straight through each layer, from one to the next between them."""
        start, place = found.places[link.source]
        layer = self.layer[link.source]
        y = place + link.source_offset
        points = [(start + self.boxes[link.source].length, y), (starts[layer] + lengths[layer], y)]
        for lane in lanes:
            layer, y = self.layer[lane], across[lane] - low
            points += [(starts[layer], y), (starts[layer] + lengths[layer], y)]
        end, place = found.places[link.target]
        y = place + link.target_offset
        points += [(starts[self.layer[link.target]], y), (end, y)]
        return [(round(a, 2), round(b, 2)) for a, b in points]

    # -- the order within the layers ----------------------------------------------------------------------

    def _sort(self) -> None:
        position = {key: float(i) for row in self.rows for i, key in enumerate(row)}
        best = [list(row) for row in self.rows]
        fewest = self._crossings(position)
        for sweep in range(SWEEPS):
            down = sweep % 2 == 0
            sides = self.before if down else self.behind
            for row in self.rows if down else reversed(self.rows):
                self._sort_row(row, sides, position)
            crossings = self._crossings(position)
            if crossings < fewest:
                best, fewest = [list(row) for row in self.rows], crossings
        self.rows = best

    def _sort_row(self, row: list[str], sides: dict[str, list[Neighbour]], position: dict[str, float]) -> None:
        """By the mean place of the neighbours on one side; boxes without any keep their places."""
        middles = {}
        for i, key in enumerate(row):
            near = [position[n] + 1e-4 * offset for n, _, offset in sides.get(key, ())]
            middles[key] = sum(near) / len(near) if near else float(i)
        row.sort(key=lambda key: middles[key])
        for i, key in enumerate(row):
            position[key] = float(i)

    def _crossings(self, position: dict[str, float]) -> int:
        total = 0
        for row in self.rows:
            ends = [
                (position[key] + 1e-4 * own, position[other] + 1e-4 * offset)
                for key in row
                for other, own, offset in self.behind.get(key, ())
            ]
            ends.sort()
            seen: list[float] = []
            for _, end in ends:
                place = bisect(seen, end)
                total += len(seen) - place
                seen.insert(place, end)
        return total

    # -- the places across --------------------------------------------------------------------------------

    def _place(self) -> dict[str, float]:
        across: dict[str, float] = {}
        for row in self.rows:
            at = 0.0
            for i, key in enumerate(row):
                box = self.boxes[key]
                at += box.before + (self.gap_across if i else 0.0)
                across[key] = at
                at += box.after
        for sweep in range(SWEEPS):
            down = sweep % 2 == 0
            sides = [self.before if down else self.behind]
            if sweep >= SWEEPS // 2:
                sides = [self.before, self.behind]
            for row in self.rows if down else reversed(self.rows):
                self._fit(row, across, sides)
        lines = self._lines()
        for sweep in range(STRAIGHTENED):
            for line in lines if sweep % 2 == 0 else reversed(lines):
                self._straighten(line, across)
        return across

    def _lines(self) -> list[list[tuple[str, float]]]:
        """Chains of boxes that should stand in one line, the important ones first, with the offsets that this asks for.

        Each box joins at most one neighbour on either side: the rest of a long link before all, then a neighbour that
        has no other, then the nearest.
        """
        pairs: list[tuple[int, int, str, str, float]] = []
        for a, near in self.behind.items():
            for b, own, other in near:
                lanes = a.startswith("\0") + b.startswith("\0")
                alone = (len(near) == 1) + (len(self.before[b]) == 1)
                pairs.append((-3 * (lanes == 2) - alone, len(pairs), a, b, own - other))
        after: dict[str, tuple[str, float]] = {}
        taken: set[str] = set()
        for _, _, a, b, shift in sorted(pairs):
            if a not in after and b not in taken:
                after[a] = (b, shift)
                taken.add(b)
        lines = []
        for key in self.boxes:
            if key not in taken and key in after:
                line, shift = [(key, 0.0)], 0.0
                while key in after:
                    key, step = after[key]
                    shift += step
                    line.append((key, shift))
                lines.append(line)
        return sorted(lines, key=len, reverse=True)

    def _straighten(self, line: list[tuple[str, float]], across: dict[str, float]) -> None:
        """Move the boxes of a line to one place as far as their neighbours in the layers leave room."""
        run: list[tuple[str, float]] = []
        low, high = -math.inf, math.inf
        for key, shift in [*line, ("", 0.0)]:
            a, b = self._room(key, across) if key else (math.inf, -math.inf)
            a, b = max(low, a - shift), min(high, b - shift)
            if a > b:
                place = sum(across[k] - s for k, s in run) / max(len(run), 1)
                for k, s in run:
                    across[k] = min(max(place, low), high) + s
                if not key:
                    return
                run = []
                a, b = self._room(key, across)
                a, b = a - shift, b - shift
            low, high = a, b
            run.append((key, shift))

    def _room(self, key: str, across: dict[str, float]) -> tuple[float, float]:
        """From where to where a box could stand, with those beside it where they are."""
        row = self.rows[self.layer[key]]
        i, box = row.index(key), self.boxes[key]
        low, high = -math.inf, math.inf
        if i:
            other = self.boxes[row[i - 1]]
            low = across[row[i - 1]] + other.after + box.before + self.gap_across
        if i < len(row) - 1:
            other = self.boxes[row[i + 1]]
            high = across[row[i + 1]] - other.before - box.after - self.gap_across
        return min(low, across[key]), max(high, across[key])

    def _fit(self, row: list[str], across: dict[str, float], sides: list[dict[str, list[Neighbour]]]) -> None:
        """Move the boxes of a layer as near to where their links are straight as the room allows."""
        wanted: list[float] = []
        weights: list[float] = []
        room: list[float] = []
        for i, key in enumerate(row):
            near = [n for side in sides for n in side.get(key, ())]
            pulls = [(across[n] + other - own, self._pull(key, n)) for n, own, other in near]
            weight = sum(w for _, w in pulls)
            wanted.append(sum(p * w for p, w in pulls) / weight if pulls else across[key])
            weights.append(weight or 0.01)
            if i:
                last = self.boxes[row[i - 1]]
                room.append(room[-1] + last.after + self.boxes[key].before + self.gap_across)
            else:
                room.append(0.0)
        across.update(zip(row, separated(wanted, weights, room), strict=True))

    def _pull(self, a: str, b: str) -> float:
        lanes = a.startswith("\0") + b.startswith("\0")
        return 1.0 if not lanes else STRAIGHT * lanes / 2


def separated(wanted: Sequence[float], weights: Sequence[float], room: Sequence[float]) -> list[float]:
    """The places nearest to ``wanted`` in weighted least squares with x[i+1] - x[i] >= room[i+1] - room[i].

    By pooling adjacent violators of the order of x - room (Ayer et al., 1955).

    >>> separated([0.0, 0.0, 9.0], [1, 1, 1], [0, 2, 4])
    [-1.0, 1.0, 9.0]
    """
    pools: list[tuple[float, float, int]] = []  # (mean, weight, how many)
    for x, w, r in zip(wanted, weights, room, strict=True):
        mean, weight, count = x - r, w, 1
        while pools and pools[-1][0] > mean:
            m, v, n = pools.pop()
            mean, weight, count = (m * v + mean * weight) / (v + weight), v + weight, n + count
        pools.append((mean, weight, count))
    level = [mean for mean, _, count in pools for _ in range(count)]
    return [m + r for m, r in zip(level, room, strict=True)]


def _layers(boxes: list[Box], links: Sequence[Link]) -> dict[str, int]:
    """For each box its layer: behind all that lead to it, and not farther from what it leads to than needed."""
    behind: dict[str, list[str]] = {box.key: [] for box in boxes}
    for link in links:
        behind[link.source].append(link.target)
    order = _ordered(boxes, behind)
    place = {key: i for i, key in enumerate(order)}
    layer = dict.fromkeys(order, 0)
    for key in order:
        for other in behind[key]:
            if place[other] > place[key]:  # not a link back
                layer[other] = max(layer[other], layer[key] + 1)
    has_source = {link.target for link in links}
    for key in reversed(order):  # what nothing leads to stands right before what it leads to
        later = [layer[other] for other in behind[key] if place[other] > place[key]]
        if key not in has_source and later:
            layer[key] = min(later) - 1
    last = max(layer.values(), default=0)
    for box in boxes:
        if box.first:
            layer[box.key] = 0
        elif box.last:
            layer[box.key] = last
    return layer


def _ordered(boxes: list[Box], behind: dict[str, list[str]]) -> list[str]:
    """Each box after those that lead to it, where links do not go round in circles; found without recursion."""
    done: dict[str, bool] = {}
    order: list[str] = []
    for box in boxes:
        stack = [(box.key, False)]
        while stack:
            key, expanded = stack.pop()
            if expanded:
                order.append(key)
            elif key not in done:
                done[key] = True
                stack.append((key, True))
                stack.extend((other, False) for other in reversed(behind[key]) if other not in done)
    return order[::-1]
