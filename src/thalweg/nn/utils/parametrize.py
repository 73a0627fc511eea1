"""Parametrizations: tensors of a module that are computed from others, anew at each access.

``register_parametrization(layer, "weight", Symmetric())`` makes ``layer.weight`` the output of ``Symmetric()`` for the
tensor that is learned, ``layer.parametrizations.weight.original``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...core.modes import no_grad
from ...core.tensor import Tensor
from ...errors import ArgumentError, DtypeError, ShapeError
from ..containers import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

_caches: list[dict[tuple[int, str], Tensor]] = []  # one for each ``cached`` that is open


@contextmanager
def cached() -> Iterator[None]:
    """Within it each parametrized tensor is computed once and kept until the end."""
    outermost = not _caches
    _caches.append({} if outermost else _caches[0])
    try:
        yield
    finally:
        _caches.pop()


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, one after the other, and the tensors that the first is applied to.

    These are ``original``, or ``original0``, ``original1``, ... if a ``right_inverse`` gave several.
    """

    original: Tensor

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ArgumentError("ParametrizationList: needs at least one module")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        with no_grad():
            new = self._inverted(original, strict=False)
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            _check_dtype("right_inverse", new, dtype)
            _take_over(original, new)
            _register(self, "original", original)
        else:
            for i, part in enumerate(new):
                _register(self, f"original{i}", _like(part, original))
        if not unsafe:
            _check(self(), shape, dtype)

    def _inverted(self, value: Any, strict: bool) -> Any:
        for module in reversed(list(self)):
            if hasattr(module, "right_inverse"):
                try:
                    value = module.right_inverse(value)
                except NotImplementedError:
                    if strict:
                        raise
            elif strict:
                raise ArgumentError(
                    f"parametrization: {type(module).__name__} has no right_inverse, so the tensor can't be assigned"
                )
        return value

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the parametrized tensor becomes ``value``, as far as it can.

        Raises:
            ArgumentError: a parametrization has no ``right_inverse``, or it gives another number of tensors.
        """
        with no_grad():
            new = self._inverted(value, strict=True)
            parts = [new] if self.is_tensor else list(new)
            if len(parts) != self.ntensors:
                raise ArgumentError(f"parametrization: right_inverse gave {len(parts)} tensors, not {self.ntensors}")
            for old, part in zip(self._originals(), parts, strict=True):
                _check_dtype("right_inverse", part, old.dtype)
                _take_over(old, part)

    def _originals(self) -> list[Tensor]:
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def forward(self) -> Tensor:
        """The parametrized tensor."""
        first, *rest = self
        x = first(*self._originals())
        for module in rest:
            x = module(x)
        result: Tensor = x
        return result


def _like(part: Tensor, original: Tensor) -> Tensor:
    """A parameter if ``original`` is one, else a tensor that requires a gradient as it does."""
    if isinstance(original, Parameter):
        return Parameter(part.detach().clone(), requires_grad=original.requires_grad)
    return part.detach().clone().requires_grad_(original.requires_grad)


def _take_over(old: Tensor, new: Tensor) -> None:
    """Give ``old``, which stays the same object, the value of ``new``."""
    if old is not new:
        old.data = new.detach().clone()


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _check_dtype(what: str, new: Tensor, dtype: Any) -> None:
    if new.dtype is not dtype:
        raise DtypeError(f"parametrization: {what} must not change the dtype; it made {new.dtype} of {dtype}")


def _check(result: Any, shape: Any, dtype: Any) -> None:
    """A parametrization keeps the kind, the shape and the dtype of what it stands for."""
    if not isinstance(result, Tensor):
        raise ArgumentError(f"parametrization: it must return a tensor, not {type(result).__name__}")
    _check_dtype("forward", result, dtype)
    if result.shape != shape:
        raise ShapeError(
            f"parametrization: it must not change the shape {tuple(shape)} to {tuple(result.shape)}, unless unsafe=True"
        )


# -- the property -----------------------------------------------------------------------------------------


class _Parametrized:
    """The descriptor that stands in the class of a module for a parametrized tensor."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, module: Any, owner: Any = None) -> Any:
        if module is None:
            return self
        parametrization = module.__dict__["parametrizations"][self.name]
        if not _caches:
            return parametrization()
        key = (id(module), self.name)
        if key not in _caches[0]:
            _caches[0][key] = parametrization()
        return _caches[0][key]

    def __set__(self, module: Any, value: Tensor) -> None:
        module.__dict__["parametrizations"][self.name].right_inverse(value)


def _known(module: Module) -> ModuleDict:
    """The parametrizations of a parametrized module."""
    known: ModuleDict = module.__dict__["parametrizations"]
    return known


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Let ``parametrization`` compute the parameter or buffer ``tensor_name`` of a module; returns the module.

    Its ``forward`` maps the learned tensor to the parametrized one; its ``right_inverse``, if there is one, is used
    when the tensor is assigned, and on registering. Several parametrizations of one tensor follow one another.

    Raises:
        ArgumentError: the module has no such tensor.
        ShapeError, DtypeError: shape or dtype change in spite of ``unsafe`` being False.

    >>> import thalweg as tw
    >>> class Symmetric(tw.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> layer = tw.nn.Linear(2, 2)
    >>> layer = tw.nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all())
    True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        _append(module, tensor_name, parametrization, unsafe)
        return module
    own = module._parameters if tensor_name in module._parameters else module._buffers
    original = own.get(tensor_name)
    if original is None:
        raise ArgumentError(
            f"register_parametrization: {type(module).__name__} has no parameter or buffer {tensor_name!r}"
        )
    parametrizations = ParametrizationList([parametrization], original, unsafe=unsafe)
    delattr(module, tensor_name)
    base = type_before_parametrizations(module)
    if not is_parametrized(module):
        module.add_module("parametrizations", ModuleDict())
    _known(module)[tensor_name] = parametrizations
    _give_class(module, base)
    return module


def _give_class(module: Module, base: type) -> None:
    """A class of the module's own, below ``base``, with a descriptor for each parametrized tensor.

    Copies of a module share its class, so that the old one stays as it is.
    """
    descriptors = {name: _Parametrized(name) for name in _known(module)}
    namespace: dict[str, Any] = {"__module__": base.__module__, **descriptors}
    module.__class__ = type(f"Parametrized{base.__name__}", (base,), namespace) if descriptors else base


def _append(module: Module, name: str, parametrization: Module, unsafe: bool) -> None:
    """One parametrization more, behind those that are there."""
    current = getattr(module, name)
    known: Any = _known(module)[name]
    if not unsafe:
        _check(parametrization(current), current.shape, current.dtype)
        if hasattr(parametrization, "right_inverse"):
            _check(parametrization.right_inverse(current), current.shape, current.dtype)
    known.append(parametrization)
    known.unsafe = known.unsafe or unsafe


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a tensor of the module, or any, is parametrized."""
    parametrizations = module.__dict__.get("parametrizations")
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make ``tensor_name`` an ordinary parameter or buffer again: with its present value, or the original one.

    Raises:
        ArgumentError: it is not parametrized, or there are several originals and ``leave_parametrized`` is False.
    """
    if not is_parametrized(module, tensor_name):
        raise ArgumentError(f"remove_parametrizations: {type(module).__name__} has no parametrization {tensor_name!r}")
    known: Any = _known(module)[tensor_name]
    if leave_parametrized:
        with no_grad():
            value = getattr(module, tensor_name)
        if known.is_tensor:
            original = known.original
            _take_over(original, value)
        else:
            trained = known.original0.requires_grad
            original = Parameter(value.detach().clone()) if trained else value.detach().clone()
    elif known.is_tensor:
        original = known.original
    else:
        raise ArgumentError(
            "remove_parametrizations: a tensor made of several can only be left parametrized (leave_parametrized=True)"
        )
    base = type_before_parametrizations(module)
    del _known(module)[tensor_name]
    _give_class(module, base)
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class of the module as it was before parametrizations."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give ``to_module`` the parametrizations of another module, and the tensors behind them; returns it.

    Only those of ``tensor_name``, if one is given.

    Raises:
        ArgumentError: ``from_module`` has no parametrizations.
    """
    if not is_parametrized(from_module, tensor_name):
        raise ArgumentError(f"transfer_parametrizations: {type(from_module).__name__} has no such parametrization")
    for name in [tensor_name] if tensor_name is not None else list(_known(from_module)):
        known: Any = _known(from_module)[name]
        for parametrization in known:
            register_parametrization(to_module, name, parametrization, unsafe=True)
        theirs: Any = _known(to_module)[name]
        for part in ["original"] if known.is_tensor else [f"original{i}" for i in range(known.ntensors)]:
            setattr(theirs, part, getattr(known, part))
    return to_module
