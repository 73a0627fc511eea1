"""Loading a ``state_dict``: first everything is compared, then, if it fits, everything is written."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.modes import no_grad
from ..core.tensor import Tensor
from ..errors import StateDictError
from .parameter import Parameter

if TYPE_CHECKING:
    from .module import Module

__all__ = ["EXTRA_STATE", "IncompatibleKeys", "load_state_dict"]

EXTRA_STATE = "_extra_state"  # the key under which a module's own extra state is kept


class IncompatibleKeys(NamedTuple):
    """What ``load_state_dict`` returns: the names that one side has and the other has not."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class _Plan:
    """What a state_dict means for a module: values to write, and what does not fit."""

    def __init__(self, entries: dict[str, Any], assign: bool) -> None:
        self.entries = entries
        self.assign = assign
        self.writes: list[tuple[Module, str, Tensor]] = []
        self.extras: list[tuple[Module, Any]] = []
        self.claimed: set[str] = set()
        self.missing: list[str] = []
        self.errors: list[str] = []

    def add(self, module: Module, prefix: str) -> None:
        """Compare what ``module`` holds itself with the entries below ``prefix``."""
        for name, current in module._saved_members():
            key = prefix + name
            if key not in self.entries:
                self.missing.append(key)
                continue
            self.claimed.add(key)
            value = self.entries[key]
            problem = _problem(current, value, self.assign)
            if problem is None:
                self.writes.append((module, name, value))
            else:
                self.errors.append(f"{key}: {problem}")
        if module._has_extra_state("set_extra_state"):
            key = prefix + EXTRA_STATE
            if key in self.entries:
                self.claimed.add(key)
                self.extras.append((module, self.entries[key]))
            else:
                self.missing.append(key)

    def unexpected(self) -> list[str]:
        return [key for key in self.entries if key not in self.claimed]

    def write(self) -> None:
        """Carry the plan out. Extra state comes first: only a module's own ``set_extra_state`` can still fail."""
        for module, extra in self.extras:
            module.set_extra_state(extra)
        with no_grad():
            for module, name, value in self.writes:
                current = module.__dict__[name]
                if self.assign:
                    setattr(module, name, _replacement(current, value))
                else:
                    current.copy_(value)


def _problem(current: Tensor, value: Any, assign: bool) -> str | None:
    """Why ``value`` can't take the place of ``current``, or None."""
    if not isinstance(value, Tensor):
        return f"expected a Tensor, got {type(value).__name__}"
    if value._value.shape != current._value.shape:
        return (
            f"size mismatch, the state_dict has {tuple(value._value.shape)}, the module {tuple(current._value.shape)}"
        )
    if not assign:
        read_only = not current._value.flags.writeable
        return "the module's memory is read-only (an expanded view?); load with assign=True" if read_only else None
    if current.requires_grad and not value.is_floating_point():
        return f"{value.dtype} can't require gradients as this parameter does"
    return None


def _replacement(current: Tensor, value: Tensor) -> Tensor:
    if not isinstance(current, Parameter):
        return value
    if not isinstance(value, Parameter):
        return Parameter(value, requires_grad=current.requires_grad)
    value.requires_grad_(current.requires_grad)
    return value


def load_state_dict(module: Module, state_dict: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
    """The work of ``Module.load_state_dict``."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"load_state_dict: expected a dictionary, got {type(state_dict).__name__}")
    metadata = getattr(state_dict, "_metadata", {})
    plan = _Plan(OrderedDict(state_dict), assign)
    modules = list(module.named_modules(remove_duplicate=False))
    for name, m in modules:
        prefix = f"{name}." if name else ""
        m._bring_up_to_date(plan.entries, prefix, metadata.get(name, {}))
        if m._hooks is not None:
            for hook in list(m._hooks.load_pre.values()):
                hook(m, plan.entries, prefix, metadata.get(name, {}), strict, plan.missing, [], plan.errors)
        plan.add(m, prefix)
    keys = IncompatibleKeys(plan.missing, plan.unexpected())
    problems = list(plan.errors)
    if strict and keys.unexpected_keys:
        problems.append(f"unexpected keys: {', '.join(keys.unexpected_keys)}")
    if strict and keys.missing_keys:
        problems.append(f"missing keys: {', '.join(keys.missing_keys)}")
    if problems:
        lines = "\n  ".join(problems)
        raise StateDictError(
            f"load_state_dict: the state_dict does not fit this {type(module).__name__}, and nothing was loaded:"
            f"\n  {lines}"
        )
    plan.write()
    for _, m in modules:
        if m._hooks is not None:
            for hook in list(m._hooks.load_post.values()):
                hook(m, keys)
    return keys
