"""Dtypes and PyTorch's promotion rules.

A value is stored as a NumPy array; ``dtype`` is the public face of its NumPy dtype. Complex numbers are not
supported. bfloat16 has a name, for scripts that choose a dtype from a table, and no tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DtypeError

# what users see; ``bool_`` they see as ``thalweg.bool``
__all__ = [
    "bfloat16",
    "dtype",
    "finfo",
    "float16",
    "float32",
    "float64",
    "get_default_dtype",
    "iinfo",
    "int8",
    "int16",
    "int32",
    "int64",
    "promote_types",
    "set_default_dtype",
    "uint8",
]


class dtype:  # noqa: N801 - PyTorch's name
    """The kind of number that a tensor holds, such as ``thalweg.float32``.

    >>> import thalweg as tw
    >>> tw.float32, tw.float32.itemsize, tw.int64.is_floating_point
    (thalweg.float32, 4, False)
    """

    __slots__ = ("is_complex", "is_floating_point", "is_signed", "itemsize", "name", "numpy")

    def __init__(self, name: str) -> None:
        self.name = name
        self.numpy = np.dtype(name)
        self.itemsize = self.numpy.itemsize
        self.is_floating_point = self.numpy.kind == "f"
        self.is_signed = self.numpy.kind in "fi"
        self.is_complex = False

    def __repr__(self) -> str:
        return f"thalweg.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return from_numpy_dtype, (self.numpy,)

    def __copy__(self) -> dtype:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> dtype:
        return self


class _NameOnly(dtype):
    """A dtype that can be named, compared and given to ``autocast``, but that no tensor can have."""

    __slots__ = ()

    def __init__(self, name: str, itemsize: int) -> None:
        self.name = name
        self.itemsize = itemsize
        self.is_floating_point = self.is_signed = True
        self.is_complex = False

    @property
    def numpy(self) -> np.dtype[Any]:  # type: ignore[override]
        """Refused.

        Raises:
            DtypeError: always.
        """
        raise DtypeError(
            f"NumPy has no {self.name}, so that no tensor can be of it; use float32, or float16 to save memory"
        )

    def __reduce__(self) -> str:  # type: ignore[override]
        return self.name


float16 = dtype("float16")
bfloat16 = _NameOnly("bfloat16", 2)
float32 = dtype("float32")
float64 = dtype("float64")
uint8 = dtype("uint8")
int8 = dtype("int8")
int16 = dtype("int16")
int32 = dtype("int32")
int64 = dtype("int64")
bool_ = dtype("bool")

ALL_DTYPES = (float16, float32, float64, uint8, int8, int16, int32, int64, bool_)
_PUBLIC: dict[Any, dtype] = {d.numpy: d for d in ALL_DTYPES}
_PYTHON_TYPES: dict[Any, dtype] = {float: float32, int: int64, bool: bool_}

INT64 = int64.numpy
BOOL = bool_.numpy
FLOAT64 = float64.numpy

_default = float32


def set_default_dtype(d: dtype) -> None:
    """Set the dtype of new floating-point tensors (float32 at start)."""
    global _default
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise DtypeError(f"set_default_dtype: the default must be a floating-point dtype, not {d!r}; use tw.float32")
    _default = d


def get_default_dtype() -> dtype:
    """The dtype of new floating-point tensors."""
    return _default


def default_float() -> np.dtype[Any]:
    """NumPy's form of the default dtype."""
    return _default.numpy


def from_numpy_dtype(d: Any) -> dtype:
    """The public dtype of a NumPy dtype, or a DtypeError that names it."""
    try:
        return _PUBLIC[d]
    except (KeyError, TypeError):
        native = np.dtype(d).newbyteorder("=")
        if native in _PUBLIC:
            return _PUBLIC[native]
        raise DtypeError(
            f"dtype {d} is not supported; convert the data to one of {', '.join(x.name for x in ALL_DTYPES)}"
        ) from None


def as_numpy_dtype(d: Any) -> np.dtype[Any]:
    """NumPy's dtype for a thalweg dtype, a Python type (float means the default dtype) or a NumPy dtype."""
    if isinstance(d, dtype):
        return d.numpy
    if d is float:
        return _default.numpy
    if d in _PYTHON_TYPES:
        return _PYTHON_TYPES[d].numpy
    return from_numpy_dtype(np.dtype(d)).numpy


def promote_numpy(a: np.dtype[Any], b: np.dtype[Any]) -> np.dtype[Any]:
    """PyTorch's lattice: NumPy's within a category, but an integer never widens a float."""
    if a == b:
        return a
    if a.kind == "f" and b.kind != "f":
        return a
    if b.kind == "f" and a.kind != "f":
        return b
    return np.promote_types(a, b)


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that both can be promoted to, by PyTorch's rules.

    >>> import thalweg as tw
    >>> tw.promote_types(tw.float32, tw.int64), tw.promote_types(tw.int8, tw.uint8)
    (thalweg.float32, thalweg.int16)
    """
    return from_numpy_dtype(promote_numpy(type1.numpy, type2.numpy))


_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2}


def scalar_dtype(value: object) -> np.dtype[Any]:
    """The dtype that a Python number counts as."""
    if isinstance(value, (bool, np.bool_)):
        return BOOL
    if isinstance(value, (int, np.integer)):
        return INT64
    return default_float()


def result_dtype(operands: list[Any]) -> np.dtype[Any]:
    """PyTorch's result type of arrays and Python numbers.

    Arrays with dimensions come first, then 0-d arrays, then Python numbers: a later group changes the result
    only if its category (bool < int < float) is higher.
    """
    groups: list[np.dtype[Any] | None] = [None, None, None]
    for x in operands:
        rank = 2 if not hasattr(x, "dtype") or getattr(x, "weak", False) else (0 if x.ndim else 1)
        d = scalar_dtype(x) if rank == 2 else x.dtype
        old = groups[rank]
        groups[rank] = d if old is None else promote_numpy(old, d)
    result: np.dtype[Any] | None = None
    for d in groups:
        if result is None:
            result = d
        elif d is not None and _CATEGORY[d.kind] > _CATEGORY[result.kind]:
            result = promote_numpy(result, d) if _CATEGORY[result.kind] == 0 or d.kind == "f" else d
    assert result is not None
    return result


class finfo:  # noqa: N801 - PyTorch's name
    """Limits of a floating-point dtype: ``bits, eps, max, min, tiny, smallest_normal, resolution``."""

    def __init__(self, type: dtype | None = None) -> None:
        self.dtype = type if type is not None else _default
        if not self.dtype.is_floating_point:
            raise DtypeError(f"finfo: {self.dtype} is not a floating-point dtype; use iinfo")
        info = np.finfo(self.dtype.numpy)
        self.bits = int(info.bits)
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.tiny)
        self.resolution = float(info.resolution)


class iinfo:  # noqa: N801 - PyTorch's name
    """Limits of an integer dtype: ``bits, max, min``."""

    def __init__(self, type: dtype) -> None:
        if type.numpy.kind not in "iu":
            raise DtypeError(f"iinfo: {type} is not an integer dtype; use finfo")
        info = np.iinfo(type.numpy)
        self.dtype = type
        self.bits, self.max, self.min = int(info.bits), int(info.max), int(info.min)
