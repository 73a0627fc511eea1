"""The calls of modules while a model runs, with the matrices of each."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.hooks import add_hook
from ..core.tape import edge_of
from ..core.tensor import Tensor, wrap
from ..nn.hooks import ModuleHooks, everywhere
from ..nn.module import Module
from ..ops import shaping
from ..ops.random import default_generator
from ..transforms.forward import jacfwd
from ..transforms.reverse import aliased, jacrev
from ..transforms.trees import leaves_of, rebuilt
from .functional_call import functional_call

__all__ = ["ModuleJacobian", "Recorder", "Setting", "is_state", "unflat"]


class ModuleJacobian:
    """One call of a module, and its two kinds of matrices.

    Attributes:
        name: the module's dotted name in the model.
        module: the module.
        d_in, d_out: the number of elements of its floating-point inputs and outputs.
        weights: dz/dw by the name of the parameter, computed when it is looked up.
    """

    def __init__(self, name: str, module: Module, args: Any, kwargs: Any) -> None:
        self.name, self.module = name, module
        leaves = leaves_of((args, kwargs))
        self.edges = [edge_of(x) for x in leaves if is_state(x)]
        self.inputs = [x.detach().clone() if isinstance(x, Tensor) else x for x in leaves]
        self._structure = (args, kwargs)
        self._setting = Setting(module)
        self._params = {n: p.detach().clone() for n, p in module.named_parameters()}
        self.calls_others = False
        self.outputs: list[Tensor] = []
        self.nodes: list[Any] = []  # where the tape begins anew
        self.weights: Mapping[str, Tensor] = _Weights(self)

    def finish(self, output: Any) -> Any:
        """The output with tensors in it at which the tape begins anew."""
        cut = [aliased(y.detach()) if is_state(y) else y for y in leaves_of(output)]
        self.outputs = [y.detach() for y in cut if is_state(y)]
        self.nodes = [y._node for y in cut if is_state(y)]
        return rebuilt(output, cut)

    @property
    def d_in(self) -> int:
        return sum(x._value.size for x in self.inputs if is_state(x))

    @property
    def d_out(self) -> int:
        return sum(y._value.size for y in self.outputs)

    @functools.cached_property
    def state(self) -> Tensor:
        """dz/dx [d_out x d_in]."""
        states = [x for x in self.inputs if is_state(x)]
        return self._jacobian(self._of_state, states)

    def by_weight(self, name: str) -> Tensor:
        """dz/dw [d_out x d_w] for a parameter."""
        return self._jacobian(functools.partial(self._of_weight, name), [self._params[name]])

    def _jacobian(self, function: Callable[[Tensor], Tensor], tensors: list[Tensor]) -> Tensor:
        """By the mode that needs fewer passes."""
        if not tensors or not self.d_out:
            return wrap(np.zeros((self.d_out, sum(x._value.size for x in tensors))))
        vector = _flat(tensors)
        transform: Any = jacfwd if vector._value.size < self.d_out else jacrev
        result: Tensor = transform(function)(vector)
        return result.detach()

    def _of_state(self, vector: Tensor) -> Tensor:
        states = iter(unflat(vector, [x for x in self.inputs if is_state(x)]))
        return self._output([next(states) if is_state(x) else x for x in self.inputs], self._params)

    def _of_weight(self, name: str, vector: Tensor) -> Tensor:
        (weight,) = unflat(vector, [self._params[name]])
        return self._output(list(self.inputs), {**self._params, name: weight})

    def _output(self, inputs: list[Any], params: dict[str, Tensor]) -> Tensor:
        """The output as a vector."""
        output = self._setting.call(params, self._structure, inputs)
        return _flat([y for y in leaves_of(output) if is_state(y)])

    def row(self) -> tuple[str, str, str]:
        """The table's columns."""
        weights = ", ".join(f"{n} [{self.d_out} x {p._value.size}]" for n, p in self._params.items())
        label = f"{self.name} {type(self.module).__name__}".strip()
        return label, f"[{self.d_out} x {self.d_in}]", weights

    def __repr__(self) -> str:
        return "  ".join(self.row()).rstrip()


class _Weights(Mapping[str, Tensor]):
    """The matrices by the weights, computed once they are looked up."""

    def __init__(self, call: ModuleJacobian) -> None:
        self._call = call
        self._found: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._call._params:
            raise KeyError(name)
        if name not in self._found:
            self._found[name] = self._call.by_weight(name)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._call._params)

    def __len__(self) -> int:
        return len(self._call._params)

    def __repr__(self) -> str:
        return f"weights({', '.join(self)})"


class Setting:
    """What a call of a module depends on beside its arguments and parameters, as it is now."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.mark = default_generator.mark()
        self.training = {m: m.training for m in module.modules()}
        self.buffers = {n: b.detach().clone() for n, b in module.named_buffers()}

    def call(self, params: dict[str, Tensor], structure: Any, inputs: list[Any]) -> Any:
        """The module's output in this setting; copies of inputs and buffers may be changed in place by it."""
        args, kwargs = rebuilt(structure, [x.clone() if isinstance(x, Tensor) else x for x in inputs])
        buffers = {n: b.clone() for n, b in self.buffers.items()}
        with default_generator.rewound(self.mark), _modes(self.training):
            return functional_call(self.module, (params, buffers), tuple(args), kwargs)


class Recorder:
    """Notes the calls of modules while a model runs."""

    def __init__(self, model: Module) -> None:
        self.names = {m: name for name, m in model.named_modules()}
        self.entries: list[ModuleJacobian] = []
        self._open: list[ModuleJacobian] = []

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Within it every call of a module of the model is noted."""
        hooks = ModuleHooks()
        add_hook(hooks.forward_pre, (self._enter, True))
        add_hook(hooks.forward, (self._leave, True, False))
        everywhere.append(hooks)
        try:
            yield
        finally:
            everywhere.remove(hooks)

    def _enter(self, module: Module, args: Any, kwargs: Any) -> None:
        if module not in self.names:
            return
        for outer in self._open:
            outer.calls_others = True
        self._open.append(ModuleJacobian(self.names[module], module, args, kwargs))

    def _leave(self, module: Module, args: Any, kwargs: Any, output: Any) -> Any:
        if module not in self.names:
            return None
        entry = self._open.pop()
        if entry.calls_others:
            return None
        self.entries.append(entry)
        return entry.finish(output)


def is_state(x: Any) -> bool:
    """Whether this is a tensor that can be differentiated by."""
    return isinstance(x, Tensor) and x._value.dtype.kind == "f"


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    """The elements of all tensors as one vector."""
    return shaping.cat([shaping.reshape(x, -1) for x in tensors])


def unflat(vector: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """The inverse of ``_flat``."""
    pieces = shaping.split(vector, [x._value.size for x in like])
    return [shaping.reshape(p, x._value.shape).to(x.dtype) for p, x in zip(pieces, like, strict=True)]


@contextmanager
def _modes(training: Mapping[Module, bool]) -> Iterator[None]:
    """Within it modules are in the given modes."""
    before = {m: m.__dict__["training"] for m in training}
    try:
        for m, mode in training.items():
            m.__dict__["training"] = mode
        yield
    finally:
        for m, mode in before.items():
            m.__dict__["training"] = mode
