"""Forward mode from reverse mode: a pullback is linear in its cotangent, and its transpose is the pushforward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .backward import walk
from .modes import state
from .tape import LEAF
from .tensor import Tensor, wrap

if TYPE_CHECKING:
    from .primitive import Primitive

__all__ = ["transposed_pullback"]


def transposed_pullback(
    primitive: Primitive, tangents: Sequence[Any], y: Any, inputs: Sequence[Any], params: dict[str, Any]
) -> Any:
    """The tangent of ``y``: the pullback is recorded as a function of its cotangent, and walked back.

    With dx_i = A_i dy for each input i, the walk from the dx_i with the tangents t_i as their cotangents arrives at
    dy with the sum of A_i^T t_i. The cotangent that it is recorded at is 1: the product with 0 that keeps a branch
    from sending anything back would lose infinite slopes.
    """
    dy = wrap(np.ones(y.shape, y.dtype))
    dy._node = LEAF
    sources = [x if x is None or isinstance(x, (bool, int, float)) else wrap(x) for x in inputs]
    edges = [None if t is None else dy for t in tangents]
    recording, state.recording = state.recording, True
    try:
        if len(edges) == 1:
            cotangents: Any = (primitive.pullbacks[0](dy, wrap(y), *sources, **params),)
        else:
            cotangents = primitive.pullback(edges, dy, wrap(y), sources, params)
    finally:
        state.recording = recording
    flowing = [
        (dx, t)
        for dx, t in zip(cotangents, tangents, strict=False)
        if t is not None and isinstance(dx, Tensor) and dx.requires_grad
    ]
    if not flowing:
        return None
    roots, starts = zip(*flowing, strict=True)
    return walk(roots, list(starts), False, False, [dy]).get(dy)
