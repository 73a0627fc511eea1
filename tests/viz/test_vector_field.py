"""Vector fields: arrows against the gradients of known games, and paths against those of hand-written loops."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from thalweg import games, viz
from thalweg.errors import ArgumentError

from .fields import FIELDS, bilinear

GOLDEN = Path(__file__).parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", FIELDS)
def test_the_picture_is_the_golden_one(name: str) -> None:
    """THALWEG_GOLDEN=write makes the files anew; look at them before you commit them."""
    svg, path = FIELDS[name]().svg(style=False), GOLDEN / f"field_{name}.svg"
    if os.environ.get("THALWEG_GOLDEN") == "write":
        path.write_text(svg, encoding="utf-8")
    assert svg == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FIELDS)
def test_it_is_well_formed_and_described(name: str) -> None:
    picture = FIELDS[name]()
    root = ET.fromstring(picture.svg())
    assert root.findtext(f"{SVG}title") == picture.title
    assert root.findtext(f"{SVG}desc") == picture.description
    assert "nan" not in picture.svg()


def arrows_of(picture: viz.VectorField) -> list[tuple[float, float, float, float]]:
    """Tail and tip of each arrow, in pixels."""
    path = re.search(r'class="edge" d="([^"]*)"', picture.svg())
    assert path is not None
    return [
        tuple(map(float, re.split("[ML,]", shaft)[1:])) for shaft in re.findall("M[^ML]*L[^ML]*(?=M)", path[1])
    ]  # fmt: skip


def test_arrows_point_down_the_gradients_of_each_player() -> None:
    """On x y and -x y the players go by (-y, x): upwards is smaller in pixels."""
    picture = viz.vector_field(bilinear, columns=4, rows=4, width=440, height=480)
    arrows = iter(arrows_of(picture))
    lengths = []
    for x in picture.a:
        for y in picture.b:
            x0, y0, x1, y1 = next(arrows)
            assert (np.sign(x1 - x0), np.sign(y0 - y1)) == (np.sign(-y), np.sign(x))
            lengths.append(np.hypot(x1 - x0, y1 - y0))
    np.testing.assert_allclose(lengths, lengths[0], rtol=0.01)
    np.testing.assert_allclose(picture.field[..., 0], np.broadcast_to(picture.b, (4, 4)))
    np.testing.assert_allclose(picture.field[..., 1], -np.broadcast_to(picture.a[:, None], (4, 4)))


def test_a_dot_stands_where_the_field_vanishes() -> None:
    picture = viz.vector_field(bilinear, columns=3, rows=5)
    assert len(arrows_of(picture)) == 14
    assert picture.svg(style=False).count('<circle class="arrow"') == 1


def test_paths_are_those_of_a_loop() -> None:
    path = viz.play(bilinear, (0.6, 0.8), optimizer=partial(games.Extragradient, lr=0.5), steps=6)
    assert path.name == "Extragradient" and path.steps == 6
    w, turn = np.array([0.6, 0.8]), np.array([[0.0, 1.0], [-1.0, 0.0]])
    expected = [w]
    for _ in range(6):
        w = w - 0.5 * turn @ (w - 0.5 * turn @ w)
        expected.append(w)
    np.testing.assert_allclose(path.points, expected, rtol=1e-12)


def test_a_path_ends_where_numbers_overflow() -> None:
    path = viz.play(lambda x, y: (-(x**4), y * y), (2.0, 1.0), lr=1.0, steps=100)
    assert path.steps < 10 and np.isfinite(path.points).all()


def test_the_picture_has_room_for_its_paths() -> None:
    picture = viz.vector_field(bilinear, x0=(3.0, 0.0), lr=0.1, steps=40)
    assert picture.axes[0].low < -1 and picture.axes[0].high > 3
    assert "outside the picture" not in picture.description
    assert "points of it lie outside the picture" in FIELDS["cut_off"]().description


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ArgumentError, match="columns and rows should be 1 or more, not 0 and 16"):
        viz.vector_field(bilinear, columns=0)
    with pytest.raises(ArgumentError, match="should go from a number to a larger one"):
        viz.vector_field(bilinear, x_range=(1, 1))
    with pytest.raises(ArgumentError, match="should be of two numbers"):
        viz.vector_field(bilinear, paths=viz.play(lambda x, y, z: (x, y, z), (1.0, 1.0, 1.0), steps=1))
    with pytest.raises(ArgumentError, match="should be of two numbers"):
        viz.vector_field(bilinear, paths=viz.Path("empty"))
    with pytest.raises(ArgumentError, match="steps should not be negative"):
        viz.play(bilinear, (1.0, 1.0), steps=-1)
    with pytest.raises(ArgumentError, match="x0 is empty"):
        viz.play(bilinear, ())
