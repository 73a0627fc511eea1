"""Softmax, log-softmax and the cross-entropy of rows, each in one stable pass."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..core.modes import state
from ..core.primitive import Primitive, size_of
from ..core.tensor import Tensor, wrap
from ..errors import TargetError
from .base import quiet, safe_mul
from .broadcast import reshape, spread, sum_
from .elementwise import convert, eq, exp, log, where
from .reduce import amax

__all__ = ["cross_entropy_mean", "cross_entropy_rows", "cross_entropy_slope", "log_softmax", "softmax"]

ndarray = np.ndarray

FEW = 32  # classes; NumPy reduces faster over the first axis than over a last one as short as this


@functools.lru_cache(maxsize=64)
def _row_starts(n: int, width: int) -> Any:
    """The positions at which the rows of an (n, width) matrix begin in memory."""
    starts = np.arange(0, n * width, width)
    starts.flags.writeable = False
    return starts


def _shifted(x: Any, dim: int) -> Any:
    """x minus its maximum along ``dim``, so that exp can't overflow."""
    return x - np.maximum.reduce(x, axis=dim, keepdims=True)


def _minus_largest(x: Any, dim: int) -> Any:
    """The same by primitives."""
    return x - amax(x, dims=(dim,), keepdim=True) if x.size else x


class _AlongRows(Primitive):
    saves_output = True

    def shape(self, x: Any, dim: int) -> tuple[int, ...]:
        return tuple(x.shape)

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return 5 * size_of(y)  # the maximum, minus it, exp, the sum, and the division or subtraction

    def batch(self, size: int, inputs: Any, batched: Any, dim: int) -> Any:
        return self(inputs[0], dim=dim + 1)


class Softmax(_AlongRows):
    """exp(x) / sum(exp(x)) along ``dim``; rows of -inf only give NaN, as in PyTorch.

    dx = y (dy - sum(dy y)), a symmetric map.
    """

    @staticmethod
    @quiet
    def forward(x: Any, dim: int) -> Any:
        e = np.exp(_shifted(x, dim)) if x.size else x.copy()
        e /= np.add.reduce(e, axis=dim, keepdims=True)
        return e

    def compose(self, x: Any, dim: int) -> Any:
        e = exp(_minus_largest(x, dim))
        return e / sum_(e, dims=(dim,), keepdim=True)

    def pushforward(self, tangents: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        return self.pullback_0(tangents[0], y, inputs[0], **params)

    def pullback_0(self, dy: Any, y: Any, x: Any, dim: int) -> Any:
        return y * (dy - sum_(dy * y, dims=(dim,), keepdim=True))


class LogSoftmax(_AlongRows):
    """x - log(sum(exp(x))) along ``dim``. dx = dy - exp(y) sum(dy)."""

    @staticmethod
    @quiet
    def forward(x: Any, dim: int) -> Any:
        if not x.size:
            return x.copy()
        if dim == 1 and x.ndim == 2 and x.shape[1] < FEW:
            y = x.T.copy()
            y -= np.maximum.reduce(y)
            y -= np.log(np.add.reduce(np.exp(y)))
            return y.T.copy()
        y = _shifted(x, dim)
        y -= np.log(np.add.reduce(np.exp(y), axis=dim, keepdims=True))
        return y

    def compose(self, x: Any, dim: int) -> Any:
        y = _minus_largest(x, dim)
        return y - log(sum_(exp(y), dims=(dim,), keepdim=True))

    def pushforward(self, tangents: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        x_dot = tangents[0]
        return x_dot - sum_(exp(y) * x_dot, dims=(params["dim"],), keepdim=True)

    def pullback_0(self, dy: Any, y: Any, x: Any, dim: int) -> Any:
        return dy - exp(y) * sum_(dy, dims=(dim,), keepdim=True)


class _CrossEntropy(Primitive):
    """The cross-entropy of rows with their classes, -log_softmax(x)[i, t_i], or what a subclass makes of it.

    dx comes from softmax(x) - onehot(target). The node keeps log_softmax(x), a constant as a third input, so that a
    plain walk need not work it out again; a recorded walk needs it as a function of x.
    """

    arity = 3
    saves = (0, 1)

    @staticmethod
    def pick(logp: Any, target: Any) -> Any:
        """The output, from logp = log_softmax(x)."""
        raise NotImplementedError

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return 5 * size_of(inputs[0]) + 2 * size_of(inputs[1])  # log_softmax; the negation and the mean

    def forward(self, x: Any, target: Any) -> Any:
        return self.pick(LogSoftmax.forward(x, dim=1), target)

    def limits(self, x: Any, target: Any) -> Any:
        return _class_limits(x, target)

    def __call__(self, x: Any, target: Any) -> Any:
        t = target._value if isinstance(target, Tensor) else target
        if not isinstance(x, Tensor):
            return self.evaluate(x, t)
        value = x._value
        logp = None
        if type(value) is ndarray and type(t) is ndarray:
            logp = LogSoftmax.forward(value, dim=1)
            out = wrap(self.pick(logp, t))
        else:
            out = wrap(self.evaluate(value, t))
        if state.recording:
            self.record(out, x, value, target, t, logp, logp)
        return out

    def row_slopes(self, x: Any, target: Any, x_dot: Any) -> Any:
        """The derivative of each row's cross-entropy along ``x_dot``."""
        return sum_(safe_mul(x_dot, cross_entropy_slope(x, target)), dims=(1,), keepdim=False)

    @staticmethod
    def slope(x: Any, target: Any, logp: Any) -> Any:
        """softmax(x) - onehot(target)."""
        if logp is None or isinstance(x, Tensor):
            return cross_entropy_slope(x, target)
        return _minus_onehot(np.exp(logp), target)


class CrossEntropyRows(_CrossEntropy):
    """The cross-entropy of each row with its class: log(sum(exp(x_i))) - x_i[t_i].

    x : (n, classes), target : (n,) integers  ->  (n,)

    dx = dy (softmax(x) - onehot(target)). A row whose dy is 0 gets exact zeros, whatever it holds.
    """

    @staticmethod
    def pick(logp: Any, target: Any) -> Any:
        return -logp[np.arange(len(target)), target]

    def shape(self, x: Any, target: Any) -> tuple[int, ...]:
        return tuple(target.shape)

    def compose(self, x: Any, target: Any) -> Any:
        return -sum_(_picked(x, target), dims=(1,), keepdim=False)

    def batch(self, size: int, inputs: Any, batched: Any) -> Any:
        x, target, shape = _all_rows(size, inputs, batched)
        return reshape(self(x, target), shape=shape[:2])

    def pushforward(self, tangents: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        x, target = inputs
        return self.row_slopes(x, target, tangents[0])

    def pullback_0(self, dy: Any, y: Any, x: Any, target: Any, logp: Any = None) -> Any:
        return safe_mul(reshape(dy, shape=(x.shape[0], 1)), self.slope(x, target, logp))


class CrossEntropyMean(_CrossEntropy):
    """The average of CrossEntropyRows in the same node, as so many steps end in it.

    x : (n, classes), n > 0, target : (n,) integers  ->  ()
    """

    @staticmethod
    def pick(logp: Any, target: Any) -> Any:
        n = len(target)
        if n == 1:  # one sample a step: reading one element takes a tenth of the time of an index array
            return -logp[0, target[0]]
        return np.add.reduce(logp.take(_row_starts(n, logp.shape[1]) + target)) / -n

    def shape(self, x: Any, target: Any) -> tuple[int, ...]:
        return ()

    def compose(self, x: Any, target: Any) -> Any:
        return sum_(_picked(x, target), dims=(0, 1), keepdim=False) / -x.shape[0]

    def batch(self, size: int, inputs: Any, batched: Any) -> Any:
        rows = cross_entropy_rows.batch(size, inputs, batched)
        return sum_(rows, dims=(1,), keepdim=False) / rows.shape[1]

    def pushforward(self, tangents: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        x, target = inputs
        slopes = self.row_slopes(x, target, tangents[0])
        return sum_(slopes, dims=(0,), keepdim=False) / slopes.shape[0]

    def pullback_0(self, dy: Any, y: Any, x: Any, target: Any, logp: Any = None) -> Any:
        return self.slope(x, target, logp) * (dy / x.shape[0])


class CrossEntropySlope(Primitive):
    """The slope of each row's cross-entropy: softmax(x) - onehot(target).

    x : (n, classes), target : (n,) integers  ->  (n, classes). Its pullback is that of softmax.
    """

    arity = 2
    saves = (0,)

    def forward(self, x: Any, target: Any) -> Any:
        return _minus_onehot(Softmax.forward(x, dim=1), target)

    def shape(self, x: Any, target: Any) -> tuple[int, ...]:
        return tuple(x.shape)

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return 5 * size_of(y) + size_of(inputs[1])

    def compose(self, x: Any, target: Any) -> Any:
        return softmax(x, dim=1) - convert(_onehot(x, target), dtype=x.dtype)

    def limits(self, x: Any, target: Any) -> Any:
        return _class_limits(x, target)

    def batch(self, size: int, inputs: Any, batched: Any) -> Any:
        x, target, shape = _all_rows(size, inputs, batched)
        return reshape(self(x, target), shape=shape)

    def pullback_0(self, dz: Any, z: Any, x: Any, target: Any) -> Any:
        p = softmax(x, dim=1)
        return p * (dz - sum_(dz * p, dims=(1,), keepdim=True))


def _all_rows(size: int, inputs: Any, batched: Any) -> tuple[Any, Any, tuple[int, ...]]:
    """The rows and classes of all samples in one matrix and one vector, and (size, n, classes)."""
    x, target = (spread(v, size, b) for v, b in zip(inputs, batched, strict=True))
    _, n, classes = shape = tuple(x.shape)
    return reshape(x, shape=(size * n, classes)), reshape(target, shape=(size * n,)), shape


def _onehot(x: Any, target: Any) -> Any:
    """True at each row's class. x : (n, classes), target : (n,) integers  ->  (n, classes) bool."""
    classes = np.arange(x.shape[1])[None]
    return eq(classes, reshape(target, shape=(target.shape[0], 1)))


def _picked(x: Any, target: Any) -> Any:
    """log_softmax(x) at each row's class, 0 at all others: the sum of a row is exactly the one."""
    return where(_onehot(x, target), log_softmax(x, dim=1), 0.0)


def _class_limits(x: Any, target: Any) -> Any:
    classes = x.shape[1]
    message = (
        f"cross_entropy: target {{value}} is none of the {classes} classes; classes are numbered from 0 to "
        f"{classes - 1}"
    )
    return ((target, 0, classes, TargetError, message),)


def _minus_onehot(p: Any, target: Any) -> Any:
    """p, which is changed, with 1 taken off at each row's class."""
    if len(target) == 1:
        p[0, target[0]] -= 1
    elif p.flags.c_contiguous:
        p.reshape(-1)[_row_starts(*p.shape) + target] -= 1
    else:
        p[np.arange(len(target)), target] -= 1
    return p


softmax, log_softmax = Softmax(), LogSoftmax()
cross_entropy_rows, cross_entropy_mean = CrossEntropyRows(), CrossEntropyMean()
cross_entropy_slope = CrossEntropySlope()
