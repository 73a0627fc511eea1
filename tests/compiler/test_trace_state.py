"""In-place changes, views, gradients, hooks and modes in compiled functions: as the eager loop, call after call."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.compiler import compile

State = dict[str, Any]
Pair = collections.namedtuple("Pair", "first second")  # noqa: PYI024 - what users write


def numbers(*shape: int, seed: int = 1) -> tw.Tensor:
    return tw.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def tensors_in(result: Any) -> list[tw.Tensor]:
    if isinstance(result, tw.Tensor):
        return [result]
    parts = result.values() if isinstance(result, dict) else result if isinstance(result, (list, tuple)) else ()
    return [x for part in parts for x in tensors_in(part)]


def snapshot(tensors: list[tw.Tensor]) -> list[Any]:
    """Values and gradients, copied."""
    values = [x.detach().numpy().copy() for x in tensors]
    grads = [None if x.grad is None else x.grad.numpy().copy() for x in tensors]
    return [values, grads]


def run(make: Callable[[], State], step: Callable[[State, Any], Any], arg: Callable[[int], Any], compiled: bool) -> Any:
    """Three calls: their results, the arguments after them, and the state in the end."""
    state = make()
    function = compile(lambda x: step(state, x)) if compiled else lambda x: step(state, x)
    seen: list[Any] = []
    for i in range(3):
        x = arg(i)
        seen.append(snapshot([*tensors_in(function(x)), x]))
    seen.append(snapshot([x for x in state.values() if isinstance(x, tw.Tensor)]))
    return seen


def assert_equal(got: Any, wanted: Any) -> None:
    if isinstance(wanted, list):
        assert len(got) == len(wanted)
        for a, b in zip(got, wanted, strict=True):
            assert_equal(a, b)
    elif wanted is None:
        assert got is None
    else:
        np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-12)


def compare(make: Any, step: Any, arg: Any = lambda i: numbers(3, 4, seed=i + 5)) -> None:
    assert_equal(run(make, step, arg, compiled=True), run(make, step, arg, compiled=False))


def nothing() -> State:
    return {}


def weight() -> State:
    return {"w": nn.Parameter(numbers(3, 4, seed=2))}


def buffer() -> State:
    return {"b": numbers(3, 4, seed=2)}


# -- in place -------------------------------------------------------------------------------------------


CHANGES: dict[str, tuple[Any, ...]] = {
    "add_": (1.5,), "mul_": (2,), "div_": (3,), "pow_": (2,), "floor_divide_": (0.3,), "remainder_": (0.7,),
    "fmod_": (0.7,), "exp_": (), "expm1_": (), "log_": (), "log1p_": (), "sqrt_": (), "rsqrt_": (), "reciprocal_": (),
    "neg_": (), "abs_": (), "sign_": (), "tanh_": (), "sigmoid_": (), "erf_": (), "sin_": (), "cos_": (), "relu_": (),
    "floor_": (), "ceil_": (), "trunc_": (), "round_": (), "square_": (), "clamp_": (0.2, 0.9), "fill_": (3,),
    "zero_": (),
}  # fmt: skip


def every_change(state: State, x: Any) -> Any:
    y = x.abs() + 0.5
    out = []
    for name, args in CHANGES.items():
        z = y.clone()
        assert getattr(z, name)(*args) is z
        out.append(z)
    z = y.clone().sub_(x).addcmul_(x, x, value=0.5).addcdiv_(x, y).lerp_(x, 0.3).masked_fill_(x > 0, 2.0)
    out += [z, y.clone().copy_(x[0]), y.clone().multiply_(x).divide_(y)]
    out.append(y.clone().scatter_(1, tw.tensor([[0, 2], [1, 0], [3, 3]]), -1.0))
    return out


def test_every_method_that_changes_in_place() -> None:
    compare(nothing, every_change)


def differentiable_changes(state: State, x: Any) -> Any:
    w = state["w"]
    z = w * 2
    z.mul_(x)
    z[0] = x[1]
    z[:, 1] += w[:, 0]
    z[tw.tensor([0, 2])] = w[:2]
    z[z > 1] = 0.5
    z.clamp_(-1, 1)
    view = z.T
    view[1].mul_(3)
    (z * z).sum().backward()
    return z


def test_differentiable_changes() -> None:
    compare(weight, differentiable_changes)


def changes_of_state(state: State, x: Any) -> Any:
    b = state["b"]
    b.add_(x)
    b[0] = 7
    b[:, 1].mul_(2)
    b.T[2].copy_(x[:, 0])
    b[tw.tensor([1, 1])] = x[:2]
    b[x > 0.5] = -1
    return b.sum()


def items_of_all_kinds(state: State, x: Any) -> Any:
    z = tw.zeros(3, 4).double()
    z[1] = x[0]
    z[2, 3] = 5
    z[0, 1:3] = x[1, :2]
    z[..., 0] = 1
    z[:, -1] = tw.tensor([1, 2, 3])
    z[tw.tensor([0, 2]), tw.tensor([1, 2])] = x[0, :2]
    z[0] += x[2]
    z[:, [1, 2]] *= 2
    z[None, 1] = 3
    q = x.clone()
    q[q < 0] = 0.0
    q[x > 0.3] = x.max()
    q[x[:, 0] > 0] = 4
    q[tw.tensor([True, False, True])] = 1.0
    return z, q


@pytest.mark.parametrize(
    ("make", "step"),
    [
        (buffer, changes_of_state),
        (nothing, items_of_all_kinds),
        (buffer, lambda s, x: s["b"].add_(x)),
        (buffer, lambda s, x: (s["b"][0], s["b"].T, x[1], x.T, x, s["b"])),
        (nothing, lambda s, x: x.add_(1)),
        (lambda: dict.fromkeys("bc", numbers(3, 4)), lambda s, x: (s["b"].add_(x), s["c"].mul_(2).sum())[1]),
        (lambda: {"s": tw.tensor(2.0).double()}, lambda s, x: (s["s"].add_(x.sum()), x.sum() * s["s"])),
    ],
)
def test_changes_of_what_is_outside(make: Any, step: Any) -> None:
    compare(make, step)


# -- memory ---------------------------------------------------------------------------------------------


def accumulate(state: State, x: Any) -> Any:
    (state["w"] * x).sum().backward()
    return state["w"].grad.sum()


def transposed() -> State:
    state = weight()
    state["w"].data = numbers(4, 3, seed=3).T
    return state


def change_data(state: State, x: Any) -> Any:
    loss = accumulate(state, x)
    state["w"].data.mul_(0.9)
    return loss


@pytest.mark.parametrize(
    "arg",
    [
        lambda i: numbers(4, 3, seed=i).T,
        lambda i: numbers(6, 4, seed=i)[::2],
        lambda i: numbers(4, seed=i).expand(3, 4),
        lambda i: numbers(3, 4, seed=i) if i != 1 else numbers(4, 3, seed=i).T,
    ],
    ids=["transposed", "strided", "expanded", "alternating"],
)
def test_arguments_that_are_not_contiguous(arg: Any) -> None:
    compare(weight, accumulate, arg)
    compare(transposed, change_data, arg)


def test_empty_and_0d_tensors() -> None:
    compare(
        nothing,
        lambda s, x: (x + 1, x.sum(), x.reshape(-1), tw.cat([x, tw.ones(2, 3).double()])),
        lambda i: numbers(0, 3),
    )
    compare(nothing, lambda s, x: (x * 2, x.reshape(1), x.exp().sum(), [x, x]), lambda i: numbers(seed=i))


def test_the_same_tensor_twice_and_an_argument_that_is_also_outside() -> None:
    outside = numbers(3)
    twice = compile(lambda a, b: (a.add_(1), a * b + outside)[1])
    for x in (outside, numbers(3, seed=2)):
        before, other = x.clone(), outside.clone()
        changed = before + 1
        wanted = changed * changed + (changed if x is outside else other)
        np.testing.assert_allclose(twice(x, x).numpy(), wanted.numpy())
        np.testing.assert_allclose(x.numpy(), changed.numpy())


# -- gradients ------------------------------------------------------------------------------------------


class Cube(tw.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any, factor: float) -> Any:
        ctx.save_for_backward(x)
        ctx.factor = factor
        return x**3 * factor

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * 3 * x * x * ctx.factor, None


def cubes(state: State, x: Any) -> Any:
    w = state["w"]
    Cube.apply(w * x, 2.0).sum().backward()
    (g,) = tw.autograd.grad(Cube.apply(w, 2.0).sum(), w, create_graph=True)
    return tw.autograd.grad(g.sum(), w)[0]


def third_order(state: State, x: Any) -> Any:
    w = state["w"]
    (g,) = tw.autograd.grad((w**4 * x).sum(), w, create_graph=True)
    (h,) = tw.autograd.grad(g.sum(), w, create_graph=True)
    (k,) = tw.autograd.grad((h * h).sum(), w, create_graph=True)
    k.sum().backward()
    return g, h, k


def retained(state: State, x: Any) -> Any:
    h = state["w"] * x
    h.retain_grad()
    h.register_hook(lambda g: g * 2)
    (h * h).sum().backward()
    return h.grad


def cleared(state: State, x: Any) -> Any:
    w = state["w"]
    w.grad = None
    (w * x).sum().backward()
    (w * w).sum().backward()
    return w.grad


def changed_gradients(state: State, x: Any) -> Any:
    w = state["w"]
    (w * x).sum().backward()
    w.data.add_(w.grad.data, alpha=-0.1)
    w.grad.zero_()
    w.grad.data.add_(1)
    return w.detach().sum()


def assigned(state: State, x: Any) -> Any:
    loss = (state["w"] * x).sum()
    state["w"].grad = tw.autograd.grad(loss, [state["w"]])[0]
    return loss


def hooked() -> State:
    state = weight()
    state["w"].register_hook(lambda g: g * 3)
    state["w"].register_post_accumulate_grad_hook(lambda p: p.grad.clamp_(-1, 1))
    return state


def detached(state: State, x: Any) -> Any:
    w = state["w"]
    y = (w * w.detach() * x).sum()
    y.backward()
    return y, w.detach() + 1, (w * x).detach().requires_grad_()


@pytest.mark.parametrize(
    "step", [accumulate, cubes, third_order, retained, cleared, changed_gradients, assigned, detached]
)
def test_gradients(step: Any) -> None:
    compare(weight, step)


def test_hooks_of_leaves() -> None:
    compare(hooked, accumulate)


def test_gradients_of_arguments() -> None:
    compare(nothing, lambda s, x: (lambda a: tw.autograd.grad((a * a * x).sum(), a)[0])(x.detach().requires_grad_()))
    step = compile(lambda x: (x * x).sum().backward())
    x = numbers(3).requires_grad_()
    step(x)
    step(x)
    np.testing.assert_allclose(x.grad.numpy(), 4 * x.detach().numpy())


def modes(state: State, x: Any) -> Any:
    w = state["w"]
    with tw.no_grad():
        a = w * 2
        with tw.enable_grad():
            b = w * 3
    assert not a.requires_grad
    assert b.requires_grad
    return a, b, tw.no_grad(lambda: w * x)()


def test_modes() -> None:
    compare(weight, modes)
    double = compile(lambda x: x * 2)
    x = numbers(3).requires_grad_()
    assert double(x).requires_grad
    with tw.no_grad():
        assert not double(x).requires_grad


# -- modules and optimisers -----------------------------------------------------------------------------


def model() -> State:
    m = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)).double()
    for p in m.parameters():
        p.data.copy_(numbers(*p.shape, seed=4))
    return {"m": m, **{f"p{i}": p for i, p in enumerate(m.parameters())}}


def hooked_model() -> State:
    state = model()
    state["m"][0].register_forward_hook(lambda module, args, out: out * 2)
    state["m"].register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    state["m"][2].register_full_backward_hook(lambda module, into, out: tuple(g if g is None else g * 2 for g in into))
    return state


def clipped_step(state: State, x: Any) -> Any:
    m = state["m"]
    m.zero_grad(set_to_none=False)
    loss = m(x).pow(2).sum()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(m.parameters(), 0.5, error_if_nonfinite=True)
    nn.utils.clip_grad_value_(m.parameters(), 0.2)
    return loss, norm, nn.utils.parameters_to_vector(m.parameters())


def halve(state: State, x: Any) -> Any:
    vector = nn.utils.parameters_to_vector(state["m"].parameters())
    nn.utils.vector_to_parameters(vector * 0.5, state["m"].parameters())
    return state["m"](x)


@pytest.mark.parametrize("make", [model, hooked_model])
def test_modules(make: Any) -> None:
    compare(make, clipped_step)
    compare(make, halve)


# -- structure ------------------------------------------------------------------------------------------


def test_results_of_any_structure() -> None:
    w = nn.Parameter(numbers(3))
    function = compile(
        lambda x, *, y, flag=True: {"a": (x + y, None, "s", 3, True), "b": Pair(x * 2, [x]), "w": w, "f": flag, "e": ()}
    )
    x, y = numbers(3), numbers(3, seed=2)
    for _ in range(2):
        found = function(x, y=y)
        assert found["a"][1:] == (None, "s", 3, True)
        assert type(found["b"]) is Pair
        assert found["b"].second[0] is x
        assert found["w"] is w
        assert found["f"] is True
        assert found["e"] == ()
        np.testing.assert_allclose(found["a"][0].numpy(), (x + y).numpy())
    assert function(x, y=y, flag=False)["f"] is False
    assert compile(lambda x: None)(x) is None


def test_generators_and_compiled_functions_within() -> None:
    inner = compile(lambda a: a.exp())

    def doubled(x: Any) -> Any:
        for row in x:
            yield inner(row) * 2

    compare(nothing, lambda s, x: [*doubled(x), *x.unbind(0), sum(x)])
