"""A module that was given to ``tw.compile``: native where nothing is to be differentiated, eager elsewhere."""

from __future__ import annotations

import logging
from typing import Any

from ..core.modes import state
from ..core.structure import parts
from ..core.tensor import Tensor
from ..nn.module import Module
from .compiled import Compiled

__all__ = ["CompiledModule"]

logger = logging.getLogger("thalweg.compiler")


class CompiledModule(Module):
    """A module round another one, whose calls run as native code.

    A native program keeps no graph. So a call that records (outside ``no_grad``, with a parameter or an input that
    requires a gradient) runs eagerly, which the log says once; a compiled training step has no such calls.

    As in PyTorch the module is the child ``_orig_mod``, which the names in ``state_dict`` begin with; other attributes
    are the module's, or the compiled function's, such as ``graph``.
    """

    def __init__(self, module: Module, check: bool, keep_gradients: bool) -> None:
        super().__init__()
        self._orig_mod = module
        self.__dict__["training"] = module.training
        self.__dict__["_compiled"] = Compiled(module, check, keep_gradients)
        self.__dict__["_told"] = False

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module gives."""
        module = self._orig_mod
        if (
            state.tracer is None
            and state.recording
            and (_requires_grad(args) or _requires_grad(kwargs) or self._learns())
        ):
            if not self._told:
                self.__dict__["_told"] = True
                logger.info(
                    "%s runs eagerly, since its result may be differentiated; compile the whole training step, or call "
                    "it within no_grad",
                    type(module).__name__,
                )
            return module(*args, **kwargs)
        return self.__dict__["_compiled"](*args, **kwargs)

    def _learns(self) -> bool:
        return any(p.requires_grad for p in self._orig_mod.parameters())

    def __getattr__(self, name: str) -> Any:
        """What the module has, or else the compiled function."""
        members = self.__dict__
        if name.startswith("__") or "_compiled" not in members:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        found = getattr(members["_orig_mod"], name, members)
        return getattr(members["_compiled"], name) if found is members else found


def _requires_grad(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.requires_grad
    return any(map(_requires_grad, parts(value) or ()))
