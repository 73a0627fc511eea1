"""Promotion of every pair of dtypes, as tensors with axes, 0-d tensors and Python numbers, against PyTorch."""

from __future__ import annotations

import itertools
import operator
from typing import Any

import numpy as np
import pytest

import thalweg as tw

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
NUMBERS = {"True": True, "2": 2, "1.5": 1.5}
OPERATIONS: dict[str, Any] = {
    "add": operator.add, "mul": operator.mul, "div": operator.truediv, "lt": operator.lt, "pow": operator.pow,
    "sub": operator.sub,
    "floordiv": operator.floordiv, "mod": operator.mod, "and": operator.and_,
}  # fmt: skip


def operands(m: Any, name: str) -> dict[str, Any]:
    """One dtype as a tensor with an axis and as a 0-d tensor."""
    dtype = getattr(m, name)
    return {f"{name}[2]": m.tensor([1, 2]).to(dtype), f"{name}[]": m.tensor(2).to(dtype)}


def everything(m: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in NAMES:
        found |= operands(m, name)
    return found | NUMBERS


def outcome(function: Any, *args: Any) -> Any:
    try:
        with np.errstate(all="ignore"):
            return function(*args)
    except (RuntimeError, TypeError, ZeroDivisionError) as error:
        return error


def same(ours: Any, theirs: Any, what: Any) -> None:
    if isinstance(theirs, NotImplementedError):  # a kernel that PyTorch lacks
        return
    if isinstance(ours, Exception) or isinstance(theirs, Exception):
        assert isinstance(ours, Exception) and isinstance(theirs, Exception), (what, ours, theirs)
        return
    assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1], what
    np.testing.assert_allclose(ours.numpy().astype(float), theirs.numpy().astype(float), rtol=2e-3, err_msg=str(what))


@pytest.mark.parametrize("name", OPERATIONS)
def test_operators(name):
    ours, theirs = everything(tw), everything(torch)
    for a, b in itertools.product(ours, ours):
        if (a in NUMBERS and b in NUMBERS) or (name in ("sub", "pow") and "True" in (a, b)):
            continue  # PyTorch does not subtract True, and raises booleans to it
        same(outcome(OPERATIONS[name], ours[a], ours[b]), outcome(OPERATIONS[name], theirs[a], theirs[b]), (a, b))


def test_where():
    ours, theirs = everything(tw), everything(torch)
    for a, b in itertools.product(ours, ours):
        mine = outcome(lambda x, y: tw.where(tw.tensor([True, False]), x, y), ours[a], ours[b])
        yours = outcome(lambda x, y: torch.where(torch.tensor([True, False]), x, y), theirs[a], theirs[b])
        same(mine, yours, (a, b))


def test_cat_and_stack():
    for a, b in itertools.product(NAMES, NAMES):
        for function in ("cat", "stack"):
            ours, theirs = ([operands(m, n)[f"{n}[2]"] for n in (a, b)] for m in (tw, torch))
            same(getattr(tw, function)(ours), getattr(torch, function)(theirs), (a, b))


def test_in_place():
    """The tensor keeps its dtype, or the operation is refused."""
    for a, b in itertools.product(NAMES, everything(tw)):
        for name in ("add_", "mul_", "div_", "pow_", "copy_"):
            if (name == "copy_" and b in NUMBERS) or (name == "pow_" and b == "True"):
                continue
            x, t = operands(tw, a)[f"{a}[2]"], operands(torch, a)[f"{a}[2]"]
            mine, yours = outcome(getattr(x, name), everything(tw)[b]), outcome(getattr(t, name), everything(torch)[b])
            same(mine, yours, (name, a, b))


def test_assignment():
    for a, b in itertools.product(NAMES, everything(tw)):
        x, t = operands(tw, a)[f"{a}[2]"], operands(torch, a)[f"{a}[2]"]
        value, same_value = everything(tw)[b], everything(torch)[b]
        mine, yours = outcome(x.__setitem__, slice(None), value), outcome(t.__setitem__, slice(None), same_value)
        assert isinstance(mine, Exception) == isinstance(yours, Exception), (a, b)
        same(x, t, (a, b))


def test_promote_types_and_result_type():
    for a, b in itertools.product(NAMES, NAMES):
        mine = tw.promote_types(getattr(tw, a), getattr(tw, b))
        assert mine.name == str(torch.promote_types(getattr(torch, a), getattr(torch, b))).split(".")[1]
    ours, theirs = everything(tw), everything(torch)
    for a, b in itertools.product(ours, ours):
        assert tw.result_type(ours[a], ours[b]).name == str(torch.result_type(theirs[a], theirs[b])).split(".")[1], (
            a,
            b,
        )


def typed(m: Any, data: Any, name: str) -> Any:
    return m.tensor(data, dtype=getattr(m, name))


CONVERTIBLE = [0.0, -1.7, 2.5, 300.0, -129.0, 65536.0, 1e10, True]


@pytest.mark.parametrize("source", NAMES)
def test_conversions(source):
    """Fractions are cut, integers wrap round; what C leaves undefined (a float that does not fit) is left out."""
    for target in NAMES:
        values = [v for v in CONVERTIBLE if source != "float16" or abs(v) < 6e4]
        if source.startswith("float") and not target.startswith("float"):
            low, high = (0, 2) if target == "bool" else (np.iinfo(target).min, np.iinfo(target).max)
            values = [v for v in values if low <= v <= high]
        with np.errstate(all="ignore"):
            a = np.array(values).astype(source)
        ours, theirs = tw.from_numpy(a).to(getattr(tw, target)), torch.from_numpy(a).to(getattr(torch, target))
        assert ours.numpy().dtype == theirs.numpy().dtype
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy(), err_msg=target)


LITERALS: list[Any] = [
    1, 1.5, True, [], [1, 2], [1.0, 2], [True, False], [True, 1], [True, 2.5], [[1], [2]], [[1.0], [True]], (1, 2),
    [[]], np.float32(1),
    np.int8(3), np.array([1, 2], np.int16), np.array([1.0]), [np.float32(1), np.float32(2)], 2**40, -1,
    float("nan"), np.array(3),
    [np.array([1.0, 2.0]), np.array([3.0, 4.0])], range(3),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Creating a tensor from a list of numpy.ndarrays")
@pytest.mark.parametrize("data", LITERALS, ids=repr)
def test_tensor_from_python(data):
    ours, theirs = tw.tensor(data), torch.tensor(data)
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1]
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    if not np.any(np.isnan(theirs.numpy())):
        for name in NAMES:
            mine, yours = (outcome(typed, m, data, name) for m in (tw, torch))
            if not isinstance(yours, TypeError) and not (
                name == "uint8" and repr(data) == "-1"
            ):  # PyTorch wraps -1, no other number
                same(mine, yours, name)
