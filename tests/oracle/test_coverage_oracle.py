"""Every name that thalweg shares with PyTorch is compared, and docs/coverage.md says by what."""

from __future__ import annotations

import pytest

from . import coverage, names_in_tests

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle


def test_every_shared_name_is_compared() -> None:
    assert coverage.uncompared() == []


def test_what_is_not_compared_exists() -> None:
    shared = set(coverage.public_names())
    assert {(s, n) for s, names in coverage.NOT_COMPARED.items() for n in names} <= shared
    assert len(shared) > 1300


@pytest.mark.parametrize(
    ("space", "name", "found"),
    [("", "frobnicate", False), ("nn.init", "dirac_", True), ("optim", "Adam", True), ("nn", "Frobnicate", False)],
)
def test_names_are_found_in_tests_only_where_they_are(space: str, name: str, found: bool) -> None:
    assert bool(names_in_tests.file_of(space, name)) == found


def test_the_page_is_up_to_date() -> None:
    text = coverage.PAGE.read_text(encoding="utf-8")
    assert text == coverage.page(), "run: python -m tests.oracle.coverage"
