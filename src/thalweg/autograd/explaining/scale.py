"""Which step is to blame for a gradient that is far too small or too large."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from ...core.tensor import Tensor
from . import reasons
from .findings import Blame
from .paths import Paths, Use
from .sizes import SUDDEN, norm, rms
from .steps import Step
from .wording import number, scope_words

__all__ = ["OTHER", "out_of_scale"]

GROWTH = 10.0  # by how much one step makes values larger, if it is to blame

OTHER = {0: 1, 1: 0}  # of two factors, which is the other


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
    other = OTHER.get(position)
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
    sizes = [rms(v) if v is not None else 0.0 for v in step.inputs]
    largest = max(range(len(sizes)), key=sizes.__getitem__, default=position)
    factor = OTHER.get(position, position) if step.name in reasons.FACTORS else largest
    source = step.sources[factor] if factor < len(step.sources) else None
    blame = grown(source) if isinstance(source, Step) else None
    if blame is not None:
        return blame
    name = paths.names.get(source) if isinstance(source, Tensor) else None
    name = name or ("its other factor" if step.name in reasons.FACTORS else f"its input {factor}")
    return reasons.blame_at(step, f"{words}: {name} is that large", "scale it, as data are scaled to variance 1")


def grown(step: Step) -> Blame | None:
    """Values that have become large in the forward pass: the step where they grow most; None if they have not."""
    chain: list[tuple[float, Step]] = []
    source: Any = step
    seen: set[Step] = set()
    while isinstance(source, Step) and source not in seen:
        seen.add(source)
        sizes = [(rms(v), i) for i, v in enumerate(source.inputs) if v is not None and source.sources[i] is not None]
        carried = [(size, i) for size, i in sizes if isinstance(source.sources[i], Step)] or sizes[:1]
        if not carried or source.output is None:
            break
        size, place = max(carried)
        chain.append((rms(source.output) / max(size, 1e-300), source))
        source = source.sources[place]
    factor, most = max(chain, key=operator.itemgetter(0), default=(0.0, step))
    if factor < GROWTH:
        return None
    reason = f"values grow on the way to the loss, most here, by a factor of {number(factor)}, and gradients with them"
    return reasons.blame_at(most, reason, "normalise, or initialise with smaller weights (nn.init)")


def gradual(way: list[Use], ratios: list[float], tiny: bool) -> Blame:
    """A gradient that falls or rises little by little: the module on its way where it does so most."""
    if len(way) > 1:
        way, ratios = way[1:], ratios[1:]  # without the step that reads the parameter: that is where it arrives
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
