"""Models that are saved whole: the name of each module's class, and its attributes.

No code is stored. What a file names is looked up among what is already imported, and taken only if it is allowed:
the layers and functions of ``thalweg.nn``, what ``serialization.add_safe_globals`` was given, or, with
``weights_only=False``, every class of modules. A module is made without calling anything of its class.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import SerializationError
from ..nn.module import Module

__all__ = ["Finder", "add_safe_globals", "clear_safe_globals", "get_safe_globals", "name_of", "safe_globals"]

_safe: list[Any] = []


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Classes of modules, and functions, that ``load`` may find by name in a model that was saved whole."""
    _safe.extend(x for x in safe_globals if not any(x is y for y in _safe))


def get_safe_globals() -> list[Any]:
    """What ``add_safe_globals`` was given."""
    return list(_safe)


def clear_safe_globals() -> None:
    """Forget what ``add_safe_globals`` was given."""
    _safe.clear()


@contextlib.contextmanager
def safe_globals(safe_globals: list[Any]) -> Iterator[None]:
    """``add_safe_globals`` for the time of a context."""
    before = list(_safe)
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        _safe[:] = before


def name_of(x: Any) -> list[str] | None:
    """Under which module and name a class or a function can be found again, if it can."""
    module, name = getattr(x, "__module__", None), getattr(x, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or _look_up(module, name) is not x:
        return None
    return [module, name]


def _look_up(module: str, name: str) -> Any:
    """Without importing anything; None if it is not there."""
    try:
        return functools.reduce(getattr, name.split("."), sys.modules[module])
    except (KeyError, AttributeError):
        return None


class Finder:
    """Makes the modules of a file, and finds its functions."""

    def __init__(self, all_modules: bool) -> None:
        self.all_modules = all_modules
        self.made: dict[int, Module] = {}

    def _find(self, module: str, name: str) -> Any:
        found = _look_up(module, name)
        if found is None:
            raise SerializationError(
                f"it holds {module}.{name}, of a model that was saved whole, which is not there; import {module} first"
            )
        own = getattr(found, "__module__", "") or ""
        if own.startswith("thalweg.nn.") and own == module:
            return found
        if any(found is x for x in _safe) or (self.all_modules and _is_module(found)):
            return found
        raise SerializationError(
            f"it holds {module}.{name}, of a model that was saved whole; if you trust the file, allow the name by "
            "serialization.add_safe_globals, or every class of modules by weights_only=False"
        )

    def function(self, place: list[str]) -> Any:
        """The function or class of this name."""
        return self._find(*place)

    def module(self, written: dict[str, Any], decode: Callable[[Any], Any]) -> Module:
        """The module that was written so, with its attributes; each is made once."""
        number = written["module"]
        if "class" not in written:
            return self.made[number]
        kind = self._find(*written["class"])
        if not _is_module(kind):
            raise SerializationError(f"it holds {written['class']} as a module, which is none")
        made = self.made[number] = kind.__new__(kind)
        made.__dict__.update({str(key): decode(value) for key, value in written["state"].items()})
        return made


def _is_module(x: Any) -> bool:
    return isinstance(x, type) and issubclass(x, Module)
