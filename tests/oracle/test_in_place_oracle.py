"""Every in-place method against PyTorch: as the cases of the method without the underscore."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.ops import in_place_functions

from .harness import Case, In, all_cases, compare_results, tensors_of

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]

NAMES = [
    n
    for n in dir(tw.Tensor)
    if n.endswith("_") and not n.startswith("_") and hasattr(tw.Tensor, n) and hasattr(torch.Tensor, n)
]
# Shapes that change, and what has no value to compare: these have tests of their own.
ELSEWHERE = {
    "apply_", "bernoulli_", "cauchy_", "copy_", "detach_", "exponential_", "fill_", "fill_diagonal_", "geometric_",
    "log_normal_", "normal_", "random_", "requires_grad_", "resize_", "resize_as_", "share_memory_", "uniform_",
    "zero_",
}  # fmt: skip
# PyTorch has no derivative of these in place, or leaves the gradient of what was there before.
UNDIFFERENTIABLE = {
    "asinh", "arcsinh", "acosh", "arccosh", "atanh", "arctanh", "logical_and", "logical_not", "logical_or",
    "logical_xor",
}  # fmt: skip
CASES = [
    c
    for c in all_cases()
    if f"{c.name}_" in NAMES
    and c.name != "bernoulli"
    and c.args
    and isinstance(c.args[0], In)
    and "method" in c.forms()
]


def in_place(library: Any, case: Case, tensors: list[Any]) -> Any:
    """The case on a copy, in place; the error, if it is refused."""
    first, *others = tensors
    try:
        changed = first.clone()
        return Renamed(case).run(library, "method", [changed, *others])
    except (RuntimeError, IndexError) as error:
        return error


class Renamed(Case):
    """The in-place form of a case."""

    def __init__(self, case: Case) -> None:
        super().__init__(f"{case.name}_", *case.args, only="method", order=case.order, **case.kwargs)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_and_gradients(case: Case) -> None:
    rng = np.random.default_rng(len(str(case)))
    arrays = [s.array(rng) for s in case.slots()]
    mine, theirs = (tensors_of(m, case, arrays, False) for m in (tw, torch))
    with np.errstate(all="ignore"):
        ours, expected = in_place(tw, case, mine), in_place(torch, case, theirs)
    if isinstance(expected, Exception):
        if "out of bounds" not in str(expected) and "not implemented" not in str(expected):
            assert isinstance(ours, Exception), f"{expected}"
        return
    if isinstance(ours, Exception):
        raise ours
    compare_results([ours], [expected], mine, theirs, min(case.order, case.name not in UNDIFFERENTIABLE))


def test_every_method_is_compared() -> None:
    compared = {f"{c.name}_" for c in CASES}
    assert sorted(set(NAMES) - compared - ELSEWHERE) == []


@pytest.mark.parametrize("name", in_place_functions.__all__)
def test_functions_are_the_methods(name: str) -> None:
    assert hasattr(torch, name)
    assert inspect.getattr_static(tw, name) is getattr(tw.Tensor, name)


@pytest.mark.parametrize("library", [tw, torch])
def test_shapes_that_change(library: Any) -> None:
    x = library.arange(6.0).reshape(1, 2, 3)
    assert tuple(x.squeeze_().shape) == (2, 3)
    assert tuple(x.unsqueeze_(-1).shape) == (2, 3, 1)
    assert tuple(x.transpose_(0, 1).shape) == (3, 2, 1)
    assert x.squeeze_(2).t_().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert x.swapaxes_(0, 1).swapdims_(0, 1).squeeze_(0).shape == x.shape
    y = library.ones(2, 3, requires_grad=True)
    z = (y * 2).unsqueeze_(0)
    z.mul_(3)
    (z.transpose_(0, 2) ** 2).sum().backward()
    assert y.grad.tolist() == [[72.0] * 3] * 2


@pytest.mark.parametrize("library", [tw, torch])
def test_fill_diagonal(library: Any) -> None:
    assert library.zeros(3, 2).fill_diagonal_(5).tolist() == [[5, 0], [0, 5], [0, 0]]
    assert library.zeros(5, 2).fill_diagonal_(5, wrap=True).tolist() == [[5, 0], [0, 5], [0, 0], [5, 0], [0, 5]]
    assert library.zeros(2, 4).fill_diagonal_(5, wrap=True).tolist() == [[5, 0, 0, 0], [0, 5, 0, 0]]
    x = library.ones(2, 2, requires_grad=True)
    x.clone().fill_diagonal_(0.0).sum().backward()
    assert x.grad.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("library", [tw, torch])
def test_apply(library: Any) -> None:
    assert library.tensor([1.0, 2.0]).apply_(lambda v: v * 10).tolist() == [10, 20]


REFUSED = [
    lambda m: m.tensor([1, 2]).asin_(),
    lambda m: m.tensor([1, 2]).div_(2),
    lambda m: m.tensor([True]).add_(2),
    lambda m: m.ones(3).clamp_(m.ones(2, 3)),
    lambda m: m.ones(2, requires_grad=True).asin_(),
    lambda m: m.ones(2, requires_grad=True)[:1].clamp_(0),
    lambda m: m.zeros(2).scatter_(0, m.tensor([3]), 1.0),
    lambda m: m.zeros(3).t_().unsqueeze_(3),
]


@pytest.mark.parametrize("case", REFUSED)
def test_refused_as_by_pytorch(case: Any) -> None:
    with pytest.raises((RuntimeError, IndexError)):
        case(torch)
    with pytest.raises((RuntimeError, IndexError)):
        case(tw)


@pytest.mark.parametrize("library", [tw, torch])
def test_a_saved_value_of_the_method_itself_survives_the_change(library: Any) -> None:
    x = library.tensor([0.3, -0.2], dtype=library.float64, requires_grad=True)
    y = (x * 1).asin_()
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 1 / np.sqrt(1 - np.array([0.3, 0.2]) ** 2), rtol=1e-12)
