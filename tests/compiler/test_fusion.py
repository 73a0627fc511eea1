"""Graphs whose fusion once went wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

import thalweg as tw


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
