"""The context in which PyTorch would compute in fewer bits."""

from __future__ import annotations

import contextlib
from typing import Any

from ..core.device import device
from ..core.dtypes import dtype as dtype_type

__all__ = ["autocast", "is_autocast_available"]


class autocast(contextlib.ContextDecorator):  # noqa: N801 - PyTorch's name
    """A context, usable as a decorator, in which everything is computed in its own dtype, as outside.

    Args:
        device_type: "cpu", or the name of another device.
        dtype: a dtype, which has no effect.
        enabled: no effect.
        cache_enabled: no effect.

    Raises:
        DeviceError: there is no device of this name.
        TypeError: ``dtype`` is none.

    >>> import thalweg as tw
    >>> with tw.autocast("cpu"):
    ...     (tw.ones(2, 2) @ tw.ones(2, 2)).dtype
    thalweg.float32
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if dtype is not None and not isinstance(dtype, dtype_type):
            raise TypeError(f"autocast: dtype must be a thalweg.dtype, not {type(dtype).__name__}")
        self.device = device(device_type).type

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        return None


def is_autocast_available(device_type: str) -> bool:
    """False: ``autocast`` changes nothing on any device."""
    return False
