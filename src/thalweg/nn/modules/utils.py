"""Numbers as tuples of a given length, as PyTorch's ``nn.modules.utils`` makes them for layers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["consume_prefix_in_state_dict_if_present"]


class _Repeat:
    """A number as many times as asked for; what can be iterated over as a tuple, as it is."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __call__(self, x: Any) -> tuple[Any, ...]:
        return tuple(x) if isinstance(x, Iterable) else (x,) * self.n


_single, _pair, _triple, _quadruple = (_Repeat(n) for n in (1, 2, 3, 4))


def _ntuple(n: int, name: str = "parse") -> _Repeat:
    """The function that makes tuples of n equal numbers."""
    return _Repeat(n)


def _reverse_repeat_tuple(t: tuple[Any, ...], n: int) -> tuple[Any, ...]:
    """The elements in reverse order, each n times."""
    return tuple(x for x in reversed(t) for _ in range(n))


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Take ``prefix`` off all keys that begin with it, in place; ``DataParallel`` writes "module." in front.

    >>> state = {"module.weight": 1}
    >>> consume_prefix_in_state_dict_if_present(state, "module.")
    >>> state
    {'weight': 1}
    """
    for key in [key for key in state_dict if key.startswith(prefix)]:
        state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", {})
    for key in [key for key in metadata if key == prefix.rstrip(".") or key.startswith(prefix)]:
        metadata[key[len(prefix) :]] = metadata.pop(key)
