"""Products and extremes gathered at positions: what ``scatter_reduce`` is made of besides sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.primitive import Primitive, raw_dtype, size_of
from .base import convert, safe_mul, where
from .broadcast import reshape, spread
from .index import along, as_vectors, gather, place_of, scatter_add

__all__ = ["scatter_extreme", "scatter_multiply"]


class _Scatter(Primitive):
    """Of x, index and src, as ScatterAdd."""

    arity = 3
    saves = (0, 1, 2)

    def shape(self, x: Any, index: Any, src: Any, dim: int, **params: Any) -> tuple[int, ...]:
        return tuple(x.shape)

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return size_of(inputs[2])

    def batch(self, size: int, inputs: Any, batched: Any, dim: int, **params: Any) -> Any:
        x, i, src = (spread(v, size, b) for v, b in zip(inputs, batched, strict=True))
        y = self(as_vectors(x), as_vectors(i), as_vectors(src), dim=dim + 1, **params)
        return reshape(y, shape=x.shape)


class ScatterMultiply(_Scatter):
    """``x`` times all src[i][j][k] whose index[i][j][k] leads to a place, for dim 0 and so for the others.

    The product of all but one factor is read without dividing by 0: of several zeros each has a derivative of 0.
    """

    def forward(self, x: Any, index: Any, src: Any, dim: int) -> Any:
        y = np.array(x, order="C")
        np.multiply.at(y, along(index, dim), src)
        return y

    def lower(self, code: Any, x: Any, index: Any, src: Any, dim: int) -> None:
        code.copy(x, code.out)
        with code.each(index.shape) as position:
            place = place_of(code, x, index, position, dim)
            product = code.emit.mul(code.load(code.out, *place), code.load(src, *position))
            code.store(product, code.out, *place)

    def pullback_0(self, dy: Any, y: Any, x: Any, index: Any, src: Any, dim: int) -> Any:
        ones = np.ones(x.shape, raw_dtype(x))
        return safe_mul(dy, scatter_multiply(ones, index, src, dim=dim))

    def pullback_2(self, dy: Any, y: Any, x: Any, index: Any, src: Any, dim: int) -> Any:
        zero = src == 0
        plain = where(zero, 1.0, src)
        product = gather(scatter_multiply(x, index, plain, dim=dim), index, dim=dim)
        zeros = np.zeros(x.shape, raw_dtype(x))
        count = gather(scatter_add(zeros, index, convert(zero, dtype=raw_dtype(x)), dim=dim), index, dim=dim)
        others = where(count - convert(zero, dtype=raw_dtype(x)) == 0, product / plain, 0.0)
        return safe_mul(gather(dy, index, dim=dim), others)


class ScatterExtreme(_Scatter):
    """The largest (or smallest) of x and all src[i][j][k] whose index[i][j][k] leads to a place; NaN if one is NaN.

    Equal extreme elements share the cotangent evenly.
    """

    saves_output = True

    def forward(self, x: Any, index: Any, src: Any, dim: int, largest: bool) -> Any:
        y = np.array(x, order="C")
        (np.maximum if largest else np.minimum).at(y, along(index, dim), src)
        return y

    def lower(self, code: Any, x: Any, index: Any, src: Any, dim: int, largest: bool) -> None:
        code.copy(x, code.out)
        better = code.emit.maximum if largest else code.emit.minimum
        with code.each(index.shape) as position:
            place = place_of(code, x, index, position, dim)
            code.store(better(code.load(code.out, *place), code.load(src, *position)), code.out, *place)

    def pullback(self, edges: Any, dy: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        x, index, src = inputs
        dim, dtype = params["dim"], raw_dtype(y)
        own = convert(x == y, dtype=dtype)
        theirs = convert(src == gather(y, index, dim=dim), dtype=dtype)
        share = dy / scatter_add(own, index, theirs, dim=dim)
        return safe_mul(own, share), None, safe_mul(theirs, gather(share, index, dim=dim))

    def pullback_0(self, dy: Any, y: Any, x: Any, index: Any, src: Any, **params: Any) -> Any:
        return self.pullback((True, None, None), dy, y, (x, index, src), params)[0]

    def pullback_2(self, dy: Any, y: Any, x: Any, index: Any, src: Any, **params: Any) -> Any:
        return self.pullback((None, None, True), dy, y, (x, index, src), params)[2]


scatter_multiply, scatter_extreme = ScatterMultiply(), ScatterExtreme()
