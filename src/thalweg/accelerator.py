"""Whether there is another device than the CPU: there is none."""

from __future__ import annotations

from .core.absent import device_count, is_available, set_device, synchronize
from .core.device import device

__all__ = ["current_accelerator", "device_count", "is_available", "set_device", "synchronize"]


def current_accelerator(check_available: bool = False) -> device | None:
    """None: there is no accelerator.

    >>> import thalweg as tw
    >>> accelerator = tw.accelerator.current_accelerator()
    >>> accelerator.type if tw.accelerator.is_available() else "cpu"
    'cpu'
    """
    return None
