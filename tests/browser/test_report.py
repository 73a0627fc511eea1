"""The report of a run and the comparison of runs, as Chromium shows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from thalweg.cli import cli
from thalweg.train.report.sections import SECTIONS

from .contrast import faint_texts
from .geometry import overlapping_labels, texts_outside_their_picture

SECOND = 1000  # milliseconds


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classification of digits, a regression, and the comparison of the former with another like it."""
    folder = tmp_path_factory.mktemp("runs")
    rows = "".join(f"{i % 17},{i % 5},{3 * (i % 17) - i % 5}\n" for i in range(120))
    (folder / "t.csv").write_text(f"a,b,y\n{rows}", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for arguments in (
            ["train", "digits", "--epochs", "12", "--out", "digits"],
            ["train", "digits", "--epochs", "12", "--lr", "0.01", "--out", "slower"],
            ["train", "t.csv", "--target", "y", "--epochs", "6", "--out", "linear"],
            ["report", "digits", "slower", "--out", "compare.html"],
        ):
            result = CliRunner().invoke(cli, arguments)
            assert result.exit_code == 0, result.output
    return folder


PAGES = ["digits/report.html", "linear/report.html", "compare.html"]
Opener = Callable[[Path], Any]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_in_less_than_a_second(runs: Path, open_html: Opener, name: str) -> None:
    page = open_html(runs / name)
    spent = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert 0 < spent < SECOND


def test_every_section_is_there_and_seen(runs: Path, open_html: Opener) -> None:
    page = open_html(runs / "digits/report.html")
    for section in SECTIONS:
        found = page.locator(f"section#{section.key}")
        assert found.locator("h2").inner_text() == section.title
        assert found.locator(".body").bounding_box()["height"] > 20
    assert page.locator("svg.tw").count() >= 15
    assert page.locator("img.pixels").evaluate_all("images => images.every(i => i.naturalWidth === 8)")


@pytest.mark.parametrize("name", PAGES)
def test_labels_of_charts_are_in_no_ones_way(runs: Path, open_html: Opener, name: str) -> None:
    page = open_html(runs / name)
    assert overlapping_labels(page) == []
    assert texts_outside_their_picture(page) == []


def test_sections_fold_and_unfold_with_mouse_and_keyboard(runs: Path, open_html: Opener) -> None:
    page = open_html(runs / "digits/report.html")
    body = page.locator("#curves .body")
    heading = page.locator("#curves summary").first
    heading.click()
    assert not body.is_visible()
    heading.focus()
    page.keyboard.press("Enter")
    assert body.is_visible()
    page.keyboard.press("Space")
    assert not body.is_visible()
    page.get_by_role("link", name="Curves").click()
    assert body.is_visible()
    page.get_by_role("button", name="Fold all").click()
    assert page.locator("main details[open]").count() == 0
    page.get_by_role("button", name="Unfold all").click()
    assert page.locator("main details:not([open])").count() == 0


def test_the_first_tab_leads_past_the_contents(runs: Path, open_html: Opener) -> None:
    page = open_html(runs / "digits/report.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
    assert page.locator("a.skip").bounding_box()["x"] >= 0


@pytest.mark.parametrize("name", PAGES)
def test_a_narrow_page_is_no_wider_than_its_window(runs: Path, narrow: Any, open_html: Opener, name: str) -> None:
    page = open_html(runs / name)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate(
        "Array.from(document.querySelectorAll('h1, main :is(p, h2, h3, li, dd)'))"
        ".every(e => e.scrollWidth <= e.clientWidth + 1 || getComputedStyle(e).display === 'inline')"
    )
    small = page.evaluate(
        "Math.min(...Array.from(document.querySelectorAll('.figures svg.tw'), "
        "s => 13 * s.getBoundingClientRect().width / s.viewBox.baseVal.width))"
    )
    assert small >= 5.5  # pixels of the letters in a chart
    page.locator("summary").first.click()


def test_dark_pages_are_dark_all_over(runs: Path, dark: Any, open_html: Opener) -> None:
    page = open_html(runs / "digits/report.html")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 17, 23)"
    fills = page.evaluate("Array.from(document.querySelectorAll('svg.tw rect.page'), r => getComputedStyle(r).fill)")
    assert set(fills) == {"rgb(13, 17, 23)"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_texts_stand_out(runs: Path, page: Any, open_html: Opener, name: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    assert faint_texts(open_html(runs / name)) == []


def test_it_reads_without_scripts(runs: Path, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((runs / "digits/report.html").as_uri())
    assert page.locator("#curves svg").first.is_visible()
    page.locator("#curves summary").first.click()
    assert not page.locator("#curves svg").first.is_visible()
    context.close()


def test_paper_shows_what_is_folded(runs: Path, open_html: Opener) -> None:
    page = open_html(runs / "digits/report.html")
    page.get_by_role("button", name="Fold all").click()
    page.emulate_media(media="print")
    assert page.locator("#settings table").first.bounding_box()["height"] > 20
    assert not page.locator("nav").is_visible()


def test_a_policy_forbids_scripts_that_are_not_its_own(runs: Path, tmp_path: Path, watch: Any) -> None:
    """Were something of the data ever taken for markup, it still could do nothing."""
    text = (runs / "digits/report.html").read_text(encoding="utf-8")
    evil = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\"></main>"
    (tmp_path / "evil.html").write_text(text.replace("</main>", evil), encoding="utf-8")
    watch.expect("Content Security Policy|ERR_FILE_NOT_FOUND")
    watch.page.goto((tmp_path / "evil.html").as_uri())
    assert watch.page.title() == "digits: report"
