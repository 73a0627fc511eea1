"""PyTorch's module of graphics cards: none is available, and what need not fail without one does nothing."""

from __future__ import annotations

import typing as _typing

from ..core import absent as _absent
from ..core.absent import *  # noqa: F403
from ..missing import Missing as _Missing
from . import amp

__all__ = ["amp"]
__all__ += _absent.__all__

if not _typing.TYPE_CHECKING:  # a type checker would take every name for one that exists
    __getattr__ = _Missing(__name__)
