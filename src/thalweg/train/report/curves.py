"""Losses, scores and the learning rate over the epochs."""

from __future__ import annotations

import numpy as np

from ...viz.charts import LineChart, Mark, Series
from .data import Numbers, RunData, as_number
from .pieces import Html, figure, grid, joined, paragraph

__all__ = ["HEIGHT", "WIDTH", "curves", "scored"]

WIDTH, HEIGHT = 440, 300  # pixels of a chart


def curves(run: RunData) -> Html:
    """What the epochs have shown."""
    epochs = run.column("epoch")
    if not len(epochs):
        return paragraph("No epoch is done yet." if run.running else "No epoch has left its metrics.")
    charts = [
        _chart(run, "Loss", [("train", "train_loss"), ("validation", "validation_loss")], "loss", epochs),
        _chart(run, _score_title(run), [("train", "train_score"), ("validation", "validation_score")],
               scored(run), epochs),
        _chart(run, "Learning rate", [("learning rate", "lr")], "learning rate", epochs),
    ]  # fmt: skip
    note = (
        "The training loss is the mean over an epoch's steps, each before its update; the validation loss is that "
        "after the epoch."
    )
    if np.isfinite(run.column("train_score")).any():
        note += " The training score is that of up to 512 training rows."
    return joined([grid(figure(chart) for chart in charts), paragraph(note, "note")])


def scored(run: RunData) -> str:
    """What the score is, with its unit."""
    return "accuracy in %" if run.is_classification else f"RMSE of {run.target.get('name', 'the target')}"


def _score_title(run: RunData) -> str:
    return "Accuracy" if run.is_classification else "Root mean squared error"


def _chart(run: RunData, title: str, lines: list[tuple[str, str]], label: str, epochs: Numbers) -> LineChart:
    scale = 100.0 if run.is_classification and title == "Accuracy" else 1.0
    series = []
    for name, key in lines:
        values = run.column(key) * scale
        known = np.isfinite(values)
        if known.any():
            series.append(Series(name, epochs[known], values[known]))
    kept = as_number(run.result.get("best_epoch"))
    held = next((s for s in series if s.name == "validation"), None)
    marks = [Mark("kept", "validation", kept)] if held is not None and kept in np.asarray(held.x) else []
    return LineChart(
        series, title=title, x_label="epoch", y_label=label, marks=marks, width=WIDTH, height=HEIGHT,
        y_log="auto" if title == "Loss" else False,
    )  # fmt: skip
