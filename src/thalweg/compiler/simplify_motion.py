"""Rules that move views towards the outputs, so that elementwise chains are not cut and work is done before repeating.

None of them adds work: an elementwise operation on views of one kind is the same view of its result.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.primitive import ViewPrimitive
from ..ops.base import convert
from ..ops.broadcast import expand, reshape
from ..ops.shape import permute
from .graph import CONSTANT, Node
from .simplify_reduce import common_end
from .simplify_rewriter import MOVING, Rewriter, on
from .simplify_views import without_ones


@on(MOVING)
def before_expand(node: Node, rewrite: Rewriter) -> Any:
    """Operands need not be expanded: they broadcast; and where all are expanded the result is, of less work."""
    if not any(type(x) is Node and x.op is expand for x in node.inputs):
        return None
    inputs = [x.inputs[0] if type(x) is Node and x.op is expand else x for x in node.inputs]
    result = rewrite.make(node.op, *inputs, **node.params)
    return result if result.shape == node.shape else rewrite.make(expand, result, shape=node.shape)


@on(MOVING)
def before_reshape(node: Node, rewrite: Rewriter) -> Any:
    """If all large operands are reshaped from one shape, and the small ones touch only axes that stay.

    Where a reshape takes rows apart into more axes, as linear layers do, an operand that was computed or came in may
    be reshaped back to rows, which costs nothing: it is contiguous.
    """
    shape = _common_source(node, reshape)
    if shape is None:
        return None
    kept = common_end(shape, node.shape)
    rows = len(shape) < node.ndim and without_ones(node.shape[node.ndim - kept :]) != ()
    inputs = []
    for x in node.inputs:
        if type(x) is not Node or (x.shape != node.shape and x.ndim <= kept):
            inputs.append(x)
        elif x.shape == node.shape and x.op is reshape and x.inputs[0].shape == shape:
            inputs.append(x.inputs[0])
        elif x.shape == node.shape and (x.op is CONSTANT or (rows and not isinstance(x.op, ViewPrimitive))):
            inputs.append(rewrite.make(reshape, x, shape=shape))
        else:
            return None
    return rewrite.make(reshape, rewrite.make(node.op, *inputs, **node.params), shape=node.shape)


@on(MOVING)
def before_permute(node: Node, rewrite: Rewriter) -> Any:
    """If all large operands are permuted alike, and the others are single numbers."""
    shape = _common_source(node, permute)
    if shape is None:
        return None
    dims = next(x.params["dims"] for x in node.inputs if type(x) is Node and x.op is permute and x.shape == node.shape)
    inputs = []
    for x in node.inputs:
        if type(x) is not Node or not x.ndim:
            inputs.append(x)
        elif x.shape == node.shape and x.op is permute and x.params["dims"] == dims:
            inputs.append(x.inputs[0])
        elif x.shape == node.shape and x.op is CONSTANT:
            inputs.append(rewrite.make(permute, x, dims=tuple(int(d) for d in np.argsort(dims))))
        else:
            return None
    result = rewrite.make(node.op, *inputs, **node.params)
    return rewrite.make(permute, result, dims=dims) if result.ndim == node.ndim else None


def _common_source(node: Node, view: Any) -> tuple[int, ...] | None:
    """The shape from which the first operand of full shape is viewed."""
    for x in node.inputs:
        if type(x) is Node and x.op is view and x.shape == node.shape:
            return x.inputs[0].shape if math.prod(node.shape) else None
    return None


@on(convert)
def convert_before_view(node: Node, rewrite: Rewriter) -> Any:
    """A view of converted elements."""
    (x,) = node.inputs
    if x.op not in (expand, reshape, permute):
        return None
    return rewrite.make(x.op, rewrite.make(convert, x.inputs[0], dtype=node.dtype), **x.params)
