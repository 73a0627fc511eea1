"""Graphs that once went wrong on their way to native code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.compiler.graph import Graph, apply, placeholder
from thalweg.compiler.native_program import Native
from thalweg.ops.linalg import matmul
from thalweg.ops.shape import permute


def test_a_vector_beside_itself_as_a_column() -> None:
    """Two axes of the result are the one axis of the loop that computes both factors."""

    def f(x: Any, y: Any) -> Any:
        column = (tw.where(x > 0, x, 0.0) + y).reshape(17, 1)
        return column, column / x.abs()

    x, y = tw.randn(17), tw.randn(17)
    for a, b in zip(tw.compile(f)(x, y), f(x, y), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)


def test_cheap_values_of_rows_in_a_reduction_over_everything() -> None:
    """What has a value a row can't be computed again where rows and columns are reduced together."""

    def f(x: Any, mask: Any) -> Any:
        return tw.where(mask, x / 2.0, 0.0).amin(dim=(0, 1), keepdim=True)

    x, mask = tw.randn(2, 1), tw.tensor([[True, False, True], [True, True, False]])
    np.testing.assert_allclose(tw.compile(f)(x, mask).numpy(), f(x, mask).numpy(), rtol=1e-6)


@pytest.mark.parametrize("inputs", [100, 385, 512])
def test_weights_that_are_packed_by_two_threads(inputs: int) -> None:
    """Many chunks of rows times a weight whose rows are no whole number of vectors, and the gradient of the weight."""
    rng = np.random.default_rng(0)
    x, w, g = (rng.integers(-3, 4, s).astype(np.float32) for s in ((1500, inputs), (300, inputs), (1500, 300)))
    nodes = [placeholder(name, v.shape, v.dtype) for name, v in (("x", x), ("w", w), ("g", g))]
    forward = apply(matmul, nodes[0], apply(permute, nodes[1], dims=(1, 0)))
    backward = apply(matmul, apply(permute, nodes[2], dims=(1, 0)), nodes[0])
    native = Native(Graph(nodes, [forward, backward]), [], threads=2)
    assert len(native.lowered.before) >= 1
    results = [np.empty(n.shape, np.float32) for n in (forward, backward)]
    for _ in range(20):
        native.run([x, w, g], results)
        np.testing.assert_array_equal(results[0], x @ w.T)
        np.testing.assert_array_equal(results[1], g.T @ x)
