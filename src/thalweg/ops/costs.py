"""Costs of a value against its target that are worth a primitive: for speed, or for a slope with a floor.

All other losses are composed of operations in ``thalweg.nn.functional``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.primitive import Primitive, size_of
from .base import Elementwise, quiet, safe_mul
from .broadcast import mean, sum_
from .elementwise import log, log1p, maximum

__all__ = ["binary_cross_entropy", "mean_squared_error"]

LOWEST_LOG = -100.0
SMALLEST_VARIANCE = 1e-12


class MeanSquaredError(Primitive):
    """The average of (a - b)**2, as one node.

    a, b : one shape, not empty, and one dtype  ->  ()

    da = 2 dy (a - b) / n.
    """

    arity = 2
    saves = (0, 1)

    @staticmethod
    @quiet
    def forward(a: Any, b: Any) -> Any:
        d = a - b
        return np.add.reduce(d * d, axis=None) / d.size

    def shape(self, a: Any, b: Any) -> tuple[int, ...]:
        return ()

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return 3 * size_of(inputs[0])

    def compose(self, a: Any, b: Any) -> Any:
        d = a - b
        return sum_(d * d, dims=tuple(range(a.ndim)), keepdim=False) / math.prod(a.shape)

    def batch(self, size: int, inputs: Any, batched: Any) -> Any:
        a, b = inputs  # of one shape, but for the batch
        d = a - b
        return mean(d * d, dims=tuple(range(1, d.ndim)), keepdim=False)

    def pushforward(self, tangents: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        (a, b), (a_dot, b_dot) = inputs, tangents
        d_dot = -b_dot if a_dot is None else a_dot if b_dot is None else a_dot - b_dot
        return mean(d_dot * (a - b), dims=tuple(range(d_dot.ndim)), keepdim=False) * 2

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return (a - b) * (dy * (2 / math.prod(a.shape)))

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return (b - a) * (dy * (2 / math.prod(a.shape)))


class BinaryCrossEntropy(Elementwise):
    """-(t log(p) + (1 - t) log(1 - p)), each logarithm at least -100.

    dp = (p - t) / (p (1 - p)), the denominator at least 1e-12: where p has reached the wrong end, the way back is
    steep but finite, though the loss itself is flat there. Both floors are PyTorch's.
    """

    saves = (0, 1)

    @staticmethod
    @quiet
    def forward(p: Any, t: Any) -> Any:
        return (t - 1) * np.maximum(np.log1p(-p), LOWEST_LOG) - t * np.maximum(np.log(p), LOWEST_LOG)

    def flops(self, y: Any, *inputs: Any, **params: Any) -> int:
        return 9 * size_of(y)

    def compose(self, p: Any, t: Any) -> Any:
        return (t - 1) * maximum(log1p(-p), LOWEST_LOG) - t * maximum(log(p), LOWEST_LOG)

    def pullback_0(self, dy: Any, y: Any, p: Any, t: Any) -> Any:
        return safe_mul(dy, (p - t) / maximum(p * (1 - p), SMALLEST_VARIANCE))

    def pullback_1(self, dy: Any, y: Any, p: Any, t: Any) -> Any:
        return safe_mul(dy, maximum(log1p(-p), LOWEST_LOG) - maximum(log(p), LOWEST_LOG))

    def lower(self, emit: Any, p: Any, t: Any) -> Any:
        at_zero = emit.maximum(emit.log1p(emit.neg(p)), LOWEST_LOG)
        at_one = emit.maximum(emit.log(p), LOWEST_LOG)
        return emit.sub(emit.mul(emit.sub(t, 1), at_zero), emit.mul(t, at_one))


mean_squared_error, binary_cross_entropy = MeanSquaredError(), BinaryCrossEntropy()
