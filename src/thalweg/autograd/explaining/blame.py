"""Which step is to blame for a gradient: followed from the parameter to where it went wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from . import reasons
from .findings import Blame
from .paths import Paths, Use
from .sizes import SUDDEN, is_zero, norm, rms
from .walk import Step, is_on_tape
from .wording import number, scope_words

__all__ = ["blame_for"]

# Of two factors, which is the other.
_OTHER = {0: 1, 1: 0}


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
            if step.cotangent is None or (not is_zero(step.cotangent) or not paths.readers(step)):
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
    other = _OTHER.get(position)
    if other is None or other >= len(step.inputs) or not reasons.is_all_zero(step.inputs[other]):
        reason = "its other factor is 0 wherever the gradient arrives"
        return reasons.blame_at(step, reason, "look at that factor: units that are dead, or a mask")
    return zero_factor(paths, step, other)


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


# -- tiny and huge --------------------------------------------------------------------------------------------


def out_of_scale(paths: Paths, x: Tensor, symptom: str) -> Blame:
    """Where on its way a gradient falls or rises most."""
    way = paths.largest_way(x)
    ratios = [norm(s.cotangents[i]) / max(norm(s.cotangent), 1e-300) for s, i in way]
    tiny = symptom == "tiny"
    choose: Callable[..., int] = min if tiny else max
    if not ratios:
        return Blame("", "the gradient that backward was given is out of scale")
    place = choose(range(len(ratios)), key=ratios.__getitem__)
    step, position = way[place]
    if tiny and ratios[place] < SUDDEN:
        return fallen(paths, step, position, ratios[place])
    if not tiny and ratios[place] > 1 / SUDDEN:
        return risen(paths, step, position, ratios[place])
    return gradual(way, ratios, tiny)


def fallen(paths: Paths, step: Step, position: int, ratio: float) -> Blame:
    """One step that leaves almost nothing of a gradient."""
    words = f"it leaves {number(ratio)} of the gradient"
    if step.name in reasons.SATURATING:
        reason = f"it is saturated{reasons.given(step)}: {words}"
        return reasons.blame_at(step, reason, reasons.SCALES, flat=True)
    other = _OTHER.get(position)
    if step.name in reasons.FACTORS and other is not None and other < len(step.inputs):
        source = step.sources[other]
        if isinstance(source, Step) and source.name in reasons.SATURATING:
            return reasons.blame_at(source, f"it is close to 0, and as a factor {words}", reasons.SCALES, flat=True)
        name = paths.names.get(source, "its other factor")
        return reasons.blame_at(step, f"{words}: {name} is tiny", "look at the scale of that factor")
    return reasons.blame_at(step, words, "look at the scale of its inputs")


def risen(paths: Paths, step: Step, position: int, ratio: float) -> Blame:
    """One step that makes a gradient much larger."""
    words = f"it makes the gradient {number(ratio)} times as large"
    if step.name in ("div", "reciprocal", "rsqrt", "sqrt", "log", "log2", "log10", "pow"):
        reason = f"{words}: it is steep where its input is close to 0"
        return reasons.blame_at(step, reason, "add a small number to it, or clamp it from below")
    factor = _OTHER.get(position, position) if step.name in reasons.FACTORS else position
    source = step.sources[factor] if factor < len(step.sources) else None
    if isinstance(source, Step):
        return grown(source, f"{words}, as its input is that large")
    name = paths.names.get(source) if isinstance(source, Tensor) else None
    name = name or ("its other factor" if step.name in reasons.FACTORS else "its input")
    return reasons.blame_at(step, f"{words}: {name} is that large", "scale it, as data are scaled to variance 1")


def grown(step: Step, words: str) -> Blame:
    """Values that have become large in the forward pass: the module where they grow most."""
    chain: list[tuple[Step, float]] = []
    source: Any = step
    seen: set[Step] = set()
    while isinstance(source, Step) and source not in seen:
        seen.add(source)
        sizes = [(rms(v), i) for i, v in enumerate(source.inputs) if v is not None and source.sources[i] is not None]
        carried = [(size, i) for size, i in sizes if isinstance(source.sources[i], Step)] or sizes[:1]
        if not carried:
            break
        size, place = max(carried)
        chain.append((source, rms(source.output) / max(size, 1e-300)))
        source = source.sources[place]
    if not chain:
        return reasons.blame_at(step, words, "look at the scale of its inputs")
    most = max(range(len(chain)), key=lambda i: chain[i][1])
    reason = (
        f"values grow from layer to layer, most here, by a factor of {number(chain[most][1])}, and gradients with them"
    )
    return reasons.blame_at(chain[most][0], reason, "normalise, or initialise with smaller weights (nn.init)")


def gradual(way: list[Use], ratios: list[float], tiny: bool) -> Blame:
    """A gradient that falls or rises little by little: the module where it does so most."""
    modules: dict[str, float] = {}
    example: dict[str, Step] = {}
    for (step, _), ratio in zip(way, ratios, strict=True):
        name = scope_words(step.origin.scope)
        modules[name] = modules.get(name, 1.0) * ratio
        example.setdefault(name, step)
    inside = {name: ratio for name, ratio in modules.items() if name} or modules
    steepest = (min if tiny else max)(inside, key=inside.__getitem__)
    word, advice = (
        ("falls", "use residual connections, a normalisation, ReLU or GELU, and an initialisation that fits (nn.init)")
        if tiny
        else ("grows", "clip the gradient (nn.utils.clip_grad_norm_), normalise, or initialise with smaller weights")
    )
    reason = (
        f"the gradient {word} little by little on its way from the loss, most here: by a factor of "
        f"{number(modules[steepest])}"
    )
    return reasons.blame_at(example[steepest], reason, advice)


# -- missing --------------------------------------------------------------------------------------------------


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
    last = max((s for s in computed if isinstance(s, Step)), key=_time)
    return reasons.blame_at(
        last,
        "the loss is not computed from this result",
        "pass the model's output to the loss, or leave the module out",
    )


def unused(paths: Paths, x: Tensor) -> Blame:
    """A parameter that no operation has read."""
    name = paths.names[x]
    owner = name.rpartition(".")[0]
    scopes = [s.origin.scope for s in paths.walk.steps if s.origin.scope is not None and not s.origin.backward]
    if any(scope.path == owner for called in scopes for scope in called.chain()):
        return Blame("", "the module was called, but does not read it", owner, "", "use it in forward, or leave it out")
    where = owner or "the model"
    return Blame("", f"{where} was not called in this computation", owner, "", "call it in forward, or leave it out")
