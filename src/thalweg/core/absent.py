"""What modules of devices that are not there answer: none available, nothing to seed, to wait for or to free."""

from __future__ import annotations

from typing import Any

from ..errors import DeviceError

__all__ = [
    "current_device",
    "device_count",
    "empty_cache",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "seed_all",
    "set_device",
    "synchronize",
]


def is_available() -> bool:
    """False: thalweg computes on the CPU.

    >>> import thalweg as tw
    >>> tw.device("cuda" if tw.cuda.is_available() else "cpu")
    device(type='cpu')
    """
    return False


def is_initialized() -> bool:
    """False: there is nothing to initialise."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False: there is no bfloat16."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing: the device has no generator. ``tw.manual_seed`` seeds the one there is."""


manual_seed_all = manual_seed


def seed_all() -> None:
    """Nothing: the device has no generator."""


def synchronize(device: Any = None) -> None:
    """Nothing: every result is there when its operation returns."""


def empty_cache() -> None:
    """Nothing: the device has no memory."""


def reset_peak_memory_stats(device: Any = None) -> None:
    """Nothing: the device has no memory."""


def memory_allocated(device: Any = None) -> int:
    """0 bytes."""
    return 0


max_memory_allocated = memory_reserved = memory_allocated


def _refuse(name: str) -> None:
    raise DeviceError(f"{name}: no such device is available, thalweg computes on the CPU; ask is_available() first")


def current_device() -> int:
    """Refused.

    Raises:
        DeviceError: always, as in PyTorch where there is no such device.
    """
    _refuse("current_device")
    return -1


def set_device(device: Any) -> None:
    """Refused, unless no device is meant: None or a negative number.

    Raises:
        DeviceError: a device is named.
    """
    if device is not None and not (isinstance(device, int) and device < 0):
        _refuse("set_device")


def get_device_name(device: Any = None) -> str:
    """Refused.

    Raises:
        DeviceError: always, as in PyTorch where there is no such device.
    """
    _refuse("get_device_name")
    return ""


def get_device_capability(device: Any = None) -> Any:
    """Refused.

    Raises:
        DeviceError: always, as in PyTorch where there is no such device.
    """
    _refuse("get_device_capability")


def get_device_properties(device: Any = None) -> Any:
    """Refused.

    Raises:
        DeviceError: always, as in PyTorch where there is no such device.
    """
    _refuse("get_device_properties")
