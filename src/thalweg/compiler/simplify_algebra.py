"""Rules of arithmetic that hold for all floating-point numbers, NaN, infinities and signed zeros included."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ops import elementwise as e
from ..ops.base import convert
from ..ops.broadcast import reshape
from ..ops.shape import permute
from .graph import Node
from .simplify_rewriter import Rewriter, is_number, on

POSITIVE_ZERO = (e.exp, e.sigmoid, e.abs_, e.softplus)  # never -0.0


def is_op(x: Any, op: Any) -> bool:
    """Whether an operand is a node of this operation."""
    return type(x) is Node and x.op is op


def is_positive_zero(x: Any) -> bool:
    """Whether an operand is the number 0 or 0.0."""
    return is_number(x) and x == 0 and math.copysign(1.0, x) > 0


def is_negative_zero(x: Any) -> bool:
    """Whether an operand is the number -0.0."""
    return type(x) is float and x == 0 and math.copysign(1.0, x) < 0


def _as(x: Any, node: Node, rewrite: Rewriter) -> Any:
    """``x`` in place of ``node``; integers that a float number had promoted are left alone."""
    if type(x) is not Node or not (x.dtype == node.dtype or x.dtype.kind == "b"):
        return None
    return rewrite.fit(x, node.shape, node.dtype)


@on(e.add)
def add_zero(node: Node, rewrite: Rewriter) -> Any:
    """x + 0 is x for integers; in floating point x + -0.0 is, and x + 0.0 unless x may be -0.0, which becomes 0.0."""
    x, y = node.inputs
    if not is_number(y) or y != 0:
        return None
    exact = node.dtype.kind != "f" or is_negative_zero(y) or _never_negative_zero(x)
    return _as(x, node, rewrite) if exact else None


def _never_negative_zero(x: Node) -> bool:
    if x.op is convert:
        return x.dtype.kind != "f" or x.inputs[0].dtype.kind != "f"
    return x.op in POSITIVE_ZERO or (x.op is e.add and is_positive_zero(x.inputs[1]))


@on(e.sub)
def subtract_zero(node: Node, rewrite: Rewriter) -> Any:
    """x - 0 is x, also for -0.0: -0.0 - 0.0 = -0.0; x - -0.0 is not."""
    x, y = node.inputs
    return _as(x, node, rewrite) if is_positive_zero(y) else None


@on(e.add, e.sub)
def add_negative(node: Node, rewrite: Rewriter) -> Any:
    """x + -y = x - y and x - -y = x + y: subtraction is defined so. -x + y = y - x: sums commute."""
    x, y = node.inputs
    if node.dtype.kind not in "fi" or any(type(v) is Node and v.dtype != node.dtype for v in node.inputs):
        return None
    if is_op(y, e.neg):
        return rewrite.make(e.sub if node.op is e.add else e.add, x, y.inputs[0])
    if is_op(x, e.neg) and node.op is e.add and type(y) is Node:
        return rewrite.make(e.sub, y, x.inputs[0])
    return None


@on(e.mul, e.div)
def times_one(node: Node, rewrite: Rewriter) -> Any:
    """x * 1 and x / 1 are x, exactly."""
    x, y = node.inputs
    return _as(x, node, rewrite) if is_number(y) and y == 1 else None


@on(e.mul, e.div)
def times_minus_one(node: Node, rewrite: Rewriter) -> Any:
    """x * -1 and x / -1 are -x: only the sign changes."""
    x, y = node.inputs
    if not (type(x) is Node and is_number(y) and y == -1 and x.dtype == node.dtype and x.dtype.kind in "fi"):
        return None
    return rewrite.make(e.neg, x)


@on(e.mul, e.div)
def signs_in_products(node: Node, rewrite: Rewriter) -> Any:
    """(-x) c = x (-c) and (-x)(-y) = x y, so for quotients: the sign of a product is that of its factors."""
    x, y = node.inputs
    if not is_op(x, e.neg) or node.dtype.kind != "f" or x.dtype != node.dtype:
        return None
    if is_number(y):
        return rewrite.make(node.op, x.inputs[0], -float(y))
    return rewrite.make(node.op, x.inputs[0], y.inputs[0]) if is_op(y, e.neg) else None


@on(e.neg)
def negate(node: Node, rewrite: Rewriter) -> Any:
    """-(-x) = x; -(x c) = x (-c) and -(x / c) = x / (-c)."""
    (x,) = node.inputs
    if x.op is e.neg:
        return x.inputs[0]
    if x.op in (e.mul, e.div) and is_number(x.inputs[1]) and x.dtype.kind == "f":
        return rewrite.make(x.op, x.inputs[0], -float(x.inputs[1]))
    return None


@on(e.abs_)
def absolute(node: Node, rewrite: Rewriter) -> Any:
    """||x|| = |x| and |-x| = |x|."""
    (x,) = node.inputs
    return rewrite.make(e.abs_, x.inputs[0]) if x.op in (e.abs_, e.neg) else None


@on(e.mul)
def merge_factors(node: Node, rewrite: Rewriter) -> Any:
    """(x a) b = x (a b), to rounding. Both are at least 1 or at most 1, so that nothing overflows on the way."""
    x, b = node.inputs
    if not (is_number(b) and is_op(x, e.mul) and is_number(x.inputs[1]) and node.dtype.kind == "f"):
        return None
    a = float(x.inputs[1])
    if not (min(abs(a), abs(b)) >= 1 or max(abs(a), abs(b)) <= 1) or not _is_normal(a * b, node.dtype):
        return None
    return rewrite.make(e.mul, x.inputs[0], a * b)


def _is_normal(value: float, dtype: Any) -> bool:
    limits = np.finfo(dtype)
    return bool(float(limits.tiny) <= abs(value) <= float(limits.max))


@on(e.div)
def divide_by_power_of_two(node: Node, rewrite: Rewriter) -> Any:
    """x / 2**k = x * 2**-k: both are the same number, rounded once."""
    x, y = node.inputs
    if not (type(x) is Node and is_number(y) and y and math.isfinite(y) and node.dtype.kind == "f"):
        return None
    if abs(math.frexp(y)[0]) != 0.5 or not _is_normal(1 / y, node.dtype):
        return None
    return rewrite.make(e.mul, x, 1 / y)


@on(e.pow_)
def power(node: Node, rewrite: Rewriter) -> Any:
    """Small powers as products; what the primitive itself computes for 2, 3 and 1/2. x**0 is 1, also for NaN."""
    x, n = node.inputs
    if type(x) is not Node or not is_number(n) or type(n) is bool or x.dtype != node.dtype:
        return None
    if n == 0:
        return rewrite.full(1, node.shape, node.dtype)
    if n == 1:
        return x
    if n == 2:
        return rewrite.make(e.mul, x, x)
    if n == 3:
        return rewrite.make(e.mul, rewrite.make(e.mul, x, x), x)
    if x.dtype.kind == "f" and n in (0.5, -1):
        return rewrite.make(e.sqrt, x) if n == 0.5 else rewrite.make(e.div, 1.0, x)
    return None


@on(e.safe_mul)
def plain_product(node: Node, rewrite: Rewriter) -> Any:
    """safe_mul differs from mul only where dy = 0 meets a d that is infinite or NaN."""
    dy, d = node.inputs
    if is_number(d):
        finite = abs(d) <= float(np.finfo(node.dtype).max) if node.dtype.kind == "f" else True
    else:
        finite = d.dtype.kind != "f"
    never_zero = is_number(dy) and dy != 0
    return rewrite.make(e.mul, dy, d) if finite or never_zero else None


@on(e.safe_mul)
def masks(node: Node, rewrite: Rewriter) -> Any:
    """A mask is a bool as it stands, and two masks are one: where either is False, x times 0 remains, NaN as 0."""
    mask, x = node.inputs
    if type(mask) is not Node or type(x) is not Node:
        return None
    boolean = _as_boolean(mask, rewrite)
    if boolean is not None:
        return rewrite.make(e.safe_mul, boolean, x)
    if mask.dtype.kind == "b" and is_op(x, e.safe_mul):
        inner, y = x.inputs
        if type(inner) is Node and inner.dtype.kind == "b":
            return rewrite.make(e.safe_mul, rewrite.make(e.logical_and, mask, inner), y)
    return None


def _as_boolean(mask: Node, rewrite: Rewriter) -> Node | None:
    """The boolean that was made 0 and 1, perhaps with a view of these."""
    source = mask.inputs[0] if mask.op in (reshape, permute) else mask
    if source.op is not convert or source.inputs[0].dtype.kind != "b":
        return None
    return source.inputs[0] if source is mask else rewrite.make(mask.op, source.inputs[0], **mask.params)


@on(e.relu)
def relu_twice(node: Node, rewrite: Rewriter) -> Any:
    """max(max(x, 0), 0) = max(x, 0)."""
    (x,) = node.inputs
    return x if x.op is e.relu else None


@on(e.maximum, e.minimum)
def extremum_of_equals(node: Node, rewrite: Rewriter) -> Any:
    """The larger of x and x is x."""
    x, y = node.inputs
    return x if x is y else None


@on(convert)
def convert_twice(node: Node, rewrite: Rewriter) -> Any:
    """To its own dtype nothing changes; a step between that holds all values of the first dtype can be left out."""
    (x,) = node.inputs
    if x.dtype == node.dtype:
        return x
    if x.op is not convert:
        return None
    (source,) = x.inputs
    if not _holds(x.dtype, source.dtype) or (source.dtype.kind == "f" and node.dtype.kind != "f"):
        return None
    return rewrite.make(convert, source, dtype=node.dtype)


def _holds(dtype: Any, other: Any) -> bool:
    """Whether ``dtype`` can tell all values of ``other``; NumPy lets 64-bit integers pass for float64."""
    return bool(np.can_cast(other, dtype)) and not (other.kind in "iu" and other.itemsize == 8 and dtype.kind == "f")
