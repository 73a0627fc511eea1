"""Training over several processes, which is not there: scripts can ask, and are refused what needs it."""

from __future__ import annotations

from typing import Any

from .errors import ArgumentError

__all__ = [
    "barrier",
    "destroy_process_group",
    "get_rank",
    "get_world_size",
    "init_process_group",
    "is_available",
    "is_initialized",
]


def is_available() -> bool:
    """False: there is no training over several processes."""
    return False


def is_initialized() -> bool:
    """False: no process group can be made."""
    return False


def init_process_group(backend: str | None = None, *args: Any, **kwargs: Any) -> None:
    """Refused.

    Raises:
        ArgumentError: always.
    """
    raise ArgumentError(
        "init_process_group: thalweg does not train over several processes; run the script without its launcher, and "
        "set the number of threads by tw.set_num_threads"
    )


def _refuse(name: str) -> None:
    raise ArgumentError(f"{name}: no process group is initialised; ask is_initialized() first")


def get_rank(group: Any = None) -> int:
    """Refused, as in PyTorch without a process group.

    Raises:
        ArgumentError: always.
    """
    _refuse("get_rank")
    return -1


def get_world_size(group: Any = None) -> int:
    """Refused, as in PyTorch without a process group.

    Raises:
        ArgumentError: always.
    """
    _refuse("get_world_size")
    return -1


def barrier(group: Any = None) -> None:
    """Refused, as in PyTorch without a process group.

    Raises:
        ArgumentError: always.
    """
    _refuse("barrier")


def destroy_process_group(group: Any = None) -> None:
    """Refused, as in PyTorch without a process group.

    Raises:
        ArgumentError: always.
    """
    _refuse("destroy_process_group")
