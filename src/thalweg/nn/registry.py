"""Which attributes of a module are parameters, buffers and submodules.

The values lie in the instance's ``__dict__`` like any attribute, so that ``self.weight`` costs no more than that;
beside them the module keeps the names of each kind, in the order in which they were registered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from types import MappingProxyType
from typing import Any, ClassVar

from ..core.tape import LEAF
from ..core.tensor import Tensor
from ..errors import ArgumentError
from .parameter import Buffer, Parameter

__all__ = ["Members", "Registry", "clock"]


class Clock:
    """Counts the changes of attributes of all modules, so that what depends on them can see whether there were any."""

    __slots__ = ("changes",)

    def __init__(self) -> None:
        self.changes = 0


clock = Clock()

_NONE_YET: Any = MappingProxyType({})  # what a module has before Module.__init__ ran
_OURS = frozenset({"summary"})  # methods that PyTorch's modules lack, so that members may have these names


class Members(MutableMapping[str, Any]):
    """The members of one kind as a dictionary: a live view, reading and writing the module itself."""

    __slots__ = ("_mark", "_names", "_values")

    def __init__(self, names: dict[str, Any], values: dict[str, Any], mark: Any = None) -> None:
        self._names = names
        self._values = values
        self._mark = mark  # what stands beside a new name

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        clock.changes += 1
        self._names.setdefault(name, self._mark)
        self._values[name] = value

    def __delitem__(self, name: str) -> None:
        clock.changes += 1
        del self._names[name]
        del self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self)!r})"


class Registry:
    """The part of a Module that knows its members by name."""

    _name_dicts: ClassVar[tuple[str, ...]] = ("_parameter_names", "_buffer_names", "_module_names")
    _parameter_names: dict[str, None] = _NONE_YET
    _buffer_names: dict[str, bool] = _NONE_YET  # whether the buffer is persistent
    _module_names: dict[str, None] = _NONE_YET

    def __init__(self) -> None:
        self.__dict__.update(_parameter_names={}, _buffer_names={}, _module_names={})

    @property
    def _parameters(self) -> Members:
        return Members(self._parameter_names, self.__dict__)

    @property
    def _buffers(self) -> Members:
        return Members(self._buffer_names, self.__dict__, mark=True)

    @property
    def _modules(self) -> Members:
        return Members(self._module_names, self.__dict__)

    # -- registering --------------------------------------------------------------------------------------

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Make ``param`` the parameter ``name``; None keeps the place, and the name, of an absent one.

        Raises:
            TypeError: ``name`` is not a str, or ``param`` not a Parameter.
            KeyError: ``name`` is empty, has a dot, or belongs to another attribute.
            ArgumentError: ``param`` was computed, so that a gradient would not stop there.
        """
        clock.changes += 1
        self._check_name(name, "parameter", self._parameter_names)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"register_parameter: {name!r} must be an nn.Parameter or None, not {type(param).__name__}"
                )
            if param._node is not None and param._node is not LEAF:
                raise ArgumentError(
                    f"register_parameter: {name!r} was made by an operation ({param._node.name()}); a parameter is a "
                    "leaf: wrap the values in nn.Parameter, or compute the tensor in forward()"
                )
        self._parameter_names[name] = None
        self.__dict__[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Make ``tensor`` a buffer: state that is not learned, and is saved if ``persistent``.

        Raises:
            TypeError: ``name`` is not a str, or ``tensor`` not a Tensor.
            KeyError: ``name`` is empty, has a dot, or belongs to another attribute.
        """
        clock.changes += 1
        self._check_name(name, "buffer", self._buffer_names)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"register_buffer: {name!r} must be a Tensor or None, not {type(tensor).__name__}")
        self._buffer_names[name] = persistent
        self.__dict__[name] = tensor

    def add_module(self, name: str, module: Any) -> None:
        """Make ``module`` the submodule ``name``; None keeps the name without a module.

        Raises:
            TypeError: ``name`` is not a str, or ``module`` not a Module.
            KeyError: ``name`` is empty, has a dot, or belongs to another attribute.
        """
        if module is not None and not isinstance(module, Registry):
            raise TypeError(f"add_module: {name!r} must be an nn.Module or None, not {type(module).__name__}")
        clock.changes += 1
        self._check_name(name, "module", self._module_names)
        self._module_names[name] = None
        self.__dict__[name] = module

    def register_module(self, name: str, module: Any) -> None:
        """``add_module`` under its other name."""
        self.add_module(name, module)

    def _check_name(self, name: str, kind: str, names: Iterable[str]) -> None:
        self._check_initialised(kind)
        if not isinstance(name, str):
            raise TypeError(f"register {kind}: the name must be a str, not {type(name).__name__}")
        if "." in name:
            raise KeyError(f"register {kind}: the name {name!r} must not contain a dot, which separates modules")
        if name == "":
            raise KeyError(f"register {kind}: the name must not be empty")
        if name not in names and (name in self.__dict__ if name in _OURS else hasattr(self, name)):
            raise KeyError(f"register {kind}: {type(self).__name__} already has an attribute {name!r}")

    def _check_initialised(self, kind: str) -> None:
        if self._module_names is _NONE_YET:
            raise AttributeError(
                f"cannot assign a {kind} before Module.__init__() has run; call super().__init__() first in "
                f"{type(self).__name__}.__init__"
            )

    # -- attributes ---------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        clock.changes += 1
        if isinstance(value, Parameter):
            self._check_initialised("parameter")
            self._forget(name, keep=self._parameter_names)
            self.register_parameter(name, value)
        elif name in self._parameter_names:
            self._set_member(name, value, "parameter", "nn.Parameter or None", value is None)
        elif isinstance(value, Registry):
            self._check_initialised("module")
            self._forget(name, keep=self._module_names)
            self._module_names[name] = None
            self.__dict__[name] = value
        elif name in self._module_names:
            self._set_member(name, value, "child module", "nn.Module or None", value is None)
        elif name in self._buffer_names:
            self._set_member(name, value, "buffer", "Tensor or None", value is None or isinstance(value, Tensor))
        elif isinstance(value, Buffer):
            self._check_initialised("buffer")
            self._forget(name, keep=())
            self.register_buffer(name, value, value.persistent)
        else:
            object.__setattr__(self, name, value)

    def _set_member(self, name: str, value: Any, kind: str, expected: str, fits: bool) -> None:
        if not fits:
            raise TypeError(
                f"cannot assign {type(value).__name__} as {kind} {name!r} of {type(self).__name__}: "
                f"{expected} expected; delete the attribute first to give the name another meaning"
            )
        self.__dict__[name] = value

    def _forget(self, name: str, keep: Iterable[str]) -> None:
        """Take the name away from every kind of member except ``keep``."""
        if name in keep:
            return
        for names in (self._parameter_names, self._buffer_names, self._module_names):
            names.pop(name, None)
        self.__dict__.pop(name, None)

    def __delattr__(self, name: str) -> None:
        clock.changes += 1
        object.__delattr__(self, name)
        if self._module_names is not _NONE_YET:
            self._forget(name, keep=())

    def __dir__(self) -> list[str]:
        return sorted(name for name in object.__dir__(self) if not name[:1].isdigit())

    def __getstate__(self) -> dict[str, Any]:
        """The attributes, for ``copy``: with names of its own, so that a copy can register without the original."""
        state = dict(self.__dict__)
        for key in self._name_dicts:
            if key in state:
                state[key] = dict(state[key])
        return state
