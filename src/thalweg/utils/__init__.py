"""What serves training without being part of the network: ``utils.data``, ``utils.checkpoint``, ``utils.progress``."""

from __future__ import annotations

from . import checkpoint, data
from .bars import ProgressBar, progress

__all__ = ["ProgressBar", "checkpoint", "data", "progress"]
