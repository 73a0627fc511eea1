"""The two Jacobian matrices of every module in a network, and the chain of them.

Vectors are rows, as in the lecture: the gradient of a cost C by a module's output z is a row [1 x d_out], and
multiplying it by the module's matrices gives the gradients by its state and by its weights::

    dC/dx [1 x d_in] = dC/dz [1 x d_out] dz/dx [d_out x d_in]
    dC/dw [1 x d_w]  = dC/dz [1 x d_out] dz/dw [d_out x d_w]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.backward import walk
from ..core.modes import enable_grad
from ..core.tape import edge_of
from ..core.tensor import Tensor, wrap
from ..errors import ArgumentError, GradcheckError
from ..nn.module import Module
from ..ops.random import Generator
from ..transforms.reverse import aliased
from ..transforms.trees import leaves_of, rebuilt
from .module_calls import ModuleJacobian, Recorder, Setting, is_state, unflat

__all__ = ["ModuleJacobians", "module_jacobians"]

_SEED = 20_000  # of the directions in ``check``


def module_jacobians(model: Module, *inputs: Any) -> ModuleJacobians:
    """The Jacobian matrices of every module that ``model(*inputs)`` calls and that calls no other, in that order.

    Each entry has ``state``, dz/dx [d_out x d_in] by the module's input, and ``weights[name]``, dz/dw [d_out x d_w] by
    each of its parameters. They are computed when they are asked for. States, outputs and weights of more axes count
    as the vectors of their elements in row-major order; several inputs or outputs follow one another.

    The inputs are taken as they are. For a batch of n samples the state is the n samples together: the matrices have
    n times as many rows and columns, and are block diagonal for modules that treat the samples apart. For one block
    give one sample, ``x[:1]``.

    A module that is called twice has two entries. Modules may be connected in any way, not only one after the other:
    what lies between them is the business of the tape; see ``ModuleJacobians.gradients``.

    >>> import thalweg as tw
    >>> model = tw.nn.Sequential(tw.nn.Linear(3, 2), tw.nn.Tanh())
    >>> jacobians = tw.func.module_jacobians(model, tw.ones(3))
    >>> jacobians
    Jacobians of Sequential: 2 modules
       module    dz/dx    dz/dw
    0  0 Linear  [2 x 3]  weight [2 x 6], bias [2 x 2]
    1  1 Tanh    [2 x 2]
    >>> bool((jacobians[0].state == model[0].weight).all()), jacobians.check()
    (True, True)
    """
    recorder = Recorder(model)
    setting = Setting(model)
    arguments = [aliased(x) if isinstance(x, Tensor) and x.is_floating_point() else x for x in leaves_of(inputs)]
    sources = [x._node for x in arguments if is_state(x)]
    with recorder.recording(), enable_grad():
        output = model(*rebuilt(inputs, arguments))
    ends = [y for y in leaves_of(output) if isinstance(y, Tensor) and y.is_floating_point()]
    if not ends:
        raise ArgumentError("module_jacobians: the model returns no floating-point tensor")
    return ModuleJacobians(model, inputs, sources, recorder.entries, ends, setting)


class ModuleJacobians(Sequence[ModuleJacobian]):
    """The entries of ``module_jacobians``, in the order of the calls; prints as a table."""

    def __init__(
        self,
        model: Module,
        inputs: Any,
        sources: list[Any],
        entries: list[ModuleJacobian],
        ends: list[Tensor],
        setting: Setting,
    ) -> None:
        self.model, self._inputs, self._sources, self._setting = model, inputs, sources, setting
        self._entries, self._ends = entries, ends
        self._arguments = [x for x in leaves_of(inputs) if is_state(x)]

    def __getitem__(self, index: Any) -> Any:
        return self._entries[index]

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        rows = [("module", "dz/dx", "dz/dw"), *(entry.row() for entry in self._entries)]
        numbers = ["", *map(str, range(len(self._entries)))]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        first = max(map(len, numbers))
        lines = [
            "  ".join([number.ljust(first), *(cell.ljust(w) for cell, w in zip(row, widths, strict=True))]).rstrip()
            for number, row in zip(numbers, rows, strict=True)
        ]
        count = f"{len(self)} module" + ("s" if len(self) != 1 else "")
        return "\n".join([f"Jacobians of {type(self.model).__name__}: {count}", *lines])

    def gradients(self, *cost_gradients: Tensor) -> dict[str, Tensor]:
        """The gradients of a cost by the model's parameters, and by its inputs, from the chain of matrices.

        Args:
            cost_gradients: dC/dy, for each floating-point output of the model a tensor of its shape.

        From the last call to the first, dC/dx = dC/dz dz/dx and dC/dw = dC/dz dz/dw. The output z of a module may go
        to several others, by operations that belong to no module: a sum, a concatenation, the same tensor twice. With
        x_j the inputs of the modules (and the model's outputs) that z reaches without passing through another one,

            dC/dz = sum over j of dC/dx_j dx_j/dz

        where dx_j/dz is the Jacobian of these operations alone: the identity in a plain sequence. These products are
        taken by the tape.

        Returns:
            By the names of parameters, and "input 0", "input 1", … for the inputs.
        """
        if len(cost_gradients) != len(self._ends):
            raise ArgumentError(
                f"gradients: the model has {len(self._ends)} floating-point outputs, {len(cost_gradients)} were given"
            )
        chain = _Chain(self)
        for y, dy in zip(self._ends, cost_gradients, strict=True):
            chain.send(edge_of(y), dy._value)
        for entry in reversed(self._entries):
            chain.apply(entry)
        return chain.results()

    def check(self, *, atol: float = 1e-5, rtol: float = 1e-3) -> bool:
        """Compare what the chain of matrices gives with what backprop gives, for random dC/dy.

        Raises:
            GradcheckError: they differ; it names the parameter or input and the largest difference.
        """
        source = Generator().manual_seed(_SEED)
        rows = [wrap(source.normal(y._value.shape, y._value.dtype)) for y in self._ends]
        found, expected = self.gradients(*rows), self._by_backprop(rows)
        for name, want in expected.items():
            got = found[name]
            difference = np.abs(got._value - want._value)
            if not (difference <= atol + rtol * np.abs(want._value)).all():
                raise GradcheckError(
                    f"module_jacobians: the chain of matrices gives another gradient by {name} than backprop; the "
                    f"largest difference is {difference.max():.6g}"
                )
        return True

    def _by_backprop(self, rows: list[Tensor]) -> dict[str, Tensor]:
        """The same gradients from a plain run of the model."""
        params = {n: p.detach().requires_grad_() for n, p in self.model.named_parameters()}
        leaves = [x.detach().requires_grad_() if is_state(x) else x for x in leaves_of(self._inputs)]
        with enable_grad():
            output = self._setting.call(params, (self._inputs, {}), leaves)
        ends = [y for y in leaves_of(output) if is_state(y)]
        sources = [*params.values(), *(x for x in leaves if is_state(x))]
        pairs = [(y, dy._value) for y, dy in zip(ends, rows, strict=True) if y.requires_grad]
        roots, starts = zip(*pairs, strict=True) if pairs else ((), ())
        wanted = [edge_of(x) for x in sources]
        found = walk(roots, list(starts), False, False, wanted)
        names = [*params, *(f"input {i}" for i in range(len(sources) - len(params)))]
        return {
            name: wrap(found[edge]) if edge in found else wrap(np.zeros(x._value.shape, x._value.dtype))
            for name, edge, x in zip(names, wanted, sources, strict=True)
        }


class _Chain:
    """The gradients on their way from the last module to the first."""

    def __init__(self, jacobians: ModuleJacobians) -> None:
        self.jacobians = jacobians
        self.params = {id(p): n for n, p in jacobians.model.named_parameters()}
        self.by_weight: dict[str, Any] = {
            n: np.zeros(p._value.shape, p._value.dtype) for n, p in jacobians.model.named_parameters()
        }
        self.arriving: dict[Any, Any] = {}
        self.stops = [*(node for entry in jacobians for node in entry.nodes), *jacobians._sources]
        self.stops += [edge_of(p) for p in jacobians.model.parameters() if p.requires_grad]

    def send(self, edge: Any, dx: Any) -> None:
        """Bring a gradient through what lies between modules to those that feed it."""
        if edge is None:
            return
        root = wrap(dx)
        root._node = edge
        found = {edge: dx} if isinstance(edge, Tensor) else walk([root], [dx], True, False, self.stops)
        for stop, dz in found.items():
            self.arriving[stop] = self.arriving[stop] + dz if stop in self.arriving else dz

    def apply(self, entry: ModuleJacobian) -> None:
        """One link: the row by the module's output times its matrices."""
        arrived = [self.arriving.get(node) for node in entry.nodes]
        if all(dz is None for dz in arrived):
            return
        row = np.concatenate([
            (np.zeros(y._value.shape, y._value.dtype) if dz is None else dz).reshape(-1)
            for y, dz in zip(entry.outputs, arrived, strict=True)
        ])  # fmt: skip
        for name, p in entry.module.named_parameters():
            if id(p) in self.params:
                self.by_weight[self.params[id(p)]] += (row @ entry.weights[name]._value).reshape(p._value.shape)
        if any(edge is not None for edge in entry.edges):
            states = [x for x in entry.inputs if is_state(x)]
            for edge, dx in zip(entry.edges, unflat(wrap(row @ entry.state._value), states), strict=True):
                self.send(edge, dx._value)

    def results(self) -> dict[str, Tensor]:
        """What has arrived at the parameters and inputs."""
        found = {n: wrap(dw) for n, dw in self.by_weight.items()}
        for n, p in self.jacobians.model.named_parameters():
            if p in self.arriving:  # used between modules, too
                found[n] = wrap(found[n]._value + self.arriving[p])
        for i, (x, node) in enumerate(zip(self.jacobians._arguments, self.jacobians._sources, strict=True)):
            dx = self.arriving.get(node)
            found[f"input {i}"] = wrap(np.zeros(x._value.shape, x._value.dtype) if dx is None else dx)
        return found
