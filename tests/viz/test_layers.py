"""The arrangement of boxes in layers: nothing overlaps, links lead forwards, chains are straight."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.viz.blocks.layers import LANE, Box, Link, arrange, separated


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Box], list[Link]]:
    count = draw(st.integers(1, 12))
    size = st.floats(1, 60)
    boxes = [Box(str(i), draw(size), draw(size), draw(size)) for i in range(count)]
    pairs = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=20))
    return boxes, [Link(str(min(a, b)), str(max(a, b))) for a, b in set(pairs) if a != b]


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_nothing_overlaps_and_all_links_lead_forwards(graph: tuple[list[Box], list[Link]]) -> None:
    boxes, links = graph
    found = arrange(boxes, links, gap_along=10, gap_across=5)
    frames = {}
    for box in boxes:
        along, across = found.places[box.key]
        frames[box.key] = (along, along + box.length, across - box.before, across + box.after)
        assert along >= 0 and along + box.length <= found.length + 0.02
        assert across - box.before >= -0.02 and across + box.after <= found.breadth + 0.02
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            p, q = frames[a.key], frames[b.key]
            apart_along = p[1] <= q[0] + 0.02 or q[1] <= p[0] + 0.02
            apart_across = p[3] + 5 <= q[2] + 0.05 or q[3] + 5 <= p[2] + 0.05
            assert apart_along or apart_across, (a, b)
    for link, route in zip(links, found.routes, strict=True):
        assert frames[link.source][1] < frames[link.target][0]
        assert np.allclose(route[0], (frames[link.source][1], found.places[link.source][1]), atol=0.02)
        assert np.allclose(route[-1], (frames[link.target][0], found.places[link.target][1]), atol=0.02)
        assert all(a[0] <= b[0] + 0.02 for a, b in pairwise(route))
        for box in boxes:  # where a link passes a layer, it passes beside the boxes
            low, high, left, right = frames[box.key]
            for (x0, y0), (x1, y1) in pairwise(route):
                if y0 == y1 and box.key not in (link.source, link.target) and x0 < high - 0.02 and x1 > low + 0.02:
                    assert y0 <= left + 0.05 or y0 >= right - 0.05


def test_a_chain_is_straight_whatever_the_sizes() -> None:
    boxes = [Box(str(i), 10, 5 + 7 * i, 40 - 3 * i) for i in range(8)]
    links = [Link(str(i), str(i + 1)) for i in range(7)]
    found = arrange(boxes, links, 10, 5)
    assert len({across for _, across in found.places.values()}) == 1
    assert all(len({across for _, across in route}) == 1 for route in found.routes)


def test_a_link_over_layers_is_straight_where_there_is_room() -> None:
    boxes = [Box(str(i), 10, 20, 20) for i in range(5)]
    links = [*(Link(str(i), str(i + 1)) for i in range(4)), Link("0", "4")]
    route = arrange(boxes, links, 10, 5).routes[-1]
    inner = {across for _, across in route[2:-2]}
    assert len(inner) == 1
    assert abs(inner.pop() - route[0][1]) >= 20 + 5 + LANE


def test_crossings_are_sorted_out() -> None:
    boxes = [Box(k, 10, 5, 5) for k in "abcxyz"]
    links = [Link("a", "z"), Link("b", "y"), Link("c", "x")]
    places = arrange(boxes, links, 10, 5).places
    top = sorted("abc", key=lambda k: places[k][1])
    bottom = sorted("xyz", key=lambda k: places[k][1])
    partner = {"a": "z", "b": "y", "c": "x"}
    assert [partner[k] for k in top] == bottom


def test_a_circle_of_links_is_drawn_too() -> None:
    boxes = [Box(k, 10, 5, 5) for k in "abc"]
    found = arrange(boxes, [Link("a", "b"), Link("b", "c"), Link("c", "a")], 10, 5)
    assert sorted(along for along, _ in found.places.values()) == [0, 20, 40]


def test_nothing_at_all() -> None:
    found = arrange([], [], 10, 5)
    assert (found.length, found.breadth, found.places, found.routes) == (0, 0, {}, [])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(0.1, 5), st.floats(0, 10)), min_size=1, max_size=8))
def test_separated_is_the_nearest_feasible_point(items: list[tuple[float, float, float]]) -> None:
    wanted, weights, gaps = map(list, zip(*items, strict=True))
    room = [0.0, *np.cumsum(gaps[1:])]
    x = np.array(separated(wanted, weights, room))
    assert (np.diff(x) >= np.diff(room) - 1e-9).all()
    cost = (np.array(weights) * (x - wanted) ** 2).sum()
    rng = np.random.default_rng(0)
    for _ in range(20):  # no feasible point nearby is better
        y = np.sort(x - room + rng.normal(0, 0.5, len(x))) + room
        assert (np.array(weights) * (y - wanted) ** 2).sum() >= cost - 1e-9
