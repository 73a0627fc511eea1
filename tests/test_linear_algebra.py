"""Decompositions: what they promise, their derivatives through symmetric matrices, and their errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.autograd import gradcheck, gradgradcheck
from thalweg.errors import ArgumentError, DtypeError, LinAlgError, ShapeError
from thalweg.ops import contraction

RNG = np.random.default_rng(4)


def matrix(*shape: int) -> Any:
    return tw.tensor(RNG.normal(size=shape), requires_grad=True)


def definite(x: Any) -> Any:
    """A symmetric positive definite matrix made of any matrix."""
    return x @ x.mT + 2 * tw.eye(x.shape[-2], dtype=tw.float64)


def symmetric(x: Any) -> Any:
    return x + x.mT


FLOWING = {
    "cholesky": lambda x: tw.linalg.cholesky(definite(x)),
    "upper cholesky": lambda x: tw.linalg.cholesky(definite(x), upper=True),
    "cholesky_solve": lambda x: tw.cholesky_solve(x, tw.linalg.cholesky(definite(x))),
    "cholesky_inverse": lambda x: tw.cholesky_inverse(tw.linalg.cholesky(definite(x))),
    "cholesky_ex": lambda x: tw.linalg.cholesky_ex(definite(x)).L,
    "eigenvalues": lambda x: tw.linalg.eigvalsh(symmetric(x)),
    "eigenvectors": lambda x: tw.linalg.eigh(symmetric(x)).eigenvectors ** 2,
    "upper eigenvalues": lambda x: tw.linalg.eigh(symmetric(x), UPLO="U").eigenvalues,
    "function of a matrix": lambda x: (lambda w, v: v @ tw.diag_embed(tw.exp(w)) @ v.mT)(*tw.linalg.eigh(symmetric(x))),
    "svd": lambda x: (lambda u, s, v: u[..., :2] ** 2 + s[..., None, :2])(*tw.linalg.svd(x)),
    "older svd": lambda x: tw.svd(x).V ** 2,
    "reconstruction": lambda x: (lambda u, s, v: u @ tw.diag_embed(s) @ v)(*tw.linalg.svd(x, full_matrices=False)),
    "q": lambda x: tw.linalg.qr(x).Q, "r": lambda x: tw.linalg.qr(x, mode="r").R,
    "nuclear norm": lambda x: tw.linalg.matrix_norm(x, "nuc"), "spectral norm": lambda x: tw.linalg.matrix_norm(x, 2),
    "condition": lambda x: tw.linalg.cond(x), "logdet": lambda x: tw.logdet(definite(x)),
    "lstsq": lambda x: tw.linalg.lstsq(x, tw.ones(3, 1, dtype=tw.float64)).solution,
}  # fmt: skip


@pytest.mark.parametrize("name", FLOWING)
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3)])
def test_derivatives(name: str, shape: Any) -> None:
    x = matrix(*shape)
    assert gradcheck(FLOWING[name], x, atol=1e-6)
    assert gradgradcheck(FLOWING[name], x, atol=1e-5, rtol=1e-4)


def near(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a.detach().numpy(), np.asarray(getattr(b, "_value", b)), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (2, 3, 3), (2, 0, 3), (0, 3, 3)])
def test_factors_multiply_to_the_matrix(shape: Any) -> None:
    x = matrix(*shape)
    k = min(shape[-2:])
    for full in (True, False):
        u, s, vh = tw.linalg.svd(x, full_matrices=full)
        near(u[..., :k] * s[..., None, :] @ vh[..., :k, :], x)
        near(u.mT @ u, np.broadcast_to(np.eye(u.shape[-1]), (*shape[:-2], u.shape[-1], u.shape[-1])))
        near(vh @ vh.mT, np.broadcast_to(np.eye(vh.shape[-2]), (*shape[:-2], vh.shape[-2], vh.shape[-2])))
    for mode in ("reduced", "complete"):
        q, r = tw.linalg.qr(x, mode)
        near(q @ r, x)
        near(q.mT @ q, np.broadcast_to(np.eye(q.shape[-1]), (*shape[:-2], q.shape[-1], q.shape[-1])))
        assert q.shape[-1] == (shape[-2] if mode == "complete" else k)
        near(r, np.triu(r.detach().numpy()))


def test_eigh_reads_one_triangle() -> None:
    x = tw.tensor([[2.0, 7.0], [1.0, 3.0]], dtype=tw.float64)
    for uplo, other in (("L", 1.0), ("U", 7.0)):
        w, v = tw.linalg.eigh(x, UPLO=uplo)
        near(v @ tw.diag(w) @ v.mT, [[2.0, other], [other, 3.0]])


def test_equal_eigenvalues_have_a_gradient_where_vectors_are_not_used() -> None:
    x = tw.eye(3, dtype=tw.float64).requires_grad_()
    tw.linalg.eigvalsh(x).sum().backward()
    near(x.grad, np.eye(3))
    y = tw.eye(3, dtype=tw.float64).requires_grad_()
    tw.linalg.svdvals(y).sum().backward()
    near(y.grad, np.eye(3))


def test_singular_matrices() -> None:
    x = tw.tensor([[1.0, 2.0], [2.0, 4.0]], requires_grad=True)
    for call in (tw.linalg.inv, tw.inverse, lambda a: tw.linalg.solve(a, tw.ones(2)), lambda a: tw.matrix_power(a, -1)):
        with pytest.raises(LinAlgError, match="singular"):
            call(x)
    assert tw.det(x).item() == pytest.approx(0, abs=1e-6)
    (grad,) = tw.autograd.grad(tw.det(x), x)
    np.testing.assert_allclose(grad.numpy(), [[4, -2], [-2, 1]], atol=1e-5)  # the cofactors
    assert tw.slogdet(x.double()).logabsdet.item() == -np.inf
    found, info = tw.linalg.inv_ex(tw.stack([x.detach(), tw.eye(2)]))
    assert info.tolist() == [1, 0]
    assert found[1].tolist() == [[1, 0], [0, 1]]
    assert found[0].isnan().all()
    assert tw.linalg.solve_ex(x.detach(), tw.ones(2)).info.item() == 1
    with pytest.raises(LinAlgError):
        tw.linalg.inv_ex(x, check_errors=True)


def test_matrices_that_are_not_definite() -> None:
    x = tw.tensor([[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(LinAlgError, match="not positive definite"):
        tw.linalg.cholesky(x)
    factor, info = tw.linalg.cholesky_ex(tw.stack([x, tw.eye(2)]))
    assert info.tolist() == [1, 0]
    assert factor[0].isnan().all()
    assert factor[1].tolist() == [[1, 0], [0, 1]]
    with pytest.raises(LinAlgError):
        tw.linalg.cholesky_ex(x, check_errors=True)


def test_solutions_of_singular_triangles_are_infinite() -> None:
    a = tw.tensor([[1.0, 1.0], [0.0, 0.0]])
    assert tw.linalg.solve_triangular(a, tw.ones(2, 1), upper=True).isinf().all()


REFUSED = [
    (lambda: tw.linalg.inv(tw.ones(2, 3)), ShapeError, "square"),
    (lambda: tw.linalg.inv(tw.ones(3)), ShapeError, r"\(3,\)"),
    (lambda: tw.det(tw.ones(2, 2).half()), DtypeError, "float16"),
    (lambda: tw.linalg.eigh(tw.ones(2, 2).long()), DtypeError, "int64"),
    (lambda: tw.linalg.solve(tw.eye(2), tw.ones(3, 1)), ShapeError, "don't fit"),
    (lambda: tw.linalg.solve(tw.ones(2, 2, 2), tw.ones(3, 2, 2)), ShapeError, "broadcast"),
    (lambda: tw.linalg.qr(tw.eye(2), mode="raw"), ArgumentError, "mode"),
    (lambda: tw.linalg.eigh(tw.eye(2), UPLO="X"), ArgumentError, "UPLO"),
    (lambda: tw.linalg.lstsq(tw.eye(2), tw.ones(2), driver="x"), ArgumentError, "driver"),
    (lambda: tw.linalg.matrix_norm(tw.ones(2)), ShapeError, "two axes"),
    (lambda: tw.linalg.matrix_norm(tw.eye(2), 3), ArgumentError, "ord"),
    (lambda: tw.linalg.vector_norm(tw.ones(2), "fro"), ArgumentError, "number"),
    (lambda: tw.linalg.norm(tw.ones(2, 2, 2), 2), ShapeError, "without dim"),
    (lambda: tw.linalg.multi_dot([tw.eye(2)]), ShapeError, "at least two"),
    (lambda: tw.linalg.multi_dot([tw.eye(2), tw.ones(2, 2, 2), tw.eye(2)]), ShapeError, "tensor 1"),
    (lambda: tw.linalg.tensorinv(tw.ones(2, 3), 1), ShapeError, "equal products"),
    (lambda: tw.linalg.tensorsolve(tw.ones(2, 3), tw.ones(2)), ShapeError, "no square system"),
    (lambda: tw.cross(tw.ones(2), tw.ones(2)), ShapeError, "size 3"),
    (lambda: tw.einsum("ij,jk", tw.ones(2, 2)), ArgumentError, "2 operands"),
    (lambda: tw.einsum("ijk", tw.ones(2, 2)), ShapeError, "does not fit"),
    (lambda: tw.einsum("ij,jk", tw.ones(2, 2), tw.ones(3, 2)), ShapeError, "sizes"),
    (lambda: tw.einsum("ij->ik", tw.ones(2, 2)), ArgumentError, "output"),
    (lambda: tw.einsum("ii", tw.ones(2, 3)), ShapeError, "one letter"),
    (lambda: tw.tensordot(tw.ones(2, 3), tw.ones(2, 3), 1), ShapeError, "differ in size"),
    (lambda: tw.cdist(tw.ones(2, 3), tw.ones(2, 4)), ShapeError, "one length"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "text"), REFUSED)
def test_what_does_not_fit_is_named(call: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_einsum_takes_the_cheap_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain whose ends are vectors costs n**2 in the right order and n**3 in the wrong one."""
    sizes: list[Any] = []
    multiply = contraction.matmul
    monkeypatch.setattr(contraction, "matmul", lambda a, b: sizes.append((a.shape, b.shape)) or multiply(a, b))
    vector, square = tw.ones(20), tw.ones(20, 20)
    assert tw.einsum("i,ij,jk,kl,l->", vector, square, square, square, vector).item() == 20**4
    assert all(a.numel() * b[-1] < 20 * 20 * 20 for a, b in sizes)
    sizes.clear()
    many = [square] * 8  # too many to try all orders
    assert tw.einsum("ab,bc,cd,de,ef,fg,gh,hi,i->a", *many, vector)[0].item() == pytest.approx(20.0**8)
    assert all(a.numel() * b[-1] < 20 * 20 * 20 for a, b in sizes)


COMPILED = {
    "sort": lambda x: tw.sort(x, 1).values + tw.topk(x, 2).values.sum(), "median": lambda x: x.median(1).values,
    "cumprod": lambda x: x.cumprod(0) + x.logcumsumexp(1) + x.cummax(0).values,
    "special": lambda x: tw.lgamma(x + 3) + tw.special.i0e(x) + tw.sinc(x) + tw.special.log_ndtr(x),
    "einsum": lambda x: tw.einsum("ij,kj,kl->il", x, x, x), "diagonal": lambda x: tw.diag_embed(x).diagonal(0, -2, -1),
    "solve": lambda x: tw.linalg.solve(x @ x.mT + tw.eye(3, dtype=x.dtype), x),
    "scatter": lambda x: x.scatter_reduce(1, tw.tensor([[0, 1], [2, 2]]), x[:2, :2], "amax"),
    "in place": lambda x: (x * 1).asin_().index_add_(0, tw.tensor([1]), x[:1]).clamp_(-1, 1),
    "quantile": lambda x: tw.quantile(x, 0.3, 1), "unfold": lambda x: x.unfold(1, 2, 1).sum(-1),
    "norms": lambda x: tw.cdist(x, x + 1) + tw.linalg.vector_norm(x),
    "isin": lambda x: x * tw.isin(x.round(), x.round()[0]),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_functions_equal_eager_ones(name: str) -> None:
    x = tw.tensor(np.random.default_rng(1).uniform(-0.9, 0.9, (3, 4)), requires_grad=True)

    def step(x: Any) -> Any:
        y = COMPILED[name](x)
        return y, tw.autograd.grad((y * y).sum(), x)[0]

    for got, want in zip(tw.compile(step)(x), step(x), strict=True):
        np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), rtol=1e-10, atol=1e-12)


def test_shapes_that_depend_on_values_are_refused_where_values_are_not_known() -> None:
    x = tw.tensor([[1, 2, 2], [3, 3, 3]])
    with pytest.raises(ArgumentError, match="inside vmap"):
        tw.func.vmap(tw.unique)(x)
    with pytest.raises(tw.errors.TraceError, match="outside of the compiled function"):
        tw.compile(lambda x: tw.unique(x))(x)


def test_new_functions_are_batched() -> None:
    x = tw.tensor(np.random.default_rng(1).uniform(0.1, 0.9, (3, 4, 4)), requires_grad=True)
    for f in (
        lambda a: tw.linalg.inv(a + tw.eye(4, dtype=a.dtype)), lambda a: tw.sort(a, 0).values,
        lambda a: tw.topk(a, 2).values,
        lambda a: tw.einsum("ij,kj->ik", a, a), lambda a: a.cumprod(0), lambda a: a.median(1).values, tw.det,
        lambda a: tw.quantile(a, 0.3), lambda a: tw.linalg.svdvals(a), tw.lgamma, lambda a: tw.diag_embed(a).diagonal(),
        lambda a: a.scatter_reduce(0, tw.tensor([[0, 1, 1, 2]]), a[:1], "prod"),
        tw.matrix_exp, lambda a: a.unfold(0, 2, 1),
    ):  # fmt: skip
        want = tw.stack([f(a) for a in x])
        np.testing.assert_allclose(tw.func.vmap(f)(x).detach().numpy(), want.detach().numpy(), rtol=1e-12, atol=1e-13)
        slopes = tw.func.vmap(tw.func.grad(lambda a, f=f: (f(a) ** 2).sum()))(x.detach())
        (grad,) = tw.autograd.grad((want**2).sum(), x)
        np.testing.assert_allclose(slopes.numpy(), grad.numpy(), rtol=1e-10, atol=1e-12)
