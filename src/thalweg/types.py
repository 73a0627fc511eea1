"""Names for annotations."""

from __future__ import annotations

from .core.device import device

__all__ = ["Device", "Number"]

Number = int | float | bool
Device = device | str | int | None
