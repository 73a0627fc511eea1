"""PyTorch's module of graphics cards: none is available, and what need not fail without one does nothing."""

from __future__ import annotations

from ..core import absent as _absent
from ..core.absent import *  # noqa: F403
from . import amp

__all__ = ["amp"]
__all__ += _absent.__all__
