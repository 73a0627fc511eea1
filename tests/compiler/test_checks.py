"""What a run may not do: compiled functions refuse it as eager ones do, and then have changed nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.compiler import compile
from thalweg.compiler.graph import Check, Graph, apply, placeholder
from thalweg.compiler.native_program import Native
from thalweg.errors import TargetError
from thalweg.ops.elementwise import add
from thalweg.ops.shape import permute


def native(node: Any, low: int, high: int, *inputs: Any) -> Native:
    check = Check(node, low, high, ValueError, "found {value}")
    return Native(Graph(inputs, [apply(add, x, x) for x in inputs], checks=[check]), [], threads=1)


def run(program: Native, *arrays: Any) -> None:
    program.run(list(arrays), [np.empty(x.shape, x.dtype) for x in arrays])


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.int8, np.uint8])
@pytest.mark.parametrize("n", [1, 7, 8, 67])
def test_the_first_element_outside_is_named(dtype: Any, n: int) -> None:
    x = placeholder("x", (n,), dtype)
    program = native(x, 0, 100, x)
    values = (np.arange(n) % 100).astype(dtype)
    run(program, values)
    for place in {0, n // 2, n - 1}:
        bad = values.copy()
        bad[place:] = 101
        bad[place] = 100
        with pytest.raises(ValueError, match="found 100"):
            run(program, bad)
    run(program, values)


def test_negative_elements_and_the_limits_themselves() -> None:
    x = placeholder("x", (3,), np.int64)
    program = native(x, -5, 5, x)
    run(program, np.array([-5, 0, 4]))
    for value in (-6, 5, 2**63 - 1, -(2**63)):
        with pytest.raises(ValueError, match=f"found {value}"):
            run(program, np.array([0, value, 9]))


def test_a_view_is_searched_in_its_own_order() -> None:
    x = placeholder("x", (2, 3), np.int64)
    program = native(apply(permute, x, dims=(1, 0)), 0, 10, x)
    run(program, np.arange(6).reshape(2, 3))
    with pytest.raises(ValueError, match="found 20"):
        run(program, np.array([[0, 30, 0], [20, 0, 0]]))


def test_what_is_empty_passes() -> None:
    x = placeholder("x", (0, 3), np.int64)
    run(native(x, 0, 1, x), np.empty((0, 3), np.int64))


def test_targets_of_a_training_step() -> None:
    tw.manual_seed(0)
    model, loss = tw.nn.Linear(4, 3), tw.nn.CrossEntropyLoss()

    @compile
    def step(x: Any, y: Any) -> Any:
        model.zero_grad()
        value = loss(model(x), y)
        value.backward()
        with tw.no_grad():
            for p in model.parameters():
                p -= 0.1 * p.grad
        return value

    x = tw.randn(5, 4)
    step(x, tw.tensor([0, 1, 2, 0, 1]))
    before = [p.tolist() for p in model.parameters()]
    for wrong in (3, -1):
        with pytest.raises(TargetError, match=f"target {wrong} is none of the 3 classes"):
            step(x, tw.tensor([0, 1, wrong, 0, 1]))
    assert [p.tolist() for p in model.parameters()] == before
    step(x, tw.tensor([0, 1, 2, 0, 1]))
    assert [p.tolist() for p in model.parameters()] != before


def test_indices_that_kernels_compute() -> None:
    total = tw.zeros(3)

    @compile
    def pick(x: Any, i: Any) -> Any:
        with tw.no_grad():
            total.add_(1.0)
        return x[i * 2 + 1]

    x = tw.arange(10)
    assert pick(x, tw.tensor([0, 4])).tolist() == [1, 9]
    assert pick(x, tw.tensor([-1, 3])).tolist() == [9, 7]
    with pytest.raises(IndexError, match="index 11 is out of bounds for axis 0 with size 10"):
        pick(x, tw.tensor([0, 5]))
    assert total.tolist() == [2.0, 2.0, 2.0]


def test_indices_that_depend_on_what_is_written() -> None:
    """Then the new content is kept apart until the check has passed."""
    count = tw.zeros(1, dtype=tw.int64)

    @compile
    def pick(x: Any) -> Any:
        with tw.no_grad():
            count.add_(1)
        return x[count + 1]

    x = tw.arange(4)
    assert [pick(x).item(), pick(x).item()] == [2, 3]
    with pytest.raises(IndexError, match="index 4"):
        pick(x)
    assert count.tolist() == [2]


@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod"])
def test_integer_division_by_zero(name: str) -> None:
    divide = compile(lambda a, b: getattr(tw, name)(a, b))
    a = tw.tensor([7, -7])
    assert divide(a, tw.tensor([2, 3])).tolist() == getattr(tw, name)(a, tw.tensor([2, 3])).tolist()
    with pytest.raises(ZeroDivisionError, match=f"{name}: integer division by zero"):
        divide(a, tw.tensor([2, 0]))
    assert np.isinf(tw.floor_divide(tw.tensor([1.0]), tw.tensor([0.0])).item())
    with pytest.raises(ZeroDivisionError, match=name):
        compile(lambda a: getattr(tw, name)(a, 0))(a)
