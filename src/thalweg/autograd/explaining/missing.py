"""Why backward does not come to a parameter."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.tensor import Tensor
from . import reasons
from .findings import Blame
from .paths import Paths, Use
from .steps import Step, is_on_tape
from .wording import place

__all__ = ["missing"]


def missing(paths: Paths, x: Tensor) -> Blame:
    """Why backward did not come to a parameter."""
    if not paths.uses.get(x):
        return unused(paths, x)
    into_loss = paths.before(paths.roots)
    reached = paths.after(x, on_tape=True)
    breaks = [
        (step, i)
        for y in reached
        for step, i in paths.uses.get(y, ())
        if step in into_loss and (step.cut[i] or not is_on_tape(step))
    ]
    if breaks:
        step, position = max(breaks, key=_time_of_use)
        return reasons.off_tape(step, position) or cut_off(paths, step, position)
    return lost(paths, x)


def _time_of_use(use: Use) -> int:
    return use[0].time


def _time(step: Step) -> int:
    return step.time


def cut_off(paths: Paths, step: Step, position: int) -> Blame:
    """An input that is a detached value: where that was done, if it was seen."""
    source = step.sources[position]
    for taken in paths.walk.taken_off:
        if taken.source is source and taken.how in ("detach", "data"):
            return reasons.taken_off(taken.how, taken.origin)
    return reasons.blame_at(
        step, f"its input {position} was taken off the tape before", "use the tensor itself, not a detached one"
    )


def lost(paths: Paths, x: Tensor) -> Blame:
    """What was computed from a parameter does not go into the loss."""
    computed = paths.after(x)
    end = max((root.time for root in paths.roots if isinstance(root, Step)), default=float("inf"))
    for taken in paths.walk.taken_off:
        if taken.source in computed and taken.time < end:
            return reasons.taken_off(taken.how, taken.origin)
    copy = copied(paths, computed)
    if copy is not None:
        return copy
    last = max((s for s in computed if isinstance(s, Step)), key=_time)
    return reasons.blame_at(
        last,
        "the loss is not computed from this result",
        "pass the model's output to the loss, or leave the module out",
    )


def copied(paths: Paths, computed: set[Any]) -> Blame | None:
    """The step that reads a tensor with the same numbers as one that was computed, so probably a copy of it."""
    outputs = [s for s in computed if isinstance(s, Step) and isinstance(s.output, np.ndarray) and s.output.size]
    for step in paths.before(paths.roots):
        for value, source in zip(step.inputs, step.sources, strict=False) if isinstance(step, Step) else ():
            if isinstance(source, Tensor) and source not in paths.names and isinstance(value, np.ndarray):
                original = next((s for s in outputs if np.array_equal(s.output, value)), None)
                if original is not None:
                    reason = (
                        f"it reads a copy of what {original.name} gave{place(original.origin)}, without its history"
                    )
                    return reasons.blame_at(step, reason, "use the tensor itself, or clone() it")
    return None


def unused(paths: Paths, x: Tensor) -> Blame:
    """A parameter that no operation has read."""
    owner, path = paths.owner(x), paths.names[x].rpartition(".")[0]
    scopes = [s.origin.scope for s in paths.walk.steps if s.origin.scope is not None and not s.origin.backward]
    if any(scope.path == path for called in scopes for scope in called.chain()):
        return Blame("", "the module was called, but does not read it", owner, "", "use it in forward, or leave it out")
    return Blame("", "the module was not called in this computation", owner, "", "call it in forward, or leave it out")
