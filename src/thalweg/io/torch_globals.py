"""What the globals in PyTorch's checkpoints stand for here. All others are refused by name."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.device import device
from ..core.dtypes import ALL_DTYPES, from_numpy_dtype
from ..core.tensor import Size, Tensor, wrap
from ..errors import SerializationError
from ..nn.parameter import Parameter
from .pickle_machine import Constructor, checked_key
from .sharing import view_of

__all__ = ["GLOBALS", "Storage", "StorageKind", "refuse", "set_state"]

_STORAGES = {
    "Half": "float16", "Float": "float32", "Double": "float64", "Byte": "uint8", "Char": "int8", "Short": "int16",
    "Int": "int32", "Long": "int64", "Bool": "bool", "BFloat16": "uint16",
}  # fmt: skip
_REASONS = {
    "torch._utils._rebuild_tensor_v3": "a tensor of a dtype that thalweg has not, such as uint16 or float8",
    "torch._utils._rebuild_qtensor": "a quantized tensor",
    "torch._utils._rebuild_sparse_tensor": "a sparse tensor",
    "torch._utils._rebuild_meta_tensor_no_storage": "a tensor on the meta device, which has no values",
    "torch.ComplexFloatStorage": "complex numbers, which thalweg has not",
    "torch.ComplexDoubleStorage": "complex numbers, which thalweg has not",
    "torch.bfloat16": "the dtype bfloat16, which thalweg has not",
}


@dataclass(frozen=True)
class Kind:
    """A class that pickles only name, to say what is to be made. It can't be called."""

    name: str


@dataclass(frozen=True)
class StorageKind:
    """The element of a storage: its NumPy dtype in the file, and whether that stands for bfloat16."""

    dtype: np.dtype[Any]
    bfloat16: bool = False

    @property
    def loaded(self) -> np.dtype[Any]:
        """The dtype that it has once it is read."""
        return np.dtype(np.float32) if self.bfloat16 else self.dtype


@dataclass(frozen=True)
class Storage:
    """The vector of elements that one or more tensors look at."""

    array: np.ndarray[Any, Any]
    name: str


def refuse(name: str) -> Any:
    """Raise the error for a global that is not in ``GLOBALS``."""
    reason = _REASONS.get(name)
    if reason is None:
        reason = (
            "an object of a class or a function, which could run code; in PyTorch save only what model.state_dict() "
            "gives, in dictionaries, lists, numbers and strings"
        )
    raise SerializationError(f"it holds {name}: {reason}")


def _tensor(
    storage: Any,
    offset: Any,
    shape: Any,
    strides: Any,
    requires_grad: bool = False,
    hooks: Any = None,
    metadata: Any = None,
) -> Tensor:
    if not isinstance(storage, Storage):
        raise SerializationError(f"a tensor in it has a {type(storage).__name__} for its storage")
    x = wrap(view_of(storage.array, offset, shape, strides, f"a tensor in storage {storage.name}"))
    return x.requires_grad_(bool(requires_grad)) if x.is_floating_point() else x


def _parameter(data: Any, requires_grad: bool = True, hooks: Any = None, state: Any = None) -> Parameter:
    if not isinstance(data, Tensor):
        raise ValueError("a Parameter without a tensor")
    return Parameter(data, requires_grad=bool(requires_grad))


def _of_type(make: Any, kind: Any, args: Any, state: Any) -> Any:
    """A tensor that carries Python attributes, which are left out."""
    known = (GLOBALS["torch.Tensor"], GLOBALS["torch.nn.parameter.Parameter"])
    if not isinstance(make, Constructor) or kind not in known:
        raise SerializationError(f"it holds a tensor of the class {kind!r}, which is refused")
    return make.make(*args)


def _encode(text: Any, encoding: Any = "utf-8", errors: Any = "strict") -> bytes:
    """How pickles before protocol 3 write bytes."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise ValueError(f"encode({type(text).__name__}, {encoding!r})")
    return text.encode(encoding)


def _set(items: Any = ()) -> set[Any]:
    return set(map(checked_key, items))


def _frozenset(items: Any = ()) -> frozenset[Any]:
    return frozenset(map(checked_key, items))


def _ordered(pairs: Any = ()) -> OrderedDict[Any, Any]:
    return OrderedDict((checked_key(key), value) for key, value in pairs)


def _counter(counts: Any = None) -> Counter[Any]:
    if counts is not None and not isinstance(counts, dict):
        raise ValueError("a Counter is made of a dictionary")
    return Counter(counts)


def _bytearray(content: Any = b"", encoding: Any = "latin1") -> bytearray:
    """A number would ask for that much memory; pickles give the bytes themselves."""
    return bytearray(content if isinstance(content, bytes) else _encode(content, encoding))


def _size(numbers: Any = ()) -> Size:
    if not all(type(n) is int for n in numbers):
        raise ValueError("a Size holds ints")
    return Size(numbers)


# -- NumPy ------------------------------------------------------------------------------------------------


def _numpy_dtype(name: Any, align: Any = False, copy: Any = True) -> np.dtype[Any]:
    found = np.dtype(name) if isinstance(name, str) and len(name) <= 4 else None
    if found is None or found.kind not in "biuf":
        raise SerializationError(f"it holds a NumPy array of the dtype {name!r}; only numbers and bools are read")
    return found.newbyteorder("<")


def _empty_array(kind: Any, shape: Any, code: Any) -> np.ndarray[Any, Any]:
    """The array whose content a BUILD brings."""
    if kind is not GLOBALS["numpy.ndarray"]:
        raise SerializationError(f"it holds a NumPy array of the class {kind!r}, which is refused")
    return np.empty(0, np.int8)


def _numpy_scalar(dtype: Any, content: Any) -> Any:
    if not isinstance(dtype, np.dtype) or not isinstance(content, bytes) or len(content) != dtype.itemsize:
        raise ValueError("a NumPy number without its bytes")
    return np.frombuffer(content, dtype)[0]


def set_state(target: Any, state: Any) -> None:
    """What a BUILD does to the few kinds of object that have a state."""
    if isinstance(target, np.ndarray):
        _fill_array(target, state)
    elif isinstance(target, np.dtype):
        _check_dtype_state(state)
    elif isinstance(target, OrderedDict) and isinstance(state, Mapping) and set(state) <= {"_metadata"}:
        target.__dict__.update(state)
    else:
        raise SerializationError(f"it sets attributes of a {type(target).__name__}, which is refused")


def _fill_array(array: np.ndarray[Any, Any], state: Any) -> None:
    """Give an array its content, in place: others may refer to it already."""
    _, shape, dtype, fortran, content = state
    if not isinstance(dtype, np.dtype) or dtype.kind not in "biuf" or not isinstance(content, bytes):
        raise SerializationError("a NumPy array in it does not hold plain numbers; it is refused")
    if not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"a NumPy array has the shape {shape!r}")
    content_of = (1, tuple(shape), dtype, bool(fortran), content)
    array.__setstate__(content_of)  # type: ignore[arg-type]  # NumPy's own pickles hold a Python bool there


def _check_dtype_state(state: Any) -> None:
    if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", "|", "=") or any(state[2:5]):
        raise SerializationError(f"a NumPy dtype in it has the state {state!r}; only little-endian numbers are read")


# -- the table --------------------------------------------------------------------------------------------


def _globals() -> dict[str, Any]:
    named: dict[str, Any] = {
        "collections.OrderedDict": _ordered,
        "collections.Counter": _counter,
        "torch._utils._rebuild_tensor": _tensor,
        "torch._utils._rebuild_tensor_v2": _tensor,
        "torch._utils._rebuild_parameter": _parameter,
        "torch._utils._rebuild_parameter_with_state": _parameter,
        "torch._tensor._rebuild_from_type_v2": _of_type,
        "torch.Size": _size,
        "torch.device": device,
        "_codecs.encode": _encode,
        "numpy.dtype": _numpy_dtype,
    }
    for module in ("builtins", "__builtin__"):
        plain = {"set": _set, "frozenset": _frozenset, "bytearray": _bytearray, "complex": complex, "slice": slice}
        named |= {f"{module}.{name}": make for name, make in plain.items()}
    for module in ("numpy._core.multiarray", "numpy.core.multiarray"):
        named |= {f"{module}._reconstruct": _empty_array, f"{module}.scalar": _numpy_scalar}
    table: dict[str, Any] = {name: Constructor(name, make) for name, make in named.items()}
    for name in ("torch.Tensor", "torch.nn.parameter.Parameter", "numpy.ndarray"):
        table[name] = Kind(name)
    for name, dtype in _STORAGES.items():
        table[f"torch.{name}Storage"] = StorageKind(np.dtype(dtype), name == "BFloat16")
    for d in ALL_DTYPES:
        table[f"torch.{d.name}"] = from_numpy_dtype(d.numpy)
    return table


GLOBALS = _globals()
