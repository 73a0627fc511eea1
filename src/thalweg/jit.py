"""PyTorch's marks for its own compiler, which change nothing here: ``tw.compile`` is thalweg's.

A function that is marked ``@script`` computes what it computes without the mark.

>>> import thalweg as tw
>>> @tw.jit.script
... def double(x):
...     return 2 * x
>>> double(tw.ones(2))
tensor([2., 2.])
"""

from __future__ import annotations

from typing import Any, Final

__all__ = [
    "Final",
    "export",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "script",
    "script_if_tracing",
    "unused",
]


def script(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """The function, class or module itself."""
    return obj


def script_if_tracing(fn: Any) -> Any:
    """The function itself."""
    return fn


def export(fn: Any) -> Any:
    """The method itself."""
    return fn


def interface(obj: Any) -> Any:
    """The class itself."""
    return obj


def unused(fn: Any) -> Any:
    """The method itself."""
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """The method itself; usable as ``@ignore`` and as ``@ignore(drop=True)``."""
    return drop if callable(drop) else unused


def is_scripting() -> bool:
    """False."""
    return False


def is_tracing() -> bool:
    """False."""
    return False
