"""Native copies, indexing, running sums and plain products on arrays that are longer than vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from thalweg.compiler.graph import Graph, Node, apply, constant, placeholder
from thalweg.compiler.moves import joined_axes
from thalweg.compiler.native import Target
from thalweg.compiler.native_program import Native
from thalweg.ops.broadcast import reshape
from thalweg.ops.index import gather, index_put, scatter_add, take, take_adjoint
from thalweg.ops.linalg import matmul
from thalweg.ops.reduce import argmax, argmin, cumsum
from thalweg.ops.shape import cat, embed, flip, index, pad, permute, view_scatter

DTYPES = ("float16", "float32", "float64", "uint8", "int32", "int64", "bool")
ALL = slice(None)
TARGETS = [Target.host(), Target.host().narrow(16)]
RNG = np.random.default_rng(0)


def results(nodes: list[Node], values: dict[Node, Any], target: Target | None = None) -> list[Any]:
    outputs = [np.empty(y.shape, y.dtype) for y in nodes]
    native = Native(Graph(values, nodes), [], target=target, threads=1)
    assert native.callbacks == []
    native.run(list(values.values()), outputs)
    return outputs


def compare(cases: list[tuple[Node, Any]], values: dict[Node, Any], target: Target | None = None) -> None:
    for (node, want), got in zip(cases, results([n for n, _ in cases], values, target), strict=True):
        np.testing.assert_array_equal(got, want, err_msg=repr(node))
        assert got.dtype == want.dtype


def given(shape: tuple[int, ...], dtype: str) -> tuple[Node, Any]:
    array = (RNG.integers(0, 100, shape) if dtype != "bool" else RNG.integers(0, 2, shape)).astype(dtype)
    return placeholder("x", shape, array.dtype), array


@pytest.mark.parametrize("target", TARGETS, ids=["host", "16 bytes"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_copies(dtype: str, target: Target) -> None:
    x, a = given((5, 131), dtype)
    y, b = given((5, 67), dtype)
    column, c = given((5, 1), dtype)
    t = apply(permute, x, dims=(1, 0))
    zeros = np.zeros((7, 300), dtype)
    embedded = zeros.copy()
    embedded[1:6, 3:265:2] = a
    spread = zeros.copy()
    spread[1:6, 3:134] = a
    written = a.copy()
    written[::2, 5:105] = c[::2]
    wide = np.tile(c[:1], a.shape)
    steps = ((index, {"index": (slice(0, 5, 2), slice(5, 105))}),)
    odd = ((permute, {"dims": (1, 0)}), (reshape, {"shape": (655,)}))
    compare(
        [
            (apply(cat, x, y, x, dim=1), np.concatenate([a, b, a], 1)),
            (apply(cat, x, x, dim=0), np.concatenate([a, a])),
            (apply(cat, t, t, dim=0), np.concatenate([a.T, a.T])),
            (apply(flip, x, dims=(1,)), np.ascontiguousarray(a[:, ::-1])),
            (apply(flip, x, dims=(0, 1)), np.ascontiguousarray(a[::-1, ::-1])),
            (apply(flip, t, dims=(0,)), np.ascontiguousarray(a.T[::-1])),
            (apply(embed, x, index=(slice(1, 6), slice(3, 265, 2)), shape=(7, 300)), embedded),
            (apply(embed, x, index=(slice(1, 6), slice(3, 134)), shape=(7, 300)), spread),
            (apply(pad, x, widths=((1, 2), (33, 0)), value=1), np.pad(a, ((1, 2), (33, 0)), constant_values=1)),
            (apply(view_scatter, x, apply(index, column, index=(slice(0, 5, 2),)), steps=steps), written),
            (apply(view_scatter, x, apply(index, column, index=(0,)), steps=odd), wide),
        ],
        {x: a, y: b, column: c},
        target,
    )


def test_a_value_written_through_a_reshape_that_copies() -> None:
    x, a = given((3, 4), "float32")
    v, b = given((12,), "float32")
    steps = ((permute, {"dims": (1, 0)}), (reshape, {"shape": (12,)}))
    want = np.ascontiguousarray(b.reshape(4, 3).T)
    compare([(apply(view_scatter, x, v, steps=steps), want)], {x: a, v: b})


@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_taking(dtype: str, kind: Any) -> None:
    x, a = given((6, 50, 4), dtype)
    i, p = placeholder("i", (3, 2), np.dtype(kind)), RNG.integers(0, 4, (3, 2)).astype(kind)
    j, q = placeholder("j", (2,), np.dtype(np.int64)), np.array([-1, 2])
    compare(
        [
            (apply(take, x, i, pattern=("array",)), a[p]),
            (apply(take, x, i, pattern=(ALL, "array")), a[:, p]),
            (apply(take, x, i, j, pattern=("array", ALL, "array")), a[p, :, q]),
            (apply(take, x, j, i, pattern=(ALL, "array", "array")), a[:, q, p]),
            (apply(take, x, i, pattern=(1, ALL, "array")), a[1, :, p]),
            (apply(take, x, i, pattern=(Ellipsis, "array")), a[..., p]),
            (apply(take, x, i, pattern=(2, "array", None)), a[2, p, None]),
            (apply(take, x, i, pattern=("array", None, slice(1, 50, 7))), a[p, None, 1:50:7]),
        ],
        {x: a, i: p, j: q},
    )


def test_repeated_positions_add_up_in_order_and_the_last_one_stays() -> None:
    x, a = given((4, 40), "float32")
    v, b = given((5, 40), "float32")
    b += 0.1
    i, p = placeholder("i", (5,), np.dtype(np.int64)), np.array([2, 0, 2, -2, 1])
    columns, q = placeholder("c", (4, 3), np.dtype(np.int64)), RNG.integers(0, 40, (4, 3))
    added, put, sums, scattered = a.copy(), a.copy(), np.zeros_like(a), a.copy()
    for k, row in enumerate(p):
        added[row] = added[row] + b[k]
        sums[row] = sums[row] + b[k]
        put[row] = b[k]
    for r in range(4):
        for k in range(3):
            scattered[r, q[r, k]] += b[r, k]
    compare(
        [
            (apply(index_put, x, v, i, pattern=("array",), accumulate=True), added),
            (apply(index_put, x, v, i, pattern=("array",), accumulate=False), put),
            (apply(index_put, x, 7.0, i, pattern=("array",), accumulate=False), masked(a, p)),
            (apply(take_adjoint, v, i, pattern=("array",), shape=(4, 40)), sums),
            (apply(scatter_add, x, columns, v, dim=1), scattered),
            (apply(gather, x, columns, dim=1), np.take_along_axis(a, q, 1)),
        ],
        {x: a, v: b, i: p, columns: q},
    )


def masked(a: Any, rows: Any) -> Any:
    return np.where(np.isin(np.arange(len(a)), rows % len(a))[:, None], 7, a).astype(a.dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_running_sums_and_places_of_extremes(dtype: str) -> None:
    x, a = given((4, 33, 3), dtype)
    total = a.dtype if a.dtype.kind == "f" else np.dtype(np.int64)
    cases = [(apply(cumsum, x, dim=d), np.cumsum(a, d, dtype=total)) for d in range(3)]
    for primitive, numpy in ((argmax, np.argmax), (argmin, np.argmin)):
        for d in range(3):
            cases.append((apply(primitive, x, dim=d, keepdim=True), numpy(a, axis=d, keepdims=True)))
            cases.append((apply(primitive, x, dim=d, keepdim=False), numpy(a, axis=d)))
    compare(cases, {x: a})


def test_the_first_nan_is_the_extreme() -> None:
    rows = np.array([[1, np.nan, 3, np.nan], [np.nan, 9, 9, 9], [2, 5, 5, -np.inf], [-np.inf] * 4])
    x = placeholder("x", rows.shape, rows.dtype)
    nodes = [apply(p, x, dim=1, keepdim=False) for p in (argmax, argmin)]
    assert [y.tolist() for y in results(nodes, {x: rows})] == [[1, 0, 1, 0], [1, 0, 3, 0]]


@pytest.mark.parametrize("target", TARGETS, ids=["host", "16 bytes"])
def test_products_without_a_library(target: Target) -> None:
    cases, values = [], {}
    for dtype in ("float16", "uint8", "int8", "int32", "int64", "bool"):
        x, a = given((3, 5, 70), dtype)
        y, b = given((70, 37), dtype)
        z, c = given((37, 70), dtype)
        values.update({x: a, y: b, z: c})
        with np.errstate(over="ignore"):
            cases += [
                (apply(matmul, x, y), np.matmul(a, b)),
                (apply(matmul, x, apply(permute, z, dims=(1, 0))), np.matmul(a, c.T)),
            ]
    compare(cases, values, target)


def test_float16_products_are_summed_in_float32() -> None:
    a = np.full((1, 4096), 1.0, np.float16)
    x, y = (placeholder("x", s, np.dtype(np.float16)) for s in ((1, 4096), (4096, 1)))
    [got] = results([apply(matmul, x, apply(permute, x, dims=(1, 0)))], {x: a, y: a.T.copy()})
    assert got.tolist() == [[4096.0]]  # 2048 in float16, where 2048 + 1 is 2048


def test_constants_are_moved_too() -> None:
    x, a = given((2, 40), "float32")
    table = RNG.standard_normal((9, 40)).astype(np.float32)
    positions = apply(take, constant(table), placeholder("i", (2,), np.dtype(np.int64)), pattern=("array",))
    i = positions.inputs[1]
    compare([(apply(cat, x, positions, dim=0), np.concatenate([a, table[[8, 0]]]))], {x: a, i: np.array([8, 0])})


def test_axes_are_joined_where_all_views_allow_it() -> None:
    assert joined_axes((2, 3, 4), [(12, 4, 1), (12, 4, 1)]) == ([24], [[1], [1]])
    assert joined_axes((2, 3, 4), [(12, 4, 1), (24, 8, 2)]) == ([24], [[1], [2]])
    assert joined_axes((2, 3, 4), [(12, 4, 1), (0, 4, 1)]) == ([2, 12], [[12, 1], [0, 1]])
    assert joined_axes((1, 3, 1), [(9, 4, 7)]) == ([3], [[4]])
    assert joined_axes((), [()]) == ([], [[]])
