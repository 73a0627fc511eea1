"""Seeing every tensor that a traced function touches, at no cost while nothing is traced.

A Tensor keeps its value in a slot. While at least one thread traces, the slot's descriptor is exchanged for one that
asks that thread's trace: the first time that the value of a tensor from outside is read, the trace lifts it, which
means that an input of the graph takes its place in the slot. The same holds for gradients. So nothing that a
function reads can escape the record, whatever way it reads it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.tensor import Tensor

if TYPE_CHECKING:
    from .trace import Trace

__all__ = ["GRAD", "VALUE", "lifting"]

ndarray = np.ndarray

VALUE: Any = Tensor.__dict__["_value"]
GRAD: Any = Tensor.__dict__["_grad"]


class _Local(threading.local):
    trace: Trace | None = None


_local = _Local()
_lock = threading.Lock()
_tracing = 0  # how many threads trace


class _LiftedValue:
    """``Tensor._value`` while something is traced."""

    def __get__(self, x: Any, cls: Any = None) -> Any:
        value = VALUE.__get__(x, cls)
        trace = _local.trace
        return value if trace is None else trace.read_value(x, value)

    def __set__(self, x: Any, value: Any) -> None:
        trace = _local.trace
        if trace is None:
            VALUE.__set__(x, value)
        else:
            trace.set_value(x, value)


class _LiftedGrad:
    """``Tensor._grad`` while something is traced."""

    def __get__(self, x: Any, cls: Any = None) -> Any:
        grad = GRAD.__get__(x, cls)
        trace = _local.trace
        return grad if trace is None else trace.read_grad(x, grad)

    def __set__(self, x: Any, grad: Any) -> None:
        trace = _local.trace
        if trace is None:
            GRAD.__set__(x, grad)
        else:
            trace.set_grad(x, grad)


def exchange(value: Any, grad: Any) -> None:
    """Put these descriptors into the class."""
    setattr(Tensor, "_value", value)  # noqa: B010 - to a type checker the names are slots
    setattr(Tensor, "_grad", grad)  # noqa: B010


@contextmanager
def lifting(trace: Trace) -> Iterator[None]:
    """Within it this thread's tensors are seen by ``trace``."""
    global _tracing
    with _lock:
        _tracing += 1
        if _tracing == 1:
            exchange(_LiftedValue(), _LiftedGrad())
    before, _local.trace = _local.trace, trace
    try:
        yield
    finally:
        _local.trace = before
        with _lock:
            _tracing -= 1
            if _tracing == 0:
                exchange(VALUE, GRAD)
