"""Functions that make tensors, or answer with Python values, beside PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

INF, NAN = float("inf"), float("nan")


def plain(value: Any) -> Any:
    """A result as Python values, with the dtype of tensors."""
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        return str(value.dtype).split(".")[1], tuple(value.shape), value.tolist()
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    return str(value).split(".")[1] if "dtype" in type(value).__name__ else value


MADE = [
    lambda m: m.tril_indices(3, 4), lambda m: m.tril_indices(4, 3, -1), lambda m: m.triu_indices(3, 3, 1),
    lambda m: m.triu_indices(2, 4, -1, dtype=m.int32), lambda m: m.eye(3), lambda m: m.eye(2, 3, dtype=m.int64),
    lambda m: m.zeros(size=(2, 3)), lambda m: m.ones(2, 3, dtype=m.float64),
    lambda m: m.full((2,), 3), lambda m: m.full((2,), 3.0), lambda m: m.full((2,), True), lambda m: m.zeros(()),
    lambda m: m.arange(5), lambda m: m.arange(1, 2, 0.25), lambda m: m.arange(5, 0, -2), lambda m: m.arange(0),
    lambda m: m.linspace(0, 1, 5), lambda m: m.linspace(2, -1, 4, dtype=m.float64), lambda m: m.linspace(3, 4, 1),
    lambda m: m.logspace(0, 3, 4), lambda m: m.logspace(-1, 1, 3, base=2.0, dtype=m.float64),
    lambda m: m.scalar_tensor(3), lambda m: m.scalar_tensor(2.5, dtype=m.float64), lambda m: m.as_tensor([1, 2]),
    lambda m: m.frombuffer(bytearray(b"\x01\x02\x03\x04"), dtype=m.uint8, count=2, offset=1),
    lambda m: m.empty_strided((2, 3), (1, 2)).shape, lambda m: m.empty_strided((2, 3), (1, 2)).stride(),
    lambda m: m.empty_like(m.ones(2, 3)).shape, lambda m: m.zeros_like(m.ones(2), dtype=m.int8),
    lambda m: m.randint_like(m.zeros(2, dtype=m.int32), 3, 4), lambda m: m.rand_like(m.zeros(2, 3)).shape,
    lambda m: m.randn_like(m.zeros(2, 3), dtype=m.float64).dtype, lambda m: m.randint(3, 4, (2,)),
    lambda m: m.rand(2, 3).shape, lambda m: m.randn(size=(2,)).shape, lambda m: sorted(m.randperm(5).tolist()),
    lambda m: m.normal(0.0, 1.0, (2, 3)).shape, lambda m: m.normal(m.tensor([5.0, -5.0]), 0.0),
    lambda m: m.poisson(m.zeros(3)), lambda m: m.binomial(m.tensor([5.0, 3.0]), m.tensor([1.0, 0.0])),
    lambda m: m.multinomial(m.tensor([[0.0, 1.0], [2.0, 0.0]]), 3, True), lambda m: m.bernoulli(m.tensor([0.0, 1.0])),
    lambda m: m.tensor([1.0]).new_empty(2, 3).shape, lambda m: m.tensor([1, 2]).new_zeros((2,)),
    lambda m: m.tensor([1.0]).double().new_full((2,), 1), lambda m: m.tensor([1]).new_ones(2, dtype=m.float32),
    lambda m: m.adjoint(m.arange(4).reshape(2, 2)), lambda m: m.angle(m.tensor([1.0, -2.0, NAN, 0.0])),
    lambda m: m.conj(m.tensor([1.0])), lambda m: m.real(m.tensor([1.0])), lambda m: m.resolve_conj(m.tensor([1.0])),
    lambda m: m.conj_physical(m.tensor([1.0])), lambda m: m.tensor([1.0]).resolve_neg().resolve_conj(),
    lambda m: m.tensor([1.5, -2.5]).long(), lambda m: m.tensor([1.5]).half(), lambda m: m.tensor([1.5]).cpu(),
    lambda m: m.pdist(m.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])), lambda m: m.tensor([-1.5]).angle(),
    lambda m: m.tensor([3.0]).polygamma(2).shape, lambda m: m.from_numpy(np.arange(3)),
]  # fmt: skip
MADE += [
    lambda m: m.arange(end=3), lambda m: m.arange(start=1, end=3), lambda m: m.randint(5, size=(2,)).shape,
    lambda m: m.randint(high=1, size=(2,)), lambda m: m.randint(low=2, high=3, size=(2,)),
    lambda m: m.flip(m.arange(3), dims=(0,)), lambda m: m.flip(m.arange(3), [0]), lambda m: m.arange(3).flip(dims=[0]),
    lambda m: m.permute(m.ones(2, 3), dims=(1, 0)).shape, lambda m: m.reshape(m.arange(4), shape=(2, 2)),
    lambda m: m.tile(m.arange(2), dims=(2,)), lambda m: m.arange(2).expand(size=(2, 2)),
    lambda m: m.arange(2).repeat(repeats=(2, 1)), lambda m: m.tensor([1, 2]) << 1, lambda m: 8 >> m.tensor([1, 2]),
    lambda m: m.tensor([8]) >> m.tensor([2]), lambda m: 1 << m.tensor([3]), lambda m: m.ones(1).new(2, 3).shape,
    lambda m: m.ones(1).new([2, 3]), lambda m: m.ones(1).new(m.ones(2, 3).shape).shape,
    lambda m: m.arange(4).resize_(2, 2), lambda m: m.arange(4).resize_(3), lambda m: m.arange(4).resize_(2, 3).shape,
    lambda m: m.arange(4).resize_as_(m.zeros(2, 2)),
]  # fmt: skip
ANSWERS = [
    lambda m: m.equal(m.ones(2), m.ones(2)), lambda m: m.equal(m.ones(2), m.ones(3)),
    lambda m: m.allclose(m.tensor([1.0, INF]), m.tensor([1.0 + 1e-7, INF])),
    lambda m: m.allclose(m.tensor([NAN]), m.tensor([NAN])), lambda m: m.is_same_size(m.ones(2), m.ones(3)),
    lambda m: m.allclose(m.tensor([NAN]), m.tensor([NAN]), equal_nan=True),
    lambda m: m.broadcast_shapes((3, 1), (4,), 1), lambda m: m.is_nonzero(m.tensor([0.0])),
    lambda m: m.is_signed(m.tensor([1], dtype=m.uint8)), lambda m: m.is_floating_point(m.tensor(1)),
    lambda m: m.is_complex(m.tensor(1.0)), lambda m: m.is_conj(m.tensor(1.0)), lambda m: m.is_tensor([1]),
    *[lambda m, a=a, b=b: m.can_cast(getattr(m, a), getattr(m, b))
      for a in ("bool", "uint8", "int32", "float32", "float64") for b in ("bool", "uint8", "int32", "float32",
        "float16")],
    lambda m: m.numel(m.ones(2, 3)), lambda m: m.ones(2, 3).nelement(), lambda m: m.ones(2, 3).ndimension(),
    lambda m: m.ones(2, 3).element_size(), lambda m: m.ones(4, 3)[1:, 1].storage_offset(),
    lambda m: m.ones(4, 3)[1:, 1].stride(), lambda m: m.ones(2).is_shared(), lambda m: m.ones(2).is_neg(),
    lambda m: m.ones(2).is_inference(), lambda m: m.ones(2).is_contiguous(), lambda m: m.ones(2, 3).t().is_contiguous(),
    lambda m: m.is_grad_enabled(), lambda m: m.is_inference_mode_enabled(), lambda m: m.get_default_dtype(),
    lambda m: m.finfo(m.float32).eps, lambda m: m.iinfo(m.int8).min, lambda m: m.result_type(m.tensor([1]), 1.5),
    lambda m: m.Size([2, 3]).numel(), lambda m: m.manual_seed(5).initial_seed(),
    lambda m: (m.manual_seed(5), m.initial_seed())[1], lambda m: m.tensor([[1, 2]]).tolist(),
    lambda m: m.ones(2, requires_grad=True).requires_grad_(False).requires_grad,
    lambda m: (lambda x: x.is_set_to(x.detach()))(m.ones(2)), lambda m: m.tensor(2.5).item(),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(MADE)))
def test_tensors(number: int) -> None:
    make = MADE[number]
    ours, theirs = plain(make(tw)), plain(make(torch))
    if isinstance(ours, tuple) and isinstance(ours[0], str) and "float" in ours[0]:
        assert ours[:2] == theirs[:2]
        np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-6)
    else:
        assert ours == theirs


@pytest.mark.parametrize("number", range(len(ANSWERS)))
def test_answers(number: int) -> None:
    assert plain(ANSWERS[number](tw)) == plain(ANSWERS[number](torch))


WINDOWS = ["hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window"]


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("length", [0, 1, 2, 7, 8])
@pytest.mark.parametrize("periodic", [True, False])
def test_windows(name: str, length: int, periodic: bool) -> None:
    ours = getattr(tw, name)(length, periodic, dtype=tw.float64)
    theirs = getattr(torch, name)(length, periodic, dtype=torch.float64)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-9, atol=1e-12)


def test_random_states_are_kept() -> None:
    for m in (tw, torch):
        state = m.get_rng_state()
        a = m.rand(3)
        m.set_rng_state(state)
        assert m.rand(3).tolist() == a.tolist()
        g = m.Generator().manual_seed(3)
        c = m.randint(0, 1000, (4,), generator=g)
        assert m.randint(0, 1000, (4,), generator=m.Generator().manual_seed(3)).tolist() == c.tolist()


@pytest.mark.parametrize("name", ["complex", "polar", "view_as_complex", "view_as_real"])
def test_complex_numbers_are_refused(name: str) -> None:
    assert hasattr(torch, name)
    with pytest.raises(AttributeError, match="complex numbers are left out"):
        getattr(tw, name)


@pytest.mark.parametrize("uplo", ["L", "U"])
def test_eigenvectors_up_to_their_signs(uplo: str) -> None:
    x = np.random.default_rng(2).normal(size=(2, 4, 4))
    ours, theirs = (m.linalg.eigh(m.tensor(x), UPLO=uplo) for m in (tw, torch))
    np.testing.assert_allclose(ours.eigenvalues.numpy(), theirs.eigenvalues.numpy(), rtol=1e-9)
    np.testing.assert_allclose(abs(ours.eigenvectors.numpy()), abs(theirs.eigenvectors.numpy()), rtol=1e-9, atol=1e-12)


def test_errors_of_linear_algebra_have_a_class_of_their_own() -> None:
    for m in (tw, torch):
        with pytest.raises(m.linalg.LinAlgError):
            m.linalg.inv(m.zeros(2, 2))
        assert issubclass(m.linalg.LinAlgError, RuntimeError)


LAYERS = [
    lambda m, x: m.conv1d(x, x[:2, :, :2], padding=1), lambda m, x: m.layer_norm(x, (4,)), lambda m, x: m.selu(x),
    lambda m, x: m.cosine_similarity(x, x * x, dim=1), lambda m, x: m.pairwise_distance(x, x * x),
    lambda m, x: m.threshold(x, 0.1, 7.0), lambda m, x: m.max_pool1d(x, 2), lambda m, x: m.group_norm(x, 3),
    lambda m, x: m.dropout(x, 0.5, False), lambda m, x: m.hardshrink(x), lambda m, x: m.celu(x),
    lambda m, x: m.sum(x, axis=1, keepdims=True), lambda m, x: m.cat([x, x], axis=-1), lambda m, x: x.softmax(axis=1),
    lambda m, x: x.argmax(axis=2), lambda m, x: x.squeeze(axis=0), lambda m, x: m.stack([x, x], axis=1),
    lambda m, x: x.max(axis=1)[0], lambda m, x: x.cumsum(axis=0), lambda m, x: x.sort(axis=1)[1],
    lambda m, x: x.std(axis=(0, 1)), lambda m, x: x.median(axis=0)[0],
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(LAYERS)))
def test_functional_names_in_the_package_and_numpy_names_of_arguments(number: int) -> None:
    x = np.random.default_rng(number).normal(size=(2, 3, 4))
    ours, theirs = (LAYERS[number](m, m.tensor(x)) for m in (tw, torch))
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-9, atol=1e-12)
