"""oneDNN, which thalweg does not use."""

from __future__ import annotations

from ..core.absent import is_available

__all__ = ["is_available"]
