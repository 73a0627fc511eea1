"""A module given to tw.compile: PyTorch's usual line, before a training loop."""

import copy
import logging

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn


@pytest.fixture
def model():
    tw.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, 1))


def test_training_and_predicting_as_in_pytorch(model, caplog):
    plain = copy.deepcopy(model)
    compiled = tw.compile(model, fullgraph=True, mode="reduce-overhead", backend="inductor")
    optimizers = [tw.optim.SGD(m.parameters(), lr=0.1) for m in (plain, compiled)]
    x = tw.randn(5, 3)
    with caplog.at_level(logging.INFO, "thalweg.compiler"):
        for m, optimizer in zip((plain, compiled), optimizers, strict=True):
            tw.manual_seed(1)
            for _ in range(3):
                optimizer.zero_grad()
                m(x).square().mean().backward()
                optimizer.step()
    assert [r.message.startswith("Sequential runs eagerly") for r in caplog.records] == [True]  # said once
    caplog.clear()
    plain.eval()
    compiled.eval()
    with tw.no_grad(), caplog.at_level(logging.INFO, "thalweg.compiler"):
        a, b = plain(x), compiled(x)
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5)
    assert [r.message.split()[0] for r in caplog.records] == ["compiled"]


def test_it_is_a_module_round_the_module(model):
    compiled = tw.compile(model)
    assert isinstance(compiled, nn.Module) and compiled._orig_mod is model
    assert list(compiled.state_dict()) == [f"_orig_mod.{name}" for name in model.state_dict()]
    assert list(map(id, compiled.parameters())) == list(map(id, model.parameters()))
    assert compiled[0] is model[0] if hasattr(type(compiled), "__getitem__") else compiled.append == model.append
    compiled.eval()
    assert not model.training
    with pytest.raises(AttributeError, match="nothing"):
        compiled.nothing  # noqa: B018


def test_a_gradient_by_the_input_is_enough_for_a_graph(model):
    compiled = tw.compile(model.eval().requires_grad_(False))
    x = tw.ones(2, 3, requires_grad=True)
    compiled(x).sum().backward()
    assert x.grad is not None
    assert compiled(x.detach()).grad_fn is None


def test_in_a_compiled_step_it_is_a_part_of_the_step(model):
    compiled = tw.compile(model)
    optimizer = tw.optim.SGD(compiled.parameters(), lr=0.1)

    @tw.compile
    def step(x):
        optimizer.zero_grad()
        loss = compiled(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    losses = [step(tw.ones(4, 3)).item() for _ in range(20)]
    assert losses[-1] < losses[0]


def test_disabled_it_is_the_function_itself(model):
    assert tw.compile(model, disable=True) is model
    assert tw.compile(disable=True)(model) is model
    assert tw.compile(fullgraph=True)(lambda x: x + 1)(tw.ones(1)).item() == 2


def test_copies_work_on_their_own(model):
    compiled = tw.compile(model.eval())
    other = copy.deepcopy(compiled)
    with tw.no_grad():
        x = tw.ones(1, 3)
        before = compiled(x).item()
        other[0] if hasattr(type(other), "__getitem__") else other._orig_mod[0].weight.zero_()
        assert compiled(x).item() == before != other(x).item()
