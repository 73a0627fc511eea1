"""Every node of a graph knows the user's line, and the call of a module that it belongs to."""

from __future__ import annotations

import pytest

import thalweg as tw
from thalweg import nn
from thalweg.core.hooks import everywhere
from thalweg.core.origin import here, tracking_modules
from thalweg.nn.hooks import register_module_forward_hook


class Twice(nn.Module):
    """A module that calls one of its modules twice."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(3, 3), nn.Tanh())

    def forward(self, x: tw.Tensor) -> tw.Tensor:
        return self.inner(self.inner(x)) * 2


def traced(model: nn.Module, x: tw.Tensor) -> list:
    @tw.compile
    def step(x: tw.Tensor) -> tw.Tensor:
        loss = model(x).sum()
        loss.backward()
        return loss

    step(x)
    return step._newest.recording.graph.nodes()


def test_nodes_know_their_modules_in_both_passes() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, 2)))
    nodes = traced(model, tw.ones(2, 4))
    found = {(n.name, repr(n.origin.scope), n.origin.backward) for n in nodes}
    assert ("linear", "0 (Linear)", False) in found
    assert ("relu", "1 (ReLU)", False) in found
    assert ("linear", "2.0 (Linear)", False) in found
    assert ("matmul", "2.0 (Linear)", True) in found
    assert ("matmul", "0 (Linear)", True) in found
    inner = next(n.origin.scope for n in nodes if repr(n.origin.scope) == "2.0 (Linear)")
    assert [(s.path, s.name, s.kind) for s in inner.chain()] == [
        ("", "", "Sequential"), ("2", "2", "Sequential"), ("2.0", "0", "Linear"),
    ]  # fmt: skip
    assert all(n.line.startswith("test_origin.py:") for n in nodes if n.name == "linear")


def test_two_calls_of_one_module_are_told_apart() -> None:
    nodes = traced(Twice(), tw.ones(2, 3))
    calls = {n.origin.scope for n in nodes if n.name == "linear"}
    assert len(calls) == 2
    assert {s.path for s in calls} == {"inner.0"}
    backward = {n.origin.scope for n in nodes if n.name == "matmul" and n.origin.backward}
    assert backward == calls
    (outer,) = {n.origin.scope for n in nodes if n.name == "mul" and not n.origin.backward and n.origin.scope}
    assert repr(outer) == "Twice"


def test_tracking_ends_also_after_an_error() -> None:
    class Broken(nn.Module):
        def forward(self, x: tw.Tensor) -> tw.Tensor:
            raise ValueError("broken")

    model = nn.Sequential(nn.Linear(2, 2), Broken())
    with tracking_modules():
        with pytest.raises(ValueError, match="broken"):
            model(tw.ones(1, 2))
        assert here().scope is None
        model[0](tw.ones(1, 2))
        assert here().scope is None
    assert not [h for h in everywhere if h.forward_pre]


def test_a_hook_registered_while_modules_are_tracked_stays() -> None:
    seen = []
    with tracking_modules():
        handle = register_module_forward_hook(lambda module, args, output: seen.append(module))
    layer = nn.Linear(2, 2)
    layer(tw.ones(1, 2))
    handle.remove()
    layer(tw.ones(1, 2))
    assert seen == [layer]
    assert everywhere == []
