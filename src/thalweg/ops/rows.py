"""Softmax, log-softmax and the cross-entropy of rows, each in one stable pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.primitive import Primitive
from .base import quiet
from .broadcast import reshape, sum_
from .elementwise import exp

__all__ = ["cross_entropy_rows", "cross_entropy_slope", "log_softmax", "softmax"]


def _shifted(x: Any, dim: int) -> Any:
    """x minus its maximum along ``dim``, so that exp can't overflow."""
    return x - np.maximum.reduce(x, axis=dim, keepdims=True)


class Softmax(Primitive):
    """exp(x) / sum(exp(x)) along ``dim``; rows of -inf only give NaN, as in PyTorch.

    dx = y (dy - sum(dy y)).
    """

    saves_output = True

    @staticmethod
    @quiet
    def forward(x: Any, dim: int) -> Any:
        e = np.exp(_shifted(x, dim)) if x.size else x.copy()
        e /= np.add.reduce(e, axis=dim, keepdims=True)
        return e

    def shape(self, x: Any, dim: int) -> tuple[int, ...]:
        return tuple(x.shape)

    def pullback_0(self, dy: Any, y: Any, x: Any, dim: int) -> Any:
        return y * (dy - sum_(dy * y, dims=(dim,), keepdim=True))


class LogSoftmax(Primitive):
    """x - log(sum(exp(x))) along ``dim``. dx = dy - exp(y) sum(dy)."""

    saves_output = True

    @staticmethod
    @quiet
    def forward(x: Any, dim: int) -> Any:
        if not x.size:
            return x.copy()
        y = _shifted(x, dim)
        y -= np.log(np.add.reduce(np.exp(y), axis=dim, keepdims=True))
        return y

    def shape(self, x: Any, dim: int) -> tuple[int, ...]:
        return tuple(x.shape)

    def pullback_0(self, dy: Any, y: Any, x: Any, dim: int) -> Any:
        return dy - exp(y) * sum_(dy, dims=(dim,), keepdim=True)


class CrossEntropyRows(Primitive):
    """The cross-entropy of each row with its class: log(sum(exp(x_i))) - x_i[t_i].

    x : (n, classes), target : (n,) integers  ->  (n,)

    dx = dy (softmax(x) - onehot(target)); softmax(x) = exp(x - log sum exp) is rebuilt from the output.
    """

    saves = (0, 1)
    saves_output = True

    @staticmethod
    @quiet
    def forward(x: Any, target: Any) -> Any:
        top = np.maximum.reduce(x, axis=1)
        e = x - top[:, None]
        np.exp(e, out=e)
        y = np.log(np.add.reduce(e, axis=1))
        y += top
        y -= x[np.arange(len(target)), target]
        return y

    def shape(self, x: Any, target: Any) -> tuple[int, ...]:
        return tuple(target.shape)

    def pullback_0(self, dy: Any, y: Any, x: Any, target: Any) -> Any:
        return cross_entropy_slope(x, y, target) * reshape(dy, shape=(y.shape[0], 1))


class CrossEntropySlope(Primitive):
    """The slope of each row's cross-entropy: softmax(x) - onehot(target), with the loss y given.

    x : (n, classes), y : (n,), target : (n,) integers  ->  (n, classes)

    The softmax is exp(x - (y + x[target])), as y + x[target] = log(sum(exp(x))). As a function of x alone (y
    being one of it) its pullback is that of softmax.
    """

    saves = (0,)

    @staticmethod
    @quiet
    def forward(x: Any, y: Any, target: Any) -> Any:  # type: ignore[override]
        rows = np.arange(len(target))
        p = x - (y + x[rows, target])[:, None]
        np.exp(p, out=p)
        p[rows, target] -= 1
        return p

    def shape(self, x: Any, y: Any, target: Any) -> tuple[int, ...]:
        return tuple(x.shape)

    def pullback_0(self, dz: Any, z: Any, x: Any, y: Any, target: Any) -> Any:
        p = softmax(x, dim=1)
        return p * (dz - sum_(dz * p, dims=(1,), keepdim=True))


softmax, log_softmax = Softmax(), LogSoftmax()
cross_entropy_rows, cross_entropy_slope = CrossEntropyRows(), CrossEntropySlope()
