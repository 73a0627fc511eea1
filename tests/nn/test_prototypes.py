"""NearestNeighbor: distances, the winner, its gradient, and clusters found by SGD."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.autograd import gradcheck, gradgradcheck
from thalweg.errors import ShapeError

CENTRES = np.array([[0.0, 0.0], [8.0, 1.0], [-3.0, 9.0], [5.0, -7.0]])


def network(*prototypes: list[float]) -> nn.NearestNeighbor:
    net = nn.NearestNeighbor(len(prototypes), len(prototypes[0]), dtype=tw.float64)
    with tw.no_grad():
        net.weight.copy_(tw.tensor(prototypes))
    return net


def clusters(n: int) -> tuple[Any, Any]:
    """n points round each centre, in random order, and the centre of each."""
    rng = np.random.default_rng(0)
    label = rng.permutation(np.repeat(np.arange(len(CENTRES)), n))
    return tw.tensor(CENTRES[label] + 0.5 * rng.normal(size=(len(label), 2))), label


@pytest.mark.parametrize("lead", [(), (1,), (5,), (2, 3), (0,)])
def test_energies_and_winner(lead: tuple[int, ...]) -> None:
    net = nn.NearestNeighbor(4, 3, dtype=tw.float64)
    x = tw.randn(*lead, 3, dtype=tw.float64)
    expected = ((x.numpy()[..., None, :] - net.weight.detach().numpy()) ** 2).sum(-1)
    assert net.energies(x).shape == (*lead, 4)
    np.testing.assert_allclose(net.energies(x).detach().numpy(), expected, rtol=1e-13)
    np.testing.assert_allclose(net.energy(x).detach().numpy(), expected.min(-1), rtol=1e-13)
    y = net(x)
    assert y.dtype is tw.int64 and not y.requires_grad and y.shape == lead
    np.testing.assert_array_equal(y.numpy(), expected.argmin(-1))


def test_the_gradient_moves_the_winner_alone() -> None:
    net = network([0.0, 0.0], [10.0, 0.0])
    x = tw.tensor([[1.0, 2.0], [2.0, 0.0]], dtype=tw.float64, requires_grad=True)
    net.energy(x).sum().backward()
    assert net.weight.grad.tolist() == [[-6.0, -4.0], [0.0, 0.0]]  # 2 (w - x), added up
    assert x.grad.tolist() == [[2.0, 4.0], [4.0, 0.0]]


def test_of_equally_close_prototypes_the_first_wins() -> None:
    net = network([1.0], [-1.0])
    x = tw.zeros(1, dtype=tw.float64)
    net.energy(x).backward()
    assert net(x).item() == 0 and net.weight.grad.tolist() == [[2.0], [0.0]]


def test_derivatives() -> None:
    net = nn.NearestNeighbor(3, 2, dtype=tw.float64)
    x = tw.randn(4, 2, dtype=tw.float64, requires_grad=True)
    for function in (net.energies, net.energy):
        assert gradcheck(lambda x, w, f=function: f(x), (x, net.weight))
        assert gradgradcheck(lambda x, w, f=function: f(x), (x, net.weight))


def test_close_prototypes_far_from_the_origin_are_told_apart() -> None:
    net = nn.NearestNeighbor(2, 1)
    with tw.no_grad():
        net.weight.copy_(tw.tensor([[4096.0], [4096.5]]))
    x = tw.tensor([[4096.125], [4096.375]])
    assert net(x).tolist() == [0, 1]
    assert net.energies(x).tolist() == [[0.015625, 0.140625], [0.140625, 0.015625]]


@pytest.mark.parametrize("batch", [1, 16, 200])
def test_sgd_on_the_energy_finds_the_clusters(batch: int) -> None:
    tw.manual_seed(1)
    x, label = clusters(50)
    net = nn.NearestNeighbor(4, 2, dtype=tw.float64).init_from(x)
    rate = 0.02 if batch == 1 else 0.5
    for _ in range(3 if batch == 1 else 12):
        for i in range(0, len(x), batch):
            net.zero_grad()
            net.energy(x[i : i + batch]).mean().backward()
            with tw.no_grad():
                net.weight -= rate * net.weight.grad
    found = net(x).numpy()
    names = [np.unique(found[label == k]) for k in range(4)]
    assert all(len(n) == 1 for n in names) and len({int(n[0]) for n in names}) == 4
    for k in range(4):
        np.testing.assert_allclose(net.weight[int(names[k][0])].detach().numpy(), CENTRES[k], atol=0.3)


def test_a_step_on_one_sample_is_online_k_means() -> None:
    net = network([0.0, 0.0], [10.0, 10.0])
    x, rate = tw.tensor([1.0, 3.0], dtype=tw.float64), 0.1
    net.energy(x).backward()
    with tw.no_grad():
        net.weight -= rate * net.weight.grad
    np.testing.assert_allclose(net.weight.detach().numpy(), [[0.2, 0.6], [10.0, 10.0]])  # w + 2 rate (x - w)


def test_init_from_spreads_the_prototypes() -> None:
    tw.manual_seed(0)
    x, _ = clusters(30)
    hits = 0
    for _ in range(20):
        net = nn.NearestNeighbor(4, 2, dtype=tw.float64)
        assert net.init_from(x) is net
        w = net.weight.detach().numpy()
        assert all((x.numpy() == row).all(1).any() for row in w)  # rows of the data
        nearest = ((w[:, None] - CENTRES) ** 2).sum(-1).argmin(1)
        hits += len(set(nearest.tolist())) == 4
    assert hits >= 15  # four rows drawn blindly hit all four clusters in 9 % of the cases


def test_init_from_repeats_with_a_generator_and_copes_with_equal_rows() -> None:
    x, _ = clusters(5)
    a, b = (nn.NearestNeighbor(3, 2, dtype=tw.float64) for _ in range(2))
    a.init_from(x, generator=tw.Generator().manual_seed(1))
    b.init_from(x, generator=tw.Generator().manual_seed(1))
    assert tw.equal(a.weight, b.weight)
    same = nn.NearestNeighbor(3, 2).init_from(tw.ones(4, 2))
    assert same.weight.tolist() == [[1.0, 1.0]] * 3


def test_state_repr_and_refusals() -> None:
    net = nn.NearestNeighbor(4, 3)
    assert list(net.state_dict()) == ["weight"] and net.weight.shape == (4, 3)
    assert repr(net) == "NearestNeighbor(num_prototypes=4, dim=3)"
    for call in (net, net.energies, net.energy, net.init_from):
        with pytest.raises(ShapeError, match=r"input has shape \(5, 2\); its last size must be dim = 3"):
            call(tw.ones(5, 2))
    with pytest.raises(ShapeError, match="4 prototypes can't be chosen from 2 rows"):
        net.init_from(tw.ones(2, 3))
    with pytest.raises(ShapeError, match="must be positive, got 0, 3"):
        nn.NearestNeighbor(0, 3)
