"""MNIST's file format."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.datasets import IDXDataset, read_idx
from thalweg.errors import DataError

IMAGES = np.arange(24, dtype=np.uint8).reshape(4, 2, 3) * 11
LABELS = np.array([3, 0, 9, 3], np.uint8)
CODES = {"u1": 8, "i1": 9, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx(array: np.ndarray[Any, Any], dtype: str = "u1") -> bytes:
    header = bytes([0, 0, CODES[dtype], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(f">{dtype}").tobytes()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_all_types_plain_and_packed(tmp_path: Path, dtype: str, pack: Any) -> None:
    array = np.array([[1, 2, 100], [0, 3, 7]]).astype(dtype)
    if dtype != "u1":
        array = -array
    read = read_idx(write(tmp_path / "a", pack(idx(array, dtype))))
    assert read.dtype == np.dtype(dtype)
    assert read.dtype.isnative
    assert read.flags.writeable
    np.testing.assert_array_equal(read, array)


def test_an_array_without_elements(tmp_path: Path) -> None:
    assert read_idx(write(tmp_path / "a", idx(np.zeros((0, 28, 28))))).shape == (0, 28, 28)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "starts with 4 bytes of magic number, this one holds 0"),
        (b"\x00\x00\x08", "this one holds 3"),
        (b"\x89PNG....", "not an IDX file: it must start with two zero bytes"),
        (b"\x00\x00\x0a\x01\x00\x00\x00\x00", "the IDX type 0x0a is unknown; the types are 0x08, 0x09"),
        (b"\x00\x00\x08\x00", "has no dimensions"),
        (b"\x00\x00\x08\x03\x00\x00\x00\x02", "its header must hold the sizes of 3 dimensions"),
        (idx(IMAGES)[:-1], r"cut short: an array of shape \(4, 2, 3\) and type uint8 takes 24 bytes, 23 follow"),
        (idx(IMAGES) + b"xy", "has data after its end: .* takes 24 bytes, 26 follow"),
        (b"\x00\x00\x0e\x03" + b"\xff" * 12 + b"data", "cut short: .* 4 follow"),
        (gzip.compress(idx(IMAGES), mtime=0)[:-4], "the gzip file is damaged or cut short"),
        (b"\x1f\x8bnot gzip at all", "the gzip file is damaged or cut short"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=f"some-images.*{message}"):
        read_idx(write(tmp_path / "some-images", content))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        read_idx(tmp_path / "nothing")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return write(tmp_path / "images", idx(IMAGES)), write(tmp_path / "labels", idx(LABELS))


def test_images_and_labels(pair: tuple[Path, Path]) -> None:
    data = IDXDataset(*pair)
    np.testing.assert_array_equal(data.x.numpy(), IMAGES.reshape(4, 6).astype(np.float32) / np.float32(255))
    assert data.y.tolist() == [3, 0, 9, 3]
    assert (data.x.dtype, data.y.dtype, len(data)) == (tw.float32, tw.int64, 4)
    square = IDXDataset(*pair, flatten=False, normalize=False)
    np.testing.assert_array_equal(square.x.numpy(), IMAGES[:, None].astype(np.float32))


def test_only_bytes_are_normalized(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    images = write(tmp_path / "f", idx(IMAGES / 2, "f8"))
    np.testing.assert_array_equal(IDXDataset(images, pair[1]).x.numpy(), IMAGES.reshape(4, 6) / 2)


def test_files_that_do_not_belong_together(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    with pytest.raises(DataError, match=r"holds 4 samples, .* holds 3 labels"):
        IDXDataset(pair[0], write(tmp_path / "three", idx(LABELS[:3])))
    with pytest.raises(DataError, match=r"labels are integers in one dimension, these are uint8 of shape \(4, 2, 3\)"):
        IDXDataset(pair[0], pair[0])
    with pytest.raises(DataError, match="these are float32"):
        IDXDataset(pair[0], write(tmp_path / "floats", idx(LABELS, "f4")))
    with pytest.raises(DataError, match=r"two dimensions or more, these have shape \(4,\)"):
        IDXDataset(pair[1], pair[1])


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("sign", ["-", "."])
def test_a_folder_with_mnist_s_names(tmp_path: Path, sign: str, ending: str) -> None:
    pack = gzip.compress if ending else bytes
    for prefix, n in (("train", 4), ("t10k", 2)):
        write(tmp_path / f"{prefix}-images{sign}idx3-ubyte{ending}", pack(idx(IMAGES[:n])))
        write(tmp_path / f"{prefix}-labels{sign}idx1-ubyte{ending}", pack(idx(LABELS[:n])))
    assert len(IDXDataset.from_folder(tmp_path)) == 4
    assert IDXDataset.from_folder(tmp_path, "test", flatten=False).x.shape == (2, 1, 2, 3)


def test_a_folder_without_them(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"{tmp_path}: there is no file train-images-idx3-ubyte"):
        IDXDataset.from_folder(tmp_path)
    with pytest.raises(DataError, match="split must be 'train' or 'test', not 'all'"):
        IDXDataset.from_folder(tmp_path, "all")
