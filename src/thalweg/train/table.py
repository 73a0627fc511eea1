"""From a table's columns to the numbers that a network reads: encoding, filling, standardising.

Everything is learned from the training rows and applied alike to all others; what was learned fits into JSON.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets import Table, read_table
from ..errors import DataError

__all__ = ["NumberFeature", "Preprocessor", "TextFeature", "as_text", "open_table", "require_finite", "some"]

MAX_CATEGORIES = 200  # a text column with more different texts than this is left out
MIN_IDENTIFIER = 10  # a text column with more different texts than this, most of them in one row only, is an identifier
FAR = 1e9  # standard deviations: beyond it float32 loses its grip, and the number is surely a mistake
MISSING = "missing"  # the category of an empty cell


@dataclass(frozen=True)
class NumberFeature:
    """A column of numbers: (x - mean) / scale, with ``fill`` (the median) where x is missing."""

    name: str
    mean: float
    scale: float
    fill: float

    @property
    def width(self) -> int:
        """How many inputs of the network the column takes."""
        return 1

    def encode(self, table: Table) -> tuple[NDArray[Any], list[str]]:
        """The standardised column (n, 1), and notes on what was filled in."""
        column = table.column(self.name)
        if not table.is_numeric(self.name):
            row = next(i for i, cell in enumerate(column) if not _is_number(cell))
            raise DataError(
                f"{table.source}: column {self.name!r} must hold numbers, as in training, "
                f"but {place(table, row)} has {column[row]!r}"
            )
        require_finite(table, self.name)
        missing = np.isnan(column)
        notes = []
        if missing.any():
            notes.append(
                f"column {self.name!r}: {_of_rows(missing)} missing, filled with the training median {self.fill:g}"
            )
        return standardise(table, self.name, np.where(missing, self.fill, column), self.mean, self.scale), notes


@dataclass(frozen=True)
class TextFeature:
    """A column of texts: one input for each category, 1 where it is met. An unknown text gives all zeros."""

    name: str
    categories: tuple[str, ...]

    @property
    def width(self) -> int:
        """How many inputs of the network the column takes."""
        return len(self.categories)

    def encode(self, table: Table) -> tuple[NDArray[Any], list[str]]:
        """The one-hot rows (n, categories), and notes on missing and unknown texts."""
        texts = as_text(table, self.name)
        index = {category: i for i, category in enumerate(self.categories)}
        positions = np.array([index.get(text, -1) for text in texts], np.int64)
        notes = []
        missing = table.is_missing(self.name)
        if missing.any() and MISSING in index:
            notes.append(f"column {self.name!r}: {_of_rows(missing)} missing, taken as a category of their own")
        unknown = positions < 0
        if unknown.any():
            examples = some(sorted({texts[i] for i in np.flatnonzero(unknown)}))
            notes.append(
                f"column {self.name!r}: {_of_rows(unknown)} not met in training ({examples}), "
                "taken as none of its categories"
            )
        return (positions[:, None] == np.arange(len(self.categories))).astype(np.float64), notes


Feature = NumberFeature | TextFeature


@dataclass(frozen=True)
class Preprocessor:
    """The features that a network reads from a table, in their order.

    >>> import numpy as np
    >>> from thalweg.datasets import Table
    >>> table = Table({"x": np.array([1.0, 3.0, np.nan]), "kind": np.array(["a", "b", "a"], object)})
    >>> preprocessor, notes = Preprocessor.fit(table, ["x", "kind"], np.arange(3))
    >>> preprocessor.transform(table)[0]
    array([[-1.,  1.,  0.],
           [ 1.,  0.,  1.],
           [ 0.,  1.,  0.]], dtype=float32)
    """

    features: tuple[Feature, ...]

    @classmethod
    def fit(cls, table: Table, names: Iterable[str], rows: NDArray[Any]) -> tuple[Preprocessor, list[str]]:
        """Learn from the given rows of the named columns; notes say which columns are left out, and why.

        Raises:
            DataError: a number is infinite, or no column is left.
        """
        features: list[Feature] = []
        notes = []
        for name in names:
            feature = fit_number(table, name, rows) if table.is_numeric(name) else fit_text(table, name, rows)
            if isinstance(feature, str):
                notes.append(f"column {name!r} left out: {feature}")
            else:
                features.append(feature)
        if not features:
            raise DataError(f"{table.source}: no column is left to learn from; " + ("; ".join(notes)))
        return cls(tuple(features)), notes

    @property
    def width(self) -> int:
        """How many inputs the network has."""
        return sum(feature.width for feature in self.features)

    def transform(self, table: Table) -> tuple[NDArray[Any], list[str]]:
        """The network's inputs (n, width) in float32, and notes on what was filled in or unknown.

        Raises:
            DataError: a column is missing, infinite somewhere, or text where it was numbers in training.
        """
        blocks, notes = [], []
        for feature in self.features:
            block, remarks = feature.encode(table)
            blocks.append(block.astype(np.float32))
            notes += remarks
        return np.concatenate(blocks, axis=1), notes

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data that ``from_dict`` reads."""
        kinds = {NumberFeature: "number", TextFeature: "text"}
        return {"features": [{"kind": kinds[type(feature)], **asdict(feature)} for feature in self.features]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Preprocessor:
        """The preprocessor that ``to_dict`` described."""
        features: list[Feature] = []
        for entry in data["features"]:
            if entry["kind"] == "number":
                features.append(NumberFeature(entry["name"], entry["mean"], entry["scale"], entry["fill"]))
            else:
                features.append(TextFeature(entry["name"], tuple(entry["categories"])))
        return cls(tuple(features))


def fit_number(table: Table, name: str, rows: NDArray[Any]) -> NumberFeature | str:
    """The column's mean, standard deviation and median over ``rows``, or why it says nothing."""
    require_finite(table, name)
    values = table.column(name)[rows]
    values = values[~np.isnan(values)]
    if not values.size:
        return "it is empty in the training rows"
    if values.min() == values.max():
        return f"it is {values[0]:g} in every training row"
    mean, scale = mean_and_scale(table, name, values)
    return NumberFeature(name, mean, scale, float(np.median(values)))


def mean_and_scale(table: Table, name: str, values: NDArray[Any]) -> tuple[float, float]:
    """Mean and standard deviation, refused where they overflow."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        mean, scale = float(values.mean()), float(values.std())
    if not (np.isfinite(mean) and np.isfinite(scale) and scale > 0):
        largest = float(np.abs(values).max())
        raise DataError(
            f"{table.source}: the numbers in column {name!r} (up to {largest:.3g}) are too large or too close together "
            "to be standardised; rescale the column"
        )
    return mean, scale


def standardise(table: Table, name: str, values: NDArray[Any], mean: float, scale: float) -> NDArray[Any]:
    """(values - mean) / scale as a column (n, 1) of float32, refused where a value is absurdly far from the mean."""
    with np.errstate(over="ignore"):
        standard = (values - mean) / scale
    far = np.abs(standard) > FAR
    if far.any():
        row = int(far.argmax())
        raise DataError(
            f"{table.source}: column {name!r} holds {values[row]:g} in {place(table, row)}, more than {FAR:g} standard "
            "deviations from the mean in training; correct the cell, or leave it empty"
        )
    return standard.astype(np.float32)[:, None]


def fit_text(table: Table, name: str, rows: NDArray[Any]) -> TextFeature | str:
    """The column's categories over ``rows``, or why it says nothing."""
    texts = as_text(table, name)
    different = len(set(texts))
    if different > MAX_CATEGORIES:
        return f"{different:,} different texts are more than {MAX_CATEGORIES}"
    if different > MIN_IDENTIFIER and different > len(texts) / 2:
        return f"{different:,} different texts in {len(texts):,} rows look like an identifier"
    categories = tuple(sorted({texts[i] for i in rows}))
    if len(categories) < 2:
        return f"it is {categories[0]!r} in every training row"
    return TextFeature(name, categories)


def as_text(table: Table, name: str) -> list[str]:
    """The column's cells as texts: whole numbers without a point, missing cells as ``missing``."""
    return [number_text(cell) if isinstance(cell, float) else cell or MISSING for cell in table.column(name).tolist()]


def number_text(value: float) -> str:
    """A number as a class or category is called.

    >>> number_text(3.0), number_text(0.5), number_text(float("nan"))
    ('3', '0.5', 'missing')
    """
    if np.isnan(value):
        return MISSING
    return str(int(value)) if np.isfinite(value) and value == int(value) else repr(value)


def open_table(path: Path) -> Table:
    """The table in a file; a file that can't be opened is a DataError that names it, or one with a similar name."""
    if not path.exists():
        near = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
        close = difflib.get_close_matches(path.name, ["digits", *near], n=1)
        raise DataError(f"there is no file {path}" + (f"; did you mean {close[0]}?" if close else ""))
    try:
        return read_table(path)
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}") from None


def require_finite(table: Table, name: str) -> None:
    """Refuse a column with an infinite number, naming the column and the row."""
    infinite = np.isinf(table.column(name)) if table.is_numeric(name) else np.zeros(1, bool)
    if infinite.any():
        row = int(infinite.argmax())
        raise DataError(
            f"{table.source}: column {name!r} holds an infinite number in {place(table, row)}; "
            "leave the cell empty if the value is unknown"
        )


def place(table: Table, row: int) -> str:
    """Where a row is, counted from 1 below the header."""
    return f"data row {row + 1}"


def some(texts: Sequence[str], limit: int = 3) -> str:
    """The first few texts, quoted."""
    return ", ".join(map(repr, texts[:limit])) + (", …" if len(texts) > limit else "")


def _is_number(cell: str | None) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


def _of_rows(mask: NDArray[Any]) -> str:
    return f"{int(mask.sum()):,} of {len(mask):,} values"
