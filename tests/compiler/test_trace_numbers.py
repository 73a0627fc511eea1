"""Floats among the arguments: numbers of the run wherever they only compute, guards where Python decides by them."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.compiler import compile

F = nn.functional
X = tw.tensor([[1.0, -2.0, 0.5], [0.25, 3.0, -1.5]], dtype=tw.float64)
SINGLE, WHOLE, TRUTH = X.float(), tw.tensor([3, -2, 7]), tw.tensor([True, False])


def arithmetic(a: float) -> Any:
    """Numbers with tensors of every kind, with Python numbers, with one another."""
    found: list[Any] = []
    for x in (X, SINGLE, WHOLE, TRUTH):
        found += [x * a, a * x, x + a, x / a, a / (x + 5), x > a, a > x, x == a]
    for x in (X, SINGLE, WHOLE):
        found += [a - x, x - a, x // a, x % a, a // (x * 2 + 1), a % (x * 2 + 1)]
    b = 1 - a / 3 + a * a - a**2 / 2 + 2**a - abs(-a) + +a - a // 0.3 + a % 0.3 + 7 % a + 3 // a
    found += [X * b, X.abs() ** a, a**X, X * (np.float64(2) * a), X * (a * np.float64(3)), X * sum([a, a, 1])]
    return found


def functions(a: float) -> Any:
    x = X.clone()
    x[0] = a
    x[X > 1] = a * 2
    return [
        x, tw.full((2,), a), tw.full_like(WHOLE, a), tw.full_like(X, a), tw.tensor(a), tw.tensor(a, dtype=tw.float64),
        X.new_full((2,), a), X.new_tensor(a), tw.where(X > 0, a, 1.0), tw.where(X > 0, X, a), X.masked_fill(X > 0, a),
        X.clamp(-a, a), tw.add(X, X, alpha=a), tw.lerp(X, X + 1, a), tw.ones(2).fill_(a), tw.ones(2).add_(a),
        tw.pow(a, X), tw.addcmul(X, X, X, value=a), F.leaky_relu(X, a), F.elu(X, a), F.hardtanh(X, -a, a),
        F.threshold(X, a, a), F.softshrink(X, a), F.huber_loss(X, X * 2, delta=a),
        F.margin_ranking_loss(X, X + 1, X.sign(), margin=a), tw.isclose(X, X + a, a, a), F.celu(X, a),
        nn.init.constant_(tw.empty(2), a), tw.maximum(X, tw.tensor(a, dtype=tw.float64)),
    ]  # fmt: skip


def assert_same(got: list[Any], wanted: list[Any]) -> None:
    assert len(got) == len(wanted)
    for i, (a, b) in enumerate(zip(got, wanted, strict=True)):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), i
        tolerance = 1e-12 if b.dtype is tw.float64 else 1e-6
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tolerance, atol=tolerance, err_msg=str(i))


@pytest.mark.parametrize("function", [arithmetic, functions])
def test_numbers_are_read_anew_in_each_run(function: Any, caplog: Any) -> None:
    compiled = compile(function)
    with caplog.at_level(logging.INFO, logger="thalweg.compiler"):
        for a in (0.5, 0.75, 0.9):
            assert_same(compiled(a), function(a))
    assert sum("compiled " in r.message for r in caplog.records) == 1


DECISIONS: dict[str, tuple[Any, list[float], int]] = {
    "sin": (lambda a: X * math.sin(a), [0.5, 0.5, 0.7, 0.5], 2),
    "branch": (lambda a: X * a if a * 2 > 1 else -X, [0.5, 0.1, 0.7, 3.0, 0.2], 2),
    "chained": (lambda a: X + a if 0 <= a < 1 else X, [0.5, 0.1, 1.0, -1.0], 3),
    "max": (lambda a: X * max(a, 0.3, a / 2), [0.5, 0.4, 0.1, 0.2], 2),
    "truth": (lambda a: X * 2 if a else X, [0.5, 0.7, 0.0, 0.1], 2),
    "int": (lambda a: X * int(a * 4), [0.5, 0.5, 0.75], 2),
    "round": (lambda a: X * round(a, 1), [0.5, 0.75], 2),
    "floor": (lambda a: X * (math.floor(a) + math.ceil(a)), [0.5, 1.5], 2),
    "divmod": (lambda a: X * divmod(a, 0.3)[1], [0.5, 0.8], 1),
    "key": (lambda a: X * {0.5: 3.0, 0.75: 4.0}[a], [0.5, 0.75], 2),
    "member": (lambda a: X * (a in (0.1, 0.5)), [0.5, 0.1, 0.2], 3),
    "range": (lambda a: sum(X for _ in range(int(a))), [2.0, 3.0], 2),
    "method": (lambda a: X * a.is_integer(), [2.0, 2.5], 2),
    "numpy": (lambda a: X * np.exp(a), [0.5, 0.6], 2),
    "sorted": (lambda a: X * sorted([a, 0.2, a / 10])[1], [0.5, 0.6, 0.1], 2),
    "exponent": (lambda a: X.abs() ** a, [2.0, 0.5, 3.0], 1),
    "nan": (lambda a: X * (a != a), [math.nan, 1.0], 2),
    "parameter of a primitive": (lambda a: F.pad(X, (1, 1), value=a), [0.5, 0.75], 2),
    "power of norm": (lambda a: X.norm(a), [3.0, 2.0, 4.0, math.inf], 3),
}  # fmt: skip


@pytest.mark.parametrize("name", DECISIONS)
def test_decisions_by_a_number_are_guarded(name: str, caplog: Any) -> None:
    function, values, programs = DECISIONS[name]
    compiled = compile(function)
    with caplog.at_level(logging.INFO, logger="thalweg.compiler"):
        for a in values:
            np.testing.assert_allclose(compiled(a).numpy(), function(a).numpy(), rtol=1e-12, err_msg=str(a))
    assert sum("compiled " in r.message for r in caplog.records) == programs


def test_numbers_are_compared_with_one_another() -> None:
    def function(a: float, b: float) -> Any:
        return X if a < b else -X * b

    compiled = compile(function)
    for a, b in ((1.0, 2.0), (1.5, 1.2), (3.0, 4.0), (5.0, 4.0), (1.0, float("nan"))):
        np.testing.assert_allclose(compiled(a, b).numpy(), function(a, b).numpy())


def test_numbers_as_results_and_in_text() -> None:
    compiled = compile(lambda a: (a, a + 1, [a * X.sum()], f"{a:.2f}", str(a), repr(a * 2), a == "text", a is None))
    for a in (0.5, 0.75):
        found = compiled(a)
        assert found[:2] == (a, a + 1)
        assert [type(v) for v in found[:2]] == [float, float]
        assert found[3:] == (f"{a:.2f}", str(a), repr(a * 2), False, False)
        np.testing.assert_allclose(found[2][0].item(), a * X.sum().item())


def test_an_index_can_not_be_a_float() -> None:
    with pytest.raises(TypeError, match="float"):
        compile(lambda a: [1, 2][a])(1.0)
    with pytest.raises(AttributeError, match="'float' object has no attribute 'nothing'"):
        compile(lambda a: a.nothing)(1.0)
