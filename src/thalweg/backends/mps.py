"""Apple's graphics cards, which thalweg does not use."""

from __future__ import annotations

from ..core.absent import is_available

__all__ = ["is_available", "is_built"]

is_built = is_available
