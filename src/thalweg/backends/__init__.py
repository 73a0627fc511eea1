"""PyTorch's switches of its back ends. Those that are not there say so; assignments are accepted without effect."""

from __future__ import annotations

from . import cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]
