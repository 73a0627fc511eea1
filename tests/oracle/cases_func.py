"""Functions of functions, with ``thalweg`` and ``torch`` in the place of ``m``.

The results are compared, and then differentiated from outside by the tensors, so that nesting is compared as well.
"""

from __future__ import annotations

import importlib
from typing import Any

from .harness import In, Program


def poly(x: Any) -> Any:
    """A smooth number of a vector."""
    return (x.sin() * x.roll(1, 0)).sum() * x[0] + (x**3).mean()


def maps(x: Any, y: Any) -> Any:
    """Two smooth vectors of two."""
    return x.outer(y).tanh() @ y, (x * x).cumsum(0)


def linear(m: Any, params: Any, x: Any) -> Any:
    return (x @ params["weight"].T + params["bias"]).tanh()


def ones(m: Any, *shape: int) -> Any:
    return m.ones(*shape, dtype=m.float64)


X, Y, V = In(3), In(4), In(3)
XS = In(5, 3)

CASES = [
    Program("func.grad", lambda m, x: m.func.grad(poly)(x), X, order=2),
    Program("func.grad", lambda m, x: m.func.grad(lambda x: m.func.grad(poly)(x).sum())(x), X),
    Program("func.grad", lambda m, x, y: m.func.grad(lambda a, b: maps(a, b)[0].prod(), argnums=(1, 0))(x, y), X, Y),
    Program("func.grad", lambda m, x: m.func.grad(lambda x: (poly(x), x * 2), has_aux=True)(x), X),
    Program("func.grad", lambda m, x: m.func.grad(lambda d: poly(d["a"]) * d["b"][0].sum())({"a": x, "b": [x]}), X),
    Program("func.grad_and_value", lambda m, x: m.func.grad_and_value(poly)(x), X),
    Program("func.grad_and_value", lambda m, x: m.func.grad_and_value(lambda x: (poly(x), x), has_aux=True)(x), X),
    Program("func.vjp", lambda m, x, v: m.func.vjp(m.sin, x)[1](v), X, V, order=2),
    Program("func.vjp", lambda m, x, y: m.func.vjp(maps, x, y)[1]((x.cos(), x)), X, Y),
    Program("func.vjp", lambda m, x: m.func.vjp(lambda x: (x.exp(), x), x, has_aux=True)[2], X),
    Program("func.jvp", lambda m, x, v: m.func.jvp(poly, (x,), (v,)), X, V, order=2),
    Program("func.jvp", lambda m, x, v, y: m.func.jvp(maps, (x, y), (v, y)), X, V, Y),
    Program("func.jvp", lambda m, x, v: m.func.jvp(lambda x: (x.exp(), x), (x,), (v,), has_aux=True), X, V),
    Program("func.jacrev", lambda m, x: m.func.jacrev(lambda x: x.outer(x).sin())(x), X, order=2),
    Program("func.jacrev", lambda m, x, y: m.func.jacrev(maps, argnums=(0, 1))(x, y), X, Y),
    Program("func.jacrev", lambda m, x: m.func.jacrev(lambda x: x.outer(x), chunk_size=2)(x), X),
    Program("func.jacrev", lambda m, x: m.func.jacrev(lambda x: ({"a": x.sin(), "b": x[:1]}, x), has_aux=True)(x), X),
    Program("func.jacfwd", lambda m, x: m.func.jacfwd(lambda x: x.outer(x).sin())(x), X, order=2),
    Program("func.jacfwd", lambda m, x, y: m.func.jacfwd(maps, argnums=(0, 1))(x, y), X, Y),
    Program("func.jacfwd", lambda m, x: m.func.jacfwd(lambda x: (x.exp(), x * 2), has_aux=True)(x), X, order=0),
    Program("func.hessian", lambda m, x: m.func.hessian(poly)(x), X),
    Program("func.hessian", lambda m, x, y: m.func.hessian(lambda x, y: (maps(x, y)[0]).prod(), (0, 1))(x, y), X, Y),
    Program("func.linearize", lambda m, x, v: m.func.linearize(poly, x)[1](v.detach()), X, V, order=0),
    Program("func.vmap", lambda m, x: m.func.vmap(poly)(x), XS, order=2),
    Program("func.vmap", lambda m, x: m.func.vmap(m.func.grad(poly))(x), XS),
    Program("func.vmap", lambda m, x: m.func.vmap(m.func.hessian(poly))(x), XS),
    Program("func.vmap", lambda m, x: m.func.vmap(poly, in_dims=1, chunk_size=2)(x), XS),
    Program("func.vmap", lambda m, x, y: m.func.vmap(m.outer, in_dims=(0, None), out_dims=1)(x, y), XS, Y),
    Program("func.vmap", lambda m, x, y: m.func.vmap(m.func.vmap(m.dot, (None, 0)), (0, None))(x, y), XS, In(2, 3)),
    Program("func.vmap", lambda m, x: m.func.vmap(lambda a: {"s": a.sum(), "m": [a.max(0)[0], a]})(x), XS),
    Program("func.vmap", lambda m, x: m.func.vmap(lambda a: m.where(a > 0, a, a * a).cumsum(0)[1:])(x), XS),
    Program("func.vmap", lambda m, x: m.func.vmap(lambda a: a.gather(0, a.argmax(0, keepdim=True)))(x), XS),
    Program("vmap", lambda m, x: m.vmap(lambda a: a.softmax(0).log() @ ones(m, 3))(x), XS, order=2),
    Program("func.functional_call",
            lambda m, w, x: m.func.functional_call(m.nn.Linear(3, 2).double(), {"weight": w, "bias": w[:, 0]}, (x,)),
            In(2, 3), XS),
    Program("func.functional_call",
            lambda m, w, x: m.func.vmap(
                m.func.grad(lambda p, a: linear(m, p, a).sum()), in_dims=(None, 0)
            )({"weight": w, "bias": w[:, 0]}, x), In(2, 3), XS),
    Program("func.stack_module_state",
            lambda m, w: m.func.stack_module_state([_layer(m, w.detach()), _layer(m, w.detach() * 2)])[0], In(2, 3),
            order=0),
    Program("autograd.functional.jacobian", lambda m, x: m.autograd.functional.jacobian(lambda x: x.outer(x), x), X),
    Program("autograd.functional.jacobian",
            lambda m, x, y: m.autograd.functional.jacobian(maps, (x, y), create_graph=True), X, Y),
    Program("autograd.functional.hessian",
            lambda m, x: m.autograd.functional.hessian(poly, x, create_graph=True), X),
    Program("autograd.functional.vjp",
            lambda m, x, v: m.autograd.functional.vjp(m.sin, x, v, create_graph=True), X, V),
    Program("autograd.functional.jvp",
            lambda m, x, v: m.autograd.functional.jvp(m.sin, x, v, create_graph=True), X, V),
    Program("autograd.functional.vhp",
            lambda m, x, v: m.autograd.functional.vhp(poly, x, v, create_graph=True), X, V),
    Program("autograd.functional.hvp",
            lambda m, x, v: m.autograd.functional.hvp(poly, x, v, create_graph=True), X, V),
    Program("autograd.grad",
            lambda m, x: m.autograd.grad(x.sin(), x, m.eye(3, dtype=m.float64), is_grads_batched=True), X, order=0),
    Program("utils.checkpoint.checkpoint",
            lambda m, x: _checkpoint(m).checkpoint(poly, x, use_reentrant=False), X, order=2),
    Program("utils.checkpoint.checkpoint_sequential",
            lambda m, x: _checkpoint(m).checkpoint_sequential([m.sin, m.exp, m.tanh], 2, x, use_reentrant=False), X),
    Program("autograd.forward_ad.make_dual", lambda m, x, v: _dual(m, x, v), X, V),
]  # fmt: skip


def _checkpoint(m: Any) -> Any:
    return importlib.import_module(f"{m.__name__}.utils.checkpoint")


def _layer(m: Any, w: Any) -> Any:
    layer = m.nn.Linear(3, 2).double()
    layer.weight.data = w
    layer.bias.data = w[:, 0].clone()
    return layer


def _dual(m: Any, x: Any, v: Any) -> Any:
    ad = m.autograd.forward_ad
    with ad.dual_level():
        return tuple(ad.unpack_dual((ad.make_dual(x, v) ** 2).sin()))
