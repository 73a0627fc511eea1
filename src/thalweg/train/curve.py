"""The loss curve of a run: the losses of training and validation over the epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..viz.charts import LineChart, Mark, Series

__all__ = ["loss_curve"]


def loss_curve(
    epochs: Sequence[int], train: Sequence[float], validation: Sequence[float], best_epoch: int, title: str
) -> LineChart:
    """The training loss (solid) and the validation loss (dashed), with a ring on the epoch whose weights were kept."""
    best = dict(zip(epochs, validation, strict=True)).get(best_epoch, math.nan)
    return LineChart(
        [Series("train", epochs, train), Series("validation", epochs, validation)],
        title=title,
        x_label="epoch",
        y_label="loss",
        marks=[Mark("kept", "validation", best_epoch)],
        description=(
            f"Loss over {len(epochs)} epoch{'s' if len(epochs) != 1 else ''}. "
            f"The training loss goes from {train[0]:.4g} to {train[-1]:.4g}, "
            f"the validation loss from {validation[0]:.4g} to {validation[-1]:.4g}. "
            f"The weights of epoch {best_epoch} were kept, with validation loss {best:.4g}."
        ),
    )
