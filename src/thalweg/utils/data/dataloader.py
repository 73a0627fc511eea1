"""PyTorch's name of the file that the loader stands in, for scripts that import from there."""

from __future__ import annotations

from .collate import default_collate, default_convert
from .loader import DataLoader
from .workers import get_worker_info

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]
