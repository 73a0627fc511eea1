"""Columns from files that store arrays: npz and Parquet."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .extras import require

__all__ = ["read_npz", "read_parquet"]


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """A column for each array of one dimension, and one for each column of an array of two. Nothing is unpickled."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: _member(path, archive, name) for name in archive.files}
    except (zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"{path}: this is not a whole .npz file ({error})") from None
    except TypeError:  # np.load gave a single array: a .npy file by another name
        raise DataError(f"{path}: this is a .npy file; save named columns with np.savez") from None
    except DataError:
        raise
    except ValueError:
        raise DataError(f"{path}: this is not an .npz file") from None
    columns: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        for column_name, column in _columns_of(path, name, array):
            if column_name in columns:
                raise DataError(f"{path}: two columns are called {column_name!r}")
            columns[column_name] = _typed(path, column_name, column)
    return columns


def _member(path: Path, archive: Any, name: str) -> NDArray[Any]:
    try:
        return np.asarray(archive[name])
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"{path}: the array {name!r} can't be read ({error})") from None


def _columns_of(path: Path, name: str, array: NDArray[Any]) -> list[tuple[str, NDArray[Any]]]:
    if array.ndim == 1:
        return [(name, array)]
    if array.ndim == 2:
        return [(f"{name}.{i}", array[:, i]) for i in range(array.shape[1])]
    raise DataError(f"{path}: the array {name!r} has shape {array.shape}; a table takes arrays of 1 or 2 dimensions")


def _typed(path: Path, name: str, column: NDArray[Any]) -> NDArray[Any]:
    """float64 for numbers and bools, str objects for text and dates."""
    if column.dtype.kind in "biuf":
        return column.astype(np.float64)
    if column.dtype.kind in "UMm":
        text = np.array([str(cell) for cell in column], dtype=object)
        text[np.array([cell in ("", "NaT") for cell in text], bool)] = None
        return text
    raise DataError(f"{path}: column {name!r} is of type {column.dtype}, which is neither numbers nor text")


def read_parquet(path: Path) -> dict[str, NDArray[Any]]:
    """The columns of a Parquet file; lists, structs and binary columns are refused by name."""
    pyarrow = require("pyarrow", "pyarrow", "parquet", f"{path}: reading Parquet files")
    parquet = require("pyarrow.parquet", "pyarrow", "parquet", f"{path}: reading Parquet files")
    path.stat()  # the system's own error for a file that is not there
    try:
        with parquet.ParquetFile(path) as file:
            table = file.read()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: this is not a readable Parquet file ({error})") from None
    columns: dict[str, NDArray[Any]] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name in columns:
            raise DataError(f"{path}: two columns are called {name!r}")
        columns[name] = _from_arrow(path, name, column, pyarrow.types)
    return columns


def _from_arrow(path: Path, name: str, column: Any, kinds: Any) -> NDArray[Any]:
    if kinds.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if kinds.is_null(kind) or kinds.is_boolean(kind) or kinds.is_integer(kind) or kinds.is_floating(kind):
        values = column.to_pylist()
        return np.array([np.nan if v is None else v for v in values], np.float64)
    if kinds.is_decimal(kind):
        return np.array([np.nan if v is None else float(v) for v in column.to_pylist()], np.float64)
    if kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_temporal(kind):
        return np.array([None if v is None or v == "" else str(v) for v in column.to_pylist()], dtype=object)
    raise DataError(f"{path}: column {name!r} is of type {kind}, which is neither numbers nor text")
