"""Arguments and results that are lists, tuples or dictionaries of tensors, taken apart and put together again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..core.structure import mapped, parts
from ..core.tensor import Tensor
from ..errors import ArgumentError

__all__ = ["differentiable_leaves", "leaves_of", "rebuilt", "spread_prefix", "tensors_of"]


def leaves_of(tree: Any) -> list[Any]:
    """Everything in ``tree`` that is no container, in order."""
    held = parts(tree)
    return [tree] if held is None else [leaf for part in held for leaf in leaves_of(part)]


def rebuilt(tree: Any, leaves: Iterable[Any]) -> Any:
    """``tree`` with other leaves."""
    following = iter(leaves)
    return mapped(lambda _: next(following), tree)


def tensors_of(tree: Any) -> list[Tensor]:
    """The tensors in ``tree``."""
    return [x for x in leaves_of(tree) if isinstance(x, Tensor)]


def spread_prefix(prefix: Any, tree: Any, name: str) -> list[Any]:
    """What ``prefix``, a tree of which a leaf stands for everything below it, says of each leaf of ``tree``."""
    held = parts(prefix)
    if held is None:
        return [prefix] * len(leaves_of(tree))
    below = parts(tree)
    if isinstance(prefix, dict) and isinstance(tree, dict) and prefix.keys() == tree.keys():
        held = [prefix[key] for key in tree]
    elif below is None or len(below) != len(held) or isinstance(prefix, dict) or isinstance(tree, dict):
        raise ArgumentError(f"{name} {prefix!r} does not fit the structure of what it is for, {_outline(tree)}")
    assert below is not None
    return [leaf for p, t in zip(held, below, strict=True) for leaf in spread_prefix(p, t, name)]


def _outline(tree: Any) -> str:
    """A tree as text, with "*" for its leaves."""
    return repr(mapped(lambda _: Leaf(), tree))


class Leaf:
    """Prints as a star."""

    def __repr__(self) -> str:
        return "*"


def differentiable_leaves(tree: Any, caller: str) -> list[Tensor]:
    """The leaves of ``tree``, which must be floating-point tensors."""
    leaves = leaves_of(tree)
    for x in leaves:
        if not isinstance(x, Tensor):
            raise ArgumentError(f"{caller}: expects tensors to differentiate by, got {type(x).__name__}")
        if x._value.dtype.kind != "f":
            raise ArgumentError(f"{caller}: can only differentiate by floating-point tensors, got {x.dtype}")
    return leaves
