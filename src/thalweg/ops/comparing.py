"""Comparisons and questions, under PyTorch's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import BOOL, FLOAT64, dtype, from_numpy_dtype, result_dtype
from ..core.tensor import Tensor, wrap
from ..errors import DtypeError
from . import elementwise as e
from . import reduce
from .base import convert, isfinite, quiet
from .broadcast import reshape
from .index import take
from .ordering import argsort, searchsorted

__all__ = [
    "allclose", "can_cast", "equal", "is_complex", "is_floating_point", "is_nonzero", "is_same_size", "is_signed",
    "is_tensor", "isclose", "isin", "isneginf", "isposinf", "isreal", "numel", "result_type",
]  # fmt: skip


@quiet
def isclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """|input - other| <= atol + rtol * |other|, elementwise."""
    a, b = input._value, other._value
    target = result_dtype([a, b, 1.0]) if "f" in (a.dtype.kind, b.dtype.kind) else FLOAT64
    a, b = convert(a, dtype=target), convert(b, dtype=target)
    near = e.le(e.abs_(e.sub(a, b)), e.abs_(b) * rtol + atol)
    close = e.logical_or(e.logical_and(near, isfinite(b)), e.eq(a, b))
    return wrap(e.logical_or(close, e.logical_and(e.isnan(a), e.isnan(b))) if equal_nan else close)


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all elements are close; see ``isclose``."""
    return bool(_all(isclose(input, other, rtol, atol, equal_nan)._value))


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shapes and all elements are equal."""
    a, b = input._value, other._value
    return bool(a.shape == b.shape and _all(e.eq(a, b)))


def _all(x: Any) -> Any:
    return reduce.all_(x, dims=tuple(range(x.ndim)), keepdim=False)


def isposinf(input: Tensor) -> Tensor:
    """True where x is +inf."""
    return e.logical_and(e.isinf(input), e.gt(input, 0))


def isneginf(input: Tensor) -> Tensor:
    """True where x is -inf."""
    return e.logical_and(e.isinf(input), e.lt(input, 0))


def isreal(input: Tensor) -> Tensor:
    """True everywhere: there are no complex tensors."""
    return wrap(np.ones(input._value.shape, bool))


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """True where an element is one of ``test_elements``, or, with ``invert``, where it is none of them.

    >>> import thalweg as tw
    >>> tw.isin(tw.tensor([1, 2, 3]), tw.tensor([2, 5]))
    tensor([False,  True, False])
    """
    a, b = (x._value if isinstance(x, Tensor) else np.asarray(x) for x in (elements, test_elements))
    target = result_dtype([a, b])
    a, b = convert(a, dtype=target), reshape(convert(b, dtype=target), shape=(b.size,))
    if not b.size:
        return wrap(np.full(a.shape, invert))
    rows = take(b, argsort(b, dim=0, descending=False), pattern=("array",))
    flat = reshape(a, shape=(a.size,))
    places = e.minimum(searchsorted(rows, flat, right=False), b.size - 1)
    found = reshape(e.eq(take(rows, places, pattern=("array",)), flat), shape=a.shape)
    return wrap(e.logical_not(found) if invert else found)


def result_type(tensor1: Any, tensor2: Any) -> dtype:
    """The dtype that an operation on two operands, tensors or Python numbers, computes in.

    Tensors with axes come first, then 0-d tensors, then numbers: a later one counts only if its kind
    (bool < integer < floating) is higher.

    >>> import thalweg as tw
    >>> tw.result_type(tw.tensor([1, 2]), 1.5), tw.result_type(tw.tensor([1.0]), tw.tensor(2.0, dtype=tw.float64))
    (thalweg.float32, thalweg.float32)
    """
    return from_numpy_dtype(result_dtype([x._value if isinstance(x, Tensor) else x for x in (tensor1, tensor2)]))


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether in-place operations may store the one in the other: floats not in integers, neither in booleans."""
    rank = {"b": 0, "u": 1, "i": 1, "f": 2}
    return rank[from_.numpy.kind] <= rank[to.numpy.kind]


def numel(input: Tensor) -> int:
    """The number of elements."""
    return int(input._value.size)


def is_tensor(obj: Any) -> bool:
    """Whether ``obj`` is a Tensor."""
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a floating-point one."""
    return bool(input._value.dtype.kind == "f")


def is_complex(input: Tensor) -> bool:
    """False: there are no complex tensors."""
    return False


def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers."""
    return bool(input._value.dtype.kind in "if")


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether the shapes are equal."""
    return bool(input._value.shape == other._value.shape)


def is_nonzero(input: Tensor) -> bool:
    """Whether the one element is not 0."""
    return bool(input)


def logical_mask(mask: Tensor, name: str) -> Tensor:
    """``mask`` if it is boolean, else a DtypeError."""
    if mask._value.dtype != BOOL:
        raise DtypeError(f"{name}: the mask must be a bool tensor, not {mask.dtype}; compare first, as in mask != 0")
    return mask
