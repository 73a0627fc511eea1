"""PyTorch's module of the device "xpu", which is not available here."""

from __future__ import annotations

from .core import absent as _absent
from .core.absent import *  # noqa: F403

__all__ = []
__all__ += _absent.__all__
