"""How a rule is run over a group: its small parameters together, its large ones in blocks.

A NumPy call costs about a third of a microsecond whatever it does to up to a thousand elements. So the small
parameters of a group are concatenated, the rule runs once, and the result is handed out. A large parameter is cut
into blocks small enough for the rule's temporaries to stay in the cache. A rule that works element by element gives
the same bits either way; other rules get one parameter at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import is_
from typing import Any

import numpy as np

from ..core.tape import mark_changed
from ..core.tensor import Tensor, wrap
from .building import Hyper, State

__all__ = ["Layout", "Part", "Plan", "subtract_scaled"]

Rule = Callable[[Any, Any, State, Hyper], tuple[Any, State]]

SMALL = 8192  # parameters up to this many elements are updated together,
BLOCK = 16384  # as many as fit in here; larger parameters are cut into blocks of this size

copyto, concatenate, multiply, subtract = np.copyto, np.concatenate, np.multiply, np.subtract


class Layout:
    """What a part has to know of its optimiser.

    Attributes:
        arrays: the entries of the state that have the parameter's shape.
        numbers: those that are one number for each parameter, such as "step".
        elementwise: whether the rule treats every element alike, wherever it stands.
    """

    def __init__(self, arrays: tuple[str, ...], numbers: tuple[str, ...], elementwise: bool) -> None:
        self.arrays = arrays
        self.numbers = numbers
        self.elementwise = elementwise


class Part:
    """Parameters that one call of the rule updates, and their state in the form that the rule takes.

    ``buffers`` holds the arrays of the state, one for all parameters where there are several; the tensors in the
    optimiser's ``state`` are views of them. ``numbers`` holds one entry for each parameter. ``flat`` asks for vectors
    even if there is one parameter only.
    """

    def __init__(self, params: list[Tensor], states: list[dict[str, Any]], layout: Layout, flat: bool = False) -> None:
        self.params = params
        self.states = states
        self.layout = layout
        self.dtype = params[0]._value.dtype
        self.entries: list[tuple[dict[str, Any], str, Tensor]] = []
        sizes = [p._value.size for p in params]
        self.ends = np.cumsum(sizes).tolist()
        self.views: list[Any] | None = None
        if flat or len(params) > 1:
            self.change = np.empty(self.ends[-1], self.dtype)
            self.views = self._split(self.change)
        self.buffers: dict[str, Any] = {}
        self.numbers: dict[str, Any] = {}
        for name in layout.arrays:
            if states[0].get(name) is not None:
                self._adopt(name, self._join([s[name]._value for s in states]))
        for name in layout.numbers:
            self._adopt_numbers(name, [s[name]._value for s in states])

    # -- the state ----------------------------------------------------------------------------------------

    def _split(self, flat: Any) -> list[Any]:
        """Views of one vector in the shapes of the parameters."""
        starts = [0, *self.ends]
        return [flat[a:b].reshape(p._value.shape) for a, b, p in zip(starts, self.ends, self.params, strict=False)]

    def _join(self, values: list[Any]) -> Any:
        """One array of the values of all parameters that may be written; a single one keeps its memory if it can."""
        if self.views is not None:
            return concatenate(values, None, dtype=self.dtype)
        value = values[0]
        return value if value.dtype == self.dtype and value.flags.writeable else value.astype(self.dtype)

    def _adopt(self, name: str, buffer: Any) -> None:
        """Make ``buffer`` the memory of an entry of the state."""
        self.buffers[name] = buffer
        self._expose(name, [buffer] if self.views is None else self._split(buffer))

    def _adopt_numbers(self, name: str, values: list[Any]) -> None:
        dtype = values[0].dtype
        self.numbers[name] = numbers = np.array([v.item() for v in values], dtype)
        self._expose(name, [numbers[i : i + 1].reshape(()) for i in range(len(values))])

    def _expose(self, name: str, views: list[Any]) -> None:
        """Let the tensors in the optimiser's state show the memory that the rule works on."""
        for state, view in zip(self.states, views, strict=True):
            tensor = state.get(name)
            if tensor is None:
                tensor = state[name] = wrap(view)
            else:
                tensor._value = view
            self.entries.append((state, name, tensor))

    def fits(self, states: Mapping[Any, Any]) -> bool:
        """Whether nobody has exchanged the state, or given the parameters different counts, since the last step."""
        params = self.params
        if params[0]._value.dtype != self.dtype:
            return False
        for p, state in zip(params, self.states, strict=True):
            if states.get(p) is not state:
                return False
        for state, name, tensor in self.entries:
            if state.get(name) is not tensor:
                return False
        if self.views is not None:
            for numbers in self.numbers.values():
                values = numbers.tolist()
                if values.count(values[0]) != len(values):
                    return False
        return True

    def _read(self) -> State:
        state: State = {name: numbers.item(0) for name, numbers in self.numbers.items()}
        state.update(self.buffers)
        return state

    def _write(self, new: State) -> None:
        for name, value in new.items():
            if name in self.numbers:
                self.numbers[name].fill(value)
            elif name in self.buffers:
                copyto(self.buffers[name], value)
            else:
                self._adopt(name, np.array(value))

    # -- the step -----------------------------------------------------------------------------------------

    def update(self, rule: Rule, hyper: Hyper, reads_parameter: bool) -> None:
        """Run the rule and take the step."""
        if self.views is None:
            self._update_one(rule, hyper)
        else:
            self._update_together(rule, hyper, reads_parameter)

    def _update_together(self, rule: Rule, hyper: Hyper, reads_parameter: bool) -> None:
        params = self.params
        gradient = concatenate([p._grad._value for p in params], None)  # type: ignore[union-attr]
        parameter = concatenate([p._value for p in params], None) if reads_parameter else None
        change, new = rule(gradient, parameter, self._read(), hyper)
        self._write(new)
        copyto(self.change, change)
        assert self.views is not None
        for p, view in zip(params, self.views, strict=True):
            value = p._value
            subtract(value, view, value)
            mark_changed(p)

    def _update_one(self, rule: Rule, hyper: Hyper) -> None:
        p = self.params[0]
        value, gradient = p._value, p._grad._value  # type: ignore[union-attr]
        if value.size > BLOCK and self._can_be_cut(value):
            self._update_blocks(rule, hyper, value.reshape(-1), gradient.reshape(-1))
        else:
            change, new = rule(gradient, value, self._read(), hyper)
            self._write(new)
            subtract(value, change, value)
        mark_changed(p)

    def _can_be_cut(self, value: Any) -> bool:
        """Whether the rule may be run on pieces, and all arrays can be looked at as vectors."""
        arrays = (value, *self.buffers.values())
        return self.layout.elementwise and all(array.flags.c_contiguous for array in arrays)

    def _update_blocks(self, rule: Rule, hyper: Hyper, parameter: Any, gradient: Any) -> None:
        numbers = {name: entry.item(0) for name, entry in self.numbers.items()}
        old = flat = {name: buffer.reshape(-1) for name, buffer in self.buffers.items()}
        new: State = {}
        for block in blocks(parameter.size):
            piece = parameter[block]
            state = {**numbers, **{name: buffer[block] for name, buffer in old.items()}}
            change, new = rule(gradient[block], piece, state, hyper)
            for name, value in new.items():
                if name in numbers:
                    continue
                if name not in flat:
                    flat = {**flat, name: self._adopt_empty(name)}  # the other blocks have no old value either
                copyto(flat[name][block], value)
            subtract(piece, change, piece)
        self._write({name: new[name] for name in numbers})

    def _adopt_empty(self, name: str) -> Any:
        """Memory for an entry of the state that the rule has made, as a vector."""
        self._adopt(name, np.empty(self.params[0]._value.shape, self.dtype))
        return self.buffers[name].reshape(-1)


def blocks(size: int) -> Iterator[slice]:
    """Slices that cover ``size`` elements."""
    for start in range(0, size, BLOCK):
        yield slice(start, start + BLOCK)


class Plan:
    """The parts of one group, for the parameters that have gradients; good until one of them changes.

    ``together`` makes them all one part, flattened, as a step size over the whole group needs.
    """

    def __init__(
        self, group: Hyper, params: list[Tensor], states: Mapping[Any, Any], layout: Layout, together: bool
    ) -> None:
        self.group = group
        self.params = params
        self.together = together
        self.parts = [
            Part(members, [states[p] for p in members], layout, together)
            for members in ([params] if together else partition(params, states, layout))
        ]

    def fits(self, group: Hyper, params: list[Tensor], states: Mapping[Any, Any], together: bool) -> bool:
        """Whether it was made for these parameters and this state."""
        return (
            self.group is group
            and self.together is together
            and len(params) == len(self.params)
            and all(map(is_, params, self.params))
            and all(part.fits(states) for part in self.parts)
        )


def partition(params: list[Tensor], states: Mapping[Any, Any], layout: Layout) -> list[list[Tensor]]:
    """Which parameters go together: small ones of one dtype, with the same counts and the same entries of state."""
    parts: list[list[Tensor]] = []
    open_parts: dict[Any, tuple[list[Tensor], int]] = {}
    for p in params:
        size, state = p._value.size, states[p]
        if size > SMALL or not layout.elementwise:
            parts.append([p])
            continue
        present = tuple(state.get(name) is not None for name in layout.arrays)
        key = (p._value.dtype, present, tuple(state[name]._value.item() for name in layout.numbers))
        members, total = open_parts.get(key, ([], 0))
        if not members or total + size > BLOCK:
            members, total = [], 0
            parts.append(members)
        members.append(p)
        open_parts[key] = (members, total + size)
    return parts


def subtract_scaled(params: list[Tensor], rate: float) -> None:
    """w -= rate * gradient for each of the parameters: the rule that has no state, with least work."""
    dtype: Any = None
    for p in params:
        value, gradient = p._value, p._grad._value  # type: ignore[union-attr]
        if value.dtype is not dtype:  # NumPy takes a 0-d array in half of the time that it needs for a Python number
            dtype = value.dtype
            scale = np.array(rate, dtype)
        if value.size <= 4 * BLOCK or not value.flags.c_contiguous:  # one temporary only, so a larger one will do
            subtract(value, multiply(gradient, scale), value)
        else:
            value, gradient = value.reshape(-1), gradient.reshape(-1)
            for block in blocks(value.size):
                subtract(value[block], multiply(gradient[block], scale), value[block])
        mark_changed(p)
