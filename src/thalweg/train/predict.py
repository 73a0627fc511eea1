"""Predictions of a finished run for the rows of a table."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import nn
from ..core.tensor import Tensor
from ..errors import RunError, StateDictError
from ..io import write_atomically
from .loop import network, outputs_of
from .run import load_run
from .table import Preprocessor, open_table
from .targets import Target, target_from_dict

__all__ = ["Predictor", "predict_table", "write_predictions"]


@dataclass(frozen=True)
class Predictor:
    """A trained network with all that lies between it and a table."""

    preprocessor: Preprocessor
    target: Target
    model: nn.Module

    @classmethod
    def load(cls, run: Path) -> Predictor:
        """The predictor that a run folder holds; RunError if it holds none."""
        settings, state = load_run(run)
        try:
            preprocessor = Preprocessor.from_dict(settings["preprocessing"])
            target = target_from_dict(settings["target"])
            model = network(settings["layers"])
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"{run}: the settings are damaged ({type(error).__name__}: {error})") from None
        load_weights(run, model, state)
        return cls(preprocessor, target, model)

    def columns(self, path: Path) -> tuple[dict[str, list[Any]], list[str]]:
        """Columns of predictions for a table's rows, in its order, and notes on its cells.

        Raises:
            DataError: a column is missing or not of the kind it was in training.
        """
        x, notes = self.preprocessor.transform(open_table(path))
        return self.target.decode(outputs_of(self.model, x)), notes


def load_weights(run: Path, model: nn.Module, state: dict[str, Tensor]) -> None:
    """Give the model its weights, or say that they are not its own."""
    try:
        model.load_state_dict(state)
    except StateDictError as error:
        raise RunError(f"{run}: the weights do not fit the settings ({' '.join(str(error).split())})") from None


def predict_table(run: Path, table: Path) -> tuple[str, int, list[str]]:
    """CSV text of the predictions, the number of rows, and notes on the table's cells."""
    columns, notes = Predictor.load(run).columns(table)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    rows = list(zip(*columns.values(), strict=True))
    writer.writerows(rows)
    return text.getvalue(), len(rows), notes


def write_predictions(out: Path, text: str, table: Path) -> None:
    """Write the predictions, whole or not at all, and never over the table that they were made from."""
    if out.exists() and out.samefile(table):
        raise RunError(f"{out} is the table itself; choose another --out")
    try:
        write_atomically(out, text)
    except OSError as error:
        raise RunError(f"the predictions can't be written to {out}: {error.strerror}; choose another --out") from None
