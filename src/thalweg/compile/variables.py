"""What a function can reach beside its arguments: variables, the objects in them, and their attributes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from ..core.tensor import Tensor
from ..nn.module import Module
from .guards import Source

__all__ = ["Surroundings"]

_INSTALLED = (str(Path(__file__).resolve().parent.parent) + os.sep, str(Path(os.__file__).resolve().parent) + os.sep)
_PLAIN = (bool, int, float, str, bytes, type(None), type, ModuleType, FunctionType, MethodType)

MANY = 4096

Variable = tuple[Source, Any]


class Surroundings:
    """The variables and objects that a function may read, as they are before it runs.

    Attributes:
        variables: the closures' and global variables that it names, and those of the user's functions that it calls.
        attributes: the attributes of objects of the user's own classes, those of which a name occurs in the code.
        containers: the lists and dictionaries in these, up to some length.
        modules: the modules within reach.
        tensors: the tensors within reach other than through the arguments.
        objects: modules and other objects, with all their attributes.
    """

    def __init__(self, function: Any, arguments: Iterable[Any]) -> None:
        self.variables: list[Variable] = []
        self._names: set[str] = set()
        self._seen: set[Any] = set()
        self._read(function, every=True)
        owner = getattr(function, "__self__", None)
        reached = [owner, function, *arguments, *(value for _, value in self.variables)]
        self.tensors = list(reachable_tensors([owner, function, *(value for _, value in self.variables)]))
        self.modules = list(reachable_modules(reached))
        own = list(reachable_objects(reached))
        if hasattr(owner, "__dict__") and not isinstance(owner, (*_PLAIN, Module)) and all(x is not owner for x in own):
            own.append(owner)
        self._follow_methods([*self.modules, *own])
        self.objects = [(x, dict(vars(x))) for x in [*self.modules, *own]]
        self.attributes = [(Source(vars(x), k), v) for x in own for k, v in vars(x).items() if k in self._names]
        self.containers = list(containers_in(value for _, value in [*self.variables, *self.attributes]))

    def _follow_methods(self, objects: list[Any]) -> None:
        """Read the methods of these objects that the code read so far names, until nothing new is found."""
        classes = {type(x) for x in objects}
        known = -1
        while known != len(self._names):
            known = len(self._names)
            for cls in classes:
                names = self._names | {"__call__"} | ({"forward"} if issubclass(cls, Module) else set())
                for name in names:
                    self._read(getattr(cls, name, None))

    def _read(self, function: Any, every: bool = False) -> None:
        """Note the variables that a function of the user's names; of those that it calls, only such as may change."""
        stack = [(function, every)]
        while stack:
            f, every = stack.pop()
            f = getattr(f, "function", f) if type(f).__name__ == "Compiled" else f
            f = getattr(f, "__func__", f)
            if type(f) is not FunctionType or f in self._seen:
                continue
            self._seen.add(f)
            if f.__code__.co_filename.startswith(_INSTALLED) and not every:
                continue
            names = _names(f.__code__)
            self._names |= names
            sources = [Source(cell, "cell_contents") for cell in f.__closure__ or ()]
            sources += [Source(f.__globals__, name) for name in names if name in f.__globals__]
            for source in sources:
                try:
                    value = source.read()
                except ValueError:  # an empty cell
                    continue
                if not isinstance(value, (ModuleType, type)):
                    self.variables.append((source, value))
                stack.append((value, False))


def _names(code: CodeType) -> set[str]:
    """The names of variables and attributes in a function and in the functions within it."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names


def _reachable(values: Iterable[Any], depth: int = 3) -> Iterator[Any]:
    """The values, and what is in lists, dictionaries and attributes of objects there."""
    seen: set[int] = set()
    stack = [(value, depth) for value in values]
    while stack:
        value, depth = stack.pop()
        if id(value) in seen or depth == 0:
            continue
        seen.add(id(value))
        yield value
        if isinstance(value, (list, tuple, dict)):
            parts = value.values() if isinstance(value, dict) else value
            if len(parts) <= MANY:  # longer ones hold data
                stack.extend((v, depth - 1) for v in parts)
        elif hasattr(value, "__dict__") and not isinstance(value, (*_PLAIN, Module)):
            stack.extend((v, depth - 1) for v in vars(value).values())


def reachable_modules(values: Iterable[Any]) -> Iterator[Module]:
    """The modules among ``values``, in lists and dictionaries there, and in the attributes of other objects."""
    found: dict[int, Module] = {}
    for value in _reachable(values):
        if isinstance(value, Module):
            found.update((id(module), module) for module in value.modules())
    yield from found.values()


def reachable_tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    """The tensors, with the parameters and buffers of modules."""
    for value in _reachable(values):
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, Module):
            yield from value.parameters()
            yield from value.buffers()


def containers_in(values: Iterable[Any]) -> Iterator[Any]:
    """The lists and dictionaries among ``values``, and those in them."""
    stack, seen = list(values), set()
    while stack:
        value = stack.pop()
        if isinstance(value, (list, dict, tuple)) and id(value) not in seen and len(value) <= MANY:
            seen.add(id(value))
            stack.extend(value.values() if isinstance(value, dict) else value)
            if not isinstance(value, tuple):
                yield value


def reachable_objects(values: Iterable[Any]) -> Iterator[Any]:
    """The objects of the user's own classes, found in the same way; those of library classes speak for themselves."""
    for value in _reachable(values):
        if hasattr(value, "__dict__") and not isinstance(value, _PLAIN) and not _is_of_library(type(value)):
            yield value


def _is_of_library(cls: type) -> bool:
    libraries = ("thalweg", "numpy", "functools", "logging", "threading")
    return any(c.__module__.partition(".")[0] in libraries for c in cls.__mro__)
