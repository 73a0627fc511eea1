"""Recurrent layers beside their formulas, packed sequences, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.errors import ArgumentError, ShapeError
from thalweg.nn.functional.recurrence import scan
from thalweg.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

RNG = np.random.default_rng(2)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def weights(layer):
    return [p.detach().numpy() for p in layer.all_weights[0]]


def by_hand(kind, layer, x):
    w, u, b, d = weights(layer)
    h = c = np.zeros((x.shape[1], layer.hidden_size))
    outputs = []
    for row in x:
        a, r = row @ w.T + b, h @ u.T + d
        if kind == "RNN":
            h = np.tanh(a + r)
        elif kind == "LSTM":
            i, f, g, o = np.split(a + r, 4, 1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            (ar, az, an), (rr, rz, rn) = np.split(a, 3, 1), np.split(r, 3, 1)
            z = sigmoid(az + rz)
            h = (1 - z) * np.tanh(an + sigmoid(ar + rr) * rn) + z * h
        outputs.append(h)
    return np.stack(outputs)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_formulas(kind):
    layer = getattr(nn, kind)(3, 4).double()
    x = RNG.normal(size=(6, 2, 3))
    y, last = layer(tw.tensor(x))
    np.testing.assert_allclose(y.detach().numpy(), by_hand(kind, layer, x), rtol=1e-10)
    h = last[0] if kind == "LSTM" else last
    assert tw.equal(h[0], y[-1])


def test_the_second_direction_reads_backwards():
    layer = nn.GRU(3, 4, bidirectional=True).double()
    back = nn.GRU(3, 4).double()
    back.load_state_dict({n.replace("_reverse", ""): v for n, v in layer.state_dict().items() if "reverse" in n})
    x = tw.tensor(RNG.normal(size=(5, 2, 3)))
    y, h = layer(x)
    z, last = back(x.flip(0))
    np.testing.assert_allclose(y[:, :, 4:].detach().numpy(), z.flip(0).detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(h[1].detach().numpy(), last[0].detach().numpy(), rtol=1e-12)


def test_padding_does_not_matter_in_packed_sequences():
    layer = nn.LSTM(2, 3, bidirectional=True).double()
    parts = [tw.tensor(RNG.normal(size=(n, 2))) for n in (2, 4, 3)]
    padded = pad_sequence(parts, padding_value=99.0)
    y, (h, c) = layer(pack_padded_sequence(padded, [2, 4, 3], enforce_sorted=False))
    outputs, lengths = pad_packed_sequence(y)
    assert lengths.tolist() == [2, 4, 3]
    for i, part in enumerate(parts):
        alone, (h1, c1) = layer(part)
        np.testing.assert_allclose(outputs[: len(part), i].detach().numpy(), alone.detach().numpy(), rtol=1e-12)
        np.testing.assert_allclose(h[:, i].detach().numpy(), h1.detach().numpy(), rtol=1e-12)
        np.testing.assert_allclose(c[:, i].detach().numpy(), c1.detach().numpy(), rtol=1e-12)
    assert not outputs[3:, 0].any()


def test_dropout_acts_between_layers_in_training():
    x = tw.ones(4, 1, 3)
    layer = nn.GRU(3, 8, 2, dropout=0.5)
    assert not tw.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    assert tw.equal(layer(x)[0], layer(x)[0])
    with pytest.warns(UserWarning, match="only one"):
        nn.GRU(3, 8, dropout=0.5)


def test_weights_start_uniform():
    layer = nn.LSTM(10, 50)
    assert [n for n, _ in layer.named_parameters()] == ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    for p in layer.parameters():
        assert p.abs().max().item() <= 1 / math.sqrt(50)
        assert p.std().item() == pytest.approx(1 / math.sqrt(150), rel=0.1)


def summed(state, x, constants):
    total = state[0] + x[0] * constants[0]
    return (total,), total * 2


@pytest.mark.parametrize("reverse", [False, True])
def test_scan(reverse):
    x = tw.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
    y, (last,) = scan(summed, (tw.tensor([10.0]),), (x,), (tw.tensor([2.0]),), reverse)
    assert y.tolist() == ([[44.0], [40.0], [32.0]] if reverse else [[24.0], [32.0], [44.0]])
    assert last.tolist() == [22.0]
    y[0].sum().backward()
    assert x.grad.tolist() == ([[4.0], [4.0], [4.0]] if reverse else [[4.0], [0.0], [0.0]])


def test_cells_make_the_steps_of_layers():
    layer, cell = nn.LSTM(3, 4), nn.LSTMCell(3, 4)
    cell.load_state_dict({n.removesuffix("_l0"): v for n, v in layer.state_dict().items()})
    x = tw.randn(5, 2, 3)
    state = None
    for row in x:
        state = cell(row, state)
    _, (h, c) = layer(x)
    np.testing.assert_allclose(state[0].detach().numpy(), h[0].detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(state[1].detach().numpy(), c[0].detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ShapeError, "last of size 3", lambda: nn.RNN(3, 4)(tw.ones(5, 2, 2))),
        (ShapeError, "state of shape", lambda: nn.RNN(3, 4)(tw.ones(5, 2, 3), tw.ones(1, 3, 4))),
        (ShapeError, "2 tensors", lambda: nn.LSTM(3, 4)(tw.ones(5, 2, 3), tw.ones(1, 2, 4))),
        (ShapeError, "as its state", lambda: nn.GRUCell(3, 4)(tw.ones(2, 3), tw.ones(2, 3))),
        (ArgumentError, "positive", lambda: nn.GRU(3, 0)),
        (ArgumentError, "proj_size", lambda: nn.LSTM(3, 4, proj_size=4)),
        (ArgumentError, "probability", lambda: nn.LSTM(3, 4, 2, dropout=1.5)),
        (ArgumentError, "nonlinearity", lambda: nn.RNN(3, 4, nonlinearity="sine")),
        (ShapeError, "at least one position", lambda: nn.RNN(3, 4)(tw.ones(0, 2, 3))),
    ],
)
def test_what_is_refused(error, message, call):
    with pytest.raises(error, match=message):
        call()
