"""NumPy's names ``axis`` and ``keepdims`` for ``dim`` and ``keepdim``, which PyTorch's functions take too."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

__all__ = ["accept_numpy_names"]

_NAMES = {"axis": "dim", "keepdims": "keepdim"}


def _translating(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` with both names for its arguments."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if kwargs and not _NAMES.keys().isdisjoint(kwargs):
            kwargs = _translated(function, kwargs)
        return function(*args, **kwargs)

    return wrapper


def _translated(function: Callable[..., Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    for numpy_name, name in _NAMES.items():
        if numpy_name in kwargs:
            if name in kwargs:
                raise TypeError(f"{function.__name__}: got both {name} and {numpy_name}, which mean the same")
            kwargs[name] = kwargs.pop(numpy_name)
    return kwargs


def accept_numpy_names(names: dict[str, Any], owner: Any) -> None:
    """Give ``owner`` a version that takes NumPy's names for each of these functions that has an argument ``dim``.

    The functions themselves are left alone: what calls them inside pays nothing.
    """
    for name, function in names.items():
        if isinstance(function, FunctionType) and "dim" in _arguments(function):
            setattr(owner, name, _translating(function))


def _arguments(function: FunctionType) -> tuple[str, ...]:
    """The names of all that can be given by keyword; ``inspect.signature`` takes many times longer."""
    code = function.__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
