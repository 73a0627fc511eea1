"""What a row of the data looks like to a reader: the cells of a table, or a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets import Table
from .table import number_text

__all__ = ["Examples", "Images", "TableRows"]

CELLS = 40  # columns of a row that are shown
LETTERS = 200  # of a text


@dataclass(frozen=True)
class TableRows:
    """Rows of a table, and where they stood in the file.

    Attributes:
        table: holds the rows.
        names: the columns to show.
        rows: for each row that can be asked for its place in the table (n,).
        numbers: for each row of the table its number in the file, counted from 1 below the header.
    """

    table: Table
    names: Sequence[str]
    rows: NDArray[np.int64]
    numbers: NDArray[np.int64]

    def of(self, i: int) -> dict[str, Any]:
        """The cells of row i by column, as texts."""
        row = int(self.rows[i])
        cells = {name: cell_text(self.table.column(name)[row]) for name in self.names[:CELLS]}
        return {"row": int(self.numbers[row]), "cells": cells}


@dataclass(frozen=True)
class Images:
    """Grey pictures (n, height * width), row by row, 0 white to 1 black."""

    pixels: NDArray[Any]
    height: int
    width: int

    def of(self, i: int) -> dict[str, Any]:
        """The picture as rows of grey levels, 0 white to 255 black."""
        levels = np.clip(np.round(self.pixels[i] * 255), 0, 255).astype(int)
        return {"row": i + 1, "pixels": levels.reshape(self.height, self.width).tolist()}


Examples = TableRows | Images


def cell_text(cell: Any) -> str:
    """A cell as a short text; an empty one is ``missing``.

    >>> cell_text(np.float64(2.0)), cell_text(None), cell_text("x" * 300)[-3:]
    ('2', 'missing', 'xx…')
    """
    if isinstance(cell, (float, np.floating)):
        return number_text(float(cell)) if np.isnan(cell) else f"{cell:.7g}"
    text = str(cell) if cell else "missing"
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"
