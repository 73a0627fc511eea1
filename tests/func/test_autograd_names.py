"""``autograd.functional`` and ``autograd.forward_ad``: PyTorch's older names for the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.autograd import forward_ad, functional
from thalweg.errors import ArgumentError, AutogradError, DtypeError, ShapeError


def randn(*shape: int, seed: int = 0) -> Any:
    return tw.tensor(np.random.default_rng(seed).normal(size=shape))


def equal(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-12, atol=1e-12)


def test_results_have_a_history_only_if_it_is_asked_for():
    x = randn(3).requires_grad_()
    for create_graph in (False, True):
        for f in (functional.jacobian, functional.hessian):
            assert f(lambda x: (x**3).sum(), x, create_graph=create_graph).requires_grad is create_graph
        for g in (functional.vjp, functional.jvp, functional.hvp, functional.vhp):
            results = g(lambda x: (x**3).sum(), x, None if g is functional.vjp else x.detach(), create_graph)
            assert all(r.requires_grad is create_graph for r in results)
    h = functional.hessian(lambda x: (x**3).sum(), x, create_graph=True)
    equal(tw.autograd.grad(h.sum(), x)[0], tw.full((3,), 6.0, dtype=tw.float64))


@pytest.mark.parametrize("strategy", ["reverse-mode", "forward-mode"])
def test_tuples(strategy):
    x, y = randn(2), randn(3, seed=1)
    blocks = functional.jacobian(lambda x, y: (x.outer(y), y * 2), (x, y), strategy=strategy)
    equal(blocks[0][0], tw.eye(2).double()[:, None, :] * y[:, None])
    equal(blocks[1][1], 2 * tw.eye(3).double())
    assert blocks[1][0].abs().sum().item() == 0
    second = functional.hessian(lambda x, y: x.sum() * (y**2).sum(), (x, y), outer_jacobian_strategy=strategy)
    equal(second[0][1], (2 * y).expand(2, 3))
    value, product = functional.hvp(lambda x, y: x.sum() * (y**2).sum(), (x, y), (x, y))
    equal(value, x.sum() * (y**2).sum())
    equal(product[0], (2 * y @ y).expand(2))
    _, pulled = functional.vjp(lambda x, y: (x * 2, y * 3), (x, y), (x, y))
    equal(pulled[1], 3 * y)


def test_strict_refuses_what_does_not_depend():
    x, y = randn(2), randn(2)
    for f in (functional.jacobian, functional.vjp, functional.jvp):
        arguments = () if f is functional.jacobian else (x if f is functional.vjp else (x, y),)
        with pytest.raises(AutogradError, match="output 0 of the function is independent of input 1"):
            f(lambda x, y: x * 2, (x, y), *arguments, strict=True)
    assert functional.jacobian(lambda x, y: x * 2, (x, y))[1].abs().sum().item() == 0
    for f in (functional.hessian, functional.hvp, functional.vhp):
        with pytest.raises(AutogradError, match="independent"):
            f(lambda x: tw.ones(()), x, *(() if f is functional.hessian else (x,)), strict=True)


def test_refused_calls():
    x = randn(2)
    with pytest.raises(ArgumentError, match="strategy"):
        functional.jacobian(tw.sin, x, strategy="sideways")
    with pytest.raises(AutogradError, match="one element"):
        functional.hessian(tw.sin, x)
    with pytest.raises(AutogradError, match="v may be left out"):
        functional.vjp(tw.sin, x)
    equal(functional.vjp(lambda x: x.sum(), x)[1], 0 * x + 1)
    equal(functional.jvp(lambda x: x * 2, x[:1])[1], tw.full((1,), 2.0).double())


def test_dual_numbers_by_hand():
    x, t = randn(3), randn(3, seed=1)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, t)
        y = dual * dual + x
        value, tangent = forward_ad.unpack_dual(y)
        equal(value, x * x + x)
        equal(tangent, 2 * x * t)
        assert forward_ad.unpack_dual(x).tangent is None
        z = tw.zeros(3, dtype=tw.float64)
        assert forward_ad.unpack_dual(z + 1).tangent is None
        z[0] = y[0]
        assert forward_ad.unpack_dual(z).tangent.tolist() == [tangent[0].item(), 0.0, 0.0]
        with forward_ad.dual_level():
            inner = forward_ad.make_dual(dual, t)
            first = forward_ad.unpack_dual(inner * inner * inner).tangent
        equal(forward_ad.unpack_dual(first).tangent, 6 * x * t * t)


def test_duals_of_leaves_have_gradients():
    x, t = randn(3).requires_grad_(), randn(3, seed=1).requires_grad_()
    with forward_ad.dual_level():
        value, tangent = forward_ad.unpack_dual(forward_ad.make_dual(x, t) ** 3)
    gx, gt = tw.autograd.grad(tangent.sum() + value.sum(), (x, t))
    equal(gx, 6 * x * t + 3 * x**2)
    equal(gt, 3 * x**2)


def test_refused_duals():
    x = randn(3)
    with pytest.raises(AutogradError, match="no level"):
        forward_ad.make_dual(x, x)
    with pytest.raises(AutogradError, match="no level"):
        forward_ad.unpack_dual(x)
    with pytest.raises(AutogradError, match="innermost"):
        forward_ad.exit_dual_level()
    with forward_ad.dual_level():
        with pytest.raises(ShapeError, match=r"\(3,\), the tangent \(2,\)"):
            forward_ad.make_dual(x, randn(2))
        with pytest.raises(DtypeError, match="floating-point"):
            forward_ad.make_dual(tw.arange(3), tw.arange(3))
        with pytest.raises(DtypeError, match="float32"):
            forward_ad.make_dual(x, x.float())


def test_batched_cotangents():
    x, w = randn(3).requires_grad_(), randn(2).requires_grad_()
    y = x**2
    found = tw.autograd.grad(y, (x, w), tw.eye(3).double(), is_grads_batched=True, allow_unused=True, retain_graph=True)
    equal(found[0], (2 * x).diag())
    assert found[1] is None
    (rows,) = tw.autograd.grad(y, x, (tw.eye(3).double(),), is_grads_batched=True, create_graph=True)
    equal(tw.autograd.grad(rows.sum(), x)[0], 0 * x + 2)
