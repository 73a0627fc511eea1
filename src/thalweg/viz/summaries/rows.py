"""The rows of a summary: the modules as a tree, each with all that is inside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ...core.tensor import Tensor
from ...nn.module import Module
from .measure import Measured

__all__ = ["Row", "rows_of"]


@dataclass
class Row:
    """One module, or a parameter that belongs to a module with submodules, and the sums over all that is inside it.

    Attributes:
        path: the dotted name; "" for the outermost module.
        kind: the name of the class.
        depth: how many modules it is inside.
        calls: how often it is called in one call of the outermost module; 0 for a parameter.
        output: what its last call returned, with a tuple (the shape) in the place of each tensor; of a parameter its
            shape; None if there was no call.
        reached: whether it, or a module inside it, is called; True of a parameter.
        trainable, frozen: how many numbers the parameters hold that require a gradient, or do not. What belongs to
            several modules counts in the first row that has it.
        shared: how many an earlier row has counted.
        parameter_bytes, buffer_bytes: their memory.
        flops: operations on numbers in all its calls; a multiply-add counts two.
        kept_bytes: what its calls keep for the backward pass, besides parameters and the model's own inputs.
        same_as: the path of the earlier row that shows this very module, or None.
    """

    path: str
    kind: str
    depth: int
    calls: int = 0
    output: Any = None
    reached: bool = True
    trainable: int = 0
    frozen: int = 0
    shared: int = 0
    parameter_bytes: int = 0
    buffer_bytes: int = 0
    flops: int = 0
    kept_bytes: int = 0
    same_as: str | None = None

    @property
    def parameters(self) -> int:
        """How many numbers the parameters hold."""
        return self.trainable + self.frozen

    def add(self, other: Row) -> None:
        """Count what another row holds too."""
        for name in ("trainable", "frozen", "shared", "parameter_bytes", "buffer_bytes", "flops", "kept_bytes"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass
class _Seen:
    """What earlier rows show and count."""

    modules: dict[Module, str] = field(default_factory=dict)
    tensors: set[int] = field(default_factory=set)


def rows_of(measured: Measured) -> list[Row]:
    """The outermost module's row, then those of what is inside it, in the order of registration."""
    return list(_module_rows(measured, measured.module, "", 0, _Seen()))


def _module_rows(measured: Measured, module: Module, path: str, depth: int, seen: _Seen) -> Iterator[Row]:
    row = Row(path, type(module).__name__, depth)
    if module in seen.modules:
        row.same_as = seen.modules[module]
        yield row
        return
    seen.modules[module] = path
    calls = measured.of.get(module, [])
    row.calls = len(calls)
    if calls:
        row.output = calls[-1].output
    row.flops = sum(call.flops for call in calls)
    row.kept_bytes = sum(call.kept for call in calls)
    inner = list(_inner_rows(measured, module, row, seen))
    row.reached = bool(calls) or any(m in measured.of for m in module.modules())
    for other in inner:
        if other.depth == depth + 1:
            row.add(other)
    yield row
    yield from inner


def _inner_rows(measured: Measured, module: Module, row: Row, seen: _Seen) -> Iterator[Row]:
    """Of submodules, and of parameters beside these; what else the module owns is counted in its own row."""
    prefix = f"{row.path}." if row.path else ""
    children = [(name, child) for name, child in module._modules.items() if child is not None]
    for name, p in module._parameters.items():
        if p is not None:
            counted = _parameter_row(prefix + name, p, row.depth + 1, seen)
            if children:
                yield counted
            else:
                row.add(counted)
    for b in module._buffers.values():
        if b is not None and id(b) not in seen.tensors:
            seen.tensors.add(id(b))
            row.buffer_bytes += _bytes(b)
    for name, child in children:
        yield from _module_rows(measured, child, prefix + name, row.depth + 1, seen)


def _parameter_row(path: str, p: Tensor, depth: int, seen: _Seen) -> Row:
    size = p.numel()
    row = Row(path, type(p).__name__, depth, output=tuple(p.shape))
    if id(p) in seen.tensors:
        row.shared = size
        return row
    seen.tensors.add(id(p))
    row.trainable, row.frozen = (size, 0) if p.requires_grad else (0, size)
    row.parameter_bytes = _bytes(p)
    return row


def _bytes(x: Tensor) -> int:
    return x.numel() * x.element_size()
