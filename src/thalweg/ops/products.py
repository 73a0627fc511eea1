"""Products of vectors and matrices under PyTorch's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..errors import ArgumentError, DtypeError, ShapeError
from . import elementwise as e
from . import linalg
from .base import where
from .broadcast import reshape, sum_
from .dims import one_dim
from .index import take
from .reductions import norm
from .shape import cat, index, permute

__all__ = [
    "addbmm", "addmm", "addmv", "addr", "baddbmm", "bmm", "cdist", "chain_matmul", "cross", "dot", "ger", "inner",
    "kron", "matmul", "mm", "mv", "outer", "pdist", "tensordot", "trace", "vdot",
]  # fmt: skip


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
    return _plus(input, mm(mat1, mat2), beta, alpha)


def _plus(input: Tensor, product: Tensor, beta: float, alpha: float) -> Tensor:
    """beta * input + alpha * product; with beta = 0 the input is not looked at, so that its NaN don't spread."""
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return product + 0 * where(e.isnan(input) | e.isinf(input), 0.0, input)
    return (input if beta == 1 else input * beta) + product


def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * mat @ vec."""
    return _plus(input, mv(mat, vec), beta, alpha)


def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2)."""
    return _plus(input, outer(vec1, vec2), beta, alpha)


def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * batch1 @ batch2, matrix by matrix."""
    return _plus(input, bmm(batch1, batch2), beta, alpha)


def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * the sum of the products batch1[i] @ batch2[i]."""
    return _plus(input, sum_(bmm(batch1, batch2), dims=(0,), keepdim=False), beta, alpha)


def transpose_matrix(input: Tensor) -> Tensor:
    """A matrix transposed; tensors of fewer dimensions as they are."""
    if input._value.ndim > 2:
        raise ShapeError(f"t: expects at most 2 dimensions, got shape {tuple(input.shape)}; use transpose(dim0, dim1)")
    return permute(input, dims=(1, 0)) if input._value.ndim == 2 else input


ger, vdot = outer, dot


def inner(input: Tensor, other: Tensor) -> Tensor:
    """Sums of products over the last axes of both; with a 0-d operand the plain product."""
    a, b = input._value, other._value
    if not a.ndim or not b.ndim:
        return e.mul(input, other)
    if a.shape[-1] != b.shape[-1]:
        raise ShapeError(f"inner: the last sizes differ, {tuple(a.shape)} and {tuple(b.shape)}")
    return tensordot(input, other, ([a.ndim - 1], [b.ndim - 1]))


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sums of products over axes of both: the last ``dims`` of a and the first of b, or those in two lists.

    >>> import thalweg as tw
    >>> tw.tensordot(tw.ones(2, 3, 4), tw.ones(4, 3), dims=([2, 1], [0, 1]))
    tensor([12., 12.])
    """
    left, right = _summed_axes(a, b, dims)
    sizes = [a._value.shape[i] for i in left]
    if sizes != [b._value.shape[i] for i in right]:
        raise ShapeError(
            f"tensordot: axes {left} of shape {tuple(a.shape)} and {right} of {tuple(b.shape)} differ in size"
        )
    kept_a = [i for i in range(a._value.ndim) if i not in left]
    kept_b = [i for i in range(b._value.ndim) if i not in right]
    n = int(np.prod(sizes, dtype=int))
    rows, columns = [a._value.shape[i] for i in kept_a], [b._value.shape[i] for i in kept_b]
    x = reshape(permute(a, dims=(*kept_a, *left)), shape=(int(np.prod(rows, dtype=int)), n))
    y = reshape(permute(b, dims=(*right, *kept_b)), shape=(n, int(np.prod(columns, dtype=int))))
    return reshape(matmul(x, y), shape=(*rows, *columns))


def _summed_axes(a: Tensor, b: Tensor, dims: Any) -> tuple[list[int], list[int]]:
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if not 0 <= dims <= min(a._value.ndim, b._value.ndim):
            raise ShapeError(f"tensordot: can't sum over {dims} axes of {tuple(a.shape)} and {tuple(b.shape)}")
        return list(range(a._value.ndim - dims, a._value.ndim)), list(range(dims))
    left, right = ([dims[i]] if isinstance(dims[i], int) else list(dims[i]) for i in (0, 1))
    if len(left) != len(right):
        raise ShapeError(f"tensordot: both lists of axes must be equally long, got {left} and {right}")
    return (
        [one_dim(d, a._value.ndim, "tensordot") for d in left],
        [one_dim(d, b._value.ndim, "tensordot") for d in right],
    )


def kron(input: Tensor, other: Tensor) -> Tensor:
    """Kronecker's product: every element of ``input`` times all of ``other``, as blocks."""
    ndim = max(input._value.ndim, other._value.ndim)
    a = (1,) * (ndim - input._value.ndim) + tuple(input._value.shape)
    b = (1,) * (ndim - other._value.ndim) + tuple(other._value.shape)
    x = reshape(input, shape=tuple(m for n in a for m in (n, 1)))
    y = reshape(other, shape=tuple(m for n in b for m in (1, n)))
    return reshape(e.mul(x, y), shape=tuple(n * m for n, m in zip(a, b, strict=True)))


def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal."""
    _require_ndim("trace", input=(input, 2))
    height, width = input._value.shape
    zero = where(np.eye(height, width, dtype=bool), input, 0)
    return sum_(zero, dims=(0, 1), keepdim=False)


def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The vector product along an axis of size 3: ``dim``, or the first such one."""
    shape = np.broadcast_shapes(input._value.shape, other._value.shape)
    if dim is None:
        found = [i for i, n in enumerate(shape) if n == 3]
        if not found:
            raise ShapeError(f"cross: no axis of shape {shape} has size 3")
        dim = found[0]
    d = one_dim(dim, len(shape), "cross")
    if input._value.ndim != other._value.ndim:
        raise ShapeError(f"cross: {tuple(input.shape)} and {tuple(other.shape)} need equally many axes")
    if input._value.shape[d] != 3 or other._value.shape[d] != 3:
        raise ShapeError(f"cross: axis {dim} must have size 3, got {tuple(input.shape)} and {tuple(other.shape)}")
    lead = (slice(None),) * d
    a = [index(input, index=(*lead, slice(i, i + 1))) for i in range(3)]
    b = [index(other, index=(*lead, slice(i, i + 1))) for i in range(3)]
    parts = [a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3] for i in range(3)]
    return cat(*parts, dim=d)


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary") -> Tensor:
    """The p-norm distances of all rows of x1 to all rows of x2.

    x1 : (..., n, d), x2 : (..., m, d)  ->  (..., n, m). The derivative of a distance of 0 is 0. ``compute_mode`` says
    in PyTorch how it is computed; here it has no meaning.
    """
    if p < 0:
        raise ArgumentError(f"cdist: p must not be negative, got {p}")
    if x1._value.ndim < 2 or x2._value.ndim < 2 or x1._value.shape[-1] != x2._value.shape[-1]:
        raise ShapeError(f"cdist: needs rows of one length, got shapes {tuple(x1.shape)} and {tuple(x2.shape)}")
    a = reshape(x1, shape=(*x1._value.shape[:-1], 1, x1._value.shape[-1]))
    b = reshape(x2, shape=(*x2._value.shape[:-2], 1, *x2._value.shape[-2:]))
    return norm(a - b, p, -1)


def pdist(input: Tensor, p: float = 2) -> Tensor:
    """The p-norm distances of all pairs of different rows of a matrix: of row 0 to 1, 2, …, of row 1 to 2, …."""
    _require_ndim("pdist", input=(input, 2))
    first, second = np.triu_indices(input._value.shape[0], 1)
    a, b = (take(input, places, pattern=("array",)) for places in (first, second))
    return norm(a - b, p, -1)


def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of several matrices in the cheapest order."""
    for i, x in enumerate(matrices):
        _require_ndim(f"chain_matmul: matrix {i}", matrix=(x, 2))
    return chain([*matrices])


def chain(factors: Sequence[Tensor]) -> Tensor:
    """The product of two-dimensional factors, by dynamic programming over the places of the brackets."""
    sizes = [factors[0]._value.shape[0], *(x._value.shape[1] for x in factors)]
    best: dict[tuple[int, int], tuple[int, int]] = {(i, i + 1): (0, i) for i in range(len(factors))}
    for width in range(2, len(factors) + 1):
        for i in range(len(factors) - width + 1):
            j = i + width
            best[i, j] = min(
                (best[i, k][0] + best[k, j][0] + sizes[i] * sizes[k] * sizes[j], k) for k in range(i + 1, j)
            )
    return _bracketed(factors, best, 0, len(factors))


def _bracketed(factors: Sequence[Tensor], best: Any, i: int, j: int) -> Tensor:
    if j == i + 1:
        return factors[i]
    k = best[i, j][1]
    return matmul(_bracketed(factors, best, i, k), _bracketed(factors, best, k, j))
