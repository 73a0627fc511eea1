"""Parametrizations that come with the library: weight norm and spectral norm."""

from __future__ import annotations

from typing import Any

from ...core.tensor import Tensor
from ...errors import ArgumentError
from ...ops.functions import dot, mv
from ..functional.activations import normalize
from ..module import Module
from .parametrize import register_parametrization
from .weight_norm import as_matrix, default_dim, lengths, power_iterations, random_direction, with_length

__all__ = ["spectral_norm", "weight_norm"]

FIRST_ITERATIONS = 15


class _WeightNorm(Module):
    """A direction scaled to a length: the originals are the length (0) and the direction (1)."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return with_length(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return lengths(weight, self.dim), weight


class _OldNames:
    """Renames the entries that ``nn.utils.weight_norm`` writes, when they are loaded."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, module: Module, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        old = [f"{prefix}{self.name}_g", f"{prefix}{self.name}_v"]
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{self.name}.original{i}"] = state_dict.pop(key)


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Parametrize a weight by its length and its direction; returns the module.

    weight = g v / |v|, with g = ``parametrizations.weight.original0`` and v = ``original1``; the norm is taken over
    all axes but ``dim``, or over all if it is None.

    Reference: Salimans and Kingma (2016), Weight normalization.

    >>> import thalweg as tw
    >>> layer = tw.nn.utils.parametrizations.weight_norm(tw.nn.Linear(20, 40))
    >>> layer.parametrizations.weight.original0.shape
    thalweg.Size([40, 1])
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module.register_load_state_dict_pre_hook(_OldNames(name))
    return module


class _SpectralNorm(Module):
    """The weight divided by its largest singular value; a vector by its length."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        ndim = weight._value.ndim
        if not -ndim <= dim < ndim:
            raise IndexError(f"spectral_norm: dim {dim} is out of range for a weight of {ndim} dimensions")
        if n_power_iterations <= 0:
            raise ArgumentError(f"spectral_norm: n_power_iterations must be positive, got {n_power_iterations}")
        self.dim = dim % ndim
        self.eps = eps
        self.n_power_iterations = n_power_iterations
        if ndim > 1:
            matrix = as_matrix(weight.detach(), self.dim)
            self.register_buffer("_u", random_direction(matrix._value.shape[0], weight, eps))
            self.register_buffer("_v", random_direction(matrix._value.shape[1], weight, eps))
            power_iterations(matrix, self._u, self._v, FIRST_ITERATIONS, eps, u_first=True)

    def forward(self, weight: Tensor) -> Tensor:
        if weight._value.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            power_iterations(matrix, self._u, self._v, self.n_power_iterations, self.eps, u_first=True)
        divided: Tensor = weight / dot(self._u.clone(), mv(matrix, self._v.clone()))
        return divided

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a weight by its largest singular value, estimated by power iterations in training; returns the module.

    ``dim`` is the axis of the outputs, by default 0, or 1 for transposed convolutions.

    Raises:
        ArgumentError: the module has no such tensor.

    Reference: Miyato et al. (2018), Spectral normalization for generative adversarial networks.

    >>> import thalweg as tw
    >>> layer = tw.nn.utils.parametrizations.spectral_norm(tw.nn.Linear(3, 2))
    >>> list(layer.state_dict())[1:]
    ['parametrizations.weight.original', 'parametrizations.weight.0._u', 'parametrizations.weight.0._v']
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ArgumentError(f"spectral_norm: this {type(module).__name__} has no parameter or buffer {name!r}")
    axis = default_dim(module) if dim is None else dim
    register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, axis, eps))
    return module
