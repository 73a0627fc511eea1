"""Memory with symbolic content: what a tensor holds in a function that is being transformed.

As an ndarray does, a cell can be looked at by views and changed in place. Its content is never changed but exchanged,
and views find theirs anew from the cell that they look at, so that contents may be shared freely.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from ..core.primitive import Primitive, ViewPrimitive
from ..core.value import SymbolicValue
from ..errors import TransformError
from ..ops import elementwise as e
from ..ops.base import convert
from ..ops.broadcast import expand
from ..ops.index import index_put
from ..ops.operators import Operators, arrays_apart
from ..ops.shape import view_scatter

__all__ = ["Cell"]


class Cell(Operators):
    """A value of a level: memory whose content the level's rules compute with.

    ``parent`` and ``step`` say of a view how it is made.
    """

    __slots__ = ("_content", "_seen", "dtype", "home", "level", "parent", "shape", "step", "writes")

    weak = False
    transformation = ""  # how messages call it

    def __init__(self, home: Any, content: Any, shape: tuple[int, ...], dtype: Any) -> None:
        self.home = home
        self.level: int = home.number
        self._content = content
        self.shape = shape
        self.dtype = dtype
        self.parent: Cell | None = None
        self.step: tuple[Primitive, dict[str, Any]] | None = None
        self.writes = 0
        self._seen = 0

    # -- memory -------------------------------------------------------------------------------------------

    @property
    def root(self) -> Cell:
        """The cell whose memory this one looks at."""
        cell = self
        while cell.parent is not None:
            cell = cell.parent
        return cell

    @property
    def content(self) -> Any:
        """What the memory contains now."""
        if self.parent is not None and self._seen != self.root.writes:
            assert self.step is not None
            self._content = self.home.compute(self.step[0], (self.parent,), self.step[1])
            self._seen = self.root.writes
        return self._content

    def write(self, content: Any) -> None:
        """Exchange the content; a view writes into what it looks at."""
        if self.parent is None:
            self._content = content
            self.writes += 1
            return
        new = self.home.wrap(content)
        self.parent.write(self.home.compute(view_scatter, (self.parent, new), {"steps": (self.step,)}))
        self._content, self._seen = content, self.root.writes

    def fill_with(self, value: Any) -> None:
        """Write ``value``, broadcast and converted to this dtype."""
        value = value.copy() if isinstance(value, SymbolicValue) else np.array(value)
        if value.dtype != self.dtype:
            value = convert(value, dtype=self.dtype)
        self.write(self.home.lifted(value if value.shape == self.shape else expand(value, shape=self.shape)))

    def copy(self, order: str = "C") -> Any:
        """The same content in memory of its own."""
        return self.home.wrap(self.content)

    def like(self, array: Any) -> Any:
        return self.home.wrap(self.home.lifted(array))

    @property
    def flags(self) -> Any:
        return SimpleNamespace(writeable=self.step is None or self.step[0] is not expand, c_contiguous=True)

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

    # -- operations ---------------------------------------------------------------------------------------

    def interpret(self, primitive: Primitive, values: tuple[Any, ...], params: dict[str, Any]) -> Any:
        result = self.home.wrap(self.home.compute(primitive, values, params))
        if isinstance(primitive, ViewPrimitive) and isinstance(result, Cell):
            result.parent, result.step, result._seen = self, (primitive, params), self.root.writes
        return result

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
        source = value if isinstance(value, SymbolicValue) else np.asarray(value)
        source = source if source.dtype == self.dtype else convert(source, dtype=self.dtype)
        written = {"pattern": pattern, "accumulate": False}
        self.write(self.home.compute(index_put, (self, source, *arrays), written))

    def __iadd__(self, other: Any) -> Any:
        self.fill_with(e.add(self, other))
        return self

    # -- what has no answer ---------------------------------------------------------------------------------

    def _refuse(self, what: str, instead: str) -> TransformError:
        return TransformError(f"{self.transformation}: {what} a tensor of shape {self.shape}; {instead}")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise self._refuse("NumPy asks for the values of", "use thalweg's operations inside the function")

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise self._refuse("storing or pickling", "return the tensor and store it outside")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        raise self._refuse(f"NumPy's {name} of", "use thalweg's operations inside the function")
