"""Diagrams as Chromium draws them: nothing lies over anything else, and containers open and close."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw

from ..viz.models import GPT, MODELS, LeNet, drawn
from .geometry import (
    crossing_blocks,
    geometry,
    loose_edges,
    overlapping_labels,
    texts_outside_their_block,
    texts_outside_their_picture,
)


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_in_the_way_of_anything(name: str, open_svg: Callable[[str], Any]) -> None:
    page = open_svg(drawn(name).svg())
    found = geometry(page)
    assert overlapping_labels(found) == []
    assert texts_outside_their_block(found) == []
    assert texts_outside_their_picture(found) == []
    assert crossing_blocks(found) == []
    assert loose_edges(found) == []
    picture = page.screenshot(full_page=True)
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"


def titles(page: Any) -> list[str]:
    return page.locator("svg text.bold").all_text_contents()


def test_a_click_opens_and_closes(open_html: Callable[[Any], Any]) -> None:
    diagram = tw.viz.diagram(LeNet(), tw.ones(64, 1, 28, 28), depth=1)
    page = open_html(diagram.html())
    assert "Sequential features" in titles(page) and "Conv2d 0" not in titles(page)
    page.locator('[aria-label="Sequential features, closed"]').click()
    assert "Conv2d 0" in titles(page) and "Linear 1" not in titles(page)
    page.locator('[aria-label="Sequential classifier, closed"]').click()
    assert "Conv2d 0" in titles(page) and "Linear 1" in titles(page)
    assert page.evaluate("document.querySelector('svg').viewBox.baseVal.height") > diagram.height
    for check in (overlapping_labels, texts_outside_their_block, crossing_blocks, loose_edges):
        assert check(page) == []
    header = page.locator('[aria-label="Sequential features, open"]')
    assert header.get_attribute("aria-expanded") == "true"
    header.locator("> text").first.click()
    assert "Conv2d 0" not in titles(page) and "Linear 1" in titles(page)


def test_the_keyboard_opens_and_closes_too(open_html: Callable[[Any], Any]) -> None:
    page = open_html(tw.viz.diagram(GPT(4), tw.zeros(2, 32, dtype=tw.int64), depth=1).html())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Sequential blocks, closed"
    page.keyboard.press("Enter")
    assert "Block 0  × 4" in titles(page)
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Sequential blocks, open"
    page.keyboard.press("Space")
    assert "Block 0  × 4" not in titles(page)


def test_every_state_that_can_be_reached_is_in_order(open_html: Callable[[Any], Any]) -> None:
    page = open_html(tw.viz.diagram(GPT(12), tw.zeros(2, 32, dtype=tw.int64)).html())
    seen = set()
    for _ in range(12):
        buttons = page.locator("svg [role=button]")
        labels = [buttons.nth(i).get_attribute("aria-label") for i in range(buttons.count())]
        fresh = [label for label in labels if label not in seen]
        if not fresh:
            break
        seen.add(fresh[0])
        page.locator(f'[aria-label="{fresh[0]}"]').locator("> text").first.click()
        assert overlapping_labels(page) == []
        assert crossing_blocks(page) == []
    assert len(seen) >= 4


def test_dark_and_narrow(open_html: Callable[[Any], Any], dark: Any, narrow: Any) -> None:
    page = open_html(drawn("lenet").html())
    background = page.evaluate("getComputedStyle(document.querySelector('svg')).backgroundColor")
    assert background == "rgb(13, 17, 23)"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator("svg").bounding_box()["width"] <= 360


def test_two_diagrams_in_one_page_do_not_disturb_each_other(open_html: Callable[[Any], Any]) -> None:
    one = tw.viz.diagram(LeNet(), tw.ones(64, 1, 28, 28), depth=1)
    other = tw.viz.diagram(GPT(2), tw.zeros(2, 32, dtype=tw.int64), depth=1)
    page = open_html(f"<!doctype html><title>two</title>{one.fragment()}{other.fragment()}")
    page.locator('[aria-label="Sequential blocks, closed"]').click()
    assert "Conv2d 0" not in titles(page) and "Block 0  × 2" in titles(page)


def test_one_diagram_shown_twice_works_in_both_places(open_html: Callable[[Any], Any]) -> None:
    part = tw.viz.diagram(LeNet(), tw.ones(64, 1, 28, 28), depth=1).fragment()
    page = open_html(f"<!doctype html><title>twice</title>{part}{part}")
    page.locator('[aria-label="Sequential features, closed"]').nth(1).click()
    shown = page.locator("svg")
    assert "Conv2d 0" not in shown.nth(0).text_content()
    assert "Conv2d 0" in shown.nth(1).text_content()


def test_a_pass_is_walked_through(open_html: Callable[[Any], Any]) -> None:
    tw.manual_seed(0)
    model = tw.nn.Sequential(tw.nn.Linear(4, 3), tw.nn.Tanh(), tw.nn.Linear(3, 2))
    page = open_html(tw.viz.backprop(model, tw.nn.MSELoss(), tw.randn(5, 4), tw.randn(5, 2)).html())
    for check in (overlapping_labels, texts_outside_their_block, texts_outside_their_picture, crossing_blocks):
        assert check(page) == []
    everything = page.locator("svg text:visible").count()
    page.locator("input[type=range]").fill("0")
    assert "Before the pass" in page.locator("output").text_content()
    beginning = page.locator("svg text:visible").count()
    assert beginning < everything
    page.locator("button[data-by='1']").click()
    assert page.locator("output").text_content() == "Step 1 of 8, forward through Linear 0."
    assert page.locator("svg .now").get_attribute("aria-label") == "Linear 0"
    assert beginning < page.locator("svg text:visible").count() < everything
