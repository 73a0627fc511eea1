"""IDX, the file format of MNIST: a magic number, the sizes, and the elements, all big-endian."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.tensor import Tensor, wrap
from ..errors import DataError
from ..utils.data import TensorDataset
from .files import read_bytes

__all__ = ["IDXDataset", "read_idx"]

_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_PREFIXES = {"train": "train", "test": "t10k"}


def read_idx(path: str | Path) -> NDArray[Any]:
    """The array in an IDX file, plain or gzipped, in the machine's byte order.

    The file is two zero bytes, one for the type, one for the number of dimensions, a 32-bit size for each of them,
    then the elements.

    Raises:
        DataError: not an IDX file, an unknown type, or shorter or longer than its header says.
        OSError: the file can't be opened.
    """
    raw = read_bytes(path)
    dtype, shape = _header(path, raw)
    start = 4 + 4 * len(shape)
    expected = math.prod(shape) * dtype.itemsize  # a Python int: the product of hostile sizes does not overflow
    found = len(raw) - start
    if found != expected:
        problem = "is cut short" if found < expected else "has data after its end"
        raise DataError(
            f"{path}: the IDX file {problem}: an array of shape {shape} and type {dtype.newbyteorder('=')} takes "
            f"{expected} bytes, {found} follow the header"
        )
    return np.frombuffer(raw, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def _header(path: str | Path, raw: bytes) -> tuple[np.dtype[Any], tuple[int, ...]]:
    if len(raw) < 4:
        raise DataError(f"{path}: an IDX file starts with 4 bytes of magic number, this one holds {len(raw)} in all")
    zero, code, ndim = struct.unpack_from(">HBB", raw)
    if zero != 0:
        raise DataError(f"{path}: this is not an IDX file: it must start with two zero bytes, not with {raw[:4]!r}")
    if code not in _DTYPES:
        known = ", ".join(f"0x{c:02x}" for c in _DTYPES)
        raise DataError(f"{path}: the IDX type 0x{code:02x} is unknown; the types are {known}")
    if ndim == 0:
        raise DataError(f"{path}: the IDX file has no dimensions, so it holds no samples")
    if len(raw) < 4 + 4 * ndim:
        raise DataError(f"{path}: the IDX file is cut short: its header must hold the sizes of {ndim} dimensions")
    return np.dtype(_DTYPES[code]), struct.unpack_from(f">{ndim}I", raw, 4)


class IDXDataset(TensorDataset):
    """Images and labels from a pair of IDX files, such as MNIST's and Fashion-MNIST's.

    Args:
        images: path of the samples, of two dimensions or more, the first of which counts them.
        labels: path of the labels, integers in one dimension.
        flatten: x has one row for each sample; otherwise images keep their shape and get a channel axis,
            (n, 1, height, width), as convolutions take it.
        normalize: divide uint8 values by 255. Other types keep their values. x is float32 in any case.

    Attributes:
        x: the images.
        y: the labels, int64 of shape (n,).

    Raises:
        DataError: a damaged file (see ``read_idx``), or files that do not belong together.

    >>> import pathlib, struct, tempfile
    >>> from thalweg.datasets import IDXDataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     images, labels = pathlib.Path(folder, "images"), pathlib.Path(folder, "labels")
    ...     _ = images.write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 1, 2) + bytes([0, 255, 51, 0]))
    ...     _ = labels.write_bytes(bytes([0, 0, 8, 1]) + struct.pack(">I", 2) + bytes([7, 3]))
    ...     data = IDXDataset(images, labels)
    >>> data.x, data.y
    (tensor([[0.0000, 1.0000],
            [0.2000, 0.0000]]), tensor([7, 3]))
    """

    def __init__(self, images: str | Path, labels: str | Path, flatten: bool = True, normalize: bool = True) -> None:
        samples, targets = read_idx(images), read_idx(labels)
        if samples.ndim < 2:
            raise DataError(f"{images}: samples have two dimensions or more, these have shape {samples.shape}")
        if targets.ndim != 1 or targets.dtype.kind not in "iu":
            raise DataError(
                f"{labels}: labels are integers in one dimension, these are {targets.dtype} of shape {targets.shape}"
            )
        if len(samples) != len(targets):
            raise DataError(f"{images} holds {len(samples)} samples, {labels} holds {len(targets)} labels")
        x = samples.astype(np.float32)
        if normalize and samples.dtype == np.uint8:
            x /= 255
        if flatten:
            x = x.reshape(len(x), math.prod(x.shape[1:]))
        elif x.ndim == 3:
            x = x[:, None]
        super().__init__(wrap(x), wrap(targets.astype(np.int64)))

    @classmethod
    def from_folder(
        cls, folder: str | Path, split: str = "train", flatten: bool = True, normalize: bool = True
    ) -> IDXDataset:
        """The pair with MNIST's names in a folder: ``train-…`` or, for ``split="test"``, ``t10k-…``.

        The names are ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte``, with ``.`` for the last ``-`` but
        one too, plain or with ``.gz``.

        Raises:
            DataError: no such split, or a file is missing.
        """
        if split not in _PREFIXES:
            raise DataError(f"IDXDataset: split must be 'train' or 'test', not {split!r}")
        prefix = _PREFIXES[split]
        images = _find(Path(folder), f"{prefix}-images", "idx3-ubyte")
        labels = _find(Path(folder), f"{prefix}-labels", "idx1-ubyte")
        return cls(images, labels, flatten, normalize)

    @property
    def x(self) -> Tensor:
        """The images."""
        return self.tensors[0]

    @property
    def y(self) -> Tensor:
        """The labels."""
        return self.tensors[1]


def _find(folder: Path, stem: str, ending: str) -> Path:
    for name in (f"{stem}-{ending}", f"{stem}.{ending}"):
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    raise DataError(f"{folder}: there is no file {stem}-{ending} or {stem}-{ending}.gz in it")
