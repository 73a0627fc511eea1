"""The digits inside the package."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

import thalweg as tw
from thalweg.datasets import Digits
from thalweg.errors import DataError
from thalweg.utils.data import DataLoader


def test_sizes_and_dtypes() -> None:
    everything, train, test = Digits(None), Digits("train"), Digits("test")
    assert (len(everything), len(train), len(test)) == (1797, 1437, 360)
    assert (train.x.dtype, train.y.dtype) == (tw.float32, tw.int64)
    assert train.x.shape == (1437, 64)
    assert Digits("test", flatten=False).x.shape == (360, 1, 8, 8)
    assert (everything.x.min().item(), everything.x.max().item()) == (0.0, 1.0)
    assert train.classes == list("0123456789")


def test_published_numbers() -> None:
    data = Digits(None, normalize=False)
    # The counts of each digit in the UCI repository's description of the test set (optdigits.names).
    assert np.bincount(data.y.numpy()).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    # Its first line: a zero.
    assert data.x[0].reshape(8, 8)[:2].tolist() == [[0, 0, 5, 13, 9, 1, 0, 0], [0, 0, 13, 15, 10, 15, 5, 0]]
    assert data.y[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    np.testing.assert_array_equal(Digits(None).x.numpy() * 16, data.x.numpy())


def test_the_split_is_a_stratified_partition_in_order() -> None:
    everything, train, test = (Digits(split, normalize=False) for split in (None, "train", "test"))
    rows = [list(map(bytes, d.x.numpy().astype(np.uint8))) for d in (everything, train, test)]
    assert sorted(rows[1] + rows[2]) == sorted(rows[0])
    assert [r for r in rows[0] if r in set(rows[2])] == rows[2]
    shares = np.bincount(test.y.numpy()) - np.bincount(everything.y.numpy()) / 5
    assert (abs(shares) < 1).all()
    labels = everything.y.tolist()
    by_digit = [i for digit in range(10) for i, label in enumerate(labels) if label == digit]
    assert test.y.tolist() == [labels[i] for i in sorted(by_digit[::5])]


def test_in_a_loader() -> None:
    x, y = next(iter(DataLoader(Digits("train"), batch_size=32, shuffle=True)))
    assert (x.shape, y.shape) == ((32, 64), (32,))


def test_no_such_split() -> None:
    with pytest.raises(DataError, match="split must be 'train', 'test' or None, not 'valid'"):
        Digits("valid")


def test_the_file_is_small_and_names_its_licence() -> None:
    folder = resources.files("thalweg.datasets").joinpath("data")
    assert len(folder.joinpath("digits.npz").read_bytes()) < 100_000
    note = folder.joinpath("README.md").read_text("utf-8")
    assert "10.24432/C50P49" in note
    assert "CC BY 4.0" in note
