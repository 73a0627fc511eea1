"""What serves training without being part of the network: ``utils.data``."""

from __future__ import annotations

import typing as _typing

from ..missing import Missing as _Missing
from . import data

__all__ = ["data"]

if not _typing.TYPE_CHECKING:  # a type checker would take every name for one that exists
    __getattr__ = _Missing(__name__)
