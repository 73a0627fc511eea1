"""vmap: its options, nesting, what happens in place, random numbers, and what it refuses."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import ArgumentError, TransformError
from thalweg.func import grad, vmap


def randn(*shape: int, seed: int = 0) -> Any:
    return tw.tensor(np.random.default_rng(seed).normal(size=shape))


class Pair(NamedTuple):
    first: Any
    second: Any


def equal(a: Any, b: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)


def loop(f: Any, *xs: Any) -> Any:
    return tw.stack([f(*(x[i] for x in xs)) for i in range(len(xs[0]))])


# -- where the samples are ------------------------------------------------------------------------------


def test_in_dims_and_out_dims_name_axes():
    x, y = randn(3, 5), randn(5, 2, 3)
    want = tw.stack([x[i] * y[:, 0, i] for i in range(3)])
    equal(vmap(lambda a, b: a * b[:, 0], in_dims=(0, 2))(x, y), want)
    equal(vmap(lambda a, b: a * b[:, 0], in_dims=(-2, -1), out_dims=1)(x, y), want.T)
    equal(vmap(lambda a, b: a * b[:, 0], in_dims=(0, 2), out_dims=-1)(x, y), want.T)
    equal(vmap(lambda a, b: a + b, in_dims=(0, None))(x, y[:, 0, 0]), x + y[:, 0, 0])


def test_arguments_and_results_may_hold_others():
    x, y = randn(3, 2), randn(2, 3)

    def f(d: Any, k: int) -> Any:
        return {"sum": d["a"] + d["b"].first, "more": [d["a"] * k, (d["b"].second,)]}

    out = vmap(f, in_dims=({"a": 0, "b": Pair(1, None)}, None), out_dims={"sum": 0, "more": [1, None]})(
        {"a": x, "b": Pair(y, y)}, 3
    )
    equal(out["sum"], x + y.T)
    equal(out["more"][0], 3 * x.T)
    equal(out["more"][1][0], y)


def test_results_that_are_the_same_for_all_are_repeated():
    out = vmap(lambda x: tw.ones(2))(randn(3))
    assert out.shape == (3, 2)
    assert out.sum().item() == 6


def test_arguments_by_keyword_are_the_same_for_all():
    x, w = randn(3, 4), randn(4)
    equal(vmap(lambda x, w: x @ w)(x, w=w), x @ w)


@pytest.mark.parametrize("chunk_size", [1, 2, 5, 7])
def test_chunks(chunk_size):
    x, y = randn(5, 3), randn(3, 5)
    out = vmap(lambda a, b: (a * b, a.sum()), in_dims=(0, 1), out_dims=(1, 0), chunk_size=chunk_size)(x, y)
    equal(out[0], (x * y.T).T)
    equal(out[1], x.sum(1))


def test_nested_batches():
    x, y = randn(3, 4), randn(5, 4)
    equal(vmap(vmap(tw.dot, in_dims=(None, 0)), in_dims=(0, None))(x, y), x @ y.T)
    equal(vmap(lambda a: vmap(lambda b: (a * b).sum() + b[0])(y))(x), x @ y.T + y[:, 0])


def test_no_samples():
    assert vmap(lambda x: x @ randn(4, 2))(tw.zeros(0, 4, dtype=tw.float64)).shape == (0, 2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: vmap(tw.sin)(), "without arguments"),
        (lambda: vmap(tw.sin)(2.0), "only tensors hold samples"),
        (lambda: vmap(tw.add)(randn(2), randn(3)), r"\[2, 3\]"),
        (lambda: vmap(tw.add, in_dims=(0,))(randn(2), randn(2)), "does not fit the structure"),
        (lambda: vmap(tw.sin, in_dims=None)(randn(2)), "in_dims must be an int or a tuple"),
        (lambda: vmap(tw.sin, in_dims=(None,))(randn(2)), "at least one"),
        (lambda: vmap(tw.sin, in_dims=1)(randn(2)), "1 dimensions"),
        (lambda: vmap(tw.sin, in_dims=(0.5,))(randn(2)), "ints and None"),
        (lambda: vmap(tw.sin, out_dims=1)(randn(2)), "out_dims says 1"),
        (lambda: vmap(tw.sin, out_dims=None)(randn(2)), "differs between samples"),
        (lambda: vmap(tw.sin, out_dims=(0, 0))(randn(2)), "does not fit the structure"),
        (lambda: vmap(lambda x: 3.0)(randn(2)), "must return tensors only, got float"),
        (lambda: vmap(tw.sin, randomness="sometimes"), "randomness must be one of"),
        (lambda: vmap(tw.sin, chunk_size=0), "chunk_size must be positive"),
    ],
)
def test_refused_arguments(call, words):
    with pytest.raises(ArgumentError, match=words) as caught:
        call()
    assert isinstance(caught.value, ValueError)


# -- what depends on values -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: x if x.sum() > 0 else -x, r"tw\.where"),
        (lambda x: x * x[0].item(), "item"),
        (lambda x: x * float(x[0]), "read it outside"),
        (lambda x: x[x > 0], r"tw\.where"),
        (lambda x: tw.nonzero(x), r"tw\.where"),
        (lambda x: tw.tensor(x.numpy()), "NumPy"),
        (lambda x: tw.tensor(x.tolist()), "keep it a tensor"),
    ],
)
def test_what_would_need_a_single_value_is_refused(f, words):
    with pytest.raises(TransformError, match=words) as caught:
        vmap(f)(randn(3, 4))
    assert isinstance(caught.value, RuntimeError)


def test_a_tensor_prints_its_batch():
    seen = []
    vmap(lambda x: seen.append(repr(x)) or x)(tw.ones(2, 3))
    assert seen[0].startswith("tensor(<Batched(size=2")
    assert "shape=(3,)" in seen[0]


# -- in place -------------------------------------------------------------------------------------------


def changed(x: Any, y: Any) -> Any:
    z = x.clone()
    z[0] = y[1]
    z[1:3] *= y[:2]
    view = z.view(2, 2)
    view[1] += 1
    view.T[0].mul_(2)
    z[tw.tensor([3, 1])] = y[0] * 3
    z[y.sum() > 0] = 0.5
    z.clamp_(-1, 1)
    rows = x.new_zeros(2, 4)
    rows[1] = x
    other = tw.zeros_like(x)
    other.copy_(y[0])
    return z + rows.sum(0) + other + view.reshape(4)


def test_changes_in_place_equal_the_loop():
    x, y = randn(5, 4), randn(5, 3, seed=1)
    equal(vmap(changed)(x, y), loop(changed, x, y))
    equal(vmap(grad(lambda a, b: (changed(a, b) ** 2).sum(), (0, 1)))(x, y)[1], 0 * y + _gradients_in_a_loop(x, y))
    equal(vmap(vmap(changed))(x[None], y[None])[0], loop(changed, x, y))


def _gradients_in_a_loop(x: Any, y: Any) -> Any:
    a, b = x.clone().requires_grad_(), y.clone().requires_grad_()
    (loop(changed, a, b) ** 2).sum().backward()
    return b.grad


def test_arguments_changed_in_place_are_changed_outside():
    x = randn(3, 4)
    before = x.clone()
    out = vmap(lambda a: a.mul_(2).sum())(x)
    equal(x, 2 * before)
    equal(out, x.sum(1))
    y = before.T.clone()
    vmap(lambda a: a[0].zero_(), in_dims=1)(y)
    assert y[0].abs().sum().item() == 0
    equal(y[1:], before.T[1:])


@pytest.mark.parametrize(
    "change",
    [
        lambda z, x: z.add_(x),
        lambda z, x: z.copy_(x),
        lambda z, x: z.__setitem__(0, x[0]),
        lambda z, x: z.__setitem__(tw.tensor([0, 1]), x[:2]),
        lambda z, x: z.view(2, 2)[0].mul_(x[0]),
    ],
)
def test_a_batch_can_not_be_written_into_what_has_none(change):
    outside = tw.zeros(4, dtype=tw.float64)
    for make in (lambda: outside, lambda: tw.zeros(4, dtype=tw.float64)):
        with pytest.raises(TransformError, match="new_zeros"):
            vmap(lambda x, make=make: change(make(), x))(randn(3, 4))
    assert outside.tolist() == [0.0] * 4


def test_an_inner_batch_can_not_be_written_into_an_outer_one():
    with pytest.raises(TransformError, match="new_zeros"):
        vmap(lambda x: vmap(lambda y: x.clone().add_(y))(randn(2)))(randn(3))


# -- random numbers -------------------------------------------------------------------------------------

DRAWS = {
    "rand": lambda x: tw.rand(4),
    "randn_like": lambda x: tw.randn_like(x),
    "randint": lambda x: tw.randint(0, 1000, (4,)),
    "randperm": lambda x: tw.randperm(50),
    "dropout": lambda x: tw.nn.functional.dropout(x.repeat(20).abs() + 1),
    "bernoulli": lambda x: tw.bernoulli(tw.full((40,), 0.5)),
    "uniform_": lambda x: x.clone().uniform_(),
    "multinomial": lambda x: tw.multinomial(x.exp().repeat(20), 10),
    "multinomial, repeated": lambda x: tw.multinomial(tw.ones(90), 20, replacement=True),
}


@pytest.mark.parametrize("name", DRAWS)
def test_randomness(name):
    x = tw.zeros(3, 4) + randn(4).float()
    with pytest.raises(TransformError, match='randomness="same"'):
        vmap(DRAWS[name])(x)
    same = vmap(DRAWS[name], randomness="same")(x)
    assert bool((same[0] == same[1]).all())
    different = vmap(DRAWS[name], randomness="different")(x)
    assert different.shape == same.shape
    assert different.dtype is same.dtype
    assert not bool((different[0] == different[1]).all())
    nested = vmap(vmap(DRAWS[name], randomness="different"), randomness="same")(tw.stack([x, x]))
    assert bool((nested[0] == nested[1]).all())
    assert not bool((nested[0, 0] == nested[0, 1]).all())


def test_orders_and_integers_drawn_for_each_sample_are_right():
    orders = vmap(lambda x: tw.randperm(6), randomness="different")(tw.zeros(50))
    assert [sorted(order) for order in orders.tolist()] == [list(range(6))] * 50
    numbers = vmap(lambda x: tw.randint(3, 7, (5,)), randomness="different")(tw.zeros(100))
    assert set(numbers.reshape(-1).tolist()) == {3, 4, 5, 6}


# -- gradients through a batch --------------------------------------------------------------------------


def test_gradients_reach_what_the_function_captures():
    w, x = randn(4, 2, seed=3).requires_grad_(), randn(5, 4).requires_grad_()
    h = w * 2  # not a leaf
    out = vmap(lambda a: (a @ h).tanh().sum() + w[0, 0])(x)
    found = tw.autograd.grad((out**2).sum(), [w, x])
    want = tw.autograd.grad((((x @ (w * 2)).tanh().sum(1) + w[0, 0]) ** 2).sum(), [w, x])
    for a, b in zip(found, want, strict=True):
        equal(a, b)


def test_gradients_of_gradients_of_a_batch():
    w, x = randn(3, seed=3).requires_grad_(), randn(4, 3)
    per_sample = vmap(grad(lambda a: (a * w).sin().prod()))(x)
    (found,) = tw.autograd.grad((per_sample**2).sum(), w)
    rows = []
    for i in range(4):
        a = x[i].clone().requires_grad_()
        rows.append(tw.autograd.grad((a * w).sin().prod(), a, create_graph=True)[0])
    (want,) = tw.autograd.grad((tw.stack(rows) ** 2).sum(), w)
    equal(found, want)


def test_what_is_not_to_be_recorded_is_not():
    w, x = randn(3).requires_grad_(), randn(4, 3)
    with tw.no_grad():
        assert not vmap(lambda a: a * w)(x).requires_grad

    def half(a: Any) -> Any:
        with tw.no_grad():
            factor = w * 1
        return (a * factor).sum()

    assert not vmap(half)(x).requires_grad
    assert vmap(lambda a: (a * w).sum())(x).requires_grad
    assert not vmap(grad(half))(x).requires_grad


def test_a_captured_tensor_that_is_returned_or_viewed():
    w, x = randn(3).requires_grad_(), randn(4, 3)
    out = vmap(lambda a: (w, w[1:], a))(x)
    (found,) = tw.autograd.grad(out[0].sum() + (out[1] * 2).sum(), w)
    assert found.tolist() == [4.0, 12.0, 12.0]


def test_a_leaf_made_inside_a_batch_gets_a_gradient_of_each_sample():
    def slope(x: Any) -> Any:
        w = tw.ones(2, dtype=tw.float64, requires_grad=True)
        return tw.autograd.grad((w * w * x).sum(), w)[0]

    x = randn(3, 2)
    equal(vmap(slope)(x), 2 * x)


def test_backward_inside_a_batch():
    def slope(x: Any) -> Any:
        a = x.clone().requires_grad_() if not x.requires_grad else x
        (a * a * a).sum().backward()
        return a.grad

    x = randn(3, 2)
    equal(vmap(slope)(x), 3 * x * x)
