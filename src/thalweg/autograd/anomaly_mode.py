"""``detect_anomaly``: the computation stops where the first NaN or infinity comes up."""

from __future__ import annotations

import threading

from ..core.modes import state
from ..core.watching import Watch

__all__ = [
    "detect_anomaly",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "set_anomaly_enabled",
    "set_detect_anomaly",
]


class _Local(threading.local):
    watch: Watch | None = None  # while anomalies are looked for
    check_nan: bool | None = None  # None while they are not


_local = _Local()


def _switch(check_nan: bool | None) -> bool | None:
    """Look for anomalies (with or without checking values), or not (None); what was before."""
    before = _local.check_nan
    if check_nan is not before:
        if _local.watch is not None:
            _local.watch.stop()
            _local.watch = None
        if check_nan is not None:
            from .explaining.detector import Detector

            _local.watch = Watch(Detector(check_nan))
            _local.watch.start()
        state.inside += (check_nan is not None) - (before is not None)
        state.examined += (check_nan is not None) - (before is not None)
        _local.check_nan = check_nan
    return before


class set_detect_anomaly:  # noqa: N801 - PyTorch's name
    """Switch ``detect_anomaly`` on or off: as a function at once, as a context for a while."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = _switch(check_nan if mode else None)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        _switch(self._before)


class detect_anomaly:  # noqa: N801 - PyTorch's name
    """A context in which the first NaN or infinity that comes up, forward or backward, is an error.

    The message names the operation, the user's line, the module by path and class, shapes and dtypes, and the first bad
    place. PyTorch looks at backward only. What counts:

    - forward: a NaN that an operation makes of numbers that are none, or that comes from outside (in the data, in a
      weight) into what is recorded for differentiation; an infinity that an operation makes of finite numbers, if
      the result is recorded. So masks may hold -inf, and may be written, added and passed through softmax.
    - backward: a NaN in a gradient, an infinity that a derivative makes of a finite gradient. Only what an operation
      hands on counts, not what its rule computes on the way: where a gradient is 0, it stays 0.

    A program of ``tw.compile`` that is called here is first evaluated with NumPy, operation by operation, with the
    values it is given; it runs, and writes, only if nothing is found. All this takes several times as long: use it to
    look for an error, not to train.

    Args:
        check_nan: False only notes where operations ran, for ``explain``, and checks no values.

    Raises:
        AutogradError: (within the context) an operation gave a NaN or an infinity.

    >>> import thalweg as tw
    >>> x = tw.tensor([4.0, 0.0], requires_grad=True)
    >>> with tw.autograd.detect_anomaly():
    ...     x.sqrt().sum().backward()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    thalweg.errors.AutogradError: backward: SqrtBackward returned inf values in its output 0, inf at index [1]: ...
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan

    def __enter__(self) -> None:
        self._before = _switch(self.check_nan)

    def __exit__(self, *error: object) -> None:
        _switch(self._before)


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Switch ``autograd.detect_anomaly`` on or off, until further notice.

    >>> import thalweg as tw
    >>> tw.set_anomaly_enabled(True)
    >>> tw.is_anomaly_enabled()
    True
    >>> tw.set_anomaly_enabled(False)
    """
    _switch(check_nan if mode else None)


def is_anomaly_enabled() -> bool:
    """Whether anomalies are looked for in this thread."""
    return _local.check_nan is not None


def is_anomaly_check_nan_enabled() -> bool:
    """Whether values are checked, too."""
    return bool(_local.check_nan)
