"""Functions composed of primitives, under PyTorch's names: arithmetic, reductions and products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.dtypes import BOOL, FLOAT64, as_numpy_dtype, default_float, dtype, from_numpy_dtype, result_dtype
from ..core.tensor import Tensor, wrap
from ..errors import DtypeError, ShapeError
from . import elementwise as e
from . import linalg, reduce, rows
from .base import convert, isfinite, quiet, where
from .broadcast import count, reshape, sum_
from .broadcast import mean as mean_
from .dims import all_dims, one_dim
from .shape import permute

__all__ = [
    "ValuesAndIndices",
    "add",
    "addcdiv",
    "addcmul",
    "addmm",
    "all",
    "allclose",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "bmm",
    "clamp",
    "cumsum",
    "div",
    "dot",
    "equal",
    "isclose",
    "lerp",
    "log2",
    "log10",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "mean",
    "min",
    "mm",
    "mv",
    "norm",
    "outer",
    "prod",
    "result_type",
    "softmax",
    "square",
    "std",
    "sub",
    "sum",
    "tan",
    "var",
]

# -- arithmetic -------------------------------------------------------------------------------------------


def add(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """input + alpha * other."""
    result: Tensor = e.add(input, other if alpha == 1 else e.mul(other, alpha))
    return result


def sub(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """input - alpha * other."""
    result: Tensor = e.sub(input, other if alpha == 1 else e.mul(other, alpha))
    return result


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other; with ``rounding_mode`` "trunc" or "floor" rounded, and then integers stay integers."""
    if rounding_mode is None:
        result: Tensor = e.div(input, other)
        return result
    if rounding_mode == "floor":
        return e.floor_divide(input, other)
    if rounding_mode == "trunc":
        kinds = [x._value if isinstance(x, Tensor) else x for x in (input, other)]
        if result_dtype(kinds).kind == "f":
            return e.trunc(e.div(input, other))
        return e.floor_divide(e.sub(input, e.fmod(input, other)), other)  # exact also beyond a float's digits
    raise ShapeError(f'div: rounding_mode must be None, "trunc" or "floor", not {rounding_mode!r}')


def square(input: Tensor) -> Tensor:
    """input ** 2."""
    return e.mul(input, input)


def log2(input: Tensor) -> Tensor:
    """The logarithm to base 2."""
    return e.mul(e.log(input), 1 / math.log(2))


def log10(input: Tensor) -> Tensor:
    """The logarithm to base 10."""
    return e.mul(e.log(input), 1 / math.log(10))


def tan(input: Tensor) -> Tensor:
    """The tangent of an angle in radians."""
    return e.div(e.sin(input), e.cos(input))


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Elements below ``min`` become min, above ``max`` become max; NaN stays.

    The derivative is 1 inside and on the bounds, 0 outside.
    """
    if min is None and max is None:
        raise ShapeError("clamp: give min, max, or both")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        low = input if min is None else _clamp_side(input, min, e.lt)
        return low if max is None else _clamp_side(low, max, e.gt)
    result = input
    if min is not None:
        result = where(e.lt(result, min), min, result)
    if max is not None:
        result = where(e.gt(result, max), max, result)
    return result


def _clamp_side(x: Tensor, bound: Any, beyond: Any) -> Tensor:
    return where(beyond(x, bound), bound, x)


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight * (end - input)."""
    return input + weight * (end - input)


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value * tensor1 * tensor2."""
    return input + value * (tensor1 * tensor2)


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value * tensor1 / tensor2."""
    return input + value * (tensor1 / tensor2)


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


def result_type(tensor1: Any, tensor2: Any) -> dtype:
    """The dtype that an operation on two operands, tensors or Python numbers, computes in.

    Tensors with axes come first, then 0-d tensors, then numbers: a later one counts only if its kind
    (bool < integer < floating) is higher.

    >>> import thalweg as tw
    >>> tw.result_type(tw.tensor([1, 2]), 1.5), tw.result_type(tw.tensor([1.0]), tw.tensor(2.0, dtype=tw.float64))
    (thalweg.float32, thalweg.float32)
    """
    return from_numpy_dtype(result_dtype([x._value if isinstance(x, Tensor) else x for x in (tensor1, tensor2)]))


# -- reductions -------------------------------------------------------------------------------------------

Dim = int | Sequence[int] | None


def sum(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The sum over ``dim`` (all axes by default); integers and booleans add up as int64.

    >>> import thalweg as tw
    >>> tw.sum(tw.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=0)
    tensor([4., 6.])
    """
    x = input if dtype is None else convert(input, dtype=as_numpy_dtype(dtype))
    return sum_(x, dims=all_dims(dim, x._value.ndim, "sum"), keepdim=keepdim)


def mean(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The average over ``dim`` (all axes by default); NaN where there is nothing to average."""
    x = input if dtype is None else convert(input, dtype=as_numpy_dtype(dtype))
    if x._value.dtype.kind != "f":
        raise DtypeError(f"mean: needs a floating-point tensor, this one is {x.dtype}; convert it with .float() first")
    dims = all_dims(dim, x._value.ndim, "mean")
    return mean_(x, dims=dims, keepdim=keepdim)


def var(
    input: Tensor, dim: Dim = None, *, correction: float = 1, keepdim: bool = False, unbiased: Any = None
) -> Tensor:
    """The variance over ``dim``: squared deviations, divided by their number less ``correction``."""
    if unbiased is not None:
        correction = 1 if unbiased else 0
    dims = all_dims(dim, input._value.ndim, "var")
    centred = input - mean(input, dims, keepdim=True) if dims else input * 0
    divisor = count(input._value.shape, dims) - correction
    total = sum_(centred * centred, dims=dims, keepdim=keepdim)
    return e.div(total, float(divisor)) if divisor > 0 else total * math.nan


def std(
    input: Tensor, dim: Dim = None, *, correction: float = 1, keepdim: bool = False, unbiased: Any = None
) -> Tensor:
    """The square root of the variance; its gradient is 0 where the variance is 0, as in PyTorch."""
    variance = var(input, dim, correction=correction, keepdim=keepdim, unbiased=unbiased)
    flat = e.eq(variance, 0)
    return where(flat, 0.0, e.sqrt(where(flat, 1.0, variance)))


def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The product over one axis, or over all."""
    x = input if dtype is None else convert(input, dtype=as_numpy_dtype(dtype))
    return reduce.prod(x, dims=all_dims(dim, x._value.ndim, "prod"), keepdim=keepdim)


def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The largest element over ``dim``; equal ones share the gradient evenly."""
    return reduce.amax(input, dims=all_dims(dim, input._value.ndim, "amax"), keepdim=keepdim)


def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The smallest element over ``dim``; equal ones share the gradient evenly."""
    return reduce.amin(input, dims=all_dims(dim, input._value.ndim, "amin"), keepdim=keepdim)


class ValuesAndIndices(NamedTuple):
    """What ``max`` and ``min`` over an axis return."""

    values: Tensor
    indices: Tensor


def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element; with ``dim`` a pair (values, indices); with a tensor the elementwise maximum."""
    return _extremum(input, dim, keepdim, e.maximum, amax, reduce.argmax)


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element; with ``dim`` a pair (values, indices); with a tensor the elementwise minimum."""
    return _extremum(input, dim, keepdim, e.minimum, amin, reduce.argmin)


def _extremum(input: Tensor, dim: Any, keepdim: bool, binary: Any, full: Any, position: Any) -> Any:
    if isinstance(dim, Tensor):
        return binary(input, dim)
    if dim is None:
        return full(input)
    if input._value.ndim == 0:
        return ValuesAndIndices(input.clone(), wrap(np.zeros((), np.int64)))
    from .index import gather

    d = one_dim(dim, input._value.ndim, "max")
    indices = position(input, dim=d, keepdim=True)
    values = gather(input, indices, dim=d)
    if keepdim:
        return ValuesAndIndices(values, indices)
    shape = tuple(n for i, n in enumerate(input._value.shape) if i != d)
    return ValuesAndIndices(reshape(values, shape=shape), reshape(indices, shape=shape))


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The position of the largest element: in the flattened tensor, or along ``dim``."""
    return _arg(input, dim, keepdim, reduce.argmax)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The position of the smallest element: in the flattened tensor, or along ``dim``."""
    return _arg(input, dim, keepdim, reduce.argmin)


def _arg(input: Tensor, dim: int | None, keepdim: bool, position: Any) -> Tensor:
    x = input.detach()
    if dim is None or x._value.ndim == 0:
        flat: Tensor = position(reshape(x, shape=(x._value.size,)), dim=0, keepdim=False)
        return reshape(flat, shape=(1,) * x._value.ndim) if keepdim else flat
    return position(x, dim=one_dim(dim, x._value.ndim, "argmax"), keepdim=keepdim)


def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """True where one of the elements over ``dim`` is non-zero."""
    return reduce.any_(input, dims=all_dims(dim, input._value.ndim, "any"), keepdim=keepdim)


def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """True where all elements over ``dim`` are non-zero."""
    return reduce.all_(input, dims=all_dims(dim, input._value.ndim, "all"), keepdim=keepdim)


def cumsum(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor:
    """The running sum along ``dim``."""
    x = input if dtype is None else convert(input, dtype=as_numpy_dtype(dtype))
    if x._value.ndim == 0:
        return x.clone()
    return reduce.cumsum(x, dim=one_dim(dim, x._value.ndim, "cumsum"))


def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(x))) over ``dim``, without overflow; -inf where there is nothing to add.

    Its derivative is softmax(x). Where all elements are -inf the result is -inf with gradient 0; where one is
    +inf the result is +inf with gradient 0 (PyTorch: NaN for that element).
    """
    x = input if input._value.dtype.kind == "f" else convert(input, dtype=default_float())
    dims = all_dims(dim, x._value.ndim, "logsumexp")
    if 0 in (x._value.shape[i] for i in dims):
        return e.log(sum_(e.exp(x), dims=dims, keepdim=keepdim))
    top = reduce.amax(x.detach(), dims=dims, keepdim=True)
    top = where(e.isinf(top), 0.0, top)  # -inf - -inf would be NaN
    total: Tensor = sum_(e.exp(x - top), dims=dims, keepdim=keepdim)
    nothing = e.eq(total, 0)  # all are -inf: the logarithm of 1 stands in for that of 0
    log = where(nothing, -math.inf, e.log(where(nothing, 1.0, total)))
    return log + (top if keepdim else reshape(top, shape=total._value.shape))


def softmax(input: Tensor, dim: int | None = None, dtype: dtype | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along ``dim``."""
    return _row_wise(rows.softmax, input, dim, dtype, "softmax")


def log_softmax(input: Tensor, dim: int | None = None, dtype: dtype | None = None) -> Tensor:
    """log(softmax(x)) along ``dim``, without overflow."""
    return _row_wise(rows.log_softmax, input, dim, dtype, "log_softmax")


def _row_wise(primitive: Any, input: Tensor, dim: int | None, dtype: dtype | None, name: str) -> Tensor:
    x = input if dtype is None else convert(input, dtype=as_numpy_dtype(dtype))
    if x._value.dtype.kind != "f":
        raise DtypeError(
            f"{name}: needs a floating-point tensor, this one is {x.dtype}; convert it with .float() first"
        )
    ndim = x._value.ndim
    if dim is None:
        dim = 0 if ndim in (0, 1, 3) else 1  # PyTorch's implicit choice
    if ndim == 0:
        one = primitive(reshape(x, shape=(1,)), dim=0)
        return reshape(one, shape=())
    return primitive(x, dim=one_dim(dim, ndim, name))


def norm(input: Tensor, p: Any = 2, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The vector p-norm over ``dim``: (sum |x|**p) ** (1/p); p = inf is the largest |x|, p = 0 counts non-zeros.

    Where all elements are 0 the gradient of the 2-norm is 0 (a subgradient), to every order; so it is where the norm
    is infinite.
    """
    if p is None or p == "fro":
        p = 2
    x = input if input._value.dtype.kind == "f" else convert(input, dtype=default_float())
    dims = all_dims(dim, x._value.ndim, "norm")
    if p in (math.inf, -math.inf):
        pick = reduce.amax if p > 0 else reduce.amin
        return pick(e.abs_(x), dims=dims, keepdim=keepdim)
    if p == 0:
        return sum_(e.abs_(e.sign(x)), dims=dims, keepdim=keepdim)
    if p == 1:
        return sum_(e.abs_(x), dims=dims, keepdim=keepdim)
    power = e.mul(x, x) if p == 2 else e.pow_(_magnitude(x, p), p)
    total = sum_(power, dims=dims, keepdim=keepdim)
    zero = e.eq(total, 0)
    root = e.pow_(where(zero, 1.0, total), 1.0 / p)  # the root of 1 stands in where that of 0 has no derivative
    return where(zero, 0.0, root)


def _magnitude(x: Tensor, p: float) -> Tensor:
    """|x|; for roots, which are infinitely steep at 0, with derivative 0 there."""
    if not 0 < p < 1:
        return e.abs_(x)
    zero = e.eq(x, 0)
    return where(zero, 0.0, e.abs_(where(zero, 1.0, x)))


# -- products ---------------------------------------------------------------------------------------------


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product; vectors count as rows on the left and columns on the right, leading axes are batches.

    >>> import thalweg as tw
    >>> tw.matmul(tw.ones(2, 3), tw.ones(3))
    tensor([3., 3.])
    """
    a, b = input, other
    if not (isinstance(a, Tensor) and isinstance(b, Tensor)):
        raise TypeError("matmul: both operands must be tensors; make one with tw.tensor")
    va, vb = a._value, b._value
    if va.dtype != vb.dtype:
        raise DtypeError(f"matmul: both operands must have the same dtype, got {a.dtype} and {b.dtype}")
    if va.ndim == 0 or vb.ndim == 0:
        raise ShapeError("matmul: 0-d tensors can't be multiplied as matrices; use * for scalars")
    left, right = va.ndim == 1, vb.ndim == 1
    if left:
        a = reshape(a, shape=(1, va.shape[0]))
    if right:
        b = reshape(b, shape=(vb.shape[0], 1))
    if a._value.shape[-1] != b._value.shape[-2]:
        raise ShapeError(f"matmul: inner sizes differ, {tuple(va.shape)} @ {tuple(vb.shape)}")
    try:
        y: Tensor = linalg.matmul(a, b)
    except ValueError:
        linalg.matmul.shape(a, b)
        raise
    if left or right:
        shape = y._value.shape
        lead = shape[:-2] + (() if left else shape[-2:-1]) + (() if right else shape[-1:])
        y = reshape(y, shape=lead)
    return y


def _require_ndim(name: str, **tensors: tuple[Tensor, int]) -> None:
    for argument, (x, n) in tensors.items():
        if x._value.ndim != n:
            raise ShapeError(f"{name}: {argument} must have {n} dimensions, got shape {tuple(x.shape)}")


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices."""
    _require_ndim("mm", input=(input, 2), mat2=(mat2, 2))
    return matmul(input, mat2)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two batches of matrices."""
    _require_ndim("bmm", input=(input, 3), mat2=(mat2, 3))
    return matmul(input, mat2)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """A matrix times a vector."""
    _require_ndim("mv", input=(input, 2), vec=(vec, 1))
    return matmul(input, vec)


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The inner product of two vectors."""
    _require_ndim("dot", input=(input, 1), tensor=(tensor, 1))
    return matmul(input, tensor)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Every product of an element of one vector with one of the other."""
    _require_ndim("outer", input=(input, 1), vec2=(vec2, 1))
    n, m = input._value.shape[0], vec2._value.shape[0]
    return reshape(input, shape=(n, 1)) * reshape(vec2, shape=(1, m))


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * mat1 @ mat2."""
    product = mm(mat1, mat2)
    return (input if beta == 1 else input * beta) + (product if alpha == 1 else product * alpha)


def transpose_matrix(input: Tensor) -> Tensor:
    """A matrix transposed; tensors of fewer dimensions as they are."""
    if input._value.ndim > 2:
        raise ShapeError(f"t: expects at most 2 dimensions, got shape {tuple(input.shape)}; use transpose(dim0, dim1)")
    return permute(input, dims=(1, 0)) if input._value.ndim == 2 else input


def logical_mask(mask: Tensor, name: str) -> Tensor:
    """``mask`` if it is boolean, else a DtypeError."""
    if mask._value.dtype != BOOL:
        raise DtypeError(f"{name}: the mask must be a bool tensor, not {mask.dtype}; compare first, as in mask != 0")
    return mask
