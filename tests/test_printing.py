"""Tensors print as PyTorch's do; the expected texts are PyTorch's, with the package's name."""

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import ThalwegError

CASES = [
    (1, "tensor(1)"),
    (1.5, "tensor(1.5000)"),
    (2.0, "tensor(2.)"),
    (True, "tensor(True)"),
    (-0.0, "tensor(-0.)"),
    (float("nan"), "tensor(nan)"),
    (float("-inf"), "tensor(-inf)"),
    (1e-8, "tensor(1.0000e-08)"),
    (123456.0, "tensor(123456.)"),
    (12345678.5, "tensor(12345678.)"),
    (1e10, "tensor(1.0000e+10)"),
    ([], "tensor([])"),
    ([[]], "tensor([], size=(1, 0))"),
    ([1, 2, 3], "tensor([1, 2, 3])"),
    ([-1, 20, 300], "tensor([ -1,  20, 300])"),
    ([1.0, 2.0], "tensor([1., 2.])"),
    ([-1.0, 20.0], "tensor([-1., 20.])"),
    ([0.1, 0.25], "tensor([0.1000, 0.2500])"),
    ([-1.5, 2.25, 1000.0], "tensor([  -1.5000,    2.2500, 1000.0000])"),
    ([1.0, 2000.0], "tensor([1.0000e+00, 2.0000e+03])"),
    ([0.001, 1.5], "tensor([1.0000e-03, 1.5000e+00])"),
    ([0.001, 1.0], "tensor([0.0010, 1.0000])"),
    ([0.00009, 0.5], "tensor([9.0000e-05, 5.0000e-01])"),
    ([float("nan"), 1.0], "tensor([nan, 1.])"),
    ([float("inf"), -1.5], "tensor([    inf, -1.5000])"),
    ([0.0, 0.0], "tensor([0., 0.])"),
    ([True, False], "tensor([ True, False])"),
    ([[1.0, 2.0], [3.0, 4.5]], "tensor([[1.0000, 2.0000],\n        [3.0000, 4.5000]])"),
    ([[[1, 2]], [[3, 4]]], "tensor([[[1, 2]],\n\n        [[3, 4]]])"),
    (np.array([1.5]), "tensor([1.5000], dtype=thalweg.float64)"),
    (np.array([1, -2], np.int8), "tensor([ 1, -2], dtype=thalweg.int8)"),
    (np.array(0.5, np.float16), "tensor(0.5000, dtype=thalweg.float16)"),
    (np.zeros((0, 3)), "tensor([], size=(0, 3), dtype=thalweg.float64)"),
    (np.zeros(0, np.int64), "tensor([], dtype=thalweg.int64)"),
]


@pytest.mark.parametrize(("data", "text"), CASES, ids=[c[1][:40] for c in CASES])
def test_tensors(data, text):
    assert repr(tw.tensor(data)) == text
    assert str(tw.tensor(data)) == text


def test_history_is_noted():
    x = tw.tensor([1.0, 2.0], requires_grad=True)
    assert repr(x) == "tensor([1., 2.], requires_grad=True)"
    assert repr(x * 2) == "tensor([2., 4.], grad_fn=<MulBackward>)"
    assert repr(x.detach()) == "tensor([1., 2.])"
    assert repr(tw.nn.Parameter(tw.ones(2))) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"


def test_long_rows_are_broken():
    text = repr(tw.arange(30))
    assert text == (
        "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n"
        "        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])"
    )
    x = tw.tensor(np.arange(16.0) * 1.01, requires_grad=True)
    assert repr(x).splitlines()[-1] == "       dtype=thalweg.float64, requires_grad=True)"


def test_large_tensors_are_shortened():
    assert repr(tw.arange(2000)) == "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])"
    assert repr(tw.zeros(40, 50)) == (
        "tensor([[0., 0., 0.,  ..., 0., 0., 0.],\n"
        "        [0., 0., 0.,  ..., 0., 0., 0.],\n"
        "        [0., 0., 0.,  ..., 0., 0., 0.],\n"
        "        ...,\n"
        "        [0., 0., 0.,  ..., 0., 0., 0.],\n"
        "        [0., 0., 0.,  ..., 0., 0., 0.],\n"
        "        [0., 0., 0.,  ..., 0., 0., 0.]])"
    )
    assert "..." not in repr(tw.arange(1000))
    assert repr(tw.zeros(1, 1001)) == "tensor([[0., 0., 0.,  ..., 0., 0., 0.]])"
    mixed = tw.zeros(2000)
    mixed[1000] = 12345.678  # not shown, so it does not widen the others
    assert repr(mixed) == "tensor([0., 0., 0.,  ..., 0., 0., 0.])"


def test_print_options():
    x = tw.tensor([0.001, 0.5, 1.0])
    try:
        tw.set_printoptions(precision=2)
        assert repr(x) == "tensor([0.00, 0.50, 1.00])"
        tw.set_printoptions(sci_mode=True, precision=1)
        assert repr(x) == "tensor([1.0e-03, 5.0e-01, 1.0e+00])"
        tw.set_printoptions(sci_mode=False, precision=3)
        assert repr(x) == "tensor([0.001, 0.500, 1.000])"
        tw.set_printoptions(threshold=2, edgeitems=1)
        assert repr(x) == "tensor([0.001,  ..., 1.000])"
        tw.set_printoptions(profile="full")
        assert "..." not in repr(tw.arange(1500))
        tw.set_printoptions(profile="short")
        assert repr(tw.tensor([1.234])) == "tensor([1.23])"
        with pytest.raises(ThalwegError, match="tall"):
            tw.set_printoptions(profile="tall")
    finally:
        tw.set_printoptions(profile="default")
    assert repr(tw.tensor([1.234])) == "tensor([1.2340])"


def test_no_warnings_at_the_limits():
    assert (
        repr(tw.tensor([1e308, 1e-300], dtype=tw.float64))
        == "tensor([1.0000e+308, 1.0000e-300], dtype=thalweg.float64)"
    )
    assert repr(tw.tensor([3e38])) == "tensor([3.0000e+38])"


def test_sizes_and_other_objects():
    assert repr(tw.zeros(2, 3).shape) == "thalweg.Size([2, 3])"
    assert repr(tw.zeros(()).size()) == "thalweg.Size([])"
    assert f"{tw.tensor([1.0])}" == "tensor([1.])"
    assert f"{tw.tensor(2.5):.1f}" == "2.5"
