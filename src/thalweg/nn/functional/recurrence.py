"""Recurrences: one step applied to each position in time, and the steps of the recurrent layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.tensor import Tensor
from ...errors import ShapeError
from ...ops.base import where
from ...ops.elementwise import relu, sigmoid, tanh
from ...ops.linalg import linear
from ...ops.shape import index
from ...ops.shaping import chunk, stack

__all__ = ["gru_step", "lstm_projected_step", "lstm_step", "rnn_relu_step", "rnn_tanh_step", "scan"]

Tensors = tuple[Tensor, ...]
Step = Callable[[Tensors, Tensors, Tensors], tuple[Tensors, Tensor]]


def scan(
    step: Step, state: Tensors, inputs: Tensors, constants: Tensors, reverse: bool = False
) -> tuple[Tensor, Tensors]:
    """Apply ``step`` to the positions of axis 0 of the inputs, one after the other.

    ``step(state, x, constants)`` takes the state, what the inputs hold at one time, and the constants; it gives the
    next state and an output. It is a function of a module, without variables of its own from outside.

    Returns the outputs, stacked along axis 0 in the order of the inputs, and the last state. With ``reverse`` the
    steps start from the end.

    Raises:
        ShapeError: there is no input, or no position in time.
    """
    length = inputs[0]._value.shape[0] if inputs else 0
    if length == 0:
        raise ShapeError("scan: needs at least one position in time")
    outputs: list[Any] = [None] * length
    for t in reversed(range(length)) if reverse else range(length):
        state, outputs[t] = step(state, tuple(index(x, index=(t,)) for x in inputs), constants)
    return stack(outputs), state


# A step's inputs are the projections of the layer's input, bias included, and possibly a mask (n, 1) that says which
# samples have an element at this time: the state of the others stays.


def _kept(x: Tensors, new: Tensors, old: Tensors) -> Tensors:
    if len(x) == 1:
        return new
    return tuple(where(x[1], a, b) for a, b in zip(new, old, strict=True))


def rnn_tanh_step(state: Tensors, x: Tensors, constants: Tensors) -> tuple[Tensors, Tensor]:
    """h' = tanh(x + h weight_hh^T)."""
    state = _kept(x, (tanh(x[0] + linear(state[0], constants[0], None)),), state)
    return state, state[0]


def rnn_relu_step(state: Tensors, x: Tensors, constants: Tensors) -> tuple[Tensors, Tensor]:
    """h' = relu(x + h weight_hh^T)."""
    state = _kept(x, (relu(x[0] + linear(state[0], constants[0], None)),), state)
    return state, state[0]


def _lstm(state: Tensors, x: Tensors, weight: Tensor) -> Tensors:
    """(h', c'): i, f, g, o = x + h weight_hh^T; c' = sigmoid(f) c + sigmoid(i) tanh(g); h' = sigmoid(o) tanh(c')."""
    h, c = state
    i, f, g, o = chunk(x[0] + linear(h, weight, None), 4, 1)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def lstm_step(state: Tensors, x: Tensors, constants: Tensors) -> tuple[Tensors, Tensor]:
    """A long short-term memory. Reference: Hochreiter and Schmidhuber (1997), Long short-term memory."""
    state = _kept(x, _lstm(state, x, constants[0]), state)
    return state, state[0]


def lstm_projected_step(state: Tensors, x: Tensors, constants: Tensors) -> tuple[Tensors, Tensor]:
    """``lstm_step`` whose h is projected by a further weight. Reference: Sak et al. (2014), LSTM based recurrent
    neural network architectures for large vocabulary speech recognition.
    """
    h, c = _lstm(state, x, constants[0])
    state = _kept(x, (linear(h, constants[1], None), c), state)
    return state, state[0]


def gru_step(state: Tensors, x: Tensors, constants: Tensors) -> tuple[Tensors, Tensor]:
    """A gated recurrent unit: r, z, n = x and h weight_hh^T + bias_hh; n = tanh(n_x + sigmoid(r) n_h);
    h' = (1 - z) n + z h. Reference: Cho et al. (2014), Learning phrase representations.
    """
    h = state[0]
    xr, xz, xn = chunk(x[0], 3, 1)
    hr, hz, hn = chunk(linear(h, constants[0], constants[1] if len(constants) > 1 else None), 3, 1)
    z = sigmoid(xz + hz)
    n = tanh(xn + sigmoid(xr + hr) * hn)
    state = _kept(x, (n + z * (h - n),), state)
    return state, state[0]
