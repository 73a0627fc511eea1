"""NVIDIA's cuDNN, which is not there. Its switches can be set, as scripts do, and change nothing."""

from __future__ import annotations

from ..core.absent import is_available

__all__ = ["allow_tf32", "benchmark", "benchmark_limit", "deterministic", "enabled", "is_available", "version"]

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = True


def version() -> int | None:
    """None: it is not there."""
    return None
