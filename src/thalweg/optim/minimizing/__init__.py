"""``minimize``: a function and where to begin; the method is chosen by what the function's gradient says."""

from __future__ import annotations

from .result import OptimizeResult
from .running import minimize

__all__ = ["OptimizeResult", "minimize"]
