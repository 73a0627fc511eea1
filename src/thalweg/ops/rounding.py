"""Rounding, and division with a remainder."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DivisionError
from .arithmetic import refuse_booleans
from .base import Elementwise, Unary, quiet, safe_mul
from .logic import ne

__all__ = ["ceil", "floor", "floor_divide", "fmod", "remainder", "round_", "trunc"]

ZERO_DIVISION = "integer division by zero; use floating-point tensors to get inf or NaN"
_floor_divide, _remainder, _fmod = quiet(np.floor_divide), quiet(np.remainder), quiet(np.fmod)


class _Rounding(Unary):
    """A staircase: its derivative is 0."""

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        return dy * 0


class Floor(_Rounding):
    """The largest integer not above x."""

    def forward(self, x: Any) -> Any:
        return np.floor(x) if x.dtype.kind == "f" else x.copy()

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.floor(x) if x.dtype.kind == "f" else x


class Ceil(_Rounding):
    """The smallest integer not below x."""

    def forward(self, x: Any) -> Any:
        return np.ceil(x) if x.dtype.kind == "f" else x.copy()

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.ceil(x) if x.dtype.kind == "f" else x


class Trunc(_Rounding):
    """x without its fraction."""

    def forward(self, x: Any) -> Any:
        return np.trunc(x) if x.dtype.kind == "f" else x.copy()

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.trunc(x) if x.dtype.kind == "f" else x


class Round(_Rounding):
    """The nearest integer, halves to even."""

    def forward(self, x: Any) -> Any:
        return np.rint(x) if x.dtype.kind == "f" else x.copy()

    def lower(self, emit: Any, x: Any) -> Any:
        return emit.rint(x) if x.dtype.kind == "f" else x


class FloorDivide(Elementwise):
    """floor(a / b); integers divided by zero raise DivisionError, a ZeroDivisionError, as PyTorch does."""

    def forward(self, a: Any, b: Any) -> Any:
        _refuse_zero(a, b, "floor_divide")
        return _floor_divide(a, b)

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return dy * 0

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return dy * 0

    def limits(self, a: Any, b: Any) -> Any:
        return _zero_limits(a, b, self.name)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        """Native code can't raise: an integer divided by zero gives 0."""
        return emit.floor_divide(a, b)


class Remainder(Elementwise):
    """a - b floor(a / b): the sign is b's, as in Python."""

    saves = (0, 1)

    def forward(self, a: Any, b: Any) -> Any:
        _refuse_zero(a, b, "remainder")
        return _remainder(a, b)

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return dy

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return safe_mul(dy, -floor(a / b))

    def limits(self, a: Any, b: Any) -> Any:
        return _zero_limits(a, b, self.name)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        """Native code can't raise: an integer divided by zero leaves 0."""
        return emit.remainder(a, b)


class Fmod(Elementwise):
    """a - b trunc(a / b): the sign is a's, as in C."""

    saves = (0, 1)

    def forward(self, a: Any, b: Any) -> Any:
        _refuse_zero(a, b, "fmod")
        return _fmod(a, b)

    def pullback_0(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return dy

    def pullback_1(self, dy: Any, y: Any, a: Any, b: Any) -> Any:
        return safe_mul(dy, -trunc(a / b))

    def limits(self, a: Any, b: Any) -> Any:
        return _zero_limits(a, b, self.name)

    def lower(self, emit: Any, a: Any, b: Any) -> Any:
        """Native code can't raise: an integer divided by zero leaves 0."""
        return emit.fmod(a, b)


def _refuse_zero(a: Any, b: Any, name: str) -> None:
    refuse_booleans(a, b, name)
    if _are_integers(a, b) and not np.all(b):
        raise DivisionError(f"{name}: {ZERO_DIVISION}")


def _are_integers(*values: Any) -> bool:
    return all(getattr(v, "dtype", np.dtype(type(v))).kind in "iu" for v in values)


def _zero_limits(a: Any, b: Any, name: str) -> Any:
    """That no integer is divided by zero, as a limit of ``b != 0``."""
    if not _are_integers(a, b):
        return ()
    if not hasattr(b, "dtype"):
        _refuse_zero(a, b, name)
        return ()
    return ((ne(b, 0), 1, 2, DivisionError, f"{name}: {ZERO_DIVISION}"),)


floor, ceil, trunc, round_ = Floor(), Ceil(), Trunc(), Round()
floor_divide, remainder, fmod = FloorDivide(), Remainder(), Fmod()
