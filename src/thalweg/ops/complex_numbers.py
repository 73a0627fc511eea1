"""Functions of PyTorch's complex tensors: those that mean something for real ones; the others are refused."""

from __future__ import annotations

import math
from typing import Any

from ..core.dtypes import default_float
from ..core.tensor import Tensor
from ..errors import DtypeError
from . import elementwise as e
from .base import convert, where

__all__ = [
    "adjoint", "angle", "complex", "conj", "conj_physical", "imag", "is_conj", "polar", "real", "resolve_conj",
    "view_as_complex", "view_as_real",
]  # fmt: skip


def conj(input: Tensor) -> Tensor:
    """The tensor itself: its elements are real."""
    return input


real = conj_physical = resolve_conj = conj


def is_conj(input: Tensor) -> bool:
    """False: there are no complex tensors."""
    return False


def adjoint(input: Tensor) -> Tensor:
    """Each matrix transposed."""
    return input.mT


def angle(input: Tensor) -> Tensor:
    """0 for x >= 0, pi for x < 0, NaN for NaN."""
    x = input if input._value.dtype.kind == "f" else convert(input, dtype=default_float())
    return where(e.isnan(x), x * 0, where(e.lt(x, 0), math.pi, x * 0))


def _refused(name: str) -> DtypeError:
    return DtypeError(
        f"{name}: complex numbers are not supported; keep the real and imaginary parts in two tensors, or as a last "
        "axis of size 2"
    )


def complex(real: Any, imag: Any) -> Tensor:
    """Refused: there are no complex tensors."""
    raise _refused("complex")


def polar(abs: Any, angle: Any) -> Tensor:
    """Refused: there are no complex tensors."""
    raise _refused("polar")


def imag(input: Any) -> Tensor:
    """Refused: there are no complex tensors."""
    raise _refused("imag")


def view_as_complex(input: Any) -> Tensor:
    """Refused: there are no complex tensors."""
    raise _refused("view_as_complex")


def view_as_real(input: Any) -> Tensor:
    """Refused: there are no complex tensors."""
    raise _refused("view_as_real")
