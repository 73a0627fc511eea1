"""Modules spread over several devices, of which there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.device import require_cpu
from ..errors import ArgumentError
from .module import Module

__all__ = ["DataParallel", "DistributedDataParallel"]


class DataParallel(Module):
    """A module spread over graphics cards; without any, as here and in PyTorch, its calls are those of ``module``.

    The names in its ``state_dict`` begin with "module.", as there.

    >>> import thalweg as tw
    >>> list(tw.nn.DataParallel(tw.nn.Linear(1, 1)).state_dict())
    ['module.weight', 'module.bias']
    """

    def __init__(
        self, module: Module, device_ids: Sequence[Any] | None = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__()
        for device in [*(device_ids or ()), output_device]:
            require_cpu(device, "DataParallel")
        self.module = module
        self.dim = dim
        self.device_ids: list[int] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the module gives."""
        return self.module(*inputs, **kwargs)


class DistributedDataParallel(Module):
    """A module trained by several processes at once. There are none: making one is refused, as in PyTorch then.

    Raises:
        ArgumentError: always, since no process group has been initialised.
    """

    def __init__(self, module: Module, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        raise ArgumentError(
            "DistributedDataParallel: no process group is initialised, since thalweg does not train over several "
            "processes; use the module itself"
        )
