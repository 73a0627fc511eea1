"""Arguments and results that hold others: lists, tuples, dictionaries and slices, walked in one way by all."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["leaves", "mapped", "parts"]


def parts(value: Any) -> list[Any] | None:
    """What a container holds, in the order in which everything walks it; None for anything else."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, slice):
        return [value.start, value.stop, value.step]
    return None


def leaves(value: Any) -> Iterator[Any]:
    """What is no container, in nested containers.

    >>> list(leaves({"a": [1, 2], "b": (3,)}))
    [1, 2, 3]
    """
    stack = [value]
    while stack:
        x = stack.pop()
        held = parts(x)
        if held is None:
            yield x
        else:
            stack.extend(reversed(held))


def mapped(leaf: Callable[[Any], Any], value: Any) -> Any:
    """``value`` with ``leaf(x)`` in the place of every x in it that is no container.

    >>> mapped(str, {"a": [1, 2], "b": (3,)})
    {'a': ['1', '2'], 'b': ('3',)}
    """
    held = parts(value)
    if held is None:
        return leaf(value)
    new = [mapped(leaf, x) for x in held]
    if isinstance(value, dict):
        result = copy.copy(value)
        result.update(zip(value, new, strict=True))
        return result
    if isinstance(value, slice) or (isinstance(value, tuple) and hasattr(value, "_fields")):
        return type(value)(*new)
    return type(value)(new)
