"""How a trained network does on rows that it has not seen: what a report shows of it, as plain JSON data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .examples import Examples
from .gauges import Histogram, evenly
from .targets import ClassTarget, NumberTarget, Target

__all__ = ["confusion", "evaluation"]

WORST = 24  # mistakes that are kept
WORST_ROWS = 12  # of a regression that are kept
POINTS = 1500  # pairs of a regression that are kept


def evaluation(target: Target, outputs: NDArray[Any], y: NDArray[Any], examples: Examples | None) -> dict[str, Any]:
    """The outputs (n, width) of a network beside what they should have been, (n,) or (n, 1).

    Args:
        target: a class or a number.
        outputs: logits, or standardised numbers.
        y: classes, or standardised numbers.
        examples: what the rows look like; None leaves that out.
    """
    if isinstance(target, ClassTarget):
        return _classes(target, outputs, y, examples)
    return _numbers(target, outputs, y, examples)


def confusion(true: NDArray[Any], predicted: NDArray[Any]) -> list[list[int]]:
    """How often each pair of classes is met, as [true, predicted, count] in their order; pairs never met are left out.

    >>> confusion(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]))
    [[0, 0, 2], [1, 0, 1], [1, 1, 1]]
    """
    pairs, counts = np.unique(np.stack([true, predicted], 1), axis=0, return_counts=True)
    return [[int(t), int(p), int(n)] for (t, p), n in zip(pairs, counts, strict=True)]


def _classes(target: ClassTarget, outputs: NDArray[Any], y: NDArray[Any], examples: Examples | None) -> dict[str, Any]:
    predicted = outputs.argmax(1)
    log_probabilities = log_softmax(outputs)
    own = log_probabilities[np.arange(len(y)), y]
    wrong = np.flatnonzero(predicted != y)
    worst = wrong[np.argsort(own[wrong], kind="stable")][:WORST]
    return {
        "task": target.task,
        "rows": len(y),
        "wrong": len(wrong),
        "classes": list(target.classes),
        "confusion": confusion(y, predicted),
        "worst": [
            {
                "true": int(y[i]),
                "predicted": int(predicted[i]),
                "probability_of_true": float(np.exp(own[i])),
                "probability_of_predicted": float(np.exp(log_probabilities[i, predicted[i]])),
                "loss": float(-own[i]),
                **_shown(examples, i),
            }
            for i in worst
        ],
    }


def _numbers(target: NumberTarget, outputs: NDArray[Any], y: NDArray[Any], examples: Examples | None) -> dict[str, Any]:
    true = y[:, 0].astype(np.float64) * target.scale + target.mean
    predicted = outputs[:, 0].astype(np.float64) * target.scale + target.mean
    residuals = predicted - true
    kept = evenly(len(true), POINTS)
    worst = np.argsort(-np.abs(residuals), kind="stable")[:WORST_ROWS]
    return {
        "task": target.task,
        "rows": len(y),
        "points": [[float(true[i]), float(predicted[i])] for i in kept],
        "residuals": asdict(Histogram.of(residuals)),
        "worst": [
            {
                "true": float(true[i]),
                "predicted": float(predicted[i]),
                "residual": float(residuals[i]),
                **_shown(examples, i),
            }
            for i in worst
        ],
    }


def log_softmax(outputs: NDArray[Any]) -> NDArray[np.float64]:
    """Logarithms of the classes' probabilities (n, classes)."""
    shifted = outputs.astype(np.float64) - outputs.max(1, keepdims=True)
    with np.errstate(under="ignore"):
        return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def _shown(examples: Examples | None, i: int) -> dict[str, Any]:
    return {} if examples is None else {"example": examples.of(int(i))}
