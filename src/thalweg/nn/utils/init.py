"""Modules whose first values do not count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ...ops.random import get_rng_state, set_rng_state
from ..module import Module

__all__ = ["skip_init"]

M = TypeVar("M", bound=Module)


def skip_init(module_cls: Callable[..., M], *args: Any, **kwargs: Any) -> M:
    """``module_cls(*args, **kwargs)`` for a module that is loaded at once: it draws no random numbers.

    Its first values are not promised. The default generator goes on as if the module had not been made.

    >>> import thalweg as tw
    >>> layer = tw.nn.utils.skip_init(tw.nn.Linear, 2, 1)
    >>> layer.load_state_dict({"weight": tw.ones(1, 2), "bias": tw.zeros(1)})
    <All keys matched successfully>
    """
    state = get_rng_state()
    try:
        return module_cls(*args, **kwargs)
    finally:
        set_rng_state(state)
