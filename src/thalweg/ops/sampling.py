"""Positions drawn by weights, from uniform numbers that are drawn already."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import INT64
from ..core.primitive import Primitive

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

    def dtype(self, weights: Any, u: Any, count: int) -> Any:
        return INT64


pick_repeated, pick_distinct = PickRepeated(), PickDistinct()
