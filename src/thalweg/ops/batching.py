"""Batching by a loop, for the few primitives that have nothing in common between samples."""

from __future__ import annotations

from typing import Any

from ..core.primitive import Primitive
from .broadcast import reshape
from .shape import cat, index

__all__ = ["one_by_one"]


def one_by_one(primitive: Primitive, size: int, inputs: Any, batched: Any, **params: Any) -> Any:
    """The primitive applied to each sample for itself, and the results stacked."""
    samples = [
        primitive.evaluate(*(index(x, index=(i,)) if b else x for x, b in zip(inputs, batched, strict=True)), **params)
        for i in range(size)
    ]
    return cat(*(reshape(y, shape=(1, *y.shape)) for y in samples), dim=0)
