"""Weights as a length and a direction, and weights of spectral norm 1, by hooks: PyTorch's older forms.

``parametrizations`` has both as parametrizations.
"""

from __future__ import annotations

from typing import Any

from ...core.modes import no_grad
from ...core.tensor import Tensor
from ...errors import ArgumentError
from ...ops.broadcast import reshape
from ...ops.creation import randn
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


class WeightNorm:
    """The hook that computes the weight before each forward."""

    def __init__(self, name: str, dim: int) -> None:
        self.name, self.dim = name, dim

    def compute_weight(self, module: Module) -> Tensor:
        """The weight from its length and direction."""
        return with_length(getattr(module, f"{self.name}_v"), getattr(module, f"{self.name}_g"), self.dim)

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


class SpectralNorm:
    """The hook that computes the weight before each forward, with power iterations in training."""

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        if n_power_iterations <= 0:
            raise ArgumentError(f"spectral_norm: n_power_iterations must be positive, got {n_power_iterations}")
        self.name, self.dim, self.n_power_iterations, self.eps = name, dim, n_power_iterations, eps

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """The original weight divided by the estimate of its spectral norm."""
        weight = getattr(module, f"{self.name}_orig")
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            power_iterations(matrix, u, v, self.n_power_iterations, self.eps, u_first=False)
            u, v = u.clone(), v.clone()
        divided: Tensor = weight / dot(u, mv(matrix, v))
        return divided

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))


def _hook_of(module: Module, kind: type, name: str) -> int | None:
    """The key of the module's hook of this kind for this tensor."""
    hooks = module._own_hooks().forward_pre
    found: list[tuple[int, Any]] = [(key, hook) for key, (hook, _) in hooks.items() if isinstance(hook, kind)]
    return next((key for key, hook in found if hook.name == name), None)


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Replace a weight by its length ``name_g`` and its direction ``name_v``, both learned; returns the module.

    ``dim`` is the axis along which there is a length each, None for a single one.

    Raises:
        ArgumentError: this weight has such a norm already.

    Reference: Salimans and Kingma (2016), Weight normalization.
    """
    if _hook_of(module, WeightNorm, name) is not None:
        raise ArgumentError(f"weight_norm: {name!r} of this {type(module).__name__} has a weight norm already")
    hook = WeightNorm(name, -1 if dim is None else dim)
    weight = getattr(module, name)
    delattr(module, name)
    module.register_parameter(f"{name}_g", Parameter(lengths(weight.detach(), hook.dim)))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    hook(module, None)
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Undo ``weight_norm``; the weight keeps its present value."""
    key = _hook_of(module, WeightNorm, name)
    if key is None:
        raise ArgumentError(f"remove_weight_norm: {name!r} of this {type(module).__name__} has no weight norm")
    hook = module._own_hooks().forward_pre.pop(key)[0]
    weight = hook.compute_weight(module).detach()  # type: ignore[attr-defined]
    for part in ("", "_g", "_v"):
        delattr(module, name + part)
    setattr(module, name, Parameter(weight))
    return module


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a weight by its largest singular value, estimated by power iterations; returns the module.

    The learned tensor is ``name_orig``; the buffers ``name_u`` and ``name_v`` hold the singular vectors.

    Raises:
        ArgumentError: there is no such parameter, or it has such a norm already.

    Reference: Miyato et al. (2018), Spectral normalization for generative adversarial networks.
    """
    if _hook_of(module, SpectralNorm, name) is not None:
        raise ArgumentError(f"spectral_norm: {name!r} of this {type(module).__name__} has a spectral norm already")
    hook = SpectralNorm(name, n_power_iterations, default_dim(module) if dim is None else dim, eps)
    weight = module._parameters.get(name)
    if weight is None:
        raise ArgumentError(f"spectral_norm: this {type(module).__name__} has no parameter {name!r}")
    rows, columns = as_matrix(weight.detach(), hook.dim)._value.shape
    delattr(module, name)
    module.register_parameter(f"{name}_orig", weight)
    setattr(module, name, weight.detach())
    module.register_buffer(f"{name}_u", random_direction(rows, weight, eps))
    module.register_buffer(f"{name}_v", random_direction(columns, weight, eps))
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Undo ``spectral_norm``; the weight keeps its present value."""
    key = _hook_of(module, SpectralNorm, name)
    if key is None:
        raise ArgumentError(f"remove_spectral_norm: {name!r} of this {type(module).__name__} has no spectral norm")
    hook = module._own_hooks().forward_pre.pop(key)[0]
    weight = hook.compute_weight(module, False).detach()  # type: ignore[attr-defined]
    for part in ("", "_u", "_v", "_orig"):
        delattr(module, name + part)
    module.register_parameter(name, Parameter(weight))
    return module
