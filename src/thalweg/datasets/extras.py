"""Packages that only some data sets need."""

from __future__ import annotations

import importlib
from typing import Any

from ..errors import DependencyError

__all__ = ["require"]


def require(module: str, package: str, extra: str, purpose: str) -> Any:
    """The module, or DependencyError with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise DependencyError(f"{purpose} needs {package}; install it with pip install 'thalweg[{extra}]'") from None
