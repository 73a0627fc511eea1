"""The methods that convert a Tensor: to other dtypes, and to the one device there is."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.device import CPU, device, require_cpu
from ...core.dtypes import as_numpy_dtype, bfloat16, dtype
from ...core.layouts import check_memory_format, layout, strided
from ...core.tensor import Tensor
from .. import shape as s
from ..base import convert
from ..legacy import TensorType, type_named, type_of


def parse_to(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, bool]:
    """What the arguments of ``to`` ask for: a NumPy dtype or None, and whether a copy is wanted.

    The forms are ``to(dtype)``, ``to(device, dtype)`` and ``to(other)``, each followed by ``non_blocking, copy``.
    """
    known = {"device": None, "dtype": None, "other": None, "non_blocking": False, "copy": False, "memory_format": None}
    for name in kwargs:
        if name not in known:
            raise TypeError(f"to: got an unexpected keyword argument {name!r}")
    given = {**known, **kwargs}
    rest = list(args)
    if rest and isinstance(rest[0], Tensor):
        given["other"] = rest.pop(0)
    elif rest and _is_dtype(rest[0]):
        given["dtype"] = rest.pop(0)
    elif rest:
        given["device"] = rest.pop(0)
        if rest and (rest[0] is None or _is_dtype(rest[0])):
            given["dtype"] = rest.pop(0)
    if len(rest) > 2:
        raise TypeError(f"to: takes a device, a dtype or a tensor, then non_blocking and copy; got {args}")
    given.update(zip(("non_blocking", "copy"), rest, strict=False))
    if given["other"] is not None:
        return given["other"]._value.dtype, bool(given["copy"])
    require_cpu(given["device"], "to")
    return None if given["dtype"] is None else as_numpy_dtype(given["dtype"]), bool(given["copy"])


def _is_dtype(x: Any) -> bool:
    return isinstance(x, (dtype, np.dtype)) or (isinstance(x, type) and x is not device)


class Conversions:
    """Conversions, and where the tensor lies."""

    __slots__ = ()

    # -- the device ---------------------------------------------------------------------------------------

    @property
    def device(self: Any) -> device:
        return CPU

    @property
    def layout(self: Any) -> layout:
        return strided

    @property
    def is_cpu(self: Any) -> bool:
        return True

    @property
    def is_cuda(self: Any) -> bool:
        return False

    is_mps = is_xpu = is_meta = is_sparse = is_quantized = is_nested = is_mkldnn = is_cuda

    def get_device(self: Any) -> int:
        """-1, as for every tensor on the CPU."""
        return -1

    def cpu(self: Any, memory_format: Any = None) -> Tensor:
        """This tensor: the CPU is the only device."""
        return self

    def cuda(self: Any, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
        """Refused: there is only the CPU.

        Raises:
            DeviceError: always. ``x.to("cuda" if tw.cuda.is_available() else "cpu")`` runs everywhere.
        """
        require_cpu("cuda" if device is None else device, "cuda")
        return self

    def pin_memory(self: Any, device: Any = None) -> Tensor:
        """This tensor: no other device has to be fed."""
        return self

    def is_pinned(self: Any, device: Any = None) -> bool:
        """False: memory is pinned for transfers to other devices."""
        return False

    def share_memory_(self: Any) -> Tensor:
        """This tensor. Worker processes get copies, since tensors are sent by value."""
        return self

    # -- dtypes -------------------------------------------------------------------------------------------

    def to(self: Any, *args: Any, **kwargs: Any) -> Tensor:
        """Converted: ``to(dtype)``, ``to(device)``, ``to(device, dtype)`` or ``to(other)``.

        The tensor itself if it has the dtype already and no ``copy`` is asked for. ``non_blocking`` has no effect.

        Raises:
            DeviceError: the device is not the CPU.
            DtypeError: there is no such dtype.

        >>> import thalweg as tw
        >>> tw.tensor([1.7, -0.2]).to(tw.int64), tw.tensor([1, 2]).to("cpu", tw.float64)
        (tensor([1, 0]), tensor([1., 2.], dtype=thalweg.float64))
        """
        target, copy = parse_to(args, kwargs)
        check_memory_format(kwargs.get("memory_format"), self._value.ndim, "to")
        if target is None or target == self._value.dtype:
            return s.copy(self) if copy else self
        return convert(self, dtype=target)

    def type(self: Any, dtype: Any = None, non_blocking: bool = False) -> Any:
        """Converted to a dtype or to a type such as ``"FloatTensor"``; without one the name of the tensor's type."""
        if dtype is None:
            return f"thalweg.{type_of(self).__name__}"
        if isinstance(dtype, str):
            dtype = type_named(dtype)
        return self.to(dtype.dtype if isinstance(dtype, TensorType) else dtype)

    def type_as(self: Any, other: Tensor) -> Tensor:
        """Converted to the dtype of ``other``."""
        return self.to(other)

    def double(self: Any, memory_format: Any = None) -> Tensor:
        """As float64."""
        return self.to(np.float64)

    def float(self: Any, memory_format: Any = None) -> Tensor:
        """As float32."""
        return self.to(np.float32)

    def half(self: Any, memory_format: Any = None) -> Tensor:
        """As float16."""
        return self.to(np.float16)

    def long(self: Any, memory_format: Any = None) -> Tensor:
        """As int64."""
        return self.to(np.int64)

    def int(self: Any, memory_format: Any = None) -> Tensor:
        """As int32."""
        return self.to(np.int32)

    def short(self: Any, memory_format: Any = None) -> Tensor:
        """As int16."""
        return self.to(np.int16)

    def char(self: Any, memory_format: Any = None) -> Tensor:
        """As int8."""
        return self.to(np.int8)

    def byte(self: Any, memory_format: Any = None) -> Tensor:
        """As uint8."""
        return self.to(np.uint8)

    def bool(self: Any, memory_format: Any = None) -> Tensor:
        """As bool: True where non-zero."""
        return self.to(np.bool_)

    def bfloat16(self: Any, memory_format: Any = None) -> Tensor:
        """Refused: NumPy has no bfloat16.

        Raises:
            DtypeError: always; float32 has the same range and more digits.
        """
        return self.to(bfloat16)
