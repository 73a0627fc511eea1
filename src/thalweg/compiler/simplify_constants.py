"""Rules for what is known already: constants are computed, and those with one value become a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.primitive import Primitive
from ..errors import ThalwegError
from ..ops import elementwise as e
from ..ops.base import Elementwise
from ..ops.broadcast import expand
from .graph import CONSTANT, Node, evaluate_node
from .simplify_rewriter import SMALL, Rewriter, commutative, is_number, on

MIRRORED = {e.lt: e.gt, e.gt: e.lt, e.le: e.ge, e.ge: e.le}
commutative |= {
    e.add, e.mul, e.eq, e.ne, e.logical_and, e.logical_or, e.logical_xor, e.bitwise_and, e.bitwise_or, e.bitwise_xor,
}  # fmt: skip


@on(CONSTANT)
def one_value(node: Node, rewrite: Rewriter) -> Node | None:
    """A constant of equal elements: one number, expanded. Compared as bits, so that NaN and -0.0 stay themselves."""
    array = node.params["array"]
    if not array.ndim or not array.size:
        return None
    bits = np.ascontiguousarray(array).view(f"u{array.itemsize}").reshape(-1)
    if bits[0] != bits[-1] or not (bits == bits[0]).all():
        return None
    return rewrite.full(array.reshape(-1)[0], array.shape, array.dtype)


def known(x: Any) -> Any:
    """The value of an input that is a constant or an expanded one (without a copy) or a number; else None."""
    if type(x) is not Node:
        return x
    if x.op is CONSTANT:
        return x.params["array"]
    if x.op is expand and x.inputs[0].op is CONSTANT:
        return np.broadcast_to(x.inputs[0].params["array"], x.shape)
    return None


@on(Primitive)
def fold(node: Node, rewrite: Rewriter) -> Node | None:
    """Compute what depends on constants only, unless the result takes much more memory than they do."""
    if node.op is expand or not node.inputs:
        return None
    values = []
    for x in node.inputs:
        value = known(x)
        if value is None and x is not None:
            return None
        values.append(value)
    if node.size > SMALL and node.size > max(_stored(x) for x in node.inputs):
        return None
    try:
        with np.errstate(all="ignore"):
            result = np.array(evaluate_node(node, values), order="C")
    except (ArithmeticError, LookupError, ValueError, TypeError, ThalwegError):
        return None  # it is for the run to raise this
    return rewrite.constant(result)


def _stored(x: Any) -> int:
    return x.params["array"].size if type(x) is Node and x.op is CONSTANT else 1


@on(Elementwise)
def number_last(node: Node, rewrite: Rewriter) -> Node | None:
    """Where the order does not matter, a number comes second."""
    if len(node.inputs) != 2 or not is_number(node.inputs[0]) or is_number(node.inputs[1]):
        return None
    op = node.op if node.op in commutative else MIRRORED.get(node.op)
    return rewrite.make(op, node.inputs[1], node.inputs[0]) if op is not None else None


@on(Elementwise)
def constant_as_number(node: Node, rewrite: Rewriter) -> Node | None:
    """A constant with one value as a number operand, where its dtype is that of the others."""
    for i, x in enumerate(node.inputs):
        if type(x) is not Node or (node.op is e.where and i == 0):
            continue
        point = x.inputs[0] if x.op is expand else x
        if point.op is not CONSTANT or point.shape:
            continue
        first = 1 if node.op is e.where else 0
        others = [y for j, y in enumerate(node.inputs) if first <= j != i and type(y) is Node]
        if not others or any(y.dtype != x.dtype for y in others):
            continue
        new = rewrite.make(
            node.op, *node.inputs[:i], point.params["array"].item(), *node.inputs[i + 1 :], **node.params
        )
        if new.shape == node.shape and new.dtype == node.dtype:
            return new
    return None
