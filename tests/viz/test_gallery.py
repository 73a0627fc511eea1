"""The gallery's page is the one that its program makes, and its pictures can be made."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def gallery() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gallery", ROOT / "examples" / "gallery.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PROGRAM = gallery()


def test_the_page_is_current() -> None:
    page = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    assert page == PROGRAM.page(titles_in(page))


def titles_in(page: str) -> dict[str, str]:
    """The titles by picture; several pictures may have one title."""
    return {name: title for title, name in re.findall(r"!\[([^\]]*)\]\(images/gallery/(\w+)\.svg\)", page)}


@pytest.mark.parametrize("picture", PROGRAM.PICTURES, ids=lambda p: p.__name__)
def test_pictures_are_made_and_stored(picture) -> None:
    drawn = picture()
    stored = (ROOT / "docs" / "images" / "gallery" / f"{picture.__name__}.svg").read_text(encoding="utf-8")
    assert re.findall("<title[^>]*>(.*)</title>", drawn.svg()) == re.findall("<title[^>]*>(.*)</title>", stored)
    assert len(re.findall('class="node', drawn.svg())) == len(re.findall('class="node', stored))
