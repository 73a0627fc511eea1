"""The Tensor: a value, its gradient, and its place on the tape.

Operators and methods are attached by ``thalweg.ops.methods``, which stands above the primitives; this module
stands below them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import AutogradError, DtypeError, ShapeError
from .dtypes import dtype, from_numpy_dtype
from .tape import LEAF, Node, View, refresh

if TYPE_CHECKING:
    from ..ops.methods import TensorMethods
else:

    class TensorMethods:
        """Filled in by ``thalweg.ops.methods``."""

        __slots__ = ()


__all__ = ["Size", "Tensor", "wrap"]

ndarray = np.ndarray


class Size(tuple[int, ...]):
    """The shape of a tensor: a tuple of ints that can count its elements.

    >>> import thalweg as tw
    >>> tw.zeros(2, 3).shape, tw.zeros(2, 3).shape.numel()
    (thalweg.Size([2, 3]), 6)
    """

    __slots__ = ()

    def numel(self) -> int:
        """The product of the sizes; 1 for a 0-d tensor."""
        count = 1
        for n in self:
            count *= n
        return count

    def __repr__(self) -> str:
        return f"thalweg.Size([{', '.join(map(str, self))}])"


class Tensor(TensorMethods):
    """An n-dimensional array of one dtype that operations on it can be differentiated through.

    ``tw.tensor(data)`` is the way to make one. ``Tensor(data)`` converts to the default dtype, as PyTorch's does.

    >>> import thalweg as tw
    >>> x = tw.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __slots__ = ("__weakref__", "_extra", "_grad", "_node", "_value", "_version", "_view")

    _value: Any  # an ndarray, or the symbolic value of an interpreter
    _node: Any  # None, LEAF or the Node that made the value
    _grad: Tensor | None
    _version: list[int]  # one cell, shared by all views of the same memory
    _view: View | None
    _extra: dict[str, Any] | None  # what few tensors have: hooks, a name

    __hash__ = object.__hash__  # by identity: == compares the elements
    __array_priority__ = 1000  # ndarray op Tensor is left to Tensor's reflected operator

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        x = object.__new__(cls)
        x._node = x._grad = x._view = x._extra = None
        x._version = [0]
        return x

    def __init__(self, *data: Any) -> None:
        from .dtypes import default_float

        if len(data) == 1 and isinstance(data[0], Tensor):
            self._value = data[0]._value
            self._version = data[0]._version
        elif data and all(isinstance(n, (int, np.integer)) for n in data):
            self._value = np.zeros(data, default_float())
        else:
            self._value = np.array(data[0] if data else [], default_float())

    # -- what it is ---------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        return Size(self._value.shape)

    @property
    def dtype(self) -> dtype:
        return from_numpy_dtype(self._value.dtype)

    @property
    def ndim(self) -> int:
        return int(self._value.ndim)

    @property
    def requires_grad(self) -> bool:
        if self._view is not None:
            refresh(self)
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        self.requires_grad_(flag)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for a gradient of this leaf (or stop asking). Only floating-point tensors can have one."""
        if requires_grad:
            if self._value.dtype.kind != "f":
                raise DtypeError(
                    f"requires_grad: only floating-point tensors can require gradients, this one is {self.dtype}; "
                    "convert it first, for example with .float()"
                )
            if self._node is None:
                self._node = LEAF
        elif self._node is not None:
            if self._node is not LEAF:
                raise AutogradError(
                    "requires_grad: it can be switched off only on leaf tensors; use x.detach() for a tensor "
                    "that an operation has made"
                )
            self._node = None
        return self

    @property
    def is_leaf(self) -> bool:
        """True unless a recorded operation has made this tensor."""
        if self._view is not None:
            refresh(self)
        return self._node is None or self._node is LEAF

    @property
    def grad_fn(self) -> Node | None:
        """The node that made this tensor; None for a leaf."""
        if self._view is not None:
            refresh(self)
        return None if self._node is LEAF else self._node

    @property
    def grad(self) -> Tensor | None:
        """What ``backward`` has accumulated; None before."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"grad: must be a Tensor or None, not {type(value).__name__}")
            if value._value.shape != self._value.shape:
                raise ShapeError(
                    f"grad: its shape {tuple(value.shape)} must equal the tensor's shape {tuple(self.shape)}"
                )
            if value._value.dtype != self._value.dtype:
                raise DtypeError(f"grad: its dtype {value.dtype} must equal the tensor's dtype {self.dtype}")
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def data(self) -> Tensor:
        """The same memory without its history. In-place changes through it are not seen by the version check."""
        return wrap(self._value)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"data: must be a Tensor, not {type(value).__name__}")
        self._value = value._value

    def detach(self) -> Tensor:
        """The same memory without its history: the result never requires a gradient, and has no tangent."""
        value = self._value
        x = wrap(value if type(value) is ndarray else value.detached())
        x._version = self._version
        return x

    @property
    def _version_count(self) -> int:
        return self._version[0]

    # -- hooks --------------------------------------------------------------------------------------------

    def _extras(self) -> dict[str, Any]:
        if self._extra is None:
            self._extra = {}
        return self._extra


def wrap(value: Any) -> Tensor:
    """A fresh Tensor round a value, without history. NumPy's scalars become 0-d arrays."""
    x: Tensor = object.__new__(Tensor)
    x._value = value if type(value) is ndarray or not isinstance(value, np.generic) else np.asarray(value)
    x._node = x._grad = x._view = x._extra = None
    x._version = [0]
    return x
