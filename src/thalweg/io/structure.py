"""Structures of Python values as JSON text, with tensors and arrays referred to by number."""

from __future__ import annotations

import base64
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..core.device import device
from ..core.dtypes import as_numpy_dtype, dtype, from_numpy_dtype
from ..core.tensor import Size, Tensor
from ..errors import SerializationError
from ..nn.module import Module
from .walk import Walk
from .whole import Finder, name_of

__all__ = ["Encoder", "decode"]

_MAPPINGS: dict[str, type] = {"dict": dict, "OrderedDict": OrderedDict, "Counter": Counter}
_SEQUENCES: dict[str, type] = {"tuple": tuple, "set": set, "frozenset": frozenset, "Size": Size}


class Encoder(Walk):
    """What JSON writes for a structure; ``held`` are the tensors and arrays that it refers to, with their places.

    None, bools, ints, floats, strings and lists stand for themselves. Everything else is an object with one member
    that says what it is, such as ``{"tuple": [1, 2]}`` or ``{"tensor": 0}``.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.held: list[Any] = []
        self.names: list[str] = []
        self.numbers: dict[int, int] = {}
        self.modules: dict[int, int] = {}

    def refer(self, x: Any) -> int:
        """The number of a tensor or array."""
        if id(x) not in self.numbers:
            self.numbers[id(x)] = len(self.held)
            self.held.append(x)
            self.names.append(".".join(map(str, self.path)) or "value")
        return self.numbers[id(x)]

    def boolean(self, x: bool) -> Any:
        return x

    def integer(self, x: int) -> Any:
        return x

    def number(self, x: float) -> Any:
        return x

    def text(self, x: str) -> Any:
        return x

    def binary(self, x: bytes) -> Any:
        return {"bytes": base64.b64encode(x).decode()}

    def tensor(self, x: Tensor) -> Any:
        return {"tensor": self.refer(x)}

    def mapping(self, x: dict[Any, Any], items: Iterable[tuple[Any, Any]]) -> Any:
        pairs = [[self.visit(key), self.inside(key, value)] for key, value in items]
        metadata = getattr(x, "_metadata", None)
        written: dict[str, Any] = {type(x).__name__: pairs}
        return written if metadata is None else {**written, "_metadata": self.visit(metadata)}

    def sequence(self, x: Any) -> Any:
        items = [self.inside(i, item) for i, item in enumerate(x)]
        return items if type(x) is list else {type(x).__name__: items}

    def known(self, x: Any) -> bool:
        if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "biuf" and x.dtype.itemsize <= 8:
            self.result = {"ndarray" if isinstance(x, np.ndarray) else "number": self.refer(x)}
        elif isinstance(x, dtype):
            self.result = {"dtype": x.name}
        elif isinstance(x, device):
            self.result = {"device": str(x)}
        elif isinstance(x, complex):
            self.result = {"complex": [x.real, x.imag]}
        elif isinstance(x, Module):
            self.result = self.module(x)
        elif self.modules and callable(x) and (name := name_of(x)) is not None:
            self.result = {"function": name}
        else:
            return False
        return True

    def module(self, x: Module) -> Any:
        """A module: its class by name, and its attributes. Where it comes again, only its number."""
        if id(x) in self.modules:
            return {"module": self.modules[id(x)]}
        name = name_of(type(x))
        if name is None:
            raise SerializationError(
                f"{self.caller}: {self.place()} is a {type(x).__qualname__}, a class that can't be found by its name "
                "again; define it in a file, not in a function, or save its state_dict()"
            )
        number = self.modules[id(x)] = len(self.modules)
        state = {key: self.inside(key, value) for key, value in x.__dict__.items()}
        return {"module": number, "class": name, "state": state}


def decode(written: Any, held: Callable[[str, int], Any], finder: Finder) -> Any:
    """The structure that an Encoder has written; ``held(kind, number)`` gives the tensors and arrays.

    ``finder`` makes the modules of models that were saved whole.

    Raises:
        SerializationError: it is nothing that an Encoder writes.
    """
    if isinstance(written, list):
        return [decode(x, held, finder) for x in written]
    if not isinstance(written, dict):
        return written
    kind = next(iter(written), "")
    content = written.get(kind)
    if kind in ("tensor", "ndarray", "number"):
        return held(kind, content)  # type: ignore[arg-type]
    if kind in _MAPPINGS:
        result = _MAPPINGS[kind]()
        for key, value in _pairs(content):
            result[decode(key, held, finder)] = decode(value, held, finder)
        if "_metadata" in written and kind == "OrderedDict":
            result._metadata = decode(written["_metadata"], held, finder)
        return result
    if kind in _SEQUENCES and isinstance(content, list):
        return _SEQUENCES[kind](decode(x, held, finder) for x in content)
    if kind == "module":
        return finder.module(written, lambda x: decode(x, held, finder))
    if kind == "function":
        return finder.function(content)  # type: ignore[arg-type]
    return _value(kind, content)


def _pairs(content: Any) -> list[Any]:
    if not isinstance(content, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in content):
        raise SerializationError("a dictionary in it is not written as pairs")
    return content


def _value(kind: str, content: Any) -> Any:
    if kind == "bytes":
        return base64.b64decode(content, validate=True)
    if kind == "dtype":
        return from_numpy_dtype(as_numpy_dtype(np.dtype(content)))
    if kind == "device":
        return device(content)
    if kind == "complex":
        return complex(*content)
    raise SerializationError(f"it holds a value of the unknown kind {kind!r}; a newer thalweg may have written it")
