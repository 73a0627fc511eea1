"""Curves for TensorBoard: ``SummaryWriter`` writes its event files, without TensorBoard being installed."""

from __future__ import annotations

from .writer import SummaryWriter

__all__ = ["SummaryWriter"]
