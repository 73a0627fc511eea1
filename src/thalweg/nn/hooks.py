"""Hooks on modules: what runs before and after ``forward``, and when gradients pass a module."""

from __future__ import annotations

import contextlib
import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..core.hooks import ModuleHooks, RemovableHandle, add_hook, everywhere
from ..core.modes import state
from ..core.tensor import Tensor
from ..errors import ArgumentError, AutogradError
from ..ops.shaping import cat, reshape

if TYPE_CHECKING:
    from .module import Module

__all__ = [
    "ModuleHooks",
    "call_with_hooks",
    "everywhere",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
]


_registered = ModuleHooks()  # those of all modules


def _global_hooks() -> ModuleHooks:
    if _registered not in everywhere:
        everywhere.append(_registered)
    return _registered


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """``Module.register_forward_pre_hook`` for every module at once; runs before the module's own hooks."""
    return add_hook(_global_hooks().forward_pre, (hook, False))


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """``Module.register_forward_hook`` for every module at once; runs before the module's own hooks."""
    return add_hook(_global_hooks().forward, (hook, with_kwargs, always_call))


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """``Module.register_full_backward_pre_hook`` for every module at once; runs before the module's own hooks."""
    return add_hook(_global_hooks().backward_pre, hook)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """``Module.register_full_backward_hook`` for every module at once; runs before the module's own hooks."""
    return add_hook(_global_hooks().backward, hook)


def call_with_hooks(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``module.forward`` with every hook, global ones first. If it fails, ``always_call`` hooks still run."""
    if _registered in everywhere and not _registered.around_calls():
        with contextlib.suppress(ValueError):  # another thread may have done it
            everywhere.remove(_registered)  # the last of them was taken out: calls go the short way again
    levels = [*everywhere, module._hooks] if module._hooks is not None else list(everywhere)
    called: set[int] = set()
    output = None
    try:
        args, kwargs = _run_forward_pre(module, levels, args, kwargs)
        gate = _gate_for(module, levels)
        if gate is not None:
            args = gate.watch_inputs(args)
        output = module.forward(*args, **kwargs)
        for level in levels:
            for key, (hook, with_kwargs, _) in list(level.forward.items()):
                called.add(key)
                output = _run_forward(hook, with_kwargs, module, args, kwargs, output)
        return output if gate is None else gate.watch_output(output)
    except Exception:
        for level in levels:
            for key, (hook, with_kwargs, always_call) in list(level.forward.items()):
                if always_call and key not in called:
                    output = _run_despite_error(hook, with_kwargs, module, args, kwargs, output)
        raise


def _run_forward_pre(
    module: Module, levels: list[ModuleHooks], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    for level in levels:
        for hook, with_kwargs in list(level.forward_pre.values()):
            if not with_kwargs:
                result = hook(module, args)
                if result is not None:
                    args = result if isinstance(result, tuple) else (result,)
                continue
            result = hook(module, args, kwargs)
            if result is None:
                continue
            if not (isinstance(result, tuple) and len(result) == 2):
                raise ArgumentError(
                    "forward pre-hook: with_kwargs=True it must return None or a pair (args, kwargs), not "
                    f"{type(result).__name__}"
                )
            args, kwargs = result
    return args, kwargs


def _run_forward(
    hook: Callable[..., Any], with_kwargs: bool, module: Module, args: Any, kwargs: Any, output: Any
) -> Any:
    result = hook(module, args, kwargs, output) if with_kwargs else hook(module, args, output)
    return output if result is None else result


def _run_despite_error(
    hook: Callable[..., Any], with_kwargs: bool, module: Module, args: Any, kwargs: Any, output: Any
) -> Any:
    """A hook that runs although forward failed must not hide that error behind its own."""
    try:
        return _run_forward(hook, with_kwargs, module, args, kwargs, output)
    except Exception as error:
        warnings.warn(
            f"forward hook: one with always_call=True raised {type(error).__name__}: {error}; it is ignored in favour "
            "of the error that forward raised",
            stacklevel=4,
        )
        return output


def _gate_for(module: Module, levels: list[ModuleHooks]) -> _BackwardGate | None:
    if not state.recording:
        return None
    before = [hook for level in levels for hook in level.backward_pre.values()]
    after = [hook for level in levels for hook in level.backward.values()]
    return _BackwardGate(module, before, after) if before or after else None


class _BackwardGate:
    """One call of a module, watched for the gradients at its outputs and inputs.

    Several tensors pass through one node, a flat vector of them all, so that their gradients arrive together.
    """

    def __init__(self, module: Module, before: list[Callable[..., Any]], after: list[Callable[..., Any]]) -> None:
        self.module = module
        self.before = before  # hooks on the gradient by the outputs
        self.after = after  # hooks on the gradients by inputs and outputs
        self.inputs = _Watched(())
        self.outputs = _Watched(())
        self.grad_output: tuple[Any, ...] = ()

    def watch_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments behind a node whose hook sees the gradients by them."""
        self.inputs = _Watched(args)
        return self.inputs.behind(self._at_inputs) if self.after else args

    def watch_output(self, output: Any) -> Any:
        """The output behind a node whose hook sees the gradients by it; only a tensor or a tuple is looked into."""
        items = output if isinstance(output, tuple) else (output,)
        self.outputs = _Watched(items)
        watched = self.outputs.behind(self._at_outputs)
        return watched if isinstance(output, tuple) else watched[0]

    def _at_outputs(self, flat: Tensor) -> Tensor | None:
        grads = self.outputs.split(flat)
        changed = False
        for hook in self.before:
            result = hook(self.module, grads)
            if result is not None:
                grads, changed = _checked(result, grads, "backward pre-hook", "grad_output"), True
        self.grad_output = grads
        if not self.inputs.places:
            self._without_inputs()
        return self.outputs.join(grads) if changed else None

    def _without_inputs(self) -> None:
        """No input requires a gradient: the hooks run now, and have nothing to change."""
        nothing = (None,) * self.inputs.count
        for hook in self.after:
            result = hook(self.module, nothing, self.grad_output)
            if result is not None and any(g is not None for g in _as_tuple(result)):
                raise AutogradError(
                    "backward hook: no input of this module requires grad, so there is no gradient to replace; "
                    "return None"
                )

    def _at_inputs(self, flat: Tensor) -> Tensor | None:
        grads = self.inputs.split(flat)
        changed = False
        for hook in self.after:
            result = hook(self.module, grads, self.grad_output)
            if result is not None:
                grads, changed = _checked(result, grads, "backward hook", "grad_input"), True
        return self.inputs.join(grads) if changed else None


class _Watched:
    """Items of which the tensors that require a gradient are watched."""

    def __init__(self, items: tuple[Any, ...]) -> None:
        self.count = len(items)
        self.places = [i for i, x in enumerate(items) if isinstance(x, Tensor) and x.requires_grad]
        self.outlines = [(items[i].shape, items[i].dtype) for i in self.places]
        self.ends = list(itertools.accumulate(math.prod(shape) for shape, _ in self.outlines))
        self._given = items

    def behind(self, hook: Callable[[Tensor], Tensor | None]) -> tuple[Any, ...]:
        """The items, the watched ones taken from one flat vector on which ``hook`` waits for a gradient."""
        items, self._given = self._given, ()
        if not self.places:
            return items
        flat = cat([reshape(items[i], -1) for i in self.places])
        flat.register_hook(hook)
        pieces = self.split(flat)
        return tuple(x if piece is None else piece for x, piece in zip(items, pieces, strict=True))

    def split(self, flat: Tensor) -> tuple[Any, ...]:
        """The pieces of the flat vector at their places, None at the others."""
        pieces: list[Any] = [None] * self.count
        start = 0
        for i, (shape, dtype), end in zip(self.places, self.outlines, self.ends, strict=True):
            pieces[i] = reshape(flat[start:end], shape).to(dtype)
            start = end
        return tuple(pieces)

    def join(self, pieces: Sequence[Any]) -> Tensor:
        """The flat vector of the pieces."""
        return cat([reshape(pieces[i], -1) for i in self.places])


def _as_tuple(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else tuple(result) if isinstance(result, list) else (result,)


def _checked(result: Any, grads: tuple[Any, ...], what: str, name: str) -> tuple[Any, ...]:
    """What a hook returned instead of ``grads``, if it has their number and shapes."""
    new = _as_tuple(result)
    if len(new) != len(grads):
        raise AutogradError(f"{what}: returned {len(new)} gradients as {name}, expected {len(grads)}")
    for i, (a, b) in enumerate(zip(new, grads, strict=True)):
        if b is not None and (not isinstance(a, Tensor) or a.shape != b.shape):
            got = f"shape {tuple(a.shape)}" if isinstance(a, Tensor) else type(a).__name__
            raise AutogradError(f"{what}: {name}[{i}] must be a tensor of shape {tuple(b.shape)}, got {got}")
    return new
