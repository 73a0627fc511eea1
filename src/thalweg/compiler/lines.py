"""Where in the user's code something happens."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import FrameType

import numpy as np

__all__ = ["user_line"]

_INSIDE = (
    str(Path(__file__).resolve().parent.parent) + os.sep,
    str(Path(np.__file__).resolve().parent) + os.sep,
    str(Path(os.__file__).resolve().parent / "functools.py"),
    str(Path(os.__file__).resolve().parent / "contextlib.py"),
    "<__call__ of",
    "<record of",
    "<frozen",
)


def user_line() -> str:
    """The innermost line outside of this package that is being executed, as "file.py:12"."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_INSIDE):
            return f"{os.path.basename(name)}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
