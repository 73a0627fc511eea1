"""``detect_anomaly``: a backward that stops where the first NaN comes up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.backward import Watcher
from ..core.modes import state
from ..core.tape import Node
from ..core.tensor import Tensor
from ..errors import AutogradError

__all__ = ["detect_anomaly", "is_anomaly_check_nan_enabled", "is_anomaly_enabled", "set_detect_anomaly"]


class _NaNWatcher(Watcher):
    """Refuses the first node that gives a NaN."""

    def left(self, node: Node, edges: Sequence[Any], cotangents: Sequence[Any]) -> None:
        for i, (edge, dx) in enumerate(zip(edges, cotangents, strict=True)):
            value = dx._value if isinstance(dx, Tensor) else dx
            if edge is not None and isinstance(value, (np.ndarray, np.generic)) and np.isnan(value).any():
                raise AutogradError(
                    f"backward: {node.name()} returned nan values in its output {i} (detect_anomaly is on)"
                )


_watcher = _NaNWatcher()


class set_detect_anomaly:  # noqa: N801 - PyTorch's name
    """Switch the search for NaN in ``backward`` on or off: as a function at once, as a context for a while.

    PyTorch also shows where in the forward pass the operation stood; here the operation is named.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._previous = state.watcher
        state.watcher = _watcher if mode and check_nan else None

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        state.watcher = self._previous


class detect_anomaly:  # noqa: N801 - PyTorch's name
    """A context in which ``backward`` raises an error at the first operation whose gradient holds a NaN.

    Programs of ``tw.compile`` are not watched.

    >>> import thalweg as tw
    >>> x = tw.tensor(-1.0, requires_grad=True)
    >>> with tw.autograd.detect_anomaly():
    ...     x.sqrt().backward()
    Traceback (most recent call last):
    ...
    thalweg.errors.AutogradError: backward: SqrtBackward returned nan values in its output 0 (detect_anomaly is on)
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan

    def __enter__(self) -> None:
        self._previous = state.watcher
        state.watcher = _watcher if self.check_nan else None

    def __exit__(self, *error: object) -> None:
        state.watcher = self._previous


def is_anomaly_enabled() -> bool:
    """Whether ``backward`` looks for NaN."""
    return isinstance(state.watcher, _NaNWatcher)


is_anomaly_check_nan_enabled = is_anomaly_enabled
