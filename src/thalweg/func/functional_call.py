"""Modules as functions of their parameters and buffers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..core.tensor import Tensor
from ..errors import ArgumentError, StateDictError
from ..nn.module import Module
from ..ops import shaping

__all__ = ["functional_call", "stack_module_state"]

Place = tuple[Module, str]  # a module, and the name of a parameter or buffer in it


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """The output of a module with other tensors in the place of its parameters and buffers.

    The module is as before afterwards; buffers that it changes in place are changed in the tensors that were given.

    Args:
        module: the module to call.
        parameter_and_buffer_dicts: tensors by their dotted names, or a sequence of such dictionaries, whose names must
            differ. What is not named keeps its own.
        args: the arguments; one that is no tuple is taken for the only one.
        kwargs: the arguments by keyword.
        tie_weights: a tensor that the module has under several names is replaced under all of them.
        strict: every parameter and buffer must be named.

    Raises:
        ArgumentError: a name occurs twice, or two tied names are given different tensors.
        StateDictError: the module has no such name, or with ``strict`` one is missing.

    >>> import thalweg as tw
    >>> double = {"weight": tw.tensor([[2.0]]), "bias": tw.zeros(1)}
    >>> tw.func.functional_call(tw.nn.Linear(1, 1), double, tw.tensor([3.0]))
    tensor([6.])
    """
    tensors = _merged(parameter_and_buffer_dicts)
    replacements = _replacements(module, tensors, tie_weights, strict)
    given = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(replacements):
        return module(*given, **(kwargs or {}))


def _merged(dicts: Any) -> Mapping[str, Tensor]:
    if isinstance(dicts, Mapping):
        return dicts
    if not isinstance(dicts, Sequence) or not all(isinstance(d, Mapping) for d in dicts):
        raise ArgumentError("functional_call: expects a dictionary of tensors, or a sequence of dictionaries")
    merged: dict[str, Tensor] = {}
    for d in dicts:
        twice = sorted(merged.keys() & d.keys())
        if twice:
            raise ArgumentError(f"functional_call: {', '.join(twice)} is in more than one of the dictionaries")
        merged.update(d)
    return merged


def _places(module: Module) -> dict[str, Place]:
    """Where each parameter and buffer of a module and those below it is kept, by its dotted name."""
    found: dict[str, Place] = {}
    for path, m in module.named_modules(remove_duplicate=False):
        for name in (*m._parameter_names, *m._buffer_names):
            if m.__dict__[name] is not None:
                found[f"{path}.{name}" if path else name] = (m, name)
    return found


def _replacements(
    module: Module, tensors: Mapping[str, Tensor], tie_weights: bool, strict: bool
) -> list[tuple[Place, Tensor]]:
    places = _places(module)
    unknown = sorted(tensors.keys() - places.keys())
    if unknown:
        raise StateDictError(f"functional_call: {type(module).__name__} has no {', '.join(unknown)}")
    chosen: dict[tuple[int, str], tuple[Place, Tensor]] = {}
    by_identity: dict[int, list[str]] = {}
    for name, (m, key) in places.items():
        by_identity.setdefault(id(m.__dict__[key]), []).append(name)
    covered = set(tensors)
    for name, tensor in tensors.items():
        m, key = places[name]
        names = by_identity[id(m.__dict__[key])] if tie_weights else [name]
        covered.update(names)
        for other in names:
            if other in tensors and tensors[other] is not tensor:
                raise ArgumentError(
                    f"functional_call: {name} and {other} are one tensor of the module but are given different ones; "
                    "use tie_weights=False to untie them"
                )
            owner, attribute = places[other]
            chosen[id(owner), attribute] = (places[other], tensor)
    missing = [name for name in places if name not in covered]
    if strict and missing:
        raise StateDictError(f"functional_call: missing {', '.join(missing)}; strict=False keeps the module's own")
    return list(chosen.values())


@contextmanager
def _replaced(replacements: list[tuple[Place, Tensor]]) -> Iterator[None]:
    """Within it the tensors are in their places; what was there comes back afterwards."""
    before = [(place, place[0].__dict__[place[1]]) for place, _ in replacements]
    try:
        for (module, name), tensor in replacements:
            module.__dict__[name] = tensor
        yield
    finally:
        for (module, name), tensor in before:
            module.__dict__[name] = tensor


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of several modules of one kind, stacked by name.

    With ``vmap`` over the two dictionaries one call computes all models.

    >>> import thalweg as tw
    >>> models = [tw.nn.Linear(3, 2) for _ in range(4)]
    >>> params, buffers = tw.func.stack_module_state(models)
    >>> params["weight"].shape
    thalweg.Size([4, 2, 3])

    Raises:
        ArgumentError: there are no models, or they differ in class, mode or names.
    """
    models = list(models)
    if not models:
        raise ArgumentError("stack_module_state: expects at least one model")
    first = models[0]
    if any(m.training is not first.training for m in models):
        raise ArgumentError("stack_module_state: the models are in different modes; call train() or eval() on all")
    if any(type(m) is not type(first) for m in models):
        raise ArgumentError("stack_module_state: the models must be of one class")
    params = _stacked([dict(m.named_parameters()) for m in models])
    return params, _stacked([dict(m.named_buffers()) for m in models])


def _stacked(states: list[dict[str, Any]]) -> dict[str, Tensor]:
    names = list(states[0])
    if any(list(s) != names for s in states):
        raise ArgumentError("stack_module_state: the models have parameters or buffers of different names")
    stacked = {}
    for name in names:
        tensors = [s[name] for s in states]
        new = shaping.stack([x.detach() for x in tensors])
        stacked[name] = new.requires_grad_() if tensors[0].requires_grad else new
    return stacked
