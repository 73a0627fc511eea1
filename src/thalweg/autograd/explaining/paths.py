"""The ways between parameters and the loss in a recorded walk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from .sizes import norm, summed_to
from .steps import Step, is_on_tape
from .walk import Recorder

__all__ = ["Paths", "Use"]

Use = tuple[Step, int]  # a step, and the position of one of its inputs


class Paths:
    """A walk as a graph: who reads what.

    Attributes:
        walk: the walk.
        uses: for each step or tensor the places where it is read.
        names: of the model's parameters.
        kinds: the classes of the model's modules, by path.
        roots: what backward began at, or what the function returned.
    """

    def __init__(self, walk: Recorder, model: Any) -> None:
        self.walk = walk
        self.names: dict[Tensor, str] = {p: name for name, p in model.named_parameters()}
        self.kinds = {path: type(m).__name__ for path, m in model.named_modules()}
        self.uses: dict[Any, list[Use]] = {}
        for step in walk.steps:
            for i, source in enumerate(step.sources):
                if source is not None:
                    self.uses.setdefault(source, []).append((step, i))
        self.roots = [x for x in walk.roots if x is not None]
        if not self.roots and isinstance(walk.result, Tensor):
            self.roots = [walk.source_of(walk.result)[0]]

    def owner(self, x: Tensor) -> str:
        """The module that a parameter belongs to, by path and class."""
        path = self.names[x].rpartition(".")[0]
        return f"{path} ({self.kinds[path]})" if path else self.kinds[path]

    # -- gradients ----------------------------------------------------------------------------------------

    def readers(self, source: Any) -> list[Use]:
        """Where backward came from to ``source``, with a gradient by it."""
        return [(s, i) for s, i in self.uses.get(source, ()) if s.visited and s.cotangents[i] is not None]

    def gradient(self, x: Tensor) -> Any:
        """The gradient by a tensor from outside; None if backward did not come."""
        shape = tuple(x._value.shape)
        parts = [summed_to(np.asarray(s.cotangents[i]), shape) for s, i in self.readers(x)]
        if not parts:
            return None
        with np.errstate(all="ignore"):
            return sum(parts[1:], start=parts[0])

    def value(self, x: Tensor) -> Any:
        """A tensor from outside as it was when it was first read; its value now if it was not."""
        for step, i in self.uses.get(x, ()):
            if isinstance(step.inputs[i], np.ndarray) and step.inputs[i].shape == x._value.shape:
                return step.inputs[i]
        return x._value

    def largest_way(self, x: Any) -> list[Use]:
        """From ``x`` to the loss, where the gradient is largest at each turn."""
        way: list[Use] = []
        seen = set()
        while True:
            readers = [(s, i) for s, i in self.readers(x) if s not in seen]
            if not readers:
                return way
            use = max(readers, key=_size)
            way.append(use)
            x = use[0]
            seen.add(x)

    # -- values -------------------------------------------------------------------------------------------

    def before(self, targets: Iterable[Any]) -> set[Any]:
        """Everything that has gone into ``targets``, whether or not it was recorded for differentiation."""
        found: set[Any] = set()
        stack = list(targets)
        while stack:
            x = stack.pop()
            if x not in found:
                found.add(x)
                if isinstance(x, Step):
                    stack.extend(source for source in x.sources if source is not None)
        return found

    def after(self, x: Any, on_tape: bool = False) -> set[Any]:
        """Everything that ``x`` has gone into; with ``on_tape`` only along what was recorded for differentiation."""
        found: set[Any] = set()
        stack = [x]
        while stack:
            y = stack.pop()
            if y in found:
                continue
            found.add(y)
            for step, i in self.uses.get(y, ()):
                if not on_tape or (is_on_tape(step) and is_on_tape(y) and not step.cut[i]):
                    stack.append(step)
        return found


def _size(use: Use) -> float:
    step, position = use
    size = norm(step.cotangents[position])
    return size if size == size else np.inf
