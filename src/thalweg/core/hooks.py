"""Handles that remove a hook again."""

from __future__ import annotations

import itertools
from types import TracebackType
from typing import Any, Self

__all__ = ["RemovableHandle", "add_hook"]

_ids = itertools.count()


class RemovableHandle:
    """What registering a hook returns; ``remove()`` takes the hook out, as does leaving a ``with`` block."""

    def __init__(self, hooks: dict[int, Any], key: int) -> None:
        self._hooks = hooks
        self.id = key

    def remove(self) -> None:
        """Take the hook out; nothing happens if it is gone already."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def add_hook(hooks: dict[int, Any], hook: Any, first: bool = False) -> RemovableHandle:
    """Add ``hook`` to an ordered dictionary of hooks, at the end or in front."""
    key = next(_ids)
    if first:
        rest = dict(hooks)
        hooks.clear()
        hooks[key] = hook
        hooks.update(rest)
    else:
        hooks[key] = hook
    return RemovableHandle(hooks, key)
