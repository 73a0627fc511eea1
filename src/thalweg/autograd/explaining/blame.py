"""Which step is to blame for a gradient, if it is there: followed from the parameter to where it went wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.tensor import Tensor
from . import reasons
from .findings import Blame
from .missing import missing
from .paths import Paths, Use
from .scale import OTHER, out_of_scale
from .sizes import is_zero
from .steps import Step

__all__ = ["blame_for", "maker"]


def blame_for(symptom: str, paths: Paths, x: Tensor) -> Blame:
    """What is to blame for the symptom of a parameter."""
    if symptom == "missing":
        return missing(paths, x)
    if symptom == "zero":
        return zero(paths, x)
    if symptom in ("nan", "infinite"):
        return not_finite(paths, x)
    return out_of_scale(paths, x, symptom)


# -- zero -------------------------------------------------------------------------------------------------


def zero(paths: Paths, x: Tensor) -> Blame:
    """Where a gradient that is 0 at the parameter was not yet 0."""
    waiting: list[Any] = [x]
    seen: set[Any] = set()
    while waiting:
        y = waiting.pop(0)
        readers = [use for use in paths.readers(y) if use not in seen]
        seen.update(readers)
        if any(not is_zero(s.cotangents[i]) for s, i in readers):
            return cancelled(readers)
        for step, position in readers:
            known = step.cotangent is not None and not is_zero(step.cotangent)
            if known or not paths.readers(step):
                return ended(paths, step, position)
            waiting.append(step)
    return Blame("", "the gradient that backward was given is 0", suggestion="look at what backward() was called with")


def cancelled(readers: list[Use]) -> Blame:
    """Gradients that arrive are not 0, and their sum is."""
    step = readers[0][0]
    reason = f"the gradients that come by its {len(readers)} uses cancel: what it adds in one it takes away in another"
    return reasons.blame_at(step, reason, "the loss does not depend on it; leave it out", flat=True)


def ended(paths: Paths, step: Step, position: int) -> Blame:
    """A step that passes on 0 of a gradient that is not 0."""
    blame = reasons.zero_derivative(step, position)
    if blame is not None:
        return blame
    other = OTHER.get(position)
    if other is None or other >= len(step.inputs) or not _is_factor_zero(step, other):
        reason = "its other factor is 0 wherever the gradient arrives"
        return reasons.blame_at(step, reason, "look at that factor: units that are dead, or a mask")
    return zero_factor(paths, step, other)


def _is_factor_zero(step: Step, position: int) -> bool:
    return step.inputs[position] is not None and is_zero(step.inputs[position])


def zero_factor(paths: Paths, step: Step, position: int) -> Blame:
    """What has made a factor 0: weights, data, or a step before."""
    seen: set[Any] = set()
    while True:
        source = step.sources[position]
        if "Dropout" in reasons.kind_of(step) or (source is None and not np.ndim(step.inputs[position])):
            return reasons.multiplied_by_zero(step)
        if not isinstance(source, Step) or source in seen:
            return zero_tensor(paths, step, source)
        seen.add(source)
        before = made_of_zeros(source)
        if before is None:
            return reasons.zero_output(source)
        step, position = source, before


def zero_tensor(paths: Paths, step: Step, source: Any) -> Blame:
    """A factor from outside that is 0."""
    if source in paths.names:
        reason = f"{paths.names[source]} is 0 everywhere, so nothing passes to what stands before it"
        return reasons.blame_at(step, reason, "initialise it with small random numbers (nn.init)")
    reason = f"its {'other factor' if step.name == 'mul' else 'input from outside'} is 0 everywhere"
    return reasons.blame_at(step, reason, "look at the data: their scale, padding, and what was read")


def made_of_zeros(step: Step) -> int | None:
    """The position of the input by which the output of a step is 0; None if the step itself makes the zeros."""
    arrays = [i for i, v in enumerate(step.inputs) if isinstance(v, np.ndarray) and v.dtype.kind in "fbiu"]
    if step.name in reasons.FACTORS:
        return next((i for i in arrays[:2] if is_zero(step.inputs[i])), None) if arrays else None
    if step.name in ("add", "sub", "cat"):
        return arrays[0] if arrays and all(is_zero(step.inputs[i]) for i in arrays) else None
    if step.name == "where":
        return None
    return arrays[0] if arrays and is_zero(step.inputs[arrays[0]]) else None


# -- NaN and infinity ---------------------------------------------------------------------------------------


def not_finite(paths: Paths, x: Tensor) -> Blame:
    """Where a gradient that is no finite number at the parameter was still one."""
    y: Any = x
    seen: set[Any] = set()
    while True:
        readers = [u for u in paths.readers(y) if u not in seen and not _finite(u[0].cotangents[u[1]])]
        if not readers:
            return Blame("", "backward was given a gradient that is not finite", suggestion="look at what it was given")
        seen.update(readers)
        step, position = readers[0]
        if step.cotangent is None or _finite(step.cotangent) or not paths.readers(step):
            return maker(paths, step) or reasons.infinite_slope(step, position)
        y = step


def maker(paths: Paths, step: Step) -> Blame | None:
    """The first step on the way to this one whose output is not finite; None if all is finite so far."""
    found: Blame | None = None
    seen: set[Any] = set()
    while step not in seen:
        seen.add(step)
        bad = [i for i, v in enumerate(step.inputs) if not _finite(v)]
        if not bad:
            return found if _finite(step.output) else reasons.not_finite(step)
        if step.output is not None and not _finite(step.output) and not _nan(step.inputs) and _nan([step.output]):
            found = reasons.not_finite(step)  # unless the infinity has an origin of its own
        position = next((i for i in bad if _nan([step.inputs[i]])), bad[0])
        source = step.sources[position]
        if not isinstance(source, Step):
            return found or outside(paths, step, source, step.inputs[position])
        step = source
    return found


def outside(paths: Paths, step: Step, source: Any, value: Any) -> Blame:
    """A value from outside that is not finite."""
    what = "NaN" if _nan([value]) else "infinite values"
    if source in paths.names:
        return reasons.blame_at(step, f"{paths.names[source]} holds {what} already", "start from finite weights")
    return reasons.blame_at(step, f"its input from outside holds {what}", "look at the data")


def _finite(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind != "f" or bool(np.isfinite(value).all())
    return not isinstance(value, float) or bool(np.isfinite(value))


def _nan(values: Any) -> bool:
    return any(not _finite(v) and bool(np.isnan(v).any()) for v in values)
