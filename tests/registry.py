"""Every primitive with sample inputs. A new primitive is one row; test_primitives.py does the rest.

A row gives the primitive, its inputs, and an independent NumPy formula. An input is a shape, for random numbers
from ``domain``, or an array or number that is passed as it stands. Random inputs are differentiated by.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from thalweg.ops import base, broadcast, conv, costs, index, linalg, pool, random, reduce, rows, sampling, shape
from thalweg.ops import elementwise as e
from thalweg.ops import windows as window

from . import registry_mathematics as mathematics
from . import windows
from .samples import ENDS, HUGE, INF, NAN, POSITIVE, TINY, ZEROS, Sample, binary, each, long, unary


def _rounded(f: Any) -> Any:
    """``f``, which gives Python ints, for every float; zeros keep the sign of x."""
    return each(lambda x: math.copysign(f(x), x) if math.isfinite(x) else x)


def _sign(x: Any) -> Any:
    return np.where(x != x, x, (x > 0) * 1.0 - (x < 0) * 1.0).astype(x.dtype)


UNARY = [
    *mathematics.UNARY,
    *unary(e.neg, lambda x: 0 - x, (1.0, *ENDS), kinds="fi"),
    *unary(e.abs_, lambda x: np.where(x < 0, -x, x), (1.0, *ENDS), kinds="fiu"),
    *unary(e.sign, _sign, (*ZEROS, TINY, *ENDS), kinds="fiub"),
    *unary(e.reciprocal, lambda x: 1 / x, (*ZEROS, TINY, HUGE, *ENDS), domain=POSITIVE),
    *unary(e.sqrt, lambda x: x**0.5, (0.0, TINY, 4.0, -1.0, INF, NAN), domain=POSITIVE),
    *unary(e.rsqrt, lambda x: 1 / np.sqrt(x), (0.0, TINY, 4.0, -1.0, INF, NAN), domain=POSITIVE),
    *unary(e.exp, long(np.exp), (*ZEROS, 1e-6, -100.0, 100.0, 1000.0, -1000.0, *ENDS)),
    *unary(e.expm1, long(np.expm1), (*ZEROS, 1e-6, 1e-20, -100.0, 88.0, 1000.0, *ENDS)),
    *unary(e.log, long(np.log), (0.0, TINY, 1.0, HUGE, -1.0, INF, NAN), domain=POSITIVE),
    *unary(e.log1p, long(np.log1p), (*ZEROS, 1e-6, 1e-20, -1.0, -2.0, INF, NAN), domain=(-0.8, 2.0)),
    *unary(e.tanh, each(math.tanh), (*ZEROS, 1e-6, -100.0, 100.0, *ENDS)),
    *unary(e.sigmoid, long(lambda x: 1 / (1 + np.exp(-x))), (*ZEROS, 1e-6, -80.0, 100.0, 1000.0, -1000.0, *ENDS)),
    *unary(e.softplus, long(lambda x: np.log1p(np.exp(x))), (*ZEROS, 1e-6, -80.0, 80.0, 1000.0, -1000.0, *ENDS)),
    *unary(e.erf, each(math.erf), (*ZEROS, 1e-6, 0.4, 0.5, 2.0, 4.5, -5.9, 6.1, 30.0, *ENDS)),
    *unary(e.sin, long(np.sin), (*ZEROS, 1e-6, math.pi, 100.0, *ENDS)),
    *unary(e.cos, long(np.cos), (*ZEROS, 1e-6, math.pi, 100.0, *ENDS)),
    *unary(e.relu, lambda x: np.where(x < 0, 0, x).astype(x.dtype), (0.0, TINY, -TINY, *ENDS), kinds="fiu"),
    *unary(e.floor, _rounded(math.floor), (0.5, -0.5, 2.0, *ENDS), kinds="fiu"),
    *unary(e.ceil, _rounded(math.ceil), (0.5, -0.5, 2.0, *ENDS), kinds="fiu"),
    *unary(e.trunc, _rounded(math.trunc), (0.5, -0.5, 2.0, *ENDS), kinds="fiu"),
    *unary(e.round_, _rounded(round), (0.5, 1.5, -0.5, -2.5, 2.0, *ENDS), kinds="fiu"),
    *unary(e.logical_not, lambda x: x == 0, (*ZEROS, 0.5, *ENDS), kinds="fiub"),
    *unary(e.isnan, lambda x: ~(x == x), (0.0, *ENDS), kinds="fiub"),
    *unary(e.isinf, lambda x: abs(x.astype(np.float64)) == INF, (0.0, *ENDS), kinds="fiub"),
    *unary(base.isfinite, lambda x: abs(x.astype(np.float64)) < INF, (0.0, *ENDS), kinds="fiub"),
    Sample(e.bitwise_not, [np.array([0, 1, -7])], lambda x: -x - 1, kinds="i"),
    Sample(e.bitwise_not, [np.array([True, False])], lambda x: x == 0, kinds="b"),
]  # fmt: skip


def _floor_divide(a: Any, b: Any) -> Any:
    return np.floor(a / b).astype(a.dtype)


BINARY = [
    *mathematics.BINARY,
    *binary(e.add, lambda a, b: a - (0 - b), kinds="fi"),
    *binary(e.sub, lambda a, b: a + (0 - b), kinds="fi"),
    *binary(e.mul, lambda a, b: a * b, kinds="fiub"),
    *binary(e.div, lambda a, b: a * (1 / b), domain=POSITIVE),
    *binary(e.pow_, lambda a, b: np.exp(b * np.log(a)), domain=POSITIVE),
    *[Sample(e.pow_, [(3, 4), b], lambda a, b: a**b, domain=POSITIVE) for b in (0, 0.0, 1, 2, 3, 0.5, -1, 2.5, 4.0)],
    *[Sample(e.pow_, [a, (3,)], lambda a, b: a**b, domain=POSITIVE) for a in (2.0, 3)],
    *binary(e.atan2, lambda a, b: np.angle(b + 1j * a), domain=(0.1, 2.0)),
    *binary(e.maximum, lambda a, b: np.where(a > b, a, b), kinds="fiu"),
    *binary(e.minimum, lambda a, b: np.where(a < b, a, b), kinds="fiu"),
    *binary(e.floor_divide, _floor_divide, domain=POSITIVE, kinds="f"),
    *binary(e.remainder, lambda a, b: a - b * np.floor(a / b), domain=[(-3, 3), (0.3, 2)]),
    *binary(e.fmod, lambda a, b: a - b * np.trunc(a / b), domain=[(-3, 3), (0.3, 2)]),
    *binary(base.safe_mul, lambda a, b: a * b),
    *binary(e.eq, lambda a, b: ~(a < b) & ~(a > b), kinds="fiub"),
    *binary(e.ne, lambda a, b: (a < b) | (a > b), kinds="fiub"),
    *binary(e.lt, lambda a, b: ~(a >= b), kinds="fiub"),
    *binary(e.le, lambda a, b: ~(a > b), kinds="fiub"),
    *binary(e.gt, lambda a, b: ~(a <= b), kinds="fiub"),
    *binary(e.ge, lambda a, b: ~(a < b), kinds="fiub"),
    *binary(e.logical_and, lambda a, b: (a != 0) & (b != 0), kinds="fiub"),
    *binary(e.logical_or, lambda a, b: (a != 0) | (b != 0), kinds="fiub"),
    *binary(e.logical_xor, lambda a, b: (a != 0) != (b != 0), kinds="fiub"),
    Sample(e.bitwise_and, [np.array([[5], [-3]]), np.array([3, 6])], lambda a, b: _bits(a, b, min), kinds="i"),
    Sample(e.bitwise_or, [np.array([[5], [-3]]), np.array([3, 6])], lambda a, b: _bits(a, b, max), kinds="i"),
    Sample(e.bitwise_xor, [np.array([[5], [-3]]), np.array([3, 6])], lambda a, b: _bits(a, b, _differ), kinds="i"),
    Sample(base.where, [np.array([[True], [False]]), (2, 3), (3,)], lambda c, a, b: c * a + ~c * b),
    Sample(base.where, [np.array(True), (), ()], lambda c, a, b: c * a + ~c * b),
    Sample(base.where, [np.array([True, False, True]), (3,), 1.5], lambda c, a, b: c * a + ~c * b),
    Sample(base.where, [np.zeros((0, 3), bool), (0, 3), (3,)], lambda c, a, b: c * a + ~c * b),
]  # fmt: skip


def _differ(pair: Any) -> int:
    return sum(pair) % 2


def _bits(a: Any, b: Any, combine: Any) -> Any:
    """Bit by bit, for the 16 lowest bits; the sign bit stands for the rest."""
    a, b = np.broadcast_arrays(a, b)
    total = np.zeros(a.shape, np.int64)
    for place in np.ndindex(a.shape):
        for bit in range(64):
            pair = (int(a[place]) >> bit & 1, int(b[place]) >> bit & 1)
            total[place] += np.int64(np.uint64(combine(pair) << bit).astype(np.int64))
    return total


def _loop_reduce(step: Any, start: Any) -> Any:
    """A reduction spelled out: over ``dims``, one element after the other."""

    def formula(x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        kept = [i for i in range(x.ndim) if i not in dims]
        moved = np.transpose(x, [*kept, *dims]).reshape(*(x.shape[i] for i in kept), -1 if x.size else 0)
        total = np.full(moved.shape[:-1], start(x.dtype) if callable(start) else start)
        for i in range(moved.shape[-1]):
            total = step(total, moved[..., i])
        return np.expand_dims(total, dims) if keepdim else total

    return formula


def _limit(d: Any, infinite: float, name: str) -> Any:
    return np.array(infinite if d.kind == "f" else getattr(np.iinfo(d), name), d)


_SUM = _loop_reduce(lambda t, v: t + v, lambda d: np.zeros((), d if d.kind == "f" else np.int64))
_PROD = _loop_reduce(lambda t, v: t * v, lambda d: np.ones((), d if d.kind == "f" else np.int64))
_AMAX = _loop_reduce(lambda t, v: np.where(v > t, v, t).astype(v.dtype), lambda d: _limit(d, -INF, "min"))
_AMIN = _loop_reduce(lambda t, v: np.where(v < t, v, t).astype(v.dtype), lambda d: _limit(d, INF, "max"))
_ANY = _loop_reduce(lambda t, v: t | (v != 0), False)
_ALL = _loop_reduce(lambda t, v: t & (v != 0), True)


def _reductions(primitive: Any, numpy: Any, kinds: str, empty: bool = True) -> list[Sample]:
    cases: list[tuple[Any, tuple[int, ...], bool]] = [
        ((3, 4), (0,), False), ((3, 4), (1,), True), ((2, 3, 2), (0, 2), False), ((2, 3), (0, 1), False),
        ((), (), False), ((5,), (0,), False), ((1, 3), (0,), False), ((2, 3), (), False),
    ]  # fmt: skip
    if empty:
        cases += [((0, 3), (0,), False), ((2, 0), (0, 1), True)]
    cases += [((0, 3), (1,), False)]
    return [Sample(primitive, [s], numpy, {"dims": d, "keepdim": k}, kinds=kinds) for s, d, k in cases]


def _mean(x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
    return (_SUM(x, dims, keepdim) / np.float64(math.prod(x.shape[i] for i in dims))).astype(x.dtype)


def _arg(best: Any) -> Any:
    def formula(x: Any, dim: int, keepdim: bool) -> Any:
        moved = np.moveaxis(x, dim, -1)
        found = np.array([list(row).index(best(row)) for row in moved.reshape(-1, moved.shape[-1])], np.int64)
        found = found.reshape(moved.shape[:-1])
        return np.expand_dims(found, dim) if keepdim else found

    return formula


def _running_sum(x: Any, dim: int) -> Any:
    n = x.shape[dim]
    below = np.tri(n, dtype=x.dtype if x.dtype.kind == "f" else np.int64)
    return np.moveaxis(np.moveaxis(x, dim, -1) @ below.T, -1, dim)


REDUCTIONS = [
    *_reductions(broadcast.sum_, _SUM, "fiub"),
    *_reductions(broadcast.mean, _mean, "f", empty=False),
    *_reductions(reduce.prod, _PROD, "fiub"),
    *_reductions(reduce.amax, _AMAX, "fiu", empty=False),
    *_reductions(reduce.amin, _AMIN, "fiu", empty=False),
    *_reductions(reduce.any_, _ANY, "fiub"),
    *_reductions(reduce.all_, _ALL, "fiub"),
    *[
        Sample(p, [s], _arg(best), {"dim": d, "keepdim": k}, kinds="fiu")
        for p, best in ((reduce.argmax, max), (reduce.argmin, min))
        for s, d, k in (((3, 4), 0, False), ((2, 3, 4), 2, True), ((5,), 0, False), ((0, 3), 1, False))
    ],
    *[
        Sample(reduce.cumsum, [s], _running_sum, {"dim": d}, kinds="fiub")
        for s, d in (((3, 4), 0), ((2, 3, 2), 1), ((5,), 0), ((0, 3), 0), ((2, 0), 1))
    ],
]


def _cut(x: Any, steps: Any) -> Any:
    for primitive, params in steps:
        x = primitive.forward(x, **params)
    return x


def _relaid(x: Any, shape: Any) -> Any:
    return np.array([x[place] for place in np.ndindex(x.shape)], x.dtype).reshape(shape)


def _repeated(x: Any, shape: Any) -> Any:
    return np.zeros(shape, x.dtype) + x


def _scattered(base_: Any, value: Any, steps: Any) -> Any:
    """Every element of the base by its number: the value's where a step shows it."""
    places = _cut(np.arange(base_.size).reshape(base_.shape), steps)
    result = list(base_.reshape(-1))
    for place, v in zip(places.reshape(-1), np.broadcast_to(value, places.shape).reshape(-1), strict=True):
        result[place] = v
    return np.array(result, base_.dtype).reshape(base_.shape)


def _embedded(x: Any, index: Any, shape: Any) -> Any:
    places = np.arange(math.prod(shape)).reshape(shape)[index]
    result = np.zeros(math.prod(shape), x.dtype)
    result[places.reshape(-1)] = x.reshape(-1)
    return result.reshape(shape)


def _padded(x: Any, widths: Any, value: Any) -> Any:
    y = np.full([n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)], value, x.dtype)
    y[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, widths, strict=True))] = x
    return y


def _reversed(x: Any, dims: Any) -> Any:
    return x[tuple(slice(None, None, -1) if i in dims else slice(None) for i in range(x.ndim))]


def _converted(x: Any, dtype: Any) -> Any:
    return np.array(x.tolist(), dtype)


def _joined(*parts: Any, dim: int) -> Any:
    return np.moveaxis(np.array([row for p in parts for row in np.moveaxis(p, dim, 0)], parts[0].dtype), 0, dim)


STEPS = ((shape.index, {"index": (slice(0, 3, 2),)}), (shape.permute, {"dims": (1, 0)}))

SHAPES = [
    *[
        Sample(broadcast.reshape, [s], _relaid, {"shape": t}, kinds="fiub", misfits=(((5,),), ((),)))
        for s, t in (((3, 4), (2, 6)), ((3, 4), (12,)), ((2, 6), (4, 1, 3)), ((0, 3), (3, 0)))
    ],
    Sample(broadcast.reshape, [()], _relaid, {"shape": (1, 1)}, kinds="fiub", misfits=(((2,),),)),
    *[
        Sample(broadcast.expand, [s], _repeated, {"shape": t}, kinds="fiu", misfits=(((5, 7),), ((2, 2, 3, 4),)))
        for s, t in (
            ((3, 1), (3, 4)), ((4,), (2, 3, 4)), ((), (2, 2)), ((3,), (0, 3)), ((1, 1), (0, 2)), ((2, 3), (2, 3)),
        )
    ],
    *[
        Sample(shape.permute, [s], lambda x, dims: np.transpose(x, dims), {"dims": d}, kinds="fiub")
        for s, d in (((3, 4), (1, 0)), ((2, 3, 4), (2, 0, 1)), ((), ()), ((0, 3), (1, 0)))
    ],
    *[
        Sample(shape.index, [s], lambda x, index: np.array(x[index]), {"index": i}, kinds="fiub")
        for s, i in (
            ((3, 4), (1,)), ((3, 4), (1, 2)), ((3, 4), (slice(0, 3, 2), None, -1)),
            ((2, 3, 4), (Ellipsis, slice(1, 3))), ((3, 4), (slice(2, 2),)), ((), ()),
            ((), (None,)), ((0, 3), (slice(None), 0)), ((5,), (slice(-3, None),)),
        )
    ],
    *[
        Sample(shape.embed, [s], _embedded, {"index": i, "shape": t}, kinds="fiub")
        for s, i, t in (
            ((4,), (1,), (3, 4)), ((2, 1), (slice(0, 3, 2), None, -1), (3, 4)), ((), (1, 2), (3, 4)),
            ((0, 4), (slice(2, 2),), (3, 4)),
        )
    ],
    Sample(shape.view_scatter, [(4, 3), (3, 2)], _scattered, {"steps": STEPS}),
    Sample(shape.view_scatter, [(4, 3), (3, 1)], _scattered, {"steps": STEPS}),
    Sample(shape.view_scatter, [(4, 3), ()], _scattered, {"steps": STEPS}),
    Sample(shape.view_scatter, [(4, 3), (12,)], _scattered, {"steps": ((broadcast.reshape, {"shape": (12,)}),)}),
    Sample(shape.view_scatter, [(3,), (3,)], _scattered, {"steps": ()}),
    Sample(shape.view_scatter, [(), ()], _scattered, {"steps": ()}),
    Sample(shape.after, [(3, 4), np.ones(2)], lambda x, other: x + 0.0),
    *[Sample(shape.copy, [s], lambda x: x + np.zeros((), x.dtype), kinds="fi") for s in ((3, 4), (), (0, 3))],
    *[
        Sample(shape.flip, [s], _reversed, {"dims": d}, kinds="fiub")
        for s, d in (((3, 4), (0,)), ((2, 3, 2), (0, 2)), ((5,), (0,)), ((0, 3), (1,)), ((3,), ()))
    ],
    *[
        Sample(shape.cat, list(s), _joined, {"dim": d}, kinds="fiub", misfits=m)
        for s, d, m in (
            ([(2, 3), (1, 3)], 0, (((2, 3), (2, 4)), ((2, 3), (3,)))),
            ([(2, 1), (2, 3), (2, 0)], 1, (((2, 3), (3, 3)),)),
            ([(3,)], 0, ()),
            ([(2, 2, 1), (2, 2, 2)], 2, ()),
        )
    ],
    *[
        Sample(shape.pad, [s], _padded, {"widths": w, "value": v}, kinds="fi")
        for s, w, v in (((2, 3), ((1, 0), (0, 2)), 0.0), ((3,), ((2, 1),), 7.0), ((0, 2), ((1, 1), (0, 0)), 2.0))
    ],
    Sample(base.convert, [(2, 3)], _converted, {"dtype": np.dtype(np.float64)}, kinds="fiub"),
]  # fmt: skip


def _taken(x: Any, *indices: Any, pattern: Any) -> Any:
    return np.array(x[index.fill(pattern, indices)])


def _taken_back(dy: Any, *indices: Any, pattern: Any, shape: Any) -> Any:
    places = np.arange(math.prod(shape)).reshape(shape)[index.fill(pattern, indices)]
    return np.bincount(places.reshape(-1), dy.reshape(-1), math.prod(shape)).reshape(shape).astype(dy.dtype)


def _put(x: Any, value: Any, *indices: Any, pattern: Any, accumulate: bool) -> Any:
    places = np.arange(x.size).reshape(x.shape)[index.fill(pattern, indices)]
    result = x.reshape(-1).copy()
    for place, v in zip(places.reshape(-1), np.broadcast_to(value, places.shape).reshape(-1), strict=True):
        result[place] = result[place] + v if accumulate else v
    return result.reshape(x.shape)


def _gathered(x: Any, i: Any, dim: int) -> Any:
    y = np.empty(i.shape, x.dtype)
    for place in np.ndindex(i.shape):
        y[place] = x[(*place[:dim], int(i[place]), *place[dim + 1 :])[: x.ndim]]
    return y


def _scatter_added(x: Any, i: Any, src: Any, dim: int) -> Any:
    y = x.copy()
    for place in np.ndindex(i.shape):
        y[(*place[:dim], int(i[place]), *place[dim + 1 :])[: x.ndim]] += src[place]
    return y


ALL_ROWS, ARRAY = slice(None), "array"
INDEX_CASES: list[tuple[Any, list[Any], tuple[Any, ...]]] = [
    ((4,), [np.array([0, 3, 3])], (ARRAY,)),
    ((3, 4), [np.array([2, 0])], (ARRAY,)),
    ((3, 4), [np.array([[2, 0], [1, -1]])], (ALL_ROWS, ARRAY)),
    ((3, 4), [np.array([2, 0]), np.array([1, 1])], (ARRAY, ARRAY)),
    ((3, 4, 2), [np.array([2, 0]), np.array([1, 1])], (ARRAY, ALL_ROWS, ARRAY)),
    ((3, 4), [np.array([2, 0])], (1, ARRAY)),
    ((3, 4), [np.array([[1], [1]])], (None, ARRAY, slice(0, 3, 2))),
    ((3, 4), [np.zeros(0, np.int64)], (ARRAY,)),
]


def _taken_shape(s: Any, arrays: Any, pattern: Any) -> tuple[int, ...]:
    return np.empty(s)[index.fill(pattern, arrays)].shape


INDEXING = [
    *[Sample(index.take, [s, *i], _taken, {"pattern": p}, kinds="fiub") for s, i, p in INDEX_CASES],
    *[
        Sample(index.take_adjoint, [_taken_shape(s, i, p), *i], _taken_back, {"pattern": p, "shape": s})
        for s, i, p in INDEX_CASES
    ],
    *[
        Sample(index.index_put, [s, _taken_shape(s, i, p), *i], _put, {"pattern": p, "accumulate": a})
        for s, i, p in INDEX_CASES
        for a in (False, True)
        if a or not (len(i[0].reshape(-1)) != len(set(i[0].reshape(-1))) and len(i) == 1)
    ],
    Sample(index.index_put, [(), ()], _put, {"pattern": (), "accumulate": False}),
    Sample(index.index_put, [(3, 4), (), np.array([2, 0])], _put, {"pattern": (ARRAY,), "accumulate": False}),
    Sample(index.index_put, [(3, 4), (2, 1), np.array([2, 0])], _put, {"pattern": (ARRAY,), "accumulate": True}),
    *[
        Sample(index.gather, [s, i], _gathered, {"dim": d}, kinds="fiub")
        for s, i, d in (
            ((3, 4), np.array([[0, 3, 3], [1, 1, 0]]), 1), ((3, 4), np.array([[2, 0], [0, 0], [1, 2], [2, 2]]), 0),
            ((3, 4), np.array([[0], [3], [2]]), 1), ((5,), np.array([4, 4, 0]), 0),
            ((3, 4), np.zeros((0, 2), np.int64), 1),
            ((), np.array(0), 0),
        )
    ],
    *[
        Sample(index.scatter_add, [s, i, t], _scatter_added, {"dim": d})
        for s, i, t, d in (
            ((3, 4), np.array([[0, 3, 3], [1, 1, 0]]), (2, 3), 1),
            ((3, 4), np.array([[2, 0], [0, 0], [1, 2]]), (3, 2), 0),
            ((3, 4), np.array([[0], [3], [2]]), (3, 1), 1), ((5,), np.array([4, 4, 0]), (3,), 0),
            ((3, 4), np.zeros((0, 2), np.int64), (0, 2), 1), ((), np.array(0), (), 0),
        )
    ],
]  # fmt: skip


def _matmul(a: Any, b: Any) -> Any:
    return (a[..., :, :, None] * b[..., None, :, :]).sum(-2) if a.shape[-1] else np.matmul(a, b)


def _linear_relu(x: Any, w: Any, bias: Any) -> Any:
    return np.maximum(_linear(x, w, bias), 0)


def _linear(x: Any, w: Any, bias: Any) -> Any:
    y = (x[..., None, :] * w).sum(-1)
    return y if bias is None else y + bias


def _softmax(x: Any, dim: int) -> Any:
    p = np.exp(x.astype(np.longdouble))
    return (p / p.sum(dim, keepdims=True)).astype(x.dtype)


def _log_softmax(x: Any, dim: int) -> Any:
    wide = x.astype(np.longdouble)
    return (wide - np.log(np.exp(wide).sum(dim, keepdims=True))).astype(x.dtype)


def _cross_entropy(x: Any, target: Any) -> Any:
    return np.array([-_log_softmax(row, 0)[t] for row, t in zip(x, target, strict=True)], x.dtype)


CLASSES = np.array([0, 3, 3])


def _cross_entropy_mean(x: Any, target: Any) -> Any:
    return (_cross_entropy(x, target).sum() / len(target)).astype(x.dtype)


def _cross_entropy_slope(x: Any, target: Any) -> Any:
    return _softmax(x, 1) - np.eye(x.shape[1], dtype=x.dtype)[target]


def _squared_error(a: Any, b: Any) -> Any:
    return np.sum(np.square(a - b) / a.size, dtype=a.dtype)


def _binary_cross_entropy(p: Any, t: Any) -> Any:
    return -t * np.log(p) - (1 - t) * np.log(1 - p)


_BAD_PRODUCTS = (((2, 3), (4, 5)), ((2, 2, 3), (3, 3, 4)))
_BAD_LINEAR = (((2, 3), (4, 2), (4,)), ((2, 3), (4, 3), (3,)), ((3,), (3,), (3,)))

PRODUCTS = [
    *[
        Sample(linalg.matmul, list(s), _matmul, misfits=_BAD_PRODUCTS)
        for s in (
            [(2, 3), (3, 4)], [(1, 3), (3, 4)], [(5, 1, 2, 3), (4, 3, 2)], [(2, 3), (5, 3, 2)], [(0, 3), (3, 2)],
            [(2, 0), (0, 3)],
        )
    ],
    *[
        Sample(linalg.linear, [s, (4, 3), (4,)], _linear, misfits=_BAD_LINEAR)
        for s in ((2, 3), (5, 2, 3), (3,), (0, 3), (2, 0, 3))
    ],
    *[Sample(linalg.linear, [s, (4, 3), None], _linear) for s in ((2, 3), (5, 2, 3), (3,))],
    *[
        Sample(linalg.linear_relu, [s, (4, 3), b], _linear_relu, misfits=_BAD_LINEAR)
        for s, b in (((2, 3), (4,)), ((5, 2, 3), (4,)), ((3,), None), ((0, 3), (4,)))
    ],
    *[
        Sample(p, [s], f, {"dim": d})
        for p, f in ((rows.softmax, _softmax), (rows.log_softmax, _log_softmax))
        for s, d in (((3, 4), 1), ((3, 4), 0), ((5,), 0), ((2, 3, 2), 1), ((0, 3), 1), ((1, 1), 1))
    ],
    *[
        Sample(rows.cross_entropy_rows, [(n, c), np.array(t, np.int64)], _cross_entropy)
        for n, c, t in ((3, 4, [0, 3, 3]), (1, 2, [1]), (2, 1, [0, 0]), (0, 3, []))
    ],
    Sample(rows.cross_entropy_slope, [(3, 4), CLASSES], _cross_entropy_slope),
    Sample(rows.cross_entropy_mean, [(3, 4), CLASSES], _cross_entropy_mean),
    Sample(rows.cross_entropy_mean, [(1, 2), np.array([1])], _cross_entropy_mean),
    *[Sample(costs.mean_squared_error, [s, s], _squared_error) for s in ((2, 3), (1, 4), (5,), ())],
    Sample(costs.binary_cross_entropy, [(2, 3), (2, 3)], _binary_cross_entropy, domain=(0.05, 0.95)),
    Sample(costs.binary_cross_entropy, [(2, 3), (3,)], _binary_cross_entropy, domain=(0.05, 0.95)),
]  # fmt: skip


def _words(key: Any, offset: int, n: int) -> Any:
    """``n`` words of Philox 4x64, from (seed, counter) and ``offset`` blocks further."""
    counter = [int(key[1]) + offset, 0, 0, 0]
    return np.random.Philox(counter=counter, key=[int(key[0]), 0]).random_raw(n)


def _uniform(key: Any, offset: int, shape: Any, dtype: Any) -> Any:
    n = math.prod(shape)
    if dtype == np.float64:
        return np.reshape([(int(w) >> 11) / 2**53 for w in _words(key, offset, n)], shape)
    halves = [half for w in _words(key, offset, -(-n // 2)) for half in (int(w) & 0xFFFFFFFF, int(w) >> 32)][:n]
    bits = 24 if dtype == np.float32 else 11
    return np.reshape([(half >> (32 - bits)) / 2**bits for half in halves], shape).astype(dtype)


def _normal(key: Any, offset: int, shape: Any, dtype: Any) -> Any:
    n = math.prod(shape)
    half = -(-n // 2)
    work = np.float64 if dtype == np.float64 else np.float32
    u, v = _uniform(key, offset, (2, half), work).astype(np.longdouble)
    radius, angle = np.sqrt(-2 * np.log(1 - u)), 2 * np.pi * v
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:n].reshape(shape).astype(dtype)


def _integers(key: Any, offset: int, low: int, high: int, shape: Any) -> Any:
    span, n = high - low, math.prod(shape)
    return np.reshape([low + (int(w) * span >> 64) for w in _words(key, offset, n)], shape)


def _permutation(key: Any, offset: int, n: int) -> Any:
    words = _words(key, offset, n).tolist()
    return np.array(sorted(range(n), key=lambda i: words[i]), int)


def _repeated(weights: Any, u: Any) -> Any:
    total = weights.sum(1, keepdims=True)
    return np.array([[int(np.sum(np.cumsum(w) <= x)) for x in row] for w, row in zip(weights, u * total, strict=True)])


def _distinct(weights: Any, u: Any, count: int) -> Any:
    waiting = [
        [-math.log1p(-x) / w if w else INF for w, x in zip(*pair, strict=True)] for pair in zip(weights, u, strict=True)
    ]
    return np.array([sorted(range(len(row)), key=lambda i: row[i])[:count] for row in waiting])


STATE = np.array([7, 3], np.uint64)
WEIGHTS = np.array([[0.5, 2.0, 0.0, 1.0], [3.0, 1.0, 1.0, 0.25]])
DRAWS = np.array([[0.1, 0.7, 0.3, 0.95], [0.5, 0.05, 0.8, 0.2]])
FLOATS = (np.float16, np.float32, np.float64)
RANDOM = [
    *[Sample(random.uniform_, [STATE], _uniform, {"offset": 2, "shape": (3, 5), "dtype": np.dtype(d)}) for d in FLOATS],
    *[Sample(random.normal_, [STATE], _normal, {"offset": 2, "shape": (3, 5), "dtype": np.dtype(d)}) for d in FLOATS],
    Sample(random.uniform_, [STATE], _uniform, {"offset": 0, "shape": (0, 5), "dtype": np.dtype(np.float64)}),
    Sample(random.integers_, [STATE], _integers, {"offset": 1, "low": -3, "high": 9, "shape": (2, 7)}),
    Sample(random.permutation_, [STATE], _permutation, {"offset": 0, "n": 9}),
    Sample(random.permutation_, [STATE], _permutation, {"offset": 5, "n": 0}),
    Sample(sampling.pick_repeated, [WEIGHTS, DRAWS], _repeated),
    Sample(sampling.pick_distinct, [WEIGHTS, DRAWS], _distinct, {"count": 3}),
]


def _convolutions() -> list[Sample]:
    rows = []
    for sizes, kernel, stride, padding, dilation, groups in (
        ((7,), (3,), (2,), ((1, 2),), (1,), 1),
        ((5, 4), (2, 3), (1, 2), ((0, 1), (1, 1)), (2, 1), 2),
        ((3, 4, 3), (2, 1, 2), (1, 1, 1), ((0, 0), (1, 0), (0, 0)), (1, 1, 1), 1),
    ):
        params = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        out = window.output_sizes(sizes, kernel, stride, padding, dilation)
        x, w, y = (2, 2, *sizes), (4, 2 // groups, *kernel), (2, 4, *out)
        unfit = ((x, (*w[:1], 3, *kernel)), (x, w[:-1]))
        rows += [
            Sample(conv.convolution, [x, w], windows.convolved, params, misfits=unfit),
            Sample(conv.convolution_input, [y, w], windows.convolved_back, {"sizes": sizes, **params}),
            Sample(conv.convolution_weight, [x, y], windows.correlated, {"kernel": kernel, **params}),
        ]
        params = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
        rows += [
            Sample(window.windows, [x], windows.laid_out, params),
            Sample(window.windows_adjoint, [(2, 2, *kernel, *out)], windows.added_up, {"sizes": sizes, **params}),
        ]
    return rows


def _pools() -> list[Sample]:
    rows = []
    for full, kernel, stride, padding, dilation, out in (
        ((2, 7), (3,), (2,), (1,), (1,), (4,)),
        ((2, 5, 6), (2, 2), (2, 3), (0, 1), (2, 1), (2, 3)),
        ((4, 4), (2, 2), (2, 2), (0, 0), (1, 1), (2, 2)),
        ((1, 3, 3, 4), (2, 1, 2), (1, 1, 2), (1, 0, 0), (1, 1, 1), (4, 3, 2)),
    ):
        params = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation, "counts": out}
        lead, sizes = full[: len(full) - len(out)], full[len(full) - len(out) :]
        ranking = np.random.default_rng(5).permutation(math.prod(full)).reshape(full) / 7
        rows += [
            Sample(pool.max_pool, [full], windows.largest, params, kinds="fiu"),
            Sample(pool.max_pool_indices, [full], windows.largest_places, params, kinds="fi"),
            Sample(pool.max_pool_at, [full, ranking], windows.at_largest, params),
            Sample(pool.max_pool_adjoint, [(*lead, *out), ranking], windows.to_largest, params),
            Sample(pool.sum_pool, [full], windows.summed, params),
            Sample(pool.sum_pool_adjoint, [(*lead, *out)], windows.summed_back, {"sizes": sizes, **params}),
        ]
    return rows


SAMPLES = [
    *UNARY, *BINARY, *REDUCTIONS, *mathematics.ORDER, *SHAPES, *INDEXING, *PRODUCTS, *mathematics.MATRICES,
    *_convolutions(), *_pools(), *RANDOM,
]  # fmt: skip
WITH_SPECIAL_VALUES = list({s.primitive.name: s for s in UNARY if s.special}.values())
