"""How many threads thalweg may use."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from ..errors import ArgumentError

__all__ = ["get_num_threads", "set_num_threads"]

_chosen: list[int] = []


def get_num_threads() -> int:
    """The number of threads that compiled code may use, this one included.

    Set by ``set_num_threads``, else by the environment's ``THALWEG_NUM_THREADS`` or ``OMP_NUM_THREADS``, else the
    number of processor cores that this process may run on. What NumPy's products use is not governed by it.

    Example:
        >>> import thalweg as tw
        >>> tw.get_num_threads() >= 1
        True
    """
    return _chosen[-1] if _chosen else _default()


def set_num_threads(num: int) -> None:
    """Let compiled code use at most ``num`` threads from now on.

    Raises:
        TypeError: ``num`` is not an int.
        ArgumentError: ``num`` is not positive.

    Example:
        >>> import thalweg as tw
        >>> before = tw.get_num_threads()
        >>> tw.set_num_threads(1)
        >>> tw.get_num_threads()
        1
        >>> tw.set_num_threads(before)
    """
    if not isinstance(num, int) or isinstance(num, bool):
        raise TypeError(f"set_num_threads: num must be an int, not {type(num).__name__}")
    if num < 1:
        raise ArgumentError(f"set_num_threads: num must be positive, not {num}")
    _chosen[:] = [num]


@functools.cache
def _default() -> int:
    for name in ("THALWEG_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "").split(",")[0].strip()  # OMP_NUM_THREADS may name one number for each nesting
        if value.isascii() and value.isdigit() and int(value) > 0:
            return int(value)
    return max(1, min(_cores(), _quota()))


def _cores() -> int:
    """The cores on which this process may run: two hardware threads of one core share its arithmetic units."""
    try:
        processors = os.sched_getaffinity(0)
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
    return len({_siblings(n) for n in processors})


def _siblings(processor: int) -> str:
    try:
        return Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list").read_text()
    except OSError:
        return str(processor)


def _quota() -> int:
    """The processors' worth of time that the container may use."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, int(quota) // int(period))
    except (OSError, ValueError):  # no such file, or "max"
        return os.cpu_count() or 1
