"""Random graphs as native code give what NumPy gives. The seed that fails is printed."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.compiler.graph import Graph, evaluate
from thalweg.compiler.native import Target
from thalweg.compiler.native_program import Native

from .test_simplify_random import Builder

TOGETHER = 8  # graphs in one program: most of the time goes to compiling
LONG = [(), (17,), (1,), (5, 33), (5, 1), (1, 33), (33, 5), (4, 2, 16), (4, 1, 16), (0, 3), (64,), (3, 70)]


class Long(Builder):
    """Shapes that fill vectors, and leave rests."""

    shapes = LONG


def compare(graphs: list[tuple[Graph, list[Any]]], exact: bool, target: Target | None = None) -> None:
    """Run all graphs in one program."""
    inputs = [x for g, _ in graphs for x in g.inputs]
    outputs = [y for g, _ in graphs for y in g.outputs]
    arrays = [np.ascontiguousarray(a).reshape(np.shape(a)) for _, values in graphs for a in values]
    native = Native(Graph(inputs, outputs), [], target=target)
    results = [np.empty(y.shape, y.dtype) for y in outputs]
    native.run(arrays, results)
    expected = [y for g, values in graphs for y in evaluate(g, values)]
    for actual, wanted in zip(results, expected, strict=True):
        if wanted.dtype.kind != "f":
            np.testing.assert_array_equal(actual, wanted)
        elif exact:
            np.testing.assert_allclose(actual, wanted, rtol=2e-6, atol=1e-37)
        else:
            np.testing.assert_allclose(actual, wanted, rtol=1e-9, atol=1e-11)


def grown(kind: type[Builder], seed: int, exact: bool, steps: int) -> list[tuple[Graph, list[Any]]]:
    graphs = []
    for i in range(TOGETHER):
        builder = kind(seed * TOGETHER + i, exact)
        graphs.append((builder.grow(steps), [normal_range(a) for a in builder.arrays]))
    return graphs


def normal_range(array: Any) -> Any:
    """Numbers whose products are neither subnormal, which native programs flush to 0, nor infinite.

    A product that is added to something is not rounded before, so that it does not overflow before either.
    """
    if array.dtype != np.float32:
        return array
    array = array + np.float32(0)  # NumPy's relu(-0.0) is 0.0 or -0.0, and 1 / relu(x) tells
    small, large = np.float32(1e-30), np.float32(1e12)
    with np.errstate(invalid="ignore"):
        array = np.where((array != 0) & (np.abs(array) < small), np.copysign(small, array), array)
        return np.where(np.isfinite(array) & (np.abs(array) > large), np.copysign(large, array), array)


EXAMPLES = int(os.environ.get("THALWEG_RANDOM_GRAPHS", "3000")) // (4 * TOGETHER)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("kind", [Builder, Long])
@settings(max_examples=EXAMPLES, deadline=None)
@given(seed=st.integers(0, 10**6), steps=st.integers(1, 14))
def test_native_code_agrees_with_numpy(kind: type[Builder], exact: bool, seed: int, steps: int) -> None:
    compare(grown(kind, seed, exact, steps), exact)


@pytest.mark.parametrize("vector_bytes", [16, 32])
def test_narrow_vectors_agree_too(vector_bytes: int) -> None:
    target = Target.host().narrow(vector_bytes)
    for seed in range(3):
        compare(grown(Long, 7000 + seed, True, 10), True, target)
        compare(grown(Builder, 8000 + seed, False, 10), False, target)
