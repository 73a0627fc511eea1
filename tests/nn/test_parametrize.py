"""Parametrizations, norms of weights, lazy layers and packed sequences, without PyTorch."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.errors import ArgumentError, DtypeError, ShapeError
from thalweg.nn.utils import parametrizations, parametrize


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).T


class Wider(nn.Module):
    def forward(self, x):
        return tw.cat([x, x])


class Doubler(nn.Module):
    def forward(self, x):
        return x.double()


def test_a_parametrized_weight_is_learned_through_its_original():
    layer = parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
    assert [n for n, _ in layer.named_parameters()] == ["bias", "parametrizations.weight.original"]
    layer(tw.ones(2, 3)).sum().backward()
    assert tw.equal(layer.weight, layer.weight.T)
    assert layer.parametrizations.weight.original.grad[2, 0].item() == 0.0
    assert type(layer).__name__ == "ParametrizedLinear"
    assert parametrize.type_before_parametrizations(layer) is nn.Linear
    twin = copy.deepcopy(layer)
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear
    assert tw.equal(layer.weight, twin.weight)
    assert isinstance(layer.weight, nn.Parameter)


def test_what_a_parametrization_must_not_do():
    with pytest.raises(ShapeError, match="unsafe"):
        parametrize.register_parametrization(nn.Linear(3, 3), "weight", Wider())
    with pytest.raises(DtypeError, match="dtype"):
        parametrize.register_parametrization(nn.Linear(3, 3), "weight", Doubler())
    with pytest.raises(ArgumentError, match="no parameter"):
        parametrize.register_parametrization(nn.Linear(3, 3), "wait", Symmetric())
    layer = parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
    with pytest.raises(ArgumentError, match="right_inverse"):
        layer.weight = tw.ones(3, 3)
    with pytest.raises(ArgumentError, match="no parametrization"):
        parametrize.remove_parametrizations(layer, "bias")
    assert parametrize.register_parametrization(nn.Linear(3, 3), "weight", Wider(), unsafe=True).weight.shape == (6, 3)


def test_parametrizations_are_transferred():
    a = parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
    b = parametrize.transfer_parametrizations_and_params(a, nn.Linear(3, 3))
    assert tw.equal(a.weight, b.weight)
    assert b.parametrizations.weight.original is a.parametrizations.weight.original
    with pytest.raises(ArgumentError, match="no such"):
        parametrize.transfer_parametrizations_and_params(nn.Linear(3, 3), b)


def test_weight_norm_keeps_the_weight_and_splits_its_gradient():
    layer = nn.Linear(3, 2)
    before = layer.weight.detach().clone()
    parametrizations.weight_norm(layer)
    assert tw.allclose(layer.weight, before)
    g, v = layer.parametrizations.weight.original0, layer.parametrizations.weight.original1
    layer(tw.randn(4, 3)).square().sum().backward()
    np.testing.assert_allclose((v.grad * v).sum(1).detach().numpy(), 0, atol=1e-5)  # v turns, and does not grow
    assert g.grad.abs().min().item() > 0


def test_spectral_norm_finds_the_largest_singular_value():
    layer = parametrizations.spectral_norm(nn.Linear(6, 4).double(), n_power_iterations=50)
    layer(tw.ones(1, 6, dtype=tw.float64))
    assert np.linalg.norm(layer.weight.detach().numpy(), 2) == pytest.approx(1.0, rel=1e-6)
    layer.eval()
    u = layer.parametrizations.weight[0]._u.clone()
    layer(tw.ones(1, 6, dtype=tw.float64))
    assert tw.equal(layer.parametrizations.weight[0]._u, u)


def test_older_norms_follow_one_another():
    layer = nn.utils.weight_norm(nn.Linear(3, 2))
    with pytest.raises(ArgumentError, match="already"):
        nn.utils.weight_norm(layer)
    with pytest.raises(ArgumentError, match="no spectral norm"):
        nn.utils.remove_spectral_norm(layer)
    with pytest.raises(ArgumentError, match="positive"):
        nn.utils.spectral_norm(nn.Linear(3, 2), n_power_iterations=0)
    with pytest.raises(AttributeError, match="computed"):
        layer.weight = tw.ones(2, 3)
    nn.utils.spectral_norm(layer, "weight_v")
    twin = copy.deepcopy(layer)
    nn.utils.remove_spectral_norm(layer, "weight_v")
    nn.utils.remove_weight_norm(layer)
    assert type(layer) is nn.Linear
    x = tw.ones(1, 3)
    np.testing.assert_allclose(layer(x).detach().numpy(), twin.eval()(x).detach().numpy(), rtol=1e-5)


def test_an_orthogonal_weight_stays_orthogonal_while_it_is_trained():
    layer = parametrizations.orthogonal(nn.Linear(4, 6).double())
    optimizer = tw.optim.SGD(layer.parameters(), 0.1)
    start = layer.weight.detach().clone()
    for _ in range(3):
        optimizer.zero_grad()
        layer(tw.randn(8, 4, dtype=tw.float64)).exp().sum().backward()
        optimizer.step()
    w = layer.weight.detach().numpy()
    np.testing.assert_allclose(w.T @ w, np.eye(4), atol=1e-10)
    assert np.abs(w - start.numpy()).max() > 1e-2


def test_lazy_layers_in_a_network():
    net = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    twin = copy.deepcopy(net.double())
    assert twin(tw.ones(2, 3, 6, 6, dtype=tw.float64)).shape == (2, 2)
    assert [type(m).__name__ for m in twin] == ["Conv2d", "BatchNorm2d", "ReLU", "Flatten", "Linear"]
    assert twin[1].running_mean.dtype is tw.float64
    assert net[4].has_uninitialized_params()
    assert repr(net[4].weight) == "<UninitializedParameter>"
    with pytest.raises(ArgumentError, match="multiple of groups"):
        nn.LazyConv1d(4, 2, groups=2)(tw.ones(1, 3, 5))
    with pytest.raises(ShapeError, match="dimensions"):
        nn.LazyConv1d(4, 2)(tw.ones(5))


def test_other_methods_of_modules():
    layer = nn.Linear(2, 2)
    assert layer.share_memory() is layer
    weight, old = layer.weight, layer.weight._value
    layer.to_empty(device="cpu")
    assert layer.weight is weight
    assert layer.weight._value is not old
    seen = []
    layer._register_load_state_dict_pre_hook(lambda state, prefix, *rest: seen.append((sorted(state), prefix)))
    layer._register_state_dict_hook(lambda module, state, prefix, metadata: seen.append(module is layer))
    layer.load_state_dict(layer.state_dict())
    assert seen == [True, (["bias", "weight"], "")]
