"""``tw.save`` and ``tw.load``: structures of tensors in thalweg's own format, and PyTorch's checkpoints read too.

The format is a safetensors file: the tensors under the names of their places, and in its metadata, under the key
"thalweg", a JSON text with the structure and with the place of each tensor in its storage. So other programs can
read the tensors, and no code can be in it.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import IO, Any

import numpy as np

from ..core.device import require_cpu
from ..core.tensor import Tensor, wrap
from ..errors import SerializationError
from ..nn.parameter import Parameter
from .files import File, describe, reading, writing
from .safetensors import native, read_metadata
from .sharing import Place, place_arrays, row_major, view_of
from .structure import Encoder, decode
from .torch_reader import LEGACY_START, ZIP_START, read_torch
from .whole import Finder

__all__ = ["load", "save"]

_KEY = "thalweg"
_VERSION = 1
_MOST_TEXT = 90_000_000  # safetensors reads headers of up to 100 MB


def save(obj: Any, f: File, pickle_module: Any = None, pickle_protocol: Any = None) -> None:
    """Write a structure to a file that ``tw.load`` reads; no pickle, so that loading runs no code.

    ``obj`` is made of dictionaries, lists, tuples, sets, tensors, parameters, NumPy arrays, numbers, strings, bytes,
    None, dtypes, sizes and devices: a ``state_dict``, or a dictionary of several with whatever else there is to
    remember. A module can be saved whole: by the name of its class and its attributes, without code. Tensors that
    share memory, and places that hold the same tensor, do so again when they are loaded. A path shows the old file or
    the whole new one. The file is a safetensors file that other programs can read. ``save_torch`` of ``thalweg.io``
    writes what PyTorch reads. The last two arguments are PyTorch's and have no effect.

    Args:
        obj: what to write.
        f: a path, or a file opened in binary mode.

    Raises:
        SerializationError: something in ``obj`` can't be written, which the message names with its place.
        OSError: the file can't be written.

    >>> import io
    >>> import thalweg as tw
    >>> file = io.BytesIO()
    >>> tw.save({"model": tw.nn.Linear(2, 1).state_dict(), "epoch": 3, "losses": [0.5, 0.25]}, file)
    >>> _ = file.seek(0)
    >>> checkpoint = tw.load(file)
    >>> checkpoint["epoch"], checkpoint["losses"], list(checkpoint["model"])
    (3, [0.5, 0.25], ['weight', 'bias'])
    """
    from safetensors.numpy import save as serialize

    encoder = Encoder("save")
    root = encoder.visit(obj)
    storages, places = place_arrays([np.asarray(x._value if isinstance(x, Tensor) else x) for x in encoder.held])
    names = _names(encoder.names, places)
    records = [_record(x, names[p.storage], p) for x, p in zip(encoder.held, places, strict=True)]
    text = json.dumps({"version": _VERSION, "root": root, "tensors": records})
    if len(text) > _MOST_TEXT:
        raise SerializationError(
            f"save: the structure without its tensors takes {len(text) / 1e6:.0f} MB, more than the format's 90; "
            "make tensors of long lists of numbers"
        )
    payload = dict(zip(names, map(np.ascontiguousarray, storages), strict=True))
    payload |= _shaped(payload, names, places)
    content = serialize(payload, metadata={_KEY: text})
    with writing(f, "save") as file:
        file.write(content)


def _names(wanted: list[str], places: list[Place]) -> list[str]:
    """A name for each storage: that of the first tensor in it, with a number behind where it is taken."""
    names: dict[int, str] = {}
    taken: set[str] = set()
    for name, place in zip(wanted, places, strict=True):
        if place.storage not in names:
            unique = name if name not in taken and name != "__metadata__" else f"{name}#{place.storage}"
            names[place.storage] = unique
            taken.add(unique)
    return [names[i] for i in range(len(names))]


def _record(x: Any, name: str, place: Place) -> dict[str, Any]:
    """All that has to be known of one tensor or array."""
    record = {"storage": name, "offset": place.offset, "shape": place.shape, "strides": place.strides}
    if isinstance(x, Tensor):
        record |= {"parameter": isinstance(x, Parameter), "requires_grad": x.requires_grad}
    return record


def _shaped(payload: dict[str, Any], names: list[str], places: list[Place]) -> dict[str, Any]:
    """The storages that are just one row-major tensor, in its shape: what other programs look for."""
    counts = Counter(place.storage for place in places)
    return {
        names[place.storage]: payload[names[place.storage]].reshape(place.shape)
        for place in places
        if counts[place.storage] == 1 and place.strides == row_major(place.shape)
    }


def load(
    f: File,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
) -> Any:
    """What ``tw.save`` has written; also PyTorch's checkpoints and any safetensors file, which it tells apart.

    No code is run, whatever the file: a checkpoint of PyTorch goes through ``thalweg.io.load_torch``, which refuses
    by name what could. Of a safetensors file of another program the tensors by name are returned.

    Args:
        f: a path, or a file opened in binary mode.
        map_location: where the tensors are to be: "cpu", or anything that does not name another device.
        pickle_module: PyTorch's, without effect, as ``mmap``.
        weights_only: False allows a model that ``tw.save`` has written whole to name any class of modules that is
            imported. Otherwise only the layers of ``thalweg.nn`` and what ``serialization.add_safe_globals`` was
            given are allowed. Of PyTorch's files only data is ever read.

    Raises:
        SerializationError: the file is damaged or holds something that is refused.
        DeviceError: ``map_location`` is another device than the CPU.
        OSError: the file can't be opened.
    """
    if not (callable(map_location) or isinstance(map_location, dict)):
        require_cpu(map_location, "load")
    name = describe(f)
    with reading(f, "load") as file:
        start = file.read(len(LEGACY_START))
        file.seek(0)
        if start.startswith(ZIP_START) or start == LEGACY_START:
            return read_torch(file, name)
        return _read_own(file, name, Finder(weights_only is False))


def _read_own(file: IO[bytes], name: str, finder: Finder) -> Any:
    content = file.read()
    try:
        arrays, text = _parts(content)
        if text is None:
            return {key: wrap(native(name, key, array)) for key, array in sorted(arrays.items())}
        return _decoded(json.loads(text), arrays, finder)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError) as error:
        reason = str(error) if isinstance(error, SerializationError) else f"{type(error).__name__}: {error}"
        raise SerializationError(f"load: {name} can't be read: {reason}") from None


def _parts(content: bytes) -> tuple[dict[str, Any], str | None]:
    """The arrays of a safetensors file, and the structure that ``save`` has put with them."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as deserialize

    try:
        arrays = deserialize(content)
    except (SafetensorError, KeyError, ValueError) as error:
        raise SerializationError(
            f"it is neither a file of tw.save nor one of PyTorch or safetensors, or it is damaged ({error})"
        ) from None
    return arrays, read_metadata(content).get(_KEY)


def _decoded(document: Any, arrays: dict[str, Any], finder: Finder) -> Any:
    if document["version"] != _VERSION:
        raise SerializationError(f"it has version {document['version']!r} of the format, and {_VERSION} is known")
    return decode(document["root"], _Held(document["tensors"], arrays), finder)


class _Held:
    """The tensors and arrays of a file by number, each made once."""

    def __init__(self, records: list[dict[str, Any]], arrays: dict[str, Any]) -> None:
        self.records = records
        self.storages = {name: np.array(array).reshape(-1) for name, array in arrays.items()}
        self.made: dict[tuple[str, int], Any] = {}

    def __call__(self, kind: str, number: int) -> Any:
        if (kind, number) not in self.made:
            self.made[kind, number] = self.make(kind, self.records[number])
        return self.made[kind, number]

    def make(self, kind: str, record: dict[str, Any]) -> Any:
        name = record["storage"]
        array = view_of(self.storages[name], record["offset"], record["shape"], record["strides"], f"tensor {name}")
        if kind == "number":
            return array[()]
        if kind == "ndarray":
            return array
        x = wrap(array)
        if record["parameter"]:
            return Parameter(x, requires_grad=bool(record["requires_grad"]))
        return x.requires_grad_() if record["requires_grad"] else x
