"""A function or a module traced for a picture, with the names of everything that goes into it and comes out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any

import numpy as np

from ...compiler.compiled import Compiled
from ...compiler.graph import Graph, Node
from ...compiler.record import record
from ...compiler.recording import Outside, Recording, Result
from ...compiler.variables import Surroundings
from ...core.backward import backward
from ...core.structure import leaves
from ...core.tensor import Tensor, wrap
from ...errors import ArgumentError
from ...nn.module import Module
from ...nn.parameter import Parameter
from ...ops.random import Generator

__all__ = ["Given", "Program", "Role", "traced"]


class Role(Enum):
    """What an input of the graph is."""

    ARGUMENT = "argument"
    DATA = "data"  # a tensor from outside that is no parameter
    PARAMETER = "parameter"
    RANDOM = "random"  # the state of a generator
    IMPLICIT = "implicit"  # a buffer, a number, or a tensor that the function keeps for itself, as an optimiser does


@dataclass(frozen=True)
class Given:
    """An input of the graph: its role, its name, and where its value comes from."""

    role: Role
    name: str
    source: Any

    @property
    def tensor(self) -> Tensor | None:
        """The tensor that it is, if it is one."""
        return self.source.tensor if isinstance(self.source, Outside) else None


@dataclass
class Program:
    """A graph, with names.

    Attributes:
        title: the name of the function, or of the module's class.
        module: the module, if the program is one call of it.
        inputs: what each input of the graph is.
        results: the nodes that come out, with their names, in order.
        arguments: the tensors that the graph was traced with.
    """

    title: str
    graph: Graph
    module: Module | None
    inputs: dict[Node, Given] = field(default_factory=dict)
    results: list[tuple[Node, str]] = field(default_factory=list)
    arguments: list[Tensor] = field(default_factory=list)


def traced(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    with_backward: bool = False,
    loops: bool = True,
    called: Mapping[int, str] | None = None,
) -> Program:
    """Trace ``function(*args, **kwargs)``, and with ``with_backward`` the backward pass from its results too.

    Without ``loops`` a recurrent layer is recorded step by step. ``called`` gives names to tensors, by their id.

    Nothing is computed and nothing changes.

    Raises:
        TraceError: the function can't be traced; the message names the line.
        ArgumentError: the backward pass is asked for and no result requires a gradient.
    """
    if isinstance(function, Compiled):
        function = function.function
    module = function if isinstance(function, Module) else None
    arguments = _tensors((args, kwargs))
    recording = record(function, args, kwargs, arguments, keep=True, loops=loops)
    cotangents: dict[int, str] = {}
    if with_backward:
        starts = _cotangents(recording)
        cotangents = {id(x): f"∂C/∂{name}" for name, x in starts.items()}
        arguments += starts.values()
        target = partial(_with_backward, function, list(starts.values()))
        recording = record(target, args, kwargs, arguments, keep=True)
    title = type(function).__name__ if module is not None else getattr(function, "__name__", type(function).__name__)
    program = Program(title, recording.graph, module, arguments=arguments)
    names = _Names(function, args, kwargs)
    names.tensors.update({**cotangents, **(called or {})})
    written = set(recording.writes)
    for i, (node, source) in enumerate(zip(recording.graph.inputs, recording.sources, strict=True)):
        given = names.given(source, arguments)
        if given.role is Role.DATA and i in written:
            given = Given(Role.IMPLICIT, given.name, source)
        program.inputs[node] = given
    program.results = list(_results(recording, names))
    return program


def _cotangents(recording: Recording) -> dict[str, Tensor]:
    """A tensor for the gradient of a cost by each result, by the result's name."""
    found = {}
    for node, name, requires_grad in _named_results(recording):
        if requires_grad:
            found[name] = wrap(np.ones(node.shape, node.dtype))
    if not found:
        raise ArgumentError("diagram: backward=True needs a result that requires a gradient, and none does")
    return found


def _with_backward(function: Callable[..., Any], cotangents: list[Tensor], *args: Any, **kwargs: Any) -> Any:
    """The results; gradients are left at the parameters."""
    result = function(*args, **kwargs)
    backward([y for y in _tensors(result) if y.requires_grad], cotangents)
    return result


def _tensors(value: Any) -> list[Tensor]:
    """The tensors in nested containers, each once."""
    return list(dict.fromkeys(x for x in leaves(value) if isinstance(x, Tensor)))


class _Names:
    """How tensors are called where the function was written."""

    def __init__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.tensors: dict[int, str] = {}
        self.buffers: set[int] = set()
        modules = [function] if isinstance(function, Module) else Surroundings(function, list(args)).modules
        for name, x in _closure(function):
            self.tensors.setdefault(id(x), name)
        for module in _outermost(list(modules)):
            for name, p in module.named_parameters():
                self.tensors[id(p)] = name
            for name, b in module.named_buffers():
                self.tensors[id(b)] = name
                self.buffers.add(id(b))
        for name, value in _bound(function, args, kwargs).items():
            found = _tensors(value)
            for i, x in enumerate(found):
                self.tensors[id(x)] = name if len(found) == 1 else f"{name}[{i}]"

    def given(self, source: Any, arguments: list[Tensor]) -> Given:
        if isinstance(source, Generator):
            return Given(Role.RANDOM, "random state", source)
        if not isinstance(source, Outside):
            return Given(Role.IMPLICIT, "", source)
        x = source.tensor
        name = self.tensors.get(id(x), "")
        if source.argument is not None:
            return Given(Role.ARGUMENT, name or f"argument {source.argument}", source)
        if id(x) in self.buffers:
            return Given(Role.IMPLICIT, name, source)
        if isinstance(x, Parameter) or source.node is not None:
            return Given(Role.PARAMETER, name or "parameter", source)
        return Given(Role.DATA, name or "data", source)


def _closure(function: Any) -> Iterator[tuple[str, Tensor]]:
    """The tensors that a function finds in the scopes around it, by their names there."""
    try:
        variables = inspect.getclosurevars(function)
    except TypeError:
        return
    for name, value in {**variables.globals, **variables.nonlocals}.items():
        if isinstance(value, Tensor):
            yield name, value


def _outermost(modules: list[Module]) -> list[Module]:
    """The modules that are no part of another one."""
    inner = {m for module in modules for m in module.modules() if m is not module}
    return [module for module in modules if module not in inner]


def _bound(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments by the names of the function's parameters."""
    target = function.forward if isinstance(function, Module) else function
    try:
        return dict(inspect.signature(target).bind(*args, **kwargs).arguments)
    except (TypeError, ValueError):
        return {**{f"argument {i}": x for i, x in enumerate(args)}, **kwargs}


def _results(recording: Recording, names: _Names) -> Iterator[tuple[Node, str]]:
    """What the function returns, and the gradients that it leaves."""
    outputs = recording.graph.outputs
    for node, name, _ in _named_results(recording):
        yield node, name
    for gradient in recording.gradients:
        if gradient.position >= 0:
            yield outputs[gradient.position], f"∂C/∂ {names.tensors.get(id(gradient.tensor), 'tensor')}"


def _named_results(recording: Recording) -> Iterator[tuple[Node, str, bool]]:
    """The results, their names (a scalar is a cost C), and whether they require a gradient."""
    graph = recording.graph
    given = {s.argument: x for x, s in zip(graph.inputs, recording.sources, strict=True) if isinstance(s, Outside)}
    places = [r for r in _places(recording.results) if r.position >= 0 or r.argument in given]
    for i, place in enumerate(places):
        node = graph.outputs[place.position] if place.position >= 0 else given[place.argument]
        name = "output" if node.shape else "C"
        yield node, name if len(places) == 1 else f"{name} {i}", place.requires_grad


def _places(value: Any) -> list[Result]:
    return [x for x in leaves(value) if isinstance(x, Result)]
