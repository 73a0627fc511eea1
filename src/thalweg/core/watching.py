"""Seeing every operation on tensors, forward and backward, at no cost while nobody looks.

While at least one thread watches, the ``__call__`` of each primitive's class is exchanged for one that tells that
thread's observer what was computed from what. What backward does, the walk tells its watcher anyway.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from .backward import Watcher
from .modes import state
from .origin import is_users, tracking_modules
from .primitive import Primitive
from .tape import Node
from .tensor import Tensor

__all__ = ["Observer", "Watch", "watching"]


class Observer(Watcher):
    """What is told of the operations of a thread; the methods of Watcher tell of its backward walks."""

    def applied(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any], out: Tensor) -> None:
        """A primitive was applied, to tensors or to constants beside them; ``out`` may have a node by now."""

    def noted(self, node: Node) -> None:
        """A node was made otherwise, as by a Function or by a change in place."""

    def taken(self, x: Tensor, how: str) -> None:
        """The user has taken a value off the tape, by ``detach``, ``item`` and the like."""


class _Local(threading.local):
    observer: Observer | None = None


_local = _Local()
_lock = threading.Lock()
_users = 0  # how many threads' blocks need the exchange
_exchanged: list[tuple[type, str, Any]] = []  # what was there before

TAKEN = ("detach", "item", "tolist", "numpy", "__bool__", "__float__", "__int__", "__index__", "__array__")


class Watch:
    """A stretch of time in which ``observer`` is told what this thread does, modules included.

    ``model`` gives the modules their names, also where they are called one by one.
    """

    def __init__(self, observer: Observer, model: Any = None) -> None:
        self.observer = observer
        self.model = model

    def start(self) -> None:
        """Begin; what watched before is told nothing until ``stop``."""
        self._outer = (_local.observer, state.watcher)
        self._modules = ExitStack()
        self._modules.enter_context(tracking_modules(self.model))
        _exchange()
        _local.observer = state.watcher = self.observer

    def stop(self) -> None:
        """End."""
        _local.observer, state.watcher = self._outer
        _put_back()
        self._modules.close()


@contextmanager
def watching(observer: Observer, model: Any = None) -> Iterator[None]:
    """Within it ``observer`` is told of every operation of this thread."""
    watch = Watch(observer, model)
    watch.start()
    try:
        yield
    finally:
        watch.stop()


def _exchange() -> None:
    global _users
    with _lock:
        _users += 1
        if _users > 1:
            return
        for cls in _primitive_classes():
            if "__call__" in cls.__dict__:
                _replace(cls, "__call__", functools.partialmethod(_apply, cls.__dict__["__call__"]))
        _replace(Node, "__init__", functools.partialmethod(_make_node, Node.__dict__["__init__"]))
        for name in TAKEN:
            owner = next(c for c in Tensor.__mro__ if name in c.__dict__)
            _replace(owner, name, functools.partialmethod(_take, owner.__dict__[name], name))
        data = Tensor.__dict__["data"]
        _replace(Tensor, "data", property(functools.partial(_take_data, data.fget), data.fset, data.fdel))


def _put_back() -> None:
    global _users
    with _lock:
        _users -= 1
        if not _users:
            for owner, name, old in _exchanged:
                setattr(owner, name, old)
            _exchanged.clear()


def _replace(owner: type, name: str, new: Any) -> None:
    _exchanged.append((owner, name, owner.__dict__[name]))
    setattr(owner, name, new)


def _primitive_classes() -> list[type]:
    """Every class of primitives that there is."""
    found: dict[type, None] = {}
    stack: list[type] = [Primitive]
    while stack:
        cls = stack.pop()
        if cls not in found:
            found[cls] = None
            stack.extend(cls.__subclasses__())
    return list(found)


def _apply(primitive: Primitive, original: Any, *args: Any, **params: Any) -> Any:
    """The ``__call__`` of a primitive while someone watches."""
    out = original(primitive, *args, **params)
    seen = _local.observer
    if seen is not None and isinstance(out, Tensor):
        seen.applied(primitive, args, params, out)
    return out


def _make_node(node: Node, original: Any, *args: Any, **kwargs: Any) -> None:
    """The constructor of a node while someone watches."""
    original(node, *args, **kwargs)
    if _local.observer is not None:
        _local.observer.noted(node)


def _take(x: Tensor, original: Any, how: str, *args: Any, **kwargs: Any) -> Any:
    """A method that gives a value without its history, while someone watches."""
    if _local.observer is not None and is_users(sys._getframe(1)):
        _local.observer.taken(x, how)
    return original(x, *args, **kwargs)


def _take_data(original: Any, x: Tensor) -> Any:
    if _local.observer is not None and is_users(sys._getframe(1)):
        _local.observer.taken(x, "data")
    return original(x)
