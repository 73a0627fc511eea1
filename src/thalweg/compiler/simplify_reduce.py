"""Rules of reductions: over what has one element, what is repeated, and what was only reshaped."""

from __future__ import annotations

import math
from typing import Any

from ..ops.broadcast import expand, reduced_shape, reshape, sum_
from ..ops.elementwise import mul
from ..ops.reduce import all_, amax, amin, any_, prod
from .graph import Node
from .simplify_rewriter import Rewriter, on
from .simplify_views import aligned

REDUCTIONS = (sum_, prod, amax, amin, any_, all_)


@on(*REDUCTIONS)
def single_elements(node: Node, rewrite: Rewriter) -> Any:
    """Over axes of size 1 there is nothing to put together."""
    (x,), dims = node.inputs, node.params["dims"]
    rest = tuple(d for d in dims if x.shape[d] != 1)
    if x.dtype != node.dtype:
        return None
    if not rest:
        return rewrite.make(reshape, x, shape=node.shape)
    if len(rest) == len(dims):
        return None
    partial = rewrite.make(node.op, x, dims=rest, keepdim=node.params["keepdim"])
    return rewrite.make(reshape, partial, shape=node.shape)


@on(*REDUCTIONS)
def repeated_elements(node: Node, rewrite: Rewriter) -> Any:
    """Before they are repeated: the sum of n equal numbers is n times the number, to rounding; their maximum is it."""
    (x,), dims = node.inputs, node.params["dims"]
    if x.op is not expand or not x.size:
        return None
    source = x.inputs[0]
    before = aligned(source.shape, x.ndim)
    count = math.prod(x.shape[d] for d in dims if before[d] != x.shape[d])
    if node.op is prod and count != 1:
        return None
    result = rewrite.make(node.op, rewrite.make(reshape, source, shape=before), dims=dims, keepdim=True)
    if node.op is sum_ and count != 1:
        result = rewrite.make(mul, result, float(count) if node.dtype.kind == "f" else count)
    repeated = rewrite.make(expand, result, shape=reduced_shape(x.shape, dims, True))
    return rewrite.make(reshape, repeated, shape=node.shape)


@on(*REDUCTIONS)
def reshaped_before(node: Node, rewrite: Rewriter) -> Any:
    """Over axes that a reshape left as they were, the reduction comes first: the rest is smaller to reshape."""
    (x,), dims = node.inputs, node.params["dims"]
    if x.op is not reshape or not x.size:
        return None
    source = x.inputs[0]
    shift = x.ndim - source.ndim
    if min(dims, default=0) < x.ndim - common_end(source.shape, x.shape):
        return None
    before = rewrite.make(node.op, source, dims=tuple(d - shift for d in dims), keepdim=node.params["keepdim"])
    return rewrite.make(reshape, before, shape=node.shape)


def common_end(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """How many of the last axes are equal."""
    count = 0
    for m, n in zip(reversed(a), reversed(b), strict=False):
        if m != n:
            break
        count += 1
    return count
