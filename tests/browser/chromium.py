"""Which Chromium the tests start, and how."""

from __future__ import annotations

import os
import shutil
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    """The path of a Chromium: what THALWEG_CHROMIUM names, or else the first of its usual names."""
    named = os.environ.get("THALWEG_CHROMIUM")
    names = (named,) if named else NAMES
    return next((path for name in names if (path := shutil.which(name)) is not None), None)


def launch_options(executable: str) -> dict[str, Any]:
    """What playwright's ``launch`` takes; Chromium refuses to run its sandbox as root."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return {"executable_path": executable, "args": ["--no-sandbox"] if root else []}
