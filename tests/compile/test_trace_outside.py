"""What a compiled function reads of the world around it, beside tensors and variables."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.compile.compiled import compile
from thalweg.errors import TraceError

X = tw.tensor([1.0, -2.0, 3.0])


# -- graphs that begin outside --------------------------------------------------------------------------


def test_backward_into_a_graph_from_outside_is_refused() -> None:
    p = tw.ones(3, requires_grad=True)
    hidden = p * 2
    with pytest.raises(TraceError, match=r"test_trace_outside.py:\d+: backward\(\) reaches a tensor of shape \(3,\)"):
        compile(lambda: (hidden * X).sum().backward())()
    with pytest.raises(TraceError, match=r"compute it inside, or detach\(\) it"):
        compile(lambda h: (h * X).sum().backward())(hidden)
    assert p.grad is None
    assert hidden.grad_fn is not None
    hidden.sum().backward()  # the graph is as it was
    assert p.grad.tolist() == [2, 2, 2]


def test_tensors_with_a_history_can_be_read_and_differentiated_by() -> None:
    p = tw.ones(3, requires_grad=True)
    hidden = p * 2
    assert compile(lambda: (hidden * X).sum())().item() == 4
    assert compile(lambda: tw.autograd.grad((hidden * hidden).sum(), hidden)[0])().tolist() == [4, 4, 4]


# -- learning rates -------------------------------------------------------------------------------------


def make() -> tuple[Any, Any, Any]:
    w = tw.ones(3, requires_grad=True)
    optimizer = tw.optim.SGD([w], lr=0.5)
    return w, optimizer, tw.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)


def test_the_last_rate_is_read_in_each_run() -> None:
    w, optimizer, scheduler = make()

    @compile
    def step(x: Any) -> Any:
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()
        rate = scheduler.get_last_lr()[0]
        scheduler.step()
        return rate, x * rate

    for wanted in (0.5, 0.25, 0.125):
        rate, scaled = step(X)
        assert rate == wanted
        np.testing.assert_allclose(scaled.numpy(), X.numpy() * wanted)
    assert len(step._programs) == 1
    assert len(next(iter(step._programs.values()))) == 1


def test_a_rate_after_the_step_of_its_scheduler_is_refused() -> None:
    _, _, scheduler = make()

    def late(x: Any) -> Any:
        first = scheduler.get_last_lr()[0] * x
        scheduler.step()
        return first * scheduler.get_last_lr()[0]

    with pytest.raises(TraceError, match=re.escape("call scheduler.step() last")):
        compile(late)(X)
    assert scheduler.last_epoch == 0
