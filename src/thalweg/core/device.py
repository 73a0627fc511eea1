"""The device of a tensor. There is one, the CPU; others can be named, so that scripts can ask, but not used."""

from __future__ import annotations

import re
from typing import Any, Self

from ..errors import DeviceError

__all__ = ["device", "get_default_device", "set_default_device"]

_KINDS = {
    "cpu", "cuda", "fpga", "hip", "hpu", "ideep", "ipu", "lazy", "maia", "meta", "mkldnn", "mps", "mtia", "opencl",
    "opengl", "privateuseone", "ve", "vulkan", "xla", "xpu",
}  # fmt: skip
_FORM = re.compile(r"([a-z]+)(?::(0|[1-9][0-9]*))?")


class device:  # noqa: N801 - PyTorch's name
    """Where a tensor's memory lies: ``type`` and, for ``"cuda:1"``, ``index``.

    Every device that PyTorch knows can be named and compared; only ``"cpu"`` can hold a tensor.

    Raises:
        DeviceError: no device has this name.

    >>> import thalweg as tw
    >>> tw.device("cpu"), tw.device("cuda:1").index, tw.zeros(2).device == tw.device("cpu")
    (device(type='cpu'), 1, True)
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: Any, index: int | None = None) -> None:
        if isinstance(type, device):
            type, own = type.type, type.index
        elif isinstance(type, int) and not isinstance(type, bool):
            type, own = "cuda", type
        else:
            match = _FORM.fullmatch(type) if isinstance(type, str) else None
            if match is None or match[1] not in _KINDS:
                raise DeviceError(f'device: there is no device {type!r}; thalweg computes on "cpu"')
            type, own = match[1], None if match[2] is None else int(match[2])
        if own is not None and index is not None:
            raise DeviceError(f"device: the index is given twice, as {own} in the name and as {index}")
        object.__setattr__(self, "type", type)
        object.__setattr__(self, "index", index if own is None else own)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"device: {name} can't be changed; make another device")

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, device):
            return NotImplemented
        return (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> tuple[Any, ...]:
        return device, (str(self),)

    def __copy__(self) -> device:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> device:
        return self

    def __enter__(self) -> Self:
        require_cpu(self, "device")
        return self

    def __exit__(self, *error: object) -> None:
        return None


CPU = device("cpu")


def require_cpu(target: Any, name: str) -> None:
    """Refuse a device that is not the CPU; None stands for the default. ``name`` is the function that was asked."""
    if target is None or target is CPU:
        return
    asked = target if isinstance(target, device) else device(target)
    if asked.type != "cpu":
        raise DeviceError(
            f'{name}: device "{asked}" is not available, thalweg has only "cpu"; choose the device by '
            'device = "cuda" if tw.cuda.is_available() else "cpu"'
        )


def set_default_device(device: Any) -> None:
    """Set the device of new tensors, which can only be the CPU.

    Raises:
        DeviceError: another device is asked for.
    """
    require_cpu(device, "set_default_device")


def get_default_device() -> device:
    """The device of new tensors: the CPU.

    >>> import thalweg as tw
    >>> tw.get_default_device()
    device(type='cpu')
    """
    return CPU
