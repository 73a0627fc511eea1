"""The last step before fusion: nodes that would stand in its way are written as elementwise ones.

These forms are no simpler, so they would hide patterns from the rules of simplification; they come after those.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops.base import Elementwise, where
from ..ops.broadcast import expand, reshape
from ..ops.elementwise import add, mul, sub
from ..ops.linalg import matmul
from ..ops.shape import cat, embed, index
from .graph import Graph, Node, apply, constant, users
from .layout import is_view

__all__ = ["prepare"]


def prepare(graph: Graph) -> Graph:
    """The same graph with outer products and single places as elementwise nodes, and parts computed as parts."""
    uses = users(graph.nodes())
    outputs = {*graph.outputs, *(check.node for check in graph.checks)}
    made: dict[Node, Node] = {}
    for node in graph.nodes():
        new = node.rebuilt(made)
        if node.op is matmul and is_outer(node) and not is_update(node, uses, outputs):
            new = apply(mul, *new.inputs, origin=node.origin)
        elif node.op is embed:
            new = chosen(new) or new
        elif node.op is cat:
            new = side_by_side(new) or new
        elif node.op is index and is_cut_up(node.inputs[0], uses, outputs):
            whole = node.inputs[0]
            part = part_of(whole, spelled_out(node.params["index"], whole.ndim), made, uses, outputs)
            new = part if part.shape == node.shape and part.dtype == node.dtype else new
        elif node.op is add and new.inputs[1] == 0:
            new = without_zero(new)
        made[node] = new
    checks = [check._replace(node=made[check.node]) for check in graph.checks]
    return Graph(graph.inputs, [made[node] for node in graph.outputs], graph.names, checks)


def is_cut_up(node: Node, uses: dict[Node, list[Node]], outputs: set[Node]) -> bool:
    """Whether only parts of an elementwise value are asked for, no more than it has elements."""
    if not isinstance(node.op, Elementwise) or node in outputs:
        return False
    parts = uses[node]
    sliced = all(u.op is index and all(isinstance(k, slice) for k in u.params["index"]) for u in parts)
    return sliced and len(parts) > 1 and sum(u.size for u in parts) <= node.size


def part_of(
    whole: Node, keys: list[Any], made: dict[Node, Node], uses: dict[Node, list[Node]], outputs: set[Node]
) -> Node:
    """A part of an elementwise value, from the same parts of what it alone is made of."""
    inputs: list[Any] = []
    for x in whole.inputs:
        if type(x) is not Node or not x.ndim:
            inputs.append(made[x] if type(x) is Node else x)
            continue
        own = [slice(None) if n == 1 else k for k, n in zip(keys[whole.ndim - x.ndim :], x.shape, strict=True)]
        if isinstance(x.op, Elementwise) and uses[x] == [whole] and x not in outputs:
            inputs.append(part_of(x, own, made, uses, outputs))
        else:
            inputs.append(apply(index, made[x], index=tuple(own), origin=x.origin))
    return apply(whole.op, *inputs, origin=whole.origin, **whole.params)


def without_zero(node: Node) -> Node:
    """x + 0.0 without a pass over x for it, where x is put together of parts."""
    x = node.inputs[0]
    if is_sum_of_products(x, node.dtype):
        return x
    if x.op is cat and x.dtype == node.dtype and all(isinstance(y.op, Elementwise) for y in x.inputs):
        return apply(cat, *(apply(add, y, 0.0, origin=node.origin) for y in x.inputs), origin=node.origin, **x.params)
    return node


def is_sum_of_products(x: Any, dtype: Any) -> bool:
    """Whether all elements are those of matrix products, possibly scaled: never -0.0, which x + 0.0 would change.

    The product library adds up from 0.0, and what underflows is flushed anyway.
    """
    if type(x) is not Node or x.dtype != dtype:
        return False
    if x.op is matmul:
        return not is_outer(x) and x.dtype.kind == "f"
    if x.op is mul and isinstance(x.inputs[1], float) and x.inputs[1] > 0:
        return is_sum_of_products(x.inputs[0], dtype)
    if x.op is cat or is_view(x):
        return all(is_sum_of_products(y, dtype) for y in x.inputs)
    return False


def is_outer(node: Node) -> bool:
    """Whether a product has one summand only."""
    return node.inputs[0].shape[-1] == 1 and node.dtype.kind == "f"


def is_update(node: Node, uses: dict[Node, list[Node]], outputs: set[Node]) -> bool:
    """Whether it is the gradient in w - rate * gradient, which the product library subtracts in place."""
    scaled = uses.get(node, [])
    if node.ndim != 2 or len(scaled) != 1 or scaled[0].op is not mul or node in outputs:
        return False
    return any(user.op is sub and user in outputs for user in uses.get(scaled[0], []))


def chosen(node: Node) -> Node | None:
    """An embed of one place along some axes, as a choice between the value and 0."""
    x, shape = node.inputs[0], node.shape
    places: list[int | None] = []
    sizes: list[int] = []
    keys = spelled_out(node.params["index"], len(shape))
    if None in keys:
        return None
    for key, n in zip(keys, shape, strict=True):
        if isinstance(key, slice):
            span = range(*key.indices(n))
            if len(span) == n and span.step == 1:
                places.append(None)
            elif len(span) == 1:
                places.append(span[0])
            else:
                return None
        else:
            places.append(int(key) % n)
        sizes.append(n if places[-1] is None else 1)
    if all(p is None for p in places) or not x.size:
        return None
    mask = np.ones([1] * len(shape), bool)
    for i, place in enumerate(places):
        if place is not None:
            line = np.arange(shape[i]) == place
            mask = mask & line.reshape([-1 if j == i else 1 for j in range(len(shape))])
    value = x if x.shape == tuple(sizes) else apply(reshape, x, shape=tuple(sizes), origin=node.origin)
    result = apply(where, constant(mask), value, 0.0 if x.dtype.kind == "f" else 0, origin=node.origin)
    if result.shape != shape:
        result = apply(expand, result, shape=shape, origin=node.origin)
    return result if result.dtype == node.dtype else None


def side_by_side(node: Node) -> Node | None:
    """A few pieces of size 1 one after the other, as choices between them."""
    dim, pieces = node.params["dim"], node.inputs
    if not 1 < len(pieces) <= 4 or any(x.shape[dim] != 1 or x.dtype != node.dtype for x in pieces) or not node.size:
        return None
    shape = [1] * node.ndim
    shape[dim] = len(pieces)
    result = pieces[-1]
    for i, piece in reversed(list(enumerate(pieces[:-1]))):
        here = constant((np.arange(len(pieces)) == i).reshape(shape))
        result = apply(where, here, piece, result, origin=node.origin)
    return result


def spelled_out(index: tuple[Any, ...], rank: int) -> list[Any]:
    """A basic index with one key for each axis."""
    given = sum(1 for k in index if k is not None and k is not Ellipsis)
    full: list[Any] = []
    for k in index:
        full.extend([slice(None)] * (rank - given) if k is Ellipsis else [k])
    return full + [slice(None)] * (rank - sum(1 for k in full if k is not None))
