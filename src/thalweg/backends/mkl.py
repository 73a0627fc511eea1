"""Intel's MKL: products are computed by the BLAS that NumPy carries, and by thalweg's own code."""

from __future__ import annotations

from ..core.absent import is_available

__all__ = ["is_available"]
