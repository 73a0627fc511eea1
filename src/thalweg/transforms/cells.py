"""The memory of a level: what a tensor holds in a function that is being transformed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from ..core.primitive import Primitive, ViewPrimitive
from ..core.value import SymbolicValue
from ..errors import TransformError
from ..ops.broadcast import expand
from ..ops.memory import Memory

__all__ = ["Cell"]


class Cell(Memory):
    """A value of a level, which says how contents are computed."""

    __slots__ = ("home", "level")

    weak = False
    transformation = ""  # how messages call it

    def __init__(self, home: Any, content: Any, shape: tuple[int, ...], dtype: Any) -> None:
        super().__init__(content, shape, dtype)
        self.home = home
        self.level: int = home.number

    # -- memory -------------------------------------------------------------------------------------------

    def computed(self, primitive: Primitive, values: tuple[Any, ...], params: dict[str, Any]) -> Any:
        return self.home.compute(primitive, values, params)

    def holding(self, content: Any) -> Any:
        return self.home.wrap(content)

    def taken(self, value: Any) -> Any:
        return value.stripped().copy() if isinstance(value, SymbolicValue) else np.array(value)

    def lifted(self, value: Any) -> Any:
        return self.home.lifted(value)

    def copy(self, order: str = "C") -> Any:
        """The same content in memory of its own."""
        return self.home.wrap(self.content)

    def like(self, array: Any) -> Any:
        return self.home.wrap(self.home.lifted(array))

    @property
    def flags(self) -> Any:
        return SimpleNamespace(writeable=self.step is None or self.step[0] is not expand, c_contiguous=True)

    def interpret(self, primitive: Primitive, values: tuple[Any, ...], params: dict[str, Any]) -> Any:
        result = self.home.wrap(self.home.compute(primitive, values, params))
        if isinstance(primitive, ViewPrimitive) and isinstance(result, Cell):
            result.look_at(self, primitive, params)
        return result

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
