"""OpenMP: thalweg has threads of its own, see ``set_num_threads``."""

from __future__ import annotations

from ..core.absent import is_available

__all__ = ["is_available"]
