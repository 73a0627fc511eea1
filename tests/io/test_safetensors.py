"""Saving and loading state dicts."""

import json
import os
import struct

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import DataError, DtypeError
from thalweg.io import load_file, save_file, write_atomically


def test_the_file_has_the_published_layout(tmp_path):
    """A length, a JSON header, then the numbers little-endian: the format's specification, read by hand."""
    path = tmp_path / "w.safetensors"
    save_file({"w": tw.tensor([[1.0, 2.0], [3.0, 4.0]])}, path, metadata={"by": "test"})
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    assert header["__metadata__"] == {"by": "test"}
    assert header["w"]["dtype"] == "F32"
    assert header["w"]["shape"] == [2, 2]
    start, end = header["w"]["data_offsets"]
    assert struct.unpack("<4f", raw[8 + length :][start:end]) == (1.0, 2.0, 3.0, 4.0)


@pytest.mark.parametrize(
    "dtype", [tw.float16, tw.float32, tw.float64, tw.uint8, tw.int8, tw.int16, tw.int32, tw.int64, tw.bool]
)
def test_every_dtype_and_corner_shape_comes_back(tmp_path, dtype):
    tensors = {
        "scalar": tw.tensor(1).to(dtype),
        "empty": tw.zeros(0, 3).to(dtype),
        "matrix": tw.tensor([[0, 1, 1], [1, 0, 1]]).to(dtype),
    }
    save_file(tensors, tmp_path / "t.safetensors")
    loaded = load_file(tmp_path / "t.safetensors")
    assert set(loaded) == set(tensors)
    for name, tensor in tensors.items():
        assert loaded[name].dtype is dtype
        np.testing.assert_array_equal(loaded[name].numpy(), tensor.numpy(), strict=True)


def test_special_numbers_keep_their_bits(tmp_path):
    values = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45], np.float32)
    save_file({"x": tw.from_numpy(values)}, tmp_path / "x.safetensors")
    assert load_file(tmp_path / "x.safetensors")["x"].numpy().tobytes() == values.tobytes()


def test_views_are_saved_in_their_own_order(tmp_path):
    base = tw.arange(6).view(2, 3)
    save_file({"t": base.t(), "column": base[:, 1], "backwards": tw.arange(12).view(3, 4)[::2]}, tmp_path / "v")
    loaded = load_file(tmp_path / "v")
    assert loaded["t"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert loaded["column"].tolist() == [1, 4]
    assert loaded["backwards"].tolist() == [[0, 1, 2, 3], [8, 9, 10, 11]]


def test_loaded_tensors_can_be_written_to(tmp_path):
    save_file({"x": tw.zeros(3)}, tmp_path / "x")
    x = load_file(tmp_path / "x")["x"]
    x += 1
    assert x.tolist() == [1, 1, 1]


def test_a_value_that_is_no_tensor_is_named(tmp_path):
    with pytest.raises(DtypeError, match="'step' to int"):
        save_file({"step": 3}, tmp_path / "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40, struct.pack("<Q", 2) + b"{}" + b"x"])
def test_a_damaged_file_is_a_data_error(tmp_path, content):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.safetensors: this is not a safetensors file"):
        load_file(tmp_path / "x.safetensors")


def test_a_file_cut_short_is_a_data_error(tmp_path):
    save_file({"x": tw.zeros(100)}, tmp_path / "x")
    whole = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(whole[:-1])
    with pytest.raises(DataError):
        load_file(tmp_path / "x")


def test_a_dtype_that_thalweg_has_not_is_named(tmp_path):
    from safetensors.numpy import save_file as save_numpy

    save_numpy({"x": np.zeros(2, np.uint32)}, tmp_path / "x")
    with pytest.raises(DataError, match=r"'x'.*uint32"):
        load_file(tmp_path / "x")


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_file(tmp_path / "none")


# -- atomic writing ---------------------------------------------------------------------------------------


def test_text_and_bytes_are_written(tmp_path):
    write_atomically(tmp_path / "a", "grün\n")
    write_atomically(str(tmp_path / "b"), b"\x00\x01")
    assert (tmp_path / "a").read_bytes() == b"gr\xc3\xbcn\n"
    assert (tmp_path / "b").read_bytes() == b"\x00\x01"


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, error, step):
    path = tmp_path / "f"
    path.write_text("old")

    def fail(*args):
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_new_file_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "f", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o640


def test_a_missing_folder_is_the_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "none" / "f", "x")
