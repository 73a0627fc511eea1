"""The numbers on a pass are those of backward(), of module_jacobians, and of the optimiser's step; nothing changes."""

from __future__ import annotations

import math
import re

import pytest

import thalweg as tw
from thalweg import nn
from thalweg.errors import ArgumentError

from .models import Basic, LeNet


def rms(x: tw.Tensor) -> float:
    return math.sqrt(float((x.double() ** 2).mean()))


def small() -> tuple[nn.Module, tw.Tensor, tw.Tensor]:
    tw.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    return model, tw.randn(5, 4), tw.randn(5, 2)


def test_states_and_gradients_are_those_of_backward() -> None:
    model, x, y = small()
    found = tw.viz.backprop(model, nn.MSELoss(), x, y)
    states = [x]
    for layer in model:
        states.append(layer(states[-1]))
        states[-1].retain_grad()
    loss = nn.MSELoss()(states[-1], y)
    loss.backward()
    assert [row.block for row in found.rows] == ["Linear 0", "Tanh 1", "Linear 2", "MSELoss"]
    for row, z in zip(found.rows, [*states[1:]], strict=False):
        assert row.state == pytest.approx(rms(z.detach()), rel=1e-5)
        assert row.gradient == pytest.approx(rms(z.grad), rel=1e-5)
    assert found.rows[-1].state == pytest.approx(loss.item(), rel=1e-5)
    assert found.rows[-1].gradient == 1
    weights = {p: p.grad for p in model.parameters()}
    for node, given in found.found.program.inputs.items():
        if given.tensor in weights:
            assert tw.from_numpy(found.found.gradients[node]).allclose(weights[given.tensor], atol=1e-6)


def test_norms_are_those_of_the_jacobians() -> None:
    model, x, y = small()
    found = tw.viz.backprop(model, nn.MSELoss(), x, y)
    for row, call in zip(found.rows, tw.func.module_jacobians(model, x), strict=False):
        assert row.exact
        assert row.by_state == pytest.approx(float(call.state.norm()), rel=1e-5)
        parts = [float(call.weights[n].norm()) for n in call.weights]
        if parts:
            assert row.by_weights == pytest.approx(math.hypot(*parts), rel=1e-5)
        else:
            assert row.by_weights is None


def test_estimated_norms_are_near() -> None:
    tw.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(8, 40), nn.Tanh()), tw.randn(16, 8)
    rows = tw.viz.backprop(model, lambda z: z.square().mean(), x).rows
    calls = tw.func.module_jacobians(model, x)
    assert not rows[0].exact
    assert rows[0].by_state == pytest.approx(float(calls[0].state.norm()), rel=0.2)
    assert rows[1].by_state == pytest.approx(float(calls[1].state.norm()), rel=0.2)


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_ratios_are_those_of_the_step_that_would_be_taken(kind: str) -> None:
    model, x, y = small()
    optimizer = getattr(tw.optim, kind)(model.parameters(), lr=0.05)
    for _ in range(3):  # some state
        optimizer.zero_grad()
        nn.MSELoss()(model(x), y).backward()
        optimizer.step()
    found = tw.viz.backprop(model, nn.MSELoss(), x, y, optimizer=optimizer)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    optimizer.zero_grad()
    nn.MSELoss()(model(x), y).backward()
    optimizer.step()
    ratios = {n: float((p.detach() - before[n]).norm() / before[n].norm()) for n, p in model.named_parameters()}
    assert found.rows[0].update == pytest.approx(max(ratios["0.weight"], ratios["0.bias"]), rel=1e-4)
    assert found.rows[2].update == pytest.approx(max(ratios["2.weight"], ratios["2.bias"]), rel=1e-4)


def test_nothing_changes() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 1))
    optimizer = tw.optim.Adam(model.parameters(), lr=0.1)
    x, y = tw.randn(6, 4), tw.randn(6, 1)
    nn.MSELoss()(model(x), y).backward()
    optimizer.step()
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    grads = [p.grad.clone() for p in model.parameters()]
    state, random = repr(optimizer.state_dict()), tw.get_rng_state()
    tw.viz.backprop(model, nn.MSELoss(), x, y, optimizer=optimizer)
    assert all((weights[k] == v).all() for k, v in model.state_dict().items())
    assert all((a == p.grad).all() for a, p in zip(grads, model.parameters(), strict=True))
    assert repr(optimizer.state_dict()) == state
    assert (tw.get_rng_state() == random).all()


def test_branches_add_up() -> None:
    tw.manual_seed(0)
    model, x = nn.Sequential(Basic(2, 2)), tw.randn(2, 2, 4, 4)
    found = tw.viz.backprop(model, lambda z: z.square().mean(), x.requires_grad_())
    model(x).square().mean().backward()
    (node,) = [n for n, given in found.found.program.inputs.items() if given.tensor is x]
    assert tw.from_numpy(found.found.gradients[node]).allclose(x.grad, atol=1e-6)


def test_recurrent_models_and_large_ones() -> None:
    tw.manual_seed(0)
    lstm = nn.LSTM(3, 4)
    rows = tw.viz.backprop(lambda x: lstm(x)[0], lambda z: z.square().mean(), tw.randn(5, 2, 3)).rows
    assert rows[0].block == "LSTM" and rows[0].by_weights > 0
    y = tw.tensor([1, 2])
    found = tw.viz.backprop(LeNet(), nn.CrossEntropyLoss(), tw.randn(2, 1, 28, 28), y, depth=0)
    assert [row.block for row in found.rows] == ["LeNet", "CrossEntropyLoss"]


def test_steps_show_one_block_after_the_other() -> None:
    model, x, y = small()
    whole = tw.viz.backprop(model, nn.MSELoss(), x, y)
    assert whole.steps == 8 and whole.step == 8
    known = [len(re.findall("small note", whole.at(k).svg(style=False))) for k in range(whole.steps + 1)]
    assert known == sorted(known) and known[0] < known[4] < known[8]
    assert whole.caption(1).endswith("forward through Linear 0.")
    assert whole.caption(5).endswith("backward through MSELoss.")
    assert whole.caption(8).endswith("backward through Linear 0.")
    first = tw.viz.backprop(model, nn.MSELoss(), x, y, step=1)
    assert first.svg() == whole.at(1).svg()
    assert first.svg().count(" now") > whole.svg().count(" now")
    assert (first.width, first.height) == (whole.width, whole.height)
    with pytest.raises(ArgumentError, match="steps 0 to 8, not 9"):
        whole.at(9)


def test_the_table_and_refusals() -> None:
    model, x, y = small()
    text = repr(tw.viz.backprop(model, nn.MSELoss(), x, y, title="A pass"))
    assert text.splitlines()[0] == "A pass"
    assert re.search(r"^Linear 0 +[\d.]+ +[\d.e-]+ +[\d.]+ +[\d.]+ +[\d.]+$", text, re.MULTILINE)
    with pytest.raises(ArgumentError, match="the loss must be one scalar"):
        tw.viz.backprop(model, nn.MSELoss(reduction="none"), x, y)
