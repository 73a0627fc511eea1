"""Columns from delimited text: CSV and its kin."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .files import read_bytes

__all__ = ["read_delimited", "to_column"]

_DELIMITERS = ",;\t"
_SNIFFED_RECORDS = 20
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})


def read_delimited(path: Path, delimiter: str | None, decimal: str, encoding: str) -> dict[str, NDArray[Any]]:
    """The columns of a text file whose first line holds their names. ``read_table`` states the rules."""
    if decimal not in (".", ","):
        raise DataError(f"read_table: decimal must be '.' or ',', not {decimal!r}")
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise DataError(f"read_table: delimiter must be one character other than a quote, not {delimiter!r}")
    text = _decode(path, read_bytes(path), encoding)
    records = _records(path, text, delimiter or _sniff(text))
    header = next(records, None)
    if header is None:
        raise DataError(f"{path}: the file is empty; its first line should hold the columns' names")
    names = _names(path, header[1])
    rows = [_row(path, line, cells, len(names)) for line, cells in records]
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    pairs = zip(header[1], names, columns, strict=True)
    # Spreadsheets end every line with a delimiter at times: a column without a name and without content.
    return {name: to_column(cells, decimal) for title, name, cells in pairs if title or not rows or any(cells)}


def to_column(cells: Sequence[str], decimal: str = ".") -> NDArray[Any]:
    """float64 if every cell that is not missing is a number, else an object array of str with None for empty."""
    array = np.array(cells, dtype=object)
    present = np.fromiter((cell.lower() not in _MISSING for cell in cells), bool, len(cells))
    try:
        numbers = np.full(len(cells), np.nan)
        numbers[present] = [_number(cell, decimal) for cell in array[present]]
        return numbers
    except ValueError:
        array[array == ""] = None
        return array


def _number(cell: str, decimal: str) -> float:
    if "_" in cell:  # Python's own digit groups: in a table it is an identifier
        raise ValueError(cell)
    if decimal != ".":
        if "." in cell:
            raise ValueError(cell)
        cell = cell.replace(decimal, ".")
    return float(cell)


def _decode(path: Path, raw: bytes, encoding: str) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"  # its byte order mark says so
    elif encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        encoding = "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: the byte 0x{raw[error.start]:02x} is not {error.encoding} text; pass encoding=, "
            "for example encoding='latin-1' or 'cp1252'"
        ) from None
    except LookupError:
        raise DataError(f"read_table: there is no encoding called {encoding!r}") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{path}, line {line}: it holds a zero byte, so this is not a text file")
    return text


def _records(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(number of its first line, stripped cells) of each record that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{path}, line {line}: a quoted field is not well formed ({error})") from None
        if cells and (len(cells) > 1 or cells[0].strip()):
            yield line, [cell.strip() for cell in cells]
        line = reader.line_num + 1


def _sniff(text: str) -> str:
    """The delimiter that cuts the first records into the most fields, equally many in each; a comma if none does."""
    widths = {delimiter: _even_width(text, delimiter) for delimiter in _DELIMITERS}
    best = max(widths, key=widths.__getitem__)
    if widths[best] > 1:
        return best
    first = text.lstrip().split("\n", 1)[0]
    return max(_DELIMITERS, key=first.count)  # ragged records: the header decides, and _row names the line


def _even_width(text: str, delimiter: str) -> int:
    """How many fields each of the first records has; 0 if they differ."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        widths = {len(cells) for cells, _ in zip(reader, range(_SNIFFED_RECORDS), strict=False) if cells}
    except csv.Error:
        return 0
    return widths.pop() if len(widths) == 1 else 0


def _names(path: Path, header: list[str]) -> list[str]:
    """The columns' names; a column without one is called by its position."""
    names = [name or f"column {position}" for position, name in enumerate(header, 1)]
    seen: dict[str, int] = {}
    for position, name in enumerate(names, 1):
        if name in seen:
            raise DataError(
                f"{path}: columns {seen[name]} and {position} are both called {name!r}; give each its own name"
            )
        seen[name] = position
    return names


def _row(path: Path, line: int, cells: list[str], width: int) -> list[str]:
    if len(cells) != width:
        raise DataError(f"{path}, line {line}: {len(cells)} cells where the header has {width}")
    return cells
