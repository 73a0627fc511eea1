"""The loss curve of a run: its lines, its ring, and what it says in words."""

import math
import xml.etree.ElementTree as ET

import pytest

from thalweg.train.curve import loss_curve

SVG = "{http://www.w3.org/2000/svg}"


def test_it_says_in_words_what_it_shows():
    curve = loss_curve([1, 2], [2.5, 1.25], [2.0, 1.0], 2, "a < b & c")
    assert ET.fromstring(curve.svg()).findtext(f"{SVG}title") == "a < b & c"
    assert curve.description == (
        "Loss over 2 epochs. The training loss goes from 2.5 to 1.25, the validation loss from 2 to 1. "
        "The weights of epoch 2 were kept, with validation loss 1."
    )


def test_the_lines_are_named_and_the_kept_epoch_is_marked():
    svg = loss_curve([1, 2, 3], [3.0, 2.0, 1.0], [3.0, 1.5, 2.0], 2, "x").svg()
    for words in (">train<", ">validation<", ">kept: epoch 2, 1.5<", ">epoch<", ">loss<"):
        assert words in svg
    assert "prefers-color-scheme: dark" in svg


@pytest.mark.parametrize(
    ("train", "validation"),
    [
        ([1.0], [2.0]),
        ([1.0, math.nan, 0.5], [1.0, math.inf, 0.5]),
        ([math.nan, math.nan], [math.nan, math.nan]),
        ([-1.0, -2.0], [-1.0, 1.0]),
    ],
)
def test_odd_losses_still_make_a_picture(train, validation):
    ET.fromstring(loss_curve(list(range(1, len(train) + 1)), train, validation, 1, "x").svg())
