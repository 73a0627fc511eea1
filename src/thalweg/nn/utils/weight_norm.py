"""Weights as a length and a direction, and weights of spectral norm 1, in PyTorch's older forms.

The names in the ``state_dict`` tell them from those in ``parametrizations``. The weight is computed when it is read,
by a descriptor in a class that the module gets for it.
"""

from __future__ import annotations

from typing import Any

from ...core.modes import no_grad
from ...core.tensor import Tensor
from ...errors import ArgumentError
from ...ops.broadcast import reshape
from ...ops.drawing import randn
from ...ops.functions import dot, mv, norm
from ...ops.shape import permute
from ..convolution import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..functional.activations import normalize
from ..module import Module
from ..parameter import Parameter

__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]


def lengths(v: Tensor, dim: int) -> Tensor:
    """The 2-norm of ``v`` over all axes but ``dim``, whose size stays; over all if ``dim`` is -1."""
    if dim == -1:
        return norm(v)
    return norm(v, 2, [d for d in range(v._value.ndim) if d != dim], keepdim=True) if v._value.ndim > 1 else v.abs()


def with_length(v: Tensor, g: Tensor, dim: int) -> Tensor:
    """``v`` scaled to the lengths ``g``."""
    return v * (g / lengths(v, dim))


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """``dim`` against all other axes."""
    if dim:
        weight = permute(weight, dims=(dim, *(d for d in range(weight._value.ndim) if d != dim)))
    rows = weight._value.shape[0]
    return reshape(weight, shape=(rows, weight._value.size // max(rows, 1)))


def default_dim(module: Module) -> int:
    """The axis of the outputs in the module's weight."""
    return 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0


@no_grad
def power_iterations(matrix: Tensor, u: Tensor, v: Tensor, times: int, eps: float, u_first: bool) -> None:
    """Bring u and v, in place, nearer to the singular vectors of the largest singular value."""
    for _ in range(times):
        if u_first:
            u.copy_(normalize(mv(matrix, v), dim=0, eps=eps))
        v.copy_(normalize(mv(matrix.T, u), dim=0, eps=eps))
        if not u_first:
            u.copy_(normalize(mv(matrix, v), dim=0, eps=eps))


def random_direction(n: int, like: Tensor, eps: float) -> Tensor:
    """A random unit vector."""
    return normalize(randn(n, dtype=like.dtype), dim=0, eps=eps)


class _Norm:
    """How a weight is computed from what is learned; the descriptor in its place."""

    def __init__(self, name: str) -> None:
        self.name = name

    def compute_weight(self, module: Any) -> Tensor:
        """The weight."""
        raise NotImplementedError

    def __get__(self, module: Any, owner: Any = None) -> Any:
        return self if module is None else self.compute_weight(module)

    def __set__(self, module: Any, value: Any) -> None:
        raise AttributeError(
            f"{type(module).__name__}: {self.name} is computed from other parameters; set these, or remove the norm"
        )


class WeightNorm(_Norm):
    """A direction scaled to a length."""

    def __init__(self, name: str, dim: int) -> None:
        super().__init__(name)
        self.dim = dim

    def compute_weight(self, module: Any) -> Tensor:
        return with_length(getattr(module, f"{self.name}_v"), getattr(module, f"{self.name}_g"), self.dim)


class SpectralNorm(_Norm):
    """A weight divided by the estimate of its spectral norm, which each forward in training makes better."""

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__(name)
        if n_power_iterations <= 0:
            raise ArgumentError(f"spectral_norm: n_power_iterations must be positive, got {n_power_iterations}")
        self.n_power_iterations, self.dim, self.eps = n_power_iterations, dim, eps

    def _parts(self, module: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        weight, u, v = (getattr(module, f"{self.name}_{part}") for part in ("orig", "u", "v"))
        return weight, as_matrix(weight, self.dim), u, v

    def compute_weight(self, module: Any) -> Tensor:
        weight, matrix, u, v = self._parts(module)
        divided: Tensor = weight / dot(u.clone(), mv(matrix, v.clone()))
        return divided

    def __call__(self, module: Module, inputs: Any) -> None:
        """The hook before each forward."""
        if module.training:
            _, matrix, u, v = self._parts(module)
            power_iterations(matrix, u, v, self.n_power_iterations, self.eps, u_first=False)


def _norms(module: Module) -> dict[str, _Norm]:
    """The norms of a module by the names of the weights."""
    return {name: norm for name, norm in vars(type(module)).items() if isinstance(norm, _Norm)}


def _give_class(module: Module, norms: dict[str, _Norm]) -> None:
    """The module's own class with a descriptor for each weight that has a norm."""
    cls = type(module)
    base = cls.__bases__[0] if _norms(module) else cls
    names = {"__module__": base.__module__, "__qualname__": base.__qualname__, "__doc__": base.__doc__}
    module.__class__ = type(base.__name__, (base,), {**names, **norms}) if norms else base


def _check_free(module: Module, norm: _Norm, function: str) -> None:
    if norm.name in _norms(module):
        raise ArgumentError(f"{function}: {norm.name!r} of this {type(module).__name__} has such a norm already")


def _remove(module: Module, name: str, kind: type[_Norm], function: str) -> None:
    """Make the weight a parameter again, with its present value."""
    norms = _norms(module)
    norm = norms.pop(name, None)
    if not isinstance(norm, kind):
        raise ArgumentError(
            f"{function}: {name!r} of this {type(module).__name__} has no {function[7:].replace('_', ' ')}"
        )
    with no_grad():
        weight = norm.compute_weight(module).clone()
    hooks: dict[int, Any] = module._own_hooks().forward_pre
    for key in [key for key, (hook, _) in hooks.items() if hook is norm]:
        del hooks[key]
    for part in ("g", "v", "u", "orig"):
        if f"{name}_{part}" in (*module._parameter_names, *module._buffer_names):
            delattr(module, f"{name}_{part}")
    _give_class(module, norms)
    module.register_parameter(name, Parameter(weight))


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Replace a weight by its length ``name_g`` and its direction ``name_v``, both learned; returns the module.

    ``dim`` is the axis along which there is a length each, None for a single one.

    Raises:
        ArgumentError: this weight has a norm already.

    Reference: Salimans and Kingma (2016), Weight normalization.

    >>> import thalweg as tw
    >>> list(tw.nn.utils.weight_norm(tw.nn.Linear(3, 2)).state_dict())
    ['bias', 'weight_g', 'weight_v']
    """
    norm = WeightNorm(name, -1 if dim is None else dim)
    _check_free(module, norm, "weight_norm")
    weight = getattr(module, name).detach()
    delattr(module, name)
    module.register_parameter(f"{name}_g", Parameter(lengths(weight, norm.dim)))
    module.register_parameter(f"{name}_v", Parameter(weight))
    _give_class(module, {**_norms(module), name: norm})
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Undo ``weight_norm``; the weight keeps its present value."""
    _remove(module, name, WeightNorm, "remove_weight_norm")
    return module


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a weight by its largest singular value, estimated by power iterations; returns the module.

    The learned tensor is ``name_orig``; the buffers ``name_u`` and ``name_v`` hold the singular vectors.

    Raises:
        ArgumentError: there is no such parameter, or it has a norm already.

    Reference: Miyato et al. (2018), Spectral normalization for generative adversarial networks.
    """
    norm = SpectralNorm(name, n_power_iterations, default_dim(module) if dim is None else dim, eps)
    _check_free(module, norm, "spectral_norm")
    weight = module._parameters.get(name)
    if weight is None:
        raise ArgumentError(f"spectral_norm: this {type(module).__name__} has no parameter {name!r}")
    rows, columns = as_matrix(weight.detach(), norm.dim)._value.shape
    delattr(module, name)
    module.register_parameter(f"{name}_orig", weight)
    module.register_buffer(f"{name}_u", random_direction(rows, weight, eps))
    module.register_buffer(f"{name}_v", random_direction(columns, weight, eps))
    module.register_forward_pre_hook(norm)
    _give_class(module, {**_norms(module), name: norm})
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Undo ``spectral_norm``; the weight keeps its present value."""
    _remove(module, name, SpectralNorm, "remove_spectral_norm")
    return module
