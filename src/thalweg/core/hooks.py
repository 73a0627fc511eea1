"""Handles that remove a hook again."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

__all__ = ["ModuleHooks", "RemovableHandle", "add_hook", "clock", "everywhere"]

_ids = itertools.count()


class Clock:
    """Counts how often hooks were added or removed anywhere, so that a record need not look at them each time."""

    __slots__ = ("changes",)

    def __init__(self) -> None:
        self.changes = 0


clock = Clock()


class RemovableHandle:
    """What registering a hook returns; ``remove()`` takes the hook out, as does leaving a ``with`` block."""

    def __init__(self, hooks: dict[int, Any], key: int) -> None:
        self._hooks = hooks
        self.id = key

    def remove(self) -> None:
        """Take the hook out; nothing happens if it is gone already."""
        clock.changes += 1
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
    clock.changes += 1
    if first:
        rest = dict(hooks)
        hooks.clear()
        hooks[key] = hook
        hooks.update(rest)
    else:
        hooks[key] = hook
    return RemovableHandle(hooks, key)


class ModuleHooks:
    """The hooks of one module, or those of all modules, each kind in the order in which it runs."""

    def __init__(self) -> None:
        self.forward_pre: dict[int, tuple[Callable[..., Any], bool]] = {}  # (hook, with_kwargs)
        self.forward: dict[int, tuple[Callable[..., Any], bool, bool]] = {}  # (hook, with_kwargs, always_call)
        self.backward_pre: dict[int, Callable[..., Any]] = {}
        self.backward: dict[int, Callable[..., Any]] = {}
        self.state_dict_pre: dict[int, Callable[..., Any]] = {}
        self.state_dict_post: dict[int, Callable[..., Any]] = {}
        self.load_pre: dict[int, Callable[..., Any]] = {}
        self.load_post: dict[int, Callable[..., Any]] = {}

    def around_calls(self) -> bool:
        """Whether there is a hook that runs when a module is called, or when gradients pass it."""
        return bool(self.forward_pre or self.forward or self.backward_pre or self.backward)


everywhere: list[ModuleHooks] = []  # the hooks of all modules: what users register, and what watches for a while
