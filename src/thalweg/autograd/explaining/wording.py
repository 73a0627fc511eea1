"""How operations, places and values are named in messages."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.origin import Origin, Scope
from ...core.tape import Outline
from .steps import Step

__all__ = ["first_bad", "number", "outline", "place", "scope_words", "signature"]


def scope_words(scope: Scope | None) -> str:
    """A module by its path and class: "encoder.0 (Linear)"."""
    return "" if scope is None else repr(scope)


def place(origin: Origin) -> str:
    """Where something happened: "at net.py:12 in encoder.0 (Linear)"."""
    words = f" at {origin.line}" if origin.line else ""
    return words + (f" in {scope_words(origin.scope)}" if origin.scope is not None else "")


def outline(value: Any) -> str:
    """A value by dtype and shape, a number as it is."""
    if isinstance(value, (np.ndarray, Outline)):
        return f"{value.dtype}{list(value.shape)}"
    return "?" if value is None else f"{value:g}" if isinstance(value, float) else repr(value)


def signature(step: Step) -> str:
    """The inputs and the output of a step: "float32[2, 3], float32[3] -> float32[2, 3]"."""
    inputs = ", ".join(outline(v) for v in step.inputs) or "nothing"
    return f"{inputs} -> {outline(step.output)}"


def number(x: float) -> str:
    """A number in few digits."""
    return f"{x:.3g}"


def first_bad(value: Any, bad: Any) -> str:
    """The first place of ``value`` at which ``bad`` holds, and what stands there: "nan at index [0, 3]"."""
    index = np.unravel_index(int(np.argmax(bad)), np.shape(bad))
    what = np.asarray(value)[index]
    return f"{what} at index [{', '.join(str(int(i)) for i in index)}]"
