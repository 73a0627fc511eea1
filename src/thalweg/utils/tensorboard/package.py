"""The package tensorboardX, which holds the formats; it is imported when a writer is made."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ...errors import DependencyError

__all__ = ["array", "needed", "proto", "tensorboardx"]


def tensorboardx(part: str) -> Any:
    """A module of tensorboardX.

    Raises:
        DependencyError: it is not installed.
    """
    return needed("tensorboardX", f"tensorboardX.{part}", "SummaryWriter", "'thalweg[tensorboard]'")


def proto(name: str) -> Any:
    """A module of messages, such as "summary"."""
    return tensorboardx(f"proto.{name}_pb2")


def needed(package: str, module: str, what: str, install: str) -> Any:
    """A module of an optional package, or an error that says how to install it."""
    try:
        importlib.import_module(package)
    except ImportError:
        raise DependencyError(f"{what} needs {package}: pip install {install}") from None
    return importlib.import_module(module)


def array(x: Any) -> Any:
    """The values of a tensor, or of a list of them, as an array; anything else as NumPy makes it."""
    if isinstance(x, Tensor):
        return np.asarray(x._value)
    if isinstance(x, (list, tuple)):
        return np.asarray([array(v) for v in x])
    return np.asarray(x)
