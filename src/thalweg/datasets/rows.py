"""Tables as data sets: numbers in, a number or a class out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.tensor import Tensor, wrap
from ..errors import DataError
from ..utils.data import TensorDataset
from .tables import Table, read_table

__all__ = ["TableDataset"]


class TableDataset(TensorDataset):
    """The rows of a table whose features are numbers.

    A target of text, or any target with ``classify=True``, becomes classes: its sorted distinct values are numbered.
    A target of numbers stays what it is. Nothing is scaled, filled in or left out; ``thalweg train`` does that.

    Args:
        table: a ``Table``, or the path of one for ``read_table``.
        target: the column to predict; None for a data set of features alone.
        features: the columns to predict it from; all others if None.
        classify: take a numeric target for classes.

    Attributes:
        x: float32 of shape (rows, features).
        y: int64 of shape (rows,) for classes, float32 of shape (rows, 1) for numbers, as a network with one output
            gives them; None without a target.
        features: the names of x's columns; target: the name of y's.
        classes: the distinct values of y, or None for numbers.

    Raises:
        DataError: no such column, no feature columns, the target among the features, a feature of text, or a column
            with missing values.

    >>> import numpy as np
    >>> from thalweg.datasets import Table, TableDataset
    >>> table = Table({"height": np.array([1.5, 0.2]), "kind": np.array(["fern", "moss"], object)})
    >>> data = TableDataset(table, target="kind")
    >>> data.x, data.y, data.classes
    (tensor([[1.5000],
            [0.2000]]), tensor([0, 1]), ['fern', 'moss'])
    """

    features: list[str]
    target: str | None
    classes: list[Any] | None

    def __init__(
        self,
        table: Table | str | Path,
        target: str | None = None,
        features: Sequence[str] | None = None,
        classify: bool = False,
    ) -> None:
        if not isinstance(table, Table):
            table = read_table(table)
        self.features = [name for name in table.names if name != target] if features is None else list(features)
        self.target = target
        self.classes = None
        if not self.features or target in self.features:
            raise DataError(f"{table.source}: the features must be other columns than the target {target!r}")
        for name in self.features:
            if not table.is_numeric(name):
                raise DataError(f"{table.source}: the feature {name!r} is text; leave it out or encode it as numbers")
        x = np.stack([_complete(table, name) for name in self.features], axis=1).astype(np.float32)
        if target is None:
            super().__init__(wrap(x))
            return
        super().__init__(wrap(x), wrap(self._encode(_complete(table, target), classify)))

    def _encode(self, column: NDArray[Any], classify: bool) -> NDArray[Any]:
        if column.dtype == np.float64 and not classify:
            return column.astype(np.float32)[:, None]
        values, numbers = np.unique(column, return_inverse=True)
        self.classes = values.tolist()
        return numbers.astype(np.int64)

    @property
    def x(self) -> Tensor:
        """The features."""
        return self.tensors[0]

    @property
    def y(self) -> Tensor | None:
        """The target, if there is one."""
        return self.tensors[1] if self.target is not None else None


def _complete(table: Table, name: str) -> NDArray[Any]:
    missing = np.flatnonzero(table.is_missing(name))
    if len(missing):
        raise DataError(
            f"{table.source}: column {name!r} has {len(missing)} missing values, the first in row {missing[0] + 1}; "
            "fill them in or leave those rows out"
        )
    return table.column(name)
