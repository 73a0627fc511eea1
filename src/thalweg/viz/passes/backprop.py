"""``backprop``: one forward and one backward pass, written on the block diagram and into a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...compiler.graph import Node
from ...core.tensor import Tensor
from ...errors import ArgumentError
from ..blocks.compound import Direction
from ..blocks.diagram import Diagram
from ..blocks.program import traced
from ..blocks.units import Note, title_of
from .blockwise import EXACT, Block, Pass
from .stepping import Stepping
from .updates import update_ratios

__all__ = ["Backprop", "Row", "backprop"]


def backprop(
    model: Callable[..., Any],
    loss: Callable[..., Any],
    x: Any,
    y: Any = None,
    *,
    optimizer: Any = None,
    lr: float = 1.0,
    depth: int | None = None,
    direction: Direction = "down",
    step: int | None = None,
    title: str | None = None,
) -> Backprop:
    """Run ``loss(model(x), y)`` forward and backward once, and write on the diagram what flows.

    At each variable stand the sizes of the state z and of its gradient dC/dz, as root mean squares over their elements,
    so that wide and narrow layers compare. In each block stand the Frobenius norms of its two Jacobian matrices, dz/dx
    by its state and dz/dw by its weights, and the ratio |update| / |weight| of the step that ``optimizer`` would take;
    without one, of plain gradient descent with the step size ``lr``. Ratios near 0.001 are usual. The norms are exact
    for blocks of up to 64 outputs and estimated from 16 random directions for larger ones, where they carry a ≈
    (Hutchinson, 1990).

    Nothing changes: parameters, their gradients, buffers, the optimiser and the random state stay what they are.

    Args:
        model: a module or function.
        loss: of the model's output and ``y``; of the output alone if ``y`` is None.
        x: the input, or a tuple of inputs.
        y: what the output is compared with.
        optimizer: whose step the ratios are for.
        lr: the step size without an optimiser.
        depth, direction, title: as for ``diagram``; of several containers of the same make each is drawn.
        step: how far the pass has come: 0 is the beginning, each block forward is one step, each block backward
            another. By default the whole pass.

    Raises:
        TraceError: the model can't be traced; the message names the line.
        ArgumentError: the loss is no scalar, or ``step`` is out of range.

    >>> import thalweg as tw
    >>> _ = tw.manual_seed(0)
    >>> model = tw.nn.Sequential(tw.nn.Linear(3, 2), tw.nn.Tanh())
    >>> tw.viz.backprop(model, tw.nn.MSELoss(), tw.ones(4, 3), tw.zeros(4, 2), depth=2).rows[0].block
    'Linear 0'
    """
    inputs = x if isinstance(x, tuple) else (x,)

    def cost(*inputs: Any, y: Any = None) -> Any:
        output = model(*inputs)
        return loss(output) if y is None else loss(output, y)

    kwargs = {} if y is None else {"y": y}
    called = {id(tensor): "x" if len(inputs) == 1 else f"x[{i}]" for i, tensor in enumerate(inputs)}
    program = traced(cost, inputs, kwargs, loops=False, called=called)
    program.title = title or f"Backpropagation through {getattr(model, '__name__', type(model).__name__)}"
    results = [node for node, name in program.results if name == "C"]
    if len(program.results) != 1 or len(results) != 1:
        raise ArgumentError("backprop: the loss must be one scalar; take its mean, or reduction='mean'")
    diagram = Diagram(program, depth, direction, repeats=False, title=program.title)
    return Backprop(diagram, Pass(program, diagram.view, results[0]), optimizer, lr, step)


@dataclass(frozen=True)
class Row:
    """What one block does in the pass.

    Attributes:
        block: its name.
        state, gradient: root mean squares of its output z and of dC/dz.
        by_state, by_weights: the Frobenius norms of dz/dx and dz/dw; None if it has no such.
        exact: whether these norms are exact.
        update: |update| / |weight| over all its parameters; None if it has none.
    """

    block: str
    state: float
    gradient: float | None
    by_state: float | None
    by_weights: float | None
    exact: bool
    update: float | None


class Backprop(Stepping):
    """The picture that ``backprop`` makes; prints as a table. As HTML it can be walked through step by step.

    Attributes:
        rows: one for each block, in the order of the forward pass.
        steps: how many steps the whole pass has.
    """

    def __init__(self, diagram: Diagram, found: Pass, optimizer: Any, lr: float, step: int | None) -> None:
        self.found = found
        self._ratios = self._update_ratios(optimizer, lr)
        self.rows = [self._row(block) for block in found.blocks]
        super().__init__(diagram, [block.unit for block in found.blocks], self._notes(diagram), step)

    def _update_ratios(self, optimizer: Any, lr: float) -> dict[Node, float]:
        program, gradients = self.found.program, self.found.gradients
        tensors: dict[Node, Tensor] = {}
        for block in self.found.blocks:
            for node in block.weights:
                tensor = program.inputs[node].tensor
                if node in gradients and tensor is not None:
                    tensors[node] = tensor
        ratios = update_ratios({p: gradients[n] for n, p in tensors.items()}, optimizer, lr)
        return {node: ratios[p] for node, p in tensors.items()}

    def _row(self, block: Block) -> Row:
        found = self.found
        size = sum(found.values[n].size for n in block.outputs)
        state, gradient = _rms([found.values[n] for n in block.outputs]), None
        known = [found.gradients[n] for n in block.outputs if n in found.gradients]
        if known:
            gradient = _rms(known)
        by_state, by_weights = found.norms[block.unit]
        ratios = [self._ratios[n] for n in block.weights if n in self._ratios]
        return Row(
            title_of(block.unit), state, gradient, by_state, by_weights, size <= EXACT, max(ratios, default=None)
        )

    def _notes(self, diagram: Diagram) -> dict[str, list[Note]]:
        """The lines of text by the key of a variable or block."""
        found, count = self.found, len(self.found.blocks)
        place = {block.unit: i for i, block in enumerate(found.blocks)}
        notes: dict[str, list[Note]] = {}
        for v in diagram.view.variables:
            if v.node.dtype.kind != "f":
                continue
            made = 0 if v.producer is None else place[v.producer] + 1
            notes[v.key] = [Note(f"z {_rms([found.values[v.node]]):.3g}", made)]
            if v.node in found.gradients:
                first = min((place[u] for u in v.consumers if u in place), default=count)
                notes[v.key].append(Note(f"dC/dz {_rms([found.gradients[v.node]]):.3g}", 2 * count - first))
        for block, row in zip(found.blocks, self.rows, strict=True):
            known = 2 * count - place[block.unit]
            sign = "" if row.exact else "≈ "
            lines = []
            if row.by_state is not None:
                lines.append(Note(f"|dz/dx| {sign}{row.by_state:.3g}", known))
            if row.by_weights is not None:
                lines.append(Note(f"|dz/dw| {sign}{row.by_weights:.3g}", known))
            if row.update is not None:
                lines.append(Note(f"update/weight {row.update:.2g}", known))
            notes[block.unit.key] = lines
        return notes

    def table(self) -> list[tuple[str, ...]]:
        """The rows as text, under a row of headings."""
        heads = ("block", "z", "dC/dz", "|dz/dx|", "|dz/dw|", "update/weight")
        rows = []
        for row in self.rows:
            sign = "" if row.exact else "≈"
            rows.append((
                row.block, f"{row.state:.3g}", _shown(row.gradient), _shown(row.by_state, sign),
                _shown(row.by_weights, sign), _shown(row.update),
            ))  # fmt: skip
        return [heads, *rows]

    def __repr__(self) -> str:
        table = self.table()
        widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
        lines = []
        for row in table:
            cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
            lines.append("  ".join(cells).rstrip())
        return "\n".join([self.title, *lines])


def _shown(value: float | None, sign: str = "") -> str:
    return "" if value is None else f"{sign}{value:.3g}"


def _rms(arrays: list[Any]) -> float:
    """The root mean square of all elements; 0 if there are none."""
    count = sum(a.size for a in arrays)
    total = sum(float(np.square(a, dtype=np.float64).sum()) for a in arrays)
    return float(np.sqrt(total / count)) if count else 0.0
