"""Where the time of a training goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...viz.charts import Bars
from .curves import WIDTH
from .data import RunData, as_number
from .facts import duration
from .pieces import Html, facts, figure, folded, joined, number, paragraph, table

__all__ = ["speed", "timing"]

SLOWEST = 12  # kernels that are drawn


def timing(run: RunData) -> Html:
    """The epochs, and the kernels of the compiled step."""
    profile = run.settings.get("profile")
    if isinstance(profile, dict):
        kernels = _kernels(profile)
    elif run.running:
        kernels = paragraph("The kernels are timed when the training has ended.")
    else:
        kernels = paragraph("The step ran line by line in NumPy, or its kernels were not timed.")
    return joined([_epochs(run), kernels])


def speed(run: RunData) -> str:
    """The median of the samples a second, for a reader."""
    known = run.column("samples_per_second")
    known = known[np.isfinite(known)]
    return f"{np.median(known):,.0f}" if known.size else "–"


def _epochs(run: RunData) -> Html:
    seconds = float(np.nansum(run.column("seconds")))
    pairs = [("epochs", f"{len(run.metrics):,}"), ("in their steps", duration(seconds)), ("samples/s", speed(run))]
    return facts(pairs)


def _kernels(profile: dict[str, Any]) -> Html:
    kernels = profile["kernels"]
    threads = f"{number(profile['threads'])} thread{'s' if profile['threads'] != 1 else ''}"
    words = paragraph(
        f"A step on {number(profile['batch'])} rows takes {number(profile['program'])} µs on up to {threads}; its "
        f"{len(kernels)} kernels take {number(profile['microseconds'])} µs one after the other on one thread. In large "
        f"products one thread reaches {number(profile['product_gflops'])} GFLOP/s, in copying "
        f"{number(profile['copy_gigabytes'])} GB/s."
    )
    slowest = sorted(kernels, key=lambda kernel: -as_number(kernel["microseconds"]))[:SLOWEST]
    bars = Bars(
        [kernel["kind"] for kernel in slowest], [as_number(kernel["microseconds"]) for kernel in slowest],
        title="The slowest kernels", unit="µs", width=WIDTH + 120,
    )  # fmt: skip
    return joined([words, figure(bars), folded("All kernels", _table(kernels), "kernels")])


def _table(kernels: Sequence[dict[str, Any]]) -> Html:
    rows = [
        [
            kernel["name"], number(kernel["microseconds"], 3), f"{as_number(kernel['share']):.1f} %",
            number(kernel["gflops"], 3), number(kernel["gigabytes"], 3), f"{as_number(kernel['percent']):.0f} %",
            kernel["kind"], kernel["formula"],
        ]
        for kernel in kernels
    ]  # fmt: skip
    head = ["kernel", "µs", "share", "GFLOP/s", "GB/s", "of limit", "kind", "formula"]
    return table(head, rows, "Kernels of the training step, in their order")
