"""Whether several processes train together: they don't, and scripts can ask."""

from __future__ import annotations

__all__ = ["is_available", "is_initialized"]


def is_available() -> bool:
    """False: there is no training over several processes."""
    return False


def is_initialized() -> bool:
    """False: no process group can be made."""
    return False
