"""For tests: comparing tensors, numbers and structures of them."""

from __future__ import annotations

import cmath
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .core.tensor import Tensor
from .errors import ArgumentError

__all__ = ["assert_close"]

# relative and absolute, as PyTorch's
_TOLERANCES = {"float16": (1e-3, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Fail unless ``actual`` and ``expected`` are of one structure and close: |a - e| <= atol + rtol |e|.

    Tensors, numbers, NumPy arrays, None, and sequences and mappings of them.

    Args:
        actual: what was found.
        expected: what it should be.
        allow_subclasses: compare a Parameter with a plain Tensor; otherwise the types must be the same.
        rtol: relative tolerance; by the dtype if neither it nor ``atol`` is given: float16 1e-3, float32 1.3e-6,
            float64 1e-7, integers 0.
        atol: absolute tolerance; by the dtype 1e-5, 1e-5, 1e-7, 0.
        equal_nan: NaN equals NaN.
        check_device: no effect, since there is one device.
        check_dtype: the dtypes must be the same; otherwise both are promoted.
        check_layout: no effect, since there is one layout.
        check_stride: the strides must be the same.
        msg: the message of the error, or a function of the message to it.

    Raises:
        AssertionError: they differ; the message says where, how often and how much.
        ArgumentError: just one of the tolerances is given.

    >>> import thalweg as tw
    >>> tw.testing.assert_close(tw.tensor([1.0, 2.0]), tw.tensor([1.0, 2.000001]))
    """
    if (rtol is None) != (atol is None):
        raise ArgumentError("assert_close: give both rtol and atol, or none of them")
    options = (allow_subclasses, rtol, atol, equal_nan, check_dtype, check_stride)
    problem = _difference(actual, expected, "", options)
    if problem is not None:
        raise AssertionError(msg(problem) if callable(msg) else msg if msg is not None else problem)


def _difference(actual: Any, expected: Any, place: str, options: Any) -> str | None:
    """What is wrong, or None."""
    where = f" at {place}" if place else ""
    if _is_number(actual) and _is_number(expected):
        return _number_difference(actual, expected, where, options)
    if isinstance(actual, (Tensor, np.ndarray)) and isinstance(expected, (Tensor, np.ndarray)):
        return _tensor_difference(actual, expected, where, options)
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if set(actual) != set(expected):
            return f"The keys differ{where}: {list(actual)} and {list(expected)}"
        return _first(_difference(actual[k], expected[k], f"{place}[{k!r}]", options) for k in actual)
    if _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            return f"The lengths differ{where}: {len(actual)} and {len(expected)}"
        pairs = enumerate(zip(actual, expected, strict=True))
        return _first(_difference(a, e, f"{place}[{i}]", options) for i, (a, e) in pairs)
    if actual is None and expected is None:
        return None
    return f"The values can't be compared{where}: {type(actual).__name__} and {type(expected).__name__}"


def _first(problems: Any) -> str | None:
    return next((problem for problem in problems if problem is not None), None)


def _is_number(x: Any) -> bool:
    return isinstance(x, (bool, int, float, complex, np.number, np.bool_))


def _is_sequence(x: Any) -> bool:
    return isinstance(x, Sequence) and not isinstance(x, (str, bytes))


def _number_difference(actual: Any, expected: Any, where: str, options: Any) -> str | None:
    _, rtol, atol, equal_nan, *_ = options
    if options[4] and type(actual) is not type(expected):
        return f"The types differ{where}: {type(actual).__name__} and {type(expected).__name__}"
    if rtol is None:
        rtol, atol = _TOLERANCES["float64"] if isinstance(actual + expected, (float, complex)) else (0.0, 0.0)
    if actual == expected or (equal_nan and cmath.isnan(actual) and cmath.isnan(expected)):
        return None
    if cmath.isfinite(actual) and cmath.isfinite(expected) and abs(actual - expected) <= atol + rtol * abs(expected):
        return None
    return f"The numbers differ{where}: {actual} and {expected} (tolerances: absolute {atol}, relative {rtol})"


def _tensor_difference(actual: Any, expected: Any, where: str, options: Any) -> str | None:
    allow_subclasses, rtol, atol, equal_nan, check_dtype, check_stride = options
    related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
    if not related or (not allow_subclasses and type(actual) is not type(expected)):
        return f"The types differ{where}: {type(actual).__name__} and {type(expected).__name__}"
    a, e = (x.numpy(force=True) if isinstance(x, Tensor) else x for x in (actual, expected))
    if a.shape != e.shape:
        return f"The shapes differ{where}: {a.shape} and {e.shape}"
    if check_dtype and a.dtype != e.dtype:
        return f"The dtypes differ{where}: {a.dtype} and {e.dtype}"
    if check_stride and a.strides != e.strides:
        return f"The strides differ{where}: {a.strides} and {e.strides} bytes"
    if rtol is None:
        default = [_TOLERANCES.get(x.dtype.name, (0.0, 0.0)) for x in (a, e)]
        rtol, atol = (max(pair) for pair in zip(*default, strict=True))
    if np.allclose(a, e, rtol, atol, equal_nan):
        return None
    return _described(a, e, np.isclose(a, e, rtol, atol, equal_nan), where, (rtol, atol))


def _described(a: Any, e: Any, close: Any, where: str, tolerances: Any) -> str:
    """How many elements differ, and which by most."""
    rtol, atol = tolerances
    with np.errstate(all="ignore"):
        wide = np.result_type(a, e, np.float64)
        absolute = np.where(close, 0, np.abs(a.astype(wide) - e.astype(wide)))
        relative = np.where(close, 0, absolute / np.abs(e.astype(wide)))
    lines = [f"The values differ{where}: {close.size - close.sum()} of {close.size} elements"]
    for kind, values, allowed in (("absolute", absolute, atol), ("relative", relative, rtol)):
        at = tuple(int(i) for i in np.unravel_index(np.nanargmax(np.nan_to_num(values, nan=np.inf)), values.shape))
        lines.append(f"Greatest {kind} difference: {values[at]} at index {at} (up to {allowed} allowed)")
    return "\n".join(lines)
