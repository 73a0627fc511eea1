"""What serves training without being part of the network: ``utils.data``, ``utils.checkpoint``."""

from __future__ import annotations

from . import checkpoint, data

__all__ = ["checkpoint", "data"]
