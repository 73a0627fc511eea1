"""Recurrences: one step applied to each position in time, and the steps of the recurrent layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...autograd import Function
from ...core.modes import state as modes
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
    if modes.tracer is not None:
        loop = modes.tracer.scan(step, state, inputs, constants, reverse)
        if loop is not None:
            return loop[0], loop[1]
    outputs: list[Any] = [None] * length
    moments = list(zip(*map(_moments, inputs), strict=True))
    for t in reversed(range(length)) if reverse else range(length):
        state, outputs[t] = step(state, moments[t], constants)
    return stack(outputs), state


def _moments(x: Tensor) -> Tensors:
    """The positions of axis 0, one by one."""
    if x.requires_grad and modes.tracer is None:
        moments: Tensors = _Moments.apply(x)
        return moments
    return tuple(index(x, index=(t,)) for t in range(x._value.shape[0]))


class _Moments(Function):
    """The positions of axis 0, whose gradients are put together at once instead of added up one by one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensors:
        return tuple(index(x, index=(t,)) for t in range(x._value.shape[0]))

    @staticmethod
    def backward(ctx: Any, *dy: Tensor) -> Tensor:
        return stack(dy)


# A step's inputs are the projections of the layer's input and possibly a mask (n, 1) that says which samples have an
# element at this time: the state of the others stays. Its constants are weight_hh and a bias, if there is one.


def _kept(x: Tensors, new: Tensors, old: Tensors) -> Tensors:
    if len(x) == 1:
        return new
    return tuple(where(x[1], a, b) for a, b in zip(new, old, strict=True))


def _projected(h: Tensor, constants: Tensors) -> Tensor:
    """h weight_hh^T, plus the bias if there is one."""
    projected: Tensor = linear(h, constants[0], constants[1] if len(constants) > 1 else None)
    return projected


def rnn_tanh_step(state: Tensors, x: Tensors, constants: Tensors) -> tuple[Tensors, Tensor]:
    """h' = tanh(x + h weight_hh^T + bias)."""
    state = _kept(x, (tanh(x[0] + _projected(state[0], constants)),), state)
    return state, state[0]


def rnn_relu_step(state: Tensors, x: Tensors, constants: Tensors) -> tuple[Tensors, Tensor]:
    """h' = relu(x + h weight_hh^T + bias)."""
    state = _kept(x, (relu(x[0] + _projected(state[0], constants)),), state)
    return state, state[0]


def _lstm(state: Tensors, x: Tensors, constants: Tensors) -> Tensors:
    """(h', c'), where i, f, g, o = x + h weight_hh^T + bias are the four parts.

    c' = sigmoid(f) c + sigmoid(i) tanh(g);  h' = sigmoid(o) tanh(c').
    """
    h, c = state
    i, f, g, o = chunk(x[0] + _projected(h, constants), 4, 1)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def lstm_step(state: Tensors, x: Tensors, constants: Tensors) -> tuple[Tensors, Tensor]:
    """A long short-term memory. Reference: Hochreiter and Schmidhuber (1997), Long short-term memory."""
    state = _kept(x, _lstm(state, x, constants), state)
    return state, state[0]


def lstm_projected_step(state: Tensors, x: Tensors, constants: Tensors) -> tuple[Tensors, Tensor]:
    """``lstm_step`` whose h is projected by a further weight, the first constant.

    Reference: Sak et al. (2014), LSTM based recurrent neural network architectures for large vocabulary speech
    recognition.
    """
    h, c = _lstm(state, x, constants[1:])
    state = _kept(x, (linear(h, constants[0], None), c), state)
    return state, state[0]


def gru_step(state: Tensors, x: Tensors, constants: Tensors) -> tuple[Tensors, Tensor]:
    """A gated recurrent unit: r, z, n = x and h weight_hh^T + bias_hh; n = tanh(n_x + sigmoid(r) n_h);
    h' = (1 - z) n + z h. Reference: Cho et al. (2014), Learning phrase representations.
    """
    h = state[0]
    xr, xz, xn = chunk(x[0], 3, 1)
    hr, hz, hn = chunk(_projected(h, constants), 3, 1)
    z = sigmoid(xz + hz)
    n = tanh(xn + sigmoid(xr + hr) * hn)
    state = _kept(x, (n + z * (h - n),), state)
    return state, state[0]
