"""State dicts as safetensors files: names, shapes, dtypes and raw numbers. Loading one runs no code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..core.tensor import Tensor, wrap
from ..errors import DataError, DtypeError
from .atomic import write_atomically

__all__ = ["load_file", "load_metadata", "save_file"]


def save_file(tensors: Mapping[str, Tensor], filename: str | Path, metadata: dict[str, str] | None = None) -> None:
    """Write tensors to a safetensors file, atomically: the name shows the old file or the whole new one.

    Args:
        tensors: name to tensor, such as ``model.state_dict()``. Views and parameters are written as plain arrays.
        filename: the file; an existing one is replaced.
        metadata: text by name, kept in the file's header.

    Raises:
        DtypeError: a value is not a Tensor, or its name not text.
        OSError: the file can't be written.

    >>> import pathlib, tempfile
    >>> import thalweg as tw
    >>> from thalweg.io import load_file, save_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "weights.safetensors")
    ...     save_file({"w": tw.tensor([1.0, 2.0])}, path)
    ...     load_file(path)
    {'w': tensor([1., 2.])}
    """
    from safetensors.numpy import save

    arrays = {}
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise DtypeError(
                f"save_file: expects text to Tensor, got {name!r} to {type(tensor).__name__}; "
                "leave out what is not a tensor"
            )
        arrays[name] = np.asarray(tensor._value, order="C")
    write_atomically(filename, save(arrays, metadata=metadata))


def load_file(filename: str | Path) -> dict[str, Tensor]:
    """The tensors in a safetensors file, by name and in the order of the names, with memory of their own.

    Raises:
        DataError: the file is not a whole safetensors file, or holds a dtype that thalweg has not.
        OSError: the file can't be opened.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    content = Path(filename).read_bytes()
    try:
        arrays = load(content)
    except (SafetensorError, KeyError, ValueError) as error:
        raise DataError(f"{filename}: this is not a safetensors file that can be read ({error})") from None
    return {name: wrap(native(filename, name, array)) for name, array in sorted(arrays.items())}


def load_metadata(filename: str | Path) -> dict[str, str]:
    """The texts by name that a safetensors file keeps in its header; an empty dictionary if there are none.

    Raises:
        DataError: the file is not a whole safetensors file.
        OSError: the file can't be opened.
    """
    try:
        return read_metadata(Path(filename).read_bytes())
    except ValueError as error:
        raise DataError(f"{filename}: this is not a safetensors file that can be read ({error})") from None


def read_metadata(content: bytes) -> dict[str, str]:
    """The metadata in the bytes of a safetensors file: a length, a header in JSON, the numbers."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    return dict(header.get("__metadata__", {}))


def native(filename: str | Path, name: str, array: np.ndarray) -> np.ndarray:
    """An array of a file as a tensor's value, or an error that names it."""
    from ..core.dtypes import as_numpy_dtype

    try:
        return np.array(array, as_numpy_dtype(array.dtype))
    except DtypeError as error:
        raise DataError(f"{filename}: the tensor {name!r} can't be loaded: {error}") from None
