"""Checkpoints that ``torch.load`` reads, its ``weights_only=True`` included."""

from __future__ import annotations

import struct
import sys
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core.device import device
from ..core.dtypes import dtype
from ..core.tensor import Size, Tensor
from ..errors import SerializationError
from ..nn.parameter import Parameter
from .files import File, writing
from .sharing import Place, place_arrays
from .walk import Walk, tensors_in

__all__ = ["save_torch"]

_STORAGES = {
    "float16": "Half", "float32": "Float", "float64": "Double", "uint8": "Byte", "int8": "Char", "int16": "Short",
    "int32": "Int", "int64": "Long", "bool": "Bool",
}  # fmt: skip


def save_torch(obj: Any, f: File) -> None:
    """Write a checkpoint for PyTorch: ``torch.load(f)`` gives ``obj`` with PyTorch's tensors in it.

    ``obj`` is a ``state_dict`` or any structure of dictionaries, lists, tuples, sets, tensors, parameters, numbers,
    strings, bytes, None, dtypes, sizes and devices. Tensors that share memory share it there. A path shows the old
    file or the whole new one.

    Args:
        obj: what to write.
        f: a path, or a file opened in binary mode.

    Raises:
        SerializationError: something in ``obj`` can't be written, which the message names with its place.
        OSError: the file can't be written.

    >>> import io, zipfile
    >>> import thalweg as tw
    >>> from thalweg.io import save_torch
    >>> file = io.BytesIO()
    >>> save_torch(tw.nn.Linear(2, 1).state_dict(), file)
    >>> zipfile.ZipFile(file).namelist()
    ['archive/data.pkl', 'archive/byteorder', 'archive/data/0', 'archive/data/1', 'archive/version']
    """
    tensors = tensors_in(obj, "save_torch")
    storages, places = place_arrays([np.asarray(x._value) for x in tensors])
    pickle = _PickleWriter({id(x): place for x, place in zip(tensors, places, strict=True)}, storages).pickle(obj)
    with writing(f, "save_torch") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", pickle)
        archive.writestr("archive/byteorder", sys.byteorder)
        for i, storage in enumerate(storages):
            archive.writestr(f"archive/data/{i}", storage.tobytes())
        archive.writestr("archive/version", "3\n")


class _PickleWriter(Walk):
    """Writes the opcodes of protocol 2 that PyTorch's reader knows."""

    def __init__(self, places: dict[int, Place], storages: list[Any]) -> None:
        super().__init__("save_torch")
        self.places = places
        self.storages = storages
        self.parts: list[bytes] = []
        self.memo: dict[Any, int] = {}

    def pickle(self, obj: Any) -> bytes:
        """The whole pickle."""
        self.parts = [b"\x80\x02"]
        self.visit(obj)
        return b"".join([*self.parts, b"."])

    # -- plain values -------------------------------------------------------------------------------------

    def none(self) -> None:
        self.parts.append(b"N")

    def boolean(self, x: bool) -> None:
        self.parts.append(b"\x88" if x else b"\x89")

    def integer(self, x: int) -> None:
        if -(2**31) <= x < 2**31:
            self.parts.append(b"J" + struct.pack("<i", x))
            return
        content = x.to_bytes((x.bit_length() // 8) + 1, "little", signed=True)
        if len(content) > 255:
            raise SerializationError(f"save_torch: the integer at {self.place()} has more than 2000 bits")
        self.parts.append(b"\x8a" + bytes([len(content)]) + content)

    def number(self, x: float) -> None:
        self.parts.append(b"G" + struct.pack(">d", x))

    def text(self, x: str) -> None:
        content = x.encode("utf-8", "surrogatepass")
        self.parts.append(b"X" + struct.pack("<I", len(content)) + content)

    def binary(self, x: bytes) -> None:
        self.call("_codecs encode", [x.decode("latin1"), "latin1"])

    # -- containers ---------------------------------------------------------------------------------------

    def mapping(self, x: dict[Any, Any], items: Iterable[tuple[Any, Any]]) -> None:
        if type(x) is OrderedDict:
            self.call("collections OrderedDict", [])
        elif type(x) is Counter:
            self.call("collections Counter", [{}])
        else:
            self.parts.append(b"}")
        self.parts.append(b"(")
        for key, value in items:
            self.visit(key)
            self.inside(key, value)
        self.parts.append(b"u")
        metadata = getattr(x, "_metadata", None)
        if metadata is not None:
            self.visit({"_metadata": metadata})
            self.parts.append(b"b")

    def sequence(self, x: Any) -> None:
        if isinstance(x, Size):
            self.call("torch Size", [tuple(x)])
        elif isinstance(x, (set, frozenset)):
            self.call("__builtin__ set", [list(x)])
        elif isinstance(x, tuple):
            self.parts.append(b"(")
            self.items(x)
            self.parts.append(b"t")
        else:
            self.parts.append(b"](")
            self.items(x)
            self.parts.append(b"e")

    def items(self, x: Iterable[Any]) -> None:
        for i, item in enumerate(x):
            self.inside(i, item)

    # -- what PyTorch knows -------------------------------------------------------------------------------

    def known(self, x: Any) -> bool:
        if isinstance(x, dtype):
            self.name(f"torch {x.name}")
        elif isinstance(x, device):
            self.call("torch device", [str(x)])
        else:
            return False
        return True

    def tensor(self, x: Tensor) -> None:
        key = id(x)
        if key in self.memo:
            self.parts.append(b"j" + struct.pack("<I", self.memo[key]))
            return
        if isinstance(x, Parameter):
            self.name("torch._utils _rebuild_parameter")
            self.parts.append(b"(")
            self.rebuilt(x, False)
            self.boolean(x.requires_grad)
            self.call("collections OrderedDict", [])
            self.parts.append(b"tR")
        else:
            self.rebuilt(x, x.requires_grad)
        self.keep(key)

    def rebuilt(self, x: Tensor, requires_grad: bool) -> None:
        """A call of PyTorch's function that makes a tensor of a place in a storage."""
        place = self.places[id(x)]
        self.name("torch._utils _rebuild_tensor_v2")
        self.parts.append(b"((")
        self.text("storage")
        self.name(f"torch {_STORAGES[x.dtype.name]}Storage")
        self.text(str(place.storage))
        self.text("cpu")
        self.integer(self.storages[place.storage].size)
        self.parts.append(b"tQ")
        self.integer(place.offset)
        self.visit(place.shape)
        self.visit(place.strides)
        self.boolean(requires_grad)
        self.call("collections OrderedDict", [])
        self.parts.append(b"tR")

    def call(self, name: str, arguments: list[Any]) -> None:
        self.name(name)
        self.parts.append(b"(")
        self.items(arguments)
        self.parts.append(b"tR")

    def name(self, name: str) -> None:
        """A global, by its module and its name."""
        if name in self.memo:
            self.parts.append(b"j" + struct.pack("<I", self.memo[name]))
            return
        self.parts.append(b"c" + name.replace(" ", "\n").encode() + b"\n")
        self.keep(name)

    def keep(self, key: Any) -> None:
        self.memo[key] = len(self.memo)
        self.parts.append(b"r" + struct.pack("<I", self.memo[key]))
