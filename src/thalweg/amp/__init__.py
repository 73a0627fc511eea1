"""Mixed precision, which on the CPU gains nothing: its context and its scaler are accepted and change nothing.

PyTorch's ``autocast`` computes products in 16 bits where the hardware is faster so. Here everything is computed in the
dtype that it has, and results are at least as exact.
"""

from __future__ import annotations

from .autocast import autocast, is_autocast_available
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "is_autocast_available"]
