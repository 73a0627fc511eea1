"""NumPy's names of arguments beside PyTorch's: ``axis`` for dim, ``keepdims`` for keepdim."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

__all__ = ["numpy_names"]

F = TypeVar("F", bound=Callable[..., Any])


def numpy_names(function: F) -> F:
    """A function of ``dim`` (and ``keepdim``) that can be called with ``axis`` (and ``keepdims``) instead.

    >>> import thalweg as tw
    >>> tw.ones(2, 3).sum(axis=1, keepdims=True)
    tensor([[3.],
            [3.]])
    """

    @functools.wraps(function)
    def named(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            if "axis" in kwargs:
                kwargs["dim"] = kwargs.pop("axis")
            if "keepdims" in kwargs:
                kwargs["keepdim"] = kwargs.pop("keepdims")
        return function(*args, **kwargs)

    return cast("F", named)
