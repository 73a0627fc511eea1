"""Texts stand out in light and dark; and the measure itself notices those that do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw
from thalweg import nn

from ..viz.charts import CHARTS
from ..viz.models import drawn
from .contrast import contrast, faint_texts

Opener = Callable[[str], Any]


def test_contrast_of_colours() -> None:
    assert contrast([0, 0, 0], [255, 255, 255]) == pytest.approx(21)
    assert contrast([119, 119, 119], [255, 255, 255]) == pytest.approx(4.48, abs=0.01)  # #777, known to fall short
    assert contrast([1, 2, 3], [1, 2, 3]) == 1


SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="90" style="background: white">{}</svg>'


@pytest.mark.parametrize(
    "inside",
    [
        '<text x="20" y="40" fill="#999">faint</text>',
        '<rect width="200" height="90" fill="#345"/><text x="20" y="40" fill="black">faint</text>',
        '<rect width="99" height="90" style="fill: color-mix(in srgb, black 80%, white)"/><text y="40">faint</text>',
        '<g opacity="0.3"><text x="20" y="40" fill="black">faint</text></g>',
        '<rect width="200" height="90" fill="black" fill-opacity="0.7"/><text x="20" y="40">faint</text>',
    ],
)
def test_faint_texts_are_noticed(inside: str, open_svg: Opener) -> None:
    assert [text for text, _ in faint_texts(open_svg(SVG.format(inside)))] == ["faint"]


def test_what_is_behind_counts_far_down_the_page_too(open_html: Opener) -> None:
    low = '<p style="margin-top: 3000px; background: #222; color: #333">faint</p><p>clear</p>'
    page = open_html(f"<style>html {{ scroll-behavior: smooth }}</style>{low}")
    assert [text for text, _ in faint_texts(page)] == ["faint"]


def test_clear_texts_are_not(open_html: Opener) -> None:
    inside = '<rect width="200" height="90" fill="#345"/><text x="20" y="40" fill="white">clear</text>'
    page = open_html(f'<p style="color: #333">clear</p><p style="color: #aaa">faint</p>{SVG.format(inside)}')
    assert [text for text, _ in faint_texts(page)] == ["faint"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["loss", "backward", "gpt"])
def test_diagrams(name: str, scheme: str, page: Any, open_svg: Opener) -> None:
    page.emulate_media(color_scheme=scheme)
    assert faint_texts(open_svg(drawn(name).svg())) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", CHARTS)
def test_charts(name: str, scheme: str, page: Any, open_svg: Opener) -> None:
    page.emulate_media(color_scheme=scheme)
    assert faint_texts(open_svg(CHARTS[name]().svg())) == []


def test_summaries(open_html: Opener) -> None:
    html = nn.Sequential(nn.Linear(2, 3), nn.Tanh()).summary(tw.zeros(4, 2))._repr_html_()
    assert faint_texts(open_html(html)) == []
