"""The checks of rendered pictures: silent on a good one, and each one notices what it is there for."""

from __future__ import annotations

import pytest

from .geometry import (
    crossing_blocks,
    geometry,
    loose_edges,
    overlap,
    overlapping_labels,
    texts_outside_their_block,
    texts_outside_their_picture,
)

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="600" height="300" viewBox="0 0 600 300" '
    'style="font: 13px DejaVu Sans, sans-serif">{}</svg>'
)


def node(name, x, y, *texts, width=100, height=60):
    written = "".join(f'<text x="{x + 10}" y="{y + 20 + 18 * i}">{text}</text>' for i, text in enumerate(texts))
    return (
        f'<g class="node" data-id="{name}"><rect class="shape" x="{x}" y="{y}" width="{width}" height="{height}" '
        f'fill="none" stroke="black"/>{written}</g>'
    )


def group(name, x, y, width, height, *inner):
    return (
        f'<g class="group" data-id="{name}"><rect class="shape" x="{x}" y="{y}" width="{width}" height="{height}" '
        f'fill="none" stroke="gray"/><text x="{x + 6}" y="{y + 14}">{name}</text>{"".join(inner)}</g>'
    )


def edge(source, target, path, label=""):
    return f'<path class="edge" data-from="{source}" data-to="{target}" d="{path}" fill="none" stroke="black"/>' + label


def label(text, x, y, extra=""):
    return f'<text class="edge-label" x="{x}" y="{y}" {extra}>{text}</text>'


ALL_CHECKS = [
    overlapping_labels, texts_outside_their_block, texts_outside_their_picture, crossing_blocks, loose_edges
]  # fmt: skip

GOOD = SVG.format(
    '<g class="node" data-id="x"><circle class="shape" cx="50" cy="100" r="24"/><text x="46" y="105">x</text></g>'
    + group("net", 110, 30, 330, 150, node("a", 130, 70, "Linear", "8 weights"), node("b", 320, 70, "Tanh"))
    + node("c", 480, 70, "Mean")
    + edge("x", "a", "M74 100 H130", label("2", 90, 95))
    + edge("a", "b", "M230 100 H320", label("64 × 3", 250, 95))
    + edge("net", "c", "M440 100 H480")
    + edge("x", "c", "M50 124 V250 H530 V130")
)


@pytest.mark.parametrize("check", ALL_CHECKS)
def test_a_good_picture_passes(open_svg, check):
    assert check(open_svg(GOOD)) == []


@pytest.mark.parametrize("check", ALL_CHECKS)
def test_a_good_picture_passes_when_the_page_shrinks_it(open_svg, narrow, check):
    assert check(open_svg(GOOD.replace("<svg ", '<svg preserveAspectRatio="xMinYMin" width="300" ', 1))) == []


@pytest.mark.parametrize(
    "hiding",
    [
        '<g style="display: none">{}</g>',
        '<g><g visibility="hidden">{}</g></g>',
        '<g opacity="0">{}</g>',
        "<defs>{}</defs>",
        '</svg><details><summary>more</summary><svg width="600">{}</svg></details><svg>',
    ],
)
def test_what_is_hidden_is_in_nobodys_way(open_svg, hiding):
    hidden = node("d", 480, 70, "Mean", "a text far too long for its block") + node("e", 500, 90)
    hidden += edge("c", "nobody", "M490 80 H520")
    page = open_svg(SVG.format(node("c", 480, 70, "Mean") + hiding.format(hidden)))
    assert [check(page) for check in ALL_CHECKS] == [[]] * len(ALL_CHECKS)


def test_boxes_are_in_pixels_of_the_page(open_html):
    svg = SVG.format('<g transform="translate(100 50) scale(2)"><rect class="a b" width="30" height="10"/></g>')
    page = open_html(f'<body style="margin: 7px; height: 3000px"><div style="height: 1000px"></div>{svg}</body>')
    page.evaluate("scrollTo(0, 500)")
    (box,) = geometry(page).boxes
    assert (box.kind, box.name) == ("shape", "rect.a.b")
    assert box.corners == ((107, 1057), (167, 1057), (167, 1077), (107, 1077))


def test_labels_over_each_other_are_noticed(open_svg):
    page = open_svg(SVG.format(label("one", 100, 100) + label("two", 110, 104)))
    assert overlapping_labels(page) == [("one", "two")]


def test_a_rotated_label_takes_the_room_of_its_letters(open_svg):
    steep = label("a long label upwards", 100, 200, 'transform="rotate(-45 100 200)"')
    assert overlapping_labels(open_svg(SVG.format(steep + label("below", 160, 200)))) == []
    assert overlapping_labels(open_svg(SVG.format(steep + label("across", 110, 170)))) != []


def test_lines_of_one_paragraph_do_not_overlap(open_svg):
    assert overlapping_labels(open_svg(SVG.format(label("first", 10, 20) + label("second", 10, 34)))) == []


def test_a_text_wider_than_its_block_is_noticed(open_svg):
    page = open_svg(SVG.format(node("a", 20, 20, "far too long for this block")))
    assert texts_outside_their_block(page) == [("far too long for this block", "a")]


def test_a_text_in_the_corner_of_a_circles_box_is_outside_the_circle(open_svg):
    circle = '<g class="node" data-id="x"><circle class="shape" cx="100" cy="100" r="40"/>{}</g>'
    assert texts_outside_their_block(open_svg(SVG.format(circle.format('<text x="80" y="104">mean</text>')))) == []
    page = open_svg(SVG.format(circle.format('<text x="62" y="74">mean</text>')))
    assert texts_outside_their_block(page) == [("mean", "x")]


def test_a_block_without_a_shape_has_no_room_for_texts(open_svg):
    page = open_svg(SVG.format('<g class="node" data-id="x"><text x="10" y="50">x</text></g>'))
    assert texts_outside_their_block(page) == [("x", "x")]


def test_a_group_s_title_stays_in_it(open_svg):
    page = open_svg(SVG.format(group("encoder_and_decoder", 20, 20, 60, 80)))
    assert texts_outside_their_block(page) == [("encoder_and_decoder", "encoder_and_decoder")]


def test_a_text_cut_off_by_the_picture_is_noticed(open_svg):
    assert texts_outside_their_picture(open_svg(SVG.format(label("cut off", 570, 100)))) == ["cut off"]


def test_nodes_over_each_other_are_noticed(open_svg):
    page = open_svg(SVG.format(node("a", 20, 20) + node("b", 100, 60)))
    assert crossing_blocks(page) == [("a", "b")]


def test_a_node_that_leaves_its_group_is_noticed(open_svg):
    page = open_svg(SVG.format(group("g", 20, 20, 150, 100, node("a", 120, 40))))
    assert crossing_blocks(page) == [("g", "a")]


def test_groups_overlap_only_if_nested(open_svg):
    nested = group("outer", 10, 10, 300, 200, group("inner", 40, 40, 100, 100))
    assert crossing_blocks(open_svg(SVG.format(nested))) == []
    page = open_svg(SVG.format(group("outer", 10, 10, 300, 200) + group("other", 40, 40, 100, 100)))
    assert crossing_blocks(page) == [("outer", "other")]


def test_pictures_on_one_page_have_blocks_of_their_own(open_svg):
    page = open_svg(GOOD + GOOD)
    assert crossing_blocks(page) == loose_edges(page) == []


def test_an_edge_over_a_node_is_noticed(open_svg):
    nodes = node("a", 10, 20) + node("b", 200, 20) + node("c", 400, 20)
    page = open_svg(SVG.format(nodes + edge("a", "c", "M110 50 H400")))
    assert crossing_blocks(page) == [("a → c", "b")]


def test_an_edge_from_a_group_may_start_inside_it(open_svg):
    blocks = group("g", 10, 10, 200, 120, node("a", 30, 40)) + node("b", 300, 40)
    assert crossing_blocks(open_svg(SVG.format(blocks + edge("g", "b", "M100 70 H300")))) == []


@pytest.mark.parametrize("edge", [edge("a", "b", "M110 50 H260"), edge("a", "nobody", "M110 50 H300")])
def test_an_edge_that_reaches_no_block_is_noticed(open_svg, edge):
    page = open_svg(SVG.format(node("a", 10, 20) + node("b", 300, 20) + edge))
    assert len(loose_edges(page)) == 1


def test_overlap_of_polygons():
    square = ((0, 0), (10, 0), (10, 10), (0, 10))
    beside = tuple((x + 9.5, y) for x, y in square)
    diamond = ((15, 6), (21, 12), (15, 18), (9, 12))  # its box meets the square's, it does not
    assert overlap(square, square)
    assert not overlap(square, beside, slack=1)
    assert overlap(square, beside, slack=0.2)
    assert not overlap(square, diamond, slack=0)
