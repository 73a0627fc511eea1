"""Blame without values: what operations, parameters and gradients tell after a backward that nobody has watched."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from . import reasons
from .findings import Blame
from .paths import Paths
from .sizes import is_zero, rms
from .steps import Step
from .wording import number

__all__ = ["guess"]

AGAIN = "explain(lambda: ..., model), with the code of the loss in the place of the dots, finds the line"
CLAMPS = {"relu", "linear_relu", "clamp", "where", "maximum", "minimum"}
FRAGILE = {
    "sqrt", "rsqrt", "log", "log2", "log10", "log1p", "div", "reciprocal", "pow", "exp", "expm1", "acos", "asin",
}  # fmt: skip


def guess(symptom: str, paths: Paths, x: Tensor) -> Blame:
    """What is probably to blame for the symptom of a parameter."""
    if symptom == "missing":
        return missing()
    if symptom == "zero":
        return zero(paths, x)
    if symptom in ("nan", "infinite"):
        return not_finite(paths, x)
    return out_of_scale(paths, symptom)


def missing() -> Blame:
    """A parameter that the tape does not lead to."""
    reason = (
        "the tape does not lead there from the loss: it was not used, or a value on the way was taken off the tape "
        "(detach, no_grad, item, argmax, a comparison)"
    )
    return Blame("", reason, "", "", AGAIN)


def zero(paths: Paths, x: Tensor) -> Blame:
    """Where on the tape the gradient can have become 0, the surest place first."""
    stretch, alive = dead_stretch(paths, x)
    for step, position in stretch:
        if reasons.is_staircase(step):
            return reasons.blame_at(step, "its derivative is 0 everywhere: a staircase", reasons.SURROGATE, flat=True)
        factor = zero_parameter(paths, step, position)
        if factor:
            reason = f"{factor} is 0 everywhere, so nothing passes to what stands before it"
            return reasons.blame_at(step, reason, "initialise it with small random numbers (nn.init)")
    if alive is not None and alive[1] == 1 and _gets_gradient(paths, alive[0]):
        return zero_input(paths, alive[0])
    for step, _ in stretch:
        if step.name in CLAMPS:
            reason = "it lets nothing through on the whole batch, as far as can be told without its values"
            return reasons.blame_at(step, reason, reasons.BIASES, flat=True)
        if step.name in reasons.SATURATING and step.name != "log_softmax":
            reason = "it is saturated, as far as can be told without its values"
            return reasons.blame_at(step, reason, reasons.SCALES, flat=True)
    names = ", ".join(dict.fromkeys(step.name for step, _ in stretch)) or "the operations"
    return Blame("", f"it became 0 somewhere on the way from the loss ({names})", "", "", AGAIN)


def dead_stretch(paths: Paths, x: Tensor) -> tuple[list[Any], Any]:
    """The uses along which the gradient is 0, and the first at which it was not; it is not known where between."""
    stretch: list[Any] = []
    y: Any = x
    seen: set[Any] = set()
    while True:
        uses = [use for use in paths.uses.get(y, ()) if use not in seen]
        if not uses:
            return stretch, None
        use = uses[0]
        seen.update(uses)
        if _is_dead(paths, use[0]):
            stretch.clear()  # what comes before is not to blame
        stretch.append(use)
        if _gets_gradient(paths, use[0]):
            return stretch, use
        y = use[0]


def _gets_gradient(paths: Paths, step: Step) -> bool:
    """Whether the gradient by the output of a step is known not to be 0: a parameter that it reads has one."""
    if not paths.uses.get(step):
        return True
    grads = [s._grad for s in step.sources if isinstance(s, Tensor) and s in paths.names]
    return any(g is not None and not is_zero(g._value) for g in grads)


def _is_dead(paths: Paths, step: Step) -> bool:
    """Whether the gradient by the output of a step is 0, as that by a bias that it adds is."""
    grads = [s._grad for s in step.sources if isinstance(s, Tensor) and s in paths.names and s._value.ndim == 1]
    return any(g is not None and is_zero(g._value) for g in grads)


def zero_parameter(paths: Paths, step: Step, position: int) -> str:
    """The name of a parameter that is 0, and a factor of the gradient by an input."""
    other = {0: 1, 1: 0}.get(position)
    if step.name not in reasons.FACTORS or other is None or other >= len(step.sources):
        return ""
    source = step.sources[other]
    while isinstance(source, Step) and source.name in ("permute", "reshape"):
        source = source.sources[0]
    return paths.names[source] if source in paths.names and is_zero(source._value) else ""


def zero_input(paths: Paths, step: Step) -> Blame:
    """The gradient by a bias is not 0, that by the weight is: the input is 0."""
    source = step.sources[0]
    while isinstance(source, Step) and source.name in ("reshape", "permute", "index", "max_pool"):
        source = source.sources[0]
    if isinstance(source, Step):
        if source.name in ("relu", "linear_relu"):
            return reasons.blame_at(source, "it is dead on the whole batch: its output is 0", reasons.BIASES, flat=True)
        return reasons.blame_at(source, "its output, a factor of the gradient, is 0 everywhere", AGAIN)
    return reasons.blame_at(step, "its input from outside is 0 everywhere", "look at the data")


def not_finite(paths: Paths, x: Tensor) -> Blame:
    """The operations on the way that can give NaN or infinity."""
    bad = [name for p, name in paths.names.items() if not np.isfinite(p._value).all()]
    if bad:
        return Blame("", f"{bad[0]} holds NaN or infinity already", "", "", "start from finite weights")
    stretch: list[Step] = [s for s in paths.walk.steps if s.name in FRAGILE and s in paths.after(x)]
    loss = next((r.output for r in paths.roots if isinstance(r, Step)), None)
    finite = loss is None or bool(np.isfinite(loss).all())
    first = (
        "the loss is finite, so it comes from a derivative"
        if finite
        else f"the loss is {np.asarray(loss).reshape(-1)[0]}"
    )
    if stretch:
        return reasons.blame_at(stretch[-1], f"{first}; this operation can give it, as at 0", AGAIN)
    return Blame("", first, "", "", AGAIN)


def out_of_scale(paths: Paths, symptom: str) -> Blame:
    """Between which weights the gradient falls or grows most."""
    weights = [p for p in paths.names if p._value.ndim > 1]
    sizes = {p: rms(p._grad._value) for p in weights if p._grad is not None}
    ratios = [(sizes[a] / sizes[b], a, b) for a, b in itertools.pairwise(sizes) if sizes[a] and sizes[b]]
    if not ratios:
        return Blame("", "it is out of scale with the weights", "", "", AGAIN)
    ratio, a, b = (min if symptom == "tiny" else max)(ratios, key=lambda entry: entry[0])
    word = "falls" if symptom == "tiny" else "grows"
    reason = f"the gradient {word} most between {paths.names[b]} and {paths.names[a]}, by a factor of {number(ratio)}"
    return Blame("", reason, paths.owner(a), "", AGAIN)
