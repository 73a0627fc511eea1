"""Each rule of simplification by example: what becomes of the graph, and that its values stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from thalweg.compiler.decompose import Expression
from thalweg.compiler.graph import Graph, Node, apply, constant, evaluate, placeholder
from thalweg.compiler.simplify import simplify
from thalweg.core.origin import Origin
from thalweg.errors import ShapeError
from thalweg.ops import elementwise as e
from thalweg.ops.base import convert
from thalweg.ops.broadcast import expand, reshape, sum_
from thalweg.ops.index import take
from thalweg.ops.reduce import all_, amax, any_, cumsum, prod
from thalweg.ops.rows import cross_entropy_mean
from thalweg.ops.shape import cat, embed, flip, index, pad, permute, view_scatter

from .graphs import INF, NAN, graph_of, inputs_for, names, same_outputs, special

F32, F64, I64 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64)
ALL = slice(None)


def check(build: Callable[..., Any], expected: list[str], *arrays: Any, tolerance: float = 0.0) -> Graph:
    """``build`` on inputs for the arrays simplifies to the ``expected`` operations with the same values."""
    inputs = inputs_for(*arrays)
    results = build(*inputs)
    before = graph_of(inputs, *(results if isinstance(results, tuple) else (results,)))
    after = simplify(before)
    assert sorted(names(after)) == sorted(expected), after.text()
    same_outputs(before, after, list(arrays), tolerance)
    again = simplify(after)
    assert again.text() == after.text()
    return after


def full(value: Any, shape: tuple[int, ...], dtype: Any) -> Expression:
    return Expression(constant(np.full(shape, value, dtype)))


def to(x: Any, dtype: Any) -> Any:
    return convert(x, dtype=np.dtype(dtype))


def grow(x: Any, *shape: int) -> Any:
    return expand(x, shape=shape)


def scatter(base: Any, value: Any, key: tuple[Any, ...]) -> Any:
    return view_scatter(base, value, steps=((index, {"index": key}),))


ARITHMETIC: dict[str, tuple[Any, list[str]]] = {
    "x + -0.0": (lambda x, y: x + -0.0, []),
    "x + 0.0 makes 0 of -0": (lambda x, y: x + 0.0, ["add"]),
    "exp(x) + 0.0": (lambda x, y: e.exp(x) + 0.0, ["exp"]),
    "x - 0.0": (lambda x, y: x - 0.0, []),
    "x - -0.0": (lambda x, y: x - -0.0, ["sub"]),
    "0.0 - x is not -x": (lambda x, y: 0.0 - x, ["sub"]),
    "x + -y": (lambda x, y: x + -y, ["sub"]),
    "x - -y": (lambda x, y: x - -y, ["add"]),
    "-x + y": (lambda x, y: -x + y, ["sub"]),
    "x * 1": (lambda x, y: x * 1, []),
    "1.0 * x": (lambda x, y: 1.0 * x, []),
    "x / 1": (lambda x, y: x / 1, []),
    "x * -1": (lambda x, y: x * -1.0, ["neg"]),
    "--x": (lambda x, y: e.neg(-x), []),
    "(-x)(-y)": (lambda x, y: (-x) * (-y), ["mul"]),
    "-x * 3": (lambda x, y: -x * 3.0, ["mul"]),
    "-(x / 3)": (lambda x, y: -(x / 3.0), ["div"]),
    "|-x|": (lambda x, y: e.abs_(-e.abs_(x)), ["abs"]),
    "x / 8": (lambda x, y: x / 8.0, ["mul"]),
    "x / 3": (lambda x, y: x / 3.0, ["div"]),
    "x / 2**127": (lambda x, y: x / 2.0**127, ["div"]),
    "x**2": (lambda x, y: x**2, ["mul"]),
    "x**3": (lambda x, y: x**3, ["mul", "mul"]),
    "x**0": (lambda x, y: x**0, ["expand"]),
    "x**0.5": (lambda x, y: x**0.5, ["sqrt"]),
    "x**1": (lambda x, y: x**1, []),
    "relu(relu(x))": (lambda x, y: e.relu(e.relu(x)), ["relu"]),
    "max(x, x)": (lambda x, y: e.maximum(x, x), []),
    "safe_mul(x, 2)": (lambda x, y: e.safe_mul(x, 2.0), ["mul"]),
    "safe_mul(x, inf)": (lambda x, y: e.safe_mul(x, INF), ["safe_mul"]),
    "safe_mul(x, 1e300), infinite in float32": (lambda x, y: e.safe_mul(x, 1e300), ["safe_mul"]),
    "safe_mul(1, x)": (lambda x, y: e.safe_mul(1.0, x), []),
    "safe_mul(ones, x)": (lambda x, y: e.safe_mul(full(1, x.shape, F32), x), []),
    "safe_mul(0, x)": (lambda x, y: e.safe_mul(0.0, x), ["safe_mul"]),
    "safe_mul(x, y != 0)": (lambda x, y: e.safe_mul(x, y != 0), ["ne", "mul"]),
    "safe_mul of a mask in floats": (lambda x, y: e.safe_mul(to(y > 0, F32), x), ["gt", "safe_mul"]),
    "mask of a mask": (lambda x, y: e.safe_mul(x > 0, e.safe_mul(y < 1, y)), ["gt", "lt", "logical_and", "safe_mul"]),
    "the same mask twice": (lambda x, y: e.safe_mul(x > 0, e.safe_mul(x > 0, y)), ["gt", "safe_mul"]),
    "x + y and y + x": (lambda x, y: (x + y, y + x), ["add"]),
    "x - y and y - x": (lambda x, y: (x - y, y - x), ["sub", "sub"]),
    "max(x, y) and max(y, x)": (lambda x, y: (e.maximum(x, y), e.maximum(y, x)), ["maximum", "maximum"]),
    "x + 0.0 and x + -0.0": (lambda x, y: (x + 0.0, x - -0.0, x + -0.0), ["add", "sub"]),
    "1 < x and x > 1": (lambda x, y: (e.lt(1.0, x), x > 1.0), ["gt"]),
    "x + zeros of -0": (lambda x, y: x + full(-0.0, x.shape, F32), []),
    "x times a full array": (lambda x, y: x * full(3, x.shape, F32), ["mul"]),
}  # fmt: skip


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic(name: str) -> None:
    build, expected = ARITHMETIC[name]
    check(build, expected, special((10, 10), seed=1), special((10, 10), seed=2))


LOGIC: dict[str, tuple[Any, list[str]]] = {
    "not not b": (lambda x, b, c: e.logical_not(e.logical_not(b)), []),
    "~~b": (lambda x, b, c: ~~b, []),
    "not x": (lambda x, b, c: e.logical_not(x), ["eq"]),
    "not x == 1": (lambda x, b, c: e.logical_not(x == 1), ["ne"]),
    "not x < 1 holds for NaN": (lambda x, b, c: e.logical_not(x < 1), ["logical_not", "lt"]),
    "not b < c": (lambda x, b, c: e.logical_not(b < c), ["ge"]),
    "b & b": (lambda x, b, c: b & b, []),
    "b & c and c and b": (lambda x, b, c: (b & c, e.logical_and(c, b)), ["logical_and"]),
    "b & True": (lambda x, b, c: b & True, []),
    "b & False": (lambda x, b, c: b & False, ["expand"]),
    "b | True": (lambda x, b, c: b | True, ["expand"]),
    "b | all False": (lambda x, b, c: b | full(False, b.shape, bool), []),
    "b ^ b": (lambda x, b, c: e.logical_xor(b, b), ["expand"]),
    "b ^ True": (lambda x, b, c: e.logical_xor(b, True), ["logical_not"]),
    "b != 0": (lambda x, b, c: b != 0, []),
    "b == False": (lambda x, b, c: b == False, ["logical_not"]),  # noqa: E712
    "number of b != 0": (lambda x, b, c: to(b, F32) != 0, []),
    "b == b": (lambda x, b, c: e.eq(b, b), ["expand"]),
    "x == x is false for NaN": (lambda x, b, c: e.eq(x, x), ["eq"]),
    "isnan(b)": (lambda x, b, c: (e.isnan(b), e.isfinite(b)), ["expand", "expand"]),
    "where(True, x, 0)": (lambda x, b, c: e.where(full(True, (10, 10), bool), x, 0.0), []),
    "where(False, x, 0)": (lambda x, b, c: e.where(full(False, (10, 10), bool), x, 0.0), ["expand"]),
    "where(b, x, x)": (lambda x, b, c: e.where(b, x, x), []),
    "where(b, x, row) expands": (lambda x, b, c: e.where(full(False, (10, 10), bool), x, x[0]), ["index", "expand"]),
    "where(b, 0.0, -0.0) differs": (lambda x, b, c: x * e.where(b, 0.0, -0.0), ["where", "mul"]),
    "where(b, 1, 0)": (lambda x, b, c: x * e.where(b, 1.0, 0.0), ["convert", "mul"]),
    "where(b, 0, 1)": (lambda x, b, c: x * e.where(b, 0.0, 1.0), ["logical_not", "convert", "mul"]),
    "where(b, -0.0, 1)": (lambda x, b, c: x * e.where(b, -0.0, 1.0), ["where", "mul"]),
    "where(not b, x, 1)": (lambda x, b, c: e.where(~b, x, 1.0), ["where"]),
    "where(b, x, where(b, 1, 2))": (lambda x, b, c: e.where(b, x, e.where(b, 1.0, x + 2)), ["add", "where"]),
    "where(b, where(b, x, 1), 2)": (lambda x, b, c: e.where(b, e.where(b, x, 1.0), 2.0), ["where"]),
    "where(b, x, where(c, 1, 2))": (lambda x, b, c: e.where(b, x, e.where(c, 1.0, x)), ["where", "where"]),
}  # fmt: skip


@pytest.mark.parametrize("name", LOGIC)
def test_logic(name: str) -> None:
    build, expected = LOGIC[name]
    check(build, expected, special((10, 10), seed=3), special((10, 10), bool, 4), special((10, 10), bool, 5))


VIEWS: dict[str, tuple[Any, list[str]]] = {
    "reshape to its own shape": (lambda x: reshape(x, shape=(4, 6)), []),
    "reshape twice": (lambda x: reshape(reshape(x, shape=(24,)), shape=(2, 12)), ["reshape"]),
    "reshape there and back": (lambda x: reshape(reshape(x, shape=(2, 12)), shape=(4, 6)), []),
    "transposed twice": (lambda x: x.T.T, []),
    "permute composed": (
        lambda x: permute(permute(reshape(x, shape=(2, 3, 4)), dims=(1, 2, 0)), dims=(1, 2, 0)), ["reshape", "permute"]
    ),
    "permute of axes of size 1": (lambda x: reshape(permute(x[None], dims=(1, 0, 2)), shape=(24,)), ["reshape"]),
    "expand to its own shape": (lambda x: grow(x, 4, 6), []),
    "expand twice": (lambda x: grow(grow(x, 1, 4, 6), 3, 4, 6), ["expand"]),
    "expand of new leading axes": (lambda x: grow(reshape(x, shape=(1, 4, 6)), 3, 4, 6), ["expand"]),
    "reshape of expanded": (
        lambda x: reshape(grow(x[0], 3, 6), shape=(3, 1, 6)), ["index", "expand"]
    ),
    "permute of expanded": (lambda x: permute(grow(x, 5, 4, 6), dims=(1, 0, 2)), ["reshape", "expand"]),
    "index of everything": (lambda x: x[:, ...], []),
    "index of new axes": (lambda x: x[:, None], ["reshape"]),
    "index of an index": (lambda x: x[1:, ::2][:, 1], ["index"]),
    "negative ints": (lambda x: (x[-1], x[3], x[3, :]), ["index"]),
    "index of expanded": (lambda x: grow(x, 5, 4, 6)[2, 1:3], ["index"]),
    "index of part of expanded": (lambda x: grow(x, 5, 4, 6)[:3], ["expand"]),
    "index of cat": (lambda x: cat(x, x + 1, dim=0)[5:7], ["add", "index"]),
    "index across cat": (lambda x: cat(x, x + 1, dim=0)[3:7], ["add", "cat", "index"]),
    "cat of one": (lambda x: cat(x, dim=1), []),
    "cat with nothing": (lambda x: cat(x, x[:0], x, dim=0), ["cat"]),
    "cat of cat": (lambda x: cat(cat(x, x + 1, dim=0), x, dim=0), ["add", "cat"]),
    "cat of the parts": (lambda x: cat(x[:1], x[1:3], x[3:], dim=0), []),
    "cat of some parts": (lambda x: cat(x[1:2], x[2:3], dim=0), ["index"]),
    "cat of parts in another order": (lambda x: cat(x[2:], x[:2], dim=0), ["index", "index", "cat"]),
    "write everything": (lambda x: scatter(x, x + 1, (ALL,)), ["add"]),
    "write a number everywhere": (lambda x: scatter(x, 2.0, (Ellipsis,)), ["expand"]),
    "write nothing": (lambda x: scatter(x, 2.0, (slice(0, 0),)), []),
    "write through a transpose": (
        lambda x: view_scatter(x, x.T + 1, steps=((permute, {"dims": (1, 0)}),)), ["add"]
    ),
    "write through a reshape": (
        lambda x: view_scatter(x, reshape(x + 1, shape=(24,)), steps=((reshape, {"shape": (24,)}),)), ["add"]
    ),
    "write what is there": (lambda x: scatter(x, x[1:3], (slice(1, 3),)), []),
    "write over": (lambda x: scatter(scatter(x, 1.0, (2,)), 2.0, (slice(1, 3),)), ["view_scatter"]),
    "write over a part": (
        lambda x: scatter(scatter(x, 1.0, (slice(1, 3),)), 2.0, (2,)), ["view_scatter", "view_scatter"]
    ),
    "read what was written": (lambda x: scatter(x, x[0] + 1, (2,))[2], ["index", "add"]),
    "read a part of what was written": (
        lambda x: scatter(x, (x + 1)[:3], (slice(1, 4),))[2:, ::2], ["add", "index"]
    ),
    "read what was not written": (lambda x: scatter(scatter(x, 1.0, (2,)), 2.0, (3,))[0], ["index"]),
    "read every other": (lambda x: scatter(x, 1.0, (slice(0, 4, 2),))[1::2], ["index"]),
    "read across": (lambda x: scatter(x, 1.0, (2,))[1:3], ["view_scatter", "index"]),
    "index of embed": (lambda x: embed(x, index=(slice(1, 5),), shape=(6, 6))[1:5], []),
    "index of an int's embed": (lambda x: embed(x, index=(2,), shape=(3, 4, 6))[2:3], ["reshape"]),
    "index beside embed": (lambda x: embed(x, index=(slice(1, 5),), shape=(6, 6))[5], ["expand"]),
    "embed everything": (lambda x: embed(x, index=(1, ...), shape=(2, 4, 6))[1], []),
    "gradients of parts": (
        lambda x: embed(-x, index=(slice(4, 8),), shape=(12, 6)) + embed(x, index=(slice(0, 4),), shape=(12, 6))
        + embed(x * 0.5, index=(slice(8, 12),), shape=(12, 6)), ["neg", "mul", "cat", "add"]
    ),
    "gradients of some parts": (
        lambda x: embed(-x, index=(slice(4, 8),), shape=(12, 6)) + embed(x, index=(slice(0, 4),), shape=(12, 6)),
        ["neg", "cat", "add", "embed"]
    ),
    "gradients of parts apart": (
        lambda x: embed(x, index=(slice(5, 9),), shape=(12, 6)) + embed(x, index=(slice(0, 4),), shape=(12, 6)),
        ["embed", "embed", "add"]
    ),
    "flip twice": (lambda x: flip(flip(x, dims=(0, 1)), dims=(1,)), ["flip"]),
    "flip of nothing": (lambda x: flip(x[:1], dims=(0,)), ["index"]),
    "pad of nothing": (lambda x: pad(x, widths=((0, 0), (0, 0)), value=0.0), []),
    "without elements": (lambda x: e.exp(x[:0]) + 1, []),
}  # fmt: skip


@pytest.mark.parametrize("name", VIEWS)
def test_views(name: str) -> None:
    build, expected = VIEWS[name]
    check(build, expected, np.arange(24, dtype=np.float32).reshape(4, 6))


def cube(x: Any) -> Any:
    return reshape(x[:2, :4], shape=(2, 2, 2))


MOTION: dict[str, tuple[Any, list[str]]] = {
    "broadcasting needs no expand": (lambda x, r: x + grow(r, 4, 6), ["add"]),
    "first computed, then expanded": (lambda x, r: e.exp(grow(r, 4, 6)) * 2, ["exp", "mul", "expand"]),
    "expanded along both axes": (
        lambda x, r: grow(r, 4, 6) + grow(x[:, :1], 4, 6), ["index", "add"]
    ),
    "a chain on a reshape": (
        lambda x, r: reshape(e.tanh(reshape(x, shape=(2, 2, 6)) + r), shape=(4, 6)), ["add", "tanh"]
    ),
    "two reshapes": (lambda x, r: reshape(x, shape=(24,)) * reshape(e.exp(x), shape=(24,)), ["exp", "mul", "reshape"]),
    "a row on other axes": (
        lambda x, r: reshape(x, shape=(2, 12)) + reshape(grow(r, 2, 6), shape=(12,)),
        ["reshape", "expand", "reshape", "add"],
    ),
    "a chain on a transpose": (lambda x, r: (e.exp(x.T) + 1).T, ["exp", "add"]),
    "transposes of two": (lambda x, r: (x.T - (x + 1).T).T, ["add", "sub"]),
    "transposes that differ": (
        lambda x, r: permute(cube(x), dims=(1, 0, 2)) + permute(cube(x), dims=(0, 2, 1)),
        ["index", "reshape", "permute", "permute", "add"],
    ),
    "a constant beside a transpose": (
        lambda x, r: (x.T + np.arange(24, dtype=np.float32).reshape(6, 4)).T, ["add"]
    ),
    "convert of expanded": (lambda x, r: to(grow(r, 4, 6), F64), ["convert", "expand"]),
    "sum over one": (lambda x, r: sum_(x[:, :1], dims=(1,), keepdim=False), ["index", "reshape"]),
    "sum over one and more": (
        lambda x, r: sum_(reshape(x, shape=(4, 1, 6)), dims=(1, 2), keepdim=False), ["sum"]
    ),
    "maximum of expanded": (lambda x, r: amax(grow(r, 4, 6), dims=(0,), keepdim=True), ["reshape"]),
    "maximum of expanded over the rest": (
        lambda x, r: amax(grow(r, 4, 6), dims=(1,), keepdim=False), ["amax", "reshape", "expand"]
    ),
    "sum of rows of a reshape": (
        lambda x, r: sum_(reshape(x, shape=(2, 2, 6)), dims=(2,), keepdim=True), ["sum", "reshape"]
    ),
    "product over one": (lambda x, r: prod(r[:1], dims=(0,), keepdim=False), ["index", "reshape"]),
}  # fmt: skip


@pytest.mark.parametrize("name", MOTION)
def test_motion(name: str) -> None:
    build, expected = MOTION[name]
    check(build, expected, special((4, 6), seed=6), special((6,), seed=7))


def test_sums_of_equal_elements_to_rounding() -> None:
    r = np.array([1.1, 2.0, -0.5, INF, NAN, 0.0])
    build = lambda r: sum_(grow(r, 3, 6), dims=(0,), keepdim=False)  # noqa: E731
    check(build, ["mul"], r, tolerance=1e-15)
    both = lambda r: sum_(grow(r, 5, 3), dims=(0, 1), keepdim=True)  # noqa: E731
    check(both, ["sum", "mul", "reshape"], r[:3], tolerance=1e-15)
    integers = lambda r: sum_(grow(r, 3, 2), dims=(0,), keepdim=False)  # noqa: E731
    check(integers, ["mul"], np.array([4, 5]))


def test_factors_are_merged_unless_they_overflow_between() -> None:
    x = np.array([1.5, -0.0, INF, NAN, 1e-30], np.float32)
    after = check(lambda x: (x * 0.5) * 0.3, ["mul"], x, tolerance=1e-6)
    assert after.outputs[0].inputs[1] == pytest.approx(0.15)
    check(lambda x: (x * 1e-30) * 1e30, ["mul", "mul"], x)
    check(lambda x: (x * 1e30) * 1e30, ["mul", "mul"], x)


def test_small_powers_of_integers() -> None:
    x = np.array([-3, 0, 5])
    check(lambda x: (x**2, x**1, x**0, x + 0, x * 1, x - 0), ["mul", "expand"], x)
    check(lambda x: e.floor_divide(x, 1) + -x, ["floor_divide", "sub"], x)


def test_a_single_row_that_is_not_ignored_counts_one() -> None:
    def weight(t: Any) -> Any:
        ignored = e.eq(t, -100)
        counted = sum_(to(e.logical_not(ignored), F32), dims=(0,), keepdim=False)
        return e.where(ignored, 0.0, grow(1.0 / counted, 1))

    for target in (-100, 7):
        check(weight, ["ne", "convert"], np.array([target]))
    check(
        lambda t: e.where(t > 2, to(t, F32) + to(t > 2, F32), 0.0),
        ["gt", *["convert"] * 2, "add", "where"],
        np.array([7]),
    )


def test_masks_that_are_reshaped_numbers() -> None:
    x, b = special((6, 4), seed=8), special((6,), bool, 9)
    build = lambda x, b: e.safe_mul(reshape(to(b, F32), shape=(6, 1)), x)  # noqa: E731
    check(build, ["reshape", "safe_mul"], x, b)


def test_dtypes_are_kept() -> None:
    x, i = np.array([1.5, -2.0], np.float32), np.array([2**40, 3])
    check(lambda x, i: i * 1.0, ["mul"], x, i)  # promotes
    check(lambda x, i: i + 0.0, ["add"], x, i)
    check(lambda x, i: to(i, I64), [], x, i)
    check(lambda x, i: to(to(x, F64), F32), [], x, i)
    check(lambda x, i: to(to(x, np.float16), F32), ["convert", "convert"], x, i)
    check(lambda x, i: to(to(i, F64), F32), ["convert", "convert"], x, i)  # rounded twice
    check(lambda x, i: to(to(i > 2, I64), F32), ["gt", "convert"], x, i)
    check(lambda x, i: x + full(2, (2,), np.float64), ["add", "expand"], x, i)
    wide = Expression(constant(np.float64(0.1)))
    check(lambda x, i: x[0] * wide, ["index", "mul"], x, i)  # two 0-d arrays give float64


def test_constants_are_computed() -> None:
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    check(lambda x: x + e.exp(Expression(constant(a))), ["add"], a)
    after = check(lambda x: x * sum_(Expression(constant(a)), dims=(0, 1), keepdim=False), ["mul"], a)
    assert after.outputs[0].inputs[1] == 15.0


def test_large_results_are_not_made_of_small_constants() -> None:
    row, column = constant(np.arange(100.0)), constant(np.arange(100.0)[:, None])
    graph = simplify(Graph([], [apply(e.add, row, column)]))
    assert names(graph) == ["add"]
    graph = simplify(Graph([], [apply(expand, constant(np.float32(2)), shape=(1000, 1000))]))
    assert names(graph) == ["expand"]


def test_a_large_constant_of_one_value_takes_no_memory() -> None:
    graph = simplify(Graph([], [constant(np.full((300, 300), NAN))]))
    assert names(graph) == ["expand"]
    assert np.isnan(evaluate(graph, [])[0]).all()
    zeros = np.zeros((2, 2))
    zeros[0, 1] = -0.0
    assert names(simplify(Graph([], [constant(zeros)]))) == []


def test_what_raises_is_left_to_the_run() -> None:
    x = constant(np.zeros((0, 2)))
    graph = simplify(Graph([], [apply(amax, x, dims=(0,), keepdim=False)]))
    assert names(graph) == ["amax"]
    with pytest.raises(ShapeError, match="amax"):
        evaluate(graph, [])


def test_a_constant_divisor_of_zero_is_refused_at_once() -> None:
    x = placeholder("x", (2,), np.int64)
    with pytest.raises(ZeroDivisionError, match="floor_divide"):
        simplify(Graph([x], [apply(e.floor_divide, x, constant(np.array([0, 1])))]))


def test_equal_constants_are_one() -> None:
    x = placeholder("x", (3,), np.float32)
    a, b = (constant(np.array([1, 2, 3], np.float32)) for _ in range(2))
    other = constant(np.array([1, 2, 3], np.int64))
    graph = simplify(Graph([x], [apply(e.mul, x, a), apply(e.mul, x, b), apply(e.mul, x, other)]))
    assert names(graph) == ["mul", "mul"]
    assert graph.outputs[0] is graph.outputs[1]


def test_dead_code_falls_away_and_outputs_stay_in_order() -> None:
    x = placeholder("x", (3,), np.float32)
    apply(e.exp, x)
    y = apply(e.tanh, x)
    graph = simplify(Graph([x], [y, x, y], ["a", "b", "c"]))
    assert graph.outputs == [y, x, y]
    assert graph.names == ["a", "b", "c"]
    assert graph.inputs == [x]


def test_new_nodes_bear_the_users_line() -> None:
    x = placeholder("x", (3,), np.float32)
    graph = simplify(Graph([x], [apply(e.pow_, x, 2, origin=Origin("user.py:3"))]))
    assert graph.outputs[0].line == "user.py:3"


def test_checks_survive() -> None:
    x, t = placeholder("x", (4, 3), np.float32), placeholder("t", (4,), np.int64)
    known = apply(e.where, apply(e.logical_not, apply(e.ne, t, -100)), 0, apply(reshape, t, shape=(4,)))
    graph = simplify(Graph([x, t], [apply(cross_entropy_mean, x, known)]))
    (check,) = graph.checks
    assert check.node in graph.nodes()
    assert [node.name for node in (check.node, *check.node.parents())] == ["where", "eq", "input"]


def taken_at(position: int) -> Graph:
    """x[position], which only simplification finds to be constant."""
    x, i = placeholder("x", (4,), np.float32), placeholder("i", (3,), np.int64)
    known = apply(e.add, constant(np.full(3, position)), apply(convert, apply(e.ne, i, i), dtype=I64))
    return Graph([x, i], [apply(take, x, known, pattern=("array",))])


def test_checks_of_what_became_known_are_made_at_once() -> None:
    assert simplify(taken_at(2)).checks == []
    with pytest.raises(IndexError, match="index 9 is out of bounds for axis 0 with size 4"):
        simplify(taken_at(9))


def chain(n: int) -> tuple[Node, Node]:
    """n in-place writes into rows of one matrix, then a read of row 0."""
    x = placeholder("x", (n + 1, 2), np.float32)
    y = x
    for i in range(1, n + 1):
        y = apply(view_scatter, y, float(i), steps=((index, {"index": (i,)}),))
    return x, apply(index, y, index=(0,))


def test_long_chains_need_no_recursion() -> None:
    x, y = chain(3000)
    graph = simplify(Graph([x], [y]))
    assert names(graph) == ["index"]
    z = x
    for i in range(3000):
        z = apply(e.sin if i % 3 else e.neg, z)
    assert len(simplify(Graph([x], [z])).nodes()) == 3001


def test_other_reductions() -> None:
    b = np.array([[True], [False]])
    check(lambda b: (any_(b, dims=(1,), keepdim=False), all_(b, dims=(1,), keepdim=True)), ["reshape"], b)
    check(lambda b: cumsum(b, dim=0), ["convert", "cumsum"], b)
