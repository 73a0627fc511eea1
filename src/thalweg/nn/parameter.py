"""Parameters: the tensors of a module that are learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import default_float
from ..core.tensor import Tensor

__all__ = ["Buffer", "Parameter"]


def _adopt(x: Tensor, data: Any, kind: str) -> None:
    """``x`` takes over the memory of ``data`` without its history."""
    if data is None:
        x._value = np.empty(0, default_float())
    elif isinstance(data, Tensor):
        x._value = data._value
        x._version = data._version
    else:
        raise TypeError(f"{kind}: needs a tensor, not {type(data).__name__}; make one with tw.tensor")


class Parameter(Tensor):
    """A tensor that a Module registers when it becomes one of its attributes, and that optimisers change.

    It shares the memory of ``data`` and forgets its history. Without ``data`` it is an empty vector.

    Raises:
        TypeError: ``data`` is not a tensor.
        DtypeError: ``requires_grad`` for a dtype that is not floating-point.

    >>> import thalweg as tw
    >>> tw.nn.Parameter(tw.zeros(2))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        _adopt(self, data, "Parameter")
        if requires_grad:
            self.requires_grad_()


class Buffer(Tensor):
    """A tensor that a Module registers as a buffer when it becomes one of its attributes.

    A buffer belongs to the state of a module but is not learned; one that is not ``persistent`` stays out of the
    ``state_dict``.

    >>> import thalweg as tw
    >>> m = tw.nn.Module()
    >>> m.steps = tw.nn.Buffer(tw.tensor(0))
    >>> list(m.state_dict())
    ['steps']
    """

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        _adopt(self, data, "Buffer")
        self.persistent = persistent
