"""Composite primitives come apart into simpler ones that compute the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from thalweg.compiler.decompose import Expression, decompose
from thalweg.compiler.graph import Graph, apply, constant, evaluate, placeholder
from thalweg.core.origin import Origin
from thalweg.core.primitive import Primitive
from thalweg.errors import CompileError, TargetError
from thalweg.ops import broadcast, index, linalg, reduce, rows
from thalweg.ops import elementwise as e

from ..registry import SAMPLES, Sample

INF, NAN = math.inf, math.nan
EACH = pytest.mark.parametrize("sample", SAMPLES, ids=str)
COMPOSITES = {
    "linear", "linear_relu", "mean", "mean_squared_error", "binary_cross_entropy", "softmax", "log_softmax",
    "cross_entropy_rows", "cross_entropy_mean", "cross_entropy_slope", "copy",
}  # fmt: skip


def graph_of(primitive: Primitive, *values: Any, **params: Any) -> tuple[Graph, list[Any]]:
    """One node on inputs for the arrays among ``values``."""
    inputs, arrays, operands = [], [], []
    for i, v in enumerate(values):
        if isinstance(v, np.ndarray):
            operands.append(placeholder(f"x{i}", v.shape, v.dtype))
            inputs.append(operands[-1])
            arrays.append(v)
        else:
            operands.append(v)
    return Graph(inputs, [apply(primitive, *operands, **params)]), arrays


def composed(primitive: Primitive, *values: Any, **params: Any) -> Any:
    """The value of what the primitive is composed of."""
    graph, arrays = graph_of(primitive, *values, **params)
    result, _ = decompose(graph)
    result.check()
    assert primitive.name not in names(result)
    return evaluate(result, arrays)[0]


def names(graph: Graph) -> list[str]:
    return [node.name for node in graph.nodes()]


@EACH
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_decomposed_value(sample: Sample, dtype: Any) -> None:
    values = sample.values(dtype)
    if not any(isinstance(v, np.ndarray) for v in values):
        pytest.skip("no array")
    graph, arrays = graph_of(sample.primitive, *values, **sample.params)
    expected = evaluate(graph, arrays)[0]
    result, _ = decompose(graph)
    result.check()
    assert not COMPOSITES & set(names(result))
    actual = evaluate(result, arrays)[0]
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, rtol=1e-12 if dtype == np.float64 else 2e-5, atol=1e-7)


def test_linear_of_a_vector_and_of_a_stack() -> None:
    w, bias = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([0.5, 0.0, -0.5])
    assert composed(linalg.linear, np.array([1.0, -1.0]), w, bias).tolist() == [-0.5, -1.0, -1.5]
    assert composed(linalg.linear_relu, np.array([1.0, 1.0]), w, None).tolist() == [3.0, 7.0, 11.0]
    x = np.arange(8.0).reshape(2, 2, 2)
    assert composed(linalg.linear, x, w, None).tolist() == (x @ w.T).tolist()


def test_rows_without_finite_elements() -> None:
    x = np.array([[0.0, 0.0], [INF, 0.0], [-INF, -INF], [-INF, 0.0], [NAN, 0.0]])
    halves = [[0.5, 0.5], [NAN, NAN], [NAN, NAN], [0.0, 1.0], [NAN, NAN]]
    np.testing.assert_array_equal(composed(rows.softmax, x, dim=1), halves)
    np.testing.assert_array_equal(composed(rows.log_softmax, x[3:4], dim=1), [[-INF, 0.0]])
    target = np.array([0, 1, 0, 0, 1])
    np.testing.assert_array_equal(composed(rows.cross_entropy_rows, x, target), [math.log(2.0), NAN, NAN, INF, NAN])


def test_cross_entropy_that_costs_nothing_has_the_same_zero() -> None:
    x, target = np.array([[0.0, -INF]]), np.array([0])
    eager = rows.cross_entropy_rows.forward(x, target)
    assert math.copysign(1, composed(rows.cross_entropy_rows, x, target)[0]) == math.copysign(1, eager[0])


def test_reductions_of_nothing() -> None:
    empty = np.zeros((0, 3))
    np.testing.assert_array_equal(composed(broadcast.mean, empty, dims=(0,), keepdim=False), [NAN] * 3)
    assert composed(rows.softmax, empty, dim=1).shape == (0, 3)
    assert composed(rows.log_softmax, np.zeros((3, 0)), dim=1).shape == (3, 0)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int8, np.int32])
def test_small_integers_are_put_together_as_int64(dtype: Any) -> None:
    x = np.array([[1, 0, 1], [1, 1, 1]]).astype(dtype)
    for primitive, expected in ((broadcast.sum_, [2, 3]), (reduce.prod, [0, 1])):
        graph, arrays = graph_of(primitive, x, dims=(1,), keepdim=False)
        result, _ = decompose(graph)
        assert names(result) == ["input", "convert", primitive.name]
        assert evaluate(result, arrays)[0].tolist() == expected
    graph, arrays = graph_of(reduce.cumsum, x, dim=1)
    assert evaluate(decompose(graph)[0], arrays)[0].tolist() == [[1, 1, 2], [1, 2, 3]]


def test_any_and_all_of_numbers_compare_first() -> None:
    x = np.array([[0.0, NAN], [-0.0, 0.0]])
    for primitive, expected in ((reduce.any_, [True, False]), (reduce.all_, [False, False])):
        graph, arrays = graph_of(primitive, x, dims=(1,), keepdim=False)
        result, _ = decompose(graph)
        assert names(result) == ["input", "ne", primitive.name]
        assert evaluate(result, arrays)[0].tolist() == expected


def test_what_is_shared_stays_shared_and_lines_are_kept() -> None:
    x = placeholder("x", (2, 3), np.float32)
    node = apply(rows.softmax, x, dim=1, origin=Origin("user.py:7"))
    plain = apply(e.tanh, x, origin=Origin("user.py:8"))
    graph, _ = decompose(Graph([x], [apply(e.add, node, plain), apply(e.mul, node, plain)]))
    assert plain in graph.nodes()
    assert names(graph).count("exp") == 1
    assert {n.line for n in graph.nodes() if n.name in ("exp", "div", "amax")} == {"user.py:7"}


def test_class_targets_are_checked() -> None:
    x, target = placeholder("x", (4, 3), np.float32), placeholder("t", (4,), np.int64)
    nodes = [apply(p, x, target) for p in (rows.cross_entropy_rows, rows.cross_entropy_mean, rows.cross_entropy_slope)]
    graph, checks = decompose(Graph([x, target], nodes))
    assert checks == graph.checks
    assert [(c.node, c.low, c.high, c.error) for c in checks] == [(target, 0, 3, TargetError)]
    assert checks[0].message.format(value=3) == (
        "cross_entropy: target 3 is none of the 3 classes; classes are numbered from 0 to 2"
    )


def test_the_value_that_is_checked_is_part_of_the_graph() -> None:
    x, target = placeholder("x", (4, 3), np.float32), placeholder("t", (4,), np.int64)
    known = apply(e.where, apply(e.eq, target, -100), 0, target)
    graph, (check,) = decompose(Graph([x, target], [apply(rows.cross_entropy_rows, x, known)]))
    assert check.node is known
    graph.outputs.clear()
    assert known in graph.nodes()


def test_positions_are_checked() -> None:
    x, i, j = (
        placeholder("x", (5, 6, 7), np.float32),
        placeholder("i", (2,), np.int64),
        placeholder("j", (2,), np.int64),
    )
    taken = apply(index.take, x, i, j, pattern=("array", slice(None), "array"))
    put = apply(index.index_put, x, 0.0, j, pattern=(Ellipsis, "array", None), accumulate=False)
    added = apply(index.take_adjoint, taken, i, j, pattern=("array", slice(None), "array"), shape=(5, 6, 7))
    _, checks = decompose(Graph([x, i, j], [taken, put, added]))
    assert [(c.node, c.low, c.high, c.error) for c in checks] == [(i, -5, 5, IndexError), (j, -7, 7, IndexError)]
    assert checks[1].message == "index: index {value} is out of bounds for axis 2 with size 7"


def test_places_along_an_axis_are_checked() -> None:
    x, i = placeholder("x", (5, 6), np.float32), placeholder("i", (5, 2), np.int64)
    _, (check,) = decompose(Graph([x, i], [apply(index.gather, x, i, dim=1)]))
    assert (check.node, check.low, check.high) == (i, 0, 6)
    assert check.message.format(value=6) == "gather: index 6 is out of range for an axis of size 6"
    source = placeholder("s", (5, 2), np.float32)
    _, (check,) = decompose(Graph([x, i, source], [apply(index.scatter_add, x, i, source, dim=0)]))
    assert (check.node, check.low, check.high) == (i, 0, 5)


def test_constant_positions_are_checked_at_once() -> None:
    x = placeholder("x", (5,), np.float32)
    graph = Graph([x], [apply(index.take, x, constant([4, -5]), pattern=("array",))])
    assert decompose(graph)[1] == []
    graph = Graph([x], [apply(index.take, x, constant([4, 5]), pattern=("array",))])
    with pytest.raises(IndexError, match="index 5 is out of bounds for axis 0 with size 5"):
        decompose(graph)


class Wrong(Primitive):
    def shape(self, x: Any) -> tuple[int, ...]:
        return tuple(x.shape)

    def compose(self, x: Any) -> Any:
        return x.sum(0)


def test_a_composition_of_another_shape_is_refused() -> None:
    x = placeholder("x", (2, 3), np.float32)
    with pytest.raises(CompileError, match="wrong float32"):
        decompose(Graph([x], [apply(Wrong(), x)]))


def test_operators_of_expressions() -> None:
    x = placeholder("x", (2, 3), np.float64)
    value = np.array([[1.0, -2.0, 3.0], [0.5, INF, NAN]])
    v = Expression(x)
    results = {
        "+": (v + 1, value + 1), "r-": (1 - v, 1 - value), "/": (v / 2, value / 2), "**": (v**2, value**2),
        "r+": (value + v, value + value), "<": (v < 1, value < 1), "==": (v == v, value == value), "-": (-v, -value),
        "T": (v.T, value.T), "[]": (v[0], value[0]), "sum": (v.sum(0), value.sum(0)),
        "reshape": (v.reshape(3, 2), value.reshape(3, 2)), "~": (~(v > 0), ~(value > 0)),
    }  # fmt: skip
    graph = Graph([x], [y.node for y, _ in results.values()])
    graph.check()
    for actual, (name, (_, expected)) in zip(evaluate(graph, [value]), results.items(), strict=True):
        np.testing.assert_array_equal(actual, expected, err_msg=name)
    assert len(v) == 2
