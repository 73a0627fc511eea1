"""An optimiser's step inside a traced function: the same rules, on symbolic values, one parameter after the other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.tape import mark_changed
from ..core.tensor import Tensor, wrap
from ..core.value import Tracer
from ..errors import TraceError
from ..ops.broadcast import reshape
from ..ops.shape import cat, index
from .building import Hyper, State
from .optimizer import Group

if TYPE_CHECKING:
    from .rule import RuleOptimizer

__all__ = ["TracedOptions", "traced_update"]


class TracedOptions(Mapping[str, Any]):
    """A parameter group whose numbers are read anew for each run, and whose other options are watched."""

    def __init__(self, group: Group, tracer: Tracer) -> None:
        self._group = group
        self._tracer = tracer

    def __getitem__(self, key: str) -> Any:
        value = self._group[key]
        if is_plain(value) or (key == "lr" and type(value) is int):
            return self._tracer.number(self._group, key)
        if isinstance(value, (tuple, list)) and value and all(map(is_plain, value)):
            return tuple(self._tracer.number(self._group, key, i) for i in range(len(value)))
        if isinstance(value, Tensor) and value._value.size == 1 and key == "lr":
            return self._tracer.number(self._group, key)
        return self._tracer.watch(self._group, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._group)

    def __len__(self) -> int:
        return len(self._group)


def is_plain(value: Any) -> bool:
    """A number to compute with; ints may count something and are watched."""
    return isinstance(value, float) or (isinstance(value, np.floating) and value.ndim == 0)


def traced_update(
    optimizer: RuleOptimizer, group: Group, params: list[Tensor], tracer: Tracer, rate: Any = None
) -> None:
    """One step of the parameters ``params`` of ``group``; ``rate`` is a vector or matrix over all their elements."""
    with tracer.suspended():
        for p in params:
            optimizer._prepare(p, group)
            start(optimizer, p, group)
    options: Hyper = TracedOptions(group, tracer)
    if rate is None:
        for p in params:
            update_one(optimizer, p, options, tracer)
    else:
        others = {key: options[key] for key in group if key not in ("lr", "params", "param_names")}
        update_together(optimizer, params, {**others, "lr": rate}, tracer)
    tracer.stepped(params)


def start(optimizer: RuleOptimizer, p: Tensor, group: Group) -> None:
    """Make the entries of the state that a first step would find missing, where zeros give the same step."""
    state = optimizer.state[p]
    for name in optimizer.optional:
        if state.get(name) is None and optimizer.starts_at_zero(name, group):
            state[name] = wrap(np.zeros_like(p._value))


def read(optimizer: RuleOptimizer, p: Tensor, tracer: Tracer) -> State:
    """The state of a parameter in the form that rules take."""
    entries = tracer.watch(optimizer.state, p)
    state: State = {}
    for name in (*optimizer.arrays, *optimizer.numbers):
        entry = tracer.watch(entries, name)
        if entry is not None:
            state[name] = tracer.as_number(entry._value) if name in optimizer.numbers else entry._value
    return state


def write(optimizer: RuleOptimizer, p: Tensor, new: State, tracer: Tracer) -> None:
    """Put the new state where the old one is."""
    entries = optimizer.state[p]
    for name, value in new.items():
        tensor = entries.get(name)
        if tensor is None:
            with tracer.suspended():
                tensor = entries[name] = wrap(np.zeros_like(p._value))
        tensor._value[...] = value
        mark_changed(tensor)


def update_one(optimizer: RuleOptimizer, p: Tensor, options: Hyper, tracer: Tracer) -> None:
    value = p._value
    assert p._grad is not None
    change, new = optimizer.rule(p._grad._value, value, read(optimizer, p, tracer), options)
    write(optimizer, p, new, tracer)
    value[...] = value - change
    mark_changed(p)


def update_together(optimizer: RuleOptimizer, params: list[Tensor], options: Hyper, tracer: Tracer) -> None:
    """All parameters as one vector, as a step size over all their elements needs."""
    if len({p._value.dtype for p in params}) > 1 or optimizer.numbers:
        raise TraceError(f"{optimizer._name()}: a vector or matrix as lr can't be compiled for parameters like these")
    states = [read(optimizer, p, tracer) for p in params]
    gradient = joined([p._grad._value for p in params])  # type: ignore[union-attr]
    state = {name: joined([s[name] for s in states]) for name in states[0]}
    change, new = optimizer.rule(gradient, joined([p._value for p in params]), state, options)
    ends = list(itertools.accumulate(p._value.size for p in params))
    for p, end in zip(params, ends, strict=True):
        part = _Part(end - p._value.size, end, p._value.shape)
        write(optimizer, p, {name: part(v) for name, v in new.items()}, tracer)
        value = p._value
        value[...] = value - part(change)
        mark_changed(p)


def joined(values: list[Any]) -> Any:
    """One vector of the elements of all."""
    return cat(*(reshape(v, shape=(v.size,)) for v in values), dim=0)


class _Part:
    """A parameter's part of a vector, in its shape."""

    def __init__(self, begin: int, end: int, shape: tuple[int, ...]) -> None:
        self.key = (slice(begin, end),)
        self.shape = shape

    def __call__(self, vector: Any) -> Any:
        return reshape(index(vector, index=self.key), shape=self.shape)
