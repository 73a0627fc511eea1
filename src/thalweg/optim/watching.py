"""What of an optimiser the record of a traced function depends on.

The optimisers here tell the tracer each number that they read. A step that a user wrote reads options and state as
plain Python: all of it is watched, and what it stores is put where the record can find it again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from itertools import chain
from operator import is_, itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.modes import state as modes
from ..core.tape import mark_changed
from ..core.tensor import Tensor, wrap
from ..core.value import SymbolicValue, Tracer
from ..errors import TraceError

if TYPE_CHECKING:
    from .optimizer import Optimizer

__all__ = ["Hooks", "Structure", "follow", "followed", "watch_hooks", "watch_structure"]

PLAIN = (bool, int, float, str, type(None))
NOTES = ("_opt_called",)  # which no step reads
STEP_HOOKS = ("step_pre", "step_post")

params_of = itemgetter("params")


class Unchanged:
    """Whether a collection still consists of the same objects, as an entry that can be watched."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.known = self.now()

    def now(self) -> list[Any]:
        raise NotImplementedError

    def get(self, key: str) -> bool:
        now = self.now()
        return len(now) == len(self.known) and all(map(is_, now, self.known))


class Structure(Unchanged):
    """The groups, their parameters, and the dictionary of states."""

    def now(self) -> list[Any]:
        groups = self.optimizer.param_groups
        return [self.optimizer.state, *groups, *chain.from_iterable(map(params_of, groups))]


class Hooks(Unchanged):
    """The step hooks."""

    def now(self) -> list[Any]:
        hooks = self.optimizer._hooks
        return [hook for kind in STEP_HOOKS for hook in hooks.get(kind, {}).values()]


class Keys:
    """The keys of a dictionary, as an entry that can be watched."""

    def __init__(self, entries: dict[str, Any]) -> None:
        self.entries = entries

    def get(self, key: str) -> tuple[str, ...]:
        return tuple(self.entries)


def watch_structure(optimizer: Optimizer, tracer: Tracer) -> None:
    """The record holds until a group is added or a state is loaded."""
    structure = optimizer._structure
    if structure is None or not structure.get(""):
        structure = optimizer._structure = Structure(optimizer)
    tracer.watch(structure, f"having the same groups and state in {optimizer._name()}")
    if "step" not in optimizer.__dict__:  # otherwise _step_with_hooks watches them, when all have run
        watch_hooks(optimizer, tracer)


def watch_hooks(optimizer: Optimizer, tracer: Tracer) -> None:
    """The record holds until a step hook comes or goes."""
    if tracer.watch(optimizer.__dict__, "step") is not None:
        tracer.watch(Hooks(optimizer), f"having the same step hooks in {optimizer._name()}")


# -- steps that users wrote -------------------------------------------------------------------------------


def followed(step: Callable[..., Any]) -> Callable[..., Any]:
    """``step`` of a user's optimiser, which tells the tracer, if there is one, what it may depend on."""

    @functools.wraps(step)
    def wrapper(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        tracer = modes.tracer
        if tracer is None:
            return step(self, *args, **kwargs)
        return follow(step, self, args, kwargs, tracer)

    return wrapper


def follow(step: Callable[..., Any], optimizer: Optimizer, args: Any, kwargs: Any, tracer: Tracer) -> Any:
    """Run ``step`` under the tracer: a changed option or state leads to a new record."""
    watch_structure(optimizer, tracer)
    params = list(chain.from_iterable(map(params_of, optimizer.param_groups)))
    for p in params:
        optimizer.state[p]  # makes it
        tracer.watch(optimizer.state, p)
    before = [(what, entries, dict(entries)) for what, entries in containers(optimizer)]
    for _, entries, known in before:
        watch_entries(entries, known, entries is vars(optimizer), tracer)
    result = step(optimizer, *args, **kwargs)
    for what, entries, known in before:
        refuse_counts(optimizer, what, entries, known)
        for key, value in list(entries.items()):
            if isinstance(value, Tensor) and value is not known.get(key):
                keep(entries, key, value, known.get(key), tracer)
    tracer.stepped(params)
    return result


def watch_entries(entries: dict[str, Any], known: dict[str, Any], plain_only: bool, tracer: Tracer) -> None:
    """What is in a dictionary now; of the attributes those that are plain values."""
    tracer.watch(Keys(entries), "having the same options and state")
    for key, value in known.items():
        if not plain_only or (isinstance(value, PLAIN) and key not in NOTES):
            tracer.watch(entries, key)


def containers(optimizer: Optimizer) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where a step may keep something: the attributes, the groups, the states of the parameters."""
    yield "attribute", vars(optimizer)
    for group in optimizer.param_groups:
        yield "option", group
    for entries in optimizer.state.values():
        yield "state", entries


def refuse_counts(optimizer: Optimizer, what: str, entries: dict[str, Any], known: dict[str, Any]) -> None:
    """Python numbers that the step changes, as only its first call would; they get their old values back."""
    for key, old in known.items():
        new = entries.get(key)
        if not isinstance(old, PLAIN) or isinstance(new, Tensor) or (type(new) is type(old) and new == old):
            continue
        entries[key] = old
        raise TraceError(
            f"{optimizer._name()}.step: changes the {what} {key!r} from {old!r} to {new!r}, which only its first call "
            "would do once it is compiled; keep the number in a tensor of shape () that is changed in place"
        )


def alike(a: Any, b: Any) -> bool:
    return bool(a.shape == b.shape and a.dtype == b.dtype)


def keep(entries: dict[str, Any], key: str, value: Tensor, before: Any, tracer: Tracer) -> None:
    """A tensor that the step computed and stored: its value goes into memory that exists outside of the record."""
    with tracer.suspended():
        content = value._value
        if not isinstance(content, SymbolicValue):
            return
        kept = before
        if not isinstance(before, Tensor) or not alike(before._value, content):
            kept = wrap(np.zeros(content.shape, content.dtype))
    kept._value[...] = content
    mark_changed(kept)
    entries[key] = kept
