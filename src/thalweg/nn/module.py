"""Module: the base of every layer, loss and network."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np

from ..core.device import require_cpu
from ..core.dtypes import dtype
from ..core.hooks import RemovableHandle, add_hook
from ..core.modes import no_grad
from ..core.tensor import Tensor, wrap
from ..errors import ArgumentError, DtypeError
from ..ops.creation import empty_like
from .hooks import ModuleHooks, call_with_hooks, everywhere
from .parameter import Parameter
from .registry import Registry
from .state import EXTRA_STATE, IncompatibleKeys, load_state_dict

if TYPE_CHECKING:
    from ..viz.summaries import Summary

__all__ = ["Module"]


class Module(Registry):
    """The base of every layer, loss and network: a function with parameters inside.

    A subclass calls ``super().__init__()``, assigns its parameters and submodules as attributes, and computes its
    output in ``forward``. Calling the module runs ``forward`` and the hooks.

    Parameters, buffers and submodules are ordinary attributes in the instance's ``__dict__``; PyTorch's
    ``_parameters``, ``_buffers`` and ``_modules`` are live views of them.

    >>> import thalweg as tw
    >>> class Line(tw.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.slope = tw.nn.Parameter(tw.tensor(2.0))
    ...     def forward(self, x):
    ...         return self.slope * x
    >>> line = Line()
    >>> line(tw.tensor(3.0)).item(), [name for name, _ in line.named_parameters()]
    (6.0, ['slope'])
    """

    training: bool = True
    _version: int = 1  # of the layout of the state_dict; kept in its metadata
    _hooks: ModuleHooks | None = None

    def __init__(self) -> None:
        super().__init__()
        self.__dict__["training"] = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._hooks is None and not everywhere:
            return self.forward(*args, **kwargs)
        return call_with_hooks(self, args, kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The output; every subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(); define it to say what the module computes")

    if TYPE_CHECKING:

        def summary(self, *inputs: Any, depth: int = ..., **kwargs: Any) -> Summary:
            """A table of the modules: classes, output shapes, parameters, FLOPs, memory; see ``viz.summary``."""

    # -- members ------------------------------------------------------------------------------------------

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Each parameter once, those of submodules too if ``recurse``."""
        for _, p in self.named_parameters(recurse=recurse):
            yield p

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their dotted names; a shared one only once, unless ``remove_duplicate`` is False."""
        return self._named_members("_parameter_names", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Each buffer once, those of submodules too if ``recurse``."""
        for _, b in self.named_buffers(recurse=recurse):
            yield b

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their dotted names; a shared one only once, unless ``remove_duplicate`` is False."""
        return self._named_members("_buffer_names", prefix, recurse, remove_duplicate)

    def _named_members(
        self, names: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            values = module.__dict__
            for name in getattr(module, names):
                value = values[name]
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield f"{path}.{name}" if path else name, value

    def children(self) -> Iterator[Module]:
        """Each direct submodule once."""
        for _, module in self.named_children():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The direct submodules with their names, each once."""
        seen: set[Module] = set()
        for name in list(self._module_names):
            module = self.__dict__[name]
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        for _, module in self.named_modules():
            yield module

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it with their dotted names; a shared one once, unless told otherwise."""
        if memo is None:
            memo = set()
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name in list(self._module_names):
            module = self.__dict__[name]
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def get_submodule(self, target: str) -> Module:
        """The submodule with this dotted name; the module itself for "".

        Raises:
            AttributeError: there is none, or the name belongs to something else.

        >>> import thalweg as tw
        >>> tw.nn.Sequential(tw.nn.Sequential(tw.nn.Tanh())).get_submodule("0.0")
        Tanh()
        """
        module: Module = self
        for name in target.split(".") if target else ():
            found = module.__dict__.get(name, getattr(module, name, None))
            if not isinstance(found, Module):
                what = f"has no attribute {name!r}" if found is None else f"holds no module under {name!r}"
                raise AttributeError(f"get_submodule: {type(module).__name__} {what} (looking for {target!r})")
            module = found
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put ``module`` at a dotted name; with ``strict`` only in the place of another.

        Raises:
            ArgumentError: ``target`` is empty.
            AttributeError: there is no module to put it into, or with ``strict`` none to replace.
        """
        path, _, name = target.rpartition(".")
        if not name:
            raise ArgumentError("set_submodule: the target must not be empty; assign to the variable instead")
        if strict:
            self.get_submodule(target)
        setattr(self.get_submodule(path), name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with this dotted name; AttributeError if there is none."""
        found = self._get_member(target, "_parameter_names", "parameter")
        assert isinstance(found, Parameter)
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer with this dotted name; AttributeError if there is none."""
        return self._get_member(target, "_buffer_names", "buffer")

    def _get_member(self, target: str, names: str, kind: str) -> Tensor:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if name not in getattr(module, names) or module.__dict__[name] is None:
            raise AttributeError(f"get_{kind}: {type(module).__name__} has no {kind} {name!r} (looking for {target!r})")
        return module.__dict__[name]

    # -- modes --------------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Set training mode here and below: layers such as Dropout behave differently in it. Returns the module."""
        if not isinstance(mode, bool):
            raise ArgumentError(f"train: the mode must be True or False, not {mode!r}")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Ask for gradients of all parameters here and below, or stop asking. Returns the module."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for p in self.parameters():
            if p._grad is None:
                continue
            if set_to_none:
                p._grad = None
            else:
                p._grad = p._grad.detach()
                p._grad.zero_()

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call ``fn`` with every module below and then with this one. Returns the module.

        >>> import thalweg as tw
        >>> net = tw.nn.Sequential(tw.nn.Linear(1, 1), tw.nn.Tanh())
        >>> _ = net.apply(lambda m: print(type(m).__name__))
        Linear
        Tanh
        Sequential
        """
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # -- conversion ---------------------------------------------------------------------------------------

    def _apply(self, fn: Callable[[Tensor], Tensor]) -> Self:
        """Replace the value of every parameter, its gradient, and every buffer by ``fn`` of it.

        Parameters remain the same objects, so that optimisers keep theirs.
        """
        for module in self.children():
            module._apply(fn)
        return self._apply_here(fn)

    def _apply_here(self, fn: Callable[[Tensor], Tensor]) -> Self:
        """``_apply`` without what is below."""
        for p in self._parameters.values():
            if p is not None:
                _replace_value(p, fn)
        for name in self._buffer_names:
            if self.__dict__[name] is not None:
                setattr(self, name, fn(self.__dict__[name]))
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Convert floating-point parameters and buffers in place: ``to(dtype)``, ``to(tensor)``; returns the module.

        The only device is "cpu".

        Raises:
            DtypeError: the dtype is not a floating-point one.
        """
        if not wrap(np.zeros(0)).to(*args, **kwargs).is_floating_point():
            raise DtypeError(f"to: a module can only be converted to a floating-point dtype, got {args or kwargs}")
        return self._apply(_Conversion(args, kwargs, only_floating=True))

    def type(self, dst_type: dtype) -> Self:
        """Convert all parameters and buffers in place, integers too."""
        return self._apply(_Conversion((dst_type,), {}, only_floating=False))

    def float(self) -> Self:
        """Convert floating-point parameters and buffers to float32."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Convert floating-point parameters and buffers to float64."""
        return self.to(np.float64)

    def half(self) -> Self:
        """Convert floating-point parameters and buffers to float16."""
        return self.to(np.float16)

    def cpu(self) -> Self:
        """This module: the CPU is the only device."""
        return self

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Give every parameter and buffer new memory, whose values are to be set; returns the module."""
        return self._apply(empty_like) if recurse else self._apply_here(empty_like)

    def share_memory(self) -> Self:
        """This module: workers get copies of what they need."""
        return self

    def cuda(self, device: Any = None) -> Self:
        """Refused: there is only the CPU.

        Raises:
            DeviceError: always. ``model.to("cuda" if tw.cuda.is_available() else "cpu")`` runs everywhere.
        """
        require_cpu("cuda" if device is None else device, "cuda")
        return self

    # -- state --------------------------------------------------------------------------------------------

    def _saved_members(self) -> Iterator[tuple[str, Tensor]]:
        """The parameters and persistent buffers of this module itself, by name."""
        for name in self._parameter_names:
            if self.__dict__[name] is not None:
                yield name, self.__dict__[name]
        for name, persistent in self._buffer_names.items():
            if persistent and self.__dict__[name] is not None:
                yield name, self.__dict__[name]

    def _has_extra_state(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(Module, method)

    def get_extra_state(self) -> Any:
        """What else belongs into the ``state_dict``; a subclass that defines it defines ``set_extra_state`` too."""
        raise NotImplementedError(f"{type(self).__name__} has no get_extra_state()")

    def set_extra_state(self, state: Any) -> None:
        """Take back what ``get_extra_state`` gave."""
        raise NotImplementedError(f"{type(self).__name__} has no set_extra_state()")

    @overload
    def state_dict(self, *, prefix: str = ..., keep_vars: bool = ...) -> OrderedDict[str, Any]: ...
    @overload
    def state_dict(self, *, destination: Any, prefix: str = ..., keep_vars: bool = ...) -> Any: ...
    def state_dict(self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """The parameters and persistent buffers, here and below, by their dotted names.

        The tensors share the memory of the module's, without history; with ``keep_vars`` they are the module's own.

        >>> import thalweg as tw
        >>> list(tw.nn.Sequential(tw.nn.Linear(2, 1), tw.nn.Tanh()).state_dict())
        ['0.weight', '0.bias']
        """
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        hooks = self._hooks
        if hooks is not None:
            for hook in list(hooks.state_dict_pre.values()):
                hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name in self._module_names:
            module = self.__dict__[name]
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        if hooks is not None:
            for hook in list(hooks.state_dict_post.values()):
                hook(self, destination, prefix, metadata)
        return destination

    def _bring_up_to_date(self, entries: dict[str, Any], prefix: str, metadata: dict[str, Any]) -> None:
        """Change the entries of a ``state_dict`` that an older version of the layer has written, before loading."""

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Write what this module itself holds; a subclass may add to it."""
        for name, value in self._saved_members():
            destination[prefix + name] = value if keep_vars else value.detach()
        if self._has_extra_state("get_extra_state"):
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Take over the values of a ``state_dict``, all of them or, if something does not fit, none.

        Args:
            state_dict: tensors by name.
            strict: refuse missing and unexpected names instead of returning them.
            assign: put the given tensors in the place of the module's, with their dtype, instead of copying.

        Raises:
            StateDictError: it names every missing and unexpected key and every value of the wrong size. Unlike
                PyTorch, which has then written part of the state, the module is unchanged.

        >>> import thalweg as tw
        >>> a, b = tw.nn.Linear(2, 1), tw.nn.Linear(2, 1)
        >>> a.load_state_dict(b.state_dict())
        <All keys matched successfully>
        """
        return load_state_dict(self, state_dict, strict, assign)

    # -- hooks --------------------------------------------------------------------------------------------

    def _own_hooks(self) -> ModuleHooks:
        if self._hooks is None:
            self._hooks = ModuleHooks()
        return self._hooks

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before ``forward``; what it returns, unless None, replaces the arguments.

        With ``with_kwargs`` it is called as ``hook(module, args, kwargs)`` and returns None or (args, kwargs).
        """
        return add_hook(self._own_hooks().forward_pre, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after ``forward``; what it returns, unless None, replaces the output.

        With ``with_kwargs`` it is called as ``hook(module, args, kwargs, output)``; with ``always_call`` also when
        ``forward`` fails.

        >>> import thalweg as tw
        >>> double = tw.nn.Identity()
        >>> handle = double.register_forward_hook(lambda module, args, output: 2 * output)
        >>> double(tw.tensor(3.0))
        tensor(6.)
        """
        return add_hook(self._own_hooks().forward, (hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` when the gradients by the outputs are known; it may return others.

        ``grad_output`` has an entry for each output: its gradient, or None for what needs none.
        """
        return add_hook(self._own_hooks().backward_pre, hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients by the inputs are known.

        ``grad_input`` has an entry for each positional argument, None for those that need no gradient. What the
        hook returns, unless None, replaces it. If no argument needs a gradient the hook is called when those by the
        outputs are known.
        """
        return add_hook(self._own_hooks().backward, hook, prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """``register_full_backward_hook`` under its older name."""
        return self.register_full_backward_hook(hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before this module is written to a ``state_dict``."""
        return add_hook(self._own_hooks().state_dict_pre, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after this module was written to it."""
        return add_hook(self._own_hooks().state_dict_post, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook`` before this module is compared with a ``state_dict``; it may change the entries, in place.

        Its arguments: ``(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs)``; the dictionary is a copy with the entries of the whole network.
        """
        return add_hook(self._own_hooks().load_pre, hook)

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """``register_state_dict_post_hook`` under the name that PyTorch's own layers use."""
        return self.register_state_dict_post_hook(hook)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        """``register_load_state_dict_pre_hook`` for hooks that don't take the module, unless ``with_module``."""
        return self.register_load_state_dict_pre_hook(hook if with_module else _WithoutModule(hook))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after a ``state_dict`` was loaded.

        Unlike PyTorch's it can't forgive keys, since nothing is loaded while some are wrong: a pre-hook can rename,
        add or remove entries instead.
        """
        return add_hook(self._own_hooks().load_post, hook)

    # -- printing -----------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands between the parentheses of the module's ``repr``."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr()
        children = [f"({name}): {_indented(repr(module))}" for name, module in self._modules.items()]
        if not children and "\n" not in extra:
            return f"{self._get_name()}({extra})"
        lines = [*(extra.split("\n") if extra else ()), *children]
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


class _WithoutModule:
    """A hook called without its first argument."""

    def __init__(self, hook: Callable[..., Any]) -> None:
        self.hook = hook

    def __call__(self, module: Module, *args: Any) -> Any:
        return self.hook(*args)


def _indented(text: str) -> str:
    """``text`` with every line but the first moved to the right."""
    return text.replace("\n", "\n  ")


class _Conversion:
    """``Tensor.to`` with given arguments, as a function of the tensor."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any], only_floating: bool) -> None:
        self.args, self.kwargs, self.only_floating = args, kwargs, only_floating

    def __call__(self, x: Tensor) -> Tensor:
        return x.to(*self.args, **self.kwargs) if x.is_floating_point() or not self.only_floating else x


def _replace_value(p: Parameter, fn: Callable[[Tensor], Tensor]) -> None:
    """Give a parameter, and its gradient, another value; the objects stay."""
    with no_grad():
        new = fn(p.data)
        if p.requires_grad and not new.is_floating_point():
            raise DtypeError(
                f"a parameter that requires grad can't become {new.dtype}; call requires_grad_(False) first"
            )
        p.data = new
        if p._grad is not None:
            p._grad.data = fn(p._grad.data)
