"""Parametrizations that come with the library: weight norm, spectral norm and orthogonal matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.modes import no_grad
from ...core.tensor import Tensor, wrap
from ...errors import ArgumentError, ShapeError
from ...ops.drawing import randn
from ...ops.functions import dot, matmul, mv, outer
from ...ops.linalg import transpose_last
from ...ops.matrix_functions import matrix_exp
from ...ops.shaping import cat, narrow, select, stack, tril
from ...ops.solving import solve
from ..functional.activations import normalize
from ..init import orthogonal_factor
from ..module import Module
from .parametrize import register_parametrization
from .weight_norm import as_matrix, default_dim, lengths, power_iterations, random_direction, with_length

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

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


class _Orthogonal(Module):
    """A matrix with orthonormal columns (or rows, if it is wide) made from one without constraints.

    With ``use_trivialization`` it is the product of a fixed orthogonal matrix, ``base``, and of what the map makes;
    assigning moves the base.
    """

    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool = True) -> None:
        super().__init__()
        self.shape = tuple(weight.shape)
        self.orthogonal_map = orthogonal_map
        self.use_trivialization = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        wide = self.shape[0] < self.shape[1]
        tall = transpose_last(x) if wide else x
        q = _householder(tall) if self.orthogonal_map == "householder" else self._from_skew(tall)
        if self.use_trivialization and self.base is not None:
            q = matmul(self.base, q)
        result: Tensor = transpose_last(q) if wide else q
        return result

    def _from_skew(self, x: Tensor) -> Tensor:
        n, k = x._value.shape
        x = tril(x)
        if n != k:
            x = cat([x, wrap(np.zeros((n, n - k), x._value.dtype))], 1)
        skew = x - transpose_last(x)
        if self.orthogonal_map == "matrix_exp":
            q = matrix_exp(skew)
        else:
            eye = wrap(np.eye(n, dtype=x._value.dtype))
            q = solve(eye - skew * 0.5, eye + skew * 0.5)
        return narrow(q, 1, 0, k)

    @no_grad
    def right_inverse(self, value: Tensor) -> Tensor:
        if tuple(value.shape) != self.shape:
            raise ShapeError(f"orthogonal: expects a matrix of shape {self.shape}, got {tuple(value.shape)}")
        wide = self.shape[0] < self.shape[1]
        tall = transpose_last(value.detach()) if wide else value.detach()
        n, k = tall._value.shape
        if not self.use_trivialization:
            if self.orthogonal_map != "householder":
                raise NotImplementedError("orthogonal: only householder can be assigned without use_trivialization")
            reflectors = wrap(_reflectors(tall.numpy()))
            return transpose_last(reflectors) if wide else reflectors
        square = tall if n == k else cat([tall, randn(n, n - k, dtype=value.dtype)], 1)
        self.base = square.clone() if n == k and _is_orthogonal(square) else orthogonal_factor(square)
        return wrap(-np.eye(*self.shape, dtype=value._value.dtype))  # of which every map makes the identity


def _is_orthogonal(q: Tensor) -> bool:
    value = q.numpy()
    eps = 10 * len(value) * np.finfo(value.dtype).eps
    return bool(np.allclose(value.T @ value, np.eye(len(value)), atol=eps))


def _householder(x: Tensor) -> Tensor:
    """The product of the reflections whose vectors stand below the diagonal of x, times the signs on it."""
    n, k = x._value.shape
    vectors = tril(x, -1) + wrap(np.eye(n, k, dtype=x._value.dtype))
    q = wrap(np.eye(n, k, dtype=x._value.dtype))
    for i in reversed(range(k)):
        v = select(vectors, 1, i)
        q = q - outer(v * (2 / dot(v, v)), mv(transpose_last(q), v))
    signs = stack([x.detach()[i, i] for i in range(k)]).int().to(x.dtype)
    return q * signs


def _reflectors(x: np.ndarray[Any, Any]) -> Any:
    """The vectors and signs from which ``_householder`` makes the orthogonal factor of x."""
    raw, tau = np.linalg.qr(x, mode="raw")
    raw = raw.T.copy()
    rows = np.arange(min(raw.shape))
    signs = np.sign(raw[rows, rows])
    raw[rows, rows] = np.where(tau == 0, -signs, signs)
    return raw.astype(x.dtype)


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Parametrize a matrix so that its columns (or rows, if it is wide) remain orthonormal; returns the module.

    Args:
        orthogonal_map: "matrix_exp" or "cayley" (of a skew-symmetric matrix), or "householder" (a product of
            reflections); by default the first for square matrices and the last for others.
        use_trivialization: start from the present matrix, made orthogonal, as a base that the map's result multiplies.

    Raises:
        ArgumentError: there is no such tensor, it is no matrix, or the map is unknown.

    Reference: Lezcano-Casado (2019), Trivializations for gradient-based optimization on manifolds.

    >>> import thalweg as tw
    >>> layer = tw.nn.utils.parametrizations.orthogonal(tw.nn.Linear(3, 3))
    >>> tw.allclose(layer.weight.T @ layer.weight, tw.eye(3), atol=1e-5)
    True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ArgumentError(f"orthogonal: this {type(module).__name__} has no parameter or buffer {name!r}")
    if weight._value.ndim != 2:
        raise ArgumentError(f"orthogonal: {name!r} must be a matrix, it has shape {tuple(weight.shape)}")
    square = weight._value.shape[0] == weight._value.shape[1]
    chosen = orthogonal_map or ("matrix_exp" if square else "householder")
    if chosen not in ("matrix_exp", "cayley", "householder"):
        raise ArgumentError(f"orthogonal: orthogonal_map must be matrix_exp, cayley or householder, not {chosen!r}")
    register_parametrization(module, name, _Orthogonal(weight, chosen, use_trivialization), unsafe=True)
    return module
