"""Matrix products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.primitive import Primitive, size_of
from ..errors import ShapeError
from .base import safe_mul
from .broadcast import aligned, expand, reshape, spread, sum_to
from .elementwise import relu
from .shape import permute

__all__ = ["linear", "linear_relu", "matmul", "transpose_last"]


def transpose_last(x: Any) -> Any:
    """The last two axes exchanged: each matrix transposed."""
    if type(x) is np.ndarray:
        return x.swapaxes(-1, -2)
    n = x.ndim
    return permute(x, dims=(*range(n - 2), n - 1, n - 2))


class Matmul(Primitive):
    """The matrix product, batched over leading axes.

    a : (..., n, k), b : (..., k, m)  ->  (..., n, m); the batch axes broadcast

    da = dy b^T, db = a^T dy. Reference: Giles (2008), Collected matrix derivative results for algorithmic
    differentiation, section 2.2.2.
    """

    arity = 2
    saves = (0, 1)
    bilinear = True
    outlines = True

    def forward(self, a: Any, b: Any) -> Any:
        if a.ndim == 2 and b.ndim == 2:
            return a.dot(b)  # several times faster than np.matmul where one side is a single row
        return np.matmul(a, b)

    def shape(self, a: Any, b: Any) -> tuple[int, ...]:
        if a.shape[-1] != b.shape[-2]:
            raise ShapeError(f"matmul: inner sizes differ, {tuple(a.shape)} @ {tuple(b.shape)}")
        try:
            batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        except ValueError:
            raise ShapeError(f"matmul: batch axes don't broadcast, {tuple(a.shape)} @ {tuple(b.shape)}") from None
        return (*batch, a.shape[-2], b.shape[-1])

    def flops(self, y: Any, a: Any, b: Any) -> int:
        return 2 * size_of(y) * a.shape[-1]

    def batch(self, size: int, inputs: Any, batched: Any) -> Any:
        a, b = inputs
        if batched[0] and not batched[1] and b.ndim == 2:  # one product for the whole batch
            return reshape(matmul(_rows(a), b), shape=(*a.shape[:-1], b.shape[-1]))
        rank = max(a.ndim - batched[0], b.ndim - batched[1])
        a, b = (aligned(x, rank) if flag else x for x, flag in zip(inputs, batched, strict=True))
        return a * b if a.shape[-1] == 1 else matmul(a, b)  # an outer product is no work for a matrix product

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return sum_to(matmul(dy, transpose_last(b)), a.shape)

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return sum_to(matmul(transpose_last(a), dy), b.shape)


class Linear(Primitive):
    """x w^T + bias.

    x : (..., in), w : (out, in), bias : (out,) or None  ->  (..., out)

    dx = dy w, dw = dy^T x, dbias = the sum of dy over its rows.
    """

    arity = 3
    saves = (0, 1)
    bilinear = True

    def forward(self, x: Any, w: Any, bias: Any) -> Any:
        y = x.dot(w.T) if x.ndim == 2 else _rows(x).dot(w.T).reshape(*x.shape[:-1], w.shape[0])
        if bias is not None:
            y += bias
        return y

    def shape(self, x: Any, w: Any, bias: Any) -> tuple[int, ...]:
        fits = w.ndim == 2 and x.ndim >= 1 and x.shape[-1] == w.shape[1]
        if not fits:
            raise ShapeError(
                f"{self.name}: input of shape {tuple(x.shape)} does not fit the weight of shape {tuple(w.shape)}; "
                "the input's last size must be in_features, the weight is (out_features, in_features)"
            )
        if bias is not None and tuple(bias.shape) != (w.shape[0],):
            raise ShapeError(f"{self.name}: the bias has shape {tuple(bias.shape)} and should have ({w.shape[0]},)")
        return (*x.shape[:-1], w.shape[0])

    def flops(self, y: Any, x: Any, w: Any, bias: Any) -> int:
        return 2 * size_of(y) * w.shape[1] + (0 if bias is None else size_of(y))

    def compose(self, x: Any, w: Any, bias: Any) -> Any:
        y = matmul(_rows(x), permute(w, dims=(1, 0)))
        if bias is not None:
            y = y + bias
        return y if x.ndim == 2 else reshape(y, shape=(*x.shape[:-1], w.shape[0]))

    def batch(self, size: int, inputs: Any, batched: Any) -> Any:
        x, w, bias = inputs
        if not batched[1] and not batched[2]:
            return linear(x, w, bias)
        rank = x.ndim - batched[0]
        if not batched[1]:
            return linear(x, w, None) + aligned(bias, rank)
        x = spread(x, size, batched[0])
        y = matmul.batch(size, (_sample_rows(x), permute(w, dims=(0, 2, 1))), (True, True))
        y = reshape(y, shape=(*x.shape[:-1], w.shape[1]))
        return y if bias is None else y + (aligned(bias, rank) if batched[2] else bias)

    def pushforward(self, tangents: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        x, w, _ = inputs
        x_dot, w_dot, bias_dot = tangents
        if x_dot is None and w_dot is None:
            return expand(bias_dot, shape=y.shape)
        if x_dot is None:
            return linear(x, w_dot, bias_dot)
        y_dot = linear(x_dot, w, bias_dot)
        return y_dot if w_dot is None else y_dot + linear(x, w_dot, None)

    def pullback(self, edges: Any, dy: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        x, w, _ = inputs
        lead = dy.shape[:-1]
        if len(lead) != 1:
            dy = _rows(dy)
        dx = matmul(dy, w) if edges[0] is not None else None
        return (
            dx if dx is None or len(lead) == 1 else reshape(dx, shape=(*lead, dx.shape[-1])),
            matmul(dy.T, _rows(x)) if edges[1] is not None else None,
            dy.sum(0) if edges[2] is not None else None,
        )


class LinearRelu(Linear):
    """max(x w^T + bias, 0): Linear and ReLU as one node, which eager loops over small layers feel.

    dx, dw and dbias are those of Linear for the cotangent where the output is not 0, and 0 where it is.
    """

    saves_output = True

    def forward(self, x: Any, w: Any, bias: Any) -> Any:
        y = super().forward(x, w, bias)
        return np.maximum(y, 0, out=y)

    def flops(self, y: Any, x: Any, w: Any, bias: Any) -> int:
        return super().flops(y, x, w, bias) + size_of(y)

    def compose(self, x: Any, w: Any, bias: Any) -> Any:
        return relu(super().compose(x, w, bias))

    def batch(self, size: int, inputs: Any, batched: Any) -> Any:
        return relu(super().batch(size, inputs, batched))

    def pushforward(self, tangents: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        return safe_mul(y != 0, super().pushforward(tangents, y, inputs, params))

    def pullback(self, edges: Any, dy: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        return super().pullback(edges, safe_mul(y != 0, dy), None, inputs, params)


def _sample_rows(x: Any) -> Any:
    """Each sample of a batch as a matrix, as by ``_rows``."""
    return reshape(x, shape=(x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1]))


def _rows(x: Any) -> Any:
    """As a matrix: all axes but the last become one."""
    return x if x.ndim == 2 else reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1]))


matmul, linear, linear_relu = Matmul(), Linear(), LinearRelu()
