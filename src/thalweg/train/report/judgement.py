"""What the trained network does on the test rows: where it is right, where it is wrong, and how far off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...viz.charts import Histogram, Scatter
from .curves import HEIGHT, WIDTH
from .data import RunData, as_number
from .pieces import Html, figure, grid, joined, number, paragraph, picture, table, tag

__all__ = ["confusion_table", "judgement"]

MOST_CLASSES = 30  # that a confusion matrix shows
MOST_PAIRS = 30
MOST_COLUMNS = 12  # of a row of a table


def judgement(run: RunData) -> Html:
    """The confusion matrix and the worst mistakes, or the residuals and the worst rows."""
    if run.test is None:
        return paragraph("The test comes when the training has ended." if run.running else
                         "This run has left no evaluation on its test rows.")  # fmt: skip
    return _classes(run.test) if run.test["task"] == "classification" else _numbers(run.test)


def _classes(test: dict[str, Any]) -> Html:
    classes = [str(name) for name in test["classes"]]
    wrong, rows = int(test["wrong"]), int(test["rows"])
    right = f"{rows - wrong:,} of {rows:,} test rows are right, {wrong:,} wrong."
    parts = [paragraph(right)]
    if len(classes) <= MOST_CLASSES:
        parts.append(confusion_table(classes, test["confusion"]))
    else:
        parts.append(_commonest(classes, test["confusion"]))
    worst = test["worst"]
    if worst:
        parts.append(tag("h3", "The worst mistakes"))
        parts.append(
            _note(len(worst), wrong, "wrong rows, those to whose class the network gave least probability first")
        )
        shown = _pictures(worst, classes) if "pixels" in worst[0].get("example", {}) else _rows(worst, classes)
        parts.append(shown)
    return joined(parts)


def confusion_table(classes: Sequence[str], pairs: Sequence[Sequence[int]]) -> Html:
    """How often each class was taken for which: rows are true, columns predicted.

    Args:
        classes: the names.
        pairs: [true, predicted, count], as ``evaluation.confusion`` gives them.
    """
    counts = np.zeros((len(classes), len(classes)), int)
    for true, predicted, count in pairs:
        counts[true, predicted] = count
    totals = counts.sum(1)
    rows = []
    for i, name in enumerate(classes):
        cells = [_count(int(n), n / max(totals[i], 1), i == j) for j, n in enumerate(counts[i])]
        recall = f"{100 * counts[i, i] / totals[i]:.1f} %" if totals[i] else "–"
        rows.append([name, *cells, recall])
    caption = "Confusion matrix: true classes in rows, predicted ones in columns"
    return table(["true ↓ predicted →", *classes, "right"], rows, caption, kind="confusion")


def _count(count: int, share: float, diagonal: bool) -> Html:
    kind = "right" if diagonal else "wrong"
    if not count:
        return tag("td", "0", class_="none")
    return tag("td", count, class_=kind, style=f"--share: {share:.3f}")


def _commonest(classes: Sequence[str], pairs: Sequence[Sequence[int]]) -> Html:
    wrong = sorted((pair for pair in pairs if pair[0] != pair[1]), key=lambda pair: -pair[2])[:MOST_PAIRS]
    rows = [[classes[true], classes[predicted], count] for true, predicted, count in wrong]
    caption = f"The commonest confusions among {len(classes):,} classes"
    return table(["true", "predicted", "rows"], rows, caption) if rows else paragraph("No class was taken for another.")


def _pictures(worst: Sequence[dict[str, Any]], classes: Sequence[str]) -> Html:
    cards = []
    for mistake in worst:
        true, predicted = classes[mistake["true"]], classes[mistake["predicted"]]
        example = mistake["example"]
        words = f"is {true}, taken for {predicted}"
        image = picture(example["pixels"], f"test row {example['row']}: {words}")
        caption = joined([
            tag("strong", words),
            f"{_percent(mistake['probability_of_predicted'])} for {predicted},",
            f"{_percent(mistake['probability_of_true'])} for {true}; test row {example['row']}",
        ])  # fmt: skip
        cards.append(tag("li", tag("figure", joined([image, tag("figcaption", caption)]))))
    return tag("ul", joined(cards), class_="mistakes")


def _rows(worst: Sequence[dict[str, Any]], classes: Sequence[str]) -> Html:
    columns = _columns(worst)
    rows = [
        [
            number(m.get("example", {}).get("row")), classes[m["true"]], classes[m["predicted"]],
            _percent(m["probability_of_true"]), *_cells(m, columns),
        ]
        for m in worst
    ]  # fmt: skip
    return table(
        ["data row", "true", "predicted", "probability of true", *columns], rows, "The worst mistakes" + _shown(worst)
    )


def _numbers(test: dict[str, Any]) -> Html:
    points = np.array(test["points"], np.float64).reshape(-1, 2)
    residuals = test["residuals"]
    charts: list[Any] = [
        Scatter(points[:, 0], points[:, 1], title="Predicted and true", x_label="true", y_label="predicted",
                identity=True, width=WIDTH, height=HEIGHT),
        Scatter(points[:, 1], points[:, 1] - points[:, 0], title="Residuals over predictions", x_label="predicted",
                y_label="predicted − true", zero=True, width=WIDTH, height=HEIGHT),
    ]  # fmt: skip
    if as_number(residuals["high"]) > as_number(residuals["low"]):
        edges = np.linspace(residuals["low"], residuals["high"], len(residuals["counts"]) + 1)
        charts.append(Histogram(counts=residuals["counts"], edges=edges, title="Residuals", x_label="predicted − true",
                                y_label="test rows", width=WIDTH, height=HEIGHT))  # fmt: skip
    worst = test["worst"]
    columns = _columns(worst)
    rows = [
        [
            number(m.get("example", {}).get("row")), number(m["true"], 6), number(m["predicted"], 6),
            number(m["residual"]), *_cells(m, columns),
        ]
        for m in worst
    ]  # fmt: skip
    count = int(test["rows"])
    mean, std = number(residuals["mean"]), number(residuals["std"])
    return joined([
        paragraph(f"On {count:,} test rows predicted − true has the mean {mean} and the standard deviation {std}."),
        grid(map(figure, charts)),
        tag("h3", "The worst rows"),
        _note(len(worst), count, "test rows, those furthest off first"),
        table(["data row", "true", "predicted", "predicted − true", *columns], rows, "The worst rows" + _shown(worst)),
    ])  # fmt: skip


def _columns(worst: Sequence[dict[str, Any]]) -> list[str]:
    return list(worst[0].get("example", {}).get("cells", {}))[:MOST_COLUMNS] if worst else []


def _shown(worst: Sequence[dict[str, Any]]) -> str:
    count = len(worst[0].get("example", {}).get("cells", {})) if worst else 0
    return f", with the first {MOST_COLUMNS} columns" if count > MOST_COLUMNS else ""


def _cells(mistake: dict[str, Any], columns: Sequence[str]) -> list[str]:
    cells = mistake.get("example", {}).get("cells", {})
    return [str(cells.get(name, "")) for name in columns]


def _note(shown: int, of: int, what: str) -> Html:
    return paragraph(f"{shown:,} of {of:,} {what}.", "note")


def _percent(share: Any) -> str:
    return f"{100 * as_number(share):.1f} %"
