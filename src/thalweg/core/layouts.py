"""Layouts and memory formats: accepted where PyTorch's functions take them. Tensors are strided and row-major."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError

__all__ = [
    "channels_last",
    "channels_last_3d",
    "contiguous_format",
    "layout",
    "memory_format",
    "preserve_format",
    "strided",
]


class _Constant:
    """One of a few values that are told apart by their names."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"thalweg.{self.name}"

    def __copy__(self) -> _Constant:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> _Constant:
        return self

    def __reduce__(self) -> str:
        return self.name


class layout(_Constant):  # noqa: N801 - PyTorch's name
    """How a tensor is stored: ``strided`` is the only layout."""

    __slots__ = ()


class memory_format(_Constant):  # noqa: N801 - PyTorch's name
    """The order of a tensor's axes in memory. Operations accept one; results are row-major all the same."""

    __slots__ = ()


strided = layout("strided")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")

_RANKS = {channels_last: 4, channels_last_3d: 5}


def check_memory_format(format: Any, ndim: int, name: str) -> None:
    """Refuse what is no memory format, or one for another number of axes."""
    if format is None:
        return
    if not isinstance(format, memory_format):
        raise TypeError(f"{name}: memory_format must be a thalweg.memory_format, not {type(format).__name__}")
    if _RANKS.get(format, ndim) != ndim:
        raise ArgumentError(f"{name}: {format} is for tensors of {_RANKS[format]} axes, this one has {ndim}")
