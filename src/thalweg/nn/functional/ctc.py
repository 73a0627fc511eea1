"""The loss of labels whose times are not known: connectionist temporal classification."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.tensor import Tensor, wrap
from ...core.value import SymbolicValue
from ...errors import ArgumentError, ShapeError
from ...ops.base import where
from ...ops.functions import logsumexp
from ...ops.index import gather
from ...ops.shape import index, pad
from ...ops.shaping import stack
from .recurrence import scan
from .reduction import REDUCTIONS

__all__ = ["ctc_loss"]


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the probability of all ways to spread the labels over time, blanks or repetitions between them.

    log_probs : (T, n, classes), logarithms of probabilities, or (T, classes)
    targets : (n, S) labels, or those of all samples one after the other; never ``blank``
    input_lengths, target_lengths : n integers each, numbers known when a function is compiled
    ->  () or, with reduction "none", (n,)

    "mean" divides each loss by the target's length first. Where the input is too short for its labels the loss is
    infinite, or 0 with ``zero_infinity``. The gradient is that of the formula; PyTorch's by ``log_probs`` differs by
    a term that vanishes behind ``log_softmax``.

    Raises:
        ShapeError: the shapes or lengths don't fit.
        ArgumentError: ``blank`` is no class, or the reduction is unknown.

    Reference: Graves et al. (2006), Connectionist temporal classification.

    >>> import thalweg as tw
    >>> p = tw.tensor([[0.25, 0.75], [0.5, 0.5]]).log()
    >>> tw.nn.functional.ctc_loss(p, tw.tensor([1]), 2, 1).exp()  # 1 / P(a-, -a, aa)
    tensor(1.1429)
    """
    if reduction not in REDUCTIONS:
        raise ArgumentError(f"ctc_loss: reduction must be one of {REDUCTIONS}, not {reduction!r}")
    had_batch = log_probs._value.ndim == 3
    if not had_batch:
        log_probs = log_probs.unsqueeze(1)
    steps, n, classes = log_probs._value.shape
    if not 0 <= blank < classes:
        raise ArgumentError(f"ctc_loss: blank {blank} is none of the {classes} classes")
    times = _lengths("input_lengths", input_lengths, n, steps)
    counts = _lengths("target_lengths", target_lengths, n, None)
    labels = _padded(targets if targets._value.ndim else targets.unsqueeze(0), counts)
    loss = -_log_likelihood(log_probs, labels, times, counts, blank)
    if zero_infinity:
        loss = where(loss == math.inf, 0.0, loss)
    if reduction == "mean":
        return (loss / wrap(np.maximum(counts, 1).astype(loss._value.dtype))).mean()
    if reduction == "sum":
        return loss.sum()
    return loss if had_batch else loss.squeeze(0)


def _lengths(name: str, lengths: Any, n: int, most: int | None) -> Any:
    value = lengths._value if isinstance(lengths, Tensor) else np.asarray(lengths)
    if isinstance(value, SymbolicValue):
        raise ArgumentError(f"ctc_loss: {name} must be known when a function is compiled; pass Python numbers")
    value = np.atleast_1d(value).astype(np.int64)
    if value.shape != (n,) or (value < 0).any() or (most is not None and (value > most).any()):
        within = "" if most is None else f" up to {most}"
        raise ShapeError(f"ctc_loss: {name} must be {n} numbers{within}, got {value.tolist()}")
    return value


def _padded(targets: Tensor, counts: Any) -> Tensor:
    """The labels as (n, longest); what follows the last of a sample is some label."""
    longest, shape = int(counts.max(initial=0)), targets._value.shape
    if len(shape) == 2:
        if shape[0] != len(counts) or shape[1] < longest:
            raise ShapeError(
                f"ctc_loss: targets {tuple(shape)} don't hold {len(counts)} samples of up to {longest} labels"
            )
        return targets[:, :longest]
    total = int(counts.sum())
    if shape != (total,) and not (len(counts) == 1 and shape[0] >= total):
        raise ShapeError(f"ctc_loss: targets {tuple(shape)} don't hold the {total} labels of target_lengths")
    starts = np.cumsum(counts) - counts
    places = np.minimum(starts[:, None] + np.arange(longest), max(total - 1, 0))
    return targets[wrap(places)] if longest else wrap(np.zeros((len(counts), 0), np.int64))


def _log_likelihood(log_probs: Tensor, labels: Tensor, times: Any, counts: Any, blank: int) -> Tensor:
    """The forward recursion over time; its states are the labels with blanks before, between and after them."""
    steps, n, _ = log_probs._value.shape
    states = 2 * labels._value.shape[1] + 1
    blanks = wrap(np.full(labels._value.shape, blank, np.int64))
    extended = stack([blanks, labels], 2).reshape(n, states - 1)
    extended = pad(extended, widths=((0, 0), (0, 1)), value=blank)
    before = pad(extended, widths=((0, 0), (2, 0)), value=blank)[:, :states]
    may_skip = (extended != blank) & (extended != before)
    emitted = gather(log_probs, extended.unsqueeze(0).expand(steps, n, states), dim=2)
    first = np.arange(states) < 2
    alpha = where(wrap(first), index(emitted, index=(0,)), -math.inf)
    if steps > 1:
        present = wrap((np.arange(1, steps)[:, None] < times)[:, :, None])
        later = index(emitted, index=(slice(1, steps),))
        _, (alpha,) = scan(_ctc_step, (alpha,), (later, present), (may_skip,))
    last = np.stack([2 * counts, np.maximum(2 * counts - 1, 0)], 1)
    ends = gather(alpha, wrap(last), dim=1)
    ends = where(wrap(np.stack([counts >= 0, counts > 0], 1)), ends, -math.inf)
    found = logsumexp(ends, 1)
    nothing = np.where(counts == 0, 0.0, -math.inf).astype(found._value.dtype)
    return where(wrap(times == 0), wrap(nothing), found)


def _ctc_step(state: tuple[Tensor, ...], x: tuple[Tensor, ...], constants: tuple[Tensor, ...]) -> Any:
    """Each state is reached from itself, the one before, or, where nothing is lost, the one before that."""
    alpha, (emitted, present), (may_skip,) = state[0], x, constants
    states = alpha._value.shape[1]
    one = pad(alpha, widths=((0, 0), (1, 0)), value=-math.inf)[:, :states]
    two = where(may_skip, pad(alpha, widths=((0, 0), (2, 0)), value=-math.inf)[:, :states], -math.inf)
    new = where(present, logsumexp(stack([alpha, one, two]), 0) + emitted, alpha)
    return (new,), new[:, 0]
