"""What a function can reach beside its arguments: variables, the objects in them, and their attributes."""

from __future__ import annotations

import inspect
import os
import random
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..nn.module import Module
from ..optim.optimizer import Optimizer
from .guards import Source, held_by

__all__ = ["Surroundings", "python_random_states"]

_INSTALLED = (str(Path(__file__).resolve().parent.parent) + os.sep, str(Path(os.__file__).resolve().parent) + os.sep)
_PLAIN = (bool, int, float, str, bytes, type(None), type, ModuleType, FunctionType, MethodType)

MANY = 4096
VALUES = (bool, int, float, str, tuple, list, dict, Tensor)

Variable = tuple[Source, Any]


class Surroundings:
    """The variables and objects that a function may read, as they are before it runs.

    Attributes:
        variables: the closures' and global variables that it names, and those of the user's functions that it calls.
        attributes: the attributes of objects of the user's own classes, those of which a name occurs in the code.
        containers: the lists and dictionaries in these, up to some length, with what they hold; the groups of
            optimisers if the code names ``param_groups``.
        random_states: those of Python's and NumPy's global generators.
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
        own = list(reachable_objects([*reached, *(x for m in self.modules for x in vars(m).values())]))
        if hasattr(owner, "__dict__") and not isinstance(owner, (*_PLAIN, Module)) and all(x is not owner for x in own):
            own.append(owner)
        self._follow_methods([*self.modules, *own])
        self.objects = [(x, dict(vars(x))) for x in [*self.modules, *own]]
        self.attributes = [(Source(vars(x), k), v) for x in own for k, v in vars(x).items() if k in self._names]
        self.attributes += [(Source(vars(x), k), None) for x in own for k in self._names if is_of_class(x, k)]
        within = [value for x in self.modules for key, value in vars(x).items() if key in self._names]
        found = [*within, *(value for _, value in [*self.variables, *self.attributes])]
        if "param_groups" in self._names:
            found += [x.param_groups for x in _reachable(reached) if isinstance(x, Optimizer)]
        self.containers = [(x, held_by(x)) for x in containers_in(found)]
        self.random_states = python_random_states()

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
        for cls in classes:
            self._note_class(cls)

    def _read(self, function: Any, every: bool = False) -> None:
        """Note the variables that a function of the user's names; of those that it calls, only such as may change."""
        stack = [(function, every)]
        while stack:
            f, every = stack.pop()
            f = getattr(f, "function", f) if type(f).__name__ == "Compiled" else f
            f = getattr(f, "__func__", f)
            f = f.fget if isinstance(f, property) else f
            wrapped = getattr(f, "__wrapped__", None)  # what vmap, grad and other decorators made a function of
            if wrapped is not None:
                stack.append((wrapped, every))
            if isinstance(f, partial):
                self.variables += [(Source(f, key), getattr(f, key)) for key in ("args", "keywords")]
                stack.append((f.func, every))
                continue
            if type(f) is not FunctionType or f in self._seen:
                continue
            self._seen.add(f)
            if f.__code__.co_filename.startswith(_INSTALLED) and not every:
                continue
            names = _names(f.__code__)
            self._names |= names
            sources = [Source(cell, "cell_contents") for cell in f.__closure__ or ()]
            sources += [Source(f.__globals__, name) for name in names if name in f.__globals__]
            sources += [Source(f, key) for key in ("__defaults__", "__kwdefaults__") if getattr(f, key)]
            sources += [Source(vars(f), name) for name in names if name in vars(f)]
            for source in sources:
                try:
                    value = source.read()
                except ValueError:  # an empty cell
                    continue
                if isinstance(value, type):
                    self._note_class(value)
                elif isinstance(value, ModuleType):
                    stack.extend(self._note_module(value, names))
                else:
                    self.variables.append((source, value))
                stack.append((value, False))

    def _note_class(self, cls: type) -> None:
        """The attributes of a user's class that the code names and that are values."""
        for c in cls.__mro__:
            if not _is_installed(c.__module__):
                found = [(k, v) for k, v in vars(c).items() if k in self._names and isinstance(v, VALUES)]
                self.variables += [(ClassAttribute(c, k), v) for k, v in found]

    def _note_module(self, module: ModuleType, names: set[str]) -> Iterator[tuple[Any, bool]]:
        """The variables of a user's module that the code names; its functions are to be read too."""
        if not _is_installed(module.__name__):
            for name in names & vars(module).keys():
                value = vars(module)[name]
                if isinstance(value, (*VALUES, FunctionType)):
                    self.variables.append((Source(vars(module), name), value))
                    yield value, False


def _names(code: CodeType) -> set[str]:
    """The names of variables and attributes in a function and in the functions within it."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
        elif isinstance(constant, str) and constant.isidentifier():
            names.add(constant)  # getattr(x, "name")
    return names


def is_of_class(x: Any, name: str) -> bool:
    """Whether an object has a value from its class, which one of its own would hide."""
    return name not in vars(x) and isinstance(inspect.getattr_static(type(x), name, None), VALUES)


class ClassAttribute(Source):
    """An attribute in a class itself."""

    __slots__ = ()

    def read(self) -> Any:
        return vars(self.container).get(self.key)


def python_random_states() -> Any:
    """Where the global generators of Python and NumPy stand."""
    state: Any = np.random.get_state()
    return random.getstate(), state[1].tobytes(), state[2]


def _is_installed(module: str) -> bool:
    """Whether a module belongs to Python, NumPy or this package."""
    top = module.partition(".")[0]
    return top in ("thalweg", "numpy") or (top in sys.stdlib_module_names and top != "__main__")


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
