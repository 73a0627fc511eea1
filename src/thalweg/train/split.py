"""Which rows a network learns from, and which are held out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..ops.random import Generator

__all__ = ["split_rows"]


def split_rows(labels: NDArray[Any], counts: Sequence[int], generator: Generator) -> list[NDArray[Any]]:
    """Rows to train on, then rows for each held-out part of the given size, each in ascending order.

    The held-out parts are stratified: the rows, shuffled and then sorted by label, are picked at even distances, so
    every part has each label nearly as often as its size demands. One row of each label always stays for training.
    Give equal labels to rows that are all alike.

    >>> labels = np.repeat([0, 1], [80, 20])
    >>> train, test = split_rows(labels, [10], Generator().manual_seed(0))
    >>> len(train), np.bincount(labels[test])
    (90, array([8, 2]))

    Raises:
        DataError: there are too few rows.
    """
    shuffled = generator.permutation(len(labels))
    ordered = shuffled[np.argsort(labels[shuffled], kind="stable")]
    first = np.r_[True, labels[ordered][1:] != labels[ordered][:-1]]
    spare = ordered[~first]
    total = sum(counts)
    if len(spare) < total:
        raise DataError(
            f"{len(labels)} rows in {int(first.sum())} classes are too few: {total} are held out, "
            "and one of each class stays for training"
        )
    picks = ((np.arange(total) + 0.5) * len(spare) / total).astype(np.int64)
    # Part k takes every pick whose turn falls to it: turns are dealt in proportion to the sizes.
    turns = np.concatenate([(np.arange(n) + 0.5) / n for n in counts])
    owner = np.repeat(np.arange(len(counts)), counts)[np.argsort(turns, kind="stable")]
    parts = [np.sort(spare[picks[owner == k]]) for k in range(len(counts))]
    train = np.setdiff1d(np.arange(len(labels)), np.concatenate(parts))
    return [train, *parts]
