"""``explain``: which parameters get no useful gradient, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from ...core.modes import state
from ...core.tensor import Tensor
from ...core.watching import watching
from ...errors import AutogradError
from ...ops.random import default_generator
from .blame import blame_for, maker
from .findings import Blame, Explanation, Finding
from .paths import Paths
from .reasons import SATURATING
from .sizes import CANCELLED, SUDDEN, norm, rms, symptoms
from .report import where
from .walk import Recorder, Step, parameters_of

__all__ = ["explain", "explained", "side_walk"]

FAMILY = "evolution strategies, CMA-ES, SPSA or Nelder-Mead"


def explain(loss: Any, model: Any, *args: Any, **kwargs: Any) -> Explanation:
    if isinstance(loss, Tensor):
        raise NotImplementedError
    if hasattr(loss, "recorded_walk"):
        walk = loss.recorded_walk(args, kwargs, model)
    else:
        walk = side_walk(loss, model, args, kwargs)
    return explained(walk, model)


def side_walk(function: Callable[..., Any], model: Any, args: Any = (), kwargs: Any = None) -> Recorder:
    """The recorded walk of ``function``, which returns a loss, or calls backward itself; all is put back afterwards.

    Put back are the values and gradients of the model's parameters, its buffers, and the default random generator.
    """
    recorder = Recorder(parameters_of(model))
    with put_back(model), watching(recorder, model):
        state.inside += 1  # compiled functions are part of it
        try:
            recorder.run(partial(function, *args, **(kwargs or {})))
            if not recorder.roots or _is_new_loss(recorder):
                recorder.run(_backward_of(recorder.result))
        finally:
            state.inside -= 1
    return recorder


def _is_new_loss(recorder: Recorder) -> bool:
    """Whether the function returned a loss that no walk has begun at: those before were parts of it."""
    loss = recorder.result
    return isinstance(loss, Tensor) and loss.requires_grad and recorder.source_of(loss)[0] not in recorder.roots


def _backward_of(loss: Any) -> Callable[[], None]:
    if not isinstance(loss, Tensor):
        raise AutogradError(
            f"explain: the function must return the loss as a tensor, or call backward(); it returned a "
            f"{type(loss).__name__}"
        )
    return loss.backward


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
            array[...] = content
            x._value = array
        for x, grad in gradients:
            x._grad = grad
        default_generator._seed, default_generator._counter = seed, counter


def explained(walk: Recorder, model: Any) -> Explanation:
    """What a recorded walk says of the parameters of a model."""
    names = {p: name for name, p in model.named_parameters()}
    learning = [p for p in names if p.requires_grad and p._value.size]
    paths = Paths(walk, names)
    gradients = [paths.gradient(p) for p in learning]
    weights = [paths.value(p) for p in learning]
    found = symptoms(weights, gradients)
    findings = []
    for p, g, symptom in zip(learning, gradients, found, strict=True):
        confirmed = confirm(symptom, paths, p, g)
        if confirmed is not None:
            size = rms(g) if g is not None and np.isfinite(g).all() else None
            blame = blame_for(confirmed, paths, p)
            findings.append(Finding(names[p], tuple(p._value.shape), confirmed, blame, size))
    if not learning:
        findings = [frozen(name, p) for p, name in names.items()] if walk.stopped else []
    said = [*loss_note(paths), *notes(findings, len(learning))]
    return Explanation(tuple(findings), tuple(said), len(learning) or len(names))


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


def frozen(name: str, x: Tensor) -> Finding:
    """A parameter of a model of which all are frozen."""
    blame = Blame("", "every parameter has requires_grad=False", suggestion="call requires_grad_() on what is to learn")
    return Finding(name, tuple(x._value.shape), "missing", blame)


def notes(findings: list[Finding], count: int) -> Iterator[str]:
    """What the findings come to."""
    flat = [f for f in findings if f.blame.flat and f.symptom in ("missing", "zero")]
    if flat and len(flat) == count:
        yield (
            "The loss is a staircase or a plateau: small changes of the parameters do not change it, so gradient descent "
            f"can't lower it. Gradient-free methods can: {FAMILY}. Or make the operations named above smooth."
        )
    elif flat:
        yield (
            f"The loss is flat in {', '.join(f.parameter for f in flat[:6])}{' and others' if len(flat) > 6 else ''}: "
            f"small changes of these do not change it. If it is meant to be, search there without gradients: {FAMILY}."
        )
