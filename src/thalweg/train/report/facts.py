"""How a run was made: its result in short, its settings, its network, and the machine."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ...errors import ThalwegError
from ...ops.creation import zeros
from ...random import fork_rng
from ...viz import diagram
from ..loop import network
from .data import RunData, as_number
from .pieces import Html, beside, facts, folded, items, joined, number, paragraph, table

__all__ = [
    "ENDED",
    "duration",
    "machine",
    "options",
    "picture_of_network",
    "settings",
    "summary",
    "test_score",
]

ENDED = {
    "finished": "all epochs are done",
    "stopped": "stopped before its end",
    "diverged": "the loss left the finite numbers",
}
MOST_WEIGHTS = 20_000_000  # of a network that is made anew for its diagram
FEATURES = 200  # columns that are listed


def summary(run: RunData) -> Html:
    """The result in short."""
    result, target = run.result, run.target
    pairs = _ended(run) if result else _newest(run)
    pairs.append(("predicts", f"{target.get('name', '?')} ({target.get('task', '?')})"))
    pairs.append(("network", "-".join(str(n) for n in run.settings.get("layers", []))))
    pairs.append(("training rows", number(run.settings.get("rows", {}).get("train"))))
    if "seconds" in result:
        pairs.append(("training took", duration(as_number(result["seconds"]))))
    parts = [facts(pairs)]
    if result.get("ended") in ENDED and result["ended"] != "finished":
        parts.append(paragraph(f"This training has ended early: {ENDED[result['ended']]}.", "warning"))
    if not result and not run.running:
        parts.append(paragraph("This training was cut off: it has left no result.", "warning"))
    if run.problems:
        parts.append(items(run.problems))
    return joined(parts)


def _ended(run: RunData) -> list[tuple[str, object]]:
    result = run.result
    return [
        (f"test {run.score_name}", test_score(run)),
        ("kept", f"epoch {number(result.get('best_epoch'))} of {number(result.get('epochs'))}"),
        ("validation loss", number(result.get("validation_loss"))),
    ]


def _newest(run: RunData) -> list[tuple[str, object]]:
    if not run.metrics:
        return []
    last = run.metrics[-1]
    score = as_number(last.get("validation_score"))
    return [
        ("epoch", f"{number(last.get('epoch'))} of {number(options(run).get('epochs'))}"),
        ("validation loss", number(last.get("validation_loss"))),
        (f"validation {run.score_name}", f"{100 * score:.1f} %" if run.is_classification else number(score)),
    ]


def test_score(run: RunData) -> str:
    """The result on the test rows, for a reader."""
    test = run.result.get("test")
    test = test if isinstance(test, dict) else {}
    if run.is_classification:
        return f"{100 * as_number(test.get('accuracy')):.1f} %"
    return f"{number(test.get('rmse'))} (R² {number(test.get('r2'))})"


def duration(seconds: float) -> str:
    """A time for a reader.

    >>> duration(0.5), duration(75), duration(7260)
    ('0.50 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def options(run: RunData) -> dict[str, Any]:
    """The options of the run."""
    found = run.settings.get("options")
    return found if isinstance(found, dict) else {}


def settings(run: RunData) -> Html:
    """All that was chosen, and how the data was prepared."""
    chosen = [(name.replace("_", " "), _option(value)) for name, value in options(run).items()]
    rows = run.settings.get("rows", {})
    data = [("source", run.settings.get("source", "–"))]
    data += [(f"{part} rows", number(rows.get(part))) for part in ("train", "validation", "test")]
    target = run.target
    data.append(("target", f"{target.get('name', '–')}: {target.get('task', '–')}"))
    if run.is_classification:
        data.append(("classes", ", ".join(str(name) for name in target.get("classes", [])[:FEATURES])))
    parts = [
        beside(
            [
                table(["option", "value"], chosen, "Options", kind="plain"),
                table(["", "data"], data, "Data", kind="plain"),
            ]
        ),
        folded("Columns and how they were prepared", _features(run), "features"),
    ]
    notes = run.settings.get("notes", [])
    return joined([*parts, items(notes) if notes else ""])


def _option(value: Any) -> str:
    if value is None:
        return "the optimiser's own"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return number(value, 6) if isinstance(value, float) else str(value)


def _features(run: RunData) -> Html:
    features = run.settings.get("preprocessing", {}).get("features", [])
    rows = []
    for feature in features[:FEATURES]:
        if feature["kind"] == "number":
            words = f"(x − {number(feature['mean'])}) / {number(feature['scale'])}; missing: {number(feature['fill'])}"
        else:
            words = "one of " + ", ".join(str(name) for name in feature["categories"])
        rows.append([feature["name"], feature["kind"], words])
    caption = f"{len(features):,} columns" + (f", the first {FEATURES}" if len(features) > FEATURES else "")
    return table(["column", "kind", "the network reads"], rows, caption)


def picture_of_network(run: RunData) -> Html:
    """The block diagram, and the layers as a table."""
    sizes = [int(n) for n in run.settings["layers"]]
    rows = [[f"layer {i}", f"{n:,}", f"{m:,}", f"{(n + 1) * m:,}"] for i, (n, m) in enumerate(pairwise(sizes), 1)]
    weights = sum((n + 1) * m for n, m in pairwise(sizes))
    rows.append(["together", "", "", f"{weights:,}"])
    layers = table(["", "inputs", "outputs", "weights"], rows, "Linear layers, with ReLU between them")
    return beside([_diagram(run, sizes), layers])


def _diagram(run: RunData, sizes: list[int]) -> Html:
    if sum((n + 1) * m for n, m in pairwise(sizes)) > MOST_WEIGHTS:
        return paragraph("The network has too many weights for its diagram to be drawn here.", "note")
    batch = options(run).get("batch_size")
    rows = batch if isinstance(batch, int) else int(as_number(run.settings["rows"]["train"]))
    try:
        with fork_rng():  # the weights are drawn at random, and forgotten
            drawn = diagram(network(sizes), zeros(1, 1).expand(rows, sizes[0]), title=f"{run.name}: the network")
    except ThalwegError as error:
        return paragraph(f"The network could not be drawn: {error}", "note")
    return Html(
        f'<div class="scroll diagram" tabindex="0" role="group" aria-label="Block diagram">{drawn._repr_html_()}</div>'
    )


def machine(run: RunData) -> Html:
    """The machine and the versions."""
    found = [*_pairs(run.settings.get("machine")), *_pairs(run.settings.get("versions"))]
    return facts(found) if found else paragraph("This run has not noted its machine.")


def _pairs(mapping: Any) -> list[tuple[str, object]]:
    return [(str(name), value) for name, value in mapping.items()] if isinstance(mapping, dict) else []
