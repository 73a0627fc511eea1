"""Parameters: the tensors of a module that are learned."""

from __future__ import annotations

from typing import Any, NoReturn, Self

import numpy as np

from ..core.dtypes import as_numpy_dtype, default_float, dtype
from ..core.tensor import Tensor
from ..errors import ShapeError

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter"]


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


class _Uninitialized(Tensor):
    """A tensor whose shape is not known yet, though its dtype is."""

    cls_to_become: type[Tensor] = Tensor

    def materialize(self, shape: Any, device: Any = None, dtype: dtype | None = None) -> None:
        """Become an ordinary tensor of this shape; its values are to be set."""
        kind = self._value.dtype if dtype is None else as_numpy_dtype(dtype)
        self._value = np.zeros(tuple(shape), kind)
        self.__class__ = self.cls_to_become  # type: ignore[assignment]

    def detach(self) -> Self:
        """Itself, so that a ``state_dict`` keeps it as it is."""
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Itself, or for another dtype one of that."""
        new, kind = Tensor.to(self, *args, **kwargs), type(self)
        if new is self:
            return self
        fresh: Any = kind.__new__(kind)
        kind.__init__(fresh, requires_grad=self.requires_grad, dtype=new.dtype)  # type: ignore[call-arg]
        return fresh

    @property
    def shape(self) -> NoReturn:
        """Not known yet."""
        raise ShapeError(
            f"{type(self).__name__}: it has no shape before the first forward of its lazy module; run that once with "
            "an example"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(_Uninitialized, Parameter):
    """A Parameter that gets its shape later, by ``materialize``; lazy modules have them.

    >>> import thalweg as tw
    >>> p = tw.nn.UninitializedParameter()
    >>> p.materialize((2, 3))
    >>> type(p).__name__, p.shape
    ('Parameter', thalweg.Size([2, 3]))
    """

    cls_to_become = Parameter

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: dtype | None = None) -> None:
        super().__init__(None, requires_grad)
        if dtype is not None:
            self._value = self._value.astype(as_numpy_dtype(dtype))


class UninitializedBuffer(_Uninitialized, Buffer):
    """A Buffer that gets its shape later, by ``materialize``."""

    cls_to_become = Buffer

    def __init__(
        self, requires_grad: bool = False, device: Any = None, dtype: dtype | None = None, persistent: bool = True
    ) -> None:
        self._value = np.empty(0, default_float() if dtype is None else as_numpy_dtype(dtype))
        self.persistent = persistent
        if requires_grad:
            self.requires_grad_()
