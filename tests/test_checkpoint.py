"""Checkpoints: the same values and gradients as the plain call, and less kept."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.errors import ArgumentError, AutogradError, CheckpointError
from thalweg.func import grad, hessian, jacfwd, vmap
from thalweg.utils.checkpoint import checkpoint, checkpoint_sequential


def network() -> tuple[nn.Module, nn.Module]:
    tw.manual_seed(1)
    body = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 4), nn.Tanh()).double()
    return body, nn.Linear(4, 1).double()


def loss_of(body: Any, head: Any, x: Any, plain: bool, **options: Any) -> Any:
    tw.manual_seed(3)
    for _ in range(2):
        x = body(x) if plain else checkpoint(body, x, **options)
    return head(x).square().sum()


def equal(a: Any, b: Any) -> None:
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x.detach().numpy(), y.detach().numpy(), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_gradients_of_two_orders_with_dropout(use_reentrant):
    body, head = network()
    x = tw.randn(5, 4, dtype=tw.float64, requires_grad=True)
    leaves = [x, *body.parameters(), *head.parameters()]
    outcomes = []
    for plain in (True, False):
        loss = loss_of(body, head, x, plain, **({} if plain else {"use_reentrant": use_reentrant}))
        first = tw.autograd.grad(loss, leaves, create_graph=True)
        second = tw.autograd.grad(sum((g * g).sum() for g in first), leaves)
        outcomes.append([loss, *first, *second, tw.rand(1)])  # the stream goes on where it would
    equal(*outcomes)


def test_backward_accumulates_and_inputs_need_no_gradient():
    body, head = network()
    x = tw.randn(5, 4, dtype=tw.float64)
    outcomes = []
    for plain in (True, False):
        body.zero_grad()
        loss_of(body, head, x, plain).backward()
        outcomes.append([p.grad for p in body.parameters()])
    equal(*outcomes)


def test_hooks_run_once():
    w = tw.ones(3, requires_grad=True)
    seen = []
    w.register_hook(lambda g: seen.append(g.tolist()))
    checkpoint(lambda x: (x * w).exp().sum(), tw.zeros(3), use_reentrant=False).backward()
    assert seen == [[0.0, 0.0, 0.0]]


def test_structures_keywords_and_several_results():
    def f(d: Any, k: float, scale: Any = None) -> Any:
        return {"a": d["x"] * scale, "b": (d["x"].exp(), "text"), "index": d["x"].argmax()}, k

    x, s = tw.randn(3, requires_grad=True), tw.randn(3, requires_grad=True)
    out, k = checkpoint(f, {"x": x}, 2.0, scale=s, use_reentrant=False)
    assert (k, out["b"][1], out["index"].requires_grad) == (2.0, "text", False)
    found = tw.autograd.grad(out["a"].sum(), [x, s], retain_graph=True)
    equal(found, [s, x])
    equal(tw.autograd.grad(out["a"].sum() + out["b"][0].sum(), [x]), [s + x.exp()])


def test_what_lies_between_is_not_kept():
    kept = []

    def f(x: Any) -> Any:
        y = x.exp()
        kept.append(weakref.ref(y._node))
        return y.sin()

    x = tw.ones(3, requires_grad=True)
    y = checkpoint(f, x, use_reentrant=False)
    gc.collect()
    assert kept[0]() is None
    y.sum().backward()
    gc.collect()
    assert len(kept) == 2
    assert kept[1]() is None
    plain = f(x)
    assert kept[2]() is not None
    del plain


def test_retained_graphs_run_the_function_again():
    calls = []
    x = tw.ones(2, requires_grad=True)
    y = checkpoint(lambda x: calls.append(1) or (x * x * x).sum(), x, use_reentrant=False)
    for _ in range(2):
        equal(tw.autograd.grad(y, x, retain_graph=True), [3 * x * x])
    assert len(calls) == 3
    y.backward()
    with pytest.raises(AutogradError, match="freed"):
        y.backward()


def test_random_numbers_may_be_left_alone():
    x = tw.ones(200, requires_grad=True)
    out = checkpoint(nn.functional.dropout, x, use_reentrant=False)
    out.sum().backward()
    np.testing.assert_array_equal((x.grad != 0).numpy(), (out != 0).numpy())
    x.grad = None
    out = checkpoint(nn.functional.dropout, x, use_reentrant=False, preserve_rng_state=False)
    out.sum().backward()
    assert not bool(((x.grad != 0) == (out != 0)).all())


def test_contexts():
    entered: list[str] = []

    class Note:
        def __init__(self, name: str) -> None:
            self.name = name

        def __enter__(self) -> None:
            entered.append(self.name)

        def __exit__(self, *_: object) -> None:
            pass

    x = tw.ones(2, requires_grad=True)
    y = checkpoint(tw.exp, x, use_reentrant=False, context_fn=lambda: (Note("forward"), Note("again")))
    y.sum().backward()
    assert entered == ["forward", "again"]


def test_changes_in_the_meantime_are_noticed():
    x = tw.ones(2, requires_grad=True)
    h = x * 2
    y = checkpoint(tw.exp, h, use_reentrant=False)
    h.add_(1)
    with pytest.raises(AutogradError, match="changed in place"):
        y.sum().backward()
    size = [2]
    y = checkpoint(lambda x: x.expand(size[0], 2).exp(), x, use_reentrant=False)
    size[0] = 3
    with pytest.raises(CheckpointError, match="other shapes"):
        y.sum().backward()


def test_outside_of_recording_it_is_a_plain_call():
    x = tw.ones(2, requires_grad=True)
    with tw.no_grad():
        assert not checkpoint(tw.exp, x, use_reentrant=False).requires_grad
    assert not checkpoint(tw.exp, tw.ones(2), use_reentrant=False).requires_grad
    same = checkpoint(lambda x: x, x, use_reentrant=False)
    same.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_inside_transformations():
    def f(x: Any) -> Any:
        return (x.tanh() * x).sum()

    def g(x: Any) -> Any:
        return checkpoint(f, x, use_reentrant=False)

    X = tw.randn(3, 4, dtype=tw.float64)
    equal([vmap(grad(g))(X)], [vmap(grad(f))(X)])
    equal([jacfwd(grad(g))(X[0]), hessian(g)(X[0])], [hessian(f)(X[0])] * 2)
    w = tw.randn(4, dtype=tw.float64, requires_grad=True)
    out = [vmap(lambda x, h=h: h(x * w))(X).square().sum() for h in (f, g)]
    equal(tw.autograd.grad(out[1], w), tw.autograd.grad(out[0], w))

    def noisy(x: Any, checked: bool) -> Any:
        def drop(x: Any) -> Any:
            return nn.functional.dropout(x.exp()).sum()

        return checkpoint(drop, x, use_reentrant=False) if checked else drop(x)

    results = []
    for checked in (False, True):
        tw.manual_seed(4)
        results.append(vmap(grad(lambda x, c=checked: noisy(x, c)), randomness="different")(X))
    equal(results[:1], results[1:])


def test_inside_compiled_functions():
    body, head = network()
    x = tw.randn(5, 4, dtype=tw.float64)
    leaves = [*body.parameters(), *head.parameters()]

    def gradients(x: Any, plain: bool) -> Any:
        for _ in range(2):
            x = body(x) if plain else checkpoint(body, x, use_reentrant=False)
        return tw.autograd.grad(head(x).square().sum(), leaves)

    outcomes = []
    for f in (lambda x: gradients(x, True), tw.compile(lambda x: gradients(x, False))):
        tw.manual_seed(3)
        outcomes.append([*f(x), *f(x), tw.rand(1)])
    for a, b in zip(*outcomes, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("segments", [1, 2, 3, 5])
def test_sequences(segments):
    body, _ = network()
    x = tw.randn(5, 4, dtype=tw.float64, requires_grad=True)
    outcomes = []
    for run in (body, lambda x: checkpoint_sequential(body, segments, x, use_reentrant=False)):
        tw.manual_seed(2)
        y = run(x)
        outcomes.append([y, *tw.autograd.grad(y.sum(), [x, *body.parameters()])])
    equal(*outcomes)
    listed = checkpoint_sequential([tw.sin, tw.exp], 2, x, use_reentrant=False)
    equal([listed], [x.sin().exp()])


def test_refused_arguments():
    with pytest.raises(ArgumentError, match="use_reentrant=False"):
        checkpoint(tw.exp, tw.ones(2), use_reentrant=True, alpha=2)
    with pytest.raises(ArgumentError, match="determinism_check"):
        checkpoint(tw.exp, tw.ones(2), use_reentrant=False, determinism_check="always")
    with pytest.raises(ArgumentError, match="4 segments"):
        checkpoint_sequential([tw.exp, tw.sin], 4, tw.ones(2))
    with pytest.raises(ArgumentError, match="unexpected keyword"):
        checkpoint_sequential([tw.exp, tw.sin], 2, tw.ones(2), speed=3)


def test_compiled_checkpoints_need_less_memory() -> None:
    """A deep chain whose every layer is a checkpoint: values between are not kept for the backward, and equal."""
    weights = [(tw.randn(64, 64) / 8).requires_grad_() for _ in range(12)]

    def layer(x: Any, w: Any) -> Any:
        return ((x @ w).cumsum(1).tanh() @ w).cumsum(1).sigmoid()  # what stands between whole passes is stored

    def step(x: Any, keep: bool) -> Any:
        for w in weights:
            x = layer(x, w) if keep else checkpoint(layer, x, w, use_reentrant=False)
        return tw.autograd.grad(x.sum(), weights)

    x = tw.randn(2048, 64)
    plain, less = tw.compile(lambda x: step(x, True)), tw.compile(lambda x: step(x, False))
    for a, b in zip(plain(x), less(x), strict=True):
        assert tw.allclose(a, b, rtol=1e-4, atol=1e-4)
    assert less.memory.arena < 0.6 * plain.memory.arena
