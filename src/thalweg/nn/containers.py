"""Modules in sequences and dictionaries."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Self, overload

from ..errors import ArgumentError
from ..ops.linalg import linear_relu
from .activations import ReLU
from .hooks import everywhere
from .linear import Linear
from .module import Module, _indented

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


def _position(index: Any, size: int, owner: Module, extra: int = 0) -> int:
    """``index`` counted from the front, below ``size`` + ``extra``."""
    i = operator.index(index)
    if not -size <= i < size + extra:
        raise IndexError(f"{type(owner).__name__}: index {i} is out of range for {size} elements")
    return i + size if i < 0 else i


class Numbered(Module):
    """Members named "0", "1", … in their order."""

    def _names(self) -> dict[str, Any]:
        """The dictionary of names of the members."""
        raise NotImplementedError

    def _all(self) -> list[Any]:
        return [self.__dict__[name] for name in self._names()]

    def _renumber(self, members: list[Any]) -> None:
        """Hold exactly ``members``, under new numbers."""
        for name in list(self._names()):
            delattr(self, name)
        for i, member in enumerate(members):
            self._put(str(i), member)

    def _put(self, name: str, member: Any) -> None:
        setattr(self, name, member)

    def _name_at(self, index: Any) -> str:
        names = list(self._names())
        return names[_position(index, len(names), self)]

    def __len__(self) -> int:
        return len(self._names())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._all())

    def __setitem__(self, index: Any, member: Any) -> None:
        setattr(self, self._name_at(index), member)

    def __delitem__(self, index: Any) -> None:
        members = self._all()
        if isinstance(index, slice):
            del members[index]
        else:
            del members[_position(index, len(members), self)]
        self._renumber(members)

    def pop(self, index: Any = -1) -> Any:
        """Take the member at ``index`` out and return it; those behind it move up."""
        member = self.__dict__[self._name_at(index)]
        del self[index]
        return member


class _ModuleSequence(Numbered):
    """What Sequential and ModuleList share."""

    def _names(self) -> dict[str, Any]:
        return self._module_names

    def _put(self, name: str, member: Any) -> None:
        self.add_module(name, member)

    def append(self, module: Module) -> Self:
        """Add a module at the end. Returns the container."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end. Returns the container."""
        if not isinstance(modules, Iterable):
            raise TypeError(f"{type(self).__name__}.extend: needs an iterable of modules, not {type(modules).__name__}")
        for module in list(modules):
            self.append(module)
        return self

    def _insert(self, index: int, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__}.insert: needs a Module, not {type(module).__name__}")
        members = self._all()
        members.insert(_position(index, len(members), self, extra=1), module)
        self._renumber(members)


def _is_plain(module: Module, cls: type[Module]) -> bool:
    """Whether the module computes what its class says: no subclass, no hooks, no forward() of its own."""
    return type(module) is cls and module._hooks is None and "forward" not in module.__dict__


class Sequential(_ModuleSequence):
    """Modules one after the other: the output of each is the input of the next.

    ``Sequential(a, b)`` names them "0", "1"; ``Sequential(OrderedDict(first=a, second=b))`` by its keys.

    >>> import thalweg as tw
    >>> net = tw.nn.Sequential(tw.nn.Linear(2, 3), tw.nn.ReLU())
    >>> net(tw.ones(4, 2)).shape, net[0]
    (thalweg.Size([4, 3]), Linear(in_features=2, out_features=3, bias=True))
    """

    @overload
    def __init__(self, *args: Module) -> None: ...
    @overload
    def __init__(self, arg: OrderedDict[str, Module], /) -> None: ...
    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def forward(self, input: Any) -> Any:
        """The last module's output. A Linear and a ReLU behind it, both as they come, are one operation."""
        members = self.__dict__
        waiting: Linear | None = None  # a Linear whose successor is not known yet
        for name in members["_module_names"]:
            module = members[name]
            if waiting is not None:
                if _is_plain(module, ReLU):
                    input, waiting = waiting._apply_with(linear_relu, input), None
                    continue
                input, waiting = waiting.forward(input), None
            if _is_plain(module, Linear) and not everywhere:
                waiting = module
            else:
                input = module(input)
        return input if waiting is None else waiting.forward(input)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            chosen = list(self._module_names)[index]
            return type(self)(OrderedDict((name, self.__dict__[name]) for name in chosen))
        return self.__dict__[self._name_at(index)]

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before the one at ``index``; all are renumbered. Returns the container."""
        self._insert(index, module)
        return self

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            raise ArgumentError(f"Sequential: can only be joined with a Sequential, not {type(other).__name__}")
        return Sequential(*self, *other)

    def __iadd__(self, other: Sequential) -> Self:
        if not isinstance(other, Sequential):
            raise ArgumentError(f"Sequential: can only be joined with a Sequential, not {type(other).__name__}")
        return self.extend(other)

    def __mul__(self, other: int) -> Sequential:
        return Sequential(*(self._all() * _repetitions(other)))

    def __rmul__(self, other: int) -> Sequential:
        return self * other

    def __imul__(self, other: int) -> Self:
        return self.extend(self._all() * (_repetitions(other) - 1))


def _repetitions(n: Any) -> int:
    if not isinstance(n, int):
        raise TypeError(f"Sequential: can only be multiplied by an int, not {type(n).__name__}")
    if n <= 0:
        raise ArgumentError(f"Sequential: can only be multiplied by a positive int, not {n}")
    return n


class ModuleList(_ModuleSequence):
    """Modules in a list; ``forward`` is for the module that holds it to write.

    >>> import thalweg as tw
    >>> layers = tw.nn.ModuleList([tw.nn.Linear(2, 2) for _ in range(3)])
    >>> layers
    ModuleList(
      (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(self._all()[index])
        return self.__dict__[self._name_at(index)]

    def insert(self, index: int, module: Module) -> None:
        """Put a module before the one at ``index``."""
        self._insert(index, module)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __repr__(self) -> str:
        """Neighbours that print alike on one line."""
        lines = []
        start = 0
        for text, group in groupby(map(repr, self)):
            n = len(list(group))
            label = f"({start})" if n == 1 else f"({start}-{start + n - 1})"
            lines.append(f"{label}: {'' if n == 1 else f'{n} x '}{_indented(text)}")
            start += n
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)" if lines else f"{self._get_name()}()"


class ModuleDict(Module):
    """Modules in a dictionary, in the order in which they came.

    >>> import thalweg as tw
    >>> acts = tw.nn.ModuleDict({"relu": tw.nn.ReLU(), "tanh": tw.nn.Tanh()})
    >>> acts["relu"](tw.tensor(-1.0)), list(acts)
    (tensor(0.), ['relu', 'tanh'])
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._module_names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._module_names)

    def __contains__(self, key: object) -> bool:
        return key in self._module_names

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules.keys()

    def values(self) -> Iterable[Any]:
        """The modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """(name, module) pairs."""
        return self._modules.items()

    def pop(self, key: str) -> Any:
        """Take the module ``key`` out and return it."""
        return self._modules.pop(key)

    def clear(self) -> None:
        """Take all modules out."""
        self._modules.clear()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add modules, or replace those of the same name: from a mapping or from (name, module) pairs."""
        if not isinstance(modules, Iterable):
            raise TypeError(f"ModuleDict.update: needs a mapping or pairs, not {type(modules).__name__}")
        for key, module in pairs_of(modules, "ModuleDict"):
            self[key] = module


def pairs_of(source: Any, owner: str) -> list[tuple[str, Any]]:
    """The (key, value) pairs of a mapping, or of a container like one, or of an iterable of pairs."""
    if isinstance(source, Mapping) or hasattr(source, "items"):
        return list(source.items())
    pairs = []
    for i, pair in enumerate(source):
        if not isinstance(pair, Iterable) or len(both := list(pair)) != 2:
            raise ArgumentError(f"{owner}.update: element {i} is not a (name, value) pair")
        pairs.append((both[0], both[1]))
    return pairs
