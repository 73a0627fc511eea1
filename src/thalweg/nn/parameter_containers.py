"""Parameters in sequences and dictionaries."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from ..core.tensor import Tensor
from ..errors import ArgumentError
from .containers import Numbered, pairs_of
from .module import Module
from .parameter import Parameter

__all__ = ["ParameterDict", "ParameterList"]


def _as_parameter(value: Any) -> Any:
    """Tensors become parameters; other values stay what they are."""
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


class ParameterList(Numbered):
    """Parameters in a list; tensors become parameters, other values are held but not registered.

    >>> import thalweg as tw
    >>> ws = tw.nn.ParameterList([tw.ones(2), tw.ones(3)])
    >>> [name for name, _ in ws.named_parameters()], len(ws)
    (['0', '1'], 2)
    """

    _name_dicts = (*Module._name_dicts, "_numbers")

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._numbers: dict[str, None] = {}
        if values is not None:
            self.extend(values)

    def _names(self) -> dict[str, Any]:
        return self._numbers

    def __setattr__(self, name: str, value: Any) -> None:
        if name.isdigit():
            value = _as_parameter(value)
            if not isinstance(value, Parameter):  # a plain value may take the place of a parameter
                self._forget(name, keep=())
            self._numbers[name] = None
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self._numbers.pop(name, None)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(self._all()[index])
        return self.__dict__[self._name_at(index)]

    def append(self, value: Any) -> Self:
        """Add a value at the end. Returns the list."""
        setattr(self, str(len(self)), value)
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add values at the end. Returns the list."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(f"ParameterList.extend: needs an iterable of values, not {type(values).__name__}")
        for value in list(values):
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def extra_repr(self) -> str:
        return "\n".join(f"({i}): {_described(value)}" for i, value in enumerate(self))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise ArgumentError("ParameterList: it holds parameters and computes nothing; use its elements")


class ParameterDict(Module):
    """Parameters in a dictionary; tensors become parameters, other values are held but not registered.

    >>> import thalweg as tw
    >>> ws = tw.nn.ParameterDict({"left": tw.ones(2), "right": tw.ones(3)})
    >>> ws["left"].requires_grad, [name for name, _ in ws.named_parameters()]
    (True, ['left', 'right'])
    """

    _name_dicts = (*Module._name_dicts, "_keys")

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        return self.__dict__[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"ParameterDict: keys must be str, not {type(key).__name__}")
        if key not in self._keys and hasattr(self, key):
            raise KeyError(f"ParameterDict: the key {key!r} is the name of one of its attributes; choose another")
        value = _as_parameter(value)
        if not isinstance(value, Parameter):
            self._forget(key, keep=())
        self._keys[key] = None
        setattr(self, key, value)

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._keys))

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._keys.keys()

    def values(self) -> Iterable[Any]:
        """The values."""
        return [self[key] for key in self._keys]

    def items(self) -> Iterable[tuple[str, Any]]:
        """(name, value) pairs."""
        return [(key, self[key]) for key in self._keys]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of ``key``, or ``default`` if there is none."""
        return self[key] if key in self._keys else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of ``key``, which becomes ``default`` if there is none."""
        if key not in self._keys:
            self[key] = default
        return self[key]

    def pop(self, key: str) -> Any:
        """Take ``key`` out and return its value."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Take the pair that came last out and return it."""
        if not self._keys:
            raise KeyError("ParameterDict: popitem() of an empty dictionary")
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def clear(self) -> None:
        """Take everything out."""
        for key in list(self._keys):
            del self[key]

    def copy(self) -> ParameterDict:
        """Another dictionary with the same values."""
        return ParameterDict(OrderedDict(self.items()))

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A dictionary with ``default`` under each of ``keys``."""
        return ParameterDict((key, default) for key in keys)

    def update(self, parameters: Any) -> None:
        """Add values, or replace those of the same name: from a mapping or from (name, value) pairs.

        A plain mapping is taken in the order of its sorted keys, an OrderedDict and a ParameterDict in their own.
        """
        if not isinstance(parameters, (Iterable, ParameterDict)) or isinstance(parameters, Tensor):
            raise TypeError(f"ParameterDict.update: needs a mapping or pairs, not {type(parameters).__name__}")
        pairs = pairs_of(parameters, "ParameterDict")
        if isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict):
            pairs.sort(key=operator.itemgetter(0))
        for key, value in pairs:
            self[key] = value

    def __or__(self, other: ParameterDict) -> ParameterDict:
        joined = self.copy()
        joined.update(other)
        return joined

    def __ior__(self, other: ParameterDict) -> Self:
        self.update(other)
        return self

    def extra_repr(self) -> str:
        return "\n".join(f"({key}): {_described(value)}" for key, value in self.items())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise ArgumentError("ParameterDict: it holds parameters and computes nothing; use its elements")


def _described(value: Any) -> str:
    """One line about a value in a ParameterList or ParameterDict."""
    if not isinstance(value, Tensor):
        return f"Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    return f"{kind} containing: [{value.dtype} of size {'x'.join(map(str, value.shape))}]"
