"""Corner cases of functions: NaN and infinite arguments, nothing to reduce, 0-d tensors, integers beside floats."""

import math

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import ArgumentError, ShapeError


def test_nan_as_a_bound_gives_nan():
    x, bound = tw.tensor([1.0, 5.0]), tw.tensor([math.nan, 3.0])
    assert tw.isnan(tw.clamp(x, bound)).tolist() == [True, False]
    assert tw.isnan(tw.clamp(x, None, bound)).tolist() == [True, False]
    assert tw.isnan(tw.clamp(x, bound, tw.tensor([9.0, 9.0]))).tolist() == [True, False]


@np.errstate(invalid="ignore")
def test_interpolation_from_an_infinite_end():
    a, b = tw.tensor([-math.inf, 1.0]), tw.tensor([2.0, 5.0])
    assert tw.lerp(a, b, 0.75).tolist() == [-math.inf, 4.0]
    assert tw.quantile(tw.tensor([-math.inf, 2.0, 3.0]), 0.4).item() == -math.inf
    w = tw.tensor([0.25, 0.75], requires_grad=True)
    tw.lerp(tw.tensor([1.0, 1.0]), tw.tensor([3.0, 5.0]), w).sum().backward()
    assert w.grad.tolist() == [2.0, 4.0]


def test_integers_take_whole_factors_only():
    x = tw.tensor([1, 2])
    with pytest.raises(ArgumentError, match="alpha"):
        tw.add(x, x, alpha=1.5)
    assert tw.sub(x, 3.0, alpha=2).dtype is tw.float32
    assert tw.addcmul(x, x, x, value=2.9).tolist() == [3, 10]
    with pytest.raises(RuntimeError, match="addcdiv"):
        tw.addcdiv(x, x, x)


@pytest.mark.parametrize("name", ["amax", "amin", "argmax", "max", "min", "median", "kthvalue", "mode", "aminmax"])
def test_nothing_to_choose_from_is_an_index_error_too(name):
    extra = (1,) if name == "kthvalue" else ()
    with pytest.raises(IndexError) as info:
        getattr(tw, name)(tw.zeros(2, 0), *extra, dim=1)
    assert isinstance(info.value, RuntimeError)


def test_axes_of_scalars_are_checked():
    x = tw.tensor(1.0)
    for call in (lambda: x.softmax(1), lambda: x.flatten(1), lambda: x.unflatten(0, (1,)), lambda: x.split(1)):
        with pytest.raises(ShapeError):
            call()
    assert [tuple(y.shape) for y in tw.zeros(0, 2).chunk(3)] == [(0, 2)] * 3


def test_a_vector_as_weight_gives_one_output():
    y = tw.nn.functional.linear(tw.ones(2, 3), tw.tensor([1.0, 2.0, 3.0]), tw.tensor(0.5))
    assert y.tolist() == [6.5, 6.5]


def test_cosines_of_broadcast_rows():
    a, b = tw.tensor([[3.0, 4.0]]), tw.tensor([[1.0]])
    assert tw.cosine_similarity(a, b).item() == pytest.approx(7 / (5 * math.sqrt(2)))


def test_condition_of_a_singular_matrix():
    x = tw.tensor([[[1.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 2.0]]])
    assert tw.linalg.cond(x, 1).tolist() == [math.inf, 2.0]
