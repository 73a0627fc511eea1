"""All parameters of an optimiser as one vector."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..core.modes import no_grad
from ..core.tensor import Tensor
from ..ops.shaping import cat, reshape

__all__ = ["evaluated_at", "flattened", "move_to", "place", "placed_at", "split"]


def flattened(tensors: Sequence[Tensor]) -> Tensor:
    """The elements of all tensors, one after the other: n in all  ->  (n,)."""
    return cat([reshape(t, -1) for t in tensors])


def place(params: Sequence[Tensor]) -> Tensor:
    """Where the parameters are: (n,), a copy without a graph."""
    return flattened(params).detach().clone()


def split(vector: Tensor, params: Sequence[Tensor]) -> list[Tensor]:
    """The parts of a vector (n,) in the shapes and dtypes of the parameters."""
    parts, start = [], 0
    for p in params:
        parts.append(reshape(vector[start : start + p.numel()], p.shape).to(p.dtype))
        start += p.numel()
    return parts


def move_to(params: Sequence[Tensor], vector: Any) -> None:
    """Set the parameters to the elements of a vector (n,)."""
    with no_grad():
        for p, part in zip(params, split(vector, params), strict=True):
            p.copy_(part)


@contextmanager
def placed_at(params: Sequence[Tensor], vector: Any) -> Iterator[None]:
    """For the time of a ``with`` block the parameters are at the elements of a vector (n,).

    They have other memory then, so that graphs recorded before can still be walked afterwards.
    """
    kept = [p._value for p in params]
    with no_grad():
        parts = split(vector, params)
    try:
        for p, part in zip(params, parts, strict=True):
            p._value = part._value
        yield
    finally:
        for p, value in zip(params, kept, strict=True):
            p._value = value


def evaluated_at(params: Sequence[Tensor], vector: Any, closure: Callable[[], Any]) -> Any:
    """What the closure returns, without a graph, with the parameters at the elements of a vector (n,)."""
    with placed_at(params, vector), no_grad():
        return closure()
