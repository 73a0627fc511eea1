"""What a record depends on beside the shapes and dtypes of the arguments: it holds while all of this is as it was."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Iterable
from operator import attrgetter, is_
from typing import Any

import numpy as np

from ..core.hooks import clock as hook_clock
from ..core.primitive import Primitive
from ..core.tensor import Tensor
from ..nn.hooks import everywhere
from ..nn.module import Module
from ..nn.registry import clock

__all__ = ["Computed", "Guards", "Source", "held_by", "same_objects"]


class Source:
    """Where a number or an object is read for each run: ``container[key]``, or the attribute, then ``path``."""

    __slots__ = ("container", "key", "path")

    def __init__(self, container: Any, key: Any, path: tuple[Any, ...] = ()) -> None:
        self.container = container
        self.key = key
        self.path = path

    def read(self) -> Any:
        """The object that is there now; None if there is none."""
        container = self.container
        if hasattr(container, "get"):
            value = container.get(self.key)
        elif hasattr(container, "__getitem__"):
            value = container[self.key]
        else:
            value = getattr(container, self.key, None)
        for step in self.path:
            value = value[step]
        return value

    def number(self) -> float:
        """The number that is there now."""
        value = self.read()
        if type(value) is float or type(value) is int:
            return value
        return float(np.asarray(value._value if isinstance(value, Tensor) else value).reshape(()))

    def __repr__(self) -> str:
        return "".join([str(self.key), *(f"[{step}]" for step in self.path)])


class Computed:
    """A number that is computed from numbers which are read for each run."""

    __slots__ = ("operands", "params", "primitive")

    def __init__(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> None:
        self.primitive = primitive
        self.operands = operands  # sources and Python numbers
        self.params = params

    def number(self) -> float:
        """Its value now."""
        values = [np.float64(x.number() if isinstance(x, (Source, Computed)) else x) for x in self.operands]
        with np.errstate(all="ignore"):
            return float(self.primitive.forward(*values, **self.params))

    def __repr__(self) -> str:
        return f"{self.primitive.name}({', '.join(map(repr, self.operands))})"


DICTS = (dict, defaultdict)
TENSOR_HOOKS = ("hooks", "post_accumulate")
_TEXT = {"__eq__": "==", "__ne__": "!=", "__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}
_value, _node = attrgetter("_value"), attrgetter("_node")


class Guards:
    """A list of conditions that is checked before each run, the cheap ones at the speed of C."""

    def __init__(self) -> None:
        self.numbers: list[tuple[Source | Computed, str, Any, bool]] = []  # compared with a float or with another one
        self.watched: list[tuple[Source, Any]] = []
        self.tensors: list[Tensor] = []
        self.outlines: list[tuple[tuple[int, ...], Any, tuple[int, ...]]] = []
        self.nodes: list[Any] = []
        self.grads: list[tuple[Tensor, bool]] = []
        self.distinct_grads = 0  # how many different tensors they are; 0 if there are not several
        self.conditions: list[tuple[str, Callable[[], Any], Any]] = []
        self.arrays: list[Any] = []
        self.modules: list[tuple[Module, dict[str, Any]]] = []
        self.contents: list[tuple[Any, list[Any]]] = []  # lists and dictionaries, with what they hold
        self._changes = clock.changes
        self._hooks: list[Any] = []
        self._hook_changes = -1
        self._arranged = 0  # how many of the watched entries have been arranged
        self._lookups: tuple[list[Any], list[Any], list[Any]] = ([], [], [])  # dictionaries, keys, what is there
        self._reads: list[tuple[Source, Any]] = []  # what is not in a dictionary

    def add_containers(self, containers: Iterable[tuple[Any, list[Any]]]) -> None:
        """Lists and dictionaries hold what they held."""
        self.contents.extend(containers)

    def note_hooks(self) -> None:
        """The tensors and modules keep the hooks that they have now."""
        self._hooks, self._hook_changes = self._all_hooks(), hook_clock.changes

    def add_modules(self, modules: Iterable[Module]) -> None:
        """The attributes of modules stay what they are."""
        self.modules.extend((m, dict(m.__dict__)) for m in modules)

    def _count_grads(self) -> int:
        return len({id(x._grad) for x, had in self.grads if had and x._grad is not None})

    def add_tensor(self, x: Tensor, array: Any, node: Any) -> None:
        """A tensor from outside keeps its shape, dtype and strides, and whether it requires a gradient."""
        self.tensors.append(x)
        self.arrays.append(array)
        self.outlines.append((array.shape, array.dtype, array.strides))
        self.nodes.append(node)

    def failure(self) -> str | None:
        """Why the record does not hold any more; None if it does."""
        if clock.changes != self._changes and (reason := self._module_changed()):
            return reason
        if hook_clock.changes != self._hook_changes:
            if not same_objects(self._all_hooks(), self._hooks):
                return "a hook was added or removed"
            self._hook_changes = hook_clock.changes
        if not all(map(is_, map(_node, self.tensors), self.nodes)):
            return "a tensor's requires_grad was changed"
        if not all(map(is_, map(_value, self.tensors), self.arrays)) and (reason := self._memory_moved()):
            return reason
        for source, operation, other, outcome in self.numbers:
            if getattr(operator, operation)(source.number(), _now(other)) != outcome:
                return f"{source!r} is {source.number()}, and {source!r} {_TEXT[operation]} {other} was {outcome}"
        if self._arranged != len(self.watched):
            self._arrange()
        dicts, keys, objects = self._lookups
        if not all(map(is_, map(dict.get, dicts, keys), objects)) and (reason := _changed(self.watched)):
            return reason
        if reason := _changed(self._reads):
            return reason
        if self.distinct_grads and self._count_grads() != self.distinct_grads:
            return "gradients have come to be one tensor, or to be different ones"
        for x, had in self.grads:
            if (x._grad is not None) != had:
                return f"the gradient of a tensor of shape {tuple(x._value.shape)} {'was there' if had else 'was None'}"
        for container, held in self.contents:
            if not same_objects(held_by(container), held):
                return f"a {type(container).__name__} that held {_short(held)} has changed"
        for what, read, known in self.conditions:
            if read() != known:
                return f"{what} has changed"
        return None

    def _arrange(self) -> None:
        """Sort out what can be looked up in dictionaries, each entry once."""
        self._arranged = len(self.watched)
        each = {(id(source.container), source.key, id(known)): (source, known) for source, known in self.watched}
        self._reads = [(source, known) for source, known in each.values() if type(source.container) not in DICTS]
        found = [(source, known) for source, known in each.values() if type(source.container) in DICTS]
        self._lookups = ([s.container for s, _ in found], [s.key for s, _ in found], [known for _, known in found])

    def _all_hooks(self) -> list[Any]:
        """The hooks of tensors from outside, modules, and all modules, each behind its owner and kind."""
        kinds: list[tuple[Any, Any]] = [
            (x, x._extra.get(kind, {})) for x in self.tensors if x._extra for kind in TENSOR_HOOKS
        ]
        owners: list[tuple[Any, Any]] = [(m, m._hooks) for m, _ in self.modules if m._hooks is not None] + [
            (everywhere, h) for h in everywhere
        ]
        kinds += [(owner, hooks) for owner, own in owners for hooks in vars(own).values()]
        return [x for owner, hooks in kinds if hooks for x in (owner, hooks, *hooks.values())]

    def _module_changed(self) -> str | None:
        """Some module has changed somewhere: whether it is one of these."""
        for module, known in self.modules:
            now = module.__dict__
            if now.keys() != known.keys():
                return f"{type(module).__name__} has got other attributes"
            for name, value in known.items():
                if now[name] is not value and not _same(now[name], value):
                    return f"{type(module).__name__}.{name} was {_short(value)} and is {_short(now[name])}"
        self._changes = clock.changes
        return None

    def _memory_moved(self) -> str | None:
        """Other arrays in the same tensors are taken over if they look alike."""
        for i, x in enumerate(self.tensors):
            array = x._value
            if array is self.arrays[i]:
                continue
            if (array.shape, array.dtype, array.strides) != self.outlines[i]:
                shape, dtype, _ = self.outlines[i]
                return (
                    f"a tensor outside had shape {tuple(shape)}, {dtype}, and has {tuple(array.shape)}, {array.dtype}"
                )
        self.arrays = [x._value for x in self.tensors]
        return None


def _changed(watched: Iterable[tuple[Source, Any]]) -> str | None:
    """The first of the watched entries that is another object or number now."""
    for source, known in watched:
        now = source.read()
        if now is not known and not _same(now, known):
            return f"{source!r} was {_short(known)} and is {_short(now)}"
    return None


def held_by(container: Any) -> list[Any]:
    """The elements of a list; the keys and values of a dictionary."""
    return [*container, *container.values()] if isinstance(container, dict) else list(container)


def same_objects(now: list[Any], known: list[Any]) -> bool:
    """Whether these are the same objects, or equal numbers and texts, in the same places."""
    if len(now) != len(known):
        return False
    return all(map(is_, now, known)) or all(a is b or _same(a, b) for a, b in zip(now, known, strict=True))


def _now(x: Any) -> Any:
    return x.number() if isinstance(x, (Source, Computed)) else x


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and isinstance(a, (bool, int, float, str, tuple)) and a == b


def _short(x: Any) -> str:
    text = repr(x)
    return text if len(text) <= 40 else f"another {type(x).__name__}"
