"""The loss curve: where its points lie, what it says in words, and that it is well-formed for odd losses."""

import math
import xml.etree.ElementTree as ET

import pytest

from thalweg.train.curve import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, linear_ticks, log_ticks, loss_curve

SVG = "{http://www.w3.org/2000/svg}"


def points(svg, name):
    line = ET.fromstring(svg).find(f"{SVG}polyline[@class='{name}']")
    return [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]


def test_a_linear_axis_starts_at_zero_and_leaves_a_margin_above():
    svg = loss_curve([1, 2, 3], [2.0, 1.0, 0.5], [1.0, 1.0, 1.0], 1, "x")
    bottom, height = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    assert points(svg, "train") == [
        (LEFT, pytest.approx(bottom - height / 1.05, abs=0.01)),
        ((LEFT + WIDTH - RIGHT) / 2, pytest.approx(bottom - height / 2.1, abs=0.01)),
        (WIDTH - RIGHT, pytest.approx(bottom - height / 4.2, abs=0.01)),
    ]


def test_losses_over_decades_get_a_logarithmic_axis():
    svg = loss_curve([1, 2, 3], [1.0, 0.1, 0.01], [1.0, 0.1, 0.01], 3, "x")
    ys = [y for _, y in points(svg, "train")]
    assert ys[1] - ys[0] == pytest.approx(ys[2] - ys[1], abs=0.02)
    assert "loss (logarithmic)" in svg


def test_it_has_a_title_and_a_description():
    root = ET.fromstring(loss_curve([1, 2], [2.5, 1.25], [2.0, 1.0], 2, "a < b & c"))
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "title desc"
    assert root.find(f"{SVG}title").text == "a < b & c"
    assert root.find(f"{SVG}desc").text == (
        "Loss over 2 epochs. The training loss goes from 2.5 to 1.25, the validation loss from 2 to 1. "
        "The weights of epoch 2 were kept, with validation loss 1."
    )


def test_it_brings_a_background_for_light_and_for_dark_pages():
    svg = loss_curve([1, 2], [2.5, 1.25], [2.0, 1.0], 2, "x")
    assert "prefers-color-scheme: dark" in svg
    assert '<rect class="page"' in svg


def test_the_ring_is_on_the_best_epoch():
    svg = loss_curve([1, 2, 3], [3.0, 2.0, 1.0], [3.0, 1.5, 2.0], 2, "x")
    ring = ET.fromstring(svg).find(f"{SVG}circle[@class='best']")
    assert (float(ring.get("cx")), float(ring.get("cy"))) == points(svg, "validation")[1]


@pytest.mark.parametrize(
    ("train", "validation"),
    [
        ([1.0], [2.0]),
        ([0.0], [0.0]),
        ([1.0, math.nan, 0.5], [1.0, math.inf, 0.5]),
        ([math.nan, math.nan], [math.nan, math.nan]),
        ([1e-12, 1e12], [1.0, 1.0]),
        ([-1.0, -2.0], [-1.0, 1.0]),
        ([5.0] * 1000, [5.0] * 1000),
    ],
)
def test_odd_losses_still_make_a_picture_within_its_frame(train, validation):
    svg = loss_curve(list(range(1, len(train) + 1)), train, validation, 1, "x")
    ET.fromstring(svg)
    for name in ("train", "validation"):
        if f'<polyline class="{name}"' in svg:
            assert all(LEFT <= x <= WIDTH - RIGHT and TOP <= y <= HEIGHT - BOTTOM for x, y in points(svg, name))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (1, 60, [10, 20, 30, 40, 50, 60]),
        (0, 0.003, [0, 0.0005, 0.001, 0.0015, 0.002, 0.0025, 0.003]),
    ],
)
def test_linear_ticks_are_round(low, high, expected):
    assert linear_ticks(low, high) == expected


def test_log_ticks():
    assert log_ticks(0.09, 11) == [0.1, 0.2, 0.5, 1, 2, 5, 10]
    assert log_ticks(1e-6, 1e2) == [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100]
