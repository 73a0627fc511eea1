"""Every example in a docstring of the package runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import thalweg

FOUND = (m.name for m in pkgutil.walk_packages(thalweg.__path__, "thalweg."))
MODULES = ["thalweg", *(name for name in FOUND if name != "thalweg.__main__")]  # which would run the command line


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # for examples that write files
    thalweg.manual_seed(0)
    failures = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failures.failed == 0
