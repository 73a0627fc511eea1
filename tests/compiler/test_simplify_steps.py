"""Training steps of real code: their graphs get smaller and compute the same."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import numpy as np

import thalweg as tw
from thalweg.compiler.graph import Graph, Node, apply, evaluate, placeholder
from thalweg.compiler.record import record
from thalweg.compiler.simplify import simplify
from thalweg.nn import functional as F
from thalweg.ops import elementwise as e
from thalweg.ops.broadcast import reshape, sum_
from thalweg.ops.linalg import linear, matmul
from thalweg.ops.rows import softmax
from thalweg.ops.shape import permute

from .graphs import names, same_outputs


def traced(step: Any, *tensors: tw.Tensor) -> tuple[Graph, list[Any]]:
    """The graph of a step and the values of its inputs."""
    recording = record(step, tensors, {}, list(tensors), False)
    values = [tensors[s.argument]._value if s.argument is not None else s.tensor._value for s in recording.sources]
    return recording.graph, [np.array(v) for v in values]


class Steps:
    """A model with momentum SGD written by hand."""

    def __init__(self, cost: Any, *sizes: int, activation: Any) -> None:
        tw.manual_seed(0)
        layers: list[Any] = []
        for n, m in itertools.pairwise(sizes):
            layers += [tw.nn.Linear(n, m), activation()]
        self.model = tw.nn.Sequential(*layers[:-1])
        self.params = list(self.model.parameters())
        self.momenta = [tw.zeros_like(p) for p in self.params]
        self.cost = cost

    def __call__(self, x: tw.Tensor, target: tw.Tensor) -> tw.Tensor:
        for p in self.params:
            p.grad = None
        loss = self.cost(self.model(x), target)
        loss.backward()
        with tw.no_grad():
            for p, m in zip(self.params, self.momenta, strict=True):
                m.mul_(0.9).add_(p.grad)
                p.sub_(0.1 * m)
        return loss


def test_classifier_step() -> None:
    step = Steps(F.cross_entropy, 6, 5, 3, activation=tw.nn.ReLU)
    before, values = traced(step, tw.randn(4, 6), tw.tensor([0, 2, -100, 1]))
    after = simplify(before)
    same_outputs(before, after, values, tolerance=1e-6)
    found = names(after)
    assert len(found) <= 60
    assert found.count("exp") == found.count("amax") == 1  # the loss and its slope share the softmax
    assert found.count("matmul") == 5
    assert found.count("reshape") == 2  # two columns of the rows
    assert "linear_relu" not in found
    (check,) = after.checks
    assert (check.low, check.high) == (0, 3)


def test_regression_step() -> None:
    step = Steps(F.mse_loss, 3, 8, 2, activation=tw.nn.Tanh)
    before, values = traced(step, tw.randn(5, 3), tw.randn(5, 2))
    after = simplify(before)
    same_outputs(before, after, values, tolerance=1e-6)
    found = names(after)
    assert len(found) <= 45
    assert found.count("tanh") == 1
    assert not after.checks


def test_second_derivative_of_tanh() -> None:
    def second(x: tw.Tensor) -> tw.Tensor:
        point = x.detach().requires_grad_()
        (slope,) = tw.autograd.grad(tw.tanh(point).sum(), point, create_graph=True)
        (bend,) = tw.autograd.grad(slope.sum(), point)
        return bend

    before, values = traced(second, tw.linspace(-3, 3, 7))
    after = simplify(before)
    x = values[0].astype(np.float64)
    expected = -2 * np.tanh(x) / np.cosh(x) ** 2
    np.testing.assert_allclose(evaluate(after, values)[0], expected, rtol=1e-5, atol=1e-6)
    assert len(names(after)) <= 10
    assert "expand" not in names(after)


def block(x: Node, weights: list[Node], heads: int) -> Node:
    """Self-attention and a layer of two, as graph nodes: (batch, time, width) -> the same."""
    b, t, c = x.shape
    q, k, v = (
        apply(permute, apply(reshape, apply(linear, x, w, None), shape=(b, t, heads, c // heads)), dims=(0, 2, 1, 3))
        for w in weights[:3]
    )
    scores = apply(e.mul, apply(matmul, q, apply(permute, k, dims=(0, 1, 3, 2))), 0.125)
    mixed = apply(matmul, apply(softmax, scores, dim=3), v)
    back = apply(reshape, apply(permute, mixed, dims=(0, 2, 1, 3)), shape=(b, t, c))
    x = apply(e.add, x, apply(linear, back, weights[3], None))
    hidden = apply(e.mul, apply(linear, x, weights[4], None), 0.5)
    hidden = apply(e.mul, hidden, apply(e.add, apply(e.erf, apply(e.mul, hidden, 1.4)), 1.0))
    return apply(e.add, x, apply(linear, hidden, weights[5], None))


def transformer(blocks: int) -> Graph:
    x = placeholder("x", (2, 4, 8), np.float64)
    inputs = [x]
    y = x
    for _ in range(blocks):
        weights = [placeholder("w", (8, 8), np.float64) for _ in range(6)]
        inputs += weights
        y = block(y, weights, 2)
    return Graph(inputs, [apply(sum_, y, dims=(2,), keepdim=False)])


def test_reshapes_do_not_cut_the_chains_of_a_transformer() -> None:
    before = transformer(1)
    after = simplify(before)
    rng = np.random.default_rng(0)
    same_outputs(before, after, [rng.normal(size=x.shape) for x in before.inputs], tolerance=1e-9)
    found = names(after)
    assert found.count("reshape") == 6  # x as rows, the heads of q, k and v, back to rows, and the result
    assert {n.shape for n in after.nodes() if n.name in ("add", "erf")} == {(8, 8)}


def test_the_work_grows_with_the_graph() -> None:
    """Rules are tried a bounded number of times for each node, however large the graph is."""
    tried = []
    for blocks in (5, 20):
        graph = transformer(blocks)
        calls = Counter(simplify, graph)
        tried.append(calls.count / len(graph.nodes()))
    assert tried[1] < 1.2 * tried[0]


class Counter:
    """How many Python functions a call enters."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.count = 0
        before = sys.getprofile()
        sys.setprofile(self.note)
        try:
            function(*args)
        finally:
            sys.setprofile(before)

    def note(self, frame: Any, event: str, argument: Any) -> None:
        self.count += event == "call"
