"""One call of a module, traced and measured: what each module returns, computes, and keeps for the backward pass."""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...core.hooks import ModuleHooks, everywhere
from ...core.modes import enable_grad, no_grad
from ...core.origin import Scope, here, scope_of
from ...core.structure import leaves, mapped
from ...core.tape import Node
from ...core.tensor import Tensor
from ...nn.module import Module
from ...nn.parameter import UninitializedBuffer, UninitializedParameter
from ...nn.registry import Registry
from ...ops.memory import Memory
from ...ops.random import get_rng_state, set_rng_state

__all__ = ["Call", "Measured", "is_lazy", "measure", "ready"]


class Call:
    """One call of a module.

    Attributes:
        output: what it returned, with a tuple (the shape) in the place of each tensor.
        flops: those outside of its submodules.
        kept: the bytes that it keeps for the backward pass, those of its submodules left out.
    """

    def __init__(self) -> None:
        self.output: Any = None
        self.flops = 0
        self.kept = 0


class Measured:
    """The calls of all modules in one call of the outermost, in the order in which they began."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.calls: dict[Scope, Call] = {}
        self.of: dict[Module, list[Call]] = {}  # those of one module

    def begin(self, scope: Scope, module: Module) -> Call:
        """Add a call."""
        call = self.calls[scope] = Call()
        self.of.setdefault(module, []).append(call)
        return call


def measure(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Measured:
    """Trace ``module(*args, **kwargs)``; nothing is computed, and the module stays as it is.

    Raises:
        TraceError: the module branches on a value, which is not known while it is traced.
    """
    from ...compiler.record import record  # here, so that importing thalweg does not load the compiler

    found = Measured(module)
    arguments = [x for x in leaves((args, kwargs)) if isinstance(x, Tensor)]
    with unchanged(module), enable_grad():
        graph = record(_Watch(found), args, kwargs, list(dict.fromkeys(arguments)), keep=True).graph
    for node in graph.nodes():
        call = found.calls.get(node.origin.scope) if node.origin.scope is not None else None
        if call is not None:
            call.flops += node.flops
    return found


def is_lazy(module: Module) -> bool:
    """Whether a parameter or buffer has no shape yet."""
    members = [*module.parameters(), *module.buffers()]
    return any(isinstance(x, (UninitializedParameter, UninitializedBuffer)) for x in members)


def ready(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Module:
    """The module; if it learns shapes from its first input, a copy that has seen one."""
    if not is_lazy(module):
        return module
    module, args, kwargs = copy.deepcopy((module, args, kwargs))
    state = get_rng_state()
    try:
        with no_grad():
            module(*args, **kwargs)
    finally:
        set_rng_state(state)
    return module


@contextmanager
def unchanged(module: Module) -> Iterator[None]:
    """Within it a call may assign attributes of the modules; afterwards they are as before."""
    before = [(m, Registry.__getstate__(m)) for m in module.modules()]
    try:
        yield
    finally:
        for m, members in before:
            m.__dict__.clear()
            m.__dict__.update(members)


class _Watch:
    """The function that is traced: one call of the outermost module, watched."""

    def __init__(self, found: Measured) -> None:
        self.found = found
        self.running: list[Call] = []
        self.thread = threading.get_ident()
        self.hooks = ModuleHooks()
        self.hooks.forward_pre[0] = (self.enter, False)
        self.hooks.forward[0] = (self.leave, False, True)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        everywhere.append(self.hooks)
        try:
            output = self.found.module(*args, **kwargs)
        finally:
            everywhere.remove(self.hooks)
        _add_kept(self.found, output)
        return output

    def enter(self, module: Module, args: Any) -> None:
        """Before each call of a module."""
        scope = here().scope
        if scope is not None and threading.get_ident() == self.thread:
            self.running.append(self.found.begin(scope, module))

    def leave(self, module: Module, args: Any, output: Any) -> None:
        """After each."""
        if self.running and threading.get_ident() == self.thread:
            self.running.pop().output = mapped(_shape, output)


def _shape(x: Any) -> Any:
    return tuple(x._value.shape) if isinstance(x, Tensor) else x


def _add_kept(found: Measured, output: Any) -> None:
    """Give each memory on the tape to the call that kept it first.

    What was there before the call, its parameters and arguments, is not counted, and what is a view of another counts
    as that.
    """
    seen: set[Any] = set()
    for node in sorted(_tape(output), key=lambda node: -node.number):
        scope = scope_of(node)
        call = found.calls.get(scope) if scope is not None else None
        for value in (*(node.inputs or ()), node.output):
            memory = value.root if isinstance(value, Memory) else None
            if memory is None or memory in seen or memory in memory.trace.positions or memory.weak:
                continue
            seen.add(memory)
            if call is not None:
                call.kept += math.prod(memory.shape) * memory.dtype.itemsize


def _tape(output: Any) -> set[Node]:
    """The nodes that lead from the output's tensors back."""
    stack: list[Any] = [x._node for x in leaves(output) if isinstance(x, Tensor)]
    found: set[Node] = set()
    while stack:
        node = stack.pop()
        if isinstance(node, Node) and node not in found:
            found.add(node)
            stack.extend(node.edges)
    return found
