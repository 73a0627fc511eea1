"""Tables: named columns of equal length, read from CSV, npz and Parquet files."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .columnar import read_npz, read_parquet
from .delimited import read_delimited

__all__ = ["Table", "read_table"]

_DELIMITED = {".csv": None, ".txt": None, ".data": None, ".tsv": "\t", ".tab": "\t"}


class Table:
    """Columns by name. Each is float64 (NaN: missing) or an object array of str (None: missing).

    Args:
        columns: name to one-dimensional array; all of one length.
        source: where the columns came from, for error messages.

    Raises:
        DataError: no columns, columns of unequal length, or a column of another dtype.

    >>> import numpy as np
    >>> from thalweg.datasets import Table
    >>> t = Table({"x": np.array([1.0, np.nan]), "kind": np.array(["a", "b"], object)})
    >>> t
    Table(2 rows: x number (1 missing), kind text)
    >>> t.is_numeric("x"), t.column("kind")
    (True, array(['a', 'b'], dtype=object))
    """

    __slots__ = ("columns", "num_rows", "source")

    columns: dict[str, NDArray[Any]]
    num_rows: int
    source: str

    def __init__(self, columns: Mapping[str, NDArray[Any]], source: str = "table") -> None:
        if not columns:
            raise DataError(f"{source}: it has no columns")
        self.columns = dict(columns)
        self.source = source
        self.num_rows = len(next(iter(self.columns.values())))
        for name, column in self.columns.items():
            if column.ndim != 1 or column.dtype not in (np.dtype(np.float64), np.dtype(object)):
                raise DataError(
                    f"{source}: column {name!r} must be a one-dimensional float64 or object array, "
                    f"not {column.dtype} of shape {column.shape}"
                )
            if len(column) != self.num_rows:
                raise DataError(
                    f"{source}: column {name!r} has {len(column)} rows where the first column has {self.num_rows}"
                )

    @property
    def names(self) -> list[str]:
        """The columns' names in the file's order."""
        return list(self.columns)

    def column(self, name: str) -> NDArray[Any]:
        """The column of that name; DataError names the columns there are if there is none."""
        try:
            return self.columns[name]
        except KeyError:
            raise DataError(self._no_such_column(name)) from None

    def is_numeric(self, name: str) -> bool:
        """Whether the column holds numbers (float64) and not text."""
        return self.column(name).dtype == np.float64

    def num_missing(self, name: str) -> int:
        """How many cells of the column are missing."""
        return int(self.is_missing(name).sum())

    def is_missing(self, name: str) -> NDArray[np.bool_]:
        """For each row whether its cell in the column is missing."""
        column = self.column(name)
        if column.dtype == np.float64:
            return np.isnan(column)
        return np.fromiter((cell is None for cell in column), bool, len(column))

    def __len__(self) -> int:
        return self.num_rows

    def __repr__(self) -> str:
        return f"Table({self.num_rows} rows: {', '.join(map(self._describe, self.columns))})"

    def _describe(self, name: str) -> str:
        kind = "number" if self.is_numeric(name) else "text"
        missing = self.num_missing(name)
        return f"{name} {kind}" + (f" ({missing} missing)" if missing else "")

    def _no_such_column(self, name: str) -> str:
        close = difflib.get_close_matches(str(name), self.columns, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        shown = ", ".join(self.names[:20]) + (", …" if len(self.columns) > 20 else "")
        return f"{self.source}: there is no column {name!r}{hint} The columns are: {shown}"


def read_table(path: str | Path, *, delimiter: str | None = None, decimal: str = ".", encoding: str = "utf-8") -> Table:
    r"""The table in a file, by the name's ending: .csv, .tsv, .tab, .txt, .data (also .gz), .npz or .parquet.

    Text files: the first line holds the names; the delimiter is found among ``,`` ``;`` and tab; fields may be
    quoted; blank lines are skipped, and blanks around cells. A column is numeric if every cell that is not missing
    is a number. Missing is the empty cell, and in a column whose other cells are numbers also ``NA``, ``N/A``,
    ``NaN``, ``null``, ``None`` and ``?``: among text these may be meant as categories, so there they stay.

    npz files: each one-dimensional array is a column; a two-dimensional array ``x`` gives ``x.0``, ``x.1``, ….
    Parquet files need pyarrow (``pip install 'thalweg[parquet]'``); bools count as 0 and 1, dates as ISO text.

    Args:
        path: the file.
        delimiter: between the fields of a text file; None to find it.
        decimal: the decimal sign of numbers in a text file, ``"."`` or ``","``.
        encoding: of a text file.

    Raises:
        DataError: the file is empty, has a header and no rows, repeats a column's name, has a line with too few
            or too many cells (named by its number), is not in the encoding, or is of no known kind.
        DependencyError: a Parquet file, and pyarrow is not installed.
        OSError: the file can't be opened.

    >>> import pathlib, tempfile
    >>> from thalweg.datasets import read_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "plants.csv")
    ...     _ = path.write_text("height;kind\n1.5;fern\n;moss\n")
    ...     read_table(path)
    Table(2 rows: height number (1 missing), kind text)
    """
    path = Path(path)
    suffix = Path(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    if suffix in _DELIMITED:
        columns = read_delimited(path, delimiter or _DELIMITED[suffix], decimal, encoding)
    elif suffix == ".npz":
        columns = read_npz(path)
    elif suffix in (".parquet", ".pq"):
        columns = read_parquet(path)
    else:
        kinds = ", ".join([*_DELIMITED, ".npz", ".parquet"])
        raise DataError(f"{path}: a table's file name must end in one of {kinds}, not in {path.suffix or 'nothing'!r}")
    table = Table(columns, source=str(path))
    if table.num_rows == 0:
        raise DataError(f"{path}: it has column names ({', '.join(table.names[:20])}) and no rows")
    return table
