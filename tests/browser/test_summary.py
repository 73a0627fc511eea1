"""The summary of a model as a notebook shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw
from thalweg import nn


@pytest.fixture
def table(open_html: Callable[[str], Any]) -> Any:
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2)
    return open_html(f"<!doctype html><title>x</title>{model.summary(tw.zeros(2, 5, 16))._repr_html_()}")


def test_columns_are_aligned_and_rows_have_heads(table: Any) -> None:
    heads = table.get_by_role("columnheader")
    assert heads.all_text_contents() == ["Module", "Class", "Output", "Parameters", "FLOPs", "Kept"]
    rows = table.locator("table").first.locator("tbody tr")
    assert rows.count() == 20
    assert rows.nth(3).get_by_role("rowheader").inner_text().strip() == "self_attn"
    ends = rows.locator("td:nth-child(4)").evaluate_all("cells => cells.map(c => c.getBoundingClientRect().right)")
    assert len(set(ends)) == 1
    assert {cell.evaluate("c => getComputedStyle(c).textAlign") for cell in rows.locator("td.number").all()} == {
        "right"
    }


def test_a_wide_table_scrolls_in_itself(narrow: Any, table: Any) -> None:
    assert table.evaluate("document.documentElement.scrollWidth") <= 360
    assert table.evaluate("document.querySelector('.tw-summary').scrollWidth") > 360


def test_notebook_rules_do_not_change_it(table: Any) -> None:
    """Such as those of Jupyter, which align cells to the right and shade every other row."""
    place = "[...document.querySelectorAll('.tw-summary td')].map(c => c.getBoundingClientRect().toJSON())"
    before = table.evaluate(place)
    table.add_style_tag(
        content="body td, body th { text-align: right; padding: 9px; border: 3px solid; white-space: normal }"
        "body tbody tr:nth-child(odd) { background: #eee }"
    )
    assert table.evaluate(place) == before
    colour = "getComputedStyle(document.querySelector('.tw-summary tbody tr')).backgroundColor"
    assert table.evaluate(colour) == "rgba(0, 0, 0, 0)"
