"""Clipping gradients, and parameters as one vector."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.errors import AutogradError, ShapeError
from thalweg.nn import utils

inf = math.inf


def parameters(*grads: Any) -> list[nn.Parameter]:
    """Parameters with these gradients; None for one without."""
    held = []
    for g in grads:
        p = nn.Parameter(tw.zeros(1) if g is None else tw.zeros_like(tw.tensor(g, dtype=tw.float64)))
        p.grad = None if g is None else tw.tensor(g, dtype=tw.float64)
        held.append(p)
    return held


GRADS = ([[1.0, -2.0], [3.0, 0.5]], None, [-4.0, 2.0, 1.0])
FLAT = np.array([1.0, -2.0, 3.0, 0.5, -4.0, 2.0, 1.0])


@pytest.mark.parametrize("order", [1.0, 2.0, 3.0, inf])
def test_total_norm_is_that_of_one_vector(order: float) -> None:
    held = parameters(*GRADS)
    total = utils.get_total_norm([p.grad for p in held if p.grad is not None], order)
    np.testing.assert_allclose(total.item(), np.linalg.norm(FLAT, order), rtol=1e-14)


@pytest.mark.parametrize("order", [1.0, 2.0, inf])
@pytest.mark.parametrize("limit", [0.5, 1e6])
def test_clipping_by_norm(order: float, limit: float) -> None:
    held = parameters(*GRADS)
    grads = [p.grad for p in held]
    norm = np.linalg.norm(FLAT, order)
    assert math.isclose(utils.clip_grad_norm_(held, limit, order).item(), norm, rel_tol=1e-14)
    expected = FLAT * min(1.0, limit / (norm + 1e-6))
    np.testing.assert_allclose(
        np.concatenate([g.numpy().ravel() for g in grads if g is not None]), expected, rtol=1e-14
    )
    assert all(p.grad is g for p, g in zip(held, grads, strict=True))  # in place


def test_clipping_takes_a_tensor_an_iterator_or_nothing() -> None:
    (p,) = parameters([3.0, 4.0])
    assert utils.clip_grad_norm_(p, 1.0).item() == 5.0
    assert utils.clip_grad_norm_(iter([p]), 10.0).item() == pytest.approx(1.0, abs=1e-6)
    assert utils.clip_grad_norm_([], 1.0).item() == 0.0
    assert utils.clip_grad_norm_(parameters(None), 1.0).item() == 0.0


def test_a_norm_that_is_not_finite() -> None:
    held = parameters([inf, 1.0])
    with pytest.raises(
        AutogradError, match=r"total norm of order 2.0 must be finite.*error_if_nonfinite=False.*found inf"
    ):
        utils.clip_grad_norm_(held, 1.0, error_if_nonfinite=True)
    assert held[0].grad.tolist() == [inf, 1.0]
    assert utils.clip_grad_norm_(held, 1.0).item() == inf
    assert math.isnan(held[0].grad[0].item()) and held[0].grad[1].item() == 0.0  # as in PyTorch: inf * 0 is NaN


def test_clipping_in_float16_keeps_the_dtype() -> None:
    p = nn.Parameter(tw.zeros(2, dtype=tw.float16))
    p.grad = tw.tensor([3.0, 4.0], dtype=tw.float16)
    utils.clip_grad_norm_(p, 1.0)
    assert p.grad.dtype is tw.float16
    np.testing.assert_allclose(p.grad.numpy(), [0.6, 0.8], rtol=1e-3)


def test_clipping_with_a_known_norm() -> None:
    held = parameters([3.0, 4.0])
    utils.clip_grads_with_norm_(held, 1.0, tw.tensor(10.0))
    np.testing.assert_allclose(held[0].grad.numpy(), [0.3, 0.4], rtol=1e-6)


def test_clipping_by_value() -> None:
    held = parameters(*GRADS)
    utils.clip_grad_value_(held, 1.5)
    found = np.concatenate([p.grad.numpy().ravel() for p in held if p.grad is not None])
    np.testing.assert_array_equal(found, np.clip(FLAT, -1.5, 1.5))
    utils.clip_grad_value_(held[0], 0.25)
    assert held[0].grad.tolist() == [[0.25, -0.25], [0.25, 0.25]]


def test_parameters_as_a_vector_and_back() -> None:
    net = nn.Linear(2, 2)
    vec = utils.parameters_to_vector(net.parameters())
    assert vec.tolist() == [*net.weight.flatten().tolist(), *net.bias.tolist()]
    (vec * tw.arange(6.0)).sum().backward()
    assert net.weight.grad.tolist() == [[0, 1], [2, 3]] and net.bias.grad.tolist() == [4, 5]
    new = tw.arange(6.0)
    weight = net.weight
    utils.vector_to_parameters(new, net.parameters())
    assert net.weight is weight and weight.requires_grad
    assert net.weight.tolist() == [[0, 1], [2, 3]] and net.bias.tolist() == [4, 5]
    new[0] = 9.0
    assert net.weight[0, 0].item() == 9.0


def test_vectors_of_the_wrong_length_change_nothing() -> None:
    net = nn.Linear(2, 2)
    before = net.weight.clone()
    for n in (5, 7):
        with pytest.raises(ShapeError, match=rf"vec has shape \({n},\), but the parameters hold 6 elements"):
            utils.vector_to_parameters(tw.zeros(n), net.parameters())
    with pytest.raises(TypeError, match="must be a Tensor, not list"):
        utils.vector_to_parameters([0.0] * 6, net.parameters())
    assert tw.equal(net.weight, before)
