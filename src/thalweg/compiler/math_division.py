"""Division with a remainder, of integers and floats."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .lanes import Lane, Lanes


def floor_divide(emit: Lanes, a: Lane, b: Lane) -> Lane:
    """floor(a / b) of the exact quotient."""
    if a.dtype.kind == "f":
        return _floor_divide_floats(emit, a, b)
    if a.dtype.kind != "i":
        return _integer_division(emit, "udiv", a, b)
    quotient = _integer_division(emit, "sdiv", a, b)
    rest = emit.sub(a, emit.mul(quotient, b))
    down = emit.logical_and(_differ(emit, rest, b), emit.ne(b, 0))
    return emit.sub(quotient, emit.convert(down, a.dtype))


def remainder(emit: Lanes, a: Lane, b: Lane) -> Lane:
    """a - b floor(a / b), of b's sign; a float's zero has b's sign too."""
    rest = fmod(emit, a, b)
    if a.dtype.kind == "u":
        return rest
    if a.dtype.kind != "f":
        up = emit.logical_and(_differ(emit, rest, b), emit.ne(b, 0))
        return emit.select(up, emit.add(rest, b), rest)
    return _of_sign(emit, rest, b)


def fmod(emit: Lanes, a: Lane, b: Lane) -> Lane:
    """a - b trunc(a / b), exactly, of a's sign."""
    if a.dtype.kind == "f":
        return emit.instruction("frem", a, b)
    quotient = _integer_division(emit, "udiv" if a.dtype.kind == "u" else "sdiv", a, b)
    return emit.select(emit.eq(b, 0), 0, emit.sub(a, emit.mul(quotient, b)))


def _integer_division(emit: Lanes, operation: str, a: Lane, b: Lane) -> Lane:
    """The quotient towards 0; 0 for b = 0. A processor would trap there, and at -128 / -1, which wraps round."""
    zero = emit.eq(b, 0)
    unsafe = zero if operation == "udiv" else emit.logical_or(zero, emit.eq(b, -1))
    quotient = emit.instruction(operation, a, emit.select(unsafe, 1, b))
    if operation == "sdiv":
        quotient = emit.select(emit.eq(b, -1), emit.neg(quotient), quotient)
    return emit.select(zero, 0, quotient)


def _differ(emit: Lanes, rest: Lane, b: Lane) -> Lane:
    """Whether a remainder is not 0 and of the other sign than b."""
    return emit.logical_and(emit.ne(rest, 0), emit.ne(emit.lt(rest, 0), emit.lt(b, 0)))


def _of_sign(emit: Lanes, rest: Lane, b: Lane) -> Lane:
    """A float's remainder moved to the sign of b."""
    moved = emit.select(_differ(emit, rest, b), emit.add(rest, b), rest)
    return emit.select(emit.eq(rest, 0), emit.copysign(emit.constant(0, b.dtype), b), moved)


def _floor_divide_floats(emit: Lanes, a: Lane, b: Lane) -> Lane:
    """From the exact remainder: the rounded quotient may lie on the wrong side of an integer."""
    quotient = emit.div(a, b)
    rest = emit.instruction("frem", a, b)
    whole = emit.div(emit.sub(a, rest), b)  # an integer but for rounding
    whole = emit.select(_differ(emit, rest, b), emit.sub(whole, 1), whole)
    low = emit.floor(whole)
    nearest = emit.select(emit.gt(emit.sub(whole, low), 0.5), emit.add(low, 1), low)
    nearest = emit.select(emit.eq(whole, 0), emit.copysign(emit.constant(0, a.dtype), quotient), nearest)
    return emit.select(emit.eq(b, 0), quotient, nearest)


__all__ = ["floor_divide", "fmod", "remainder"]
