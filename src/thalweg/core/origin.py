"""Where something happens: the line of the user's code, and the call of a module that is running."""

from __future__ import annotations

import os
import sys
import threading
from bisect import bisect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from .hooks import ModuleHooks, everywhere
from .tape import Node, now

__all__ = [
    "NOWHERE",
    "Origin",
    "Scope",
    "here",
    "is_users",
    "scope_of",
    "set_scope",
    "tracking_modules",
    "user_line",
]

_INSIDE = (
    str(Path(__file__).resolve().parent.parent) + os.sep,
    str(Path(np.__file__).resolve().parent) + os.sep,
    str(Path(os.__file__).resolve().parent / "functools.py"),
    str(Path(os.__file__).resolve().parent / "contextlib.py"),
    "<__call__ of",
    "<record of",
    "<frozen",
)


class Scope:
    """One call of a module.

    Attributes:
        path: the module's dotted name in the outermost module that is running, "" for that one itself.
        type: its class.
        outer: the call that it is part of; None for the outermost.
    """

    __slots__ = ("outer", "path", "type")

    def __init__(self, path: str, type: type, outer: Scope | None) -> None:
        self.path = path
        self.type = type
        self.outer = outer

    @property
    def kind(self) -> str:
        """The name of the module's class."""
        return self.type.__name__

    @property
    def name(self) -> str:
        """The path within the call that it is part of."""
        if self.outer is None or not self.outer.path:
            return self.path
        return self.path.removeprefix(self.outer.path + ".")

    def chain(self) -> list[Scope]:
        """The calls from the outermost to this one."""
        found: list[Scope] = []
        scope: Scope | None = self
        while scope is not None:
            found.append(scope)
            scope = scope.outer
        return found[::-1]

    def __repr__(self) -> str:
        return f"{self.path} ({self.kind})" if self.path else self.kind


class Origin(NamedTuple):
    """Where an operation comes from.

    Attributes:
        line: the user's, "file.py:12", or "".
        scope: the call of a module within which it ran, if modules are tracked.
        backward: whether it belongs to the backward pass of that call.
    """

    line: str = ""
    scope: Scope | None = None
    backward: bool = False


NOWHERE = Origin()


class _Running(threading.local):
    """What is known of the modules that are running in a thread."""

    tracked = 0  # how many blocks of ``tracking_modules`` there are
    scope: Scope | None = None
    backward = False

    def __init__(self) -> None:
        self.given: dict[Any, str] = {}  # names of modules, whoever calls them
        self.names: dict[Any, str] = {}  # of the modules in the outermost one
        self.stamps: list[int] = []  # of the tape's clock, when the scope changed
        self.scopes: list[Scope | None] = []  # what it changed to

    def change(self, scope: Scope | None) -> None:
        self.scope = scope
        self.stamps.append(now())
        self.scopes.append(scope)


_running = _Running()
_tracker = ModuleHooks()
_users = 0  # how many threads' blocks need the tracker
_lock = threading.Lock()


def is_users(frame: FrameType) -> bool:
    """Whether a frame runs code that is neither this package's nor NumPy's."""
    return not frame.f_code.co_filename.startswith(_INSIDE)


def user_line() -> str:
    """The innermost line outside of this package that is being executed, as "file.py:12"."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if is_users(frame):
            return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def here() -> Origin:
    """The origin of what is being computed."""
    return Origin(user_line(), _running.scope, _running.backward)


def scope_of(node: Node) -> Scope | None:
    """The call of a module that recorded a node, if the modules were tracked then and still are."""
    place = bisect(_running.stamps, -node.number)
    return _running.scopes[place - 1] if place else None


@contextmanager
def tracking_modules(model: Any = None) -> Iterator[None]:
    """Within it ``here`` knows which modules are running in this thread.

    Those of ``model`` have their names in it, also if they are called one by one. Each call costs a few microseconds,
    and `Sequential` applies its modules one by one.
    """
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            everywhere.insert(0, _tracker)
    _running.tracked += 1
    given = _running.given
    if model is not None:
        _running.given = {m: name for name, m in model.named_modules()}
    try:
        yield
    finally:
        _running.given = given
        _running.tracked -= 1
        if not _running.tracked:
            _running.__init__()  # type: ignore[misc]
            _running.scope = None
        with _lock:
            _users -= 1
            if not _users:
                everywhere.remove(_tracker)


def set_scope(scope: Scope | None, backward: bool = False) -> None:
    """The given call, or its backward pass, counts as running until this is called again."""
    _running.scope, _running.backward = scope, backward


def _enter(module: Any, args: Any) -> None:
    running = _running
    if not running.tracked:
        return
    outer = running.scope
    if outer is None:
        inside = module in running.given
        running.names = running.given if inside else {m: name for name, m in module.named_modules()}
    path = running.names.get(module)
    if path is None:  # not a part of the outermost module
        path = f"{outer.path}.{type(module).__name__}".lstrip(".") if outer is not None else ""
    running.change(Scope(path, type(module), outer))


def _leave(module: Any, args: Any, output: Any) -> None:
    running = _running
    if running.tracked and running.scope is not None:
        running.change(running.scope.outer)


_tracker.forward_pre[0] = (_enter, False)
_tracker.forward[0] = (_leave, False, True)
