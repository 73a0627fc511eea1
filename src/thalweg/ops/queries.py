"""Questions about objects."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from .legacy import type_of

__all__ = ["is_storage", "typename"]


def is_storage(obj: Any) -> bool:
    """False: a tensor's memory is a NumPy array, and no object of its own."""
    return False


def typename(obj: Any) -> str:
    """The full name of the object's type; of a tensor that of its elements too.

    >>> import thalweg as tw
    >>> tw.typename(tw.zeros(1)), tw.typename(tw.nn.Linear(1, 1)), tw.typename(3)
    ('thalweg.FloatTensor', 'thalweg.nn.linear.Linear', 'int')
    """
    if isinstance(obj, Tensor):
        return f"thalweg.{type_of(obj).__name__}"
    kind = obj if isinstance(obj, type) or (callable(obj) and hasattr(obj, "__qualname__")) else type(obj)
    module = getattr(kind, "__module__", "")
    return kind.__qualname__ if module in ("", "builtins") else f"{module}.{kind.__qualname__}"
