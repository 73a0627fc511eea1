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
_lock = threading.RLock()  # one thread traces at a time: a tensor's slot can hold one symbolic value
_active: Trace | None = None


def _as_others_see(x: Tensor, value: Any) -> Any:
    """What a thread that does not trace finds in a tensor that another thread's trace has lifted."""
    trace = _active
    return trace.outsides[x].array if trace is not None and x in trace.outsides else value


class _LiftedValue:
    """``Tensor._value`` while something is traced."""

    def __get__(self, x: Any, cls: Any = None) -> Any:
        value = VALUE.__get__(x, cls)
        trace = _local.trace
        if trace is not None:
            return trace.read_value(x, value)
        return value if type(value) is ndarray else _as_others_see(x, value)

    def __set__(self, x: Any, value: Any) -> None:
        trace = _local.trace
        if trace is not None:
            trace.set_value(x, value)
        elif _active is not None and x in _active.outsides:
            _active.outsides[x].array = value  # it is put back when the trace is over
        else:
            VALUE.__set__(x, value)


class _LiftedGrad:
    """``Tensor._grad`` while something is traced."""

    def __get__(self, x: Any, cls: Any = None) -> Any:
        grad = GRAD.__get__(x, cls)
        trace = _local.trace
        if trace is not None:
            return trace.read_grad(x, grad)
        return grad if _active is None else _active.grads.get(x, grad)

    def __set__(self, x: Any, grad: Any) -> None:
        trace = _local.trace
        if trace is not None:
            trace.set_grad(x, grad)
        elif _active is not None and x in _active.grads:
            _active.grads[x] = grad
        else:
            GRAD.__set__(x, grad)


@contextmanager
def lifting(trace: Trace) -> Iterator[None]:
    """Within it this thread's tensors are seen by ``trace``; other threads see them as they were before."""
    global _active
    slots: Any = Tensor
    with _lock:
        _active = _local.trace = trace
        slots._value, slots._grad = _LiftedValue(), _LiftedGrad()
        try:
            yield
        finally:
            slots._value, slots._grad = VALUE, GRAD
            _active = _local.trace = None
