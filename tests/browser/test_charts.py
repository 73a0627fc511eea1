"""Charts and valleys as Chromium draws them: no label lies over another one, and none leaves the picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ..viz.charts import CHARTS, odd_charts
from ..viz.valleys import VALLEYS
from .contrast import faint_texts
from .geometry import geometry, overlapping_labels, texts_outside_their_picture


@pytest.mark.parametrize("name", CHARTS)
def test_labels_have_room(name: str, open_svg: Callable[[str], Any]) -> None:
    found = geometry(open_svg(CHARTS[name]().svg()))
    assert overlapping_labels(found) == []
    assert texts_outside_their_picture(found) == []


def test_labels_of_odd_charts_have_room(open_html: Callable[[Any], Any]) -> None:
    found = geometry(open_html("".join(chart.svg(style=i == 0) for i, chart in enumerate(odd_charts().values()))))
    assert overlapping_labels(found) == []
    assert texts_outside_their_picture(found) == []


@pytest.mark.parametrize("name", VALLEYS)
def test_labels_of_valleys_have_room(name: str, open_svg: Callable[[str], Any]) -> None:
    found = geometry(open_svg(VALLEYS[name]().svg()))
    assert overlapping_labels(found) == []
    assert texts_outside_their_picture(found) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", VALLEYS)
def test_texts_of_valleys_stand_out(name: str, scheme: str, page: Any, open_svg: Callable[[str], Any]) -> None:
    page.emulate_media(color_scheme=scheme)
    assert faint_texts(open_svg(VALLEYS[name]().svg())) == []
