"""The base class of all optimisers: parameter groups, state, their dictionaries, and hooks."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..core.hooks import RemovableHandle, add_hook
from ..core.modes import state as modes
from ..core.tape import mark_changed
from ..core.tensor import Tensor, wrap
from ..errors import OptimizerError
from .watching import Structure, followed, watch_hooks, watch_structure

__all__ = ["Optimizer", "required"]

Group = dict[str, Any]


class _Required:
    """Stands among the defaults for an option that every group has to give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


class Optimizer:
    """Parameters in groups, each group with its own options; ``step`` changes them by their gradients.

    Args:
        params: tensors, ``(name, tensor)`` pairs, or dictionaries: one for each group, with the key "params" and
            the options in which the group differs from ``defaults``.
        defaults: the options of groups that do not give them; ``required`` for those they must give.

    ``param_groups`` is the list of groups, ``state`` maps a parameter to a dictionary of its own. A subclass defines
    ``step``. An optimiser that is one pure rule derives from ``RuleOptimizer``, which brings its ``step`` along.

    A parameter that stands twice in a group is refused; PyTorch warns, and updates it twice.

    Raises:
        OptimizerError: no parameters, a tensor that is no leaf, one that is in two groups, an option that is missing.
        TypeError: something else than tensors in an ordered collection.

    >>> import thalweg as tw
    >>> class Descent(tw.optim.Optimizer):
    ...     def __init__(self, params, lr):
    ...         super().__init__(params, {"lr": lr})
    ...
    ...     @tw.no_grad()
    ...     def step(self, closure=None):
    ...         for group in self.param_groups:
    ...             for p in group["params"]:
    ...                 if p.grad is not None:
    ...                     p.sub_(group["lr"] * p.grad)
    >>> w = tw.tensor([3.0], requires_grad=True)
    >>> optimizer = Descent([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([1.5000], requires_grad=True)
    """

    _structure: Structure | None = None  # what a traced function has seen
    _opt_called: bool  # set by the schedulers: whether ``step`` has run since the first of them was made

    def __init_subclass__(cls, tells_tracer: bool = False, **options: Any) -> None:
        """``tells_tracer`` says of a class that its ``step`` tells a tracer what it reads; others are watched."""
        super().__init_subclass__(**options)
        if "step" in cls.__dict__ and not tells_tracer:
            cls.step = followed(cls.__dict__["step"])  # type: ignore[method-assign]

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(f"{self._name()}: params must be an iterable of tensors or dicts, not one tensor; use [p]")
        self.defaults = defaults
        self.state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[Group] = []
        self._forget()
        groups = list(params)
        if not groups:
            raise OptimizerError(
                f"{self._name()}: got no parameters; params is empty, or an iterator that was already used up"
            )
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def _forget(self) -> None:
        """Start without hooks."""
        self._hooks: dict[str, dict[int, Any]] = {}

    def _name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        lines = [f"{self._name()} ("]
        for i, group in enumerate(self.param_groups):
            lines.extend([""] * (i > 0))
            lines.append(f"Parameter Group {i}")
            lines.extend(f"    {key}: {group[key]}" for key in sorted(group) if key != "params")
        return "\n".join([*lines, ")"])

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_hooks" not in self.__dict__:
            self._forget()

    # -- groups -------------------------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group: a dictionary with "params" and the options in which it differs from the defaults."""
        self.param_groups.append(self._new_group(param_group))

    def _new_group(self, given: dict[str, Any]) -> Group:
        """The group with its options filled in; nothing is changed if one of its entries is refused."""
        if not isinstance(given, dict):
            raise TypeError(f"{self._name()}: a parameter group must be a dict, not {type(given).__name__}")
        group = dict(given)
        names, group["params"] = self._ordered(given["params"])
        if names:
            group["param_names"] = names
        for name, default in self.defaults.items():
            if default is required and name not in group:
                raise OptimizerError(f"{self._name()}: the parameter group does not give {name}, which is required")
            group.setdefault(name, default)
        self._check_params(group)
        self._check_group(group)
        return group

    def _ordered(self, params: Any) -> tuple[list[str], list[Tensor]]:
        """The names (if given) and the tensors of a group."""
        if isinstance(params, (set, frozenset)):
            raise TypeError(f"{self._name()}: the order of a set changes between runs; give the parameters in a list")
        entries = [params] if isinstance(params, Tensor) else list(params)
        names = [entry[0] for entry in entries if isinstance(entry, tuple)]
        if names and len(names) != len(entries):
            raise OptimizerError(
                f"{self._name()}: {len(names)} of {len(entries)} parameters have names; name all of them or none"
            )
        return names, [entry[1] for entry in entries] if names else entries

    def _check_params(self, group: Group) -> None:
        name, params = self._name(), group["params"]
        for i, p in enumerate(params):
            if not isinstance(p, Tensor):
                raise TypeError(f"{name}: can only optimise tensors, but parameter {i} is of type {type(p).__name__}")
            if not (p.is_leaf or p.retains_grad):
                raise OptimizerError(
                    f"{name}: can't optimise a non-leaf tensor: parameter {i} (shape {tuple(p.shape)}) was made by an "
                    "operation; pass the tensor that it was made from, or detach() it first"
                )
        owner = {p: k for k, other in enumerate(self.param_groups) for p in other["params"]}
        seen: set[Tensor] = set()
        for i, p in enumerate(params):
            if p in seen or p in owner:
                where = "twice in its group" if p in seen else f"in parameter group {owner[p]} already"
                raise OptimizerError(
                    f"{name}: parameter {i} (shape {tuple(p.shape)}) is {where}; a tensor can be optimised once only"
                )
            seen.add(p)
        for k, other in enumerate(self.param_groups):
            if ("param_names" in other) != ("param_names" in group):
                raise OptimizerError(f"{name}: either all parameter groups have names or none; group {k} differs")

    def _check_group(self, group: Group) -> None:
        """Refuse options that ``step`` can't work with; subclasses say which."""

    # -- stepping -----------------------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the parameters by their gradients.

        ``closure`` computes the loss and the gradients anew; what it returns is returned.
        """
        raise NotImplementedError(f"{self._name()} does not define step")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients: set them to None, or to zeros in the same memory."""
        if modes.tracer is not None:
            watch_structure(self, modes.tracer)
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                elif p._grad is not None:
                    _clear(p)

    def _step_with_hooks(self, *args: Any, **kwargs: Any) -> Any:
        """Takes the place of ``step`` on an instance that has step hooks, so that others pay nothing for them."""
        args = (self, *args)  # hooks see the arguments as a function would, as PyTorch's do
        for hook in list(self._hooks["step_pre"].values()):
            changed = hook(self, args, kwargs)
            if changed is not None:
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise OptimizerError(
                        f"{self._name()}: a step pre-hook must return None or (args, kwargs), got {changed!r}"
                    )
                args, kwargs = changed
        result = type(self).step(*args, **kwargs)
        for hook in list(self._hooks["step_post"].values()):
            hook(self, args, kwargs)
        if not (self._hooks["step_pre"] or self._hooks["step_post"]):
            self.__dict__.pop("step", None)
        if modes.tracer is not None:
            watch_hooks(self, modes.tracer)
        return result

    # -- hooks --------------------------------------------------------------------------------------------

    def _add_hook(self, kind: str, hook: Callable[..., Any], first: bool = False) -> RemovableHandle:
        return add_hook(self._hooks.setdefault(kind, {}), hook, first)

    def _add_step_hook(self, kind: str, hook: Callable[..., Any]) -> RemovableHandle:
        for each in ("step_pre", "step_post"):
            self._hooks.setdefault(each, {})
        self.__dict__["step"] = self._step_with_hooks
        return self._add_hook(kind, hook)

    def _run_hooks(self, kind: str, *args: Any) -> Any:
        """Call the hooks in turn; the last argument is replaced by what one of them returns."""
        for hook in list(self._hooks.get(kind, {}).values()):
            result = hook(self, *args)
            if result is not None and args:
                args = (*args[:-1], result)
        return args[-1] if args else None

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return new ``(args, kwargs)``."""
        return self._add_step_hook("step_pre", hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return self._add_step_hook("step_post", hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` before ``state_dict`` reads the state."""
        return self._add_hook("state_dict_pre", hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` on what ``state_dict`` is about to return; it may return another."""
        return self._add_hook("state_dict_post", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before loading; it may return another dictionary to load."""
        return self._add_hook("load_pre", hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` after a state was loaded."""
        return self._add_hook("load_post", hook, prepend)

    # -- dictionaries -------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The state and the options, with numbers in place of the parameters.

        ``{"state": {0: {...}, ...}, "param_groups": [{"lr": ..., "params": [0, 1, ...]}, ...]}``: PyTorch's form.
        The tensors in it are the optimiser's own and change with the next step; ``copy.deepcopy`` freezes them.
        """
        self._run_hooks("state_dict_pre")
        number: dict[int, int] = {}
        for group in self.param_groups:
            for p in group["params"]:
                number[id(p)] = len(number)
        packed: dict[str, Any] = {
            "state": {number[id(p)] if isinstance(p, Tensor) else p: s for p, s in self.state.items() if s},
            "param_groups": [
                {
                    **{k: v for k, v in group.items() if k != "params"},
                    "params": [number[id(p)] for p in group["params"]],
                }
                for group in self.param_groups
            ],
        }
        return self._run_hooks("state_dict_post", packed)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over copies of the state and the options that ``state_dict`` returned, here or in PyTorch.

        The parameters are matched by their order. Tensors are converted to the parameter's dtype, but for "step".
        Other arrays (PyTorch's tensors among them) become tensors.

        Raises:
            OptimizerError: the groups differ in number or size, or a tensor of the state does not have the shape of
                its parameter. Nothing is changed then.
        """
        loaded = self._run_hooks("load_pre", dict(state_dict))
        saved = loaded["param_groups"]
        self._check_sizes(saved)
        groups = [_merged(own, new) for own, new in zip(self.param_groups, saved, strict=True)]
        param_of: dict[Any, Tensor] = {}
        for group, new in zip(groups, saved, strict=True):
            param_of.update(zip(new["params"], group["params"], strict=True))
        state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        for key, entry in loaded["state"].items():
            if key in param_of:
                state[param_of[key]] = _fitted(entry, param_of[key], None)
                self._check_state(state[param_of[key]], param_of[key], f"parameter {key} in the loaded state")
            else:
                state[key] = copy.deepcopy(entry)
        for group in groups:
            for name, default in self.defaults.items():
                group.setdefault(name, default)
            self._check_group(group)
        self.__setstate__({"state": state, "param_groups": groups})
        self._run_hooks("load_post")

    def _check_sizes(self, saved: list[Any]) -> None:
        name = self._name()
        if len(saved) != len(self.param_groups):
            raise OptimizerError(
                f"{name}: the loaded state has {len(saved)} parameter groups, the optimiser has "
                f"{len(self.param_groups)}"
            )
        for i, (own, new) in enumerate(zip(self.param_groups, saved, strict=True)):
            if len(own["params"]) != len(new["params"]):
                raise OptimizerError(
                    f"{name}: parameter group {i} of the loaded state has {len(new['params'])} parameters, the "
                    f"optimiser's has {len(own['params'])}"
                )

    def _check_state(self, entry: dict[str, Any], p: Tensor, owner: str) -> None:
        """Refuse a state that does not fit parameter ``p``; subclasses that know their state say when."""


def _clear(p: Tensor) -> None:
    """Zero the gradient in its own memory, unless that memory belongs to a graph."""
    grad = p._grad
    assert grad is not None
    if grad._node is None and grad._value.flags.writeable:
        grad._value.fill(0)
        mark_changed(grad)
    else:
        p._grad = wrap(np.zeros(grad._value.shape, grad._value.dtype))


def _merged(own: Group, new: dict[str, Any]) -> Group:
    """The loaded options with the optimiser's own parameters."""
    group = {key: _copied(value) for key, value in new.items() if key != "params"}
    if "param_names" in own:
        group.setdefault("param_names", own["param_names"])
    group["params"] = own["params"]
    return group


def _is_array(value: Any) -> bool:
    return isinstance(value, (Tensor, np.ndarray)) or (hasattr(value, "__array__") and hasattr(value, "dtype"))


def _copied(value: Any) -> Any:
    """A copy of an option; arrays become tensors."""
    if not _is_array(value) or isinstance(value, np.generic):
        return copy.deepcopy(value)
    return wrap(np.array(value._value if isinstance(value, Tensor) else np.asarray(value)))


def _fitted(value: Any, p: Tensor, key: Any) -> Any:
    """A copy of an entry of the state in the parameter's dtype; dictionaries and sequences entry by entry."""
    if _is_array(value):
        tensor = _copied(value)
        if isinstance(tensor, Tensor) and p._value.dtype.kind == "f" and key != "step":
            tensor._value = tensor._value.astype(p._value.dtype, copy=False)
        return tensor
    if isinstance(value, Mapping):
        return {k: _fitted(v, p, k) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_fitted(v, p, None) for v in value)
    return copy.deepcopy(value)
