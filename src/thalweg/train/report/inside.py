"""What goes on inside: gradients and updates by layer, and how weights and activations are spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...viz import Picture
from ...viz.charts import Heatmap, HistogramSeries, LineChart, Series
from ...viz.style import SERIES
from ..gauges import evenly
from .curves import HEIGHT, WIDTH
from .data import Numbers, RunData, as_number
from .pieces import Html, figure, folded, grid, joined, number, paragraph, table

__all__ = ["gradients", "histograms"]

COLUMNS = 24  # epochs of a heat map
MOST_STRIPS = 24  # histograms of one kind


def gradients(run: RunData) -> Html:
    """The norms of gradients and weights, and the ratio of update to weight, by layer over the epochs."""
    epochs, gradient = run.by_parameter("gradient_norms")
    if not len(epochs):
        return paragraph("Nothing is measured yet." if run.running else "This run has measured no gradients.")
    weight, update = run.by_parameter("weight_norms")[1], run.by_parameter("update_norms")[1]
    labels = layer_labels(gradient)
    weights = by_layer(weight, labels)
    updates = by_layer(update, labels)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = {layer: updates[layer] / weights[layer] for layer in weights if layer in updates}
    charts = [
        _over_time("Gradient norm by layer", "gradient norm", epochs, by_layer(gradient, labels)),
        _over_time("Update-to-weight ratio by layer", "update / weight", epochs, ratios),
        _over_time("Weight norm by layer", "weight norm", epochs, weights),
    ]
    clip = as_number(run.settings.get("options", {}).get("clip_norm"))
    clipped = f", before clipping to {number(clip)}" if clip > 0 else ""
    return joined([
        grid(map(figure, charts)),
        paragraph(
            f"Norms are Euclidean, over all weights of a layer. The gradient is that of a batch{clipped}; the update "
            "is what one step changed. Each point is the mean over the steps that were measured in its epoch. A ratio "
            "about 0.001 is usual; far above, steps are wild, far below, the layer hardly learns.",
            "note",
        ),
    ])  # fmt: skip


def histograms(run: RunData) -> Html:
    """Weights and activations over the epochs, layer by layer."""
    if not run.snapshots:
        return paragraph("Nothing is measured yet." if run.running else "This run has measured no histograms.")
    weights = _over_epochs(run, "weights")
    activations = _over_epochs(run, "activations")
    labels = layer_labels(weights)
    kinds = module_kinds(activations, labels)
    strips = {
        "weights": [(f"{labels[layer_of(name)]}: {_part(name)}", "weight", *held) for name, held in weights.items()],
        "activations": [(f"after {kinds[name]}", "activation", *held) for name, held in activations.items()],
    }
    note = (
        "Each column is the histogram after an epoch: the stronger its colour, the more values lie there. "
        "Activations are those of up to 256 validation rows."
    )
    return joined([*(_strips(key, found) for key, found in strips.items()), _last_activations(run, kinds),
                   paragraph(note, "note")])  # fmt: skip


def _strips(key: str, strips: Sequence[tuple[str, str, list[float], list[Any], list[Any]]]) -> Html:
    """The histograms of one kind, of some layers only if there are very many."""
    shown = [strips[i] for i in evenly(len(strips), MOST_STRIPS)]
    some = paragraph(f"{len(shown)} of {len(strips)}, at even distances.", "note") if len(shown) < len(strips) else ""
    return folded(key.capitalize(), joined([some, grid(figure(_strip(*strip)) for strip in shown)]), key, open=True)


def layer_labels(by_name: Mapping[str, Any]) -> dict[str, str]:
    """The modules that have these parameters, by name, as a reader counts them.

    >>> layer_labels({"0.weight": 0, "0.bias": 0, "2.weight": 0})
    {'0': 'layer 1', '2': 'layer 2'}
    """
    modules = dict.fromkeys(layer_of(name) for name in by_name)
    return {module: f"layer {i}" for i, module in enumerate(modules, 1)}


def layer_of(parameter: str) -> str:
    """The module that a parameter belongs to."""
    return parameter.rpartition(".")[0]


def module_kinds(modules: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, str]:
    """What each module is for a reader: a layer with weights, or the ReLU after one."""
    kinds, last = {}, "the input"
    for module in modules:
        if module in labels:
            last = labels[module]
        kinds[module] = last if module in labels else f"the ReLU of {last}"
    return kinds


def by_layer(norms: Mapping[str, Numbers], labels: Mapping[str, str]) -> dict[str, Numbers]:
    """The norms of all parameters of each layer together."""
    layers: dict[str, Numbers] = {}
    for name, values in norms.items():
        label = labels.get(layer_of(name), name)
        layers[label] = np.hypot(layers[label], values) if label in layers else values
    return layers


def _part(parameter: str) -> str:
    return parameter.rpartition(".")[2]


def _over_time(title: str, label: str, epochs: Numbers, layers: Mapping[str, Numbers]) -> Picture:
    """Lines, or a heat map where there are more layers than lines can be told apart."""
    if len(layers) <= SERIES:
        series = [Series(name, epochs, values) for name, values in layers.items()]
        return LineChart(series, title=title, x_label="epoch", y_label=label, width=WIDTH, height=HEIGHT)
    chosen = evenly(len(epochs), COLUMNS)
    with np.errstate(divide="ignore", invalid="ignore"):
        matrix = np.log10(np.array([values[chosen] for values in layers.values()]))
    return Heatmap(
        matrix, list(layers), [f"{epoch:g}" for epoch in epochs[chosen]], title=f"{title}, log₁₀", x_label="epoch",
        width=WIDTH, height=max(HEIGHT, 24 * len(layers) + 110), values=False,
    )  # fmt: skip


def _over_epochs(run: RunData, kind: str) -> dict[str, tuple[list[float], list[Any], list[Any]]]:
    """For each name the epochs, counts and edges of its histograms."""
    found: dict[str, tuple[list[float], list[Any], list[Any]]] = {}
    for snapshot in run.snapshots:
        for name, histogram in snapshot[kind].items():
            epochs, counts, edges = found.setdefault(name, ([], [], []))
            if histogram["high"] > histogram["low"]:
                epochs.append(as_number(snapshot["epoch"]))
                counts.append(histogram["counts"])
                edges.append(np.linspace(histogram["low"], histogram["high"], len(histogram["counts"]) + 1))
    return {name: held for name, held in found.items() if held[0]}


def _strip(title: str, label: str, epochs: list[float], counts: list[Any], edges: list[Any]) -> HistogramSeries:
    return HistogramSeries(
        epochs, counts, edges, title=title, x_label="epoch", y_label=label, width=WIDTH, height=HEIGHT
    )


def _last_activations(run: RunData, kinds: Mapping[str, str]) -> Html:
    """What the newest histograms say of each module, in numbers."""
    last = run.snapshots[-1]
    rows = []
    for name, histogram in last["activations"].items():
        dead = as_number(last["dead"].get(name))
        rows.append([
            kinds.get(name, name), number(histogram["mean"]), number(histogram["std"]),
            f"{100 * as_number(histogram['zeros']):.1f} %", f"{100 * dead:.1f} %",
        ])  # fmt: skip
    head = ["after", "mean", "standard deviation", "zeros", "dead: zero on all rows"]
    return table(head, rows, f"Activations after epoch {number(last['epoch'])}")
