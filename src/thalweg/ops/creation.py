"""Making tensors: from data, and filled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.device import require_cpu
from ..core.dtypes import (
    INT64,
    as_numpy_dtype,
    default_float,
    dtype,
    from_numpy_dtype,
    promote_numpy,
    scalar_dtype,
)
from ..core.modes import state
from ..core.tensor import Tensor, wrap
from ..core.value import SymbolicValue
from ..errors import DtypeError, ShapeError
from .base import convert
from .broadcast import expand

Shape = Any


def tensor(
    data: Any, *, dtype: dtype | None = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A new tensor with a copy of ``data``: numbers, nested lists, arrays.

    Python floats become the default dtype, ints int64, bools bool; NumPy arrays keep their dtype.

    >>> import thalweg as tw
    >>> tw.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    return finish(_array(data, dtype, copy=True), requires_grad, device)


def as_tensor(data: Any, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """``data`` as a tensor, sharing its memory where it is an array (or tensor) of the right dtype."""
    require_cpu(device, "as_tensor")
    if isinstance(data, Tensor):
        return data if dtype is None or data.dtype is dtype else convert(data, dtype=as_numpy_dtype(dtype))
    return wrap(_array(data, dtype, copy=False))


asarray = as_tensor


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor that shares the array's memory.

    >>> import numpy as np, thalweg as tw
    >>> a = np.zeros(2)
    >>> t = tw.from_numpy(a)
    >>> a[0] = 5
    >>> t
    tensor([5., 0.], dtype=thalweg.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"from_numpy: expected a NumPy array, got {type(ndarray).__name__}; use tw.tensor")
    if state.tracer is None:
        return wrap(_checked(ndarray))
    with state.tracer.suspended():  # a tensor from outside, whose memory each run reads
        return wrap(_checked(ndarray))


def _checked(array: Any) -> Any:
    """An array of a supported dtype in the machine's byte order."""
    native = as_numpy_dtype(array.dtype)
    return np.asarray(array) if array.dtype == native and array.dtype.isnative else np.asarray(array, native)


def _array(data: Any, dtype: dtype | None, copy: bool) -> Any:
    """The ndarray that ``data`` stands for."""
    target = None if dtype is None else as_numpy_dtype(dtype)
    if isinstance(data, Tensor):
        value = data._value
        return value.copy() if target is None or value.dtype == target else convert(value, dtype=target)
    if isinstance(data, SymbolicValue):  # a number that is read anew in each run
        return convert(data, dtype=default_float() if target is None else target)
    if isinstance(data, (np.ndarray, np.generic)) or hasattr(data, "__array__"):
        array = _checked(np.asarray(data))
        return np.array(array, target, copy=True) if copy else np.asarray(array, target)
    if isinstance(data, (bool, int, float)):
        return _fitted(np.array(data), scalar_dtype(data) if target is None else target)
    if isinstance(data, complex):
        raise DtypeError("tensor: complex numbers are not supported; keep the real and imaginary parts in two tensors")
    try:
        array = np.array(_unwrap(data))
    except ValueError:
        raise ShapeError(
            "tensor: the nested lists have unequal lengths; pad them, or make one tensor for each"
        ) from None
    if array.dtype.kind in "OUSMmVc":
        if array.dtype.kind == "c":
            raise DtypeError(
                f"tensor: complex numbers ({array.dtype}) are not supported; keep the real and imaginary parts in two "
                "tensors"
            )
        raise DtypeError(f"tensor: can't make numbers of data of type {array.dtype}; convert it to numbers first")
    return _fitted(array, _python_dtype(data, array) if target is None else target)


def _fitted(array: Any, target: Any) -> Any:
    """Python's numbers in ``target``; those that an integer dtype can't hold are refused."""
    if array.dtype == target:
        return array
    if array.size and target.kind in "iu":
        limits, low, high = np.iinfo(target), array.min(), array.max()
        if not (low >= limits.min and high <= limits.max):
            raise DtypeError(
                f"tensor: {low if low < limits.min else high} does not fit into {target}, which holds integers from "
                f"{limits.min} to {limits.max}"
            )
    with np.errstate(all="ignore"):
        return array.astype(target)


def _unwrap(data: Any) -> Any:
    """Nested lists with their tensors replaced by arrays."""
    if isinstance(data, Tensor):
        return data._value
    if isinstance(data, (list, tuple)) and any(isinstance(x, (list, tuple, Tensor)) for x in data):
        return [_unwrap(x) for x in data]
    return data


def _python_dtype(data: Any, array: Any) -> Any:
    """Lists of Python numbers count as Python numbers do; of arrays or tensors, as those."""
    found: list[Any] = []
    stack = [data]
    while stack:
        x = stack.pop()
        if isinstance(x, (list, tuple)):
            stack.extend(x[:1])
        elif hasattr(x, "dtype") and not getattr(x, "weak", False):
            found.append(x._value.dtype if isinstance(x, Tensor) else x.dtype)
    if found:
        return as_numpy_dtype(found[0] if len(found) == 1 else promote_numpy(*found[:2]))
    if array.size == 0 or array.dtype.kind == "f":
        return default_float()
    return np.dtype(bool) if array.dtype.kind == "b" else INT64


# -- filled -----------------------------------------------------------------------------------------------


def shape_of(size: tuple[Any, ...], name: str, keyword: Any = None) -> tuple[int, ...]:
    """The shape given as separate ints, as one sequence, or by the keyword ``size``."""
    if keyword is not None:
        size = (keyword,)
    if len(size) == 1 and not isinstance(size[0], (int, np.integer, Tensor)):
        size = tuple(size[0])
    shape = tuple(int(n) for n in size)
    if any(n < 0 for n in shape):
        raise ShapeError(f"{name}: sizes can't be negative, got {shape}")
    return shape


def finish(value: Any, requires_grad: bool, device: Any) -> Tensor:
    if device is not None:
        require_cpu(device, "device")
    x = wrap(value if state.forward is None else state.forward.held(value))
    return x.requires_grad_() if requires_grad else x


def float_dtype(d: dtype | None) -> Any:
    return default_float() if d is None else as_numpy_dtype(d)


def zeros(
    *sizes: Any,
    size: Any = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of zeros of the given shape."""
    return finish(np.zeros(shape_of(sizes, "zeros", size), float_dtype(dtype)), requires_grad, device)


def ones(
    *sizes: Any,
    size: Any = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of ones of the given shape."""
    return finish(np.ones(shape_of(sizes, "ones", size), float_dtype(dtype)), requires_grad, device)


def empty(
    *sizes: Any,
    size: Any = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor whose elements are not set: whatever was in the memory."""
    return finish(np.empty(shape_of(sizes, "empty", size), float_dtype(dtype)), requires_grad, device)


def full(
    size: Shape,
    fill_value: Any,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor filled with one number, of the number's dtype unless ``dtype`` is given."""
    kind = fill_value.dtype.numpy.kind if isinstance(fill_value, Tensor) else scalar_dtype(fill_value).kind
    natural = default_float() if kind == "f" else np.dtype(bool) if kind == "b" else INT64
    target = natural if dtype is None else as_numpy_dtype(dtype)
    return finish(_filled(shape_of((size,), "full"), fill_value, target), requires_grad, device)


def _filled(shape: tuple[int, ...], fill: Any, target: Any) -> Any:
    """An array of one number, which may be a tensor's element."""
    value = fill._value if isinstance(fill, Tensor) else fill
    if isinstance(value, SymbolicValue):
        return expand(convert(value, dtype=target), shape=shape).copy()
    return np.full(shape, value, target)


def like_dtype(input: Tensor, dtype: dtype | None) -> Any:
    return input._value.dtype if dtype is None else as_numpy_dtype(dtype)


def resembling(input: Tensor, x: Tensor, requires_grad: bool, device: Any = None) -> Tensor:
    """A new tensor in memory that can hold what ``input`` can."""
    value = input._value
    return finish(value.like(x._value) if isinstance(value, SymbolicValue) else x._value, requires_grad, device)


def zeros_like(
    input: Tensor,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Zeros of the shape and dtype of ``input``."""
    return resembling(input, wrap(np.zeros(input._value.shape, like_dtype(input, dtype))), requires_grad, device)


def ones_like(
    input: Tensor,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Ones of the shape and dtype of ``input``."""
    return resembling(input, wrap(np.ones(input._value.shape, like_dtype(input, dtype))), requires_grad, device)


def empty_like(
    input: Tensor,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """An unset tensor of the shape and dtype of ``input``."""
    return resembling(input, wrap(np.empty(input._value.shape, like_dtype(input, dtype))), requires_grad, device)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """One number in the shape and dtype of ``input``."""
    return resembling(
        input, wrap(_filled(input._value.shape, fill_value, like_dtype(input, dtype))), requires_grad, device
    )


def arange(
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """start, start + step, … below ``end``: int64 for ints, the default dtype if one of the numbers is a float.

    >>> import thalweg as tw
    >>> tw.arange(5), tw.arange(0, 1, 0.25)
    (tensor([0, 1, 2, 3, 4]), tensor([0.0000, 0.2500, 0.5000, 0.7500]))
    """
    if end is None:
        start, end = 0, start
    start, end, step = (x.item() if isinstance(x, Tensor) else x for x in (start, end, step))
    if step == 0:
        raise ShapeError("arange: step must not be zero")
    if (end - start) * step < 0:
        raise ShapeError(f"arange: step {step} leads away from end: start {start}, end {end}")
    integers = all(isinstance(x, (int, np.integer)) for x in (start, end, step))
    target = (INT64 if integers else default_float()) if dtype is None else as_numpy_dtype(dtype)
    n = -(-(end - start) // step) if integers else math.ceil((end - start) / step)
    work = np.int64 if integers else np.float64
    return finish((work(start) + np.arange(n, dtype=work) * work(step)).astype(target), requires_grad, device)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """``steps`` evenly spaced numbers from ``start`` to ``end``, both included."""
    start, end = (x.item() if isinstance(x, Tensor) else x for x in (start, end))
    if steps < 0:
        raise ShapeError(f"linspace: the number of steps must not be negative, got {steps}")
    return finish(np.linspace(start, end, steps).astype(float_dtype(dtype)), requires_grad, device)


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """``steps`` numbers from base ** start to base ** end, whose logarithms are evenly spaced."""
    start, end = (x.item() if isinstance(x, Tensor) else x for x in (start, end))
    if steps < 0:
        raise ShapeError(f"logspace: the number of steps must not be negative, got {steps}")
    exponents = np.linspace(start, end, steps)
    return finish(np.power(float(base), exponents).astype(float_dtype(dtype)), requires_grad, device)


def scalar_tensor(s: Any, *, dtype: dtype | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A 0-d tensor of the default dtype, or of ``dtype``."""
    return full((), s, dtype=from_numpy_dtype(float_dtype(dtype)), requires_grad=requires_grad)


def frombuffer(buffer: Any, *, dtype: dtype, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A vector that shares the memory of a buffer such as a bytearray."""
    return finish(np.frombuffer(buffer, as_numpy_dtype(dtype), count, offset), requires_grad, None)


def empty_strided(
    size: Any, stride: Any, *, dtype: dtype | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """An unset tensor whose axes lie in memory in the order of the strides."""
    order = sorted(range(len(size)), key=lambda i: -stride[i])
    value = np.empty([size[i] for i in order], float_dtype(dtype))
    return finish(value.transpose(np.argsort(order)) if order else value, requires_grad, device)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """The identity matrix of n rows and m (default n) columns."""
    return finish(np.eye(n, m, dtype=float_dtype(dtype)), requires_grad, device)


__all__ = [
    "arange", "as_tensor", "asarray", "empty", "empty_like", "empty_strided", "eye", "from_numpy", "frombuffer",
    "full", "full_like", "linspace", "logspace", "ones", "ones_like", "scalar_tensor", "tensor", "zeros",
    "zeros_like",
]  # fmt: skip
