"""PyTorch's checkpoints, read without running any code from them."""

from __future__ import annotations

import io
import sys
import warnings
import zipfile
from typing import IO, Any

import numpy as np

from ..errors import SerializationError
from .files import File, describe, reading
from .pickle_machine import PickleMachine
from .torch_globals import GLOBALS, Storage, StorageKind, refuse, set_state

__all__ = ["LEGACY_START", "ZIP_START", "load_torch", "read_torch"]

Array = np.ndarray[Any, Any]

ZIP_START = b"PK\x03\x04"
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_START = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
_CHUNK = 1 << 24
_LITTLE = sys.byteorder == "little"


def load_torch(f: File) -> Any:
    """What ``torch.save`` has written, with thalweg's tensors in the place of PyTorch's.

    The file is data to this reader: tensors, dictionaries, lists, tuples, numbers, strings, NumPy arrays of numbers,
    dtypes, sizes and devices are built, and nothing that the file names is imported or called. Both formats of
    PyTorch are read, the zip archive and the older stream. Tensors that shared memory share it again; all arrive on
    the CPU. bfloat16 becomes float32, exactly, with a warning.

    Args:
        f: a path, or a file opened in binary mode.

    Raises:
        SerializationError: the file is damaged, is no checkpoint, or holds something else than the above, which the
            message names.
        OSError: the file can't be opened.

    >>> import io
    >>> import thalweg as tw
    >>> from thalweg.io import load_torch, save_torch
    >>> file = io.BytesIO()
    >>> save_torch({"weight": tw.tensor([1.0, 2.0]), "epoch": 3}, file)
    >>> _ = file.seek(0)
    >>> load_torch(file)
    {'weight': tensor([1., 2.]), 'epoch': 3}
    """
    with reading(f, "load_torch") as file:
        return read_torch(file, describe(f))


def read_torch(file: IO[bytes], name: str) -> Any:
    """``load_torch`` of an open file that can seek; ``name`` is what messages call it."""
    start = file.read(len(LEGACY_START))
    file.seek(0)
    try:
        if start.startswith(ZIP_START):
            reader: _Reader = _ZipReader(file)
        elif start == LEGACY_START:
            reader = _StreamReader(file)
        else:
            raise SerializationError(_what_else(start))
        result = reader.read()
    except SerializationError as error:
        raise SerializationError(f"load_torch: {name} can't be read: {error}") from None
    if reader.converted:
        warnings.warn(
            f"load_torch: {name} holds {reader.converted} storages of bfloat16, which are now float32", stacklevel=3
        )
    return result


def _what_else(start: bytes) -> str:
    if not start:
        return "it is empty"
    if start.startswith(b"\x80"):
        return "it is a pickle that torch.save has not written"
    return "it is neither a zip archive nor a stream of torch.save"


class _Reader:
    """What both formats have in common: storages by key, and the machine that meets them."""

    def __init__(self) -> None:
        self.converted = 0
        self.little = True
        self.storages: dict[tuple[str, StorageKind], Storage] = {}

    def read(self) -> Any:
        raise NotImplementedError

    def machine(self) -> PickleMachine:
        return PickleMachine(GLOBALS, self.storage, set_state, refuse)

    def storage(self, identity: Any) -> Storage:
        """The storage of a persistent id: ("storage", kind, key, location, number of elements)."""
        if not isinstance(identity, tuple) or len(identity) not in (5, 6) or identity[0] != "storage":
            raise SerializationError(f"it refers to {str(identity)[:80]!r}, which is no storage")
        _, kind, key, _, count = identity[:5]
        if not isinstance(kind, StorageKind) or not isinstance(key, str) or type(count) is not int or count < 0:
            raise SerializationError(f"storage {str(key)[:80]!r} has no dtype or no number of elements")
        if (key, kind) not in self.storages:
            self.storages[key, kind] = Storage(self.elements(key, kind, count), key)
            self.converted += kind.bfloat16
        return self.storages[key, kind]

    def elements(self, key: str, kind: StorageKind, count: int) -> Array:
        raise NotImplementedError

    def decoded(self, raw: Array, kind: StorageKind) -> Array:
        """The numbers that bytes stand for."""
        array = raw.view(kind.dtype)
        if self.little != _LITTLE:
            array = array.byteswap()
        return (array.astype(np.uint32) << np.uint32(16)).view(np.float32) if kind.bfloat16 else array


class _ZipReader(_Reader):
    """The zip archive: one pickle, and a record for each storage. Records are stored, never compressed."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        try:
            self.archive = zipfile.ZipFile(file)
            self.records = {info.filename: info for info in self.archive.infolist()}
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise SerializationError(f"the zip archive is damaged or cut short ({error})") from None
        self.left = file.seek(0, 2)  # the bytes that records may still hold: they can't overlap
        self.raw: dict[str, Array] = {}

    def read(self) -> Any:
        pickles = [name for name in self.records if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise SerializationError("the zip archive holds no data.pkl, so that torch.save has not written it")
        self.prefix = pickles[0].removesuffix("data.pkl")
        if f"{self.prefix}constants.pkl" in self.records:
            raise SerializationError("it is a TorchScript program, not a checkpoint; save its state_dict() in PyTorch")
        if f"{self.prefix}byteorder" in self.records:
            self.little = self.record("byteorder").tobytes() != b"big"
        return self.machine().load(io.BytesIO(self.record("data.pkl").tobytes()))

    def record(self, name: str) -> Array:
        """The bytes of a record."""
        info = self.records.get(self.prefix + name)
        if info is None:
            raise SerializationError(f"the record {name} is missing")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise SerializationError(f"the record {name} is compressed, which torch.save never does")
        self.left -= info.file_size
        if self.left < 0:
            raise SerializationError(f"the record {name} claims {info.file_size} bytes, more than the file holds")
        content = np.empty(info.file_size, np.uint8)
        try:
            with self.archive.open(info) as stream:
                read = 0
                while chunk := stream.read(_CHUNK):
                    content[read : read + len(chunk)] = np.frombuffer(chunk, np.uint8)
                    read += len(chunk)
        except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError) as error:
            raise SerializationError(f"the record {name} is damaged ({error})") from None
        if read < info.file_size:
            raise SerializationError(f"the record {name} is cut short")
        return content

    def elements(self, key: str, kind: StorageKind, count: int) -> Array:
        if key not in self.raw:
            self.raw[key] = self.record(f"data/{key}")
        needed = count * kind.dtype.itemsize
        if needed > self.raw[key].size:
            raise SerializationError(f"storage {key} holds {self.raw[key].size} bytes, and needs {needed}")
        return self.decoded(self.raw[key][:needed], kind)


class _StreamReader(_Reader):
    """The older format: five pickles, then the storages, each a number of elements and the elements."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self.file = file
        self.left = file.seek(0, 2)
        file.seek(0)
        self.kinds: dict[str, StorageKind] = {}

    def read(self) -> Any:
        magic, version, system = (self.machine().load(self.file) for _ in range(3))
        if magic != LEGACY_MAGIC or version != 1001 or not isinstance(system, dict):
            raise SerializationError(f"it is a stream of version {version!r}, and 1001 is the only one that is known")
        self.little = bool(system.get("little_endian", True))
        result = self.machine().load(self.file)
        keys = self.machine().load(self.file)
        if not isinstance(keys, list) or set(keys) != set(self.kinds):
            raise SerializationError("the list of its storages does not fit the tensors")
        for key in keys:
            self.fill(key)
        return result

    def storage(self, identity: Any) -> Storage:
        if isinstance(identity, tuple) and len(identity) == 6 and identity[5] is not None:
            raise SerializationError("it is a stream of PyTorch 0.3 or older; save it anew with a later version")
        return super().storage(identity)

    def elements(self, key: str, kind: StorageKind, count: int) -> Array:
        """Memory whose content is read later: it follows the pickles."""
        self.left -= count * kind.dtype.itemsize
        if self.left < 0 or key in self.kinds:
            raise SerializationError(f"storage {key} claims {count} elements, more than the file holds")
        self.kinds[key] = kind
        return np.zeros(count, kind.loaded)

    def fill(self, key: str) -> None:
        kind = self.kinds[key]
        array = self.storages[key, kind].array
        count = int.from_bytes(self.file.read(8), "little" if self.little else "big", signed=True)
        if count != array.size:
            raise SerializationError(f"storage {key} holds {count} elements, and needs {array.size}")
        raw = np.frombuffer(self.file.read(count * kind.dtype.itemsize), np.uint8)
        if raw.size != count * kind.dtype.itemsize:
            raise SerializationError(f"storage {key} is cut short")
        array[...] = self.decoded(raw, kind)
