"""What a Tensor can hold besides an ndarray.

A primitive computes on ndarrays. An interpreter (the compiler's tracer, batching, forward mode) hands it values
of its own instead: subclasses of SymbolicValue, which then decide what applying a primitive means. Derivative
rules are written in primitives and operators, so they run on these values as they stand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .primitive import Primitive

__all__ = ["SymbolicValue", "Tracer", "level_of"]


class SymbolicValue:
    """A value that interprets primitives. Like arrays it has shape, dtype (NumPy's), ndim and size.

    A ``weak`` value is a number that takes the dtype of the arrays it meets, as Python's numbers do.

    Values may be made of others: of those that meet in a primitive the one of the highest ``level`` interprets it, in
    terms of what it is made of.
    """

    __slots__ = ()

    weak: bool
    level: int = 0

    shape: tuple[int, ...]
    dtype: Any

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    def interpret(self, primitive: Primitive, values: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The result of ``primitive(*values, **params)``, at least one of the values being of this class."""
        raise NotImplementedError

    def elements(self) -> Any:
        """The array, or the value of a lower level, in which all elements of this one are; None if it has none yet."""
        return None

    def copy(self, order: str = "C") -> Any:
        """The same value in memory of its own; itself, where values can't be changed."""
        return self

    def detached(self) -> Any:
        """The value without tangents."""
        return self

    def stripped(self) -> Any:
        """What the value is made of, if it adds nothing to it, as a tangent that is zero; else itself."""
        return self

    def like(self, array: Any) -> Any:
        """The contents of an array in memory that can hold whatever this value can."""
        return array


def level_of(value: Any) -> int:
    """The level of a value; 0 for arrays and numbers."""
    return value.level if isinstance(value, SymbolicValue) else 0


class Tracer:
    """One that records a whole function, with everything that the function reads and writes outside.

    While ``core.modes.state.tracer`` holds one, all tensors of the thread hold its symbolic values. Code that reads
    or changes anything else than tensors tells the tracer, so that the record stays true in later runs.

    Attributes:
        repeated: a value of what was last repeated to save memory; None before. The next repetition waits for it.
    """

    repeated: Any = None

    def number(self, container: Any, key: Any, *path: Any) -> Any:
        """The number ``container[key][path]...`` as a value that is read anew for each run.

        It computes in double precision and takes the dtype of the arrays it meets. Comparing it gives a Python bool;
        the record then holds only while the comparison comes out the same.
        """
        raise NotImplementedError

    def as_number(self, value: Any) -> Any:
        """A 0-d symbolic value as a number that computes in double precision, as Python's floats do."""
        raise NotImplementedError

    def watch(self, container: Any, key: Any) -> Any:
        """``container[key]`` (None if there is none); the record holds while it is the same object or number."""
        raise NotImplementedError

    def effect(self, function: Callable[..., Any], *values: Any) -> None:
        """Call ``function`` with each run, with what ``values`` have become: before it, or after it if the run has
        read a number by now, or if there are values.
        """
        raise NotImplementedError

    def random(self, generator: Any, blocks: int) -> tuple[Any, int]:
        """The state of a Generator, (seed, counter) as a symbolic uint64 vector, and the number of blocks that were
        drawn before; ``blocks`` more are drawn now.
        """
        raise NotImplementedError

    def mark(self, generator: Any) -> Any:
        """How many blocks have been drawn from a Generator."""
        raise NotImplementedError

    def rewind(self, generator: Any, mark: Any) -> None:
        """Draw from the place of a mark on."""
        raise NotImplementedError

    def scan(
        self, step: Callable[..., Any], state: Sequence[Any], inputs: Sequence[Any], constants: Sequence[Any],
        reverse: bool,
    ) -> Any:  # fmt: skip
        """``step(state, x, constants) -> (state, output)`` at all positions of the inputs' first axis as one loop.

        Gives the outputs, stacked, and the last state; None if the steps have to be recorded one by one.
        """
        return None

    def constant(self, array: Any) -> Any:
        """A symbolic value for an array that is the same in all runs."""
        raise NotImplementedError

    def refuse(self, message: str) -> Exception:
        """The TraceError for something that can't be recorded; it names the user's line."""
        raise NotImplementedError

    def require(self, value: Any, low: int, high: int, error: type[Exception], message: str) -> None:
        """Each run raises ``error``, before it writes anything, unless all integers in ``value`` lie in [low, high).

        "{value}" in the message stands for the first that does not.
        """
        raise NotImplementedError

    def stepped(self, params: Any) -> None:
        """An optimiser has used the gradients of ``params``; those that the function clears itself are not kept."""
        raise NotImplementedError

    def suspended(self) -> AbstractContextManager[None]:
        """A stretch of code that runs for real, once: it prepares state that the function keeps outside."""
        raise NotImplementedError
