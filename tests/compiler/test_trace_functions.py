"""Every public function, layer and loss compiled: values and gradients equal to eager ones, draw for draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.compiler import compile

from .calls import FAMILIES, normal

X, Y = normal(3, 4), normal(3, 4)


def tensors_in(result: Any) -> list[tw.Tensor]:
    """The tensors of a result, in order."""
    if isinstance(result, tw.Tensor):
        return [result]
    if isinstance(result, (list, tuple)) and not isinstance(result, tw.Size):
        return [x for part in result for x in tensors_in(part)]
    return []


def gradients(result: Any, x: tw.Tensor, y: tw.Tensor) -> list[Any]:
    """The gradients by x and y of the sum of squares of each differentiable tensor in a result, in its dtype."""
    found = []
    for t in tensors_in(result):
        if t.requires_grad:
            pair = tw.autograd.grad((t * t).sum(), [x, y], retain_graph=True, allow_unused=True)
            found.append([None if g is None else g.to(t.dtype) for g in pair])
    return found


class Family:
    """All calls of a family in one function."""

    def __init__(self, calls: dict[str, Any]) -> None:
        self.calls = calls

    def __call__(self, x: tw.Tensor, y: tw.Tensor) -> dict[str, Any]:
        found = {}
        for name, call in self.calls.items():
            result = call(x, y)
            found[name] = (result, gradients(result, x, y))
        return found


def assert_same(got: Any, wanted: Any, name: str, tolerance: float = 1e-10) -> None:
    """Equal structure, dtypes and shapes, and values to within rounding."""
    if not isinstance(wanted, tw.Tensor):
        if isinstance(wanted, (list, tuple)):
            assert type(got) is type(wanted), name
            assert len(got) == len(wanted), name
            for i, (a, b) in enumerate(zip(got, wanted, strict=True)):
                assert_same(a, b, f"{name}[{i}]")
        else:
            assert got == wanted, name
        return
    assert got.dtype is wanted.dtype, name
    assert got.shape == wanted.shape, name
    assert got.requires_grad == wanted.requires_grad, name
    tolerance = {tw.float32: 1e-5, tw.float16: 2e-3}.get(wanted.dtype, tolerance)
    np.testing.assert_allclose(
        got.detach().numpy(), wanted.detach().numpy(), rtol=tolerance, atol=tolerance, err_msg=name
    )


CASES = [(family, tw.float64) for family in FAMILIES]
CASES += [(family, tw.float32) for family in ("elementwise", "reductions", "activations")]  # no float64 constants


@pytest.mark.parametrize(("family", "dtype"), CASES, ids=str)
def test_compiled_equals_eager(family: str, dtype: Any) -> None:
    function = Family(FAMILIES[family])
    compiled = compile(function)
    for seed in (1, 2):
        x, y = (X * seed).to(dtype).requires_grad_(), Y.to(dtype).requires_grad_()
        tw.manual_seed(seed)
        wanted = function(x, y)
        after = tw.get_rng_state()
        tw.manual_seed(seed)
        got = compiled(x, y)
        assert tw.get_rng_state().tolist() == after.tolist()
        for name, value in wanted.items():
            assert_same(got[name], value, name)
