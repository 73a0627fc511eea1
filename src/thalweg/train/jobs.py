"""A training job: data that is ready for a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import Table
from ..errors import DataError
from ..ops.random import Generator
from .examples import Examples, TableRows
from .loop import Part
from .machine import machine, versions
from .options import Options
from .split import split_rows
from .table import Preprocessor, require_finite
from .targets import Target, number_target, target_of

__all__ = ["Job", "table_job"]

HELD_OUT = 0.15  # of a table's rows for validation, and as many for the test
MIN_ROWS = 10


@dataclass
class Job:
    """Data to train on, to choose the best epoch by, and to report on; how it was prepared; notes for the reader.

    ``examples`` shows the test rows to a reader.
    """

    name: str
    source: str
    preprocessor: Preprocessor
    target: Target
    train: Part
    validation: Part
    test: Part
    notes: list[str] = field(default_factory=list)
    examples: Examples | None = None

    def sizes(self, options: Options) -> list[int]:
        """The widths of the network's layers, from inputs to outputs."""
        return [self.preprocessor.width, *options.layers, self.target.width]

    def settings(self, options: Options) -> dict[str, Any]:
        """All that is needed to predict, and to repeat the run."""
        return {
            "versions": versions(),
            "machine": machine(),
            "name": self.name,
            "source": Path(self.source).name,
            "rows": {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)},
            "target": self.target.to_dict(),
            "preprocessing": self.preprocessor.to_dict(),
            "layers": self.sizes(options),
            "options": options.to_dict(),
            "notes": self.notes,
        }


def table_job(table: Table, name: str, target_name: str, task: str | None, seed: int) -> Job:
    """Prepare a table to predict one of its columns.

    Raises:
        DataError: the table or the column is not fit for it; the message says how.
    """
    table.column(target_name)  # a DataError names the columns there are
    features = [column for column in table.names if column != target_name]
    if not features:
        raise DataError(f"{table.source}: the target {target_name!r} is the only column: nothing is left to learn from")
    for column in table.names:
        require_finite(table, column)
    numbers = 1 + np.flatnonzero(~table.is_missing(target_name))
    table, notes = rows_with_target(table, target_name)
    classes, note = target_of(table, target_name, task)
    notes.insert(0, note)
    labels = classes.encode(table) if classes else np.zeros(len(table), np.int64)
    held_out = max(1, round(HELD_OUT * len(table)))
    train, validation, test = split_rows(labels, [held_out, held_out], Generator().manual_seed(seed))
    target: Target = classes or number_target(table, target_name, train)
    preprocessor, remarks = Preprocessor.fit(table, features, train)
    x, filled = preprocessor.transform(table)
    y = target.encode(table)
    parts = {
        part: Part(x[rows], y[rows]) for part, rows in (("train", train), ("validation", validation), ("test", test))
    }
    examples = TableRows(table, [feature.name for feature in preprocessor.features], test, numbers)
    return Job(name, table.source, preprocessor, target, **parts, notes=[*notes, *remarks, *filled], examples=examples)


def rows_with_target(table: Table, target: str) -> tuple[Table, list[str]]:
    """The table without the rows whose target is missing, and a note on them; too few rows are refused."""
    missing = table.is_missing(target)
    count = int(missing.sum())
    left = len(table) - count
    if left < MIN_ROWS:
        reason = f"; in {count} of {len(table)} rows the target {target!r} is missing" if count else ""
        raise DataError(
            f"{table.source}: {left} row{'s are' if left != 1 else ' is'} too few to train, validate and test on: "
            f"at least {MIN_ROWS} are needed{reason}"
        )
    if not count:
        return table, []
    columns = {name: column[~missing] for name, column in table.columns.items()}
    rows = ", ".join(str(i + 1) for i in np.flatnonzero(missing)[:5]) + (", …" if count > 5 else "")
    note = f"{count:,} of {len(table):,} rows left out: the target is missing there (data row {rows})"
    return Table(columns, source=table.source), [note]
