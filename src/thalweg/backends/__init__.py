"""PyTorch's switches of its back ends. Those that are not there say so; assignments are accepted without effect."""

from __future__ import annotations

import typing as _typing

from ..missing import Missing as _Missing
from . import cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]

if not _typing.TYPE_CHECKING:  # a type checker would take every name for one that exists
    __getattr__ = _Missing(__name__)
