"""``explain``: which parameters get no useful gradient, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from ...core.modes import state
from ...core.tensor import Tensor
from ...core.watching import watching
from ...errors import ArgumentError
from ...ops.random import default_generator
from .blame import blame_for, maker
from .findings import Blame, Explanation, Finding
from .guesses import guess
from .paths import Paths
from .reasons import SATURATING
from .report import where
from .sizes import CANCELLED, SUDDEN, norm, rms, symptoms
from .steps import Step, parameters_of
from .tape import TapeWalk, tape_walk
from .walk import Recorder

__all__ = ["explained", "explanation", "side_walk"]

FAMILY = "optim.EvolutionStrategy, CMAES, SeparableCMAES, SPSA or NelderMead"


def explanation(loss: Any, model: Any, args: Any = (), kwargs: Any = MappingProxyType({})) -> Explanation:
    """What ``autograd.explain`` gives."""
    if isinstance(loss, Tensor):
        found = tape_walk(loss, model)
        return guessed(found, model) if found.freed or found.stopped else explained(found, model)
    if not callable(loss):
        raise ArgumentError(
            f"explain: expects a function that returns the loss, or the loss, not a {type(loss).__name__}"
        )
    if hasattr(loss, "recorded_walk"):
        return explained(loss.recorded_walk(args, kwargs, model), model)
    return explained(side_walk(loss, model, args, kwargs), model)


def side_walk(function: Callable[..., Any], model: Any, args: Any, kwargs: Any) -> Recorder:
    """The recorded walk of ``function``, which returns a loss, or calls backward itself; all is put back afterwards.

    Put back are the values and gradients of the model's parameters, its buffers, and the default random generator.
    """
    recorder = Recorder(model)
    with put_back(model), watching(recorder, model):
        state.inside += 1  # compiled functions are part of it
        try:
            recorder.run(partial(function, *args, **kwargs))
            recorder.run_backward()
        finally:
            state.inside -= 1
    return recorder


@contextmanager
def put_back(model: Any) -> Iterator[None]:
    """Parameters, gradients, buffers and the default random state are afterwards what they were before."""
    parameters = parameters_of(model)
    tensors = [*parameters, *(b for _, b in model.named_buffers())]
    values = [(x, x._value, x._value.copy()) for x in tensors]
    gradients = [(x, x._grad) for x in parameters]
    seed, counter = default_generator._seed, default_generator._counter
    for x in parameters:
        x._grad = None
    try:
        yield
    finally:
        for x, array, content in values:
            if array.flags.writeable:
                array[...] = content
            x._value = array
        for x, grad in gradients:
            x._grad = grad
        default_generator._seed, default_generator._counter = seed, counter


def explained(walk: Recorder, model: Any) -> Explanation:
    """What a recorded walk says of the parameters of a model."""
    paths = Paths(walk, model)
    learning = [p for p in paths.names if p.requires_grad and p._value.size]
    gradients = [paths.gradient(p) for p in learning]
    found = symptoms([paths.value(p) for p in learning], gradients)
    findings = []
    for p, g, symptom in zip(learning, gradients, found, strict=True):
        confirmed = confirm(symptom, paths, p, g)
        if confirmed is not None:
            guessing = confirmed == "missing" and isinstance(walk, TapeWalk)
            blame = guess(confirmed, paths, p) if guessing else blame_for(confirmed, paths, p)
            findings.append(_finding(paths.names[p], p, confirmed, g, blame))
    return _summed_up(findings, paths, len(learning))


def guessed(walk: TapeWalk, model: Any) -> Explanation:
    """What a tape without values, and the gradients that backward has left, say of the parameters of a model."""
    paths = Paths(walk, model)
    learning = [p for p in paths.names if p.requires_grad and p._value.size]
    gradients = [None if p._grad is None else p._grad._value for p in learning]
    found = symptoms([p._value for p in learning], gradients)
    scaled = {paths.owner(p): s for p, s in zip(learning, found, strict=True) if p._value.ndim > 1}
    findings = []
    for p, g, symptom in zip(learning, gradients, found, strict=True):
        if symptom is None or symptom == "faint":
            continue
        if symptom == "tiny" and p._value.ndim <= 1 and scaled.get(paths.owner(p)) != "tiny":
            continue  # the bias before a normalisation, whose gradient is but rounding
        findings.append(_finding(paths.names[p], p, symptom, g, guess(symptom, paths, p)))
    return _summed_up(findings, paths, len(learning))


def _finding(name: str, x: Tensor, symptom: str, gradient: Any, blame: Blame) -> Finding:
    size = rms(gradient) if gradient is not None and np.isfinite(gradient).all() else None
    return Finding(name, tuple(x._value.shape), symptom, blame, size)


def _summed_up(findings: list[Finding], paths: Paths, count: int) -> Explanation:
    """The findings with what they come to; ``count`` parameters were to learn."""
    if not count and paths.walk.stopped:
        blame = Blame(
            "", "every parameter has requires_grad=False", suggestion="call requires_grad_() on what is to learn"
        )
        findings = [_finding(name, p, "missing", None, blame) for p, name in paths.names.items()]
        count = len(findings)
    return Explanation(tuple(findings), (*loss_note(paths), *notes(findings, count)), count)


def loss_note(paths: Paths) -> Iterator[str]:
    """What has made the loss NaN or infinite."""
    for root in paths.roots:
        if isinstance(root, Step) and root.output is not None and not np.isfinite(root.output).all():
            blame = maker(paths, root)
            if blame is not None:
                yield f"The loss is {np.asarray(root.output).reshape(-1)[0]}: {where(blame)}: {blame.reason}."


def confirm(symptom: str | None, paths: Paths, x: Tensor, gradient: Any) -> str | None:
    """The symptom, unless it is none after all.

    A gradient that is but the rounding error of a sum is that of a parameter without effect, as a bias before a
    normalisation; it does no harm. Gradients that are small beside the weights alone are a symptom only if a
    function that saturates has made them so, of a gradient that was not small.
    """
    if symptom not in ("tiny", "faint"):
        return symptom
    if symptom == "tiny" and not _is_rounding(paths, x, gradient):
        return symptom
    return "tiny" if _is_killed(paths, x) else None


def _is_rounding(paths: Paths, x: Tensor, gradient: Any) -> bool:
    """Whether the terms of a sum on the way have cancelled."""
    left = gradient
    for step, i in paths.largest_way(x):
        terms = [step.cotangents[i]]
        if i == 2 or step.name in ("expand", "reshape"):  # a bias, or what was broadcast: the rule sums
            terms.append(step.cotangent)
        if any(norm(left) < CANCELLED * norm(term) for term in terms):
            return True
        left = step.cotangent
    return False


def _is_killed(paths: Paths, x: Tensor) -> bool:
    """Whether a function that saturates leaves almost nothing of a gradient that was not small."""
    return any(
        step.name in SATURATING
        and norm(step.cotangents[i]) < SUDDEN * norm(step.cotangent)
        and norm(step.cotangent) > SUDDEN / max(np.size(step.cotangent), 1) ** 0.5
        for step, i in paths.largest_way(x)
    )


def notes(findings: list[Finding], count: int) -> Iterator[str]:
    """What the findings come to."""
    flat = [f for f in findings if f.blame.flat and f.symptom in ("missing", "zero")]
    if flat and len(flat) == count:
        yield (
            "The loss is a staircase or a plateau: small changes of the parameters do not change it, so gradient "
            f"descent can't lower it. Optimisers that need costs only can: {FAMILY}. Or make the operations named "
            "above smooth."
        )
    elif flat:
        yield (
            f"The loss is flat in {', '.join(f.parameter for f in flat[:6])}{' and others' if len(flat) > 6 else ''}: "
            f"small changes of these do not change it. If it is meant to be, search there without gradients: {FAMILY}."
        )
