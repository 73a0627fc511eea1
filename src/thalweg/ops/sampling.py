"""Positions drawn by weights, from uniform numbers that are drawn already."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import INT64
from ..core.primitive import Primitive, size_of
from .base import convert, where
from .broadcast import reshape, spread, sum_
from .elementwise import eq, gt, le, log1p, logical_and, logical_or, minimum, neg
from .reduce import cumsum

__all__ = ["pick_distinct", "pick_repeated"]


class PickRepeated(Primitive):
    """For each row of weights, the positions at which their running sums pass the uniform numbers of the row.

    weights : (m, n), u : (m, k) on [0, 1)  ->  (m, k) int64
    """

    arity = 2
    differentiable = False

    def forward(self, weights: Any, u: Any) -> Any:
        edges = np.cumsum(weights, 1)
        draws = u * edges[:, -1:]
        picks = [np.searchsorted(e, d, side="right") for e, d in zip(edges, draws, strict=True)]
        return np.minimum(np.reshape(picks, u.shape), weights.shape[1] - 1).astype(INT64)

    def shape(self, weights: Any, u: Any) -> tuple[int, ...]:
        return tuple(u.shape)

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return size_of(inputs[0])

    def compose(self, weights: Any, u: Any) -> Any:
        edges = cumsum(weights, dim=1)
        draws = u * edges[:, -1:]
        passed = convert(le(edges[:, None, :], draws[:, :, None]), dtype=INT64)
        return minimum(sum_(passed, dims=(2,), keepdim=False), weights.shape[1] - 1)

    def batch(self, size: int, inputs: Any, batched: Any) -> Any:
        weights, u, shape = _all_rows(size, inputs, batched)
        return reshape(self(weights, u), shape=(*shape, u.shape[1]))

    def dtype(self, weights: Any, u: Any) -> Any:
        return INT64


class PickDistinct(Primitive):
    """For each row of weights, ``count`` different positions: those of the largest u ** (1 / weight).

    weights, u : (m, n)  ->  (m, count) int64

    Reference: Efraimidis and Spirakis (2006), Weighted random sampling with a reservoir.
    """

    arity = 2
    differentiable = False

    def forward(self, weights: Any, u: Any, count: int) -> Any:
        with np.errstate(divide="ignore"):
            keys = np.log1p(-u) / weights
        return np.argsort(-keys, axis=1, kind="stable")[:, :count].astype(INT64)

    def shape(self, weights: Any, u: Any, count: int) -> tuple[int, ...]:
        return weights.shape[0], count

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return 2 * size_of(inputs[0])

    def compose(self, weights: Any, u: Any, count: int) -> Any:
        """By ranks: how many keys of the row are larger, or equal and further left."""
        keys = where(gt(weights, 0.0), log1p(neg(u)) / weights, -math.inf)
        n = weights.shape[1]
        left = np.tri(n, k=-1, dtype=bool)[None]  # (1, key, other key)
        mine, others = keys[:, :, None], keys[:, None, :]
        before = logical_or(gt(others, mine), logical_and(eq(others, mine), left))
        ranks = sum_(convert(before, dtype=INT64), dims=(2,), keepdim=False)
        places = eq(ranks[:, None, :], np.arange(count)[None, :, None])  # (row, place, key)
        return sum_(where(places, np.arange(n)[None, None, :], 0), dims=(2,), keepdim=False)

    def batch(self, size: int, inputs: Any, batched: Any, count: int) -> Any:
        weights, u, shape = _all_rows(size, inputs, batched)
        return reshape(self(weights, u, count=count), shape=(*shape, count))

    def dtype(self, weights: Any, u: Any, count: int) -> Any:
        return INT64


def _all_rows(size: int, inputs: Any, batched: Any) -> tuple[Any, Any, tuple[int, int]]:
    """The rows of all samples in one matrix each, and (size, rows of a sample)."""
    weights, u = (spread(x, size, b) for x, b in zip(inputs, batched, strict=True))
    rows = weights.shape[1]
    weights, u = (reshape(x, shape=(size * rows, x.shape[2])) for x in (weights, u))
    return weights, u, (size, rows)


pick_repeated, pick_distinct = PickRepeated(), PickDistinct()
