"""Memory with symbolic content: what a tensor holds while its function is traced or transformed.

As an ndarray does, such memory can be looked at by views and changed in place. Its content is never changed but
exchanged, and views find theirs anew from the memory that they look at, so that contents may be shared freely.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.primitive import Primitive
from . import elementwise as e
from .base import convert
from .broadcast import expand
from .index import index_put
from .operators import Operators, arrays_apart
from .shape import view_scatter

__all__ = ["Memory"]


class Memory(Operators):
    """A piece of memory, and what it contains; a subclass says what contents are and how they are computed.

    ``parent`` and ``step`` say of a view how it is made.
    """

    __slots__ = ("_content", "_seen", "dtype", "parent", "shape", "step", "writes")

    def __init__(self, content: Any, shape: tuple[int, ...], dtype: Any) -> None:
        self._content = content
        self.shape = shape
        self.dtype = dtype
        self.parent: Any = None
        self.step: tuple[Primitive, dict[str, Any]] | None = None
        self.writes = 0
        self._seen = 0

    # -- what a subclass states ----------------------------------------------------------------------------

    def computed(self, primitive: Primitive, values: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The content of ``primitive(*values, **params)``."""
        raise NotImplementedError

    def holding(self, content: Any) -> Any:
        """New memory with this content."""
        raise NotImplementedError

    def taken(self, value: Any) -> Any:
        """A value that is about to be written, safe from later changes."""
        raise NotImplementedError

    def lifted(self, value: Any) -> Any:
        """The content of memory that holds ``value``."""
        raise NotImplementedError

    # -- memory -------------------------------------------------------------------------------------------

    @property
    def root(self) -> Any:
        """The memory that this one looks at."""
        memory = self
        while memory.parent is not None:
            memory = memory.parent
        return memory

    @property
    def content(self) -> Any:
        """What the memory contains now."""
        if self.parent is not None and self._seen != self.root.writes:
            assert self.step is not None
            self._content = self.computed(self.step[0], (self.parent,), self.step[1])
            self._seen = self.root.writes
        return self._content

    def look_at(self, parent: Memory, primitive: Primitive, params: dict[str, Any]) -> None:
        """Become a view of ``parent``, which ``primitive`` has made."""
        self.parent, self.step, self._seen = parent, (primitive, params), parent.root.writes

    def write(self, content: Any) -> None:
        """Exchange the content; a view writes into what it looks at."""
        if self.parent is None:
            self._content = content
            self.writes += 1
            return
        steps = {"steps": (self.step,)}
        self.parent.write(self.computed(view_scatter, (self.parent, self.holding(content)), steps))
        self._content, self._seen = content, self.root.writes

    def fill_with(self, value: Any) -> None:
        """Write ``value``, broadcast and converted to this dtype."""
        value = self.taken(value)
        if value.shape != self.shape:
            value = expand(value, shape=self.shape)
        if value.dtype != self.dtype:
            value = convert(value, dtype=self.dtype)
        self.write(self.lifted(value))

    @property
    def itemsize(self) -> int:
        return int(self.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        sizes = [self.itemsize, *self.shape[:0:-1]] if self.shape else []
        return tuple(int(n) for n in np.cumprod(sizes)[::-1])

    # -- changes ------------------------------------------------------------------------------------------

    def astype(self, dtype: Any, **_: Any) -> Any:
        return self.copy() if self.dtype == dtype else convert(self, dtype=np.dtype(dtype))

    def fill(self, value: Any) -> None:
        self.fill_with(value)

    def __setitem__(self, key: Any, value: Any) -> None:
        if key is Ellipsis:
            self.fill_with(value)
            return
        pattern, arrays = arrays_apart(key if isinstance(key, tuple) else (key,))
        if not arrays:
            self[key].fill_with(value)
            return
        source = self.taken(value)
        if source.dtype != self.dtype:
            source = convert(source, dtype=self.dtype)
        how = {"pattern": pattern, "accumulate": False}
        self.write(self.computed(index_put, (self, source, *arrays), how))

    def __iadd__(self, other: Any) -> Any:
        self.fill_with(e.add(self, other))
        return self
