"""What a run folder holds, read with care: it may be of an older version, cut short, or damaged."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import RunError
from ..run import DIAGNOSTICS, METRICS, load_settings

__all__ = ["RunData", "load_run_data"]

SHOWN_PROBLEMS = 5

Numbers = NDArray[np.float64]


@dataclass
class RunData:
    """One run, as a report shows it.

    Attributes:
        name: of the folder.
        settings: what settings.json holds.
        metrics: the lines of metrics.jsonl, one for each epoch.
        snapshots: the histograms of diagnostics.json, oldest first.
        test: the evaluation on the test rows; None if there is none.
        problems: what could not be read, in sentences.
        running: whether the training goes on.
    """

    name: str
    settings: dict[str, Any]
    metrics: list[dict[str, Any]] = field(default_factory=list)
    snapshots: list[dict[str, Any]] = field(default_factory=list)
    test: dict[str, Any] | None = None
    problems: list[str] = field(default_factory=list)
    running: bool = False

    @property
    def result(self) -> dict[str, Any]:
        """How the run ended; empty if it did not."""
        found = self.settings.get("result")
        return found if isinstance(found, dict) else {}

    @property
    def target(self) -> dict[str, Any]:
        """What is predicted."""
        found = self.settings.get("target")
        return found if isinstance(found, dict) else {}

    @property
    def is_classification(self) -> bool:
        """Whether classes are predicted, and not numbers."""
        return self.target.get("task") == "classification"

    @property
    def score_name(self) -> str:
        """What the score is called."""
        return "accuracy" if self.is_classification else "RMSE"

    def column(self, key: str) -> Numbers:
        """One number for each epoch; NaN where there is none."""
        return np.array([as_number(line.get(key)) for line in self.metrics], np.float64)

    def by_parameter(self, key: str) -> tuple[Numbers, dict[str, Numbers]]:
        """The measured epochs, and for each parameter its norms in them."""
        measured = [line for line in self.metrics if isinstance(line.get(key), dict) and line[key]]
        names = list(dict.fromkeys(name for line in measured for name in line[key]))
        epochs = np.array([as_number(line.get("epoch")) for line in measured], np.float64)
        return epochs, {name: np.array([as_number(line[key].get(name)) for line in measured]) for name in names}


def load_run_data(path: Path) -> RunData:
    """Read a run folder. What is missing or damaged beside the settings is told in ``problems``.

    Raises:
        RunError: it is not a run folder, or it has been written in another format.
    """
    try:
        settings = load_settings(path)
    except OSError as error:
        raise RunError(f"{path} can't be read: {error.strerror or error}") from None
    run = RunData(path.resolve().name, settings)
    run.metrics = _metrics(path / METRICS, run.problems)
    _read_diagnostics(path / DIAGNOSTICS, run)
    return run


def as_number(value: Any) -> float:
    """A number as a float; NaN for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return math.nan
    return math.nan


def _metrics(path: Path, problems: list[str]) -> list[dict[str, Any]]:
    """The lines that can be used, in the order of their epochs."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        problems.append(f"{path.name} can't be read: {error.strerror or error}.")
        return []
    lines, damaged = [], []
    for number, line in enumerate(text.splitlines(), 1):
        metrics = _line(line)
        if metrics is not None:
            lines.append(metrics)
        elif line.strip():
            damaged.append(number)
    if damaged:
        shown = ", ".join(map(str, damaged[:SHOWN_PROBLEMS])) + (", …" if len(damaged) > SHOWN_PROBLEMS else "")
        problems.append(
            f"{path.name}: line{'s' if len(damaged) > 1 else ''} {shown} {'are' if len(damaged) > 1 else 'is'} damaged "
            "and left out."
        )
    return sorted(lines, key=lambda metrics: metrics["epoch"])


def _line(text: str) -> dict[str, Any] | None:
    """One line of metrics; None if it is not whole."""
    try:
        metrics = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(metrics, dict) or not math.isfinite(as_number(metrics.get("epoch"))):
        return None
    return metrics


def _read_diagnostics(path: Path, run: RunData) -> None:
    """Histograms and evaluation; a folder of a version before 0.2 has none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except OSError as error:
        run.problems.append(f"{path.name} can't be read: {error.strerror or error}.")
        return
    except (ValueError, RecursionError):
        run.problems.append(f"{path.name} is damaged: it is not JSON.")
        return
    if not isinstance(found, dict):
        run.problems.append(f"{path.name} is damaged: it holds no object.")
        return
    snapshots, test = found.get("snapshots"), found.get("test")
    run.snapshots = [s for s in snapshots if isinstance(s, dict)] if isinstance(snapshots, list) else []
    run.test = test if isinstance(test, dict) else None
