"""Softmax, log-softmax and the cross-entropy of rows, each in one stable pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.primitive import Primitive
from .base import quiet, safe_mul
from .broadcast import reshape, sum_
from .elementwise import exp

__all__ = ["cross_entropy_mean", "cross_entropy_rows", "cross_entropy_slope", "log_softmax", "softmax"]


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

    Read from the shifted rows, where the sum is at least 1: a small loss keeps its digits.
    dx = dy (softmax(x) - onehot(target)); a row whose dy is 0 gets exact zeros, whatever it holds.
    """

    arity = 2
    saves = (0, 1)

    @staticmethod
    @quiet
    def forward(x: Any, target: Any) -> Any:
        z = _shifted(x, 1)
        y = np.log(np.add.reduce(np.exp(z), axis=1))
        y -= z[np.arange(len(target)), target]
        return y

    def shape(self, x: Any, target: Any) -> tuple[int, ...]:
        return tuple(target.shape)

    def pullback_0(self, dy: Any, y: Any, x: Any, target: Any) -> Any:
        return safe_mul(reshape(dy, shape=(x.shape[0], 1)), cross_entropy_slope(x, target))


class CrossEntropyMean(Primitive):
    """The average of the rows' cross-entropies: CrossEntropyRows and Mean in one, as it ends so many steps.

    x : (n, classes), n > 0, target : (n,) integers  ->  ()
    """

    arity = 2
    saves = (0, 1)

    def forward(self, x: Any, target: Any) -> Any:
        y = CrossEntropyRows.forward(x, target)
        return np.add.reduce(y) / len(y)

    def shape(self, x: Any, target: Any) -> tuple[int, ...]:
        return ()

    def pullback_0(self, dy: Any, y: Any, x: Any, target: Any) -> Any:
        return cross_entropy_slope(x, target) * (dy / x.shape[0])


class CrossEntropySlope(Primitive):
    """The slope of each row's cross-entropy: softmax(x) - onehot(target).

    x : (n, classes), target : (n,) integers  ->  (n, classes). Its pullback is that of softmax.
    """

    arity = 2
    saves = (0,)

    def forward(self, x: Any, target: Any) -> Any:
        p = Softmax.forward(x, dim=1)
        p[np.arange(len(target)), target] -= 1
        return p

    def shape(self, x: Any, target: Any) -> tuple[int, ...]:
        return tuple(x.shape)

    def pullback_0(self, dz: Any, z: Any, x: Any, target: Any) -> Any:
        p = softmax(x, dim=1)
        return p * (dz - sum_(dz * p, dims=(1,), keepdim=True))


softmax, log_softmax = Softmax(), LogSoftmax()
cross_entropy_rows, cross_entropy_mean = CrossEntropyRows(), CrossEntropyMean()
cross_entropy_slope = CrossEntropySlope()
