"""grad, vjp, jvp, Jacobians, Hessians and linearize: options, structures, nesting, and what they refuse."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import ArgumentError, AutogradError, TransformError
from thalweg.func import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp, vmap


def randn(*shape: int, seed: int = 0) -> Any:
    return tw.tensor(np.random.default_rng(seed).normal(size=shape))


def equal(a: Any, b: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)


class Pair(NamedTuple):
    a: Any
    b: Any


def number(x: float) -> Any:
    return tw.tensor(x, dtype=tw.float64)


# -- grad -----------------------------------------------------------------------------------------------


def test_grad_by_several_arguments_and_structures():
    x, y = randn(3), randn(3, seed=1)

    def f(d: Any, p: Any, k: float) -> Any:
        return (d["w"] * p.a).sum() * k + (d["more"][0] * p.b).sin().sum()

    d, p = {"w": x, "more": [y]}, Pair(y, x)
    first = grad(f)(d, p, 2.0)
    equal(first["w"], 2 * y)
    equal(first["more"][0], x * (y * x).cos())
    both = grad(f, argnums=(1, 0))(d, p, k=2.0)
    assert isinstance(both[0], Pair)
    equal(both[0].a, 2 * x)
    equal(both[1]["w"], 2 * y)
    (last,) = grad(f, argnums=(-2,))(d, p, 2.0)
    equal(last.b, y * (y * x).cos())


def test_grad_with_aux_and_value():
    def f(x: Any) -> Any:
        y = x * x
        return y.sum(), {"y": y, "name": "square"}

    x = randn(3)
    g, aux = grad(f, has_aux=True)(x)
    equal(g, 2 * x)
    equal(aux["y"], x * x)
    assert aux["name"] == "square"
    assert not aux["y"].requires_grad
    g, (value, aux) = grad_and_value(f, has_aux=True)(x)
    equal(value, (x * x).sum())
    assert not value.requires_grad
    g, value = grad_and_value(lambda x: f(x)[0])(x)
    equal(value, (x * x).sum())


def test_an_argument_that_is_not_used_gets_zeros():
    gx, gy = grad(lambda x, y: x.sum(), argnums=(0, 1))(randn(2), randn(3))
    assert gx.tolist() == [1.0, 1.0]
    assert gy.tolist() == [0.0, 0.0, 0.0]
    assert grad(lambda x: number(1.0))(randn(2)).tolist() == [0.0, 0.0]


def test_grad_leaves_the_arguments_as_they_are():
    x = randn(3).requires_grad_()
    g = grad(lambda x: (x**3).sum())(x)
    assert x.grad is None
    (h,) = tw.autograd.grad(g.sum(), x)  # the gradient can be differentiated from outside
    equal(h, 6 * x)
    assert not grad(lambda x: (x**3).sum())(x.detach()).requires_grad


def test_grad_modes():
    x = randn(3).requires_grad_()
    with tw.no_grad():  # outside: the function is differentiated all the same, the result is not recorded
        g = grad(lambda x: (x**3).sum())(x)
    equal(g, 3 * x * x)
    assert not g.requires_grad

    def f(x: Any) -> Any:
        with tw.no_grad():
            y = x * 2
        return (x * y).sum()

    equal(grad(f)(x), 2 * x)  # inside: it holds
    equal(grad(grad(lambda t: f(t[None])))(number(3.0)), number(0.0))


def test_captured_tensors_are_differentiated_only_from_outside():
    w, x = randn(3, seed=2).requires_grad_(), randn(3)
    g = grad(lambda x: (x * x * w).sum())(x)
    equal(g, 2 * x * w)
    assert g.requires_grad
    assert w.grad is None
    g.sum().backward()
    equal(w.grad, 2 * x)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: grad(tw.sin)(randn(2)), "0-d tensor"),
        (lambda: grad(lambda x: 2.0)(randn(2)), "got float"),
        (lambda: grad(tw.sum)(tw.arange(3)), "floating-point"),
        (lambda: grad(tw.sum)(3.0), "got float"),
        (lambda: grad(tw.sum, argnums=1)(randn(2)), "argument 1 of 1"),
        (lambda: grad(tw.dot, argnums=(0, 0))(randn(2), randn(2)), "different arguments"),
        (lambda: grad(tw.sum, has_aux=True)(randn(2)), "pair"),
        (lambda: jacrev(tw.sin, chunk_size=0), "chunk_size"),
        (lambda: jacrev(lambda x: None)(randn(2)), "got NoneType"),
        (lambda: vjp(tw.sin), "at least one primal"),
        (lambda: vjp(tw.sin, randn(2))[1](randn(3)), r"\(2,\), got \(3,\)"),
        (lambda: vjp(tw.sin, randn(2))[1](randn(2), randn(2)), "1 tensors, but 2"),
        (lambda: jvp(tw.sin, randn(2), randn(2)), "tuple"),
        (lambda: jvp(tw.sin, (randn(2),), (randn(3),)), r"\(2,\), its tangent \(3,\)"),
        (lambda: jvp(tw.sin, (randn(2),), (randn(2), randn(2))), "1 primals but 2"),
        (lambda: jvp(lambda x: randn(2), (randn(2),), (randn(2),), strict=True), "does not depend"),
        (lambda: linearize(tw.sin), "at least one primal"),
    ],
)
def test_refused_calls(call, words):
    with pytest.raises(ArgumentError, match=words) as caught:
        call()
    assert isinstance(caught.value, RuntimeError)


# -- vjp, jvp, linearize --------------------------------------------------------------------------------


def two(x: Any, y: Any) -> Any:
    return {"product": x * y, "sum": (x.sum() + y.sum(),)}


def test_vjp_with_structures_called_again():
    x, y = randn(3), randn(3, seed=1)
    output, pullback = vjp(two, x, y)
    equal(output["product"], x * y)
    assert not output["product"].requires_grad
    for _ in range(2):
        dx, dy = pullback({"product": y, "sum": (number(2.0),)})
        equal(dx, y * y + 2)
        equal(dy, x * y + 2)
    assert vjp(lambda x: (x, "aux"), x, has_aux=True)[2] == "aux"


def test_vjp_is_differentiable_in_primals_and_cotangents():
    x, v = randn(3), randn(3, seed=1)

    def f(x: Any, v: Any) -> Any:
        (dx,) = vjp(tw.sin, x)[1](v)
        return dx.sum()

    gx, gv = grad(f, argnums=(0, 1))(x, v)
    equal(gx, -x.sin() * v)
    equal(gv, x.cos())


def test_jvp_with_structures():
    x, y, u = randn(3), randn(3, seed=1), randn(3, seed=2)
    output, dot = jvp(two, (x, y), (u, 0 * y))
    equal(output["product"], x * y)
    equal(dot["product"], u * y)
    equal(dot["sum"][0], u.sum())
    output, dot, aux = jvp(lambda x: (x.sin(), [x * 1, 3]), (x,), (u,), has_aux=True)
    equal(dot, x.cos() * u)
    equal(aux[0], x)
    assert aux[1] == 3
    equal(jvp(lambda x: (x, number(5.0)), (x,), (u,))[1][1], number(0.0))


def test_forward_mode_follows_branches_and_python_numbers():
    def f(x: Any) -> Any:
        y = x * 2 if x > 0 else x * 3
        return y * y.item()

    equal(jvp(f, (number(2.0),), (number(1.0),))[1], number(8.0))
    equal(jvp(f, (number(-2.0),), (number(1.0),))[1], number(-18.0))
    equal(jvp(lambda x: x[x > 0].sum(), (randn(5),), (tw.ones(5).double(),))[1], (randn(5) > 0).sum().double())


def test_forward_mode_refuses_to_lose_a_tangent():
    with pytest.raises(TransformError, match="NumPy"):
        jvp(lambda x: tw.tensor(x.numpy()), (randn(3),), (randn(3),))


def test_changes_in_place_carry_tangents():
    def f(x: Any) -> Any:
        z = tw.zeros(4, dtype=tw.float64)
        z[0] = x[0] * x[1]
        z[1:3] = x[:2] ** 2
        view = z.view(2, 2)
        view[1] *= x[2]
        z[tw.tensor([3])] = x[1].sin()
        row = x.clone()
        row.mul_(2)[0].add_(x[1])
        return tw.cat([z, row, tw.full((2,), 7.0, dtype=tw.float64)])

    x, u = randn(3), randn(3, seed=4)
    want = jacrev(f)(x)
    equal(jvp(f, (x,), (u,))[1], want @ u)
    equal(jacfwd(f)(x), want)
    equal(jacfwd(grad(lambda x: (f(x) ** 2).sum()))(x), jacrev(grad(lambda x: (f(x) ** 2).sum()))(x))


def test_arguments_changed_in_place():
    x, u = randn(3), randn(3, seed=1)
    before = x.clone()
    equal(jvp(lambda x: x.mul_(2) * x, (x,), (u,))[1], 8 * before * u)
    equal(x, 2 * before)  # also outside
    for f in (lambda x: x.mul_(2).sum(), lambda x: x[0].mul_(2), lambda x: x.__setitem__(0, 1.0) or x.sum()):
        with pytest.raises(AutogradError, match=r"clone\(\)"):
            grad(f)(x)
    equal(x, 2 * before)
    equal(grad(lambda x: x.clone().mul_(2).sum())(x), 0 * x + 2)


def test_linearize_runs_the_function_once():
    calls = []

    def f(x: Any, y: Any) -> Any:
        calls.append(1)
        return {"a": x.sin() * y, "b": (x * y).sum()}

    x, y, u, v = randn(3), randn(3, seed=1), randn(3, seed=2), randn(3, seed=3)
    output, push = linearize(f, x, y)
    for a, b in ((u, v), (v, u)):
        want = jvp(f, (x, y), (a, b))
        got = push(a, b)
        equal(got["a"], want[1]["a"])
        equal(got["b"], want[1]["b"])
        assert not got["a"].requires_grad
    assert len(calls) == 3
    equal(output["a"], x.sin() * y)
    assert linearize(lambda x: tw.ones(2), x)[1](u).tolist() == [0.0, 0.0]


# -- Jacobians ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_jacobians_of_structures(jacobian):
    x, y = randn(2, 3), randn(3, seed=1)

    def f(d: Any, y: Any) -> Any:
        return (d["x"] @ y, {"all": d["x"].sum() * y})

    (rows, other) = jacobian(f, argnums=(0, 1))({"x": x}, y)
    assert rows[0]["x"].shape == (2, 2, 3)
    equal(rows[0]["x"], tw.eye(2).double()[:, :, None] * y)
    equal(rows[1], x)
    equal(other["all"][0]["x"], (y[:, None, None] * tw.ones(1, 2, 3)).double())
    equal(other["all"][1], x.sum() * tw.eye(3).double())


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_jacobians_with_aux_of_scalars_and_of_nothing(jacobian):
    j, aux = jacobian(lambda x: (x.sin(), x * 2), has_aux=True)(randn(3))
    equal(j, tw.eye(3).double() * randn(3).cos())
    equal(aux, randn(3) * 2)
    equal(jacobian(lambda x: x**2)(number(3.0)), number(6.0))
    assert jacobian(lambda x: x)(randn(0)).shape == (0, 0)
    assert jacobian(lambda x: x.sum())(randn(0)).shape == (0,)
    assert jacobian(lambda x: tw.ones(2))(randn(3)).tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize("chunk_size", [1, 2, 10])
def test_jacrev_in_chunks(chunk_size):
    x = randn(4)
    equal(jacrev(lambda x: x.outer(x), chunk_size=chunk_size)(x), jacfwd(lambda x: x.outer(x))(x))


def test_forward_mode_computes_values_once():
    """What does not depend on the direction has no batch axis: only the tangents have."""
    shapes = []

    def f(x: Any) -> Any:
        y = (x * 2).sin()
        shapes.append((y._value.primal.shape, y._value.tangent.content.shape))
        return y

    jacfwd(f)(randn(3))
    assert shapes == [((3,), (3, 3))]


def test_hessian_of_several_arguments():
    x, y = randn(2), randn(2, seed=1)
    blocks = hessian(lambda x, y: (x * y).sum() ** 2, argnums=(0, 1))(x, y)
    equal(blocks[0][0], 2 * y.outer(y))
    equal(blocks[1][0], 2 * x.outer(y) + 2 * (x @ y) * tw.eye(2).double())


# -- nesting --------------------------------------------------------------------------------------------


def test_perturbations_are_not_confused():
    """d/dx of x d/dy (x + y) and the like: inner derivatives must not see the outer one's perturbation."""
    one = number(1.0)
    for x in (number(2.0), number(2.0).requires_grad_()):
        assert grad(lambda x: x * grad(lambda y: x + y)(one))(x).item() == 1
        assert grad(lambda x: x * jvp(lambda y: x + y, (one,), (one,))[1])(x).item() == 1
        assert jvp(lambda x: x * grad(lambda y: x + y)(one), (x,), (one,))[1].item() == 1
        assert jvp(lambda x: x * jvp(lambda y: x + y, (one,), (one,))[1], (x,), (one,))[1].item() == 1
        assert grad(lambda x: x * grad(lambda y: x * y)(x))(x).item() == 4
        assert jvp(lambda x: x * jvp(lambda y: x * y, (x,), (one,))[1], (x,), (one,))[1].item() == 4


def test_many_orders():
    f = tw.sin
    for _ in range(6):
        f = grad(f)
    equal(f(number(0.7)), -number(0.7).sin())
    for _ in range(2):
        f = jacfwd(f)
    equal(f(number(0.7)), number(0.7).sin())


def test_hessian_vector_products_agree():
    x, v = randn(4), randn(4, seed=1)

    def f(x: Any) -> Any:
        return (x.sin() * x.roll(1, 0)).sum() * x[0]

    want = hessian(f)(x) @ v
    equal(jvp(grad(f), (x,), (v,))[1], want)
    equal(grad(lambda x: jvp(f, (x,), (v,))[1])(x), want)
    equal(vjp(grad(f), x)[1](v)[0], want)
    equal(linearize(grad(f), x)[1](v), want)
    equal(vmap(jacrev(grad(f)))(x[None])[0] @ v, want)


def test_functions_of_the_users_own():
    class Cube(tw.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return 3 * x**2 * dy

    x = randn(3)
    equal(grad(lambda x: Cube.apply(x).sum())(x), 3 * x**2)
    equal(vmap(grad(Cube.apply))(x), 3 * x**2)
    equal(vmap(grad(grad(Cube.apply)))(x), 6 * x)
    equal(jacfwd(grad(lambda x: Cube.apply(x).sum()))(x), (6 * x).diag())


def test_forward_mode_of_the_users_own_functions_transposes_their_backward():
    class Sine(tw.autograd.Function):
        @staticmethod
        def forward(ctx, x, k):
            ctx.save_for_backward(x)
            ctx.k = k
            return tw.tensor(np.sin(x.detach().numpy()) * k), x * 1

        @staticmethod
        def backward(ctx, dy, dz):
            return dy * ctx.saved_tensors[0].cos() * ctx.k + dz, None

    x, u = randn(3), randn(3, seed=1)
    (y, _), (y_dot, z_dot) = jvp(lambda x: Sine.apply(x, 2.0), (x,), (u,))
    equal(y, 2 * x.sin())
    equal(y_dot, 2 * x.cos() * u)
    equal(z_dot, u)
    equal(jacfwd(lambda x: Sine.apply(x, 2.0)[0])(x), (2 * x.cos()).diag())
    with pytest.raises(TransformError, match="NumPy"):  # the values themselves would be needed
        jvp(grad(lambda x: Sine.apply(x, 2.0)[0].sum()), (x,), (u,))


def test_numbers_that_are_written_have_no_tangent():
    x, places = randn(4), tw.tensor([0, 2])
    want = x * tw.tensor([0.0, 1.0, 0.0, 1.0])
    equal(jvp(lambda x: x.scatter(0, places, 1), (x,), (x,))[1], want)
    equal(jvp(lambda x: x.index_put((places,), number(2.0)), (x,), (x,))[1], want)


def test_detach_ends_tangents_as_it_ends_gradients():
    x = randn(3)
    equal(jvp(lambda x: x * x.detach(), (x,), (x,))[1], x * x)
    equal(jvp(lambda x: x.detach(), (x,), (x,))[1], 0 * x)
    equal(jacfwd(jacfwd(lambda x: (x * x * x.detach()).sum()))(x), (2 * x).diag())
    equal(jvp(lambda x: vmap(lambda a: a.detach() * a)(x), (x,), (x,))[1], x * x)


def test_running_averages_may_be_kept_in_forward_mode():
    average = tw.zeros(3, dtype=tw.float64)

    def f(x: Any) -> Any:
        with tw.no_grad():
            average.mul_(0.5).add_(x)
        return x * average

    x = randn(3)
    equal(jvp(f, (x,), (x,))[1], x * x)
    equal(average, x)


# -- compiled -------------------------------------------------------------------------------------------

COMPILED = {
    "gradients of samples": lambda x, v: vmap(grad(lambda a: (a.sin() * a.roll(1, 0)).sum()))(x),
    "a Hessian-vector product": lambda x, v: jvp(grad(lambda a: (a.sin() ** 2).sum() * a[0, 0]), (x,), (x,))[1],
    "a Hessian": lambda x, v: hessian(lambda a: (a**3).sum() * a[0])(v),
    "jacfwd": lambda x, v: jacfwd(lambda a: x @ a.exp())(v),
    "jacrev": lambda x, v: jacrev(lambda a: x @ a.exp())(v),
    "linearize": lambda x, v: linearize(lambda a: x @ a.exp(), v)[1](v),
    "in place": lambda x, v: vmap(lambda a: a.new_zeros(4).add_(a).mul_(v))(x),
    "backward of a batch": lambda x, v: _weight_gradient(x, v),
}


def _weight_gradient(x: Any, v: Any) -> Any:
    w = v.clone().requires_grad_()
    vmap(lambda a: (a * w).sin().sum())(x).sum().backward()
    return w.grad


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_functions_may_hold_transformations(name):
    x, v = randn(3, 4), randn(4, seed=1)
    equal(tw.compile(COMPILED[name])(x, v), COMPILED[name](x, v), 1e-11)


def test_compiled_random_numbers_of_a_batch_are_the_eager_ones():
    def f(x: Any) -> Any:
        return vmap(lambda a: tw.nn.functional.dropout(a) + tw.randn(4), randomness="different")(x)

    x = tw.ones(3, 4)
    tw.manual_seed(1)
    want = f(x)
    tw.manual_seed(1)
    equal(tw.compile(f)(x), want, 1e-6)


SCALE = 2.0


def scaled(x: Any) -> Any:
    return (x * x).sum() * SCALE


def test_what_a_transformed_function_reads_is_a_guard(monkeypatch):
    slope = vmap(grad(scaled))
    step = tw.compile(lambda x: slope(x) + 1)
    x = randn(3, 2)
    equal(step(x), 4 * x + 1)
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    equal(step(x), 6 * x + 1)


def test_a_compiled_function_inside_a_transformation():
    f = tw.compile(lambda x: (x * x).sum())
    x = randn(3, 2)
    equal(grad(f)(x[0]), 2 * x[0])
    equal(vmap(f)(x), (x * x).sum(1))
    equal(jvp(f, (x[0],), (x[1],))[1], 2 * (x[0] * x[1]).sum())
