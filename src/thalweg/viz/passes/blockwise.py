"""One forward and one backward pass through a traced program, block by block, with everything that flows.

Each block is a function of its own: dC/dx = dC/dz dz/dx and dC/dw = dC/dz dz/dw are taken for it alone, and what
arrives at a variable from several blocks is added. This is backpropagation as it stands on the blackboard.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...compiler.graph import CONSTANT, Graph, Node, evaluate
from ...compiler.recording import value_of
from ...core.backward import gradients
from ...core.dtypes import from_numpy_dtype
from ...core.modes import enable_grad
from ...core.tensor import Tensor, wrap
from ...ops.random import Generator
from ..blocks.program import Program, Role
from ..blocks.units import Unit
from ..blocks.view import View

__all__ = ["Block", "Pass"]

EXACT = 64  # outputs of a block: with more of them the norms of its Jacobians are estimated
PROBES = 16
_SEED = 20_000


class Block:
    """A visible unit as a function: the values it reads, its parameters, its operations, and what it gives.

    Attributes:
        unit: the unit.
        nodes: its operations, in order.
        inputs: the values of other blocks that it reads, those that can be differentiated by.
        weights: the parameters that it reads.
        outputs: its values that others read, or that come out.
    """

    def __init__(self, unit: Unit, nodes: list[Node], outputs: list[Node], program: Program) -> None:
        self.unit, self.nodes, self.outputs = unit, nodes, outputs
        own = set(nodes)
        read = dict.fromkeys(x for node in nodes for x in node.parents() if x not in own)
        self.outside = list(read)
        given = program.inputs
        self.weights = [x for x in read if x in given and given[x].role is Role.PARAMETER]
        self.inputs = [x for x in read if x.dtype.kind == "f" and x not in self.weights and _is_state(x, program)]


class Pass:
    """The values and gradients of a program with a scalar result.

    Attributes:
        blocks: in the order in which they run forward.
        values: for every value of the graph its array.
        gradients: dC/dz for the values that go between blocks, and for the parameters, of the same shapes.
    """

    def __init__(self, program: Program, view: View, cost: Node) -> None:
        self.program, self.cost = program, cost
        self.values = _values(program)
        self.blocks = _blocks(program, view)
        self.gradients: dict[Node, Any] = {cost: np.ones((), cost.dtype)}
        self.norms: dict[Unit, tuple[float | None, float | None]] = {}
        for block in reversed(self.blocks):
            self._back(block)

    def _back(self, block: Block) -> None:
        """Send the gradients of a block's outputs back to its inputs and weights."""
        leaves = [*block.inputs, *block.weights]
        outputs, sources = self._local(block, leaves)
        ends = [(y, self.gradients[n]) for n, y in outputs.items() if n in self.gradients and y.requires_grad]
        if leaves and ends:
            found = _pulled([y for y, _ in ends], list(sources.values()), [dy for _, dy in ends])
            for node, dx in zip(sources, found, strict=True):
                if dx is not None:
                    self.gradients[node] = self.gradients[node] + dx if node in self.gradients else dx
        differentiable = [y for y in outputs.values() if y.requires_grad]
        self.norms[block.unit] = (
            _norm(differentiable, [sources[n] for n in block.inputs]),
            _norm(differentiable, [sources[n] for n in block.weights]),
        )

    def _local(self, block: Block, leaves: Sequence[Node]) -> tuple[dict[Node, Tensor], dict[Node, Tensor]]:
        """The block's outputs on a tape of its own, and the leaves that it starts from."""
        known: dict[Node, Any] = {node: wrap(self.values[node]) for node in block.outside}
        sources = {node: wrap(np.array(self.values[node])).requires_grad_() for node in leaves}
        known.update(sources)
        with enable_grad(), np.errstate(all="ignore"):
            for node in block.nodes:
                inputs = [known.get(x, x) for x in node.inputs]
                y = node.op(*inputs, **node.params)
                known[node] = y if y._value.dtype == node.dtype else y.to(from_numpy_dtype(node.dtype))
        return {node: known[node] for node in block.outputs}, sources


def _is_state(x: Node, program: Program) -> bool:
    """Whether a value that a block reads is a state, and not a buffer or a number."""
    given = program.inputs.get(x)
    return x.op is not CONSTANT and (given is None or given.role in (Role.ARGUMENT, Role.DATA))


def _values(program: Program) -> dict[Node, Any]:
    """Every value of the graph, computed by NumPy."""
    nodes = program.graph.nodes()
    given = [value_of(program.inputs[node].source) for node in program.graph.inputs]
    return dict(zip(nodes, evaluate(Graph(program.graph.inputs, nodes), given), strict=True))


def _blocks(program: Program, view: View) -> list[Block]:
    """The visible blocks as functions, each after those that it reads from."""
    shown = {unit.op: view.visible(unit) for unit in view.root.walk() if unit.op is not None}
    nodes: dict[Unit, list[Node]] = {}
    for node in program.graph.nodes():
        if node in shown:
            nodes.setdefault(shown[node], []).append(node)
    given = {v.node for v in view.variables}
    order: list[Unit] = []
    before = {unit: {shown[x] for n in own for x in n.parents() if x in shown} - {unit} for unit, own in nodes.items()}
    waiting = list(nodes)
    while waiting:
        ready = next((unit for unit in waiting if before[unit] <= set(order)), waiting[0])
        order.append(ready)
        waiting.remove(ready)
    return [Block(unit, nodes[unit], [n for n in nodes[unit] if n in given], program) for unit in order]


def _pulled(outputs: list[Tensor], sources: list[Tensor], cotangents: list[Any]) -> list[Any]:
    found = gradients(
        outputs, sources, [wrap(np.asarray(dy)) for dy in cotangents], retain_graph=True, allow_unused=True
    )
    return [None if x is None else x._value for x in found]


def _norm(outputs: list[Tensor], sources: list[Tensor]) -> float | None:
    """The Frobenius norm of the Jacobian of all outputs by all sources; None if there is none.

    Row by row for up to ``EXACT`` outputs. For more it is estimated by Hutchinson's method (1990): for v of
    independent random signs, the mean of |v J|^2 is |J|^2.
    """
    count = sum(y._value.size for y in outputs)
    if not sources or not count:
        return None
    exact = count <= EXACT
    source = Generator().manual_seed(_SEED)
    total = 0.0
    for i in range(count if exact else PROBES):
        flat = np.zeros(count) if exact else np.sign(source.normal((count,), np.dtype(np.float64)))
        if exact:
            flat[i] = 1.0
        found = _pulled(outputs, sources, _split(flat, outputs))
        total += sum(float(np.square(dx, dtype=np.float64).sum()) for dx in found if dx is not None)
    return float(np.sqrt(total if exact else total / PROBES))


def _split(flat: Any, like: list[Tensor]) -> list[Any]:
    pieces, start = [], 0
    for y in like:
        size = y._value.size
        pieces.append(flat[start : start + size].reshape(y._value.shape).astype(y._value.dtype))
        start += size
    return pieces
