"""PyTorch's global switches for precision and reproducibility. Results are the same whatever they say."""

from __future__ import annotations

from ..errors import ArgumentError

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_float32_matmul_precision",
    "is_deterministic_algorithms_warn_only_enabled",
    "set_float32_matmul_precision",
    "use_deterministic_algorithms",
]

_PRECISIONS = ("highest", "high", "medium")
_settings = {"precision": "highest", "deterministic": False, "warn_only": False}


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Remembered, and always so: every operation gives the same bits when it is run again on the same machine."""
    _settings.update(deterministic=bool(mode), warn_only=bool(warn_only))


def are_deterministic_algorithms_enabled() -> bool:
    """What ``use_deterministic_algorithms`` was told; False at start."""
    return bool(_settings["deterministic"])


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """What ``use_deterministic_algorithms`` was told by ``warn_only``."""
    return bool(_settings["warn_only"])


def set_float32_matmul_precision(precision: str) -> None:
    """Remembered, without effect: products of float32 matrices always have its full precision.

    Raises:
        ArgumentError: ``precision`` is not "highest", "high" or "medium".
    """
    if precision not in _PRECISIONS:
        raise ArgumentError(
            f"set_float32_matmul_precision: precision must be one of {', '.join(_PRECISIONS)}, not {precision!r}"
        )
    _settings["precision"] = precision


def get_float32_matmul_precision() -> str:
    """What ``set_float32_matmul_precision`` was told; "highest" at start."""
    return str(_settings["precision"])
