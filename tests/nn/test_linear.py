"""Linear, MaskedLinear, Bilinear, Identity, and the functions beside them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import thalweg as tw
import thalweg.nn.functional as F
from thalweg import nn
from thalweg.autograd import gradcheck, gradgradcheck
from thalweg.errors import DtypeError, ShapeError

F64 = tw.float64


def rand(*shape: int) -> Any:
    return tw.randn(*shape, dtype=F64).requires_grad_()


# -- Linear -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lead", [(), (1,), (4,), (2, 5), (0,), (3, 0), (2, 1, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_is_the_weighted_sum(lead: tuple[int, ...], bias: bool) -> None:
    layer = nn.Linear(3, 2, bias=bias, dtype=F64)
    x = tw.randn(*lead, 3, dtype=F64)
    w = layer.weight.detach().numpy()
    expected = np.einsum("...j,ij->...i", x.numpy(), w)
    if bias:
        expected = expected + layer.bias.detach().numpy()
    y = layer(x)
    assert y.shape == (*lead, 2)
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-13)


def test_linear_gradients_by_hand() -> None:
    layer = nn.Linear(2, 1)
    with tw.no_grad():
        layer.weight.copy_(tw.tensor([[3.0, 4.0]]))
        layer.bias.fill_(0.5)
    x = tw.tensor([[1.0, 2.0], [10.0, 20.0]], requires_grad=True)
    y = layer(x)
    assert y.tolist() == [[11.5], [110.5]]
    (y * tw.tensor([[1.0], [2.0]])).sum().backward()
    assert layer.weight.grad.tolist() == [[21.0, 42.0]] and layer.bias.grad.tolist() == [3.0]
    assert x.grad.tolist() == [[3.0, 4.0], [6.0, 8.0]]


def test_linear_of_inputs_that_are_not_contiguous() -> None:
    layer = nn.Linear(3, 2, dtype=F64)
    x = tw.randn(4, 3, 5, dtype=F64).transpose(1, 2)
    np.testing.assert_allclose(
        layer(x).detach().numpy(), x.numpy() @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
    )


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 2, 3)])
def test_linear_derivatives(shape: tuple[int, ...]) -> None:
    inputs = (rand(*shape), rand(2, 3), rand(2))
    assert gradcheck(F.linear, inputs)
    assert gradgradcheck(F.linear, inputs)


def test_linear_starts_uniform() -> None:
    layer = nn.Linear(400, 100)
    for values in (layer.weight, layer.bias):
        assert values.abs().max().item() <= 0.05  # 1 / sqrt(400)
        assert abs(values.mean().item()) < 0.01
    assert abs(layer.weight.std().item() - 0.05 / math.sqrt(3)) < 0.001
    old = layer.weight.clone()
    layer.reset_parameters()
    assert not tw.equal(old, layer.weight)


def test_linear_repeats_with_the_seed() -> None:
    tw.manual_seed(3)
    a = nn.Linear(3, 2)
    tw.manual_seed(3)
    assert tw.equal(a.weight, nn.Linear(3, 2).weight)


def test_linear_without_inputs_or_outputs() -> None:
    assert nn.Linear(0, 2)(tw.zeros(3, 0)).tolist() == [[0.0, 0.0]] * 3  # its bias has nothing to scale by: 0
    assert nn.Linear(2, 0)(tw.zeros(3, 2)).shape == (3, 0)


@pytest.mark.parametrize("call", [nn.Linear(3, 2), lambda x: F.linear(x, tw.ones(2, 3), tw.ones(2))])
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (tw.ones(4, 5), ShapeError, r"linear: input of shape \(4, 5\) does not fit the weight of shape \(2, 3\)"),
        (tw.ones(2), ShapeError, r"\(2,\)"),
        (tw.ones(2, 2, 2), ShapeError, r"\(2, 2, 2\)"),
        (tw.tensor(1.0), ShapeError, r"\(\)"),
        (tw.ones(4, 3, dtype=tw.float64), DtypeError, "the input is thalweg.float64 and the weight thalweg.float32"),
        (tw.ones(4, 3, dtype=tw.int64), DtypeError, "int64"),
        ([[1.0, 2.0, 3.0]], TypeError, "must be a Tensor, not list"),
        (np.ones((4, 3), np.float32), TypeError, "must be a Tensor, not ndarray"),
    ],
)
def test_linear_refuses_what_does_not_fit(call: Any, x: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call(x)


@pytest.mark.parametrize("bias", [tw.ones(1), tw.ones(3), tw.tensor(1.0), tw.ones(2, 2)])
def test_a_bias_is_not_broadcast(bias: Any) -> None:
    with pytest.raises(ShapeError, match=r"linear: the bias has shape \(.*\) and should have \(2,\)"):
        F.linear(tw.ones(2, 3), tw.ones(2, 3), bias)


# -- MaskedLinear -----------------------------------------------------------------------------------------

MASK = np.array([[1, 0, 1], [0, 0, 0]], bool)


def test_masked_linear_sums_over_the_mask_only() -> None:
    layer = nn.MaskedLinear(3, 2, tw.tensor(MASK), dtype=F64)
    x = rand(4, 3)
    w, b = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    y = layer(x)
    np.testing.assert_allclose(y.detach().numpy(), x.detach().numpy() @ np.where(MASK, w, 0).T + b, rtol=1e-13)
    dy = tw.randn(4, 2, dtype=F64)
    y.backward(dy)
    np.testing.assert_allclose(
        layer.weight.grad.numpy(), np.where(MASK, dy.numpy().T @ x.detach().numpy(), 0), rtol=1e-13
    )
    assert (layer.weight.grad.numpy()[~MASK] == 0).all()
    np.testing.assert_allclose(x.grad.numpy(), dy.numpy() @ np.where(MASK, w, 0), rtol=1e-13)


@pytest.mark.parametrize("outside", [math.nan, math.inf, -math.inf])
def test_weights_outside_the_mask_count_as_zero_whatever_they_hold(outside: float) -> None:
    layer = nn.MaskedLinear(3, 2, tw.tensor(MASK), bias=False)
    with tw.no_grad():
        layer.weight.copy_(tw.where(layer.mask, tw.ones(2, 3), outside))
    y = layer(tw.ones(1, 3))
    assert y.tolist() == [[2.0, 0.0]]
    y.sum().backward()
    assert layer.weight.grad.tolist() == [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]


def test_masked_linear_second_derivative() -> None:
    layer = nn.MaskedLinear(3, 2, tw.tensor(MASK), dtype=F64)
    run = lambda x, w: F.linear(x, tw.where(layer.mask, w, 0.0))  # noqa: E731
    assert gradgradcheck(run, (rand(2, 3), rand(2, 3)))


def test_the_mask_is_a_buffer_of_its_own() -> None:
    mask = tw.tensor(MASK)
    layer = nn.MaskedLinear(3, 2, mask)
    mask.fill_(True)
    assert layer.mask.tolist() == MASK.tolist()
    assert list(layer.state_dict()) == ["weight", "bias", "mask"]
    assert layer.double().mask.dtype is tw.bool
    assert repr(layer) == "MaskedLinear(in_features=3, out_features=2, bias=True, connections=2)"
    other = nn.MaskedLinear(3, 2, ~tw.tensor(MASK))
    other.load_state_dict(layer.state_dict())
    assert other.mask.tolist() == MASK.tolist()


def test_masks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"mask has shape \(3, 2\) .* \(2, 3\)"):
        nn.MaskedLinear(3, 2, tw.tensor(MASK.T))
    with pytest.raises(DtypeError, match=r"boolean, not thalweg\.float32"):
        nn.MaskedLinear(3, 2, tw.ones(2, 3))
    with pytest.raises(ShapeError, match="does not fit"):
        nn.MaskedLinear(3, 2, tw.tensor(MASK))(tw.ones(1, 2))


# -- Bilinear, Identity -----------------------------------------------------------------------------------


@pytest.mark.parametrize("lead", [(), (4,), (2, 3), (0,)])
@pytest.mark.parametrize("bias", [True, False])
def test_bilinear_is_a_form_for_each_output(lead: tuple[int, ...], bias: bool) -> None:
    layer = nn.Bilinear(2, 3, 4, bias=bias, dtype=F64)
    a, b = tw.randn(*lead, 2, dtype=F64), tw.randn(*lead, 3, dtype=F64)
    expected = np.einsum("...i,kij,...j->...k", a.numpy(), layer.weight.detach().numpy(), b.numpy())
    if bias:
        expected = expected + layer.bias.detach().numpy()
    y = layer(a, b)
    assert y.shape == (*lead, 4)
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-12, atol=1e-14)


def test_bilinear_derivatives() -> None:
    inputs = (rand(4, 2), rand(4, 3), rand(2, 2, 3), rand(2))
    assert gradcheck(F.bilinear, inputs)
    assert gradgradcheck(F.bilinear, inputs)


def test_bilinear_start_and_refusals() -> None:
    layer = nn.Bilinear(100, 20, 30)
    assert 0.09 < layer.weight.abs().max().item() <= 0.1 and layer.bias.abs().max().item() <= 0.1
    assert repr(layer) == "Bilinear(in1_features=100, in2_features=20, out_features=30, bias=True)"
    with pytest.raises(ShapeError, match=r"\(4, 99\) and \(4, 20\)"):
        layer(tw.ones(4, 99), tw.ones(4, 20))
    with pytest.raises(ShapeError, match=r"\(4, 100\) and \(3, 20\)"):
        layer(tw.ones(4, 100), tw.ones(3, 20))
    with pytest.raises(ValueError, match="in1_features must be positive, got 0"):
        nn.Bilinear(0, 1, 1)


def test_identity_takes_anything() -> None:
    x = tw.ones(2)
    assert nn.Identity(54, unused=True)(x) is x
    assert repr(nn.Identity(3)) == "Identity()"


# -- Flatten, Unflatten -----------------------------------------------------------------------------------


def test_flatten() -> None:
    x = tw.arange(24).reshape(2, 3, 4)
    assert nn.Flatten()(x).tolist() == x.numpy().reshape(2, 12).tolist()
    assert nn.Flatten(0, 1)(x).shape == (6, 4) and nn.Flatten(0)(x).shape == (24,)
    assert repr(nn.Flatten()) == "Flatten(start_dim=1, end_dim=-1)"
    y = rand(2, 3, 4)
    (nn.Flatten()(y) ** 2).sum().backward()
    np.testing.assert_allclose(y.grad.numpy(), 2 * y.detach().numpy())


def test_unflatten() -> None:
    x = tw.arange(12).reshape(2, 6)
    assert nn.Unflatten(1, (2, 3))(x).tolist() == x.numpy().reshape(2, 2, 3).tolist()
    assert nn.Unflatten(-1, [3, -1])(x).shape == (2, 3, 2)
    assert repr(nn.Unflatten(1, (2, 3))) == "Unflatten(dim=1, unflattened_size=(2, 3))"
    with pytest.raises(ShapeError, match="unflatten"):
        nn.Unflatten(1, (4, 2))(x)
    with pytest.raises(TypeError, match="dim must be an int, not str"):
        nn.Unflatten("features", (2, 3))
    with pytest.raises(TypeError, match="tuple of ints, not 3"):
        nn.Unflatten(1, 3)
