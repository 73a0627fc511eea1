"""Several runs side by side: what was chosen differently, their curves over each other, and how they ended."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...viz.charts import LineChart, Series
from .curves import HEIGHT, WIDTH, scored
from .data import Numbers, RunData, as_number
from .facts import duration, options, test_score
from .page import shell
from .pieces import Html, figure, grid, items, joined, number, paragraph, table, tag
from .sections import guarded
from .timing import speed

__all__ = ["comparison_page", "named"]

Named = Mapping[str, RunData]


def comparison_page(runs: Named) -> str:
    """The page that compares runs, by the names that it calls them."""
    title = f"{len(runs)} runs compared"
    sections = [
        ("results", "Results", guarded(_results, runs)),
        ("differences", "What differs", guarded(_differences, runs)),
        ("curves", "Curves", guarded(_curves, runs)),
    ]
    return shell(title, title, sections)


def named(paths: Sequence[Path], runs: Sequence[RunData]) -> dict[str, RunData]:
    """The runs by their folders' names, or by the paths where two have the same."""
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        names = [str(path) for path in paths]
    return dict(zip(names, runs, strict=True))


def _results(runs: Named) -> Html:
    """One row for each run; the best of each column is marked by a word, and only where the runs can be compared."""
    alike = len({(run.target.get("task"), run.target.get("name")) for run in runs.values()}) == 1
    losses = {name: as_number(run.result.get("validation_loss")) for name, run in runs.items()}
    scores = {name: _score(run) for name, run in runs.items()}
    rows = []
    for name, run in runs.items():
        result = run.result
        rows.append([
            name,
            _best(test_score(run) if result else "–", alike and scores[name] == _least(scores)),
            _best(number(losses[name]), alike and losses[name] == _least(losses)),
            number(result.get("best_epoch")), number(result.get("epochs", len(run.metrics))),
            duration(as_number(result["seconds"])) if "seconds" in result else "–",
            speed(run),
            str(result.get("ended", "cut off" if not result else "–")),
        ])  # fmt: skip
    head = ["run", "test", "validation loss", "kept epoch", "epochs", "took", "samples/s", "ended"]
    parts = [table(head, rows, "How the runs ended")]
    if not alike:
        parts.append(paragraph("These runs predict different things: their numbers can't be compared.", "warning"))
    parts.append(items(f"{name}: {problem}" for name, run in runs.items() for problem in run.problems))
    return joined(part for part in parts if part != "<ul></ul>")


def _score(run: RunData) -> float:
    """The result on the test rows, the smaller the better."""
    test = run.result.get("test")
    test = test if isinstance(test, dict) else {}
    return -as_number(test.get("accuracy")) if run.is_classification else as_number(test.get("rmse"))


def _least(values: Mapping[str, float]) -> float:
    """The smallest number; NaN, which equals nothing, if there is nothing to compare."""
    known = [value for value in values.values() if value == value]
    return min(known) if len(known) > 1 else math.nan


def _best(text: str, best: bool) -> object:
    return tag("td", f"{text} (best)", class_="best") if best else text


def _differences(runs: Named) -> Html:
    """The settings that are not the same in all runs."""
    flat = {name: _flat(run) for name, run in runs.items()}
    keys = list(dict.fromkeys(key for settings in flat.values() for key in settings))
    rows = []
    for key in keys:
        values = [settings.get(key, "–") for settings in flat.values()]
        if len(set(values)) > 1:
            rows.append([key, *values])
    if not rows:
        return paragraph("All settings are the same.")
    return table(["setting", *runs], rows, "Settings that differ")


def _flat(run: RunData) -> dict[str, str]:
    """The settings that a person chooses, and the machine, as texts."""
    settings = run.settings
    found: dict[str, Any] = {"source": settings.get("source"), "target": run.target.get("name")}
    found["layers"] = "-".join(str(n) for n in settings.get("layers", []))
    found |= {name.replace("_", " "): value for name, value in options(run).items() if name != "layers"}
    for group in ("rows", "machine", "versions"):
        held = settings.get(group)
        found |= {f"{group}: {name}": value for name, value in held.items()} if isinstance(held, dict) else {}
    found["columns"] = len(settings.get("preprocessing", {}).get("features", []))
    return {key: "–" if value is None else str(value) for key, value in found.items()}


def _curves(runs: Named) -> Html:
    """Losses, scores and learning rates of all runs, each in one chart."""
    first = next(iter(runs.values()))
    charts = [
        ("Validation loss", "validation_loss", "loss"),
        ("Training loss", "train_loss", "loss"),
        (f"Validation {first.score_name}", "validation_score", scored(first)),
        ("Learning rate", "lr", "learning rate"),
    ]
    return grid(figure(_chart(runs, *chart)) for chart in charts)


def _chart(runs: Named, title: str, key: str, label: str) -> LineChart:
    series = []
    for name, run in runs.items():
        x, y = run.column("epoch"), _scaled(run, key)
        series.append(Series(name, x, y))
    log: Any = "auto" if "loss" in key else False
    return LineChart(series, title=title, x_label="epoch", y_label=label, width=WIDTH, height=HEIGHT, y_log=log)


def _scaled(run: RunData, key: str) -> Numbers:
    return run.column(key) * (100.0 if run.is_classification and key == "validation_score" else 1.0)
