"""What ``tw.load`` may find by name in a model that was saved whole."""

from __future__ import annotations

from .io.whole import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals

__all__ = ["add_safe_globals", "clear_safe_globals", "get_safe_globals", "safe_globals"]
