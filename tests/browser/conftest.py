"""A Chromium of the system, and a page that fails its test when it complains or asks the network for anything.

Without playwright or without a Chromium these tests are skipped; with THALWEG_REQUIRE_BROWSER=1 they fail instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .chromium import find_chromium, launch_options
from .watch import Watch

NARROW = {"width": 360, "height": 740}  # pixels of a telephone
WIDE = {"width": 1280, "height": 800}

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


def unavailable(reason: str) -> None:
    """Skip the test, or fail it where a browser is required."""
    if os.environ.get("THALWEG_REQUIRE_BROWSER") == "1":
        pytest.fail(f"THALWEG_REQUIRE_BROWSER=1, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("playwright is not installed: pip install 'thalweg[browser]'")
    executable = find_chromium()
    if executable is None:
        unavailable("no Chromium was found: install one (Debian: chromium), or set THALWEG_CHROMIUM to its path")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(**launch_options(executable))
        yield chromium
        chromium.close()


@pytest.fixture
def watch(browser: Any) -> Iterator[Watch]:
    """What keeps an eye on ``page``; a test that provokes an error tells it to ``expect`` that."""
    context = browser.new_context(viewport=WIDE, color_scheme="light", device_scale_factor=1)
    seen = Watch(context.new_page())
    yield seen
    context.close()
    seen.check()


@pytest.fixture
def page(watch: Watch) -> Any:
    """An empty page, 1280 pixels wide and light; console errors, exceptions and requests to elsewhere fail the test."""
    return watch.page


@pytest.fixture
def narrow(page: Any) -> Any:
    """The page, 360 pixels wide."""
    page.set_viewport_size(NARROW)
    return page


@pytest.fixture
def dark(page: Any) -> Any:
    """The page, where the reader prefers dark."""
    page.emulate_media(color_scheme="dark")
    return page


@pytest.fixture
def open_html(page: Any, tmp_path: Path) -> Callable[[str | Path], Any]:
    """Opens a file, or text as a file, from the disk."""

    def open_it(source: str | Path) -> Any:
        if isinstance(source, str):
            text, source = source, tmp_path / "page.html"
            source.write_text(text, encoding="utf-8")
        page.goto(source.resolve().as_uri())
        return page

    return open_it


@pytest.fixture
def open_svg(open_html: Callable[[str | Path], Any]) -> Callable[[str], Any]:
    """Opens an SVG, inside a page without margins."""

    def open_it(svg: str) -> Any:
        return open_html(
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>svg</title></head>'
            f'<body style="margin: 0">{svg}</body></html>'
        )

    return open_it
