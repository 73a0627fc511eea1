"""What a network is to predict: a class or a number. Each knows its loss, its score and how to read the outputs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.tensor import Tensor
from ..datasets import Table
from ..errors import DataError
from ..nn import functional as F
from .table import as_text, mean_and_scale, some, standardise

__all__ = ["ClassTarget", "NumberTarget", "Target", "target_from_dict", "target_of"]

MAX_CLASSES = 1000
FEW_WHOLE_NUMBERS = 20  # a target with at most this many different whole numbers is taken for classes


@dataclass(frozen=True)
class ClassTarget:
    """One of several classes; the network gives a logit for each, and cross-entropy is minimised."""

    name: str
    classes: tuple[str, ...]

    task = "classification"
    score_name = "accuracy"
    clip_norm = 0.0  # a sample's gradient by the logits is bounded already

    @property
    def width(self) -> int:
        """How many outputs the network has."""
        return len(self.classes)

    def encode(self, table: Table) -> NDArray[Any]:
        """The index of each row's class (n,)."""
        index = {name: i for i, name in enumerate(self.classes)}
        return np.array([index[text] for text in as_text(table, self.name)], np.int64)

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Mean cross-entropy of logits (n, classes) and classes (n,)."""
        return F.cross_entropy(outputs, y)

    def score(self, outputs: NDArray[Any], y: NDArray[Any]) -> float:
        """The share of rows whose largest output is that of their class."""
        return float((outputs.argmax(1) == y).mean())

    def show_score(self, score: float) -> str:
        """The score for a reader."""
        return f"{100 * score:.1f} %"

    def report(self, outputs: NDArray[Any], y: NDArray[Any], train_y: NDArray[Any]) -> dict[str, Any]:
        """Accuracy on a held-out part, beside that of always naming the class that training saw most."""
        counts = np.bincount(train_y, minlength=self.width)
        majority = int(counts.argmax())
        return {
            "accuracy": self.score(outputs, y),
            "rows": len(y),
            "right": int((outputs.argmax(1) == y).sum()),
            "majority_class": self.classes[majority],
            "majority_accuracy": float((y == majority).mean()),
        }

    def describe_report(self, report: dict[str, Any]) -> str:
        """The report in one line."""
        return (
            f"accuracy {self.show_score(report['accuracy'])} ({report['right']:,} of {report['rows']:,}); "
            f"always saying {report['majority_class']!r} gets {self.show_score(report['majority_accuracy'])}"
        )

    def decode(self, outputs: NDArray[Any]) -> dict[str, list[Any]]:
        """Columns of predictions: the class, and the probability of each class by softmax."""
        with np.errstate(under="ignore"):
            weights = np.exp(outputs.astype(np.float64) - outputs.max(1, keepdims=True))
        probabilities = weights / weights.sum(1, keepdims=True)
        columns: dict[str, list[Any]] = {"prediction": [self.classes[i] for i in outputs.argmax(1)]}
        for name, column in zip(self.classes, probabilities.T, strict=True):
            columns[f"probability of {name}"] = [f"{p:.6g}" for p in column]
        return columns

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data that ``target_from_dict`` reads."""
        return {"task": self.task, "name": self.name, "classes": list(self.classes)}


@dataclass(frozen=True)
class NumberTarget:
    """A number; the network gives (y - mean) / scale, and the squared error is minimised."""

    name: str
    mean: float
    scale: float

    task = "regression"
    score_name = "RMSE"
    clip_norm = 1.0  # the gradient grows with the error: unclipped, one outlier throws the weights far off
    width = 1

    def encode(self, table: Table) -> NDArray[Any]:
        """The standardised numbers (n, 1) in float32."""
        return standardise(table, self.name, table.column(self.name), self.mean, self.scale)

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Mean squared error on the standardised scale."""
        return F.mse_loss(outputs, y)

    def score(self, outputs: NDArray[Any], y: NDArray[Any]) -> float:
        """Root of the mean squared error, in the units of the table."""
        return float(np.sqrt(np.mean((outputs - y).astype(np.float64) ** 2)) * self.scale)

    def show_score(self, score: float) -> str:
        """The score for a reader."""
        return f"{score:.4g}"

    def report(self, outputs: NDArray[Any], y: NDArray[Any], train_y: NDArray[Any]) -> dict[str, Any]:
        """RMSE and R² on a held-out part, beside the RMSE of always saying the training mean."""
        total = float(np.sum((y - y.mean(dtype=np.float64)) ** 2))
        residual = float(np.sum((outputs - y).astype(np.float64) ** 2))
        return {
            "rmse": self.score(outputs, y),
            "r2": 1 - residual / total if total > 0 else None,
            "rows": len(y),
            "mean": self.mean,
            "mean_rmse": self.score(np.zeros_like(y), y),
        }

    def describe_report(self, report: dict[str, Any]) -> str:
        """The report in one line."""
        r2 = "undefined" if report["r2"] is None else f"{report['r2']:.4f}"
        return (
            f"RMSE {report['rmse']:.4g}, R² {r2} on {report['rows']:,} rows; "
            f"always saying the mean {report['mean']:.4g} gives RMSE {report['mean_rmse']:.4g}"
        )

    def decode(self, outputs: NDArray[Any]) -> dict[str, list[Any]]:
        """One column of predictions in the units of the table."""
        values = outputs[:, 0].astype(np.float64) * self.scale + self.mean
        return {"prediction": [f"{value:.7g}" for value in values]}

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data that ``target_from_dict`` reads."""
        return {"task": self.task, **asdict(self)}


Target = ClassTarget | NumberTarget


def target_from_dict(data: dict[str, Any]) -> Target:
    """The target that ``to_dict`` described."""
    if data["task"] == ClassTarget.task:
        return ClassTarget(data["name"], tuple(data["classes"]))
    return NumberTarget(data["name"], data["mean"], data["scale"])


def target_of(table: Table, name: str, task: str | None) -> tuple[ClassTarget | None, str]:
    """The classes of a target column without missing cells, or None for regression; and why, for the reader.

    Text, and at most 20 different whole numbers of which each is met twice on average, are classes; other numbers
    are a regression. ``task`` overrides.

    Raises:
        DataError: one value only, too many classes, or text for a regression.
    """
    texts = as_text(table, name)
    different = sorted(set(texts))
    where = f"{table.source}: the target column {name!r}"
    if len(different) == 1:
        raise DataError(f"{where} is {different[0]!r} in every row: there is nothing to learn")
    numeric = table.is_numeric(name)
    if task == "regression" and not numeric:
        raise DataError(f"{where} holds text such as {different[0]!r}; a regression needs numbers")
    chosen = task or detect_task(table, name, len(different))
    if chosen == "regression":
        return None, f"target {name!r}: numbers, so this is a regression"
    if len(different) > MAX_CLASSES:
        raise DataError(
            f"{where} has {len(different):,} different values, more than the {MAX_CLASSES:,} classes that can be "
            "told apart; choose another --target" + (", or --task regression" if numeric else "")
        )
    if len(different) == len(texts):
        raise DataError(f"{where} has a value of its own in every row, so no class can be learned from examples")
    if numeric:
        different.sort(key=float)
    return ClassTarget(name, tuple(different)), describe_classes(name, different, numeric and task is None)


def detect_task(table: Table, name: str, different: int) -> str:
    """``classification`` or ``regression``, from the kind of the column and its number of different values."""
    if not table.is_numeric(name):
        return ClassTarget.task
    column = table.column(name)
    whole = bool((column == np.round(column)).all())
    few = different <= FEW_WHOLE_NUMBERS and different <= len(column) / 2
    return ClassTarget.task if whole and few else NumberTarget.task


def describe_classes(name: str, classes: list[str], doubtful: bool) -> str:
    """What the target was taken for, with the way out where that was a guess."""
    line = f"target {name!r}: {len(classes)} classes ({some(classes, 5)}), so this is a classification"
    return line + "; --task regression predicts numbers instead" if doubtful else line


def number_target(table: Table, name: str, rows: NDArray[Any]) -> NumberTarget:
    """The target of a regression, standardised by the given rows."""
    values = table.column(name)[rows]
    if values.min() == values.max():
        raise DataError(
            f"{table.source}: the target column {name!r} is {values[0]:g} in every training row: "
            "there is nothing to learn"
        )
    return NumberTarget(name, *mean_and_scale(table, name, values))
