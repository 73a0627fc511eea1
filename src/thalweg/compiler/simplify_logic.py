"""Rules of comparisons, logic and choices."""

from __future__ import annotations

from typing import Any

from ..ops import elementwise as e
from ..ops.base import Convert, Elementwise, convert
from ..ops.broadcast import Reshape
from .graph import Node
from .simplify_algebra import is_op
from .simplify_rewriter import Rewriter, frozen, is_number, on, splat

AS_LOGIC = {e.bitwise_and: e.logical_and, e.bitwise_or: e.logical_or, e.bitwise_xor: e.logical_xor}
OPPOSITE = {e.eq: e.ne, e.ne: e.eq}
OPPOSITE_OF_INTEGERS = {e.lt: e.ge, e.ge: e.lt, e.gt: e.le, e.le: e.gt}


def is_bool(x: Any) -> bool:
    """Whether an operand is boolean."""
    return type(x) is bool or (type(x) is Node and x.dtype.kind == "b")


@on(e.bitwise_and, e.bitwise_or, e.bitwise_xor)
def bits_of_booleans(node: Node, rewrite: Rewriter) -> Any:
    """On booleans bits are logic."""
    return rewrite.make(AS_LOGIC[node.op], *node.inputs) if all(map(is_bool, node.inputs)) else None


@on(e.bitwise_not)
def inverted_boolean(node: Node, rewrite: Rewriter) -> Any:
    """On booleans ~ is ``not``."""
    return rewrite.make(e.logical_not, *node.inputs) if node.dtype.kind == "b" else None


@on(e.logical_not)
def negation(node: Node, rewrite: Rewriter) -> Any:
    """not not x = x; not a = b is a ≠ b, also for NaN. The other comparisons have opposites for integers only."""
    (x,) = node.inputs
    if x.dtype.kind != "b":
        return rewrite.make(e.eq, x, 0)
    if x.op is e.logical_not:
        return x.inputs[0]
    if x.op in OPPOSITE:
        return rewrite.make(OPPOSITE[x.op], *x.inputs)
    if x.op in OPPOSITE_OF_INTEGERS and all(_is_exact(v) for v in x.inputs):
        return rewrite.make(OPPOSITE_OF_INTEGERS[x.op], *x.inputs)
    return None


def _is_exact(x: Any) -> bool:
    """Whether this can't be NaN."""
    return x.dtype.kind != "f" if type(x) is Node else x == x


@on(e.logical_and, e.logical_or, e.logical_xor)
def connection(node: Node, rewrite: Rewriter) -> Any:
    """Of booleans: a connection with itself, with True, or with False."""
    a, b = node.inputs
    if not (is_bool(a) and is_bool(b)) or type(a) is not Node:
        return None
    if a is b:
        return a if node.op is not e.logical_xor else rewrite.full(False, node.shape, node.dtype)
    truth = splat(b)
    if truth is None:
        return None
    if node.op is e.logical_xor:
        return rewrite.fit(rewrite.make(e.logical_not, a) if truth else a, node.shape, node.dtype)
    neutral = node.op is e.logical_and
    return rewrite.fit(a, node.shape, node.dtype) if truth == neutral else rewrite.full(truth, node.shape, node.dtype)


@on(e.eq, e.ne)
def boolean_against_zero(node: Node, rewrite: Rewriter) -> Any:
    """A boolean, or one that was made a number, compared with 0 or False is itself or its negation."""
    x, y = node.inputs
    if type(x) is not Node or not is_number(y) or y != 0:
        return None
    source = x.inputs[0] if x.op is convert else x
    if source.dtype.kind != "b":
        return None
    return source if node.op is e.ne else rewrite.make(e.logical_not, source)


@on(e.eq, e.ne, e.le, e.ge, e.lt, e.gt)
def compared_with_itself(node: Node, rewrite: Rewriter) -> Any:
    """x = x, except for NaN."""
    x, y = node.inputs
    if x is not y or x.dtype.kind == "f":
        return None
    return rewrite.full(node.op in (e.eq, e.le, e.ge), node.shape, node.dtype)


@on(e.isnan, e.isinf, e.isfinite)
def integers_are_finite(node: Node, rewrite: Rewriter) -> Any:
    """Only floating-point numbers can be infinite or NaN."""
    return rewrite.full(node.op is e.isfinite, node.shape, node.dtype) if node.inputs[0].dtype.kind != "f" else None


@on(e.where)
def decided(node: Node, rewrite: Rewriter) -> Any:
    """A condition that is known, or that makes no difference."""
    condition, a, b = node.inputs
    truth = splat(condition)
    if truth is not None:
        return rewrite.fit(a if truth else b, node.shape, node.dtype)
    same = a is b if type(a) is Node or type(b) is Node else frozen(a) == frozen(b) and type(a) is type(b)
    return rewrite.fit(a, node.shape, node.dtype) if same else None


@on(e.where)
def zero_or_one(node: Node, rewrite: Rewriter) -> Any:
    """The choice between 1 and 0 is the condition as a number."""
    condition, a, b = node.inputs
    ones = (frozen(float(a)), frozen(float(b))) if is_number(a) and is_number(b) else None
    if ones == (frozen(1.0), frozen(0.0)):
        return rewrite.make(convert, condition, dtype=node.dtype)
    if ones == (frozen(0.0), frozen(1.0)):
        return rewrite.make(convert, rewrite.make(e.logical_not, condition), dtype=node.dtype)
    return None


@on(e.where)
def single_choice(node: Node, rewrite: Rewriter) -> Any:
    """In a branch the condition is known: with one element that may make a number of it, as of 1 / (not ignored)."""
    condition, a, b = node.inputs
    if type(condition) is not Node or condition.size != 1 or condition.dtype.kind != "b":
        return None
    for place, truth in ((1, True), (2, False)):
        x = node.inputs[place]
        known = _assuming(x, condition, truth, rewrite, 6) if type(x) is Node and x.size == 1 else None
        if known is not None and known is not x and (value := splat(known)) is not None:
            return rewrite.make(e.where, condition, *((value, b) if truth else (a, value)))
    return None


def _assuming(x: Any, condition: Node, truth: bool, rewrite: Rewriter, depth: int) -> Any:
    """The single element ``x`` where ``condition`` is ``truth``."""
    if type(x) is not Node:
        return x
    if x is condition:
        return rewrite.full(truth, x.shape, x.dtype)
    if x.op is OPPOSITE.get(condition.op) and x.inputs == condition.inputs:
        return rewrite.full(not truth, x.shape, x.dtype)
    if x.size != 1 or not depth or not isinstance(x.op, (Elementwise, Convert, Reshape)):
        return x
    inputs = [_assuming(v, condition, truth, rewrite, depth - 1) for v in x.inputs]
    return (
        x
        if all(new is old for new, old in zip(inputs, x.inputs, strict=True))
        else rewrite.make(x.op, *inputs, **x.params)
    )


@on(e.where)
def choice(node: Node, rewrite: Rewriter) -> Any:
    """A negated condition exchanges the branches; a branch that asks the same again is decided."""
    condition, a, b = node.inputs
    if is_op(condition, e.logical_not) and condition.inputs[0].dtype.kind == "b":
        return rewrite.make(e.where, condition.inputs[0], b, a)
    if is_op(a, e.where) and a.inputs[0] is condition:
        return rewrite.make(e.where, condition, a.inputs[1], b)
    if is_op(b, e.where) and b.inputs[0] is condition:
        return rewrite.make(e.where, condition, a, b.inputs[2])
    return None
