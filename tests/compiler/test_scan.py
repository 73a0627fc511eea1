"""Recurrences as native loops: the numbers of the steps one by one, forwards and backwards, to second order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.compiler.graph import Graph, apply, placeholder
from thalweg.compiler.native_program import Native
from thalweg.compiler.scan import Body, scan
from thalweg.compiler.scan_code import step_of
from thalweg.nn.functional.recurrence import scan as recurrence
from thalweg.ops import elementwise as e
from thalweg.ops.linalg import matmul

T, B, IN, H = 7, 4, 3, 5
LAYERS: list[tuple[str, Any, dict[str, Any]]] = [
    ("rnn", nn.RNN, {}),
    ("rnn of relu backwards too", nn.RNN, {"nonlinearity": "relu", "bidirectional": True}),
    ("lstm", nn.LSTM, {}),
    ("lstm of two layers, batch first", nn.LSTM, {"num_layers": 2, "batch_first": True, "bidirectional": True}),
    ("lstm with a projection", nn.LSTM, {"proj_size": 2}),
    ("gru", nn.GRU, {}),
    ("gru without bias", nn.GRU, {"bias": False}),
]


def scans(function: Any) -> int:
    """How many loops the compiled function has."""
    return str(function.graph).split("simplified")[1].count("= scan ")


def largest_difference(ours: Any, theirs: Any) -> float:
    return max(float(abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


@pytest.fixture(autouse=True)
def _double() -> Any:
    before = tw.get_default_dtype()
    tw.set_default_dtype(tw.float64)
    tw.manual_seed(0)
    yield
    tw.set_default_dtype(before)


@pytest.mark.parametrize(("make", "options"), [x[1:] for x in LAYERS], ids=[x[0] for x in LAYERS])
def test_layers_and_their_gradients(make: Any, options: dict[str, Any]) -> None:
    layer = make(IN, H, **options)
    x = tw.randn(T, B, IN, requires_grad=True)
    weights = list(layer.parameters())

    def run(x: Any) -> Any:
        y, state = layer(x)
        states = state if isinstance(state, tuple) else (state,)
        loss = y.sin().sum() + sum((s * s).sum() for s in states)
        return (y.detach(), *tw.autograd.grad(loss, [x, *weights]))

    compiled = tw.compile(run)
    assert largest_difference(compiled(x), run(x)) < 1e-12
    assert scans(compiled) == 2 * options.get("num_layers", 1) * (1 + options.get("bidirectional", False))


@pytest.mark.parametrize(("make", "options"), [x[1:] for x in LAYERS], ids=[x[0] for x in LAYERS])
def test_second_derivatives(make: Any, options: dict[str, Any]) -> None:
    layer = make(IN, H, **options)
    x = tw.randn(T, B, IN, requires_grad=True)
    weights = list(layer.parameters())

    def run(x: Any) -> Any:
        first = tw.autograd.grad(layer(x)[0].sin().sum(), [x, *weights], create_graph=True)
        return tw.autograd.grad(sum((g * g).sum() for g in first), [x, *weights])

    compiled = tw.compile(run)
    assert largest_difference(compiled(x), run(x)) < 1e-10
    assert scans(compiled)


@pytest.mark.parametrize("make", [nn.RNN, nn.LSTM, nn.GRU])
def test_rows_of_the_batch_go_through_time_by_themselves(make: Any) -> None:
    """Both loops, so that threads need not wait for one another."""
    layer = make(IN, 32)
    compiled = tw.compile(lambda x: tw.autograd.grad(layer(x)[0].sum(), list(layer.parameters())))
    compiled(tw.randn(T, 24, IN))
    regions = str(compiled.kernels).split("\nregion ")[1:]
    assert [r.split(": ")[1][:7] for r in regions if ": scan of" in r] == ["24 rows", "24 rows"]


def test_packed_sequences() -> None:
    layer = nn.LSTM(IN, H)
    x = tw.randn(T, B, IN)

    def run(x: Any) -> Any:
        packed = nn.utils.rnn.pack_padded_sequence(x, [7, 5, 5, 2])
        y, (h, c) = layer(packed)
        loss = y.data.sin().sum() + (h * c).sum()
        return (y.data.detach(), h.detach(), *tw.autograd.grad(loss, list(layer.parameters())))

    compiled = tw.compile(run)
    assert largest_difference(compiled(x), run(x)) < 1e-12
    assert scans(compiled) == 2


def test_without_gradients_only_what_is_asked_for_is_kept() -> None:
    layer = nn.LSTM(IN, H)

    def last(x: Any) -> Any:
        with tw.no_grad():
            return layer(x)[1][1]

    x = tw.randn(T, B, IN)
    compiled = tw.compile(last)
    assert largest_difference([compiled(x)], [last(x)]) < 1e-12


def test_inputs_that_are_changed_before_the_backward_are_noticed() -> None:
    layer = nn.RNN(IN, H)

    @tw.compile
    def step(x: Any) -> Any:
        x = x * 1.0
        y = layer(x)[0].sum()
        x.zero_()
        return tw.autograd.grad(y, list(layer.parameters()))

    with pytest.raises(tw.errors.AutogradError, match="changed in place"):
        step(tw.randn(T, B, IN))


def test_training_steps_go_the_same_way() -> None:
    losses = []
    for compiled in (False, True):
        tw.manual_seed(1)
        layer, head = nn.GRU(IN, H, batch_first=True), nn.Linear(H, 2)
        optimizer = tw.optim.Adam([*layer.parameters(), *head.parameters()], lr=0.05)
        x, y = tw.randn(B, T, IN), tw.tensor([0, 1, 1, 0])

        def step(x: Any, y: Any, layer: Any = layer, head: Any = head, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(head(layer(x)[0][:, -1]), y)
            loss.backward()
            optimizer.step()
            return loss

        run = tw.compile(step) if compiled else step
        losses.append([float(run(x, y)) for _ in range(8)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-11)
    assert losses[1][-1] < losses[1][0] / 2


def test_the_number_of_steps_costs_no_compile_time() -> None:
    """The program of a long sequence is as long as that of a short one."""
    sizes = []
    for length in (40, 400):
        layer = nn.LSTM(IN, H)

        def run(x: Any, layer: Any = layer) -> Any:
            return tw.autograd.grad(layer(x)[0].sum(), list(layer.parameters()))

        compiled = tw.compile(run)
        compiled(tw.randn(length, B, IN))
        sizes.append(len(str(compiled.llvm).splitlines()))
    assert sizes[0] == sizes[1]


# -- steps of one's own -----------------------------------------------------------------------------------


def _leaky(state: Any, x: Any, constants: Any) -> Any:
    (h,) = state
    h = h * constants[0] + x[0].tanh() @ constants[1]
    return (h,), h.sigmoid()


def _noisy(state: Any, x: Any, constants: Any) -> Any:
    h = state[0] + x[0] * nn.functional.dropout(tw.ones(B, IN), 0.5)
    return (h,), h


def _mixing_rows(state: Any, x: Any, constants: Any) -> Any:
    h = (state[0].flip(0) + x[0]).cumsum(0) * 0.1
    return (h,), h * h


@pytest.mark.parametrize("reverse", [False, True])
def test_any_step(reverse: bool) -> None:
    x, rate, w = tw.randn(T, B, IN), tw.rand(H), tw.randn(IN, H)
    leaves = [v.requires_grad_() for v in (x, rate, w)]

    def run(x: Any, rate: Any, w: Any) -> Any:
        y, (h,) = recurrence(_leaky, (tw.zeros(B, H),), (x,), (rate, w), reverse)
        return (y.detach(), *tw.autograd.grad((y * y).sum() + h.sin().sum(), leaves))

    compiled = tw.compile(run)
    assert largest_difference(compiled(*leaves), run(*leaves)) < 1e-12
    assert scans(compiled) == 2


def test_rows_that_mix_are_not_shared_by_threads() -> None:
    x = tw.randn(T, B, IN, requires_grad=True)

    def run(x: Any) -> Any:
        y, _ = recurrence(_mixing_rows, (tw.zeros(B, IN),), (x,), ())
        return (y.detach(), *tw.autograd.grad(y.sum(), [x]))

    compiled = tw.compile(run)
    assert largest_difference(compiled(x), run(x)) < 1e-12


def test_steps_that_draw_are_recorded_one_by_one() -> None:
    x = tw.randn(T, B, IN)

    def run(x: Any) -> Any:
        return recurrence(_noisy, (tw.zeros(B, IN),), (x,), ())[0]

    compiled = tw.compile(run)
    tw.manual_seed(3)
    ours = compiled(x)
    tw.manual_seed(3)
    assert largest_difference([ours], [run(x)]) < 1e-12
    assert scans(compiled) == 0


def test_batches_of_recurrences() -> None:
    layer = nn.RNN(IN, H)
    x = tw.randn(2, T, IN)

    def run(x: Any) -> Any:
        return tw.vmap(lambda row: layer(row)[0])(x)

    assert largest_difference([tw.compile(run)(x)], [run(x)]) < 1e-12


# -- the primitive ----------------------------------------------------------------------------------------


def _body(rows: int, length: int, reverse: bool, kept: bool) -> Body:
    h, x, w = (placeholder(n, s, np.float32) for n, s in (("h", (rows, 48)), ("x", (rows, 48)), ("w", (48, 48))))
    new = apply(e.tanh, apply(e.add, apply(matmul, h, w), x))
    return Body(Graph([h, x, w], [new, apply(e.mul, new, 2.0)]), 1, 1, length, reverse, kept)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
@pytest.mark.parametrize("threads", [1, 2])
def test_native_loops_equal_numpy(kept: bool, reverse: bool, threads: int) -> None:
    rows, length = 40, 300
    body = _body(rows, length, reverse, kept)
    assert step_of(body).rows == rows
    rng = np.random.default_rng(0)
    shapes = ((rows, 48), (length, rows, 48), (48, 48))
    values = [rng.standard_normal(s).astype(np.float32) * 0.1 for s in shapes]
    inputs = [placeholder(f"x{i}", v.shape, v.dtype) for i, v in enumerate(values)]
    node = apply(scan, *inputs, body=body)
    native = Native(Graph(inputs, [node]), [], threads=threads)
    assert native.parallel == (threads == 2)
    result = np.empty(node.shape, np.float32)
    native.run(values, [result])
    np.testing.assert_allclose(result, scan.forward(*values, body=body), rtol=1e-4, atol=1e-5)


def test_slots_of_states() -> None:
    forwards, backwards, in_turns = _body(2, 3, False, True), _body(2, 3, True, True), _body(2, 3, True, False)
    assert [forwards.slots(t) for t in range(3)] == [(0, 1), (1, 2), (2, 3)]
    assert [backwards.slots(t) for t in range(3)] == [(3, 2), (2, 1), (1, 0)]
    assert [in_turns.slots(t) for t in range(3)] == [(0, 1), (1, 0), (0, 1)]
