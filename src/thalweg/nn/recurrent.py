"""Recurrent layers: RNN, LSTM and GRU, and their cells."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..core.dtypes import dtype
from ..core.tensor import Tensor, wrap
from ..errors import ArgumentError, ShapeError
from ..ops.creation import empty
from ..ops.index import take
from ..ops.shape import permute
from ..ops.shaping import cat, select, squeeze, stack, unsqueeze
from . import functional as F
from . import init
from .functional import recurrence
from .module import Module
from .parameter import Parameter
from .utils.rnn import PackedSequence, padded_steps

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]

Tensors = tuple[Tensor, ...]


def _uniform(module: Module, hidden_size: int) -> None:
    """All parameters uniform on ±1 / sqrt(hidden_size)."""
    bound = 1 / math.sqrt(hidden_size) if hidden_size > 0 else 0.0
    for p in module.parameters(recurse=False):
        init.uniform_(p, -bound, bound)


class RNNBase(Module):
    """What RNN, LSTM and GRU share: weights for each layer and direction, and the order of the computation."""

    _steps: ClassVar[dict[str, Callable[..., Any]]] = {
        "RNN_TANH": recurrence.rnn_tanh_step,
        "RNN_RELU": recurrence.rnn_relu_step,
        "LSTM": recurrence.lstm_step,
        "GRU": recurrence.gru_step,
    }
    _gates: ClassVar[dict[str, int]] = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._check_arguments()
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse")[: 1 + bidirectional]:
                self._add_weights(layer, suffix, device, dtype)
        self.reset_parameters()

    def _check_arguments(self) -> None:
        name = type(self).__name__
        if not 0 <= self.dropout <= 1:
            raise ArgumentError(f"{name}: dropout must be a probability, got {self.dropout}")
        if min(self.input_size, self.hidden_size, self.num_layers) < 1:
            raise ArgumentError(
                f"{name}: input_size, hidden_size and num_layers must be positive, got {self.input_size}, "
                f"{self.hidden_size} and {self.num_layers}"
            )
        if not 0 <= self.proj_size < self.hidden_size:
            raise ArgumentError(f"{name}: proj_size {self.proj_size} must be less than the {self.hidden_size} hidden")
        if self.proj_size and self.mode != "LSTM":
            raise ArgumentError(f"{name}: only LSTM has projections; leave proj_size at 0")
        if self.dropout > 0 and self.num_layers == 1:
            warnings.warn(
                f"{name}: dropout acts between layers, and there is only one; dropout={self.dropout} has no effect",
                stacklevel=4,
            )

    def _add_weights(self, layer: int, suffix: str, device: Any, dtype: dtype | None) -> None:
        rows, out = self._gates[self.mode] * self.hidden_size, self.proj_size or self.hidden_size
        inputs = self.input_size if layer == 0 else out * (1 + self.bidirectional)
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, inputs), "weight_hh": (rows, out)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        names = {kind: f"{kind}_l{layer}{suffix}" for kind in shapes}
        for kind, shape in shapes.items():
            setattr(self, names[kind], Parameter(empty(*shape, device=device, dtype=dtype)))
        self._all_weights.append(list(names.values()))

    def reset_parameters(self) -> None:
        """Draw all weights anew: uniform on ±1 / sqrt(hidden_size)."""
        _uniform(self, self.hidden_size)

    def flatten_parameters(self) -> None:
        """Nothing: weights need not lie side by side here."""

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Parameter]:
        return [getattr(self, name) for name in self._flat_weights_names]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    # -- forward ------------------------------------------------------------------------------------------

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The outputs of the last layer at all times, and the last state of all layers."""
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        x, had_batch = self._time_first(input)
        states = self._states(hx, x, had_batch)
        y, last = self._layers(x, states, None)
        if not had_batch:
            return squeeze(y, 1), self._as_given(tuple(squeeze(s, 1) for s in last))
        return permute(y, dims=(1, 0, 2)) if self.batch_first else y, self._as_given(last)

    def _forward_packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        x, sizes = padded_steps(input)
        _, order, back = input.layout()
        if hx is not None and order is not None:
            hx = self._as_given(tuple(_reordered(s, order) for s in _as_tuple(hx)))
        present = np.arange(x._value.shape[0])[:, None] < sizes
        y, last = self._layers(x, self._states(hx, x, True), wrap(present[:, :, None]))
        if back is not None:
            last = tuple(_reordered(s, back) for s in last)
        data = take(y, *np.nonzero(present), pattern=("array", "array"))
        return input.with_data(data), self._as_given(last)

    def _time_first(self, input: Tensor) -> tuple[Tensor, bool]:
        """The input as (time, n, input_size), and whether n was there."""
        shape = input._value.shape
        if len(shape) not in (2, 3) or shape[-1] != self.input_size:
            raise ShapeError(
                f"{type(self).__name__}: expects 2 or 3 dimensions, the last of size {self.input_size}; got an input "
                f"of shape {tuple(shape)}"
            )
        if len(shape) == 2:
            return unsqueeze(input, 1), False
        return permute(input, dims=(1, 0, 2)) if self.batch_first else input, True

    def _as_given(self, states: Tensors) -> Any:
        """The state as users see it: a pair for LSTM, else the one tensor."""
        return states if self.mode == "LSTM" else states[0]

    def _states(self, hx: Any, x: Tensor, had_batch: bool) -> Tensors:
        """The first states (layers * directions, n, size): h, and c for LSTM; zeros if there are none."""
        rows, n = self.num_layers * (1 + self.bidirectional), x._value.shape[1]
        widths = (self.proj_size or self.hidden_size, self.hidden_size)[: 1 + (self.mode == "LSTM")]
        if hx is None:
            return tuple(wrap(np.zeros((rows, n, width), x._value.dtype)) for width in widths)
        given = _as_tuple(hx)
        if len(given) != len(widths):
            raise ShapeError(f"{type(self).__name__}: the state consists of {len(widths)} tensors, got {len(given)}")
        for s, width in zip(given, widths, strict=True):
            expected = (rows, n, width) if had_batch else (rows, width)
            if tuple(s._value.shape) != expected:
                raise ShapeError(f"{type(self).__name__}: expects a state of shape {expected}, got {tuple(s.shape)}")
        return given if had_batch else tuple(unsqueeze(s, 1) for s in given)

    def _layers(self, x: Tensor, states: Tensors, present: Tensor | None) -> tuple[Tensor, Tensors]:
        directions, last = 1 + self.bidirectional, []
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(directions):
                i = layer * directions + direction
                y, state = self._direction(x, tuple(select(s, 0, i) for s in states), i, present, direction == 1)
                outputs.append(y)
                last.append(state)
            x = outputs[0] if directions == 1 else cat(outputs, 2)
            if self.dropout and self.training and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout)
        return x, tuple(stack(s) for s in zip(*last, strict=True))

    def _direction(
        self, x: Tensor, state: Tensors, i: int, present: Tensor | None, reverse: bool
    ) -> tuple[Tensor, Tensors]:
        """One layer in one direction: the input's projection for all times at once, then the recurrence."""
        weights = self.all_weights[i]
        w_ih, w_hh = weights[:2]
        b_ih, b_hh = weights[2:4] if self.bias else (None, None)
        step = self._steps[self.mode]
        if b_ih is not None and b_hh is not None and self.mode != "GRU":
            b_ih, b_hh = None, b_ih + b_hh  # one addition among those of the step
        constants: Tensors = (w_hh,) if b_hh is None else (w_hh, b_hh)
        if self.proj_size:
            step, constants = recurrence.lstm_projected_step, (weights[-1], *constants)
        inputs = (F.linear(x, w_ih, b_ih),) if present is None else (F.linear(x, w_ih, b_ih), present)
        return recurrence.scan(step, state, inputs, constants, reverse)

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.proj_size:
            parts.append(f"proj_size={self.proj_size}")
        if self.num_layers != 1:
            parts.append(f"num_layers={self.num_layers}")
        if not self.bias:
            parts.append(f"bias={self.bias}")
        if self.batch_first:
            parts.append(f"batch_first={self.batch_first}")
        if self.dropout:
            parts.append(f"dropout={self.dropout}")
        if self.bidirectional:
            parts.append(f"bidirectional={self.bidirectional}")
        return ", ".join(parts)


def _as_tuple(hx: Any) -> Tensors:
    return (hx,) if isinstance(hx, Tensor) else tuple(hx)


def _reordered(state: Tensor, order: Any) -> Tensor:
    reordered: Tensor = take(state, order, pattern=(slice(None), "array"))
    return reordered


class RNN(RNNBase):
    """h[t] = tanh(x[t] weight_ih^T + bias_ih + h[t-1] weight_hh^T + bias_hh), in one or several layers.

    input : (time, n, input_size), or (n, time, input_size) with ``batch_first``, without n, or a PackedSequence
    h0 : (layers * directions, n, hidden_size), zeros by default
    ->  outputs (time, n, directions * hidden_size) of the last layer, and the last h of all

    Args:
        nonlinearity: "tanh" or "relu".
        dropout: between layers, in training.
        bidirectional: a second set of weights reads the input from its end; the outputs stand side by side.

    All parameters start uniform on ±1 / sqrt(hidden_size).

    Raises:
        ShapeError: input or state don't fit.
        ArgumentError: an argument is out of range.

    >>> import thalweg as tw
    >>> y, h = tw.nn.RNN(3, 5, num_layers=2)(tw.zeros(7, 2, 3))
    >>> y.shape, h.shape
    (thalweg.Size([7, 2, 5]), thalweg.Size([2, 2, 5]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f'RNN: nonlinearity must be "tanh" or "relu", not {nonlinearity!r}')
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, 0, device, dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory, in one or several layers.

    i, f, g, o = x[t] weight_ih^T + bias_ih + h[t-1] weight_hh^T + bias_hh, in this order
    c[t] = sigmoid(f) c[t-1] + sigmoid(i) tanh(g);  h[t] = sigmoid(o) tanh(c[t])

    Input and arguments are those of ``RNN``; the state is a pair (h, c). With ``proj_size`` h is projected to this
    size by weight_hr.

    Reference: Hochreiter and Schmidhuber (1997), Long short-term memory.

    >>> import thalweg as tw
    >>> y, (h, c) = tw.nn.LSTM(3, 5, batch_first=True)(tw.zeros(2, 7, 3))
    >>> y.shape, c.shape
    (thalweg.Size([2, 7, 5]), thalweg.Size([1, 2, 5]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device,
            dtype,
        )  # fmt: skip


class GRU(RNNBase):
    """Gated recurrent units, in one or several layers.

    With r, z, n the three parts of x[t] weight_ih^T + bias_ih and of h[t-1] weight_hh^T + bias_hh:
    n = tanh(n_x + sigmoid(r_x + r_h) n_h);  z = sigmoid(z_x + z_h);  h[t] = (1 - z) n + z h[t-1]

    Input, state and arguments are those of ``RNN``.

    Reference: Cho et al. (2014), Learning phrase representations using RNN encoder-decoder.

    >>> import thalweg as tw
    >>> tw.nn.GRU(3, 5, bidirectional=True)(tw.zeros(7, 2, 3))[0].shape
    thalweg.Size([7, 2, 10])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )


# -- cells ------------------------------------------------------------------------------------------------


class RNNCellBase(Module):
    """What the cells share: the weights of one layer."""

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows, options = num_chunks * hidden_size, {"device": device, "dtype": dtype}
        self.weight_ih = Parameter(empty(rows, input_size, **options))
        self.weight_hh = Parameter(empty(rows, hidden_size, **options))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(rows, **options)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights anew: uniform on ±1 / sqrt(hidden_size)."""
        _uniform(self, self.hidden_size)

    def _run(self, step: Callable[..., Any], input: Tensor, hx: Any, states: int) -> Tensors:
        """One step from a state, or from zeros; both also without a batch."""
        shape = input._value.shape
        if len(shape) not in (1, 2) or shape[-1] != self.input_size:
            raise ShapeError(
                f"{type(self).__name__}: expects 1 or 2 dimensions, the last of size {self.input_size}; got an input "
                f"of shape {tuple(shape)}"
            )
        expected = (*shape[:-1], self.hidden_size)
        given = (wrap(np.zeros(expected, input._value.dtype)),) * states if hx is None else _as_tuple(hx)
        if len(given) != states or any(tuple(s._value.shape) != expected for s in given):
            raise ShapeError(
                f"{type(self).__name__}: expects {states} of shape {expected} as its state, got "
                f"{[tuple(s.shape) for s in given]}"
            )
        old = tuple(unsqueeze(s, 0) for s in given) if len(shape) == 1 else given
        x = unsqueeze(input, 0) if len(shape) == 1 else input
        gru = self.weight_ih._value.shape[0] == 3 * self.hidden_size
        bias: Tensor | None = self.bias_ih
        constants: Tensors = (self.weight_hh,)
        if self.bias_hh is not None and gru:
            constants = (self.weight_hh, self.bias_hh)
        elif self.bias_ih is not None and self.bias_hh is not None:
            bias = self.bias_ih + self.bias_hh
        new, _ = step(old, (F.linear(x, self.weight_ih, bias),), constants)
        return tuple(squeeze(s, 0) for s in new) if len(shape) == 1 else new

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else f", bias={self.bias}")


class RNNCell(RNNCellBase):
    """One step of ``RNN``: h' = tanh(x weight_ih^T + bias_ih + h weight_hh^T + bias_hh).

    x : (n, input_size), h : (n, hidden_size), zeros by default; both also without n  ->  h'

    >>> import thalweg as tw
    >>> tw.nn.RNNCell(3, 5)(tw.zeros(2, 3)).shape
    thalweg.Size([2, 5])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state."""
        if self.nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f'RNNCell: nonlinearity must be "tanh" or "relu", not {self.nonlinearity!r}')
        step = recurrence.rnn_tanh_step if self.nonlinearity == "tanh" else recurrence.rnn_relu_step
        return self._run(step, input, hx, 1)[0]

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class LSTMCell(RNNCellBase):
    """One step of ``LSTM``. x : (n, input_size), (h, c) : each (n, hidden_size); also without n  ->  (h', c')."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: dtype | None = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """The next state."""
        h, c = self._run(recurrence.lstm_step, input, hx, 2)
        return h, c


class GRUCell(RNNCellBase):
    """One step of ``GRU``. x : (n, input_size), h : (n, hidden_size); also without n  ->  h'."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: dtype | None = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state."""
        return self._run(recurrence.gru_step, input, hx, 1)[0]
