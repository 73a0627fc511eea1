"""The machine and the versions that a run was made with: nothing that names its owner."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from ..version import __version__

__all__ = ["machine", "versions"]

CPU_INFO = Path("/proc/cpuinfo")


def versions() -> dict[str, str]:
    """Of thalweg, and of what it computes with."""
    return {
        "thalweg": __version__,
        "numpy": np.__version__,
        "llvmlite": _installed("llvmlite"),
        "python": platform.python_version(),
    }


def machine() -> dict[str, Any]:
    """Processor, cores that the process may use, and operating system; no host's and no user's name."""
    return {
        "processor": processor(),
        "cores": _cores(),
        "system": f"{platform.system()} {platform.release()}".strip(),
        "architecture": platform.machine(),
    }


def processor(info: Path = CPU_INFO) -> str:
    """The processor's name, as Linux tells it or else as Python knows it."""
    try:
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine() or "unknown"


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"
