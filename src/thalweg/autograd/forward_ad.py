"""Forward mode by hand: tensors that carry a tangent, within a level."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, NamedTuple

from ..core.tensor import Tensor
from ..errors import AutogradError, DtypeError, ShapeError
from ..transforms.duals import DualLevel, dualize
from ..transforms.forward import unpacked

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class _Levels(threading.local):
    def __init__(self) -> None:
        self.entered: list[DualLevel] = []


_levels = _Levels()


class UnpackedDualTensor(NamedTuple):
    """A value and its tangent; None if it has none."""

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level() -> DualLevel:
    """Begin a level of forward mode; levels may be nested, each with tangents of its own."""
    level = DualLevel()
    _levels.entered.append(level)
    return level.__enter__()


def exit_dual_level(*, level: DualLevel | None = None) -> None:
    """End the innermost level."""
    if not _levels.entered or level not in (None, _levels.entered[-1]):
        raise AutogradError("exit_dual_level: this is not the innermost level; levels end in the reverse order")
    _levels.entered.pop().__exit__()


class dual_level:  # noqa: N801 - PyTorch's name
    """A level of forward mode, as a context.

    >>> import thalweg as tw
    >>> from thalweg.autograd import forward_ad
    >>> with forward_ad.dual_level():
    ...     x = forward_ad.make_dual(tw.tensor(3.0), tw.tensor(1.0))
    ...     forward_ad.unpack_dual(x * x).tangent
    tensor(6.)
    """

    def __enter__(self) -> DualLevel:
        return enter_dual_level()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        exit_dual_level()


def _current(level: DualLevel | None, caller: str) -> DualLevel:
    if level is None and not _levels.entered:
        raise AutogradError(f"{caller}: there is no level; enter one with forward_ad.dual_level()")
    return _levels.entered[-1] if level is None else level


def make_dual(tensor: Tensor, tangent: Tensor, *, level: DualLevel | None = None) -> Any:
    """``tensor`` with a tangent: results computed from it have the derivative along that tangent as theirs.

    Raises:
        AutogradError: there is no level.
        DtypeError: ``tensor`` is not floating-point, or the dtypes differ.
        ShapeError: the shapes differ.
    """
    level = _current(level, "make_dual")
    if tensor._value.dtype.kind != "f" or tangent._value.dtype != tensor._value.dtype:
        raise DtypeError(
            f"make_dual: needs a floating-point tensor and a tangent of its dtype, got {tensor.dtype} and "
            f"{tangent.dtype}"
        )
    if tensor._value.shape != tangent._value.shape:
        raise ShapeError(
            f"make_dual: the tensor has shape {tuple(tensor.shape)}, the tangent {tuple(tangent.shape)}; they must be "
            "equal"
        )
    return dualize(tensor, tangent, level=level)


def unpack_dual(tensor: Tensor, *, level: DualLevel | None = None) -> UnpackedDualTensor:
    """A tensor's value and its tangent."""
    level = _current(level, "unpack_dual")
    if not level.holds(tensor._value) or tensor._value.tangent is None:
        return UnpackedDualTensor(tensor, None)
    return UnpackedDualTensor(*unpacked(tensor, level))
