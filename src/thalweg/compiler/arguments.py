"""What a record assumes of the tensors among the arguments, beside their shapes and dtypes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..errors import TraceError
from .recording import Outside, Recording

__all__ = ["ArgumentGuards"]


class ArgumentGuards:
    """Tells whether a program fits the arguments of a call.

    A tensor that is given as an argument and is also reached in another way is one piece of memory under two names,
    which a program takes for one if it was so when it was recorded, and else for two.
    """

    def __init__(self, recording: Recording, tensors: Sequence[Tensor], reached: Iterable[Tensor]) -> None:
        within = set(reached)
        self.outside = frozenset(recording.guards.tensors)
        self.same = [(i, x) for i, x in enumerate(tensors) if x in within]
        self.grads = list(recording.argument_grads.items())
        self.guards = recording.guards
        written = [recording.sources[i] for i in recording.writes]
        held = [s for s in written if type(s) is Outside and s.owner is None]
        self.written = [s.tensor for s in held if s.argument is None]
        self.written_arguments = [s.argument for s in held if s.argument is not None]
        self._arrays: Any = None

    def failure(self, tensors: Sequence[Tensor]) -> str | None:
        """Why the program does not fit; None if it does. Refuses overlapping memory that the function writes to."""
        if not self.outside.isdisjoint(tensors):
            return "an argument is a tensor that the function also reaches from outside"
        for i, x in self.same:
            if tensors[i] is not x:
                return f"argument {i} was a tensor that the function also reaches from outside"
        for i, had in self.grads:
            if (tensors[i]._grad is not None) != had:
                return f"the gradient of argument {i} {'was there' if had else 'was None'}"
        if self.written:
            self._refuse_shared(tensors)
        for i in self.written_arguments:
            others = [x for j, x in enumerate(tensors) if j != i]
            _refuse_overlap(tensors[i], [*others, *self.outside])
        return None

    def _refuse_shared(self, tensors: Sequence[Tensor]) -> None:
        """Look only at tensors whose memory belongs to the same array as some that is written."""
        if self._arrays is not self.guards.arrays:
            self._arrays = self.guards.arrays
            self._owners = {_owner(x) for x in self.written}
        for x in tensors:
            if _owner(x) in self._owners:
                _refuse_overlap(x, self.written)


def _owner(x: Tensor) -> int:
    """The identity of the object that the memory belongs to."""
    array = x._value
    return id(array if array.base is None else array.base)


def _refuse_overlap(x: Tensor, others: Iterable[Tensor]) -> None:
    for other in others:
        if np.may_share_memory(x._value, other._value):
            raise TraceError(
                f"an argument of shape {tuple(x.shape)} shares memory with a tensor of shape {tuple(other.shape)} that "
                "the compiled function uses, and one of them is changed in place; clone() one of them"
            )
