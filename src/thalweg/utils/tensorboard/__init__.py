"""``SummaryWriter``: what a run reports, as event files that TensorBoard shows; written through tensorboardX."""

from __future__ import annotations

from .writer import SummaryWriter

__all__ = ["SummaryWriter"]
