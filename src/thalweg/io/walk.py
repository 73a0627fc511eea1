"""One walk through the structures that can be saved; what is refused is named with its place."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core.tensor import Size, Tensor
from ..errors import SerializationError

__all__ = ["Walk", "tensors_in"]

_DEEPEST = 100
_MAPPINGS = (dict, OrderedDict, Counter)
_SEQUENCES = (list, tuple, set, frozenset, Size)


class Walk:
    """Visits a structure, and calls a method for each kind of value. ``name`` is the function that was called."""

    def __init__(self, name: str) -> None:
        self.caller = name
        self.path: list[Any] = []
        self.open: set[int] = set()  # the containers that the walk is in

    def visit(self, x: Any) -> Any:
        """Call the method for the kind of ``x``, and return what it returns."""
        kind = type(x)
        if x is None:
            return self.none()
        if kind is bool:
            return self.boolean(x)
        if kind is int:
            return self.integer(x)
        if kind is float:
            return self.number(x)
        if kind is str:
            return self.text(x)
        if kind is bytes or kind is bytearray:
            return self.binary(bytes(x))
        if isinstance(x, Tensor):
            return self.tensor(x)
        if kind in _MAPPINGS or kind in _SEQUENCES:
            return self._container(x)
        if self.known(x):
            return self.result
        raise SerializationError(f"{self.caller}: {self.place()} is a {kind.__name__}, which can't be saved{_hint(x)}")

    result: Any = None  # of ``known``

    def _container(self, x: Any) -> Any:
        if id(x) in self.open:
            raise SerializationError(f"{self.caller}: {self.place()} contains itself, which can't be saved")
        if len(self.path) > _DEEPEST:
            raise SerializationError(f"{self.caller}: the structure is nested more than {_DEEPEST} deep")
        self.open.add(id(x))
        result = self.mapping(x, x.items()) if isinstance(x, dict) else self.sequence(x)
        self.open.discard(id(x))
        return result

    def inside(self, key: Any, x: Any) -> Any:
        """Visit what stands under ``key`` of the container that is being visited."""
        self.path.append(key)
        result = self.visit(x)
        self.path.pop()
        return result

    def place(self) -> str:
        """Where the walk is, as it would be written in Python."""
        return "the object" + "".join(f"[{key!r}]" for key in self.path)

    def none(self) -> Any:
        return None

    def boolean(self, x: bool) -> Any:
        return None

    def integer(self, x: int) -> Any:
        return None

    def number(self, x: float) -> Any:
        return None

    def text(self, x: str) -> Any:
        return None

    def binary(self, x: bytes) -> Any:
        return None

    def tensor(self, x: Tensor) -> Any:
        return None

    def mapping(self, x: dict[Any, Any], items: Iterable[tuple[Any, Any]]) -> Any:
        for key, value in items:
            self.visit(key)
            self.inside(key, value)

    def sequence(self, x: Any) -> Any:
        for i, item in enumerate(x):
            self.inside(i, item)

    def known(self, x: Any) -> bool:
        """Deal with another kind of value; False if it can't be saved."""
        return True


class _Tensors(Walk):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.found: dict[int, Tensor] = {}

    def tensor(self, x: Tensor) -> None:
        self.found.setdefault(id(x), x)


def tensors_in(obj: Any, name: str) -> list[Tensor]:
    """The tensors of a structure, each once, in the order in which they stand there."""
    walk = _Tensors(name)
    walk.visit(obj)
    return list(walk.found.values())


def _hint(x: Any) -> str:
    if hasattr(x, "state_dict"):
        return "; save its state_dict()"
    if isinstance(x, np.ndarray):
        return "; make it a tensor by tw.from_numpy"
    if isinstance(x, np.generic):
        return "; make it a Python number by .item()"
    if callable(x):
        return "; code is not saved"
    return "; save the numbers, strings and tensors that it is made of, in dictionaries and lists"
