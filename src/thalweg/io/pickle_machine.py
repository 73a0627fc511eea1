"""A machine for the data of pickles: it builds what it knows and never imports or calls anything else."""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from typing import IO, Any

from ..core.dtypes import dtype
from ..errors import SerializationError

__all__ = ["Constructor", "PickleMachine", "checked_key"]

_KEYS = (str, int, float, bytes, type(None), dtype)
_VALUES = frozenset(
    {
        "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
        "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",
        "BINBYTES8",
    }
)  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class Constructor:
    """What stands for a global of the pickle that may be called: the name there, and what it makes here."""

    def __init__(self, name: str, make: Callable[..., Any]) -> None:
        self.name = name
        self.make = make


class PickleMachine:
    """Reads one pickle.

    Args:
        globals: name to value for all globals that may occur; a ``Constructor`` may be called.
        persistent: makes the object of a persistent id.
        build: takes ``(object, state)`` where the pickle sets an object's state.
        refuse: raises an error for a global that is not known.
    """

    def __init__(
        self,
        globals: Mapping[str, Any],
        persistent: Callable[[Any], Any],
        build: Callable[[Any, Any], None],
        refuse: Callable[[str], Any],
    ) -> None:
        self.globals = globals
        self.persistent = persistent
        self.build = build
        self.refuse = refuse
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def load(self, file: IO[bytes]) -> Any:
        """The object of the pickle that begins where the file stands; the file then stands behind it.

        Raises:
            SerializationError: the pickle is damaged, or holds something that is refused.
        """
        try:
            for code, argument, _ in pickletools.genops(file):
                self._do(code.name, argument)
            return self.stack.pop()
        except SerializationError:
            raise
        except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, RuntimeError) as error:
            raise SerializationError(f"the pickle in it is damaged ({type(error).__name__}: {error})") from None

    def _do(self, name: str, argument: Any) -> None:
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        elif name in _TUPLES:
            n = _TUPLES[name]
            self.stack[-n:] = [tuple(self._top(n))]
        else:
            method = getattr(self, f"_op_{name.lower()}", None)
            if method is None:
                raise SerializationError(f"the pickle in it uses {name}, which no checkpoint needs; it is refused")
            method(argument)

    def _top(self, n: int) -> list[Any]:
        if len(self.stack) < n:
            raise ValueError("the stack is empty")
        return self.stack[-n:]

    # -- control ------------------------------------------------------------------------------------------

    def _op_proto(self, version: int) -> None:
        if version > 5:
            raise SerializationError(f"the pickle in it has protocol {version}, and 5 is the newest that is known")

    def _op_frame(self, size: int) -> None:
        """The frames of protocol 4 only help a reader to plan."""

    def _op_stop(self, _: Any) -> None:
        self._top(1)

    def _op_mark(self, _: Any) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def _marked(self) -> list[Any]:
        """What stands above the last mark, which goes."""
        items, self.stack = self.stack, self.marks.pop()
        return items

    def _op_pop(self, _: Any) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._marked()

    def _op_pop_mark(self, _: Any) -> None:
        self._marked()

    def _op_dup(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def _op_get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    _op_binget = _op_long_binget = _op_get

    def _op_put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    _op_binput = _op_long_binput = _op_put

    def _op_memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    # -- containers ---------------------------------------------------------------------------------------

    def _op_tuple(self, _: Any) -> None:
        items = self._marked()
        self.stack.append(tuple(items))

    def _op_list(self, _: Any) -> None:
        items = self._marked()
        self.stack.append(items)

    def _op_dict(self, _: Any) -> None:
        items = self._marked()
        self.stack.append({})
        self._fill(items)

    def _op_frozenset(self, _: Any) -> None:
        items = self._marked()
        self.stack.append(frozenset(map(checked_key, items)))

    def _op_append(self, _: Any) -> None:
        item = self.stack.pop()
        self._target(list).append(item)

    def _op_appends(self, _: Any) -> None:
        items = self._marked()
        self._target(list).extend(items)

    def _op_setitem(self, _: Any) -> None:
        items = self._top(2)
        del self.stack[-2:]
        self._fill(items)

    def _op_setitems(self, _: Any) -> None:
        items = self._marked()
        self._fill(items)

    def _op_additems(self, _: Any) -> None:
        items = self._marked()
        self._target(set).update(map(checked_key, items))

    def _op_bytearray8(self, content: Any) -> None:
        self.stack.append(bytearray(content))

    def _fill(self, items: list[Any]) -> None:
        target = self._target(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[checked_key(key)] = value

    def _target(self, kind: type) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise ValueError(f"a {type(self.stack[-1]).__name__} can't be filled as a {kind.__name__}")
        return self.stack[-1]

    # -- globals ------------------------------------------------------------------------------------------

    def _op_global(self, argument: str) -> None:
        self._push_global(*argument.split(" ", 1))

    def _op_stack_global(self, _: Any) -> None:
        module, name = self._top(2)
        del self.stack[-2:]
        self._push_global(str(module), str(name))

    def _push_global(self, module: str, name: str) -> None:
        full = f"{module}.{name}"
        self.stack.append(self.globals[full] if full in self.globals else self.refuse(full))

    def _op_reduce(self, _: Any) -> None:
        target, args = self._top(2)
        del self.stack[-2:]
        if not isinstance(target, Constructor) or not isinstance(args, tuple):
            raise SerializationError(f"the pickle in it calls {target!r}, which is no function that is known")
        self.stack.append(target.make(*args))

    _op_newobj = _op_reduce

    def _op_build(self, _: Any) -> None:
        state = self.stack.pop()
        self.build(self.stack[-1], state)

    def _op_binpersid(self, _: Any) -> None:
        self.stack.append(self.persistent(self.stack.pop()))


def checked_key(key: Any) -> Any:
    """A key of a dictionary or member of a set: a plain value, or a flat tuple of them."""
    if isinstance(key, _KEYS) or (isinstance(key, tuple) and all(isinstance(k, _KEYS) for k in key)):
        return key
    raise ValueError(f"a {type(key).__name__} can't be a key")
