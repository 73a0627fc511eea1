"""Where the gradient died: broken networks and the blame, healthy ones and silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw
from tests.broken_networks import BROKEN, Broken
from tests.healthy_networks import HEALTHY
from thalweg import nn, optim
from thalweg.autograd.explaining.explain import explain


def batch() -> tuple[tw.Tensor, tw.Tensor]:
    g = tw.Generator().manual_seed(5)
    return tw.randn(16, 3, generator=g), tw.randn(16, 2, generator=g)


def check(case: Broken, explanation: object) -> None:
    found = {f.parameter: f.symptom for f in explanation}
    missing = case.symptoms.items() - found.items()
    assert not missing, (missing, str(explanation))
    if not {"tiny", "huge"} & set(case.symptoms.values()):
        assert found == case.symptoms, str(explanation)
    for name in case.symptoms:
        blame = explanation[name].blame
        assert blame.op == case.op, str(explanation)
        assert case.reason in blame.reason, str(explanation)
        assert case.module in blame.module, str(explanation)
        if case.line:
            assert blame.line == case.line, str(explanation)
        elif case.op:
            assert blame.line.startswith("broken_networks.py:")
    notes = [note for note in explanation.notes if case.flat or not note.startswith("The loss is nan")]
    assert any(case.flat in note for note in notes) if case.flat else not notes, notes


@pytest.mark.parametrize("name", BROKEN)
def test_broken_network(name):
    case = BROKEN[name]
    tw.manual_seed(0)
    model, loss = case.make()
    x, y = batch()
    check(case, explain(lambda: loss(model, x, y), model))


@pytest.mark.parametrize("name", [name for name, case in BROKEN.items() if case.compiled])
def test_broken_network_compiled(name):
    case = BROKEN[name]
    tw.manual_seed(0)
    model, loss = case.make()
    x, y = batch()
    step = tw.compile(lambda x, y: loss(model, x, y).backward())
    check(case, explain(step, model, x, y))


def train(model: nn.Module, loss: Callable[[], Any], steps: int = 30) -> None:
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()


@pytest.mark.parametrize("name", HEALTHY)
def test_silent_about_a_healthy_network(name):
    tw.manual_seed(0)
    model, loss = HEALTHY[name]()
    explanation = explain(loss, model)
    assert not explanation, str(explanation)
    assert not explanation.notes
    step = tw.compile(lambda: loss().backward())
    explanation = explain(step, model)
    assert not explanation, str(explanation)
    train(model, loss)
    explanation = explain(loss, model)
    assert not explanation, str(explanation)
    assert not explanation.notes


@pytest.mark.parametrize("name", HEALTHY)
def test_no_anomaly_in_a_healthy_network(name):
    tw.manual_seed(0)
    model, loss = HEALTHY[name]()
    with tw.autograd.detect_anomaly():
        train(model, loss, 2)
        tw.compile(lambda: loss().backward())()
