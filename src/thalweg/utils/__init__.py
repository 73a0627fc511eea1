"""What serves training without being part of the network: ``utils.data``."""

from __future__ import annotations

from . import data

__all__ = ["data"]
