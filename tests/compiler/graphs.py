"""Graphs for tests: built by operators, compared before and after a stage."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from thalweg.compiler.decompose import Expression
from thalweg.compiler.graph import Graph, Node, evaluate, placeholder

INF, NAN = math.inf, math.nan
SPECIAL = (0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 2.5, -3e-40, 3e38)  # of float32: subnormal, and nearly too large


def inputs_for(*arrays: Any) -> list[Expression]:
    """An input node for each array."""
    return [Expression(placeholder(f"x{i}", a.shape, a.dtype)) for i, a in enumerate(map(np.asarray, arrays))]


def graph_of(inputs: list[Expression], *results: Any) -> Graph:
    return Graph([x.node for x in inputs], [y.node for y in results])


def special(shape: tuple[int, ...], dtype: Any = np.float32, seed: int = 0) -> Any:
    """An array of special numbers in random order."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind != "f":
        return rng.integers(0, 2 if dtype == np.bool_ else 5, shape).astype(dtype)
    with np.errstate(over="ignore"):
        return rng.choice(SPECIAL, shape).astype(dtype)


def names(graph: Graph) -> list[str]:
    """The operations, without inputs and constants."""
    return [node.name for node in graph.nodes() if not isinstance(node.op, str)]


def assert_same_bits(actual: Any, expected: Any) -> None:
    """Equal shapes, dtypes and elements; zeros have the same sign, NaN is NaN."""
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)
    if actual.dtype.kind == "f":
        number = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(actual)[number], np.signbit(expected)[number])


def same_outputs(before: Graph, after: Graph, arrays: list[Any], tolerance: float = 0.0) -> None:
    """Evaluate both graphs and compare, bit for bit unless there is a tolerance."""
    after.check()
    assert [(y.shape, y.dtype) for y in after.outputs] == [(y.shape, y.dtype) for y in before.outputs]
    for actual, expected in zip(evaluate(after, arrays), evaluate(before, arrays), strict=True):
        if tolerance:
            np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)
        else:
            assert_same_bits(np.asarray(actual), np.asarray(expected))


def only_operation(graph: Graph) -> Node:
    (node,) = (n for n in graph.nodes() if not isinstance(n.op, str))
    return node
